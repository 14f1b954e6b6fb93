//! Matrices of a test's data, whose size it knows.

use nanocurv::{Mat, MatMut, Real};

/// `data` as `rows x cols`, columns one after the other.
///
/// # Panics
/// If it does not hold exactly as many values.
#[track_caller]
pub fn mat<T: Real>(data: &[T], rows: usize, cols: usize) -> Mat<'_, T> {
    Mat::new("data", data, rows, cols).unwrap()
}

/// [`mat`], to write to.
///
/// # Panics
/// If it does not hold exactly as many values.
#[track_caller]
pub fn mat_mut<T: Real>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::new("data", data, rows, cols).unwrap()
}
