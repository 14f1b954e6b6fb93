//! Kronecker algebra on `SMatrix`.

use nanocurv::Real;
use nanocurv::fixed::kron::*;
use nanocurv::kron::{Damped, KronLdlt, KronLu};

pub fn functions<T: Real>() {
    keep!(
        apply::<T, 3, 2, 5, 4, 100>,
        apply_transpose::<T, 3, 2, 5, 4, 100>,
        sum::erased::<T, 3, 2, 5, 4, 2>,
        sum::apply::<T, 3, 2, 5, 4, 2, 100>,
        sum::apply_transpose::<T, 3, 2, 5, 4, 2, 100>,
        sum::trace::<T, 3, 5, 2>,
        sum::frobenius::<T, 3, 2, 5, 4, 2>,
        sum::dense::<T, 3, 2, 5, 4, 2, 15, 8>,
        sum::diagonal::<T, 3, 5, 2, 15>,
        product::apply::<T, 3, 2, 5, 4, 2, 3, 30, 24, 2, 200>,
        product::apply_transpose::<T, 3, 2, 5, 4, 2, 3, 30, 24, 2, 200>,
        trace::<T, 3, 5>,
        frobenius::<T, 3, 2, 5, 4>,
        log_determinant::<T, 3, 5, 5, 100>,
        nearest::<T, 15, 8, 3, 2, 5, 4, 2, 100>,
        residual::<T, 15, 8, 3, 2, 5, 4, 2>,
        project_positive::<T, 5, 200>,
    );
    keep!(
        lu::<T, 3, 5, 100, 100>,
        ldlt::<T, 3, 5, 100>,
        damped::<T, 3, 5, 200, 200>,
        Factors::<KronLu<T>, 3, 5>::erased,
        Factors::<KronLu<T>, 3, 5>::solve,
        Factors::<KronLu<T>, 3, 5>::solve_transpose,
        Factors::<KronLu<T>, 3, 5>::log_determinant,
        Factors::<KronLdlt<T>, 3, 5>::solve,
        Factors::<KronLdlt<T>, 3, 5>::log_determinant,
        Factors::<Damped<T>, 3, 5>::solve_damped::<200>,
        Factors::<Damped<T>, 3, 5>::power::<200>,
        Factors::<Damped<T>, 3, 5>::log_determinant,
    );
    keep!(
        SketchFit::<T, 3, 5, 2, 4>::new::<300>,
        SketchFit::<T, 3, 5, 2, 4>::erased,
        SketchFit::<T, 3, 5, 2, 4>::set_parameters::<68>,
        SketchFit::<T, 3, 5, 2, 4>::terms,
        SketchFit::<T, 3, 5, 2, 4>::step::<15, 300>,
        SketchFit::<T, 3, 5, 2, 4>::step_sum::<2, 300>,
    );
}
