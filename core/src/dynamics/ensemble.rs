//! The risk of gradient flow on a random teacher-student problem, averaged over the data.
//!
//! ```text
//! E(t) = int rho(l) [ (1 + INR) e^(-2 l t) + (1 - e^(-l t))^2 / (l SNR) ] dl + 1 / SNR
//! rho  = sqrt((l+ - l)(l - l-)) / (2 pi l)  on  l+- = (1 +- sqrt(alpha))^2,   mass 1 - alpha at 0 if alpha < 1
//! ```
//! `alpha = samples / inputs`, inputs of variance `1 / inputs`, `SNR` the signal-to-noise ratio,
//! `INR` the variance of the start over the teacher's, time in units of `1 / rate`. The frozen
//! part of `alpha < 1` contributes `(1 - alpha)(1 + INR)` for ever.
//! Source: Advani and Saxe, "High-dimensional dynamics of generalization error in neural networks"
//! (2017), section 2.
//!
//! With `l = 1 + alpha - 2 sqrt(alpha) cos phi`, `rho dl = (2 alpha / pi) sin^2 phi / l dphi`; the
//! pole at `l = 0` is taken out by the exact mass `min(1, alpha)`,
//!
//! ```text
//! int rho e^(-2 l t)            = min(1, alpha) + (2 alpha / pi) int sin^2 phi (e^(-2 l t) - 1) / l dphi
//! int rho (1 - e^(-l t))^2 / l  =                 (2 alpha / pi) int sin^2 phi ((1 - e^(-l t)) / l)^2 dphi
//! ```
//! and what is left is entire and periodic in `phi`: the midpoint rule converges faster than any
//! power, also at `alpha = 1`. Cost: an `expm1` per node, `O(sqrt(t (1 + sqrt(alpha))^2))` nodes.

use super::DynamicsError;
use crate::error::NonFiniteError;
use crate::scalar::Real;

/// A teacher-student problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ensemble<T> {
    /// Samples per input, positive.
    pub alpha: T,
    /// The variance of the teacher's weights over that of the noise, positive; infinite without
    /// noise is not meant.
    pub snr: T,
    /// The variance of the starting weights over the teacher's, not negative.
    pub inr: T,
}

/// The logarithm of the largest number of quadrature nodes, and one.
const MOST_HALVINGS: usize = 21;

/// Sine and cosine of `pi / 4, pi / 8, ..`
type Angles<T> = [(T, T); MOST_HALVINGS];

/// By the half-angle formulas: in f32, too, where libm's sine works in double precision.
fn angles<T: Real>() -> Angles<T> {
    let mut angles = [(T::HALF.sqrt(), T::HALF.sqrt()); MOST_HALVINGS];
    let mut last: Option<(T, T)> = None;
    for angle in &mut angles {
        if let Some((sin, cos)) = last {
            let half = (T::HALF * (T::ONE + cos)).sqrt();
            *angle = (T::HALF * sin / half, half);
        }
        last = Some(*angle);
    }
    angles
}

/// Sine and cosine of `count pi / 2^(halvings + 2)`: a rotation for each bit of the count.
fn sin_cos<T: Real>(angles: &Angles<T>, halvings: usize, count: usize) -> (T, T) {
    let (mut sin, mut cos) = (T::ZERO, T::ONE);
    for (bit, (s, c)) in (0..=halvings).rev().zip(angles) {
        if count >> bit & 1 == 1 {
            (sin, cos) = (sin * *c + cos * *s, cos * *c - sin * *s);
        }
    }
    (sin, cos)
}

impl<T: Real> Ensemble<T> {
    /// A problem whose parameters make sense.
    ///
    /// ```
    /// use nanocurv::dynamics::ensemble::Ensemble;
    ///
    /// let problem = Ensemble::new(2.0_f64, 5.0, 0.0)?;
    /// assert!((problem.risk(1.0) - 0.3946711032).abs() < 1e-10);
    /// assert!((problem.limit() - 0.4).abs() < 1e-15);
    /// # Ok::<(), nanocurv::dynamics::DynamicsError>(())
    /// ```
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn new(alpha: T, snr: T, inr: T) -> Result<Self, DynamicsError> {
        NonFiniteError::check("alpha, snr, inr", &[alpha, snr, inr])?;
        let domain = |needed| Err(DynamicsError::Domain { needed });
        match () {
            () if alpha <= T::ZERO => domain("alpha > 0"),
            () if snr <= T::ZERO => domain("snr > 0"),
            () if inr < T::ZERO => domain("inr >= 0"),
            () => Ok(Self { alpha, snr, inr }),
        }
    }

    /// `1 + INR + 1 / SNR`, the risk before training.
    pub fn start(&self) -> T {
        T::ONE + self.inr + T::ONE / self.snr
    }

    /// The risk at time `t >= 0`, to a few units of rounding of its parts.
    pub fn risk(&self, t: T) -> T {
        // Twice the nodes square the error: below the root of the precision (and a margin) the
        // finer sum is exact, and to ask for more is to wait for rounding to agree by chance.
        let (tolerance, angles) = (T::of(0.01) * T::EPSILON.sqrt(), angles());
        let mut last = self.quadrature(t, 4, &angles);
        for halvings in 5..MOST_HALVINGS {
            let next = self.quadrature(t, halvings, &angles);
            let settled = (next - last).abs() <= tolerance * next;
            last = next;
            if settled {
                break;
            }
        }
        last
    }

    /// The midpoint rule over `2^halvings` nodes `phi = 2 psi`, `psi = (2j + 1) pi / 2^(halvings + 2)`.
    fn quadrature(&self, t: T, halvings: usize, angles: &Angles<T>) -> T {
        let Self { alpha, snr, inr } = *self;
        let nodes = 1_usize << halvings;
        let root = alpha.sqrt();
        let gap = (T::ONE - root).squared();
        let (mut forgotten, mut fitted) = (T::ZERO, T::ZERO);
        for j in 0..nodes {
            let (sin, cos) = sin_cos(angles, halvings, 2 * j + 1);
            // l = (1 - sqrt(alpha))^2 + 4 sqrt(alpha) sin^2(phi/2): no cancellation near 0.
            let l = gap + T::of(4.0) * root * sin * sin;
            let weight = (T::TWO * sin * cos).squared();
            let grown = -(-l * t).exp_m1() / l;
            // (1 - e^(-2lt)) / l = grown (2 - l grown)
            forgotten += weight * grown * (T::TWO - l * grown);
            fitted += weight * grown * grown;
        }
        let scale = T::TWO * alpha / T::from_usize(nodes);
        let trained = T::ONE.min(alpha) - scale * forgotten;
        (T::ONE + inr) * (trained + self.frozen()) + scale * fitted / snr + T::ONE / snr
    }

    /// The part of the inputs that no sample reaches, `max(0, 1 - alpha)`.
    pub fn frozen(&self) -> T {
        (T::ONE - self.alpha).max(T::ZERO)
    }

    /// The risk of training for ever:
    /// `alpha / ((alpha - 1) SNR)` above `alpha = 1`,
    /// `(1 - alpha)(1 + INR) + alpha / ((1 - alpha) SNR) + 1 / SNR` below, and infinite at 1.
    pub fn limit(&self) -> T {
        let Self { alpha, snr, inr } = *self;
        if alpha > T::ONE {
            alpha / ((alpha - T::ONE) * snr)
        } else {
            let frozen = self.frozen();
            frozen * (T::ONE + inr) + alpha / (frozen * snr) + T::ONE / snr
        }
    }

    /// The best time to stop and the risk there, by a golden-section search over `ln t` in
    /// `[1e-3, 1e6]`: the curve falls, then rises (or falls for ever: then the end of the interval).
    pub fn best_stop(&self) -> (T, T) {
        let ratio = T::of(0.618_033_988_749_894_9);
        let (mut low, mut high) = (T::of(-6.907_755_278_982_137), T::of(13.815_510_557_964_274));
        let risk = |x: T| self.risk(x.exp());
        let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
        let (mut at_a, mut at_b) = (risk(a), risk(b));
        // A minimum is flat: its place is known to the square root of the precision.
        for _ in 0..60 {
            if at_a < at_b {
                high = b;
                (b, at_b) = (a, at_a);
                a = high - ratio * (high - low);
                at_a = risk(a);
            } else {
                low = a;
                (a, at_a) = (b, at_b);
                b = low + ratio * (high - low);
                at_b = risk(b);
            }
            if high - low < T::EPSILON.sqrt() {
                break;
            }
        }
        ((T::HALF * (low + high)).exp(), at_a.min(at_b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(alpha, E(1), smallest, limit)` for SNR 5, INR 0.
    const VALUES: [(f64, f64, f64, f64); 5] = [
        (0.5, 0.8660683725, 0.826066, 0.9),
        (0.9, 0.6756976441, 0.608749, 2.1),
        (1.0, 0.6371741140, 0.567518, f64::INFINITY),
        (1.1, 0.6018468404, 0.531177, 2.2),
        (2.0, 0.3946711032, 0.354077, 0.4),
    ];

    #[test]
    fn the_risk_meets_the_reference_values() {
        for (alpha, at_one, smallest, limit) in VALUES {
            let problem = Ensemble::new(alpha, 5.0, 0.0).unwrap();
            assert!((problem.risk(1.0) - at_one).abs() < 6e-11, "{alpha}: {}", problem.risk(1.0));
            assert!((problem.risk(0.0) - 1.2).abs() < 1e-15);
            let (_, best) = problem.best_stop();
            // The published ones are the smallest of a grid of times, so a little above.
            assert!(best < smallest + 5e-7 && best > smallest - 1e-5, "{alpha}: {best}");
            if alpha == 1.0 {
                assert!(problem.limit().is_infinite());
            } else {
                assert!((problem.limit() - limit).abs() < 1e-13, "{alpha}");
            }
        }
        let (when, _) = Ensemble::new(0.5, 5.0, 0.0).unwrap().best_stop();
        assert!((when - 2.72).abs() < 0.02, "{when}");
    }

    #[test]
    fn long_training_reaches_the_limit() {
        for (alpha, inr) in [(0.5, 0.0), (0.5, 2.0), (0.9, 0.0), (1.1, 0.0), (1.1, 2.0), (2.0, 0.5)]
        {
            let problem = Ensemble::new(alpha, 5.0, inr).unwrap();
            let error = problem.risk(3e4) / problem.limit() - 1.0;
            assert!(error.abs() < 1e-12, "alpha {alpha}: {error}");
        }
    }

    #[test]
    fn at_alpha_one_the_risk_grows_without_bound() {
        let problem = Ensemble::new(1.0, 5.0, 0.0).unwrap();
        // Eigenvalues up to 0 with density l^(-1/2): the noise part grows like sqrt(t).
        let growth = problem.risk(4e4) / problem.risk(1e4);
        assert!((growth - 2.0).abs() < 0.02, "{growth}");
    }

    /// A trapezoidal sum over the density as it is written, by another route.
    #[test]
    fn the_substitution_agrees_with_the_density() {
        for (alpha, t) in [(0.5_f64, 0.3), (2.0, 1.7), (0.9, 5.0)] {
            let (low, high) = ((1.0 - alpha.sqrt()).powi(2), (1.0 + alpha.sqrt()).powi(2));
            let (n, mut sum) = (2_000_000, 0.0);
            for j in 0..n {
                // l = low + w (3 v^2 - 2 v^3) tames the square roots at both ends.
                let v = (f64::from(j) + 0.5) / f64::from(n);
                let l = low + (high - low) * v * v * (3.0 - 2.0 * v);
                let dl = (high - low) * 6.0 * v * (1.0 - v) / f64::from(n);
                let rho = ((high - l) * (l - low)).sqrt() / (std::f64::consts::TAU * l);
                let fitted = (1.0 - (-l * t).exp()).powi(2) / (5.0 * l);
                sum += rho * (1.5 * (-2.0 * l * t).exp() + fitted) * dl;
            }
            let problem = Ensemble::new(alpha, 5.0, 0.5).unwrap();
            let direct = sum + 1.5 * problem.frozen() + 0.2;
            assert!((problem.risk(t) / direct - 1.0).abs() < 1e-10, "{alpha}");
        }
    }

    #[test]
    fn single_precision_agrees() {
        for (alpha, at_one, ..) in VALUES {
            let problem = Ensemble::new(alpha as f32, 5.0, 0.0).unwrap();
            assert!((f64::from(problem.risk(1.0)) / at_one - 1.0).abs() < 1e-5, "{alpha}");
        }
    }

    #[test]
    fn parameters_out_of_their_domain_are_named() {
        let needed = |a, s, i| Ensemble::new(a, s, i).unwrap_err();
        assert_eq!(needed(0.0, 5.0, 0.0), DynamicsError::Domain { needed: "alpha > 0" });
        assert_eq!(needed(1.0, -5.0, 0.0), DynamicsError::Domain { needed: "snr > 0" });
        assert_eq!(needed(1.0, 5.0, -1.0), DynamicsError::Domain { needed: "inr >= 0" });
        assert!(matches!(needed(f64::NAN, 5.0, 0.0), DynamicsError::NonFinite(_)));
    }
}
