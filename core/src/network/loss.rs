//! Losses of the outputs `f = net(x)`, with PyTorch's meaning, and their derivatives.
//!
//! One sample with outputs `f` and target `y` (O values, or a class label):
//!
//! | loss | l(f) | dl/df | d^2 l/df^2 = H |
//! |---|---|---|---|
//! | mse | sum (f - y)^2 | 2 (f - y) | 2 I |
//! | cross-entropy | -sum y ln p, p = softmax f | m p - y, m = sum y | m (diag p - p p^T) |
//! | bce | -sum y ln s + (1 - y) ln(1 - s), s = sigmoid f | s - y | diag s (1 - s) |
//!
//! The loss of a data set is `c sum_n l_n` with [`Loss::scale`] `c`: 1 for the sum; for the mean
//! 1 / (N O) (mse, bce) or 1 / N (cross-entropy), N counted over all mini-batches, so that nothing
//! depends on how the data is cut. Everything here is without c.
//!
//! [`Targets::Weighted`] gives each sample's loss a factor `s_n`, and with it its derivatives, roots
//! `sqrt s_n`. Class weights `w`, label smoothing `e` and labels that are ignored are a matter of the
//! targets alone ([`soft_label`]): with `y_c = w_c ((1 - e) [c = label] + e / O)` cross-entropy above
//! is PyTorch's. Its mean divides by the sum of the weights instead of N: give each `y_c`, or `s_n`,
//! the factor `N / sum_n w_label(n) s_n`.

use crate::error::{NetworkError, NonFiniteError, ShapeError};
use crate::matrix::{Mat, MatMut};
use crate::random::Rng;
use crate::scalar::Real;

/// The loss function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Loss {
    /// Squared error.
    Mse,
    /// Softmax cross-entropy of logits, with class labels or probabilities.
    CrossEntropy,
    /// Binary cross-entropy of logits, each output a problem of its own.
    Bce,
}

/// How the samples' losses become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reduction {
    /// PyTorch's mean: over samples, and for mse and bce over outputs too.
    Mean,
    /// The sum.
    Sum,
}

/// The targets of a batch.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Targets<'a, T> {
    /// Outputs x samples.
    Values(Mat<'a, T>),
    /// A class for each sample.
    Labels(&'a [u32]),
    /// Outputs x samples, and the factor of each sample's loss. With the feature `std`: the losses
    /// of a microcontroller are the smaller without.
    #[cfg(feature = "std")]
    Weighted {
        /// Outputs x samples.
        values: Mat<'a, T>,
        /// `s_n`, not negative.
        weights: &'a [T],
    },
}

impl<'a, T: Real> Targets<'a, T> {
    /// The targets of samples `from..from + samples`, none where they are not all there, as
    /// [`Mat::columns_range`].
    pub fn range(&self, from: usize, samples: usize) -> Self {
        match self {
            Self::Values(y) => Self::Values(y.columns_range(from, samples)),
            Self::Labels(labels) => {
                Self::Labels(labels.get(from..from + samples).unwrap_or_default())
            }
            #[cfg(feature = "std")]
            Self::Weighted { values, weights } => Self::Weighted {
                values: values.columns_range(from, samples),
                weights: weights.get(from..from + samples).unwrap_or_default(),
            },
        }
    }
}

impl Loss {
    /// `c` for `samples` samples in all of `outputs` outputs.
    pub fn scale<T: Real>(self, reduction: Reduction, samples: usize, outputs: usize) -> T {
        let terms = match (reduction, self) {
            (Reduction::Sum, _) => 1,
            (Reduction::Mean, Self::CrossEntropy) => samples,
            (Reduction::Mean, Self::Mse | Self::Bce) => samples * outputs,
        };
        T::ONE / T::from_usize(terms.max(1))
    }

    /// The loss terms a sample contributes to the mean: O for mse and bce, 1 for cross-entropy
    /// and for the sum.
    pub const fn terms(self, reduction: Reduction, outputs: usize) -> usize {
        match (reduction, self) {
            (Reduction::Mean, Self::Mse | Self::Bce) => outputs,
            _ => 1,
        }
    }

    /// `Ok` if the targets fit a batch of `samples` samples of `outputs` outputs.
    ///
    /// # Errors
    /// [`NetworkError::Shape`], [`NetworkError::NonFinite`], [`NetworkError::Labels`] for labels
    /// with a loss of values, [`NetworkError::Label`] for a class out of range.
    pub fn check<T: Real>(
        self,
        targets: Targets<'_, T>,
        outputs: usize,
        samples: usize,
    ) -> Result<(), NetworkError> {
        match targets {
            Targets::Values(y) => {
                y.check(("target rows", "target samples"), outputs, samples)?;
                Ok(NonFiniteError::check_matrix("targets", y)?)
            }
            #[cfg(feature = "std")]
            Targets::Weighted { values, weights } => {
                ShapeError::check("sample weights", samples, weights.len())?;
                NonFiniteError::check("sample weights", weights)?;
                self.check(Targets::Values(values), outputs, samples)
            }
            Targets::Labels(_) if self != Self::CrossEntropy => Err(NetworkError::Labels),
            Targets::Labels(labels) => {
                ShapeError::check("target samples", samples, labels.len())?;
                match labels.iter().position(|&c| c as usize >= outputs) {
                    None => Ok(()),
                    Some(sample) => Err(NetworkError::Label {
                        sample: crate::error::size(sample),
                        classes: crate::error::size(outputs),
                    }),
                }
            }
        }
    }

    /// `sum_n l_n` of outputs `f`, outputs x samples.
    ///
    /// # Errors
    /// Those of [`Loss::check`].
    pub fn value<T: Real>(self, f: Mat<'_, T>, targets: Targets<'_, T>) -> Result<T, NetworkError> {
        self.check(targets, f.rows(), f.cols())?;
        let mut sum = T::ZERO;
        for (n, f) in f.columns().enumerate() {
            sum += self.sample(f, targets, n);
        }
        Ok(sum)
    }

    /// `l_n`
    pub(crate) fn sample<T: Real>(self, f: &[T], targets: Targets<'_, T>, n: usize) -> T {
        let terms = f.iter().enumerate().map(|(o, f)| (*f, target(targets, o, n)));
        let loss = match self {
            Self::Mse => terms.fold(T::ZERO, |sum, (f, y)| sum + (f - y) * (f - y)),
            Self::CrossEntropy => {
                let log_sum = log_sum_exp(f);
                terms.fold(T::ZERO, |sum, (f, y)| sum + y * (log_sum - f))
            }
            // ln(1 + e^f) - y f, for f of any size.
            Self::Bce => terms.fold(T::ZERO, |sum, (f, y)| {
                sum + f.max(T::ZERO) - y * f + (-f.abs()).exp().ln_1p()
            }),
        };
        let mut loss = [loss];
        weigh(targets, n, &mut loss, false);
        loss[0]
    }

    /// `dl/df` of each sample, outputs x samples.
    ///
    /// # Errors
    /// Those of [`Loss::check`].
    pub fn gradient<T: Real>(
        self,
        f: Mat<'_, T>,
        targets: Targets<'_, T>,
        mut to: MatMut<'_, T>,
    ) -> Result<(), NetworkError> {
        self.check(targets, f.rows(), f.cols())?;
        to.as_ref().check(("gradient rows", "gradient samples"), f.rows(), f.cols())?;
        for (n, (f, to)) in f.columns().zip(to.columns()).enumerate() {
            self.sample_gradient(f, targets, n, to);
        }
        Ok(())
    }

    /// `dl/df` of sample `n`.
    pub(crate) fn sample_gradient<T: Real>(
        self,
        f: &[T],
        targets: Targets<'_, T>,
        n: usize,
        to: &mut [T],
    ) {
        if self == Self::CrossEntropy {
            softmax(f, to);
            let mass = mass(targets, n);
            for (o, to) in to.iter_mut().enumerate() {
                *to = mass * *to - target(targets, o, n);
            }
        } else {
            for (o, (f, to)) in f.iter().zip(&mut *to).enumerate() {
                let y = target(targets, o, n);
                *to = if self == Self::Mse { T::TWO * (*f - y) } else { sigmoid(*f) - y };
            }
        }
        weigh(targets, n, to, false);
    }

    /// `H_n v_n` of each sample, in place: `v` outputs x samples.
    ///
    /// # Errors
    /// Those of [`Loss::check`].
    pub fn hessian_product<T: Real>(
        self,
        f: Mat<'_, T>,
        targets: Targets<'_, T>,
        mut v: MatMut<'_, T>,
    ) -> Result<(), NetworkError> {
        self.check(targets, f.rows(), f.cols())?;
        v.as_ref().check(("vector rows", "vector samples"), f.rows(), f.cols())?;
        for (n, (f, v)) in f.columns().zip(v.columns()).enumerate() {
            match self {
                Self::Mse => v.iter_mut().for_each(|v| *v *= T::TWO),
                Self::CrossEntropy => {
                    // m (p .* v - p (p^T v)), p = e^(f - lse)
                    let log_sum = log_sum_exp(f);
                    let along = f
                        .iter()
                        .zip(&*v)
                        .fold(T::ZERO, |sum, (f, v)| sum + (*f - log_sum).exp() * *v);
                    let mass = mass(targets, n);
                    for (f, v) in f.iter().zip(&mut *v) {
                        *v = mass * (*f - log_sum).exp() * (*v - along);
                    }
                }
                Self::Bce => {
                    for (f, v) in f.iter().zip(&mut *v) {
                        let s = sigmoid(*f);
                        *v *= s * (T::ONE - s);
                    }
                }
            }
            weigh(targets, n, v, false);
        }
        Ok(())
    }

    /// Column `c` of each sample's `S` with `S S^T = H`, outputs x samples: the type-2 Fisher's
    /// backpropagated vectors.
    ///
    /// mse: `sqrt 2 e_c`; cross-entropy: `sqrt(m p_c) (e_c - p)`; bce: `sqrt(s_c (1 - s_c)) e_c`.
    ///
    /// # Errors
    /// Those of [`Loss::check`].
    pub fn hessian_root<T: Real>(
        self,
        f: Mat<'_, T>,
        targets: Targets<'_, T>,
        c: usize,
        mut to: MatMut<'_, T>,
    ) -> Result<(), NetworkError> {
        self.check(targets, f.rows(), f.cols())?;
        to.as_ref().check(("root rows", "root samples"), f.rows(), f.cols())?;
        for (n, (f, to)) in f.columns().zip(to.columns()).enumerate() {
            self.sample_root(f, targets, (n, c), to);
        }
        Ok(())
    }

    /// Column `c` of S of sample `n`.
    pub(crate) fn sample_root<T: Real>(
        self,
        f: &[T],
        targets: Targets<'_, T>,
        (n, c): (usize, usize),
        to: &mut [T],
    ) {
        let root = match self {
            Self::Mse => T::of(core::f64::consts::SQRT_2),
            Self::Bce => {
                let s = sigmoid(f.get(c).copied().unwrap_or(T::ZERO));
                (s * (T::ONE - s)).sqrt()
            }
            Self::CrossEntropy => {
                softmax(f, to);
                let p = to.get(c).copied().unwrap_or(T::ZERO);
                (mass(targets, n) * p).max(T::ZERO).sqrt()
            }
        };
        let others = if self == Self::CrossEntropy { -root } else { T::ZERO };
        to.iter_mut()
            .for_each(|p| *p = if self == Self::CrossEntropy { *p * others } else { others });
        if let Some(to) = to.get_mut(c) {
            *to += root;
        }
        weigh(targets, n, to, true);
    }

    /// A draw g of each sample with `E[g] = 0`, `E[g g^T] = H`, outputs x samples: the Monte
    /// Carlo Fisher's backpropagated vectors.
    ///
    /// mse: `N(0, 2 I)`; cross-entropy: `sqrt m (p - e_c)`, c drawn from p; bce: `s - b`, b drawn
    /// with probability s.
    ///
    /// # Errors
    /// Those of [`Loss::check`].
    pub fn draw<T: Real>(
        self,
        f: Mat<'_, T>,
        targets: Targets<'_, T>,
        rng: &mut Rng,
        mut to: MatMut<'_, T>,
    ) -> Result<(), NetworkError> {
        self.check(targets, f.rows(), f.cols())?;
        to.as_ref().check(("draw rows", "draw samples"), f.rows(), f.cols())?;
        for (n, (f, to)) in f.columns().zip(to.columns()).enumerate() {
            match self {
                Self::Mse => {
                    let deviation = T::TWO.sqrt();
                    to.iter_mut().for_each(|to| *to = deviation * rng.normal::<T>());
                }
                Self::CrossEntropy => {
                    softmax(f, to);
                    let (mut left, mut class) = (rng.uniform::<T>(), 0);
                    for (c, p) in to.iter().enumerate() {
                        class = c;
                        left -= *p;
                        if left < T::ZERO {
                            break;
                        }
                    }
                    if let Some(p) = to.get_mut(class) {
                        *p -= T::ONE;
                    }
                    let root = mass(targets, n).max(T::ZERO).sqrt();
                    to.iter_mut().for_each(|to| *to *= root);
                }
                Self::Bce => {
                    for (f, to) in f.iter().zip(&mut *to) {
                        let s = sigmoid(*f);
                        *to = if rng.uniform::<T>() < s { s - T::ONE } else { s };
                    }
                }
            }
            weigh(targets, n, to, true);
        }
        Ok(())
    }
}

/// Target `o` of sample `n`.
#[inline]
fn target<T: Real>(targets: Targets<'_, T>, o: usize, n: usize) -> T {
    match targets {
        Targets::Values(y) => y.at(o, n),
        #[cfg(feature = "std")]
        Targets::Weighted { values, .. } => values.at(o, n),
        Targets::Labels(labels) => match labels.get(n) {
            Some(&class) if class as usize == o => T::ONE,
            _ => T::ZERO,
        },
    }
}

/// `m`, the sum of a sample's target probabilities: 1 for a label.
fn mass<T: Real>(targets: Targets<'_, T>, n: usize) -> T {
    let sum = |y: &[T]| y.iter().fold(T::ZERO, |sum, y| sum + *y);
    match targets {
        Targets::Values(y) => sum(y.col(n)),
        #[cfg(feature = "std")]
        Targets::Weighted { values, .. } => sum(values.col(n)),
        Targets::Labels(_) => T::ONE,
    }
}

/// `v := s_n v`, or `sqrt s_n v`, if there is a weight.
#[inline]
fn weigh<T: Real>(targets: Targets<'_, T>, n: usize, v: &mut [T], root: bool) {
    #[cfg(feature = "std")]
    if let Targets::Weighted { weights, .. } = targets {
        let weight = weights.get(n).copied().unwrap_or(T::ZERO);
        let factor = if root { weight.sqrt() } else { weight };
        v.iter_mut().for_each(|v| *v *= factor);
    }
    #[cfg(not(feature = "std"))]
    let _ = (targets, n, v, root);
}

/// The targets of a label with class weights, smoothing and a factor of its own, as values:
/// `y_c = factor w_c ((1 - smoothing) [c = label] + smoothing / O)`, O as long as `y`; without
/// `weights` all `w_c` are 1. `label`: none for one that is ignored, whose targets are zeros.
///
/// ```
/// use nanocurv::network::soft_label;
///
/// let mut y = [0.0_f32; 4];
/// soft_label(Some(2), &[1.0, 1.0, 3.0, 1.0], 0.1, 1.0, &mut y);
/// assert!((y[2] - 3.0 * 0.925).abs() < 1e-6 && y[0] == 0.025);
/// ```
pub fn soft_label<T: Real>(
    label: Option<u32>,
    weights: &[T],
    smoothing: T,
    factor: T,
    y: &mut [T],
) {
    let even = smoothing / T::from_usize(y.len().max(1));
    for (c, y) in y.iter_mut().enumerate() {
        let weight = weights.get(c).copied().unwrap_or(T::ONE);
        let own = if label.is_some_and(|l| l as usize == c) { T::ONE - smoothing } else { T::ZERO };
        *y = if label.is_some() { factor * weight * (own + even) } else { T::ZERO };
    }
}

pub(crate) fn sigmoid<T: Real>(z: T) -> T {
    T::ONE / (T::ONE + (-z).exp())
}

/// `ln sum e^f`, for f of any size.
fn log_sum_exp<T: Real>(f: &[T]) -> T {
    let top = f.iter().fold(-T::MAX, |top, f| f.max(top));
    top + f.iter().fold(T::ZERO, |sum, f| sum + (*f - top).exp()).ln()
}

pub(crate) fn softmax<T: Real>(f: &[T], p: &mut [T]) {
    let log_sum = log_sum_exp(f);
    p.iter_mut().zip(f).for_each(|(p, f)| *p = (*f - log_sum).exp());
}
