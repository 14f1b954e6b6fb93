//! `--check`: how far a result is from the dense reference.

use std::fmt;

use nanocurv::Real;
use serde::Serialize;

/// The largest errors so far, against the references seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    absolute: f64,
    largest: f64,
}

impl Difference {
    /// Between two equally long arrays.
    pub fn between<T: Real>(found: &[T], reference: &[f64]) -> Self {
        let mut difference = Self::default();
        if found.len() != reference.len() {
            difference.absolute = f64::INFINITY;
        }
        difference.add_all(found, reference);
        difference
    }

    /// Between the values of an array and those of the reference, in row-major order.
    pub fn of<'a, T: Real + 'a>(found: impl IntoIterator<Item = &'a T>, reference: &[f64]) -> Self {
        let found: Vec<T> = found.into_iter().copied().collect();
        Self::between(&found, reference)
    }

    /// Takes one more value into account.
    pub fn add(&mut self, found: f64, reference: f64) {
        let error = (found - reference).abs();
        // A NaN is the worst of all errors, and `max` would overlook it.
        let error = if error.is_nan() { f64::INFINITY } else { error };
        self.absolute = self.absolute.max(error);
        self.largest = self.largest.max(reference.abs());
    }

    /// Takes the values of two equally long slices into account, e.g. a tile and its reference.
    pub fn add_all<T: Real>(&mut self, found: &[T], reference: &[f64]) {
        for (found, reference) in found.iter().zip(reference) {
            self.add(found.to_f64(), *reference);
        }
    }

    /// Of both comparisons.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            absolute: self.absolute.max(other.absolute),
            largest: self.largest.max(other.largest),
        }
    }

    /// The largest absolute error.
    pub fn absolute(&self) -> f64 {
        self.absolute
    }

    /// The largest absolute error over the largest magnitude of the reference.
    pub fn relative(&self) -> f64 {
        if self.absolute == 0.0 { 0.0 } else { self.absolute / self.largest }
    }

    /// Held against a tolerance.
    pub fn within(&self, tolerance: f64) -> Check {
        Check {
            absolute_error: self.absolute,
            relative_error: self.relative(),
            tolerance,
            passed: self.relative() <= tolerance,
        }
    }
}

/// The outcome of `--check`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The largest absolute error.
    pub absolute_error: f64,
    /// The largest absolute error over the largest magnitude of the reference.
    pub relative_error: f64,
    /// What the relative error may be.
    pub tolerance: f64,
    /// Whether it is within.
    pub passed: bool,
}

impl Check {
    /// The check with the larger relative error; failed if either is.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let passed = self.passed && other.passed;
        let worse = if other.relative_error > self.relative_error { other } else { self };
        Self { passed, ..worse }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "check against the dense reference: largest error {:.3e} absolute, {:.3e} relative, \
             tolerance {:e}: {}",
            self.absolute_error,
            self.relative_error,
            self.tolerance,
            if self.passed { "passed" } else { "FAILED" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_relative_to_the_largest_reference() {
        let d = Difference::between(&[1.0, 4.5, 0.0], &[1.0, 4.0, 0.1]);
        assert_eq!((d.absolute(), d.relative()), (0.5, 0.125));
        assert!(d.within(0.125).passed);
        assert!(!d.within(0.124).passed);
    }

    #[test]
    fn nan_and_missing_values_never_pass() {
        assert!(!Difference::between(&[f64::NAN], &[1.0]).within(1.0).passed);
        assert!(!Difference::between(&[1.0], &[1.0, 1.0]).within(1.0).passed);
        assert!(!Difference::between(&[1.0], &[0.0]).within(1.0).passed);
        assert!(Difference::between(&[0.0], &[0.0]).within(0.0).passed);
    }

    #[test]
    fn a_failure_is_not_hidden_by_a_larger_pass() {
        let failed = Difference::between(&[1.1], &[1.0]).within(1e-3);
        let passed = Difference::between(&[1.5], &[1.0]).within(1.0);
        let both = failed.worse(passed);
        assert_eq!((both.relative_error, both.passed), (0.5, false));
    }
}
