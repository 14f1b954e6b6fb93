//! The step of a layer in a network of one output, for a batch of no more samples than inputs: all
//! gradients at the layer's one output are `p_n u_n`, all type-2 vectors `q_n u_n`, so that G is a
//! number and `v = Z r` lies within the batch's own inputs. By the push-through identity the system
//! to solve has the size of the batch:
//!
//! ```text
//! z_n = (s x_n, t),  A = Z Z^T / N,  r_n = c p_n u_n,  G = c sum (q_n u_n)^2
//! (A + a I)^-1 Z r = Z (K + a I)^-1 r,   K = Z^T Z / N: N x N
//! step = (Z (K + a I)^-1 (r - Z^T e / (N a)) + e / a) / (G + g)
//! ```
//! e is the pull of an anchor, `D (theta - theta_0)`, which may point anywhere (Woodbury).
//! `N^2 in + N^3 / 6` multiply-accumulates; of one sample it is a division.

use super::anchor::Anchor;
use super::damping::{Damping, Split};
use super::error::{KfacError, Side};
use super::kronecker::check_pivots;
use crate::error::{LinalgError, size};
use crate::linalg::solve_one::{solve_one, solve_one_len};
use crate::linalg::{axpy, dot, syrk_tn};
use crate::matrix::Mat;
use crate::network::DenseLayer;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`step`] for so many samples.
pub(super) const fn step_scratch(samples: usize) -> usize {
    solve_one_len(samples) + 2 * samples
}

/// What the layer sees of the batch.
#[derive(Clone, Copy)]
pub(super) struct OneOutput<'b, T> {
    /// Its inputs: in x N.
    pub(super) x: Mat<'b, T>,
    /// `u_n`
    pub(super) u: &'b [T],
    /// `p_n`
    pub(super) p: &'b [T],
    /// `q_n`
    pub(super) q: &'b [T],
    /// The loss's scale.
    pub(super) c: T,
    pub(super) anchor: Option<&'b Anchor<'b, T>>,
}

/// The layer's part of the damped natural gradient, in `to`: weights, then the bias.
pub(super) fn step<T: Real>(
    dense: &DenseLayer<'_, T>,
    batch: OneOutput<'_, T>,
    (lambda, damping): (T, Damping),
    to: &mut [T],
    scratch: &mut [T],
) -> Result<(), KfacError> {
    let (n, samples, inputs) =
        (dense.layer.homogeneous_inputs(), batch.x.cols(), dense.layer.inputs);
    let (s, t) = (dense.scale.weight, dense.bias_input());
    let OneOutput { x, u, p, q, c, anchor } = batch;
    let to = to.part_mut(..n);
    let mut scratch = Scratch::new(scratch, step_scratch(samples))?;
    let height = samples.next_multiple_of(4);
    let mut padded = scratch.matrix(height, samples)?;
    let mut k = padded.block(0, 0, samples, samples);
    let (r, diagonal) = (scratch.take(samples)?, scratch.take(samples)?);

    let share = T::ONE / T::from_usize(samples);
    syrk_tn(share * s * s, x, T::ZERO, k.reborrow())?;
    let (mut g, mut trace) = (T::ZERO, T::ZERO);
    for ((j, column), diagonal) in k.columns().enumerate().zip(&mut *diagonal) {
        let below = column.get_mut(j..).unwrap_or_default();
        below.iter_mut().for_each(|k| *k += share * t * t);
        *diagonal = below.first().copied().unwrap_or(T::ZERO);
        trace += *diagonal;
    }
    for (((r, u), p), q) in r.iter_mut().zip(u).zip(p).zip(q) {
        *r = c * *p * *u;
        g += c * (*q * *u) * (*q * *u);
    }
    let mean = trace / T::from_usize(n);
    let split = Split::of_means(lambda, damping, (mean, g))?;
    // A's null space, outside of the batch, is damped by a alone.
    if n > samples && mean.is_finite() && split.input <= T::EPSILON * T::from_usize(n) * mean {
        let error = LinalgError::NotPositive { pivot: size(samples) };
        return Err(KfacError::of(Side::Input)(error));
    }
    to.fill(T::ZERO);
    if let Some(anchor) = anchor {
        let here = dense.weights.columns().flatten().chain(dense.bias);
        let there = anchor.theta.part(dense.offset..dense.offset + n);
        for ((to, here), there) in to.iter_mut().zip(here).zip(there) {
            *to = anchor.precision * (*here - *there) / split.input;
        }
        let (weights, bias) = to.cut(inputs);
        let along_bias = bias.first().map_or(T::ZERO, |e| t * *e);
        for (x, r) in x.columns().zip(&mut *r) {
            *r -= share * (s * dot(x, weights) + along_bias);
        }
    }
    k.add_diagonal(split.input);
    solve_one(padded.data(), r)
        .and_then(|()| check_pivots(padded.as_ref(), diagonal.iter(), split.input))
        .map_err(KfacError::of(Side::Input))?;
    let output = T::ONE / (g + split.output);
    if !(output > T::ZERO && output <= T::MAX) {
        return Err(KfacError::of(Side::Output)(LinalgError::NotPositive { pivot: 0 }));
    }
    let (weights, bias) = to.cut_mut(inputs);
    for (x, solved) in x.columns().zip(&*r) {
        axpy(s * *solved, x, weights);
        bias.iter_mut().for_each(|bias| *bias += t * *solved);
    }
    to.iter_mut().for_each(|to| *to *= output);
    Ok(())
}
