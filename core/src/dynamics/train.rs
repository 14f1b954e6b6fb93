//! Full-batch gradient descent on a two-layer linear network.
//!
//! ```text
//! w  = W1^T w2^T                      total weight, d
//! g  = X^T (y - X w)                  d
//! W1 += 2 eta1 w2^T g^T               h x d    both from the old values
//! w2 += 2 eta2 (W1 g)^T               1 x h
//! ```
//! Cost per step: `2 n d + 3 h d` multiply-adds in two passes over `W1`, nothing allocated.

use super::{DynamicsError, Rates, check_data};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::dot;
use crate::matrix::{Mat, MatMut};
use crate::network::{Activation, AsMat, Layer, Network};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Scratch;
use nalgebra::{SMatrix, SVector};

/// A two-layer linear network under training, in the caller's memory.
///
/// `W1` is kept `h x d` with one column per input, so that both passes run along the hidden units.
#[derive(Debug)]
pub struct TwoLayer<'a, T> {
    first: MatMut<'a, T>,
    second: &'a mut [T],
    total: &'a mut [T],
    gradient: &'a mut [T],
    ascent: &'a mut [T],
    iteration: u64,
}

/// The scratch of [`TwoLayer::new`] for `inputs` and `hidden` units.
pub const fn two_layer_scratch(inputs: usize, hidden: usize) -> usize {
    hidden * inputs + 2 * hidden + 2 * inputs
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
        let mut network = Self {
            first: scratch.matrix(hidden, inputs)?,
            second: scratch.take(hidden)?,
            ascent: scratch.take(hidden)?,
            total: scratch.take(inputs)?,
            gradient: scratch.take(inputs)?,
            iteration: 0,
        };
        let (rows, second) = theta.split_at_checked(hidden * inputs).unwrap_or((&[], &[]));
        for (k, row) in rows.chunks_exact(inputs.max(1)).enumerate() {
            for (column, weight) in network.first.columns().zip(row) {
                if let Some(entry) = column.get_mut(k) {
                    *entry = *weight;
                }
            }
        }
        network.second.iter_mut().zip(second).for_each(|(to, from)| *to = *from);
        network.sum_up();
        Ok(network)
    }

    /// `w = W1^T w2^T`
    #[inline]
    fn sum_up(&mut self) {
        for (total, column) in self.total.iter_mut().zip(self.first.as_ref().columns()) {
            *total = dot(column, self.second);
        }
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
        rates.check()?;
        let (eta1, eta2) = (T::TWO * rates.first, T::TWO * rates.second);
        for _ in 0..iterations {
            self.step(x, y, eta1, eta2);
            self.iteration += 1;
            // 0 * w is NaN as soon as one entry is not finite.
            let finite = self.total.iter().fold(T::ZERO, |sum, w| sum + T::ZERO * *w);
            if finite != T::ZERO {
                return Err(DynamicsError::Diverged { iteration: self.iteration });
            }
        }
        Ok(())
    }

    #[inline]
    fn step(&mut self, x: Mat<'_, T>, y: &[T], eta1: T, eta2: T) {
        residual_gradient(x, y, self.total, self.gradient);
        self.ascent.fill(T::ZERO);
        for (column, g) in self.first.columns().zip(self.gradient.iter()) {
            let (g, pull) = (*g, eta1 * *g);
            for ((w1, ascent), w2) in
                column.iter_mut().zip(self.ascent.iter_mut()).zip(self.second.iter())
            {
                *ascent += g * *w1;
                *w1 += pull * *w2;
            }
        }
        for (w2, ascent) in self.second.iter_mut().zip(self.ascent.iter()) {
            *w2 += eta2 * *ascent;
        }
        self.sum_up();
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

    /// `W1` as `h x d`.
    #[inline]
    pub const fn first(&self) -> Mat<'_, T> {
        self.first.as_ref()
    }

    /// `w2` (`h`).
    #[inline]
    pub const fn second(&self) -> &[T] {
        self.second
    }

    /// `|W1|_F` over the inputs `from..to`, e.g. all of them or the strong half.
    pub fn first_norm(&self, from: usize, to: usize) -> T {
        let columns = self.first.as_ref();
        let mut sum = T::ZERO;
        for column in columns.columns().skip(from).take(to.saturating_sub(from)) {
            sum += dot(column, column);
        }
        sum.sqrt()
    }

    /// `|w2|`
    pub fn second_norm(&self) -> T {
        dot(self.second, self.second).sqrt()
    }

    /// Writes the weights in PyTorch's order (see [`two_layer_params`]).
    ///
    /// # Errors
    /// A wrong length of `theta`.
    pub fn write_to(&self, theta: &mut [T]) -> Result<(), ShapeError> {
        let (inputs, hidden) = (self.total.len(), self.second.len());
        ShapeError::check("theta", two_layer_params(inputs, hidden), theta.len())?;
        let (rows, second) =
            theta.split_at_mut_checked(hidden * inputs).unwrap_or((&mut [], &mut []));
        for (k, row) in rows.chunks_exact_mut(inputs.max(1)).enumerate() {
            for (j, weight) in row.iter_mut().enumerate() {
                *weight = self.first.at(k, j);
            }
        }
        second.iter_mut().zip(self.second.iter()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

/// `g = X^T (y - X w)`, sample by sample.
#[inline]
pub(crate) fn residual_gradient<T: Real>(x: Mat<'_, T>, y: &[T], w: &[T], g: &mut [T]) {
    g.fill(T::ZERO);
    for (sample, y) in x.columns().zip(y) {
        let mut residual = *y;
        sample.iter().zip(w.iter()).for_each(|(x, w)| residual -= *x * *w);
        g.iter_mut().zip(sample).for_each(|(g, x)| *g += residual * *x);
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
    let (rows, second) = theta.split_at_mut_checked(hidden * inputs).unwrap_or((&mut [], &mut []));
    let (z, others) = rows.split_at_mut_checked(inputs).unwrap_or((&mut [], &mut []));
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

/// The typed front of [`TwoLayer`]: trains `w1` (`H x D`) and `w2` in place on `x` (`D x N`).
///
/// ```
/// use nanocurv::dynamics::{Rates, train::train_two_layer};
/// use nalgebra::{SMatrix, SVector};
///
/// let x = SMatrix::<f64, 2, 3>::new(1.0, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let y = SVector::<f64, 3>::new(1.0, -1.0, 1.0); // x_1 - x_2
/// let mut w1 = SMatrix::<f64, 4, 2>::repeat(0.1);
/// let mut w2 = SVector::<f64, 4>::repeat(0.1);
/// train_two_layer(&x, &y, Rates::same(0.02), 2000, &mut w1, &mut w2)?;
/// let w = w1.tr_mul(&w2);
/// assert!((w - nalgebra::Vector2::new(1.0, -1.0)).norm() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`TwoLayer::train`].
pub fn train_two_layer<T: Real, const D: usize, const N: usize, const H: usize>(
    x: &SMatrix<T, D, N>,
    y: &SVector<T, N>,
    rates: Rates<T>,
    iterations: u64,
    w1: &mut SMatrix<T, H, D>,
    w2: &mut SVector<T, H>,
) -> Result<(), DynamicsError> {
    const { assert!(D > 0 && H > 0, "a two-layer network has at least one input and hidden unit") };
    let (mut total, mut gradient, mut ascent) = ([T::ZERO; D], [T::ZERO; D], [T::ZERO; H]);
    NonFiniteError::check("w1", w1.as_slice())?;
    NonFiniteError::check("w2", w2.as_slice())?;
    let mut network = TwoLayer {
        first: w1.into(),
        second: w2.as_mut_slice(),
        total: &mut total,
        gradient: &mut gradient,
        ascent: &mut ascent,
        iteration: 0,
    };
    network.sum_up();
    network.train(x.into(), y.as_slice(), rates, iterations)
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

/// The front of [`TwoLayer`] for a network named by [`mlp!`](crate::mlp): trains `theta` in place on
/// a batch of `B` samples. The scratch is [`two_layer_scratch`] of the network's inputs and hidden
/// units; a network that is not two linear layers without biases does not compile.
///
/// ```
/// use nanocurv::dynamics::{Rates, train::{train_network, two_layer_scratch}};
/// use nanocurv::{mlp, network::Network};
/// use nalgebra::{SMatrix, SVector};
///
/// mlp! { Student: 2 => 4 identity => 1, no bias }
///
/// let x = SMatrix::<f64, 2, 3>::new(1.0, 0.0, 2.0, 0.0, 1.0, 1.0);
/// let y = SVector::<f64, 3>::new(1.0, -1.0, 1.0);
/// let mut theta = [0.1; Student::PARAMS];
/// let mut scratch = [0.0; two_layer_scratch(2, 4)];
/// train_network(Student, &x, &y, Rates::same(0.02), 2000, &mut theta, &mut scratch)?;
/// let total = (0..4).map(|k| theta[2 * k] * theta[8 + k]).sum::<f64>();
/// assert!((total - 1.0).abs() < 1e-9);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// As [`TwoLayer::train`].
pub fn train_network<T: Real, N: Network, const B: usize>(
    _network: N,
    x: &N::Inputs<T, B>,
    y: &SVector<T, B>,
    rates: Rates<T>,
    iterations: u64,
    theta: &mut N::Theta<T>,
    scratch: &mut [T],
) -> Result<(), DynamicsError> {
    const {
        assert!(
            is_two_layer_linear(N::LAYERS),
            "the two-layer dynamics are of `d => h identity => 1, no bias`"
        );
    };
    let hidden = N::LAYERS.first().map_or(0, |layer| layer.outputs);
    let mut trained = TwoLayer::new(theta.as_ref(), N::INPUTS, hidden, scratch)?;
    let result = trained.train(x.as_mat(), y.as_slice(), rates, iterations);
    trained.write_to(theta.as_mut())?;
    result
}
