//! Kernels over run-time sized, column-major slice views.
pub mod eigen;
#[cfg(feature = "std")]
pub mod library;
pub mod lu;
mod rotation;
#[cfg(feature = "std")]
mod tridiagonal;

pub use eigen::{EighInfo, JACOBI_LIMIT, eigh, eigh_scratch, jacobi_eigh};
pub use lu::{lu, lu_log_determinant, lu_solve, lu_solve_transpose};
