//! Draws of parameters and of outputs.

use super::*;
use crate::random::Rng;

#[test]
fn draws_of_parameters_have_the_posteriors_mean_and_covariance() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let (p, of) = (net.params(), data.losses()[0]);
    for structure in STRUCTURES {
        let prior = Prior::of(&0.7);
        let (storage, _) = spectrum(&net, data.x(), of, structure, prior, SAMPLES);
        let spectrum = Spectrum::new(&layers, structure, Per::Network, &storage).unwrap();
        let mut numbers = vec![0.0; posterior_len(&layers, structure)];
        let posterior = Posterior::write(&spectrum, prior, 0.4, &mut numbers).unwrap();
        let h = dense(&net, data.x(), of, structure);
        let (expected, _) = inverse(&h, 1.0 / 0.16, &vec![0.7; p]);
        const DRAWS: usize = 20_000;
        let (mut rng, mut draw) = (Rng::seed(3), vec![0.0; p]);
        let mut scratch = vec![f64::NAN; sample_scratch(&layers, structure)];
        let (mut mean, mut covariance) = (vec![0.0; p], vec![0.0; p * p]);
        for _ in 0..DRAWS {
            posterior.sample(&data.theta, &mut rng, &mut draw, &mut scratch).unwrap();
            draw.iter_mut().zip(&data.theta).for_each(|(d, t)| *d -= t);
            for (c, dc) in draw.iter().enumerate() {
                mean[c] += dc / DRAWS as f64;
                for (r, dr) in draw.iter().enumerate() {
                    covariance[c * p + r] += dr * dc / DRAWS as f64;
                }
            }
        }
        for c in 0..p {
            let deviation = |r: usize| {
                // Of a mean of products of two Gaussians.
                let (a, b) = (expected[c * p + c], expected[r * p + r]);
                ((a * b + expected[c * p + r].powi(2)) / DRAWS as f64).sqrt()
            };
            let of_mean = (expected[c * p + c] / DRAWS as f64).sqrt();
            assert!(mean[c].abs() < 5.0 * of_mean, "{structure:?}");
            for r in 0..p {
                let error = (covariance[c * p + r] - expected[c * p + r]).abs();
                assert!(error < 5.5 * deviation(r), "{structure:?} ({r}, {c}): {error}");
            }
        }
    }
}

#[test]
fn a_root_is_of_its_covariance_even_where_that_is_singular() {
    for (covariance, n) in [
        (vec![4.0, 2.0, 2.0, 3.0], 2),
        (vec![1.0, 1.0, 1.0, 1.0], 2),
        (vec![0.0, 0.0, 0.0, 2.0], 2),
        (vec![2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 2.0], 3),
        (vec![0.0; 9], 3),
    ] {
        let mut l: Vec<f64> = covariance.clone();
        covariance_root(MatMut::of(&mut l, n, n)).unwrap();
        let l = Mat::of(&l, n, n);
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let product: f64 = (0..n).map(|k| l.at(i, k) * l.at(j, k)).sum();
            assert!((product - covariance[j * n + i]).abs() < 1e-14, "{covariance:?}");
            assert!(i >= j || l.at(i, j) == 0.0);
        }
    }
}

#[test]
fn probabilities_by_draws_are_a_mean_of_probabilities() {
    let (mean, covariance) = ([0.3, -0.2], [1.5, 0.4, 0.4, 0.8]);
    let mut root = covariance;
    covariance_root(MatMut::of(&mut root, 2, 2)).unwrap();
    let root = Mat::of(&root, 2, 2);
    let draw = |loss, draws, p: &mut [f64]| {
        let (mut rng, mut scratch) = (Rng::seed(1), [f64::NAN; 4]);
        probabilities_by_draws(loss, &mean, root, draws, &mut rng, p, &mut scratch).unwrap();
    };
    // E softmax of two classes is E sigmoid(f_0 - f_1), by quadrature.
    let (m, variance) = (0.5_f64, 1.5 + 0.8 - 0.8_f64);
    let steps = 4000;
    let expected: f64 = (0..steps)
        .map(|k| {
            let e = -8.0 + 16.0 * (f64::from(k) + 0.5) / f64::from(steps);
            let density = (-0.5 * e * e).exp() / (2.0 * core::f64::consts::PI).sqrt();
            density / (1.0 + (-(m + variance.sqrt() * e)).exp()) * 16.0 / f64::from(steps)
        })
        .sum();
    let mut p = [0.0; 2];
    draw(Loss::CrossEntropy, 40_000, &mut p);
    assert!((p[0] + p[1] - 1.0).abs() < 1e-12);
    // A sigmoid's deviation is below a half.
    assert!((p[0] - expected).abs() < 4.0 * 0.5 / 200.0, "{} {expected}", p[0]);
    draw(Loss::Bce, 10, &mut p);
    assert!(p.iter().all(|p| *p > 0.0 && *p < 1.0));
    draw(Loss::Mse, 40_000, &mut p);
    assert!((p[0] - 0.3).abs() < 4.0 * 1.5_f64.sqrt() / 200.0);
}
