//! Raw units: a running mean and variance of each feature, where the sensor's scale is not known
//! before.
//!
//! ```text
//! w := rho w + 1,  d = x - m,  m := m + d / w,  v := v + (d (x - m) - v) / w
//! z = (x - m) / s,  s = sqrt v, or 1 where v = 0
//! first layer   W := W diag(1 / s),  b := b - W m           (the new W)
//! last layer    W := diag(s) W,      b := diag(s) b + m
//! ```
//! The mean and the variance (divided by the weight, not by one less) of all samples, or with
//! rho < 1 of the last `1 / (1 - rho)` or so; kept as the variance instead of the sum of squares, so
//! that a weight that has reached the end of f32's integers, 2^24, is a long forgetting and nothing
//! worse. B. Welford, Technometrics 4 (1962); D. West, CACM 22 (1979).

use super::error::StreamError;
use crate::error::{NonFiniteError, ShapeError, size};
use crate::network::{Layer, layer};
use crate::scalar::Real;
use crate::scratch::Carve;

/// The number of values of a [`Standardizer`]'s state: the weight, the means, the variances.
pub const fn standardizer_len(features: usize) -> usize {
    1 + 2 * features
}

/// The running mean and variance of each feature, of inputs or of targets.
///
/// ```
/// use nanocurv::stream::{Standardizer, standardizer_len};
///
/// let mut state = [0.0_f32; standardizer_len(2)];
/// let mut inputs = Standardizer::start(2, &mut state)?;
/// for x in [[1013.0, 20.0], [1009.0, 24.0], [1017.0, 22.0], [1013.0, 22.0]] {
///     inputs.update(&x)?;
/// }
/// let mut z = [1017.0, 22.0];
/// inputs.standardize(&mut z)?;
/// assert!((z[0] - 4.0 / 8.0_f32.sqrt()).abs() < 1e-5 && z[1].abs() < 1e-5);
/// # Ok::<(), nanocurv::stream::StreamError>(())
/// ```
#[derive(Debug)]
pub struct Standardizer<'s, T> {
    state: &'s mut [T],
    features: usize,
    forgetting: T,
}

impl<'s, T: Real> Standardizer<'s, T> {
    /// Before the first sample. `state`: [`standardizer_len`].
    ///
    /// # Errors
    /// [`StreamError::Shape`] if the state has another length.
    pub fn start(features: usize, state: &'s mut [T]) -> Result<Self, StreamError> {
        state.fill(T::ZERO);
        Self::resume(features, state)
    }

    /// Goes on from a state that an earlier one left.
    ///
    /// # Errors
    /// [`StreamError::Shape`], [`StreamError::NonFinite`] or [`StreamError::Negative`].
    pub fn resume(features: usize, state: &'s mut [T]) -> Result<Self, StreamError> {
        ShapeError::check("standardizer state", standardizer_len(features), state.len())?;
        NonFiniteError::check("standardizer state", state)?;
        let may_be_negative = 1..=features;
        match state.iter().enumerate().find(|(i, v)| **v < T::ZERO && !may_be_negative.contains(i))
        {
            Some((index, _)) => Err(StreamError::Negative { index: size(index) }),
            None => Ok(Self { state, features, forgetting: T::ONE }),
        }
    }

    /// The same with the forgetting factor rho.
    ///
    /// # Errors
    /// [`StreamError::Forgetting`] unless it is in (0, 1].
    pub fn with_forgetting(self, rho: T) -> Result<Self, StreamError> {
        if rho > T::ZERO && rho <= T::ONE {
            Ok(Self { forgetting: rho, ..self })
        } else {
            Err(StreamError::Forgetting)
        }
    }

    /// The numbers, for [`Standardizer::resume`].
    pub const fn state(&self) -> &[T] {
        self.state
    }

    /// `w`, the samples that count.
    pub fn weight(&self) -> T {
        self.state.first().copied().unwrap_or(T::ZERO)
    }

    /// `m`, a value a feature.
    pub fn mean(&self) -> &[T] {
        self.state.part(1..).cut(self.features).0
    }

    /// `v`, a value a feature.
    pub fn variance(&self) -> &[T] {
        self.state.part(1..).cut(self.features).1
    }

    /// Takes in one sample.
    ///
    /// # Errors
    /// [`StreamError::Shape`], or [`StreamError::NonFinite`] if a value is not finite or its variance
    /// would not be. Nothing has changed then.
    pub fn update(&mut self, x: &[T]) -> Result<(), StreamError> {
        ShapeError::check("sample", self.features, x.len())?;
        NonFiniteError::check("sample", x)?;
        let beyond = |(x, m): (&T, &T)| !((*x - *m) * (*x - *m)).is_finite();
        if let Some(index) = x.iter().zip(self.mean()).position(beyond) {
            return Err(NonFiniteError { what: "variance", index: size(index) }.into());
        }
        let Some((weight, moments)) = self.state.split_first_mut() else { return Ok(()) };
        let (mean, variance) = moments.cut_mut(self.features);
        *weight = self.forgetting * *weight + T::ONE;
        let share = T::ONE / *weight;
        for ((x, m), v) in x.iter().zip(mean).zip(variance) {
            let d = *x - *m;
            *m += d * share;
            *v += (d * (*x - *m) - *v) * share;
            // The last bits may be negative.
            *v = v.max(T::ZERO);
        }
        Ok(())
    }

    /// `z = (x - m) / s` in place, of one sample or of several, one behind the other.
    ///
    /// # Errors
    /// [`StreamError::Shape`] unless these are whole samples.
    pub fn standardize(&self, x: &mut [T]) -> Result<(), StreamError> {
        self.each(x, |x, m, s| *x = (*x - m) / s)
    }

    /// `x = m + s z` in place, of one sample or of several: predictions in the targets' units.
    ///
    /// # Errors
    /// [`StreamError::Shape`] unless these are whole samples.
    pub fn restore(&self, z: &mut [T]) -> Result<(), StreamError> {
        self.each(z, |z, m, s| *z = m + s * *z)
    }

    /// `s^2 v` in place: variances of predictions in the targets' units.
    ///
    /// # Errors
    /// [`StreamError::Shape`] unless these are whole samples.
    pub fn restore_variance(&self, variance: &mut [T]) -> Result<(), StreamError> {
        self.each(variance, |v, _, s| *v = *v * s * s)
    }

    fn each(&self, x: &mut [T], f: impl Fn(&mut T, T, T)) -> Result<(), StreamError> {
        let over = x.len().checked_rem(self.features).unwrap_or(x.len());
        ShapeError::check("samples", x.len() - over, x.len())?;
        for x in x.chunks_exact_mut(self.features.max(1)) {
            for (x, (m, s)) in x.iter_mut().zip(self.moments()) {
                f(x, m, s);
            }
        }
        Ok(())
    }

    /// `(m, s)` of each feature.
    fn moments(&self) -> impl Iterator<Item = (T, T)> {
        self.mean().iter().zip(self.variance()).map(|(m, v)| {
            let s = if *v > T::ZERO { v.sqrt() } else { T::ONE };
            (*m, s)
        })
    }

    /// Folds this standardiser of the inputs into the first layer, so that the network takes them
    /// raw. `theta`: all parameters of the network, in the standard parameterisation.
    ///
    /// # Errors
    /// [`StreamError::Shape`], [`StreamError::NoBias`] if the first layer has none and a mean is not
    /// zero, [`StreamError::NonFinite`] with the output whose parameters would not be finite. Nothing has changed then.
    pub fn fold_inputs(&self, layers: &[Layer], theta: &mut [T]) -> Result<(), StreamError> {
        ShapeError::check("theta", layer::params(layers), theta.len())?;
        ShapeError::check("inputs", layer::inputs(layers), self.features)?;
        let Some(first) = layers.first() else { return Ok(()) };
        self.check_bias(first.bias, 0)?;
        let own = theta.part_mut(..first.params());
        let (weights, bias) = own.cut_mut(first.inputs * first.outputs);
        let beyond = |(o, w): (usize, &[T])| {
            let b = bias.get(o).copied().unwrap_or(T::ZERO);
            let mut scaled = w.iter().zip(self.moments()).map(|(w, (_, s))| *w / s);
            !((b - self.shift(w)).is_finite() && scaled.all(T::is_finite))
        };
        check_rows(weights.chunks_exact(first.inputs.max(1)).enumerate().position(beyond))?;
        let mut bias = bias.iter_mut();
        for w in weights.chunks_exact_mut(first.inputs.max(1)) {
            let shift = self.shift(w);
            bias.by_ref().take(1).for_each(|b| *b -= shift);
            w.iter_mut().zip(self.moments()).for_each(|(w, (_, s))| *w /= s);
        }
        Ok(())
    }

    /// Folds this standardiser of the targets into the last layer, so that the network predicts in
    /// their units. `theta`: as in [`Standardizer::fold_inputs`].
    ///
    /// # Errors
    /// As there, of the last layer.
    pub fn fold_outputs(&self, layers: &[Layer], theta: &mut [T]) -> Result<(), StreamError> {
        ShapeError::check("theta", layer::params(layers), theta.len())?;
        ShapeError::check("outputs", layer::outputs(layers), self.features)?;
        let Some(last) = layers.last() else { return Ok(()) };
        self.check_bias(last.bias, layers.len() - 1)?;
        let own = theta.part_mut(layer::params(layers) - last.params()..);
        let (weights, bias) = own.cut_mut(last.inputs * last.outputs);
        let beyond = |(o, (w, (m, s))): (usize, (&[T], (T, T)))| {
            let b = bias.get(o).copied().unwrap_or(T::ZERO);
            !((b * s + m).is_finite() && w.iter().all(|w| (*w * s).is_finite()))
        };
        let rows = weights.chunks_exact(last.inputs.max(1)).zip(self.moments());
        check_rows(rows.enumerate().position(beyond))?;
        for (w, (_, s)) in weights.chunks_exact_mut(last.inputs.max(1)).zip(self.moments()) {
            w.iter_mut().for_each(|w| *w *= s);
        }
        bias.iter_mut().zip(self.moments()).for_each(|(b, (m, s))| *b = *b * s + m);
        Ok(())
    }

    /// `sum_i w_i m_i / s_i`
    fn shift(&self, w: &[T]) -> T {
        w.iter().zip(self.moments()).fold(T::ZERO, |sum, (w, (m, s))| sum + *w / s * m)
    }

    fn check_bias(&self, bias: bool, layer: usize) -> Result<(), StreamError> {
        if bias || self.mean().iter().all(|m| *m == T::ZERO) {
            Ok(())
        } else {
            Err(StreamError::NoBias { layer: size(layer) })
        }
    }
}

/// The error of the row of a layer whose parameters would not be finite.
fn check_rows(beyond: Option<usize>) -> Result<(), NonFiniteError> {
    match beyond {
        Some(row) => Err(NonFiniteError { what: "a row of the folded layer", index: size(row) }),
        None => Ok(()),
    }
}
