//! What is measured of a run beside its loss: gradients by layer, ranks, and how the layers lie to
//! the singular vectors of what they see.
//!
//! ```text
//! g = X^T (y - X w)                                          d
//! |dL/dW1|_F = 2 |w2| |g|,   |dL/dw2| = 2 |W1 g|             all weights
//! |dL/dz|    = 2 |u| |g|,    |dL/du|  = 2 |g . z|            the reduction: the same numbers
//! alignment of a layer W with its inputs' right singular vector v_i:   |W v_i|
//! rank of W = number of singular values above max(h, d) EPSILON s_1    (NumPy's `matrix_rank`)
//! ```
//! Cost: `2 n d` multiply-adds for g with the loss, `h d` for the norms; an alignment is the
//! decomposition of [`svd_left`] and `h d min(n, d)`; for the rank see [`Ranks`].

use super::DynamicsError;
use super::train::{LANES, Lanes, TwoLayer, in_vectors, sum, two_layer_params, two_layer_scratch};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{dot, gemm_tn, ldlt_inverse, ldlt_inverse_scratch, svd_left, syrk_nt, syrk_tn};
use crate::matrix::{Mat, MatMut};
use crate::network::activation::{Activation, Jet};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Writes `g = X^T (y - X w)`, half of minus the gradient of the loss by the total weight, and
/// returns the loss `|y - X w|^2`.
///
/// # Errors
/// Wrong lengths.
pub fn loss_gradient<T: Real>(
    x: Mat<'_, T>,
    y: &[T],
    w: &[T],
    g: &mut [T],
) -> Result<T, ShapeError> {
    ShapeError::check("y", x.cols(), y.len())?;
    ShapeError::check("w", x.rows(), w.len())?;
    ShapeError::check("g", x.rows(), g.len())?;
    g.fill(T::ZERO);
    let mut loss = T::ZERO;
    for (sample, y) in x.columns().zip(y) {
        let error = *y - dot(sample, w);
        loss += error * error;
        g.iter_mut().zip(sample).for_each(|(g, x)| *g += error * *x);
    }
    Ok(loss)
}

/// The norms of the gradients by `z` and by `u`, `2 |u| |g|` and `2 |g . z|`, given `g` of
/// [`loss_gradient`]: those of the full network's first and second layer.
pub fn reduced_gradient_norms<T: Real>(z: &[T], u: T, g: &[T]) -> (T, T) {
    (T::TWO * u.abs() * dot(g, g).sqrt(), T::TWO * dot(g, z).abs())
}

impl<T: Real> TwoLayer<'_, T> {
    /// The Frobenius norms of the loss's gradients by both layers, `2 |w2| |g|` and `2 |W1 g|`,
    /// given `g` of [`loss_gradient`] at [`TwoLayer::total`].
    ///
    /// # Errors
    /// A wrong length of `g`.
    pub fn gradient_norms(&self, g: &[T]) -> Result<(T, T), ShapeError> {
        ShapeError::check("g", self.total.len(), g.len())?;
        let squares = in_vectors(|| {
            let mut squares = T::ZERO;
            for block in self.first.chunks_exact(g.len().max(1)) {
                let ascent = along(block, g);
                squares += sum(&ascent.map(|a| a * a));
            }
            squares
        });
        let first = T::TWO * self.second_norm() * dot(g, g).sqrt();
        Ok((first, T::TWO * squares.sqrt()))
    }
}

/// The scratch of [`fixed::dynamics::network_gradients`](crate::fixed::dynamics::network_gradients)
/// for `inputs` and `hidden` units.
pub const fn gradients_scratch(inputs: usize, hidden: usize) -> usize {
    inputs + two_layer_scratch(inputs, hidden)
}

/// `Z = f(X W1^T)` for `x` (`d x n`): writes `z` (`h x n`), one column a sample. `theta` is `W1`
/// row-major, then `w2`.
///
/// # Errors
/// Wrong shapes.
pub fn hidden_features<T: Real>(
    x: Mat<'_, T>,
    theta: &[T],
    activation: Activation,
    mut z: MatMut<'_, T>,
) -> Result<(), DynamicsError> {
    let (d, h) = (x.rows(), z.rows());
    ShapeError::check("theta", two_layer_params(d, h), theta.len())?;
    let (rows, _) = theta.cut(h * d);
    gemm_tn(T::ONE, Mat::of(rows, d, h), x, T::ZERO, z.reborrow())?;
    if activation != Activation::Identity {
        for value in z.columns() {
            crate::network::evaluate(activation, Jet { value, first: &mut [], second: &mut [] });
        }
    }
    Ok(())
}

/// Writes the singular values of the samples `x` (`d x n`, one a column) and `|W v_i|` over their
/// right singular vectors `v_i` in feature space (`min(d, n)` of both, descending), for a layer
/// whose unit `k` has the weights of column `k` of `layer` (`d x h`: PyTorch's `h x d` row-major).
/// Returns the rank of `x`; alignments behind it are 0. Overwrites `x` by `s_i v_i`.
///
/// ```
/// use nanocurv::dynamics::measures::alignment;
/// use nanocurv::{Mat, MatMut};
///
/// // Two samples, along the axes; one unit of weights (3, 5).
/// let (mut x, layer) = ([0.5_f64, 0.0, 0.0, 2.0], [3.0, 5.0]);
/// let (mut values, mut aligned) = ([0.0; 2], [0.0; 2]);
/// let (x, layer) = (MatMut::new("x", &mut x, 2, 2)?, Mat::new("layer", &layer, 2, 1)?);
/// assert_eq!(alignment(x, layer, &mut values, &mut aligned)?, 2);
/// assert_eq!((values, aligned), ([2.0, 0.5], [5.0, 3.0]));
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// Wrong shapes, samples that are not finite.
pub fn alignment<T: Real>(
    mut x: MatMut<'_, T>,
    layer: Mat<'_, T>,
    values: &mut [T],
    aligned: &mut [T],
) -> Result<usize, DynamicsError> {
    ShapeError::check("layer rows", x.rows(), layer.rows())?;
    ShapeError::check("aligned", values.len(), aligned.len())?;
    let rank = svd_left(x.reborrow(), values)?;
    aligned.fill(T::ZERO);
    let vectors = x.as_ref().columns().zip(values.iter());
    for (aligned, (vector, value)) in aligned.iter_mut().zip(vectors).take(rank) {
        let along = |unit| (dot(unit, vector) / *value).squared();
        *aligned = layer.columns().fold(T::ZERO, |sum, unit| sum + along(unit)).sqrt();
    }
    Ok(rank)
}

/// The scratch of [`weight_rank`] for `inputs` and `hidden` units.
pub const fn weight_rank_scratch(inputs: usize, hidden: usize) -> usize {
    inputs * hidden + smaller(inputs, hidden)
}

/// The rank of `W1` (`h x d`, the first part of `theta`) by its singular values.
///
/// # Errors
/// A wrong length of `theta`, weights that are not finite.
pub fn weight_rank<T: Real>(
    theta: &[T],
    inputs: usize,
    hidden: usize,
    scratch: &mut [T],
) -> Result<usize, DynamicsError> {
    ShapeError::check("theta", two_layer_params(inputs, hidden), theta.len())?;
    let mut scratch = Scratch::new(scratch, weight_rank_scratch(inputs, hidden))?;
    let mut w = scratch.matrix(inputs, hidden)?;
    w.copy_from(Mat::of(theta.cut(inputs * hidden).0, inputs, hidden));
    Ok(svd_left(w, scratch.take(smaller(inputs, hidden))?)?)
}

const fn smaller(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// The scratch of [`Ranks::new`] for `inputs` and `hidden` units.
pub const fn ranks_scratch(inputs: usize, hidden: usize) -> usize {
    let k = smaller(inputs, hidden);
    let (gram, svd) = (k * k + ldlt_inverse_scratch(k), k);
    LANES * hidden.div_ceil(LANES) * inputs + inputs * hidden + if gram > svd { gram } else { svd }
}

/// The rank of `W1` time after time, by NumPy's rule and for less than a decomposition each.
///
/// ```text
/// one direction   |W1 - (W1 v) v^T|_F <= max(h, d) EPSILON |W1 v|,   v = w / |w|:   rank 1
/// since last time s_min(W1) >= s_min(before) - |W1 - before|_F                    full rank
/// by the Gram G   s_min^2 >= 1 / |G^-1|_F, far above the rounding of G            full rank
/// ```
/// Each is proof enough; where none holds, the singular values are counted. The first two cost
/// `2 h d` multiply-adds.
#[derive(Debug)]
pub struct Ranks<'a, T> {
    /// The weights for which `smallest` is known.
    before: &'a mut [Lanes<T>],
    /// No singular value of `before` is below; 0 if nothing is known.
    smallest: T,
    weights: &'a mut [T],
    work: &'a mut [T],
}

impl<'a, T: Real> Ranks<'a, T> {
    /// Nothing seen so far, in a scratch of [`ranks_scratch`].
    ///
    /// # Errors
    /// A short scratch.
    pub fn new(inputs: usize, hidden: usize, scratch: &'a mut [T]) -> Result<Self, DynamicsError> {
        let mut scratch = Scratch::new(scratch, ranks_scratch(inputs, hidden))?;
        let before = scratch.take(LANES * hidden.div_ceil(LANES) * inputs)?.as_chunks_mut().0;
        let weights = scratch.take(inputs * hidden)?;
        Ok(Self { before, smallest: T::ZERO, weights, work: scratch.rest() })
    }

    /// The rank of the first layer of `network`.
    ///
    /// # Errors
    /// A network of other sizes, weights that are not finite.
    pub fn first(&mut self, network: &TwoLayer<'_, T>) -> Result<usize, DynamicsError> {
        let (d, h) = (network.total.len(), network.hidden);
        ShapeError::check("weights", self.weights.len(), d * h)?;
        ShapeError::check("first", self.before.len(), network.first.len())?;
        let norm = network.first_norm(0, d);
        let full = smaller(d, h);
        // What a singular value has to exceed, times its largest possible value.
        let floor = T::from_usize(d.max(h)) * T::EPSILON;
        if self.smallest > T::ZERO {
            if self.smallest - in_vectors(|| moved(self.before, network.first)) > floor * norm {
                return Ok(full);
            }
        } else if in_vectors(|| one_direction(network, floor)) {
            return Ok(1);
        }
        let weights = self.weights.part_mut(..h * d);
        copy_rows(network.first, d, weights);
        NonFiniteError::check("theta", weights)?;
        self.smallest = smallest_by_gram(Mat::of(weights, d, h), norm, self.work);
        let mut rank = full;
        if self.smallest <= floor * norm {
            let values = self.work.part_mut(..full);
            rank = svd_left(MatMut::of(weights, d, h), values)?;
            let least =
                if rank == full { values.last().copied().unwrap_or(T::ZERO) } else { T::ZERO };
            self.smallest = (least - floor * norm).max(T::ZERO);
        }
        self.before.iter_mut().zip(&*network.first).for_each(|(before, now)| *before = *now);
        Ok(rank)
    }
}

/// Writes `W1` row by row, as PyTorch has it.
fn copy_rows<T: Real>(first: &[Lanes<T>], inputs: usize, rows: &mut [T]) {
    let d = inputs.max(1);
    let mut rows = rows.chunks_exact_mut(d);
    for block in first.chunks_exact(d) {
        for lane in 0..LANES {
            // The last block has more lanes than there are units.
            let Some(row) = rows.next() else { return };
            for (to, lanes) in row.iter_mut().zip(block) {
                *to = lanes.get(lane).copied().unwrap_or(T::ZERO);
            }
        }
    }
}

/// `W1 v` of a block of hidden units.
#[inline(always)]
fn along<T: Real>(block: &[Lanes<T>], v: &[T]) -> Lanes<T> {
    let mut along = [T::ZERO; LANES];
    for (w1, v) in block.iter().zip(v) {
        along.iter_mut().zip(w1).for_each(|(along, w1)| *along += *v * *w1);
    }
    along
}

/// `|W1 - before|_F`
#[inline(always)]
fn moved<T: Real>(before: &[Lanes<T>], now: &[Lanes<T>]) -> T {
    let mut squares = [T::ZERO; LANES];
    for (before, now) in before.iter().zip(now) {
        for ((sum, before), now) in squares.iter_mut().zip(before).zip(now) {
            *sum += (*now - *before).squared();
        }
    }
    sum(&squares).sqrt()
}

/// Whether all rows of `W1` are multiples of the total weight, up to what rounding counts for.
#[inline(always)]
fn one_direction<T: Real>(network: &TwoLayer<'_, T>, floor: T) -> bool {
    let (v, squared) = (&*network.total, dot(network.total, network.total));
    if squared == T::ZERO || !squared.is_finite() {
        return false;
    }
    let (mut lengths, mut rests) = (T::ZERO, [T::ZERO; LANES]);
    for block in network.first.chunks_exact(v.len().max(1)) {
        let mut along = along(block, v);
        along.iter_mut().for_each(|along| *along /= squared);
        lengths += sum(&along.map(|a| a * a)) * squared;
        for (w1, v) in block.iter().zip(v) {
            for ((rest, w1), along) in rests.iter_mut().zip(w1).zip(&along) {
                *rest += (*w1 - *along * *v).squared();
            }
        }
    }
    lengths > T::ZERO && sum(&rests).sqrt() <= floor * lengths.sqrt()
}

/// A number that no singular value of `w` (Frobenius norm `norm`) is below, or 0 if the Gram does
/// not tell.
fn smallest_by_gram<T: Real>(w: Mat<'_, T>, norm: T, work: &mut [T]) -> T {
    let k = w.rows().min(w.cols());
    let (gram, inverse) = work.cut_mut(k * k);
    let mut gram = MatMut::of(gram, k, k);
    let product = if w.rows() <= w.cols() {
        syrk_nt(T::ONE, w, T::ZERO, gram.reborrow())
    } else {
        syrk_tn(T::ONE, w, T::ZERO, gram.reborrow())
    };
    if product.is_err() || ldlt_inverse(gram.reborrow(), inverse).is_err() {
        return T::ZERO;
    }
    let squares = gram.as_ref().columns().fold(T::ZERO, |sum, column| sum + dot(column, column));
    let least = T::ONE / squares.sqrt();
    // Rounding of the Gram and of its inverse, as a part of the largest eigenvalue: with room.
    let error = T::of(32.0) * T::from_usize(w.rows() + w.cols()) * T::EPSILON * norm * norm;
    if least.is_finite() && least > error { (least - T::HALF * error).sqrt() } else { T::ZERO }
}
