//! The closed forms of the dynamics by other routes: powers, an ODE solution, a quadrature of the
//! density itself, and derivatives of the loss on data.

use std::f64::consts::{FRAC_PI_2, PI};

/// The excess risk after `k` steps, `sum A q^2k + B (1 - q^k)^2` with `q = 1 - rate sigma^2`, of
/// features `(sigma, theta, rate)`.
pub fn excess_risk(features: &[[f64; 3]], noise: f64, samples: usize, k: usize) -> f64 {
    let floor = noise / samples as f64;
    let of = |[sigma, theta, rate]: &[f64; 3]| {
        let left = (1.0 - rate * sigma * sigma).powi(k as i32);
        (sigma * theta * left).powi(2) + floor * (1.0 - left).powi(2)
    };
    features.iter().map(of).sum()
}

/// `w(t)` of `w' = sqrt(c^2 + r^2 w^2) (s - lambda w)` by extrapolated midpoint steps (Gragg,
/// Bulirsch and Stoer) of order 16.
pub fn mode([c, r, s, lambda]: [f64; 4], w0: f64, t: f64) -> f64 {
    let velocity = |w: f64| (c * c + r * r * w * w).sqrt() * (s - lambda * w);
    let clock = (c * lambda).hypot(r * s) + r * lambda * w0.abs();
    // A mode at rest stays there.
    let t = if lambda > 0.0 && clock > 0.0 { t.min(800.0 / clock) } else { t };
    let steps = (4.0 * clock * t).ceil().clamp(1.0, 1e5);
    (0..steps as usize).fold(w0, |w, _| extrapolated(velocity, w, t / steps))
}

fn extrapolated(velocity: impl Fn(f64) -> f64, y: f64, h: f64) -> f64 {
    let mut table: Vec<f64> = Vec::new();
    for m in (2..=16).step_by(2) {
        let dt = h / f64::from(m);
        let (mut before, mut now) = (y, y + dt * velocity(y));
        for _ in 1..m {
            (before, now) = (now, before + 2.0 * dt * velocity(now));
        }
        let mut value = 0.5 * (now + before + dt * velocity(now));
        let row = table.len();
        for (k, coarser) in table.iter_mut().enumerate() {
            let ratio = (f64::from(m) / (2 * (row - k)) as f64).powi(2);
            let refined = value + (value - *coarser) / (ratio - 1.0);
            (*coarser, value) = (value, refined);
        }
        table.push(value);
    }
    table.last().copied().unwrap_or(y)
}

/// The teacher-student risk: the Marchenko-Pastur density itself, by the double exponential rule
/// between its edges, and its mass at 0.
pub fn ensemble([alpha, snr, inr]: [f64; 3], t: f64) -> f64 {
    let (root, width) = (alpha.sqrt(), 4.0 * alpha.sqrt());
    let edge = (1.0 - root).powi(2);
    let risk = |l: f64| {
        let grown = -(-l * t).exp_m1();
        (1.0 + inr) * (-2.0 * l * t).exp() + grown * grown / (l * snr)
    };
    let h = 1.0 / 64.0;
    let mut sum = 0.0;
    for i in -400..=400 {
        let x = h * f64::from(i);
        // The parts of the interval on both sides of the node: neither by a difference.
        let tilt = PI * x.sinh();
        let (below, above) = (1.0 / (1.0 + (-tilt).exp()), 1.0 / (1.0 + tilt.exp()));
        let weight = 2.0 * FRAC_PI_2 * x.cosh() * below * above;
        let l = edge + width * below;
        if weight > 0.0 && l > 0.0 {
            let density = width * (below * above).sqrt() / (2.0 * PI * l);
            sum += h * weight * width * density * risk(l);
        }
    }
    sum + (1.0 - alpha).max(0.0) * (1.0 + inr) + 1.0 / snr
}

/// Half the velocities `(u', z')` of descent on data that have these modes: one sample along each,
/// `x_i = sqrt(lambda_i) e_i`, `y_i = sqrt(lambda_i) beta_i + epsilon_i`.
pub fn velocity(modes: [&[f64]; 3], u: f64, z: &[f64]) -> (f64, Vec<f64>) {
    let [lambda, beta, epsilon] = modes;
    let (mut du, mut dz) = (0.0, Vec::new());
    for (i, z) in z.iter().enumerate() {
        let x = lambda[i].sqrt();
        let error = x * beta[i] + epsilon[i] - u * x * z;
        du += error * x * z;
        dz.push(error * x * u);
    }
    (du, dz)
}

/// The Jacobian of `w2 W1 x` by every weight, sample by sample.
pub fn two_layer_jacobian(theta: &[f64], x: &[f64], inputs: usize, hidden: usize) -> Vec<f64> {
    let (first, second) = theta.split_at(inputs * hidden);
    let mut rows = Vec::new();
    for sample in x.chunks(inputs) {
        rows.extend(second.iter().flat_map(|w2| sample.iter().map(move |x| w2 * x)));
        rows.extend(
            first.chunks(inputs).map(|w1| w1.iter().zip(sample).map(|(w, x)| w * x).sum::<f64>()),
        );
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_meet_published_values() {
        let features = [[1.0, 0.45, 0.1], [0.15, 3.0, 0.1]];
        for (k, excess) in [(12, 0.2595578911), (30, 0.2693929025), (491, 0.1669421765)] {
            // The last of the ten digits printed for k = 30 is one too large.
            assert!((excess_risk(&features, 1.0, 10, k) - excess).abs() < 1e-10);
        }
        for (alpha, risk) in
            [(0.5, 0.8660683725), (0.9, 0.6756976441), (1.0, 0.6371741140), (2.0, 0.3946711032)]
        {
            assert!((ensemble([alpha, 5.0, 0.0], 1.0) - risk).abs() < 6e-11, "{alpha}");
        }
        let k = (0.21_f64.powi(2) + 2.4_f64.powi(2)).sqrt();
        assert!((mode([0.3, 2.0, 1.2, 0.7], 0.05, 3.0 / k) - 0.97520216).abs() < 6e-9);
    }
}
