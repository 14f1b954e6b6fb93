//! One decoupled mode of a two-layer linear network in closed form.
//!
//! ```text
//! a' = eta1 b (s - lambda w),  b' = eta2 a (s - lambda w),  w = a b
//! c  = eta2 a^2 - eta1 b^2 (conserved),  r = 2 sqrt(eta1 eta2)
//! w' = sqrt(c^2 + r^2 w^2) (s - lambda w)
//! ```
//! (half sum of squares; `s` is the input-output value, `lambda` the input's eigenvalue). With
//! `Y = r w + sqrt(c^2 + r^2 w^2)` this is a Riccati equation, and with
//! `k = sqrt(c^2 lambda^2 + r^2 s^2)`, `E = e^(-k t)`, `G = (1 - E) / k`, `k+- = (k +- r s) / k`:
//!
//! ```text
//! D = k- + k+ E + lambda Y0 G,      N = Y0 (k+ + k- E) + lambda c^2 G,      Y = N / D
//! w(t) = w0 + G (s - lambda w0) (Y0 + c^2 D / N) / D
//! s/lambda - w(t) = (s/lambda - w0) 4 E Y0 / (D N)
//! ```
//! Every term is positive for `w0 >= 0` (and `w -> -w, s -> -s` serves the rest), so nothing
//! cancels: `r = 0` (linear regression at rate |c|), `c = 0` (the logistic curve), `lambda = 0` and
//! the approach to `s / lambda` need no branch of their own. The second form is used once the gap
//! has halved. Cost: one exponential, two square roots.
//!
//! The model is Olmin and Lindsten's bridge between the two ("Towards understanding epoch-wise
//! double descent in two-layer linear neural networks", 2024); the closed form is derived here.

use crate::scalar::Real;

/// A mode: what the conserved quantity, the rates and the data make of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode<T> {
    /// The imbalance of the layers, `eta2 a^2 - eta1 b^2`; only its size matters.
    pub c: T,
    /// The strength of the coupling, `2 sqrt(eta1 eta2)`.
    pub r: T,
    /// The input-output value.
    pub s: T,
    /// The input's eigenvalue, not negative.
    pub lambda: T,
}

impl<T: Real> Mode<T> {
    /// The mode of layer weights `a` and `b` at the start.
    ///
    /// ```
    /// use nanocurv::dynamics::{Rates, modes::Mode};
    ///
    /// let mode = Mode::of_layers(0.3, 0.1, Rates::same(1.0), 1.2_f64, 0.7);
    /// let w0 = 0.3 * 0.1;
    /// assert_eq!(mode.weight(w0, 0.0), w0);
    /// assert!((mode.weight(w0, 40.0) - 1.2 / 0.7).abs() < 1e-14);
    /// ```
    pub fn of_layers(a: T, b: T, rates: super::Rates<T>, s: T, lambda: T) -> Self {
        let c = rates.second * a * a - rates.first * b * b;
        Self { c, r: T::TWO * (rates.first * rates.second).sqrt(), s, lambda }
    }

    /// The rate at which the mode settles, `k = sqrt(c^2 lambda^2 + r^2 s^2)`.
    pub fn rate(&self) -> T {
        let (x, y) = (self.c * self.lambda, self.r * self.s);
        (x * x + y * y).sqrt()
    }

    /// `dw/dt` at weight `w`.
    pub fn velocity(&self, w: T) -> T {
        (self.c * self.c + self.r * self.r * w * w).sqrt() * (self.s - self.lambda * w)
    }

    /// The weight at time `t` of the start `w0`. Infinite where it overflows (`lambda = 0` only).
    pub fn weight(&self, w0: T, t: T) -> T {
        if w0 < T::ZERO {
            return -Self { s: -self.s, ..*self }.weight(-w0, t);
        }
        let Self { c, s, lambda, .. } = *self;
        let p = self.parts(w0, t);
        if p.y0 == T::ZERO {
            return w0;
        }
        if c == T::ZERO {
            // w = Y / 2r, whose start is Y0 = 2 r w0.
            return w0 * (p.plus + p.minus * p.e) / p.d;
        }
        let gap = T::of(4.0) * p.e * p.y0 / (p.d * p.n);
        if lambda > T::ZERO && gap < T::HALF {
            let end = s / lambda;
            end - (end - w0) * gap
        } else {
            w0 + p.g * (s - lambda * w0) * (p.y0 + c * c * p.d / p.n) / p.d
        }
    }

    /// The part of the way to `s / lambda` that is left at time `t`, from 1 to 0 without loss of
    /// digits: `(s/lambda - w(t)) / (s/lambda - w0)`.
    pub fn remaining(&self, w0: T, t: T) -> T {
        if w0 < T::ZERO {
            return Self { s: -self.s, ..*self }.remaining(-w0, t);
        }
        let p = self.parts(w0, t);
        if p.y0 == T::ZERO { T::ONE } else { T::of(4.0) * p.e * p.y0 / (p.d * p.n) }
    }

    /// The published approximation `|w'| = (c + r w)(s - lambda w)` for `c, r, w0 >= 0`, not exact:
    /// it replaces `sqrt(c^2 + r^2 w^2)` by its upper bound.
    ///
    /// Solved as `(s - lambda w)/(c + r w) = (s - lambda w0)/(c + r w0) e^(-(c lambda + r s) t)`.
    pub fn approximation(&self, w0: T, t: T) -> T {
        let Self { c, r, s, lambda } = *self;
        let e = (-(c * lambda + r * s) * t).exp();
        let (start, gap) = (c + r * w0, s - lambda * w0);
        (s * start - c * gap * e) / (lambda * start + r * gap * e)
    }

    fn parts(&self, w0: T, t: T) -> Parts<T> {
        let Self { c, r, s, lambda } = *self;
        let k = self.rate();
        let e = (-k * t).exp();
        let y0 = r * w0 + (c * c + r * r * w0 * w0).sqrt();
        let (g, plus, minus) = if k > T::ZERO {
            // (k + rs)(k - rs) = c^2 lambda^2: the smaller factor from the larger one.
            let larger = (k + (r * s).abs()) / k;
            let smaller = (c * lambda / k).squared() / larger;
            let (plus, minus) = if s < T::ZERO { (smaller, larger) } else { (larger, smaller) };
            (-(-k * t).exp_m1() / k, plus, minus)
        } else {
            (t, T::ONE, T::ONE)
        };
        let d = minus + plus * e + lambda * y0 * g;
        let n = y0 * (plus + minus * e) + lambda * c * c * g;
        Parts { e, g, y0, plus, minus, d, n }
    }
}

/// The symbols of the closed form.
struct Parts<T> {
    e: T,
    g: T,
    y0: T,
    plus: T,
    minus: T,
    d: T,
    n: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: Mode<f64> = Mode { c: 0.3, r: 2.0, s: 1.2, lambda: 0.7 };

    #[test]
    fn the_closed_form_meets_the_reference_values() {
        let published =
            [0.05, 0.13308145, 0.23862715, 0.37757855, 0.55384372, 0.75969515, 0.97520216];
        for (j, w) in published.iter().enumerate() {
            let t = j as f64 / 6.0 * 3.0 / REFERENCE.rate();
            assert!((REFERENCE.weight(0.05, t) - w).abs() < 6e-9);
        }
    }

    /// One classical Runge-Kutta step of the equation, Richardson-refined by small steps.
    fn integrate(mode: Mode<f64>, mut w: f64, t: f64) -> f64 {
        let steps = 20_000;
        let h = t / f64::from(steps);
        for _ in 0..steps {
            let a = mode.velocity(w);
            let b = mode.velocity(w + h / 2.0 * a);
            let c = mode.velocity(w + h / 2.0 * b);
            let d = mode.velocity(w + h * c);
            w += h / 6.0 * (a + 2.0 * b + 2.0 * c + d);
        }
        w
    }

    #[test]
    fn every_branch_solves_the_equation() {
        let cases = [
            (0.3, 2.0, 1.2, 0.7, 0.05, 3.0),
            (0.3, 2.0, 1.2, 0.7, 4.0, 3.0),
            (-0.3, 2.0, -1.2, 0.7, 0.5, 3.0),
            (0.3, 2.0, 1.2, 0.7, -0.8, 3.0),
            (0.0, 2.0, 1.2, 0.7, 0.05, 3.0),
            (0.0, 2.0, -1.2, 0.7, 0.5, 3.0),
            (0.0, 2.0, 1.2, 0.7, -0.5, 1.0),
            (0.8, 0.0, 1.2, 0.7, 0.05, 3.0),
            (0.8, 1e-9, 1.2, 0.7, 0.05, 3.0),
            (1e-9, 2.0, 1.2, 0.7, 0.05, 3.0),
            (0.3, 2.0, 0.4, 0.0, 0.05, 3.0),
            (0.3, 2.0, -0.4, 0.0, 0.05, 3.0),
            (0.3, 2.0, 0.0, 0.7, 0.5, 3.0),
            (0.0, 2.0, 0.0, 0.7, 0.5, 3.0),
            (0.5, 0.0, 0.4, 0.0, 0.05, 3.0),
            (0.0, 0.0, 0.4, 0.7, 0.05, 3.0),
            (0.0, 2.0, 0.4, 0.7, 0.0, 3.0),
        ];
        for (c, r, s, lambda, w0, t) in cases {
            let mode = Mode { c, r, s, lambda };
            let (closed, numeric) = (mode.weight(w0, t), integrate(mode, w0, t));
            let error = (closed - numeric).abs() / numeric.abs().max(1.0);
            assert!(error < 1e-12, "{mode:?} from {w0}: {closed} and {numeric}");
        }
    }

    #[test]
    fn near_saturation_the_gap_keeps_its_digits() {
        // Where the mode settles, the gap shrinks by e^(-k dt): artanh of a number rounded to 1
        // would say infinity.
        let (k, dt) = (REFERENCE.rate(), 1.0);
        for t in [15.0, 50.0, 200.0] {
            let ratio = REFERENCE.remaining(0.05, t + dt) / REFERENCE.remaining(0.05, t);
            assert!((ratio / (-k * dt).exp() - 1.0).abs() < 1e-10, "{t}: {ratio}");
            assert!((REFERENCE.weight(0.05, t) - 1.2 / 0.7).abs() < 1e-9);
        }
        assert_eq!(REFERENCE.weight(0.05, 1e6), 1.2 / 0.7);
    }

    #[test]
    fn the_special_branches_are_the_textbook_curves() {
        let regression = Mode { c: 0.8, r: 0.0, s: 1.2, lambda: 0.7 };
        let logistic = Mode { c: 0.0, r: 2.0, s: 1.2, lambda: 0.7 };
        for t in [0.0, 0.1, 1.0, 3.0, 10.0] {
            let w = 1.2 / 0.7 + (0.05 - 1.2 / 0.7) * f64::exp(-0.8 * 0.7 * t);
            assert!((regression.weight(0.05, t) - w).abs() < 1e-15);
            let e = f64::exp(2.0 * 1.2 * t);
            let w = 1.2 * e / (0.7 * (e - 1.0) + 1.2 / 0.05);
            assert!((logistic.weight(0.05, t) / w - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn the_published_approximation_is_no_solution() {
        let exact = REFERENCE.weight(0.05, 0.6);
        let approximate = REFERENCE.approximation(0.05, 0.6);
        assert_eq!(REFERENCE.approximation(0.05, 0.0), 0.05);
        assert!(approximate > exact + 0.05, "an upper bound on the speed: {approximate}, {exact}");
        // It is one where a layer does nothing.
        let alone = Mode { r: 0.0, ..REFERENCE };
        assert!((alone.approximation(0.05, 0.6) - alone.weight(0.05, 0.6)).abs() < 1e-15);
    }

    #[test]
    fn single_precision_follows_double() {
        let narrow = Mode { c: 0.3_f32, r: 2.0, s: 1.2, lambda: 0.7 };
        for j in 0..40 {
            let t = 0.1 * j as f32;
            let wide = REFERENCE.weight(0.05, f64::from(t));
            assert!((f64::from(narrow.weight(0.05, t)) / wide - 1.0).abs() < 1e-5);
        }
    }
}
