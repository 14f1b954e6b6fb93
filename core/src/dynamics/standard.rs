//! Features in units of their deviation.
//!
//! ```text
//! mean_i = 1/n sum_j x_ij,   deviation_i^2 = 1/n sum_j (x_ij - mean_i)^2   (of all, not n - 1)
//! x_ij := (x_ij - mean_i) / deviation_i
//! ```
//! Test data go through the training set's numbers. Standardising decides the singular values: it
//! undoes a spectrum that was given to the columns, and a teacher is no longer the one of the data.

use super::DynamicsError;
use crate::error::ShapeError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;

/// Writes mean and deviation of every feature of `x` (`d x n`).
///
/// # Errors
/// Wrong lengths, no samples, a feature that does not vary.
pub fn feature_scales<T: Real>(
    x: Mat<'_, T>,
    mean: &mut [T],
    deviation: &mut [T],
) -> Result<(), DynamicsError> {
    ShapeError::check("mean", x.rows(), mean.len())?;
    ShapeError::check("deviation", x.rows(), deviation.len())?;
    if x.cols() == 0 {
        return Err(DynamicsError::Empty { what: "x" });
    }
    let each = T::ONE / T::from_usize(x.cols());
    mean.fill(T::ZERO);
    deviation.fill(T::ZERO);
    for sample in x.columns() {
        mean.iter_mut().zip(sample).for_each(|(mean, x)| *mean += *x);
    }
    mean.iter_mut().for_each(|mean| *mean *= each);
    for sample in x.columns() {
        let parts = deviation.iter_mut().zip(sample).zip(mean.iter());
        parts.for_each(|((sum, x), mean)| *sum += (*x - *mean).squared());
    }
    deviation.iter_mut().for_each(|sum| *sum = (*sum * each).sqrt());
    // Of a constant, rounding may leave a little.
    let varies = |(mean, deviation): (&T, &T)| *deviation > T::EPSILON * mean.abs();
    match mean.iter().zip(deviation.iter()).all(varies) {
        true => Ok(()),
        false => Err(DynamicsError::Domain { needed: "features that vary" }),
    }
}

/// `x_ij := (x_ij - mean_i) / deviation_i` for `x` (`d x n`).
///
/// # Errors
/// Wrong lengths.
pub fn standardize<T: Real>(
    mut x: MatMut<'_, T>,
    mean: &[T],
    deviation: &[T],
) -> Result<(), ShapeError> {
    ShapeError::check("mean", x.rows(), mean.len())?;
    ShapeError::check("deviation", x.rows(), deviation.len())?;
    for sample in x.columns() {
        let scales = mean.iter().zip(deviation);
        sample.iter_mut().zip(scales).for_each(|(x, (mean, d))| *x = (*x - *mean) / *d);
    }
    Ok(())
}
