//! Random vectors and orthonormal bases, what the estimators are made of.

use crate::linalg::{axpy, dot};
use crate::matrix::{Mat, MatMut};
use crate::random::Rng;
use crate::scalar::Real;

/// The distribution of a random test vector. Both have independent entries of mean 0, variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Probe {
    /// +1 or -1: the least variance for traces and diagonals.
    Rademacher,
    /// Standard normal.
    Normal,
}

impl Probe {
    /// Fills `v`.
    pub fn draw<T: Real>(self, rng: &mut Rng, v: &mut [T]) {
        match self {
            Self::Rademacher => v.iter_mut().for_each(|v| *v = rng.sign()),
            Self::Normal => v.iter_mut().for_each(|v| *v = rng.normal()),
        }
    }
}

/// Takes the components along the first `count` columns of `basis` out of `v`, twice (once is not
/// enough where they nearly cancel it); `take(i, c)` sees every component. Returns what is left of
/// the length.
pub(crate) fn orthogonalise<T: Real>(
    basis: Mat<'_, T>,
    count: usize,
    v: &mut [T],
    mut take: impl FnMut(usize, T),
) -> T {
    for _ in 0..2 {
        for (i, q) in basis.columns().take(count).enumerate() {
            let c = dot(q, v);
            axpy(-c, q, v);
            take(i, c);
        }
    }
    dot(v, v).sqrt()
}

/// `v / length`; zero where what is left is rounding, `length <= threshold`. Whether it is not.
pub(crate) fn normalise<T: Real>(v: &mut [T], length: T, threshold: T) -> bool {
    if length > threshold {
        let inverse = T::ONE / length;
        v.iter_mut().for_each(|v| *v *= inverse);
        true
    } else {
        v.fill(T::ZERO);
        false
    }
}

/// Column `col` of `to` becomes `from`.
pub(crate) fn store<T: Real>(from: &[T], mut to: MatMut<'_, T>, col: usize) {
    to.col(col).iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Mean and standard error of a stream of samples (Welford).
#[derive(Clone, Copy)]
pub(crate) struct Mean<T> {
    count: usize,
    mean: T,
    squares: T,
}

impl<T: Real> Mean<T> {
    pub(crate) const NONE: Self = Self { count: 0, mean: T::ZERO, squares: T::ZERO };

    pub(crate) fn add(&mut self, sample: T) {
        self.count += 1;
        let before = sample - self.mean;
        self.mean += before / T::from_usize(self.count);
        self.squares += before * (sample - self.mean);
    }

    pub(crate) const fn mean(&self) -> T {
        self.mean
    }

    /// Of the mean: `sqrt(variance / count)`.
    pub(crate) fn standard_error(&self) -> T {
        let (n, less) = (T::from_usize(self.count), T::from_usize(self.count.saturating_sub(1)));
        (self.squares / (n * less.max(T::ONE))).sqrt()
    }
}
