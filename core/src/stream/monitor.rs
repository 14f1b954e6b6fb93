//! Know when: has what comes in become unlike what the model was fitted to?
//!
//! ```text
//! S := min(h, max(0, S + l)),   h = ln N
//! raised    S reaches h             cleared    S is back at 0
//!
//! targets      l = m/2 (e (1 - 1/v) - ln v)      e = mean over m outputs of (y - f)^2 / variance
//! no targets   l = ln(p1 / p0) where the predictive variance is above its limit,
//!              l = ln((1 - p1) / (1 - p0)) where it is not
//! ```
//! l is the log likelihood ratio of "drifted" to "as before": errors v times as large in the square
//! as the model's own variance says; or, where no target is known, a share p1 of the samples with a
//! variance above the limit that p0 of the training data exceed. Under "as before" `E e^l = 1`, and
//! then no fewer than N independent samples lie between false alarms on average: E. Page, Biometrika
//! 41 (1954); G. Lorden, Ann. Math. Statist. 42 (1971). A drift is found after `(h + c) / E l`
//! samples on average at most, c the most that one sample adds (Wald): a shift by three standard
//! deviations, with `v = 10`, `N = 10^4` and a patience of 2, after four.
//!
//! The sum has to travel from 0 to h to raise the alarm and all the way back to clear it: no signal at
//! the edge makes it flicker.

use super::error::StreamError;
use crate::error::NonFiniteError;
use crate::scalar::Real;

/// What a sample did to the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Drift {
    /// There is no alarm.
    None,
    /// The alarm begins with this sample.
    Raised,
    /// The alarm lasts.
    Lasts,
    /// The alarm ends with this sample.
    Cleared,
}

/// How a value becomes evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Evidence<T> {
    /// `l = slope e - base`
    Squares { slope: T, base: T },
    /// `l = above` beyond the limit, `below` to it.
    Share { limit: T, above: T, below: T },
}

/// The sum of the evidence for a drift.
///
/// ```
/// use nanocurv::laplace::novelty;
/// use nanocurv::random::Rng;
/// use nanocurv::stream::{Drift, Monitor};
///
/// // One output; a drift is an error ten times as large in the square; a false alarm in 10 000 samples.
/// let mut monitor = Monitor::of_novelty(1, 10.0_f32, 1e4)?;
/// let mut rng = Rng::seed(1);
/// for _ in 0..100 {
///     let y: f32 = rng.normal();
///     assert_eq!(monitor.update(novelty(y, 0.0, 1.0))?, Drift::None);
/// }
/// let found = (0..8).position(|_| {
///     let y: f32 = 3.0 + rng.normal::<f32>();
///     monitor.update(novelty(y, 0.0, 1.0)) == Ok(Drift::Raised)
/// });
/// assert!(found.is_some());
/// # Ok::<(), nanocurv::stream::StreamError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Monitor<T> {
    evidence: Evidence<T>,
    /// h
    level: T,
    /// The most that one sample adds.
    most: T,
    sum: T,
    alarm: bool,
}

impl<T: Real> Monitor<T> {
    /// Watches [novelty](crate::laplace::novelty), the mean of which over `outputs` the last layer's
    /// [stream](crate::laplace::Innovation) gives with every update. `ratio`: v, how much larger the
    /// squared errors of a drift are, for instance 10 for a shift by three standard deviations;
    /// `samples`: N, how many there are between two false alarms at least.
    ///
    /// # Errors
    /// [`StreamError::Choice`] unless there is an output, the ratio and the samples are above 1 and
    /// finite.
    pub fn of_novelty(outputs: usize, ratio: T, samples: T) -> Result<Self, StreamError> {
        if outputs == 0 || !(ratio > T::ONE && ratio.is_finite()) {
            let what = "an output at least, and a ratio above 1";
            return Err(StreamError::Choice { what });
        }
        let half = T::HALF * T::from_usize(outputs);
        let slope = half * (T::ONE - T::ONE / ratio);
        Self::new(Evidence::Squares { slope, base: half * ratio.ln() }, samples)
    }

    /// Watches the predictive variance, where no targets are known. `limit`: what the share `before`
    /// (p0) of the data that the model was fitted to exceeds, say the 99 % quantile for 0.01;
    /// `drifted`: p1, the share that exceeds it after a drift, say 0.5; `samples`: N as above.
    ///
    /// # Errors
    /// [`StreamError::Choice`] unless `0 < before < drifted < 1`, the limit is finite, the samples are
    /// above 1 and finite.
    pub fn of_variance(limit: T, before: T, drifted: T, samples: T) -> Result<Self, StreamError> {
        if !(before > T::ZERO && drifted > before && drifted < T::ONE && limit.is_finite()) {
            let what = "shares with 0 < before < drifted < 1, and a finite limit";
            return Err(StreamError::Choice { what });
        }
        let above = (drifted / before).ln();
        let below = ((T::ONE - drifted) / (T::ONE - before)).ln();
        Self::new(Evidence::Share { limit, above, below }, samples)
    }

    fn new(evidence: Evidence<T>, samples: T) -> Result<Self, StreamError> {
        if !(samples > T::ONE && samples.is_finite()) {
            return Err(StreamError::Choice { what: "more than one sample between false alarms" });
        }
        let level = samples.ln();
        Ok(Self { evidence, level, most: level, sum: T::ZERO, alarm: false })
    }

    /// The same, with an alarm no earlier than with the `samples`-th of a drift, however large: one
    /// outlier is no drift. Fewer false alarms still.
    pub fn with_patience(self, samples: usize) -> Self {
        let share = self.level / T::from_usize(samples.max(1));
        // Rounded up, as many shares reach the level.
        Self { most: share + share * T::EPSILON * T::TWO, ..self }
    }

    /// Takes in one value: a novelty or a variance.
    ///
    /// # Errors
    /// [`StreamError::NonFinite`] for a value that is not finite: nothing has changed then.
    pub fn update(&mut self, value: T) -> Result<Drift, StreamError> {
        NonFiniteError::check("novelty or variance", &[value])?;
        let evidence = match self.evidence {
            Evidence::Squares { slope, base } => slope * value - base,
            Evidence::Share { limit, above, below } => {
                if value > limit {
                    above
                } else {
                    below
                }
            }
        };
        self.sum = (self.sum + evidence.min(self.most)).max(T::ZERO).min(self.level);
        let before = self.alarm;
        self.alarm = if before { self.sum > T::ZERO } else { self.sum >= self.level };
        Ok(match (before, self.alarm) {
            (false, false) => Drift::None,
            (false, true) => Drift::Raised,
            (true, true) => Drift::Lasts,
            (true, false) => Drift::Cleared,
        })
    }

    /// Whether there is an alarm.
    pub const fn alarm(&self) -> bool {
        self.alarm
    }

    /// `S / h`: 0 for none, 1 where the alarm begins.
    pub fn evidence(&self) -> T {
        self.sum / self.level
    }

    /// No alarm and no evidence, after the model has learned anew.
    pub const fn reset(&mut self) {
        self.sum = T::ZERO;
        self.alarm = false;
    }

    /// S, and 1 with an alarm or 0 without: for [`Monitor::resume`] and a [record](crate::store).
    pub const fn state(&self) -> [T; 2] {
        [self.sum, if self.alarm { T::ONE } else { T::ZERO }]
    }

    /// The same monitor at a state that one with the same choices left.
    ///
    /// # Errors
    /// [`StreamError::Choice`] unless S is in `[0, h]` and the other value is 0 or 1.
    pub fn resume(self, [sum, alarm]: [T; 2]) -> Result<Self, StreamError> {
        if sum >= T::ZERO && sum <= self.level && (alarm == T::ZERO || alarm == T::ONE) {
            Ok(Self { sum, alarm: alarm == T::ONE, ..self })
        } else {
            Err(StreamError::Choice { what: "a state of a monitor with the same choices" })
        }
    }
}
