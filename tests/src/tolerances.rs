//! How far a result may be from the truth: 1e-10 relative in f64 and 1e-5 in f32, and the
//! exceptions from that, each with its reason and the proof that it is still needed.
//!
//! Errors are relative to the largest entry of the truth ([`Difference::relative`]): entries that
//! cancel to nothing carry the rounding of those that did not.

use nanocurv::Real;
use nanocurv_cli::dense::Difference;

/// What an error may be, in each precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// What is compared.
    pub what: &'static str,
    /// The largest relative error in f64.
    pub f64: f64,
    /// The largest relative error in f32.
    pub f32: f64,
    /// Why it is not the default.
    pub reason: &'static str,
}

/// Of everything without a row of its own.
pub const DEFAULT: Tolerance = Tolerance {
    what: "everything else",
    f64: 1e-10,
    f32: 1e-5,
    reason: "a few hundred roundings, with two digits (f64: five) to spare",
};

/// The numbers that the source notebook prints.
pub const PRINTED: Tolerance = Tolerance {
    what: "numbers printed by the source notebook",
    f64: 2e-6,
    f32: 1e-5,
    reason: "it computed in float32 and printed eight digits, the last two of which are rounding",
};

/// The exceptions.
pub const EXCEPTIONS: &[Tolerance] = &[PRINTED];

impl Tolerance {
    /// The largest relative error in the arithmetic `T`.
    pub fn of<T: Real>(&self) -> f64 {
        if size_of::<T>() == 4 { self.f32 } else { self.f64 }
    }
}

/// Holds `found` against `truth` to the default.
#[track_caller]
pub fn assert_close<T: Real>(what: &str, found: &[T], truth: &[f64]) {
    Worst::of::<T>(DEFAULT).add(what, found, truth);
}

/// The worst error of the cases that a row of the table is for.
#[derive(Debug)]
pub struct Worst {
    row: Tolerance,
    allowed: f64,
    default: f64,
    worst: f64,
}

impl Worst {
    /// No case so far; the arithmetic is `T`.
    pub fn of<T: Real>(row: Tolerance) -> Self {
        Self { row, allowed: row.of::<T>(), default: DEFAULT.of::<T>(), worst: 0.0 }
    }

    /// One more case: fails if it is beyond the tolerance.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn add<T: Real>(&mut self, what: &str, found: &[T], truth: &[f64]) {
        let error = Difference::between(found, truth).relative();
        assert!(
            error <= self.allowed,
            "{what}: relative error {error:e}, allowed {:e} for {}\nfound {found:?}\ntruth {truth:?}",
            self.allowed,
            self.row.what
        );
        self.worst = self.worst.max(error);
    }

    /// All cases are in: fails if the default tolerance would have done.
    ///
    /// # Panics
    /// If it would.
    #[track_caller]
    pub fn needs_its_exception(self) {
        assert!(
            self.worst > self.default,
            "{}: the worst error is {:e}, strike the exception",
            self.row.what,
            self.worst
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_looser_than_the_default_and_say_why() {
        for row in EXCEPTIONS {
            assert!(row.f64 >= DEFAULT.f64 && row.f32 >= DEFAULT.f32, "{}", row.what);
            assert!(row.f64 > DEFAULT.f64 || row.f32 > DEFAULT.f32, "{}", row.what);
            assert!(row.reason.len() > 20, "{}", row.what);
        }
    }

    #[test]
    #[should_panic(expected = "strike the exception")]
    fn an_exception_that_is_no_longer_needed_fails() {
        let mut worst = Worst::of::<f64>(PRINTED);
        worst.add("exact", &[1.0], &[1.0]);
        worst.needs_its_exception();
    }

    #[test]
    #[should_panic(expected = "relative error")]
    fn an_error_beyond_the_tolerance_fails() {
        assert_close("off", &[1.0 + 2e-10], &[1.0]);
    }

    #[test]
    #[should_panic(expected = "relative error")]
    fn nan_is_beyond_every_tolerance() {
        Worst::of::<f64>(PRINTED).add("nan", &[f64::NAN], &[1.0]);
    }
}
