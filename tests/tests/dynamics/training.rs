//! Gradient descent on all weights, against the formula unit by unit.

use super::*;

/// The same steps from the moments as from the samples, and a network of the weights it was given.
#[test]
fn training_on_moments_is_training_on_the_samples() {
    let mut rng = Rng::seed(21);
    for (d, n, h) in [(2, 10, 50), (5, 3, 9), (3, 20, 8), (1, 1, 1)] {
        let x: Vec<f64> = (0..d * n).map(|_| rng.normal()).collect();
        let y: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let x = mat(&x, d, n);
        let mut theta = vec![0.0; two_layer_params(d, h)];
        normal_start(&mut rng, (0.3, 0.3), d, h, &mut theta).unwrap();
        let (s, b) = moments_of(x, &y);
        let run = |by_moments: bool| {
            let mut scratch = vec![0.0; two_layer_scratch(d, h)];
            let mut net = TwoLayer::new(&theta, d, h, &mut scratch).unwrap();
            let mut out = vec![0.0; theta.len()];
            net.write_to(&mut out).unwrap();
            assert_eq!(out, theta);
            if by_moments {
                net.train_on_moments(mat(&s, d, d), &b, RATES, 2000).unwrap();
            } else {
                net.train(x, &y, RATES, 2000).unwrap();
            }
            net.write_to(&mut out).unwrap();
            out
        };
        for (a, b) in run(true).iter().zip(run(false)) {
            assert!((a - b).abs() < 1e-12, "{d} {n} {h}: {a}, {b}");
        }
    }
}

/// The formula, unit by unit, without blocks of lanes: `train`'s own way differs by the machine and
/// by the width.
fn plain_descent(
    x: &[f64],
    y: &[f64],
    rates: Rates<f64>,
    steps: usize,
    theta: &mut [f64],
    d: usize,
) {
    let h = theta.len() / (d + 1);
    for _ in 0..steps {
        let (rows, w2) = theta.split_at_mut(h * d);
        let mut g = vec![0.0; d];
        for (x, y) in x.chunks(d).zip(y) {
            let f: f64 = rows.chunks(d).zip(&*w2).map(|(w1, w2)| w2 * dot(w1, x)).sum();
            g.iter_mut().zip(x).for_each(|(g, x)| *g += (y - f) * x);
        }
        for (w1, w2) in rows.chunks_mut(d).zip(w2) {
            let old = *w2;
            *w2 += 2.0 * rates.second * dot(w1, &g);
            w1.iter_mut().zip(&g).for_each(|(w1, g)| *w1 += 2.0 * rates.first * old * g);
        }
    }
}

#[test]
fn every_width_trains_as_the_formula_says() {
    let mut rng = Rng::seed(31);
    let rates = Rates { first: 2e-3, second: 5e-4 };
    for d in [1, 2, 3, 4, 7, 8] {
        for h in [1, 7, 8, 15, 16, 17, 24, 33, 50] {
            let n = 6;
            let x: Vec<f64> = (0..d * n).map(|_| rng.normal()).collect();
            let y: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let mut start = vec![0.0; two_layer_params(d, h)];
            normal_start(&mut rng, (0.3, 0.3), d, h, &mut start).unwrap();
            let mut expected = start.clone();
            plain_descent(&x, &y, rates, 300, &mut expected, d);

            let (s, b) = moments_of(mat(&x, d, n), &y);
            let mut scratch = vec![0.0; two_layer_scratch(d, h)];
            let mut found = start.clone();
            for by_moments in [false, true] {
                let mut net = TwoLayer::new(&start, d, h, &mut scratch).unwrap();
                if by_moments {
                    net.train_on_moments(mat(&s, d, d), &b, rates, 300).unwrap();
                } else {
                    net.train(mat(&x, d, n), &y, rates, 300).unwrap();
                }
                assert_eq!(net.iteration(), 300);
                net.write_to(&mut found).unwrap();
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-12, "{d}-{h}-1: {found}, {expected}");
                }
            }

            let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
            let (x, y, start) = (narrow(&x), narrow(&y), narrow(&start));
            let mut scratch = vec![0.0; two_layer_scratch(d, h)];
            let mut net = TwoLayer::new(&start, d, h, &mut scratch).unwrap();
            let rates = Rates { first: 2e-3, second: 5e-4 };
            net.train(mat(&x, d, n), &y, rates, 300).unwrap();
            let mut found = start.clone();
            net.write_to(&mut found).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                // 300 steps, each of them rounded.
                assert!((f64::from(*found) - expected).abs() < 2e-5, "{d}-{h}-1, f32");
            }
        }
    }
}

/// A random start of any rank, against the derivative by every weight.
#[test]
fn a_step_is_the_gradient_by_every_weight() {
    let mut rng = Rng::seed(22);
    let (d, n, h) = (3, 7, 11);
    let x: Vec<f64> = (0..d * n).map(|_| rng.normal()).collect();
    let y: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let mut theta = vec![0.0; two_layer_params(d, h)];
    normal_start(&mut rng, (0.5, 0.5), d, h, &mut theta).unwrap();
    let loss = |theta: &[f64]| -> f64 {
        let f = |x: &[f64]| -> f64 {
            (0..h)
                .map(|k| theta[h * d + k] * (0..d).map(|j| theta[k * d + j] * x[j]).sum::<f64>())
                .sum()
        };
        x.chunks(d).zip(&y).map(|(x, y)| (y - f(x)).powi(2)).sum()
    };
    let rates = Rates { first: 1e-3, second: 3e-3 };
    let mut scratch = vec![0.0; two_layer_scratch(d, h)];
    let mut net = TwoLayer::new(&theta, d, h, &mut scratch).unwrap();
    net.train(mat(&x, d, n), &y, rates, 1).unwrap();
    let mut after = vec![0.0; theta.len()];
    net.write_to(&mut after).unwrap();
    for i in 0..theta.len() {
        let shifted = |by: f64| {
            let mut theta = theta.clone();
            theta[i] += by;
            loss(&theta)
        };
        // The loss is a polynomial of degree 2 in each weight: the quotient is exact.
        let derivative = (shifted(1e-3) - shifted(-1e-3)) / 2e-3;
        let rate = if i < h * d { rates.first } else { rates.second };
        assert!((after[i] - (theta[i] - rate * derivative)).abs() < 1e-12, "weight {i}");
    }
}
