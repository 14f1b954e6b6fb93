//! The risk of early-stopped linear regression, and the turning points of any curve.
//!
//! ```text
//! R(k) = s2 + sum_i [ sigma_i^2 theta_i^2 q_i^2k + (s2 / n) (1 - q_i^k)^2 ],   q_i = 1 - eta_i sigma_i^2
//! ```
//! `k` steps of gradient descent from 0 on half the mean of squares, independent features of
//! standard deviation `sigma_i`, teacher `theta_i`, noise variance `s2`, `n` samples, many more
//! than features. Each feature is U-shaped with the clock `eta_i sigma_i^2`; different clocks make
//! epoch-wise double descent, equal ones remove it. Source: Heckel and Yilmaz, "Early Stopping in
//! Deep Networks: Double Descent and How to Eliminate it" (2020), theorem 1.
//!
//! Cost: `5 d` multiply-adds per step. The functions give the *excess* `R(k) - s2`.

use super::DynamicsError;
use crate::error::{NonFiniteError, ShapeError};
use crate::scalar::Real;
use core::fmt;

/// One feature of the regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature<T> {
    /// Its standard deviation.
    pub sigma: T,
    /// Its weight in the teacher.
    pub theta: T,
    /// Its learning rate.
    pub rate: T,
}

impl<T: Real> Feature<T> {
    /// `sigma^2 theta^2`: the risk before training.
    #[inline]
    pub fn signal(&self) -> T {
        (self.sigma * self.theta).squared()
    }

    /// `1 - eta sigma^2`: what a step leaves of the distance to the optimum.
    #[inline]
    pub fn contraction(&self) -> T {
        T::ONE - self.rate * self.sigma * self.sigma
    }

    /// The excess after a distance of `left` (`q^k`, from 1 to 0), `floor` being `s2 / n`.
    #[inline]
    fn excess(&self, left: T, floor: T) -> T {
        self.signal() * left * left + floor * (T::ONE - left).squared()
    }

    /// The smallest excess that stopping can reach, `A B / (A + B)`, and the real number of steps
    /// that reach it, where `q^k = B / (A + B)`; `A` is the signal and `B` = `floor` = `s2 / n`.
    pub fn best(&self, floor: T) -> (T, T) {
        let (signal, sum) = (self.signal(), self.signal() + floor);
        if sum == T::ZERO {
            return (T::ZERO, T::ZERO);
        }
        (signal * floor / sum, (floor / sum).ln() / self.contraction().ln())
    }
}

/// Writes the excess risk after `0, 1, 2, ..` steps, as far as `excess` reaches. `noise` is the
/// variance `s2`.
///
/// ```
/// use nanocurv::dynamics::risk::{Feature, excess_risk, turning_points, Kind, TurningPoint};
///
/// // The two features of the published figure: one fast, one slow.
/// let features = [
///     Feature { sigma: 1.0, theta: 0.45, rate: 0.1 },
///     Feature { sigma: 0.15, theta: 3.0, rate: 0.1 },
/// ];
/// let mut excess = [0.0_f64; 5000];
/// excess_risk(&features, 1.0, 10, &mut excess)?;
/// let mut turns = [TurningPoint::default(); 8];
/// let found = turning_points(excess, 1e-12, &mut turns);
/// let steps = turns[..found].iter().map(|t| (t.kind, t.index)).collect::<Vec<_>>();
/// assert_eq!(steps, [(Kind::Minimum, 12), (Kind::Maximum, 30), (Kind::Minimum, 491)]);
/// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
/// ```
///
/// # Errors
/// No features or samples, values that are not finite, a negative variance.
pub fn excess_risk<T: Real>(
    features: &[Feature<T>],
    noise: T,
    samples: usize,
    excess: &mut [T],
) -> Result<(), DynamicsError> {
    if features.is_empty() {
        return Err(DynamicsError::Empty { what: "features" });
    }
    if samples == 0 {
        return Err(DynamicsError::Empty { what: "samples" });
    }
    if noise < T::ZERO {
        return Err(DynamicsError::Domain { needed: "noise >= 0" });
    }
    NonFiniteError::check("noise", &[noise])?;
    let floor = noise / T::from_usize(samples);
    excess.fill(T::ZERO);
    for (i, feature) in features.iter().enumerate() {
        NonFiniteError::check("features", &[feature.sigma, feature.theta, feature.rate])
            .map_err(|e| NonFiniteError { index: crate::error::size(i), ..e })?;
        let (q, mut left) = (feature.contraction(), T::ONE);
        for (k, risk) in excess.iter_mut().enumerate() {
            *risk += feature.excess(left, floor);
            left *= q;
            if !left.is_finite() {
                return Err(DynamicsError::Diverged { iteration: k as u64 + 1 });
            }
        }
    }
    Ok(())
}

/// The rates that give every feature the clock of the fastest one at the rate `rate`: at
/// `eta_i sigma_i^2 = rate max sigma^2` the features fall and rise together, and the second descent
/// is gone.
///
/// # Errors
/// Different lengths, a scale of 0.
pub fn equal_clocks<T: Real>(rate: T, sigmas: &[T], rates: &mut [T]) -> Result<(), DynamicsError> {
    ShapeError::check("rates", sigmas.len(), rates.len())?;
    if sigmas.contains(&T::ZERO) {
        return Err(DynamicsError::Domain { needed: "sigma > 0" });
    }
    let fastest = sigmas.iter().fold(T::ZERO, |m, s| m.max(*s * *s));
    rates.iter_mut().zip(sigmas).for_each(|(r, s)| *r = rate * fastest / (*s * *s));
    Ok(())
}

/// Which way a curve turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// From falling to rising.
    #[default]
    Minimum,
    /// From rising to falling.
    Maximum,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
        })
    }
}

/// A local extremum of a curve, not at its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TurningPoint<T> {
    /// A minimum or a maximum.
    pub kind: Kind,
    /// The position on the curve, from 0.
    pub index: usize,
    /// The value there.
    pub value: T,
}

/// Finds turning points value by value, in constant memory.
///
/// An extremum counts once the curve has moved away from it by more than the tolerance, so that
/// the round-off of a settled curve makes none.
#[derive(Clone, Copy, Debug)]
pub struct TurnDetector<T> {
    tolerance: T,
    seen: usize,
    low: (usize, T),
    high: (usize, T),
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Unknown,
    Falling,
    Rising,
}

impl<T: Real> TurnDetector<T> {
    /// A detector that takes moves of up to `tolerance` (in the curve's units) for noise.
    pub const fn new(tolerance: T) -> Self {
        let nothing = (0, T::ZERO);
        Self { tolerance, seen: 0, low: nothing, high: nothing, direction: Direction::Unknown }
    }

    /// Takes the next value, and tells of an extremum if this value confirms one.
    pub fn push(&mut self, value: T) -> Option<TurningPoint<T>> {
        let here = (self.seen, value);
        self.seen += 1;
        if here.0 == 0 {
            (self.low, self.high) = (here, here);
            return None;
        }
        if value < self.low.1 {
            self.low = here;
        }
        if value > self.high.1 {
            self.high = here;
        }
        let risen = value > self.low.1 + self.tolerance;
        let fallen = value < self.high.1 - self.tolerance;
        match self.direction {
            Direction::Falling if risen => {
                (self.direction, self.high) = (Direction::Rising, here);
                let (index, value) = self.low;
                Some(TurningPoint { kind: Kind::Minimum, index, value })
            }
            Direction::Rising if fallen => {
                (self.direction, self.low) = (Direction::Falling, here);
                let (index, value) = self.high;
                Some(TurningPoint { kind: Kind::Maximum, index, value })
            }
            Direction::Unknown if risen => {
                (self.direction, self.high) = (Direction::Rising, here);
                None
            }
            Direction::Unknown if fallen => {
                (self.direction, self.low) = (Direction::Falling, here);
                None
            }
            _ => None,
        }
    }
}

/// Writes the turning points of a curve, in order, and returns how many there are (more than
/// `turns` holds are counted but not kept). See [`TurnDetector`] for the tolerance.
pub fn turning_points<T: Real>(
    curve: impl IntoIterator<Item = T>,
    tolerance: T,
    turns: &mut [TurningPoint<T>],
) -> usize {
    let (mut detector, mut found) = (TurnDetector::new(tolerance), 0);
    for turn in curve.into_iter().filter_map(|value| detector.push(value)) {
        if let Some(place) = turns.get_mut(found) {
            *place = turn;
        }
        found += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn curve(features: &[Feature<f64>]) -> Vec<f64> {
        let mut excess = std::vec![0.0; 20_000];
        excess_risk(features, 1.0, 10, &mut excess).unwrap();
        excess
    }

    fn turns(curve: &[f64]) -> Vec<(Kind, usize, f64)> {
        let mut turns = [TurningPoint::default(); 16];
        let found = turning_points(curve.iter().copied(), 1e-12, &mut turns);
        turns[..found].iter().map(|t| (t.kind, t.index, t.value)).collect()
    }

    const FAST: Feature<f64> = Feature { sigma: 1.0, theta: 0.45, rate: 0.1 };
    const SLOW: Feature<f64> = Feature { sigma: 0.15, theta: 3.0, rate: 0.1 };

    fn assert_turns(found: &[(Kind, usize, f64)], expected: &[(Kind, usize, f64)]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!(f.0 == e.0 && f.1 == e.1 && (f.2 - e.2).abs() < 6e-11, "{f:?}, {e:?}");
        }
    }

    #[test]
    fn the_published_setup_turns_at_12_30_and_491() {
        let risk = curve(&[FAST, SLOW]);
        // By exact rational arithmetic.
        let expected = [
            (Kind::Minimum, 12, 0.2595578911393255),
            (Kind::Maximum, 30, 0.26939290241452846),
            (Kind::Minimum, 491, 0.16694217654620916),
        ];
        let found = turns(&risk);
        assert_turns(&found, &expected);
        for (f, e) in found.iter().zip(&expected) {
            assert!((f.2 - e.2).abs() < 1e-14, "{f:?}, {e:?}");
        }
        assert!((risk.last().unwrap() - 0.2).abs() < 1e-10);
    }

    #[test]
    fn each_feature_alone_has_one_minimum() {
        assert_turns(&turns(&curve(&[FAST])), &[(Kind::Minimum, 11, 0.0670272006)]);
        assert_turns(&turns(&curve(&[SLOW])), &[(Kind::Minimum, 491, 0.0669421765)]);
    }

    #[test]
    fn a_scaled_second_rate_removes_the_second_descent() {
        let scaled = Feature { rate: 4.3, ..SLOW };
        assert_turns(&turns(&curve(&[FAST, scaled])), &[(Kind::Minimum, 11, 0.1339743729)]);
        let mut rates = [0.0; 2];
        equal_clocks(0.1, &[1.0, 0.15], &mut rates).unwrap();
        let equal = Feature { rate: rates[1], ..SLOW };
        assert!((equal.contraction() - FAST.contraction()).abs() < 1e-15);
        assert_eq!(turns(&curve(&[FAST, equal])).len(), 1);
    }

    #[test]
    fn the_best_stop_bounds_the_curve() {
        let (value, k) = SLOW.best(0.1);
        let risk = curve(&[SLOW]);
        let minimum = risk.iter().copied().fold(f64::MAX, f64::min);
        assert!(value <= minimum && minimum < value * 1.00001);
        assert!((k - 491.0).abs() < 1.0);
    }

    #[test]
    fn round_off_makes_no_turning_points() {
        // A settled curve that trembles in its last bits.
        let noisy = |k: u32| {
            let tremble = if k.is_multiple_of(2) { 1e-16 } else { -1e-16 };
            f64::exp(-f64::from(k)) + tremble
        };
        let mut out = [TurningPoint::default(); 4];
        assert_eq!(turning_points((0..1000).map(noisy), 1e-12, &mut out), 0);
        assert!(turning_points((0..1000).map(noisy), 0.0, &mut out) > 100, "why it is needed");
    }

    #[test]
    fn the_ends_of_a_curve_are_no_turning_points() {
        let mut out = [TurningPoint::default(); 4];
        assert_eq!(turning_points([3.0, 2.0, 1.0], 0.0, &mut out), 0);
        assert_eq!(turning_points([1.0, 1.0, 1.0], 0.0, &mut out), 0);
        assert_eq!(turning_points([1.0, 2.0, 1.0], 0.0, &mut out), 1);
        assert_eq!((out[0].kind, out[0].index), (Kind::Maximum, 1));
    }

    #[test]
    fn a_rate_that_overshoots_for_ever_is_an_error_with_the_step() {
        let wild = Feature { rate: 30.0, ..FAST };
        let error = excess_risk(&[wild], 1.0, 10, &mut [0.0; 5000]).unwrap_err();
        assert!(matches!(error, DynamicsError::Diverged { iteration: 211 }), "{error:?}");
    }
}
