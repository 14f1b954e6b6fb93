//! One damping for a Kronecker-factored block, split over its two factors:
//!
//! ```text
//! pi      A + pi sqrt(l) I,  G + sqrt(l) / pi I,   pi = sqrt((tr A / dim A) / (tr G / dim G))
//! off     the same with pi = 1
//! same    A + l I,  G + l I
//! ```
//! `l = lambda / C` for a block that carries the replication count C. Martens & Grosse, "Optimizing
//! Neural Networks with Kronecker-factored Approximate Curvature" (2015), section 6.3. Exact damping,
//! `C (A (x) G) + lambda I`, is no split: see [`Eigen`](super::Eigen).

use super::error::{KfacError, Side};
use crate::matrix::Mat;
use crate::scalar::Real;

/// How the damping is split over the factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Damping {
    /// By the factors' mean diagonals, such that the cross terms are smallest.
    Pi,
    /// Its square root on both factors.
    Off,
    /// The damping itself, not its root, on both factors.
    Same,
}

/// What is added to the diagonal of each factor.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Split<T> {
    /// To the input factor A.
    pub input: T,
    /// To the output factor G.
    pub output: T,
    /// The ratio; 1 unless the split is [`Damping::Pi`].
    pub pi: T,
}

impl<T: Real> Split<T> {
    /// No damping at all.
    pub const NONE: Self = Self { input: T::ZERO, output: T::ZERO, pi: T::ONE };

    /// Splits `lambda` over the factors A and G.
    ///
    /// pi is 1 if a trace is zero. Each trace is tested apart: their product underflows long
    /// before either does.
    ///
    /// # Errors
    /// [`KfacError::Damping`] for a lambda that is negative or not finite,
    /// [`KfacError::NegativeTrace`] naming the factor.
    pub fn new(
        lambda: T,
        damping: Damping,
        input: Mat<'_, T>,
        output: Mat<'_, T>,
    ) -> Result<Self, KfacError> {
        check(lambda)?;
        if damping == Damping::Same {
            return Ok(Self { input: lambda, output: lambda, pi: T::ONE });
        }
        let pi = if damping == Damping::Pi { pi(input, output)? } else { T::ONE };
        let root = lambda.sqrt();
        Ok(Self { input: root * pi, output: root / pi, pi })
    }
}

/// `Ok` if `lambda` can damp.
#[inline]
pub(crate) fn check<T: Real>(lambda: T) -> Result<(), KfacError> {
    if lambda >= T::ZERO && lambda.is_finite() { Ok(()) } else { Err(KfacError::Damping) }
}

/// `sqrt((tr A / dim A) / (tr G / dim G))`, 1 if a trace is zero.
pub(crate) fn pi<T: Real>(input: Mat<'_, T>, output: Mat<'_, T>) -> Result<T, KfacError> {
    let (a, g) = (mean_diagonal(input), mean_diagonal(output));
    for (mean, side) in [(a, Side::Input), (g, Side::Output)] {
        if mean < T::ZERO {
            return Err(KfacError::NegativeTrace { side });
        }
    }
    if a == T::ZERO || g == T::ZERO {
        return Ok(T::ONE);
    }
    // A root each: the quotient may leave the range of numbers. Infinite or NaN only if a factor
    // is: the factorisation names the place.
    Ok(a.sqrt() / g.sqrt())
}

fn mean_diagonal<T: Real>(m: Mat<'_, T>) -> T {
    let trace = m.diagonal().fold(T::ZERO, |sum, v| sum + *v);
    trace / T::from_usize(m.rows().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_split_of_the_series_block() {
        let (a, g) = ([2.0, 0.5, 0.5, 1.0], [1.5, -0.2, -0.2, 0.7]);
        let (a, g) = (Mat::of(&a, 2, 2), Mat::of(&g, 2, 2));
        let split = Split::new(0.3_f64 / 4.0, Damping::Pi, a, g).unwrap();
        assert!((split.pi - 1.167_748_416_242_284_4).abs() < 1e-15);
        assert!((split.input - 0.319_801_074_533_415_6).abs() < 1e-15);
        assert!((split.output - 0.234_520_787_991_171_46).abs() < 1e-15);
    }

    #[test]
    fn tiny_traces_are_not_zero_traces() {
        let (a, g) = ([1e-30_f32], [1e-34_f32]);
        let (a, g) = (Mat::of(&a, 1, 1), Mat::of(&g, 1, 1));
        let split = Split::new(1.0, Damping::Pi, a, g).unwrap();
        assert!((split.pi / 100.0 - 1.0).abs() < 1e-5);
        let (a, g) = ([1e-30_f32], [1e30_f32]);
        let split = Split::new(1.0, Damping::Pi, Mat::of(&a, 1, 1), Mat::of(&g, 1, 1)).unwrap();
        assert!((split.pi * 1e30 - 1.0).abs() < 1e-5, "{}", split.pi);
    }

    #[test]
    fn a_zero_trace_on_either_side_makes_pi_one() {
        let (zero, one) = ([0.0_f64; 4], [1.0, 0.0, 0.0, 1.0]);
        let (zero, one) = (Mat::of(&zero, 2, 2), Mat::of(&one, 2, 2));
        for (a, g) in [(zero, one), (one, zero), (zero, zero)] {
            let split = Split::new(0.25, Damping::Pi, a, g).unwrap();
            assert_eq!(split, Split { input: 0.5, output: 0.5, pi: 1.0 });
        }
    }

    #[test]
    fn what_cannot_damp_is_an_error() {
        let one = [1.0_f64];
        let one = Mat::of(&one, 1, 1);
        for lambda in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Split::new(lambda, Damping::Off, one, one), Err(KfacError::Damping));
        }
        let minus = [-1.0];
        let minus = Mat::of(&minus, 1, 1);
        assert_eq!(
            Split::new(1.0, Damping::Pi, one, minus),
            Err(KfacError::NegativeTrace { side: Side::Output })
        );
    }
}
