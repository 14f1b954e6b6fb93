//! The last layer of a regression, carried on sample by sample: recursive least squares.
//!
//! ```text
//! P^-1 = U diag(D) U^T       a: homogeneous features, sigma^2: the noise, rho: the forgetting factor
//! s = P^-1 a,  k = s / (sigma^2 + a^T s),  W := W + (y - W a) k^T,  P^-1 := (P^-1 - k s^T) / rho
//! ```
//! After n samples with rho = 1 it is the ridge solution of all n, in any order. One U and D serve
//! every output. Updating the factors instead of P^-1 costs 1.5 n^2 multiply-accumulates, as the
//! plain form does, and no variance can turn negative by rounding: D stays positive by
//! construction. G. Bierman, "Measurement updating using the U-D factorization", Automatica 12
//! (1976).
//!
//! Layout: the columns of U from its top to the diagonal, one after the other, D in the diagonal's
//! place.

use super::error::LaplaceError;
use super::prior::{inverse_noise, positive};
use crate::error::{NonFiniteError, ShapeError, size};
use crate::linalg::{axpy, dot};
use crate::matrix::Mat;
use crate::network::{Layer, Scale};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The number of values of the state for a last layer.
pub const fn stream_len(last: &Layer) -> usize {
    let n = last.homogeneous_inputs();
    n * (n + 1) / 2
}

/// Scratch of [`Stream::update`] and [`Stream::predict`].
pub const fn stream_scratch(last: &Layer) -> usize {
    2 * last.homogeneous_inputs() + last.outputs
}

/// The state of recursive least squares on the last layer of a network.
#[derive(Debug)]
pub struct Stream<'s, T> {
    state: &'s mut [T],
    last: Layer,
    scale: Scale<T>,
    noise: T,
    forgetting: T,
}

/// What the last layer said of a sample before it learned from it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Innovation<T> {
    /// `sigma^2 + a^T P^-1 a`, the variance of an observation.
    pub variance: T,
    /// The mean over the outputs of `(y - f)^2 / variance`.
    pub novelty: T,
}

impl<'s, T: Real> Stream<'s, T> {
    /// Starts from the prior, `P = delta I`. `state`: [`stream_len`]; `sigma`: the noise.
    ///
    /// # Errors
    /// [`LaplaceError::PriorPrecision`], [`LaplaceError::Noise`], [`LaplaceError::Shape`].
    pub fn start(
        last: &Layer,
        precision: T,
        sigma: T,
        state: &'s mut [T],
    ) -> Result<Self, LaplaceError> {
        if !positive(precision) || !positive(T::ONE / precision) {
            return Err(LaplaceError::PriorPrecision { index: 0 });
        }
        ShapeError::check("stream state", stream_len(last), state.len())?;
        state.fill(T::ZERO);
        for (j, column) in columns_mut(state).take(last.homogeneous_inputs()).enumerate() {
            if let Some(d) = column.get_mut(j) {
                *d = T::ONE / precision;
            }
        }
        Self::resume(last, sigma, state)
    }

    /// Goes on from a state that an earlier stream left.
    ///
    /// # Errors
    /// [`LaplaceError::Noise`], [`LaplaceError::Shape`], a state that is not finite, or
    /// [`LaplaceError::Indefinite`] with the index of a variance that is not positive.
    pub fn resume(last: &Layer, sigma: T, state: &'s mut [T]) -> Result<Self, LaplaceError> {
        ShapeError::check("stream state", stream_len(last), state.len())?;
        NonFiniteError::check("stream state", state)?;
        inverse_noise(sigma)?;
        let negative =
            columns(state).position(|column| column.last().is_none_or(|d| !positive(*d)));
        if let Some(index) = negative {
            return Err(LaplaceError::Indefinite { layer: 0, index: size(index) });
        }
        let (scale, noise) = (Scale::STANDARD, sigma * sigma);
        Ok(Self { state, last: *last, scale, noise, forgetting: T::ONE })
    }

    /// The same for a layer with scales: those of the network.
    pub fn with_scale(self, scale: Scale<T>) -> Self {
        Self { scale, ..self }
    }

    /// The same with the forgetting factor rho.
    ///
    /// # Errors
    /// [`LaplaceError::Forgetting`] unless it is in (0, 1].
    pub fn with_forgetting(self, rho: T) -> Result<Self, LaplaceError> {
        if rho > T::ZERO && rho <= T::ONE {
            Ok(Self { forgetting: rho, ..self })
        } else {
            Err(LaplaceError::Forgetting)
        }
    }

    /// The numbers, for [`Stream::resume`].
    pub const fn state(&self) -> &[T] {
        self.state
    }

    /// The outputs at `features` and `a^T P^-1 a`, the variance of each. `theta`: the last layer's
    /// parameters, its weights row-major and its bias: the tail of the network's; `scratch`:
    /// [`stream_scratch`].
    ///
    /// # Errors
    /// [`LaplaceError`] if a size does not fit.
    pub fn predict(
        &self,
        theta: &[T],
        features: &[T],
        mean: &mut [T],
        scratch: &mut [T],
    ) -> Result<T, LaplaceError> {
        let (inputs, outputs) = (self.last.inputs, self.last.outputs);
        ShapeError::check("last layer's parameters", self.last.params(), theta.len())?;
        ShapeError::check("mean", outputs, mean.len())?;
        let mut scratch = Scratch::new(scratch, stream_scratch(&self.last))?;
        let a = self.homogeneous(features, &mut scratch)?;
        NonFiniteError::check("features", a)?;
        let (weights, bias) = theta.cut(inputs * outputs);
        forward(Mat::of(weights, inputs, outputs), bias, a, mean);
        let spread = columns(self.state).fold(T::ZERO, |sum, column| {
            let (d, f) = projection(column, a);
            sum + d * f * f
        });
        Ok(spread)
    }

    /// Learns from one sample: moves the last layer's parameters, `theta`, and the state. `target`:
    /// a value an output; `scratch`: [`stream_scratch`].
    ///
    /// # Errors
    /// [`LaplaceError::WindUp`] where forgetting would take a variance out of the numbers,
    /// [`LaplaceError::NonFinite`] for a sample that is not finite, or whose variance or residual
    /// is not; sizes that do not fit. Nothing has changed then.
    pub fn update(
        &mut self,
        features: &[T],
        target: &[T],
        theta: &mut [T],
        scratch: &mut [T],
    ) -> Result<Innovation<T>, LaplaceError> {
        let (n, m) = (self.last.homogeneous_inputs(), self.last.outputs);
        ShapeError::check("last layer's parameters", self.last.params(), theta.len())?;
        ShapeError::check("target", m, target.len())?;
        let mut scratch = Scratch::new(scratch, stream_scratch(&self.last))?;
        let a = self.homogeneous(features, &mut scratch)?;
        let (gain, error) = (scratch.take(n)?, scratch.take(m)?);
        let (weights, bias) = theta.cut_mut(self.last.inputs * m);
        forward(Mat::of(weights, self.last.inputs, m), bias, a, error);
        error.iter_mut().zip(target).for_each(|(e, y)| *e = *y - *e);
        let squares = error.iter().fold(T::ZERO, |sum, e| sum + *e * *e);
        if !squares.is_finite() {
            NonFiniteError::check("target", target)?;
            NonFiniteError::check("features", a)?;
            NonFiniteError::check("residual", error)?;
        }
        self.project(a, gain)?;
        // The sigma^2 + the variances of the directions so far; `gain` holds U^T a, and in what
        // has been passed collects P^-1 a.
        let mut total = self.noise;
        let keep = T::ONE / self.forgetting;
        for (j, column) in columns_mut(self.state).enumerate() {
            let (passed, here) = gain.cut_mut(j);
            let (Some((d, u)), Some(here)) = (column.split_last_mut(), here.first_mut()) else {
                break;
            };
            let f = *here;
            let v = *d * f;
            let before = total;
            total += f * v;
            let lambda = -f / before;
            *d *= before / total * keep;
            for (u, g) in u.iter_mut().zip(passed) {
                let old = *u;
                *u = old + lambda * *g;
                *g += old * v;
            }
            *here = v;
        }
        let (of_weights, of_bias) = gain.cut(self.last.inputs);
        for (o, (row, e)) in
            weights.chunks_exact_mut(self.last.inputs.max(1)).zip(&*error).enumerate()
        {
            let step = *e / total;
            axpy(step, of_weights, row);
            if let (Some(b), Some(k)) = (bias.get_mut(o), of_bias.first()) {
                *b += step * *k;
            }
        }
        Ok(Innovation { variance: total, novelty: squares / (total * T::from_usize(m)) })
    }

    /// `(s x, t)`
    fn homogeneous<'c>(
        &self,
        features: &[T],
        scratch: &mut Scratch<'c, T>,
    ) -> Result<&'c [T], LaplaceError> {
        ShapeError::check("features", self.last.inputs, features.len())?;
        let a = scratch.take(self.last.homogeneous_inputs())?;
        let with_bias = features.iter().map(|x| self.scale.weight * *x).chain([self.scale.bias]);
        a.iter_mut().zip(with_bias).for_each(|(a, v)| *a = v);
        Ok(a)
    }

    /// `to := U^T a`, unless a number would leave the numbers in the update by it.
    fn project(&self, a: &[T], to: &mut [T]) -> Result<(), LaplaceError> {
        let (mut total, mut least, mut most, mut longest) = (self.noise, T::MAX, T::ZERO, T::ZERO);
        for (column, to) in columns(self.state).zip(to) {
            let (d, f) = projection(column, a);
            *to = f;
            total += d * f * f;
            least = least.min(d);
            most = most.max(d);
            longest = longest.max(f.abs());
        }
        // Far from the ends of the numbers, as nearly always, one bound serves all directions.
        let steepest = longest / self.noise;
        let within =
            total.is_finite() && steepest.is_finite() && least * (self.noise / total) > T::ZERO;
        if within && (self.forgetting == T::ONE || most <= self.forgetting * most_variance()) {
            return Ok(());
        }
        self.refuse(a)
    }

    /// The error of the direction whose numbers would leave the numbers, if one's do.
    #[cold]
    fn refuse(&self, a: &[T]) -> Result<(), LaplaceError> {
        NonFiniteError::check("features", a)?;
        let mut total = self.noise;
        for (j, column) in columns(self.state).enumerate() {
            let (d, f) = projection(column, a);
            let before = total;
            total += d * f * f;
            let kept = d * (before / total);
            if !(total.is_finite() && (f / before).is_finite() && positive(kept)) {
                return Err(NonFiniteError { what: "variance", index: size(j) }.into());
            }
            if self.forgetting != T::ONE && kept > self.forgetting * most_variance() {
                return Err(LaplaceError::WindUp { index: size(j) });
            }
        }
        Ok(())
    }
}

/// No variance grows beyond it by forgetting.
fn most_variance<T: Real>() -> T {
    T::ONE / (T::EPSILON * T::EPSILON)
}

/// `D_j` and `u_j^T a`
fn projection<T: Real>(column: &[T], a: &[T]) -> (T, T) {
    let Some((d, u)) = column.split_last() else { return (T::ZERO, T::ZERO) };
    let (above, here) = a.cut(u.len());
    (*d, dot(u, above) + here.first().copied().unwrap_or(T::ZERO))
}

/// `f = W a`
fn forward<T: Real>(weights: Mat<'_, T>, bias: &[T], a: &[T], to: &mut [T]) {
    let (x, t) = a.cut(weights.rows());
    let t = t.first().copied().unwrap_or(T::ZERO);
    for (o, (to, w)) in to.iter_mut().zip(weights.columns()).enumerate() {
        *to = dot(w, x) + t * bias.get(o).copied().unwrap_or(T::ZERO);
    }
}

/// The packed columns of the upper triangle.
fn columns<T>(state: &[T]) -> impl Iterator<Item = &[T]> {
    let (mut rest, mut len) = (state, 0);
    core::iter::from_fn(move || {
        len += 1;
        let (column, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(column)
    })
}

/// The same, to write to.
fn columns_mut<T>(state: &mut [T]) -> impl Iterator<Item = &mut [T]> {
    let (mut rest, mut len) = (state, 0);
    core::iter::from_fn(move || {
        len += 1;
        let (column, after) = core::mem::take(&mut rest).split_at_mut_checked(len)?;
        rest = after;
        Some(column)
    })
}
