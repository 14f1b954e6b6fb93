//! Moving averages that are right from the first value on.
//!
//! ```text
//! w := d w + 1,  mean := (1 - 1/w) mean + (1/w) y        so  mean = sum_i d^i y_i / sum_i d^i
//! ```
//! The normalised form of zero-debias: no 0/0, and what is stored can be read. d = 0 keeps the
//! last value, d = 1 averages all. (kfac-jax stores the same; tf/kfac sum and weight.)

use super::error::KfacError;
use crate::matrix::MatMut;
use crate::scalar::Real;

/// The weight and the count of a moving average; the mean lives with the caller. One for all
/// statistics that must stay consistent, C0 and C1 of a series for instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MovingAverage<T> {
    /// d in `[0, 1]`.
    pub decay: T,
    /// `sum_i d^i` over the values so far.
    pub weight: T,
    /// The number of values so far.
    pub count: u32,
}

/// The shares of the old mean and of the new value in the new mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares<T> {
    /// Of the old mean; 0 at the first value.
    pub old: T,
    /// Of the new value; 1 at the first value.
    pub new: T,
}

impl<T: Real> MovingAverage<T> {
    /// No values yet.
    pub const fn new(decay: T) -> Self {
        Self { decay, weight: T::ZERO, count: 0 }
    }

    /// Counts one value and gives the shares with which to mix it in.
    pub fn update(&mut self) -> Shares<T> {
        self.weight = self.decay * self.weight + T::ONE;
        let new = T::ONE / self.weight;
        let old = if self.count == 0 { T::ZERO } else { T::ONE - new };
        self.count = self.count.saturating_add(1);
        Shares { old, new }
    }

    /// `Ok` if there is a mean to read.
    ///
    /// # Errors
    /// [`KfacError::BeforeFirstUpdate`].
    pub const fn check(&self) -> Result<(), KfacError> {
        if self.count == 0 { Err(KfacError::BeforeFirstUpdate) } else { Ok(()) }
    }
}

impl<T: Real> Shares<T> {
    /// `mean := old mean + new value`; the old mean is not read at the first value.
    pub fn mix(&self, mean: &mut [T], value: &[T]) {
        for (mean, value) in mean.iter_mut().zip(value) {
            let old = if self.old == T::ZERO { T::ZERO } else { self.old * *mean };
            *mean = old + self.new * *value;
        }
    }

    /// `mean := old mean + new (value + value^T) / 2`, symmetric whatever `value` is.
    pub fn mix_symmetric(&self, mut mean: MatMut<'_, T>, value: crate::matrix::Mat<'_, T>) {
        for (j, mean) in mean.columns().enumerate() {
            for (i, mean) in mean.iter_mut().enumerate() {
                let old = if self.old == T::ZERO { T::ZERO } else { self.old * *mean };
                *mean = old + self.new * T::HALF * (value.at(i, j) + value.at(j, i));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_the_weighted_mean_of_the_values_from_the_first_on() {
        for decay in [0.0, 0.5, 0.95, 1.0] {
            let (mut average, mut mean) = (MovingAverage::new(decay), [f64::NAN]);
            let (mut sum, mut weight) = (0.0, 0.0);
            assert_eq!(average.check(), Err(KfacError::BeforeFirstUpdate));
            for y in [3.0, -1.0, 0.25, 8.0, 8.0] {
                average.update().mix(&mut mean, &[y]);
                (sum, weight) = (decay * sum + y, decay * weight + 1.0);
                assert!((mean[0] - sum / weight).abs() < 1e-14);
            }
            assert_eq!(average.count, 5);
        }
    }

    #[test]
    fn a_symmetric_mean_of_what_is_not() {
        let (mut average, mut mean) = (MovingAverage::new(0.5), [f64::NAN; 4]);
        let value = crate::Mat::of(&[1.0, 2.0, 4.0, 1.0], 2, 2);
        average.update().mix_symmetric(MatMut::of(&mut mean, 2, 2), value);
        assert_eq!(mean, [1.0, 3.0, 3.0, 1.0]);
    }
}
