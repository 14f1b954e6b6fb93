//! Kernels over run-time sized, column-major slice views.
#[cfg(feature = "std")]
pub mod library;
