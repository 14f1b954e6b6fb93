//! Where numbers end: precisions, noise, scales and sums far from one, in single precision too.

use super::*;
use crate::error::NonFiniteError;
use crate::scalar::Real;

/// `count` eigenvalues of a diagonal structure, as many parameters.
fn one_layer(count: usize) -> [Layer; 1] {
    [Layer::new(count, 1, Activation::Identity).with_bias(false)]
}

/// Tunes a diagonal spectrum from a precision and an inverse noise.
fn tune<T: Real>(
    (values, theta): (&[T], &[T]),
    fit: Fit<T>,
    tuning: Tuning<T>,
    (mut precision, mut h): (T, T),
) -> Result<(T, T, Tuned<T>), LaplaceError> {
    let layers = one_layer(values.len());
    let spectrum = Spectrum::new(&layers, Structure::Diagonal, Per::Network, values)?;
    let precisions = core::slice::from_mut(&mut precision);
    let found = maximize(&spectrum, theta, fit, tuning, precisions, &mut h, &mut [T::ZERO])?;
    Ok((precision, h, found))
}

#[test]
fn a_noise_that_is_not_tuned_does_not_end_the_search() {
    // A sensor in small units: sigma of 1e-8 in single precision, h of 1e16.
    let (values, theta) = ([1e-16_f32, 3e-16, 2e-16], [0.5, -0.3, 1.0]);
    let fit = Fit { loss: Loss::Mse, value: 1e-15, samples: 10 };
    let tuning = Tuning { noise: false, ..Tuning::default() };
    let (precision, h, found) = tune((&values, &theta), fit, tuning, (1.0, 1e16)).unwrap();
    assert_eq!((found.stop, h), (Stop::Converged, 1e16));
    // delta = gamma / |theta|^2
    let gamma: f32 = values.iter().map(|l| 1e16 * l / (1e16 * l + precision)).sum();
    assert!((precision * 1.34 - gamma).abs() < 1e-5, "{precision} {gamma}");
}

#[test]
fn a_search_comes_back_from_beyond_its_limits() {
    let (values, theta) = ([1.0_f32, 3.0, 2.0], [0.5, -0.3, 1.0]);
    let fit = Fit { loss: Loss::Mse, value: 2.0, samples: 10 };
    let near = tune((&values, &theta), fit, Tuning::default(), (1.0, 1.0)).unwrap();
    assert_eq!(near.2.stop, Stop::Converged);
    for start in [(1e20, 1.0), (1e-20, 1.0), (1.0, 1e20), (1.0, 1e-20), (1e-30, 1e10)] {
        let far = tune((&values, &theta), fit, Tuning::default(), start).unwrap();
        assert_eq!(far.2.stop, Stop::Converged, "{start:?}");
        assert!((far.0 / near.0 - 1.0).abs() < 1e-4 && (far.1 / near.1 - 1.0).abs() < 1e-4);
    }
}

#[test]
fn what_grows_without_end_is_at_its_limit_and_has_not_converged() {
    // Parameters and residuals of zero: more of both precisions explains them ever better.
    let fit = Fit { loss: Loss::Mse, value: 0.0_f32, samples: 10 };
    let tuned = tune((&[1.0, 2.0], &[0.0, 0.0]), fit, Tuning::default(), (1.0, 1.0)).unwrap();
    assert_eq!(tuned.2.stop, Stop::AtLimit, "{tuned:?}");
    // The same from where the curvature of the evidence is below the numbers.
    let tuning = Tuning { noise: false, ..Tuning::default() };
    let tuned = tune((&[1e10, 1e10], &[0.0, 0.0]), fit, tuning, (1e-30, 1.0)).unwrap();
    assert_eq!(tuned.2.stop, Stop::AtLimit, "{tuned:?}");
    assert!(tuned.0 > 1e10);
    // Residuals of zero alone: the noise has its limit, whatever is left of the Schur complement.
    for value in [1.0_f32, 1e-3, 1e3] {
        let theta = [0.7 * value, 0.1];
        let tuned = tune((&[value, 2.0], &theta), fit, Tuning::default(), (1.0, 1.0)).unwrap();
        assert_eq!(tuned.2.stop, Stop::AtLimit, "{tuned:?}");
        assert!(tuned.1 > 1e10, "{tuned:?}");
    }
}

#[test]
fn an_evidence_beyond_the_numbers_is_an_error() {
    let layers = one_layer(2);
    let values = [1e30_f32, 1.0];
    let spectrum = Spectrum::new(&layers, Structure::Diagonal, Per::Network, &values).unwrap();
    let fit = Fit { loss: Loss::Mse, value: 1.0, samples: 10 };
    let found = evidence(&spectrum, &[1.0, 1.0], fit, Prior::of(&1.0), 1e20);
    assert!(matches!(found, Err(LaplaceError::NonFinite(_))), "{found:?}");
}

#[test]
fn precisions_whose_ratios_or_variances_are_no_numbers_are_refused() {
    let layers = [
        Layer::new(2, 2, Activation::Tanh).with_bias(false),
        Layer::new(2, 1, Activation::Identity).with_bias(false),
    ];
    // 1 / delta is infinite.
    let prior = Prior::of(&1e-39_f32);
    let error = prior.check(&layers, Structure::Diagonal);
    assert_eq!(error, Err(LaplaceError::PriorPrecision { index: 0 }));
    // The second over the first is infinite, or zero.
    for precisions in [[1e-20_f32, 1e20], [1e30, 1e-30]] {
        let prior = Prior { per: Per::Layer, precisions: &precisions };
        let sums = vec![1.0_f32; sums_len(&layers, Structure::Full)];
        let mut storage = vec![0.0; spectrum_len(&layers, Structure::Full)];
        let mut scratch = vec![0.0; decompose_scratch(&layers, Structure::Full)];
        let found = decompose(&layers, Structure::Full, prior, &sums, &mut storage, &mut scratch);
        assert_eq!(found, Err(LaplaceError::PriorPrecision { index: 1 }));
        assert_eq!(prior.check(&layers, Structure::Diagonal), Ok(()));
    }
}

#[test]
fn sums_of_many_small_batches_in_single_precision_are_no_negative_curvature() {
    // A sensor that never moves beside the bias, and one that is the double of another: singular.
    let layers = [Layer::new(4, 2, Activation::Identity)];
    let theta = [0.1_f32; 10];
    let net = Mlp::new(&layers, &theta).unwrap();
    let y = [0.0_f32; 2];
    for structure in STRUCTURES {
        for keep in [1.0, 0.999] {
            let mut sums = vec![0.0; sums_len(&layers, structure)];
            let mut scratch = vec![0.0; accumulate_scratch(&layers, structure, 1)];
            let mut rng = crate::random::Rng::seed(4);
            for n in 0..100_000 {
                let a: f32 = rng.normal();
                let x = [0.3, a, 2.0 * a, 0.7];
                let (x, y) = (Mat::of(&x, 4, 1), Targets::Values(Mat::of(&y, 2, 1)));
                let keep = if n == 0 { 0.0 } else { keep };
                accumulate(&net, x, y, Loss::Mse, structure, keep, &mut sums, &mut scratch)
                    .unwrap();
            }
            let mut storage = vec![0.0; spectrum_len(&layers, structure)];
            let mut scratch = vec![0.0; decompose_scratch(&layers, structure)];
            let prior = Prior::of(&1.0);
            let found = decompose(&layers, structure, prior, &sums, &mut storage, &mut scratch);
            assert_eq!(found, Ok(()), "{structure:?} {keep}");
        }
    }
}

#[test]
fn a_spectrum_beyond_the_numbers_is_refused() {
    let layers = [Layer::new(1, 1, Activation::Identity).with_bias(false)];
    let structure = Structure::Kronecker(Bias::Joint);
    let run = |sums: &[f32]| {
        let mut storage = vec![0.0; spectrum_len(&layers, structure)];
        let mut scratch = vec![0.0; decompose_scratch(&layers, structure)];
        decompose(&layers, structure, Prior::of(&1.0), sums, &mut storage, &mut scratch)
    };
    assert_eq!(run(&[2.0, 3.0, 4.0]), Ok(()));
    for sums in [[1e25, 1e25, 4.0], [2.0, 3.0, f32::NAN], [2.0, 3.0, f32::INFINITY]] {
        assert!(matches!(run(&sums), Err(LaplaceError::NonFinite(_))), "{sums:?}");
    }
}

#[test]
fn second_moments_are_kept_by_a_share_of_them() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let (loss, y) = data.losses()[0];
    let bias = Bias::Joint;
    let prior = Prior::of(&1.0);
    let (mut storage, _) =
        spectrum(&net, data.x(), (loss, y), Structure::Ekfac(bias), prior, SAMPLES);
    let before = storage.clone();
    let mut scratch = vec![0.0; correct_scratch(&layers, SAMPLES)];
    for keep in [f64::NAN, -0.1, 1.1] {
        let found = correct(&net, data.x(), y, loss, bias, keep, &mut storage, &mut scratch);
        assert_eq!(found, Err(LaplaceError::Forgetting), "{keep}");
        assert_eq!(storage, before);
    }
}

#[test]
fn outputs_of_other_units_keep_their_variance_in_a_root() {
    // Pascals beside volts: the variances differ by more than the rounding.
    let mut root = [1e8_f32, 10.0, 10.0, 1.0];
    covariance_root(MatMut::of(&mut root, 2, 2)).unwrap();
    let expected = [1e4_f32, 1e-3, 0.0, 1.0];
    for (found, expected) in root.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected, "{root:?}");
    }
    let mut root = [1e-8_f32, 0.0, 0.0, 1e8];
    covariance_root(MatMut::of(&mut root, 2, 2)).unwrap();
    assert!((root[0] / 1e-4 - 1.0).abs() < 1e-6 && root[3] == 1e4, "{root:?}");
}

#[test]
fn a_covariance_that_is_no_number_is_not_one_without_variance() {
    let mut root = [1.0, 0.5, f64::NAN, f64::NAN];
    let error = covariance_root(MatMut::of(&mut root, 2, 2)).unwrap_err();
    assert!(matches!(error, LaplaceError::NonFinite(NonFiniteError { index: 2, .. })), "{error}");
}

#[test]
fn features_beyond_the_numbers_leave_a_stream_as_it_was() {
    let layer = Layer::new(2, 1, Activation::Identity);
    for rho in [1.0, 0.9] {
        let (mut state, mut theta) = ([0.0_f32; 6], [0.5_f32; 3]);
        let mut scratch = vec![0.0; stream_scratch(&layer)];
        let mut stream =
            Stream::start(&layer, 1.0, 1.0, &mut state).unwrap().with_forgetting(rho).unwrap();
        stream.update(&[1.0, 2.0], &[0.3], &mut theta, &mut scratch).unwrap();
        let (before, weights) = (stream.state().to_vec(), theta);
        // A variance that is infinite, in the first direction or a later one.
        for (x, index) in [([1e25, 1.0], 0), ([1.0, 3e38], 1)] {
            let found = stream.update(&x, &[0.0], &mut theta, &mut scratch);
            let expected = NonFiniteError { what: "variance", index };
            assert_eq!(found, Err(LaplaceError::NonFinite(expected)));
            assert_eq!((stream.state(), theta), (&before[..], weights), "{x:?} {rho}");
        }
        // A residual that is infinite or no number.
        for (mut theta, y) in [([2e38, 0.0, 0.0], -3e38), ([0.5, f32::NAN, 0.5], 0.3)] {
            let found = stream.update(&[1.0, 2.0], &[y], &mut theta, &mut scratch);
            let expected = NonFiniteError { what: "residual", index: 0 };
            assert_eq!(found, Err(LaplaceError::NonFinite(expected)));
            assert_eq!(stream.state(), before);
        }
    }
}

#[test]
fn a_spectrum_scales_with_its_sums_as_far_as_the_numbers_go() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    for structure in STRUCTURES {
        let (sums, _) = sums(&net, data.x(), data.losses()[0], structure, SAMPLES);
        let run = |factor: f32| {
            // The number of samples, the last of a Kronecker structure's, stays.
            let last =
                if matches!(structure, Structure::Full | Structure::Diagonal) { 0 } else { 1 };
            let end = sums.len() - last;
            let scaled = sums[..end].iter().map(|v| *v as f32 * factor);
            let all: Vec<f32> = scaled.chain(sums[end..].iter().map(|v| *v as f32)).collect();
            let mut storage = vec![0.0; spectrum_len(&layers, structure)];
            let mut scratch = vec![0.0; decompose_scratch(&layers, structure)];
            let prior = Prior::of(&1.0);
            decompose(&layers, structure, prior, &all, &mut storage, &mut scratch).unwrap();
            let spectrum = Spectrum::new(&layers, structure, Per::Network, &storage).unwrap();
            let mut values = Vec::new();
            spectrum.modes(|modes| values.extend_from_slice(modes.values));
            values
        };
        let power =
            if matches!(structure, Structure::Full | Structure::Diagonal) { 100 } else { 50 };
        let one = run(1.0);
        let largest = one.iter().fold(0.0_f32, |most, v| most.max(*v));
        for sign in [-1, 1] {
            let factor = 2.0_f32.powi(sign * power);
            let product = if power == 50 { factor * factor } else { factor };
            for (found, expected) in run(factor).iter().zip(&one) {
                let error = (found / product - expected).abs();
                assert!(error < 1e-5 * largest, "{structure:?} {sign}: {found} {expected}");
            }
        }
    }
}
