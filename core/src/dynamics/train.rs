//! Full-batch gradient descent on a two-layer linear network.
//!
//! ```text
//! w  = W1^T w2^T                      total weight, d
//! g  = X^T (y - X w)                  d,    or b - S w with S = X^T X, b = X^T y
//! W1 += 2 eta1 w2^T g^T               h x d    both from the old values
//! w2 += 2 eta2 (W1 g)^T               1 x h
//! ```
//! Given g, a step is independent for every hidden unit, and the next total weight is a sum over
//! them: one pass, in blocks of eight units that fit into registers. On a host (feature `std`)
//! networks of 16 hidden units and more go two blocks at a time through its vector registers, with
//! fused multiply-adds: the same up to rounding.
//!
//! Cost per step: `3 h d` multiply-adds, and for g `2 n d` or `d^2`. Nothing is allocated.

use super::{DynamicsError, Rates, check_data};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::dot;
use crate::matrix::Mat;
use crate::network::{Activation, Layer};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Hidden units in a block. Units that are missing in the last one are zeros, and stay so.
pub(super) const LANES: usize = 8;
pub(super) type Lanes<T> = [T; LANES];

/// On a host the blocks start where a cache line does: what may have to be skipped for that.
const SKIPPED: usize = if cfg!(feature = "std") { LANES - 1 } else { 0 };

/// A two-layer linear network under training, in the caller's memory.
#[derive(Debug)]
pub struct TwoLayer<'a, T> {
    /// `W1`: per block of hidden units, the inputs.
    pub(super) first: &'a mut [Lanes<T>],
    /// `w2`: per block.
    pub(super) second: &'a mut [Lanes<T>],
    /// The next total weight, per input, before the lanes are added up.
    sums: &'a mut [Lanes<T>],
    pub(super) total: &'a mut [T],
    gradient: &'a mut [T],
    pub(super) hidden: usize,
    iteration: u64,
}

/// The scratch of [`TwoLayer::new`] for `inputs` and `hidden` units. Seven values more with the
/// `std` feature.
pub const fn two_layer_scratch(inputs: usize, hidden: usize) -> usize {
    let blocks = hidden.div_ceil(LANES);
    LANES * (blocks * inputs + blocks + inputs) + 2 * inputs + SKIPPED
}

/// The number of weights: `theta` is `W1` row-major (`hidden x inputs`), then `w2`, as PyTorch has
/// it.
pub const fn two_layer_params(inputs: usize, hidden: usize) -> usize {
    hidden * inputs + hidden
}

impl<'a, T: Real> TwoLayer<'a, T> {
    /// The network of the weights `theta` (see [`two_layer_params`]) in a scratch of
    /// [`two_layer_scratch`].
    ///
    /// # Errors
    /// Wrong lengths, no inputs or hidden units, weights that are not finite.
    pub fn new(
        theta: &[T],
        inputs: usize,
        hidden: usize,
        scratch: &'a mut [T],
    ) -> Result<Self, DynamicsError> {
        ShapeError::check("theta", two_layer_params(inputs, hidden), theta.len())?;
        if theta.is_empty() || inputs == 0 {
            return Err(DynamicsError::Empty { what: "theta" });
        }
        NonFiniteError::check("theta", theta)?;
        let mut scratch = Scratch::new(scratch, two_layer_scratch(inputs, hidden))?;
        #[cfg(feature = "std")]
        {
            let rest = scratch.rest();
            let skipped = rest.as_ptr().align_offset(size_of::<Lanes<T>>()).min(SKIPPED);
            scratch = Scratch::new(rest.part_mut(skipped..), 0)?;
        }
        let blocks = hidden.div_ceil(LANES);
        let mut lanes = |count: usize| -> Result<&'a mut [Lanes<T>], DynamicsError> {
            Ok(scratch.take(LANES * count)?.as_chunks_mut().0)
        };
        let (first, second, sums) = (lanes(blocks * inputs)?, lanes(blocks)?, lanes(inputs)?);
        let (total, gradient) = (scratch.take(inputs)?, scratch.take(inputs)?);
        first.fill([T::ZERO; LANES]);
        second.fill([T::ZERO; LANES]);
        let (rows, last) = theta.cut(hidden * inputs);
        let units = rows.chunks_exact(inputs.max(1)).zip(last);
        for ((row, w2), (block, lane)) in units.zip(places()) {
            let to = first.iter_mut().skip(block * inputs).zip(row);
            for (to, weight) in to {
                if let Some(to) = to.get_mut(lane) {
                    *to = *weight;
                }
            }
            if let Some(to) = second.get_mut(block).and_then(|b| b.get_mut(lane)) {
                *to = *w2;
            }
        }
        let mut network = Self { first, second, sums, total, gradient, hidden, iteration: 0 };
        // A pass without a gradient only sums up the total weight.
        network.gradient.fill(T::ZERO);
        network.pass(T::ZERO, T::ZERO);
        Ok(network)
    }

    /// Makes `iterations` steps on `x` (`d x n`) and `y` (`n`).
    ///
    /// # Errors
    /// Wrong shapes, data that are not finite; [`DynamicsError::Diverged`] with the number of the
    /// step (counted since [`TwoLayer::new`]) whose result is not finite.
    pub fn train(
        &mut self,
        x: Mat<'_, T>,
        y: &[T],
        rates: Rates<T>,
        iterations: u64,
    ) -> Result<(), DynamicsError> {
        ShapeError::check("x rows", self.total.len(), x.rows())?;
        check_data(x, y)?;
        self.run(Source::Samples { x, y }, rates, iterations)
    }

    /// As [`TwoLayer::train`] on the moments of the data, `s = X^T X` and `b = X^T y` (see
    /// [`super::reduction::moments`]): the same steps up to rounding, without the samples.
    ///
    /// # Errors
    /// As [`TwoLayer::train`].
    pub fn train_on_moments(
        &mut self,
        s: Mat<'_, T>,
        b: &[T],
        rates: Rates<T>,
        iterations: u64,
    ) -> Result<(), DynamicsError> {
        let d = self.total.len();
        s.check(("s rows", "s columns"), d, d)?;
        ShapeError::check("b", d, b.len())?;
        for column in s.columns() {
            NonFiniteError::check("s", column)?;
        }
        NonFiniteError::check("b", b)?;
        self.run(Source::Moments { s, b }, rates, iterations)
    }

    #[inline(always)]
    fn run(
        &mut self,
        source: Source<'_, T>,
        rates: Rates<T>,
        iterations: u64,
    ) -> Result<(), DynamicsError> {
        rates.check()?;
        let (eta1, eta2) = (T::TWO * rates.first, T::TWO * rates.second);
        #[cfg(feature = "std")]
        if self.hidden >= super::host::HOST_FROM {
            self.iteration += T::two_layer_steps(super::host::Steps {
                first: self.first,
                second: self.second,
                sums: self.sums,
                total: self.total,
                gradient: self.gradient,
                source,
                eta1,
                eta2,
                iterations,
            });
            return self.finite();
        }
        for _ in 0..iterations {
            source.gradient(self.total, self.gradient);
            self.pass(eta1, eta2);
            self.iteration += 1;
            self.finite()?;
        }
        Ok(())
    }

    /// Whether training may go on.
    #[inline(always)]
    fn finite(&self) -> Result<(), DynamicsError> {
        // 0 * w is NaN as soon as one entry is not finite.
        if self.total.iter().fold(T::ZERO, |sum, w| sum + T::ZERO * *w) == T::ZERO {
            Ok(())
        } else {
            Err(DynamicsError::Diverged { iteration: self.iteration })
        }
    }

    /// One step, given the gradient.
    #[inline(always)]
    fn pass(&mut self, eta1: T, eta2: T) {
        let inputs = self.total.len();
        self.sums.fill([T::ZERO; LANES]);
        for (first, second) in self.first.chunks_exact_mut(inputs.max(1)).zip(&mut *self.second) {
            let (old, mut ascent) = (*second, [T::ZERO; LANES]);
            for (w1, g) in first.iter_mut().zip(self.gradient.iter()) {
                let (g, pull) = (*g, eta1 * *g);
                for ((w1, ascent), w2) in w1.iter_mut().zip(&mut ascent).zip(&old) {
                    *ascent += g * *w1;
                    *w1 += pull * *w2;
                }
            }
            second.iter_mut().zip(&ascent).for_each(|(w2, ascent)| *w2 += eta2 * *ascent);
            for (w1, sums) in first.iter().zip(self.sums.iter_mut()) {
                for ((w1, sum), w2) in w1.iter().zip(sums).zip(second.iter()) {
                    *sum += *w1 * *w2;
                }
            }
        }
        for (total, [a, b, c, d, e, f, g, h]) in self.total.iter_mut().zip(self.sums.iter()) {
            *total = ((*a + *e) + (*c + *g)) + ((*b + *f) + (*d + *h));
        }
    }

    /// The total weight `w = W1^T w2^T` (`d`).
    #[inline]
    pub fn total(&self) -> &[T] {
        self.total
    }

    /// The steps made since [`TwoLayer::new`].
    #[inline]
    pub const fn iteration(&self) -> u64 {
        self.iteration
    }

    /// The weights of hidden unit `k`: its row of `W1` (`d`), and its entry of `w2`. `None` out of
    /// range.
    pub fn unit(&self, k: usize) -> Option<(impl Iterator<Item = T>, T)> {
        let (inputs, block, lane) = (self.total.len(), k / LANES, k % LANES);
        if k >= self.hidden {
            return None;
        }
        let w2 = *self.second.get(block)?.get(lane)?;
        let blocks = self.first.iter().skip(block * inputs).take(inputs);
        Some((blocks.filter_map(move |lanes| lanes.get(lane).copied()), w2))
    }

    /// The number of hidden units.
    #[inline]
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// `|W1|_F` over those of the inputs `from..to` that there are, e.g. all of them or the strong
    /// half.
    pub fn first_norm(&self, from: usize, to: usize) -> T {
        in_vectors(|| {
            let mut squares = [T::ZERO; LANES];
            for block in self.first.chunks_exact(self.total.len().max(1)) {
                // No input is between ends the wrong way round.
                let there = block.get(from..to.min(block.len())).unwrap_or_default();
                add_squares(there, &mut squares);
            }
            sum(&squares).sqrt()
        })
    }

    /// `|w2|`
    pub fn second_norm(&self) -> T {
        let mut squares = [T::ZERO; LANES];
        add_squares(self.second, &mut squares);
        sum(&squares).sqrt()
    }

    /// Writes the weights in PyTorch's order (see [`two_layer_params`]).
    ///
    /// # Errors
    /// A wrong length of `theta`.
    pub fn write_to(&self, theta: &mut [T]) -> Result<(), ShapeError> {
        let (inputs, hidden) = (self.total.len(), self.hidden);
        ShapeError::check("theta", two_layer_params(inputs, hidden), theta.len())?;
        let (rows, last) = theta.cut_mut(hidden * inputs);
        let units = rows.chunks_exact_mut(inputs.max(1)).zip(last);
        for (k, (row, w2)) in units.enumerate() {
            if let Some((weights, second)) = self.unit(k) {
                row.iter_mut().zip(weights).for_each(|(to, from)| *to = from);
                *w2 = second;
            }
        }
        Ok(())
    }
}

#[cfg(feature = "std")]
pub(super) use super::host::in_vectors;

/// On a target there is one kind of loop.
#[cfg(not(feature = "std"))]
#[inline(always)]
pub(super) fn in_vectors<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// The lanes added up.
#[inline(always)]
pub(super) fn sum<T: Real>([a, b, c, d, e, f, g, h]: &Lanes<T>) -> T {
    ((*a + *e) + (*c + *g)) + ((*b + *f) + (*d + *h))
}

/// `squares += values^2`, lane by lane.
#[inline(always)]
fn add_squares<T: Real>(values: &[Lanes<T>], squares: &mut Lanes<T>) {
    for lanes in values {
        squares.iter_mut().zip(lanes).for_each(|(sum, v)| *sum += *v * *v);
    }
}

/// Block and lane of each hidden unit.
fn places() -> impl Iterator<Item = (usize, usize)> {
    (0..).map(|k| (k / LANES, k % LANES))
}

/// Where g comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a, T> {
    /// `g = X^T (y - X w)`, sample by sample.
    Samples { x: Mat<'a, T>, y: &'a [T] },
    /// `g = b - S w`
    Moments { s: Mat<'a, T>, b: &'a [T] },
}

impl<T: Real> Source<'_, T> {
    /// Writes it at the total weight `w`.
    #[inline(always)]
    pub(super) fn gradient(&self, w: &[T], g: &mut [T]) {
        match self {
            Self::Samples { x, y } => {
                g.fill(T::ZERO);
                for (sample, y) in x.columns().zip(*y) {
                    let mut residual = *y;
                    sample.iter().zip(w.iter()).for_each(|(x, w)| residual -= *x * *w);
                    g.iter_mut().zip(sample).for_each(|(g, x)| *g += residual * *x);
                }
            }
            Self::Moments { s, b } => {
                g.iter_mut().zip(*b).for_each(|(g, b)| *g = *b);
                for (column, w) in s.columns().zip(w) {
                    g.iter_mut().zip(column).for_each(|(g, s)| *g -= *s * *w);
                }
            }
        }
    }
}

/// `|y - X w|^2`, the loss on training data and the risk on test data.
pub fn squared_error<T: Real>(x: Mat<'_, T>, y: &[T], w: &[T]) -> T {
    sum_over_errors(x, y, w, |e| e * e)
}

/// `|y - X w|_1`, the risk as an absolute sum.
pub fn absolute_error<T: Real>(x: Mat<'_, T>, y: &[T], w: &[T]) -> T {
    sum_over_errors(x, y, w, T::abs)
}

fn sum_over_errors<T: Real>(x: Mat<'_, T>, y: &[T], w: &[T], of: impl Fn(T) -> T) -> T {
    let mut sum = T::ZERO;
    for (sample, y) in x.columns().zip(y) {
        sum += of(*y - dot(sample, w));
    }
    sum
}

/// Every entry of `W1` is `a` and every entry of `w2` is `b`.
///
/// Of rank one: `z = sqrt(h) a 1`, `u = sqrt(h) b` (not `z = a`, `u = b`).
///
/// # Errors
/// A wrong length of `theta`.
pub fn constant_start<T: Real>(
    (a, b): (T, T),
    inputs: usize,
    hidden: usize,
    theta: &mut [T],
) -> Result<(), DynamicsError> {
    ShapeError::check("theta", two_layer_params(inputs, hidden), theta.len())?;
    theta.iter_mut().enumerate().for_each(|(i, t)| *t = if i < hidden * inputs { a } else { b });
    Ok(())
}

/// Independent normal weights of standard deviation `a` (`W1`, drawn first) and `b` (`w2`).
///
/// # Errors
/// A wrong length of `theta`.
pub fn normal_start<T: Real>(
    rng: &mut Rng,
    (a, b): (T, T),
    inputs: usize,
    hidden: usize,
    theta: &mut [T],
) -> Result<(), DynamicsError> {
    constant_start((a, b), inputs, hidden, theta)?;
    theta.iter_mut().for_each(|t| *t *= rng.normal::<T>());
    Ok(())
}

/// `W1 = p z^T`, `w2 = u p^T`: `z` normal of standard deviation `a` (drawn first), `p` a random
/// direction, `u` normal of standard deviation `b`.
///
/// # Errors
/// A wrong length of `theta`.
pub fn rank_one_start<T: Real>(
    rng: &mut Rng,
    (a, b): (T, T),
    inputs: usize,
    hidden: usize,
    theta: &mut [T],
) -> Result<(), DynamicsError> {
    ShapeError::check("theta", two_layer_params(inputs, hidden), theta.len())?;
    if theta.is_empty() || inputs == 0 {
        return Err(DynamicsError::Empty { what: "theta" });
    }
    let (rows, second) = theta.cut_mut(hidden * inputs);
    let (z, others) = rows.cut_mut(inputs);
    z.iter_mut().for_each(|z| *z = a * rng.normal::<T>());
    second.iter_mut().for_each(|p| *p = rng.normal());
    let scale = T::ONE / dot(second, second).sqrt();
    second.iter_mut().for_each(|p| *p *= scale);
    let u = b * rng.normal::<T>();
    // The first row holds z until the others are made of it.
    for (row, p) in others.chunks_exact_mut(inputs.max(1)).zip(second.iter().skip(1)) {
        row.iter_mut().zip(z.iter()).for_each(|(w, z)| *w = *p * *z);
    }
    if let Some(p) = second.first() {
        z.iter_mut().for_each(|z| *z *= *p);
    }
    second.iter_mut().for_each(|p| *p *= u);
    Ok(())
}

/// He's (2015) normal start as `torch.nn.Linear` scales it (`a = sqrt(5)`), times `a` and `b`:
/// independent normal weights of standard deviation `1 / sqrt(3 fan_in)`, `W1` drawn first.
///
/// # Errors
/// A wrong length of `theta`.
pub fn kaiming_normal_start<T: Real>(
    rng: &mut Rng,
    scales: (T, T),
    inputs: usize,
    hidden: usize,
    theta: &mut [T],
) -> Result<(), DynamicsError> {
    let (a, b) = kaiming_bounds(scales, inputs, hidden);
    let third = T::ONE / T::of(3.0).sqrt();
    normal_start(rng, (third * a, third * b), inputs, hidden, theta)
}

/// He's (2015) uniform start as `torch.nn.Linear` scales it (`a = sqrt(5)`), times `a` and `b`:
/// independent weights, uniform between `-1 / sqrt(fan_in)` and `1 / sqrt(fan_in)`, `W1` drawn
/// first.
///
/// # Errors
/// A wrong length of `theta`.
pub fn kaiming_uniform_start<T: Real>(
    rng: &mut Rng,
    scales: (T, T),
    inputs: usize,
    hidden: usize,
    theta: &mut [T],
) -> Result<(), DynamicsError> {
    constant_start(kaiming_bounds(scales, inputs, hidden), inputs, hidden, theta)?;
    theta.iter_mut().for_each(|t| *t *= T::TWO * rng.uniform::<T>() - T::ONE);
    Ok(())
}

/// `1 / sqrt(fan_in)` of each layer, scaled.
fn kaiming_bounds<T: Real>((a, b): (T, T), inputs: usize, hidden: usize) -> (T, T) {
    let root = |fan_in: usize| T::from_usize(fan_in.max(1)).sqrt();
    (a / root(inputs), b / root(hidden))
}

/// Whether `layers` are two linear layers without biases and with one output.
pub const fn is_two_layer_linear(layers: &[Layer]) -> bool {
    match layers {
        [a, b] => {
            !a.bias
                && !b.bias
                && b.outputs == 1
                && matches!(a.activation, Activation::Identity)
                && matches!(b.activation, Activation::Identity)
        }
        _ => false,
    }
}
