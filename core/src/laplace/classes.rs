//! From the distribution of the outputs to that of the classes.
//!
//! ```text
//! probit    p = softmax(f_o / sqrt(1 + pi/8 cov_oo)),   bce: sigmoid of the same
//! draws     p = mean over S draws of softmax(f + L e),  L L^T = cov, e ~ N(0, I)
//! ```
//! MacKay (1992), "The evidence framework applied to classification networks", for the probit.

use super::error::LaplaceError;
use crate::error::{NonFiniteError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::network::Loss;
use crate::network::loss::{sigmoid, softmax};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The probabilities of one sample's classes by the probit approximation: softmax for
/// cross-entropy, a sigmoid an output for bce; for the squared error the mean itself.
///
/// `mean`, `to`: O values; `covariance`: O x O.
///
/// # Errors
/// [`LaplaceError::Shape`] if the sizes do not fit together.
pub fn probit<T: Real>(
    loss: Loss,
    mean: &[T],
    covariance: Mat<'_, T>,
    to: &mut [T],
) -> Result<(), LaplaceError> {
    check(mean, covariance, to)?;
    if loss == Loss::Mse {
        to.iter_mut().zip(mean).for_each(|(to, f)| *to = *f);
        return Ok(());
    }
    let eighth = T::of(core::f64::consts::FRAC_PI_8);
    let moderated = |(f, v): (&T, &T)| *f / (T::ONE + eighth * *v).sqrt();
    let logits = mean.iter().zip(covariance.diagonal()).map(moderated);
    to.iter_mut().zip(logits).for_each(|(to, z)| *to = z);
    match loss {
        Loss::Bce => to.iter_mut().for_each(|p| *p = sigmoid(*p)),
        _ => softmax_in_place(to),
    }
    Ok(())
}

fn check<T: Real>(mean: &[T], covariance: Mat<'_, T>, to: &[T]) -> Result<(), LaplaceError> {
    covariance.check(("covariance rows", "covariance columns"), mean.len(), mean.len())?;
    Ok(ShapeError::check("results", mean.len(), to.len())?)
}

fn softmax_in_place<T: Real>(z: &mut [T]) {
    let top = z.iter().fold(-T::MAX, |top, z| top.max(*z));
    z.iter_mut().for_each(|z| *z = (*z - top).exp());
    let sum = z.iter().fold(T::ZERO, |sum, z| sum + *z);
    z.iter_mut().for_each(|z| *z /= sum);
}

/// The lower triangular L of `cov = L L^T`, in place, the upper triangle zero. Directions whose
/// variance is none, or rounding of their own, are columns of zeros.
///
/// # Errors
/// [`LaplaceError::Shape`] unless the covariance is square, [`LaplaceError::NonFinite`].
pub fn covariance_root<T: Real>(mut covariance: MatMut<'_, T>) -> Result<(), LaplaceError> {
    let n = covariance.rows();
    ShapeError::check("covariance columns", n, covariance.cols())?;
    NonFiniteError::check_matrix("covariance", covariance.as_ref())?;
    let rounding = T::EPSILON * T::from_usize(n);
    for k in 0..n {
        // The variance of output k is what the columns before have explained, and the pivot.
        let pivot = covariance.at(k, k);
        let explained = (0..k).fold(T::ZERO, |sum, j| sum + covariance.at(k, j).squared());
        let kept = pivot > rounding * (explained + pivot);
        let root = if kept { pivot.sqrt() } else { T::ONE };
        for (i, v) in covariance.col(k).iter_mut().enumerate() {
            *v = if i >= k && kept { *v / root } else { T::ZERO };
        }
        let (done, mut rest) = covariance.reborrow().split_at_col(k + 1);
        let done = done.into_ref();
        let column = done.col(k);
        for (j, to) in rest.columns().enumerate() {
            let factor = column.get(k + 1 + j).copied().unwrap_or(T::ZERO);
            to.iter_mut().zip(column).skip(k + 1 + j).for_each(|(to, l)| *to -= factor * *l);
        }
    }
    Ok(())
}

/// A draw of the outputs, `f + L e`, of one sample; `root` from [`covariance_root`].
///
/// # Errors
/// [`LaplaceError::Shape`] if the sizes do not fit together.
pub fn sample_outputs<T: Real>(
    mean: &[T],
    root: Mat<'_, T>,
    rng: &mut Rng,
    to: &mut [T],
) -> Result<(), LaplaceError> {
    check(mean, root, to)?;
    to.iter_mut().zip(mean).for_each(|(to, f)| *to = *f);
    for column in root.columns() {
        let e = rng.normal::<T>();
        to.iter_mut().zip(column).for_each(|(to, l)| *to += *l * e);
    }
    Ok(())
}

/// Scratch of [`probabilities_by_draws`] for `outputs` outputs.
pub const fn probabilities_by_draws_scratch(outputs: usize) -> usize {
    2 * outputs
}

/// The mean of the probabilities over `draws` draws of the outputs; `root` from
/// [`covariance_root`], `scratch`: [`probabilities_by_draws_scratch`].
///
/// # Errors
/// [`LaplaceError::Draws`] for none; sizes or a scratch that do not fit.
pub fn probabilities_by_draws<T: Real>(
    loss: Loss,
    mean: &[T],
    root: Mat<'_, T>,
    draws: u32,
    rng: &mut Rng,
    to: &mut [T],
    scratch: &mut [T],
) -> Result<(), LaplaceError> {
    check(mean, root, to)?;
    if draws == 0 {
        return Err(LaplaceError::Draws);
    }
    let mut scratch = Scratch::new(scratch, probabilities_by_draws_scratch(mean.len()))?;
    let (f, p) = (scratch.take(mean.len())?, scratch.take(mean.len())?);
    to.fill(T::ZERO);
    for _ in 0..draws {
        sample_outputs(mean, root, rng, f)?;
        match loss {
            Loss::Mse => p.iter_mut().zip(&*f).for_each(|(p, f)| *p = *f),
            Loss::Bce => p.iter_mut().zip(&*f).for_each(|(p, f)| *p = sigmoid(*f)),
            Loss::CrossEntropy => softmax(f, p),
        }
        to.iter_mut().zip(&*p).for_each(|(to, p)| *to += *p);
    }
    let share = T::ONE / T::from_usize(draws as usize);
    to.iter_mut().for_each(|p| *p *= share);
    Ok(())
}
