//! Gradient flow and the closed form of one mode, against an integrator of high order.

use super::*;

/// Extrapolated modified midpoint rule (Gragg, Bulirsch and Stoer), order 16.
fn integrate(derivative: impl Fn(f64) -> f64, mut y: f64, t: f64, steps: usize) -> f64 {
    let h = t / steps as f64;
    for _ in 0..steps {
        let mut table = [0.0_f64; 8];
        for (row, m) in (1..=8).map(|k| 2 * k).enumerate() {
            let dt = h / m as f64;
            let (mut before, mut now) = (y, y + dt * derivative(y));
            for _ in 1..m {
                (before, now) = (now, before + 2.0 * dt * derivative(now));
            }
            let mut value = 0.5 * (now + before + dt * derivative(now));
            for (k, coarser) in table.iter_mut().take(row).enumerate() {
                let ratio = (m as f64 / (2 * (row - k)) as f64).powi(2);
                let refined = value + (value - *coarser) / (ratio - 1.0);
                (*coarser, value) = (value, refined);
            }
            table[row] = value;
        }
        y = table[7];
    }
    y
}

#[test]
fn the_extrapolation_is_of_high_order() {
    let error = |steps| (integrate(|y| y, 1.0, 4.0, steps) / 4.0_f64.exp() - 1.0).abs();
    assert!(error(4) < 1e-13, "{}", error(4));
}

#[test]
fn the_closed_form_of_a_mode_agrees_with_a_high_order_solution() {
    let mut rng = Rng::seed(8);
    for case in 0..200 {
        let draw = |rng: &mut Rng, zero: usize| if case % 5 == zero { 0.0 } else { rng.normal() };
        let c: f64 = draw(&mut rng, 1);
        let r: f64 = draw(&mut rng, 2).abs();
        let s: f64 = rng.normal();
        let lambda = rng.normal::<f64>().abs() + 0.1;
        let w0: f64 = 0.1 * rng.normal::<f64>();
        let mode = Mode { c, r, s, lambda };
        let scale = (s / lambda).abs().max(w0.abs());
        for t in [0.1, 1.0, 4.0] {
            let numeric = integrate(|w| mode.velocity(w), w0, t, 400);
            let closed = mode.weight(w0, t);
            assert!((closed - numeric).abs() < 1e-11 * scale, "{mode:?}: {closed}, {numeric}");
        }
    }
}

/// One feature, one hidden unit: the two-layer network is the mode with a = z, b = u.
#[test]
fn the_closed_form_is_the_limit_of_small_steps_of_training() {
    let (s, lambda, a, b, t) = (1.2_f64, 0.7, 0.4, 0.1, 2.0);
    let mode = Mode::of_layers(a, b, Rates::same(1.0), s, lambda);
    let exact = mode.weight(a * b, t);
    // The sum of squares has twice the gradient of the mode's half sum.
    let error = |eta: f64| {
        let (mut z, mut u) = ([a], b);
        let steps = (t / (2.0 * eta)).round() as u64;
        let gram = [lambda];
        reduce(mat(&gram, 1, 1), &[s], Rates::same(eta), steps, &mut z, &mut u, &mut [0.0])
            .unwrap();
        (u * z[0] - exact).abs()
    };
    let (coarse, fine) = (error(1e-3), error(1e-4));
    assert!(fine < 2e-4 && (coarse / fine / 10.0 - 1.0).abs() < 0.02, "{coarse}, {fine}");
}

#[test]
fn the_flow_conserves_what_descent_moves_in_proportion_to_its_rates() {
    let (lambda, beta, epsilon) = ([2.0, 0.5], [1.0, -1.0], [0.4, 0.2]);
    let modes = Modes::new(&lambda, &beta, &epsilon).unwrap();
    let rates = Rates { first: 1.0, second: 0.3 };
    let (mut u, mut z) = (0.2, [0.3, 0.1]);
    let before = flow::conserved(rates, u, &z);
    flow::integrate(modes, rates, 1e-3, 60_000, &mut u, &mut z, &mut [0.0; 6]).unwrap();
    assert!((flow::conserved(rates, u, &z) - before).abs() < 1e-12);
    for (w, end) in z.iter().map(|z| u * z).zip(modes.optimum()) {
        assert!((w - end).abs() < 1e-9, "the end of training: {w}, {end}");
    }

    let b: Vec<f64> = modes.correlation().collect();
    let s = [2.0, 0.0, 0.0, 0.5];
    let drift = |scale: f64| {
        let rates = Rates { first: rates.first * scale, second: rates.second * scale };
        let (mut u, mut z) = (0.2, [0.3, 0.1]);
        let steps = (20.0 / scale) as u64;
        reduce(mat(&s, 2, 2), &b, rates, steps, &mut z, &mut u, &mut [0.0; 2]).unwrap();
        scale * flow::conserved(rates, u, &z) - before
    };
    let ratio = drift(1e-2) / drift(1e-3);
    assert!((ratio / 10.0 - 1.0).abs() < 0.05, "{ratio}");
}

#[test]
fn a_small_start_leaves_the_saddle_at_the_published_rate() {
    let (lambda, beta, epsilon) = ([2.0, 0.5], [1.0, -1.0], [0.4, 0.2]);
    let modes = Modes::new(&lambda, &beta, &epsilon).unwrap();
    let rates = Rates { first: 0.5, second: 0.1 };
    let (mut u, mut z) = (1e-9, [1e-9, -1e-9]);
    let mut advance = |time: f64| {
        flow::integrate(modes, rates, time / 2000.0, 2000, &mut u, &mut z, &mut [0.0; 6]).unwrap();
        u
    };
    // Long enough for the growing direction to win, short enough to stay linear.
    let early = advance(8.0);
    let growth = (advance(1.0) / early).ln();
    assert!((growth / modes.escape_rate(rates) - 1.0).abs() < 1e-5, "{growth}");
}

/// The demonstration: eigenvalues 100 and 1, teacher (1, 1), noise (5, 0) along the singular
/// directions. The published numbers are of a grid of 4001 times, logarithmic from 1e-4 to 10.
#[test]
fn two_eigenvalues_are_enough_for_double_descent() {
    let (lambda, beta, epsilon) = ([100.0, 1.0], [1.0, 1.0], [5.0, 0.0]);
    let modes = Modes::new(&lambda, &beta, &epsilon).unwrap();
    let times: Vec<f64> = (0..=4000).map(|i| 1e-4 * 1e5_f64.powf(f64::from(i) / 4000.0)).collect();
    let extremes = |curve: &[f64]| {
        let mut turns = [TurningPoint::default(); 8];
        let found = turning_points(curve.iter().copied(), 1e-9, &mut turns);
        assert_eq!(found, 2, "{turns:?}");
        let [low, high, ..] = turns;
        assert_eq!((low.kind, high.kind), (Kind::Minimum, Kind::Maximum));
        [low.value, times[low.index], high.value, times[high.index]]
    };

    let linear: Vec<f64> = times.iter().map(|t| modes.regression_error(*t)).collect();
    let found = extremes(&linear);
    for (f, (e, tolerance)) in
        found.iter().zip([(0.97826, 5e-6), (0.00550, 1e-5), (25.8169, 5e-5), (0.0456, 1e-4)])
    {
        close("linear", *f, e, tolerance);
    }
    // It ends at the sum of the squared noise. At t = 10 the slow mode has e^-20 left.
    close("limit", *linear.last().unwrap(), 25.0, 1e-8);

    let coupled = [
        (0.01, 0.01, [0.96223, 0.01718, 25.8832, 0.0325]),
        (0.1, 0.1, [0.79570, 0.00950, 25.7261, 0.0252]),
        (1.0, 0.001, [0.97697, 0.00366, 25.8713, 0.0176]),
    ];
    for (u0, z0, expected) in coupled {
        let (mut u, mut z, mut now) = (u0, [z0, z0], 0.0);
        let mut curve = Vec::new();
        for t in &times {
            // Steps well below the fastest clock, 2 u^2 lambda < 600.
            let steps = ((t - now) / 2e-5).ceil();
            let scratch = &mut [0.0; 6];
            flow::integrate(
                modes,
                Rates::same(1.0),
                (t - now) / steps,
                steps as u64,
                &mut u,
                &mut z,
                scratch,
            )
            .unwrap();
            now = *t;
            curve.push(modes.generalisation(u, &z));
        }
        let found = extremes(&curve);
        let tolerances = [6e-6, 2e-5, 6e-5, 6e-5];
        for ((f, e), tolerance) in found.iter().zip(expected).zip(tolerances) {
            close("coupled", *f, e, tolerance);
        }
        close("limit", *curve.last().unwrap(), 25.0, 1e-6);
    }
}
