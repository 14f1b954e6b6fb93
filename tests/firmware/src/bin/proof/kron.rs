//! Kronecker algebra.

use nanocurv::kron::*;
use nanocurv::{Mat, Real};

pub fn functions<T: Real>() {
    keep!(
        new::<T>,
        Kron::<T>::rows,
        Kron::<T>::cols,
        apply_scratch,
        Kron::<T>::apply,
        Kron::<T>::apply_transpose,
        Kron::<T>::apply_matrix,
        Kron::<T>::trace,
        Kron::<T>::frobenius,
        Kron::<T>::log_determinant,
        info::log_determinant_scratch,
        info::LogDeterminant::<T>::determinant,
    );
    keep!(
        damped::memory,
        damped::new_scratch,
        damped::power_scratch,
        Damped::<T>::new,
        Damped::<T>::left,
        Damped::<T>::right,
        Damped::<T>::solve,
        Damped::<T>::power,
        Damped::<T>::power_matrix,
        Damped::<T>::log_determinant,
        dense::dense::<T>,
        dense::diagonal::<T>,
    );
    keep!(
        fit::FitShape::parameters,
        fit::FitShape::memory,
        fit::FitShape::scratch,
        fit::expected_loss::<T>,
        fit::SketchFit::<T>::new,
        fit::SketchFit::<T>::parameters,
        fit::SketchFit::<T>::set_parameters,
        fit::SketchFit::<T>::factors,
        fit::SketchFit::<T>::step,
    );
    keep!(
        nearest_scratch,
        nearest::<T>,
        nearest::residual::<T>,
        project_positive_scratch,
        project_positive::<T>,
        product::shape::<T>,
        product::scratch,
        product::apply::<T>,
        product::apply_transpose::<T>,
        sum::shape::<T>,
        sum::scratch::<T>,
        sum::apply::<T>,
        sum::trace::<T>,
        sum::frobenius::<T>,
    );
    keep!(
        solve::memory,
        solve::pivots,
        KronLu::<T>::new,
        KronLu::<T>::solve,
        KronLu::<T>::solve_matrix,
        KronLu::<T>::solve_transpose,
        KronLu::<T>::solve_transpose_matrix,
        KronLu::<T>::log_determinant,
        KronLdlt::<T>::new,
        KronLdlt::<T>::solve,
        KronLdlt::<T>::solve_matrix,
        KronLdlt::<T>::log_determinant,
    );
}

/// A function that converts its arguments has no address of its own.
fn new<'a, T: Real>(left: Mat<'a, T>, right: Mat<'a, T>) -> Kron<'a, T> {
    Kron::new(left, right)
}
