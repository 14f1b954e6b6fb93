//! The exact reduction of two-layer training from a rank-one start to `d + 1` numbers.
//!
//! ```text
//! W1 = p z^T,  w2 = u p^T,  |p| = 1     is kept by every step, with p fixed and
//! g  = X^T y - u X^T X z                d
//! z += 2 eta1 u g                       both from the old values
//! u += 2 eta2 g . z
//! w  = u z                              total weight
//! ```
//! The same trajectory as gradient descent on all `h d + h` weights, step by step and not only in
//! the limit of small steps: `W1 + 2 eta1 w2^T g^T = p (z + 2 eta1 u g)^T`, and likewise `w2`.
//! A constant start `W1 = a 1 1^T`, `w2 = b 1^T` is of rank one with `z = sqrt(h) a 1`,
//! `u = sqrt(h) b`. Source: Saxe, McClelland and Ganguli (2014); Advani and Saxe (2017), section 2.
//!
//! Cost per step: `d^2 + 2 d` multiply-adds, independent of the samples and the hidden units.

use super::{DynamicsError, Rates, check_data};
use crate::error::{NonFiniteError, ShapeError, size};
use crate::linalg::{dot, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// `S = X^T X` (`d x d`) and `b = X^T y` (`d`) of the data `x` (`d x n`): all of them that the
/// reduction sees.
///
/// # Errors
/// Wrong shapes, data that are not finite.
pub fn moments<T: Real>(
    x: Mat<'_, T>,
    y: &[T],
    mut s: MatMut<'_, T>,
    b: &mut [T],
) -> Result<(), DynamicsError> {
    check_data(x, y)?;
    s.as_ref().check(("s rows", "s columns"), x.rows(), x.rows())?;
    ShapeError::check("b", x.rows(), b.len())?;
    syrk_nt(T::ONE, x, T::ZERO, s.reborrow())?;
    s.mirror_lower();
    b.fill(T::ZERO);
    for (sample, y) in x.columns().zip(y) {
        b.iter_mut().zip(sample).for_each(|(b, x)| *b += *y * *x);
    }
    Ok(())
}

/// Makes `iterations` steps on `z` and `u` in place, with `s = X^T X` and `b = X^T y` from
/// [`moments`]. The scratch holds `d` values ([`reduce_scratch`]).
///
/// # Errors
/// Wrong shapes, values that are not finite; [`DynamicsError::Diverged`] with the number of the
/// step (from 1) whose result is not finite.
pub fn reduce<T: Real>(
    s: Mat<'_, T>,
    b: &[T],
    rates: Rates<T>,
    iterations: u64,
    z: &mut [T],
    u: &mut T,
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    let d = z.len();
    s.check(("s rows", "s columns"), d, d)?;
    ShapeError::check("b", d, b.len())?;
    let mut scratch = Scratch::new(scratch, reduce_scratch(d))?;
    let g = scratch.take(d)?;
    rates.check()?;
    for column in s.columns() {
        NonFiniteError::check("s", column)?;
    }
    NonFiniteError::check("b", b)?;
    NonFiniteError::check("z", z)?;
    NonFiniteError::check("u", &[*u])?;
    let (eta1, eta2) = (T::TWO * rates.first, T::TWO * rates.second);
    for iteration in 1..=iterations {
        step(s, b, eta1, eta2, z, u, g);
        // u takes in every entry of g, and so of z: it is finite only if they all are.
        if !u.is_finite() {
            return Err(DynamicsError::Diverged { iteration });
        }
    }
    NonFiniteError::check("z", z).map_err(|_| DynamicsError::Diverged { iteration: iterations })
}

/// The scratch of [`reduce`] in `d` dimensions.
pub const fn reduce_scratch(d: usize) -> usize {
    d
}

#[inline]
fn step<T: Real>(s: Mat<'_, T>, b: &[T], eta1: T, eta2: T, z: &mut [T], u: &mut T, g: &mut [T]) {
    g.iter_mut().zip(b).for_each(|(g, b)| *g = *b);
    for (column, z) in s.columns().zip(z.iter()) {
        let w = *u * *z;
        g.iter_mut().zip(column).for_each(|(g, s)| *g -= *s * w);
    }
    let (pull, mut ascent) = (eta1 * *u, T::ZERO);
    for (z, g) in z.iter_mut().zip(g.iter()) {
        ascent += *g * *z;
        *z += pull * *g;
    }
    *u += eta2 * ascent;
}

/// The scratch of [`fixed::dynamics::reduce_network`](crate::fixed::dynamics::reduce_network) for
/// `inputs` and `hidden` units.
pub const fn reduce_network_scratch(inputs: usize, hidden: usize) -> usize {
    inputs * inputs + 2 * inputs + hidden + reduce_scratch(inputs)
}

/// Finds `p` (`h`), `z` (`d`) and `u` of the weights `theta` (`W1` row-major `h x d`, then `w2`)
/// and returns `u`. The sign is chosen such that `u >= 0`.
///
/// # Errors
/// Wrong lengths, values that are not finite, and [`DynamicsError::NotRankOne`] with the entry
/// that differs most, if one differs by more than `tolerance` times the largest weight.
pub fn rank_one<T: Real>(
    theta: &[T],
    tolerance: T,
    p: &mut [T],
    z: &mut [T],
) -> Result<T, DynamicsError> {
    let (h, d) = (p.len(), z.len());
    ShapeError::check("theta", super::train::two_layer_params(d, h), theta.len())?;
    NonFiniteError::check("theta", theta)?;
    let (rows, w2) = theta.cut(h * d);
    let w1 = Mat::of(rows, d, h);
    let u = dot(w2, w2).sqrt();
    if u > T::ZERO {
        p.iter_mut().zip(w2).for_each(|(p, w)| *p = *w / u);
    } else {
        // w2 = 0: the direction is that of the longest column of W1.
        let mut longest = T::ZERO;
        for j in 0..d {
            let column = || (0..h).map(|k| w1.at(j, k));
            let squared = column().fold(T::ZERO, |sum, w| sum + w * w);
            if squared > longest {
                longest = squared;
                p.iter_mut().zip(column()).for_each(|(p, w)| *p = w / squared.sqrt());
            }
        }
        if longest == T::ZERO {
            p.fill(T::ONE / T::from_usize(h.max(1)).sqrt());
        }
    }
    z.fill(T::ZERO);
    for (row, p) in w1.columns().zip(p.iter()) {
        z.iter_mut().zip(row).for_each(|(z, w)| *z += *p * *w);
    }
    let largest = theta.iter().fold(T::ZERO, |m, w| m.max(w.abs()));
    let (mut worst, mut place) = (tolerance * largest, None);
    for (k, (row, p)) in w1.columns().zip(p.iter()).enumerate() {
        for (j, (w, z)) in row.iter().zip(z.iter()).enumerate() {
            let difference = (*w - *p * *z).abs();
            if difference > worst {
                (worst, place) = (difference, Some((k, j)));
            }
        }
    }
    match place {
        None => Ok(u),
        Some((k, j)) => Err(DynamicsError::NotRankOne { hidden: size(k), input: size(j) }),
    }
}

/// The norms of both layers, `|W1|_F = |z|` and `|w2| = |u|`.
pub fn layer_norms<T: Real>(z: &[T], u: T) -> (T, T) {
    (dot(z, z).sqrt(), u.abs())
}
