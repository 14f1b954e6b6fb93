//! The last layer, sample by sample.

use super::*;
use crate::random::Rng;

const N: usize = 60;

/// Features, targets and a layer of three inputs and two outputs.
fn data() -> (Layer, Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut rng = Rng::seed(9);
    let mut draws = |n| (0..n).map(|_| rng.normal::<f64>()).collect::<Vec<_>>();
    (Layer::new(3, 2, Activation::Identity), draws(3 * N), draws(2 * N), draws(8))
}

/// The weighted ridge solution `(sum w a a^T / sigma^2 + delta rho^N I) W^T = sum w a y / sigma^2`
/// around the first weights, and its covariance.
fn ridge(
    (x, y, theta): (&[f64], &[f64], &[f64]),
    scale: Scale<f64>,
    (precision, sigma, rho): (f64, f64, f64),
) -> (Vec<f64>, Vec<f64>) {
    let samples = x.len() / 3;
    let (mut gram, mut right) = (vec![0.0; 16], vec![0.0; 8]);
    for n in 0..samples {
        let weight = rho.powi((samples - 1 - n) as i32) / (sigma * sigma);
        let a = [x[3 * n], x[3 * n + 1], x[3 * n + 2]].map(|x| scale.weight * x);
        let a = [a[0], a[1], a[2], scale.bias];
        for (j, aj) in a.iter().enumerate() {
            for (i, ai) in a.iter().enumerate() {
                gram[j * 4 + i] += weight * ai * aj;
            }
        }
        for o in 0..2 {
            let f: f64 = (0..3).map(|i| theta[o * 3 + i] * a[i]).sum::<f64>() + theta[6 + o] * a[3];
            (0..4).for_each(|i| right[o * 4 + i] += weight * a[i] * (y[2 * n + o] - f));
        }
    }
    // The stream forgets after a sample: the prior has been forgotten as often as there were some,
    // but the last sample's forgetting is still to come.
    let prior = precision * rho.powi(samples as i32 - 1);
    let (s, _) = inverse(&gram, 1.0, &[prior; 4]);
    let mut solution = theta.to_vec();
    for o in 0..2 {
        for i in 0..4 {
            let step: f64 = (0..4).map(|j| s[j * 4 + i] * right[o * 4 + j]).sum();
            solution[if i < 3 { o * 3 + i } else { 6 + o }] += step;
        }
    }
    (solution, s.iter().map(|v| v / rho).collect())
}

#[test]
fn a_stream_is_the_ridge_solution_of_all_its_samples_in_any_order() {
    let (layer, x, y, start) = data();
    for scale in [Scale::STANDARD, Scale { weight: 0.6, bias: 1.7 }] {
        for rho in [1.0, 0.95] {
            let (expected, covariance) = ridge((&x, &y, &start), scale, (0.3, 0.4, rho));
            for order in 0..3 {
                let mut order: Vec<usize> = match order {
                    0 => (0..N).collect(),
                    1 => (0..N).rev().collect(),
                    _ => (0..N).map(|n| n * 7 % N).collect(),
                };
                if rho < 1.0 {
                    order = (0..N).collect();
                }
                let (mut theta, mut state) = (start.clone(), vec![f64::NAN; stream_len(&layer)]);
                let mut scratch = vec![f64::NAN; stream_scratch(&layer)];
                let mut stream = Stream::start(&layer, 0.3, 0.4, &mut state)
                    .unwrap()
                    .with_scale(scale)
                    .with_forgetting(rho)
                    .unwrap();
                for n in order {
                    let (x, y) = (&x[3 * n..3 * n + 3], &y[2 * n..2 * n + 2]);
                    let mut f = [0.0; 2];
                    let variance = stream.predict(&theta, x, &mut f, &mut scratch).unwrap();
                    let said = stream.update(x, y, &mut theta, &mut scratch).unwrap();
                    assert!((said.variance - (0.16 + variance)).abs() < 1e-12 * said.variance);
                    let squares: f64 = f.iter().zip(y).map(|(f, y)| (y - f) * (y - f)).sum();
                    let novelty = squares / (2.0 * said.variance);
                    assert!((said.novelty - novelty).abs() < 1e-10 * novelty.max(1.0));
                }
                for (found, expected) in theta.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-10, "{rho}: {found} {expected}");
                }
                // a^T S a at an input that it has not seen.
                let x = [0.3, -1.0, 2.0];
                let a = [x[0], x[1], x[2]].map(|x| scale.weight * x);
                let a = [a[0], a[1], a[2], scale.bias];
                let expected: f64 = (0..16).map(|k| covariance[k] * a[k % 4] * a[k / 4]).sum();
                let variance = stream.predict(&theta, &x, &mut [0.0; 2], &mut scratch).unwrap();
                assert!((variance - expected).abs() < 1e-10 * expected, "{variance} {expected}");
            }
        }
    }
}

#[test]
fn a_stream_says_what_the_full_structure_of_the_last_layer_says() {
    let (layer, x, y, theta) = data();
    let layers = [layer];
    let net = Mlp::new(&layers, &theta).unwrap();
    let matrix = Mat::of(&x, 3, N);
    let of = (Loss::Mse, Targets::Values(Mat::of(&y, 2, N)));
    let prior = Prior::of(&0.3);
    let (storage, _) = spectrum(&net, matrix, of, Structure::Full, prior, N);
    let spectrum = Spectrum::new(&layers, Structure::Full, Per::Network, &storage).unwrap();
    let mut numbers = vec![0.0; posterior_len(&layers, Structure::Full)];
    let posterior = Posterior::write(&spectrum, prior, 0.4, &mut numbers).unwrap();
    let (_, covariance) = predicted(&net, &posterior, matrix);
    let mut state = vec![0.0; stream_len(&layer)];
    let mut stream = Stream::start(&layer, 0.3, 0.4, &mut state).unwrap();
    let mut scratch = vec![0.0; stream_scratch(&layer)];
    let mut learned = theta.clone();
    for n in 0..N {
        let (x, y) = (&x[3 * n..3 * n + 3], &y[2 * n..2 * n + 2]);
        stream.update(x, y, &mut learned, &mut scratch).unwrap();
    }
    for (x, covariance) in matrix.columns().zip(covariance.chunks(4)) {
        let variance = stream.predict(&learned, x, &mut [0.0; 2], &mut scratch).unwrap();
        assert!((variance - covariance[0]).abs() < 1e-12 && covariance[1].abs() < 1e-15);
    }
}

#[test]
fn no_variance_turns_negative_in_single_precision() {
    // Features of scales from 1e-3 to 1e3, two of them all but equal, for 100 000 steps.
    let layer = Layer::new(4, 1, Activation::Identity);
    let (mut state, mut theta) = (vec![0.0_f32; stream_len(&layer)], vec![0.0_f32; 5]);
    let mut scratch = vec![0.0; stream_scratch(&layer)];
    let mut stream =
        Stream::start(&layer, 1e-4, 0.1, &mut state).unwrap().with_forgetting(0.99).unwrap();
    let mut rng = Rng::seed(2);
    for _ in 0..100_000 {
        let a: f32 = rng.normal();
        let x = [1e3 * a, 1e3 * a + 1e-2 * rng.normal::<f32>(), 1e-3 * rng.normal::<f32>(), a];
        let y = [a + 0.1 * rng.normal::<f32>()];
        let said = stream.update(&x, &y, &mut theta, &mut scratch).unwrap();
        assert!(said.variance >= 0.01 && said.variance.is_finite());
    }
    let mut at = 0;
    for j in 0..5 {
        assert!(stream.state()[at + j] > 0.0, "variance {j}");
        at += j + 1;
    }
    assert!(theta.iter().all(|t| t.is_finite()));
}

#[test]
fn a_stream_that_winds_up_stops_as_it_was() {
    // One feature never moves: its variance grows by 1 / rho a step.
    let layer = Layer::new(2, 1, Activation::Identity).with_bias(false);
    let (mut state, mut theta) = (vec![0.0_f32; stream_len(&layer)], vec![0.0_f32; 2]);
    let mut scratch = vec![0.0; stream_scratch(&layer)];
    let mut stream =
        Stream::start(&layer, 1.0, 0.5, &mut state).unwrap().with_forgetting(0.5).unwrap();
    let mut steps = 0;
    let (error, before, weights) = loop {
        let (before, weights) = (stream.state().to_vec(), theta.clone());
        match stream.update(&[1.0, 0.0], &[2.0], &mut theta, &mut scratch) {
            Ok(_) => steps += 1,
            Err(error) => break (error, before, weights),
        }
        assert!(steps < 1000);
    };
    assert_eq!(error, LaplaceError::WindUp { index: 1 });
    assert!(steps > 40);
    assert_eq!((stream.state(), &theta), (&before[..], &weights));
    // Without forgetting it goes on.
    let mut stream = Stream::resume(&layer, 0.5, &mut state).unwrap();
    stream.update(&[1.0, 0.0], &[2.0], &mut theta, &mut scratch).unwrap();
}

/// A stream of a feature beside its near copy, both of size 1e3, and a small one: `(x, y)`.
fn badly_scaled(rng: &mut Rng) -> ([f64; 3], f64) {
    let [a, b, c] = [0; 3].map(|_| rng.normal::<f64>());
    // What single precision holds, so that both precisions see the same.
    let x = [1e3 * a, 1e3 * a + b, 1e-2 * c].map(|x| f64::from(x as f32));
    (x, f64::from((a + c) as f32))
}

#[test]
fn the_factors_stay_right_where_the_plain_form_turns_indefinite_in_single_precision() {
    let layer = Layer::new(3, 1, Activation::Identity).with_bias(false);
    let (precision, sigma, rho) = (1e-2, 0.1, 0.99);
    let (mut wide, mut narrow) = ([0.0_f64; 6], [0.0_f32; 6]);
    let mut wide =
        Stream::start(&layer, precision, sigma, &mut wide).unwrap().with_forgetting(rho).unwrap();
    let mut narrow = Stream::start(&layer, precision as f32, sigma as f32, &mut narrow)
        .unwrap()
        .with_forgetting(rho as f32)
        .unwrap();
    let (mut theta, mut theta_f) = ([0.0; 3], [0.0_f32; 3]);
    let (mut scratch, mut scratch_f) = ([0.0; 7], [0.0_f32; 7]);
    // P^-1 := (P^-1 - k s^T) / rho, one triangle and its mirror.
    let mut plain = [[0.0_f32; 3]; 3];
    (0..3).for_each(|i| plain[i][i] = 1.0 / precision as f32);
    let (mut rng, mut negative, mut worst) = (Rng::seed(7), false, 0.0_f64);
    for _ in 0..20_000 {
        let (x, y) = badly_scaled(&mut rng);
        let x_f = x.map(|x| x as f32);
        let said = wide.update(&x, &[y], &mut theta, &mut scratch).unwrap();
        let said_f = narrow.update(&x_f, &[y as f32], &mut theta_f, &mut scratch_f).unwrap();
        // Of the sample's own variance, beside the noise.
        let (v, v_f) = (said.variance, f64::from(said_f.variance));
        worst = worst.max((v_f / v - 1.0).abs());

        let s: [f32; 3] = core::array::from_fn(|i| (0..3).map(|j| plain[i][j] * x_f[j]).sum());
        let spread: f32 = s.iter().zip(&x_f).map(|(s, x)| s * x).sum();
        negative |= spread < 0.0 || (0..3).any(|i| plain[i][i] <= 0.0);
        let total = 0.01 + spread;
        for i in 0..3 {
            for j in 0..=i {
                plain[i][j] = (plain[i][j] - s[i] / total * s[j]) / rho as f32;
                plain[j][i] = plain[i][j];
            }
        }
    }
    assert!(negative, "the plain form would do");
    assert!(worst < 1e-2, "{worst}");
}
