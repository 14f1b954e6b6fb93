//! The K-FAC family.

mod typed;

use nanocurv::Real;
use nanocurv::kfac::*;

pub fn functions<T: Real>() {
    typed::functions::<T>();
    keep!(
        MovingAverage::<T>::new,
        MovingAverage::<T>::update,
        MovingAverage::<T>::check,
        Shares::<T>::mix,
        Shares::<T>::mix_symmetric,
        Split::<T>::new,
    );
    keep!(
        diagonal_factor_scratch,
        diagonal_factor::<T>,
        naive_diagonal::<T>,
        accumulate_diagonal_scratch,
        accumulate_diagonal::<T>,
        Diagonal::<T>::new,
        Diagonal::<T>::apply,
        Diagonal::<T>::solve,
        Diagonal::<T>::power,
    );
    keep!(
        eigen_len,
        eigen_scratch,
        exact_scratch,
        Kronecker::<T>::eigen,
        Eigen::<T>::input,
        Eigen::<T>::output,
        Eigen::<T>::power,
        Eigen::<T>::solve,
        Kronecker::<T>::power,
        Kronecker::<T>::solve_exact,
    );
    keep!(
        ekfac_len,
        ekfac_bases_scratch,
        ekfac_bases::<T>,
        ekfac_correct_scratch,
        ekfac_correct::<T>,
        ekfac_scratch,
        Ekfac::<T>::new,
        Ekfac::<T>::layers,
        Ekfac::<T>::apply,
        Ekfac::<T>::solve,
        Ekfac::<T>::power,
    );
    keep!(
        factors_len,
        input_factor::<T>,
        output_factor::<T>,
        Place::rows,
        Place::cols,
        Place::params,
        factors_apply_scratch,
        Factors::<T>::new,
        Factors::<T>::with_bias,
        Factors::<T>::layers,
        Factors::<T>::layer,
        Factors::<T>::blocks,
        Factors::<T>::apply,
        Factors::<T>::check_finite,
    );
    keep!(
        full_factor_scratch,
        full_factor::<T>,
        naive_full::<T>,
        full_apply_scratch,
        full_solve_scratch,
        full_power_scratch,
        Full::<T>::new,
        Full::<T>::checked,
        Full::<T>::apply,
        Full::<T>::solve,
        Full::<T>::power,
    );
    keep!(
        apply_scratch,
        solve_scratch,
        root_scratch,
        factored_len,
        Kronecker::<T>::new,
        Kronecker::<T>::with_renorm,
        Kronecker::<T>::checked,
        Kronecker::<T>::input,
        Kronecker::<T>::output,
        Kronecker::<T>::renorm,
        Kronecker::<T>::split,
        Kronecker::<T>::apply,
        Kronecker::<T>::apply_exact,
        Kronecker::<T>::solve,
        Kronecker::<T>::root,
        Kronecker::<T>::factor,
        FactoredBlock::<T>::solve,
        FactoredBlock::<T>::logdet,
    );
    keep!(
        preconditioner_len,
        precondition_scratch,
        Factors::<T>::preconditioner,
        Preconditioner::<T>::new,
        Preconditioner::<T>::layers,
        Eigenfactors::<T>::new,
        Eigenfactors::<T>::layers,
        Preconditioner::<T>::precondition,
        eigenfactors_len,
        eigenfactors_scratch,
        Factors::<T>::eigen,
        Eigenfactors::<T>::solve,
        Eigenfactors::<T>::power,
    );
    keep!(
        series_covariances::<T>,
        series_len,
        series_factor_scratch,
        series_solve_scratch,
        series_scratch,
        Series::<T>::new,
        Series::<T>::independent,
        Series::<T>::split,
        Series::<T>::factor,
        Series::<T>::solve,
        FactoredSeries::<T>::solve,
        sum_over_steps::<T>,
    );
    keep!(
        adam_len,
        Adam::<T>::new,
        Adam::<T>::moments,
        Adam::<T>::step,
        Sgd::<T>::new,
        Sgd::<T>::velocity,
        Sgd::<T>::step,
        Settings::<T>::standard,
        Progress::<T>::start,
        optimizer_len,
        optimizer_scratch,
        Schedule::<T>::standard,
        Schedule::<T>::due,
        Schedule::<T>::adapt,
        natural_gradient_scratch,
        natural_gradient::<T>,
        Fisher::reborrow,
    );
    optimizer::<T, Factored>();
    optimizer::<T, Exact>();
    optimizer::<T, Corrected>();
    keep!(
        Weights::<T>::batch,
        Weights::<T>::averaged,
        accumulate_scratch,
        accumulate::<T>,
        gradient::<T>,
    );
}

fn optimizer<T: Real, R: Representation>() {
    keep!(
        Optimizer::<T, R>::new,
        Optimizer::<T, R>::factors,
        Optimizer::<T, R>::update,
        Optimizer::<T, R>::step,
    );
}
