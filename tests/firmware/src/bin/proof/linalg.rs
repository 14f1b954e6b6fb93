//! Dense kernels.

use nanocurv::Real;
use nanocurv::error::LinalgError;
use nanocurv::linalg::*;

pub fn functions<T: Real>() {
    keep!(
        dot::<T>,
        axpy::<T>,
        gemm::<T>,
        gemm_tn::<T>,
        gemm_nt::<T>,
        gemm_hadamard::<T>,
        syrk_tn::<T>,
        syrk_nt::<T>,
        hadamard_of_grams::<T, LinalgError>,
        hadamard_of_grams_scratch,
    );
    keep!(
        ldlt::<T>,
        ldlt_solve::<T>,
        ldlt_solve_right::<T>,
        Stacked::<T>::len,
        Stacked::<T>::new,
        Stacked::<T>::a,
        Stacked::<T>::b,
        Stacked::<T>::solve,
        ldlt_inverse::<T>,
        ldlt_inverse_scratch,
        ldlt_logdet::<T>,
        solve_lower::<T>,
        solve_lower_right::<T>,
        solve_lower_transpose::<T>,
        solve_lower_transpose_right::<T>,
    );
    keep!(
        lu::<T>,
        lu_solve::<T>,
        lu_solve_transpose::<T>,
        lu_solve_right::<T>,
        lu_solve_right_transpose::<T>,
        check_symmetric::<T>,
        lu_log_determinant::<T>,
        eigh::<T>,
        jacobi_eigh::<T>,
        eigh_scratch,
        svd_left::<T>,
        numerical_rank::<T>,
    );
}
