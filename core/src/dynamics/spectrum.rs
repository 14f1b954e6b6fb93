//! The singular values of a Jacobian and the share of each layer, from N x N Grams only.
//!
//! ```text
//! J J^T = sum_l K_l   (the layer components of the tangent kernel),   J J^T q = sigma^2 q
//! share of layer l in the right singular vector  v = J^T q / sigma:   |v_l| = sqrt(q^T K_l q) / sigma
//! two linear layers:   K_1 = |w2|^2 X X^T,   K_2 = X W1^T W1 X^T
//! ```
//! The squares of the shares sum to 1. The `N x P` Jacobian and its `P x P` right singular vectors
//! are never formed. Singular vectors of a zero singular value are arbitrary, so the result stops at
//! the numerical rank: eigenvalues above `N EPSILON` times the largest. A Gram squares its matrix,
//! which leaves singular values above `sqrt(N EPSILON)` times the largest (4e-8 for N = 10 in f64).
//!
//! Cost: the eigendecomposition of one N x N matrix, and `L N^2` multiply-adds for each vector.

use super::DynamicsError;
use super::train::two_layer_params;
use crate::error::ShapeError;
use crate::linalg::{dot, eigh, eigh_scratch, gemm_tn, reverse, syrk_tn};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The scratch of [`jacobian_spectrum`] for `n` rows of the Jacobian.
pub const fn jacobian_spectrum_scratch(n: usize) -> usize {
    2 * n * n + eigh_scratch(n)
}

/// Writes the singular values (`n`, descending) of the Jacobian whose layers have the Grams
/// `layers` (each `n x n`, symmetric), and per singular vector a column of `shares` (`L x n`, a row
/// per layer). Returns the numerical rank; what lies behind it is 0.
///
/// # Errors
/// Wrong shapes, no layers, Grams that are not finite.
pub fn jacobian_spectrum<T: Real>(
    layers: &[Mat<'_, T>],
    singular_values: &mut [T],
    mut shares: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<usize, DynamicsError> {
    let n = singular_values.len();
    let mut scratch = Scratch::new(scratch, jacobian_spectrum_scratch(n))?;
    shares.as_ref().check(("shares rows", "shares columns"), layers.len(), n)?;
    if layers.is_empty() || n == 0 {
        return Err(DynamicsError::Empty { what: "layers" });
    }
    let (mut kernel, mut vectors) = (scratch.matrix(n, n)?, scratch.matrix(n, n)?);
    kernel.fill(T::ZERO);
    for layer in layers {
        layer.check(("layer rows", "layer columns"), n, n)?;
        kernel.add_scaled(T::ONE, *layer);
    }
    eigh(kernel, singular_values, vectors.reborrow(), scratch.rest())?;
    reverse(singular_values);

    let largest = singular_values.first().copied().unwrap_or(T::ZERO);
    let floor = T::from_usize(n) * T::EPSILON * largest;
    let rank = singular_values.iter().take_while(|v| **v > floor && **v > T::ZERO).count();
    for (j, (value, shares)) in singular_values.iter_mut().zip(shares.columns()).enumerate() {
        if j >= rank {
            *value = T::ZERO;
            shares.fill(T::ZERO);
            continue;
        }
        let q = vectors.as_ref().col(n - 1 - j);
        for (share, layer) in shares.iter_mut().zip(layers) {
            let mut form = T::ZERO;
            for (column, q_j) in layer.columns().zip(q) {
                form += *q_j * dot(column, q);
            }
            // A layer that has no part in q may come out a rounding below 0.
            *share = (form.max(T::ZERO) / *value).sqrt();
        }
        *value = value.sqrt();
    }
    Ok(rank)
}

/// The scratch of [`two_layer_grams`] for `n` samples.
pub const fn two_layer_grams_scratch(n: usize, hidden: usize) -> usize {
    hidden * n
}

/// Writes `K_1 = |w2|^2 X X^T` and `K_2 = X W1^T W1 X^T` (both `n x n`) of a two-layer linear
/// network for `x` (`d x n`). `theta` is `W1` row-major (`h x d`), then `w2`, as PyTorch has it.
///
/// # Errors
/// Wrong shapes.
pub fn two_layer_grams<T: Real>(
    x: Mat<'_, T>,
    theta: &[T],
    hidden: usize,
    mut k1: MatMut<'_, T>,
    mut k2: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    let (d, n) = (x.rows(), x.cols());
    let mut scratch = Scratch::new(scratch, two_layer_grams_scratch(n, hidden))?;
    ShapeError::check("theta", two_layer_params(d, hidden), theta.len())?;
    k1.as_ref().check(("k1 rows", "k1 columns"), n, n)?;
    k2.as_ref().check(("k2 rows", "k2 columns"), n, n)?;
    let (rows, w2) = theta.cut(hidden * d);
    let mut units = scratch.matrix(hidden, n)?;
    gemm_tn(T::ONE, Mat::of(rows, d, hidden), x, T::ZERO, units.reborrow())?;
    syrk_tn(dot(w2, w2), x, T::ZERO, k1.reborrow())?;
    syrk_tn(T::ONE, units.as_ref(), T::ZERO, k2.reborrow())?;
    k1.mirror_lower();
    k2.mirror_lower();
    Ok(())
}

/// The scratch of [`two_layer_spectrum`].
pub const fn two_layer_spectrum_scratch(n: usize, hidden: usize) -> usize {
    let grams = two_layer_grams_scratch(n, hidden);
    let spectrum = jacobian_spectrum_scratch(n);
    2 * n * n + if grams > spectrum { grams } else { spectrum }
}

/// [`jacobian_spectrum`] of a two-layer linear network: `shares` is `2 x n`.
///
/// # Errors
/// Wrong shapes, values that are not finite.
pub fn two_layer_spectrum<T: Real>(
    x: Mat<'_, T>,
    theta: &[T],
    hidden: usize,
    singular_values: &mut [T],
    shares: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<usize, DynamicsError> {
    let n = x.cols();
    ShapeError::check("singular_values", n, singular_values.len())?;
    let mut scratch = Scratch::new(scratch, two_layer_spectrum_scratch(n, hidden))?;
    let (mut k1, mut k2) = (scratch.matrix(n, n)?, scratch.matrix(n, n)?);
    let rest = scratch.rest();
    two_layer_grams(x, theta, hidden, k1.reborrow(), k2.reborrow(), rest)?;
    jacobian_spectrum(&[k1.as_ref(), k2.as_ref()], singular_values, shares, rest)
}
