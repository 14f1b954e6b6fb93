//! What variances must do.

use super::*;
use crate::linalg::tests::relative_difference;

/// The covariances at the data's inputs after the first `samples` of them.
fn after(structure: Structure, samples: usize, precision: f64, of: usize) -> Vec<f64> {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let (loss, targets) = data.losses()[of];
    let (x, prior) = (data.x().columns_range(0, samples), Prior::of(&precision));
    let of = (loss, targets.range(0, samples));
    let (storage, _) = spectrum(&net, x, of, structure, prior, samples);
    let spectrum = Spectrum::new(&layers, structure, Per::Network, &storage).unwrap();
    let mut numbers = vec![0.0; posterior_len(&layers, structure)];
    let posterior = Posterior::write(&spectrum, prior, 0.5, &mut numbers).unwrap();
    predicted(&net, &posterior, data.x()).1
}

#[test]
fn no_variance_is_negative_and_data_never_adds_to_one() {
    for of in 0..4 {
        for structure in STRUCTURES {
            let mut before: Option<Vec<f64>> = None;
            for samples in 1..=SAMPLES {
                let now = after(structure, samples, 0.3, of);
                let variances: Vec<f64> = now.chunks(4).flat_map(|c| [c[0], c[3]]).collect();
                assert!(variances.iter().all(|v| *v > 0.0), "{structure:?}");
                // Full and diagonal sums grow with every sample. A product of two sums over the
                // number of samples need not, and the bases of EKFAC turn.
                let monotone = matches!(structure, Structure::Full | Structure::Diagonal);
                if let (Some(before), true) = (&before, monotone) {
                    let grown = variances
                        .iter()
                        .zip(before)
                        .any(|(now, before)| *now > before * (1.0 + 1e-12));
                    assert!(!grown, "{structure:?} at {samples} samples");
                }
                before = Some(variances);
            }
        }
    }
}

#[test]
fn without_data_to_speak_of_the_variance_is_the_priors() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let p = net.params();
    let mut identity = vec![0.0; p * p];
    identity.iter_mut().step_by(p + 1).for_each(|v| *v = 1.0);
    let expected = covariances(&net, data.x(), &identity);
    for structure in STRUCTURES {
        let delta = 1e12;
        let found: Vec<f64> =
            after(structure, SAMPLES, delta, 0).iter().map(|v| delta * v).collect();
        assert!(relative_difference(&found, &expected) < 1e-9, "{structure:?}");
    }
}

#[test]
fn a_network_without_hidden_layers_is_bayesian_linear_regression() {
    let layers = [Layer::new(3, 2, Activation::Identity)];
    let (theta, x, y) = (filled(8, 1), filled(3, SAMPLES), filled(2, SAMPLES));
    let net = Mlp::new(&layers, &theta).unwrap();
    let x = Mat::of(&x, 3, SAMPLES);
    let of = (Loss::Mse, Targets::Values(Mat::of(&y, 2, SAMPLES)));
    let (precision, sigma) = (0.4, 0.3);
    // S = (sum a a^T / sigma^2 + delta I)^-1, the same for every output: a^T S a.
    let mut gram = vec![0.0; 16];
    let homogeneous = |x: &[f64]| [x, &[1.0]].concat();
    for x in x.columns() {
        let a = homogeneous(x);
        for (j, aj) in a.iter().enumerate() {
            for (i, ai) in a.iter().enumerate() {
                gram[j * 4 + i] += ai * aj;
            }
        }
    }
    let (s, _) = inverse(&gram, 1.0 / (sigma * sigma), &[precision; 4]);
    for structure in STRUCTURES.into_iter().take(5) {
        // With separate biases the products with the bias are left out.
        let separate = Structure::Kronecker(Bias::Separate);
        if structure == separate || structure == Structure::Ekfac(Bias::Separate) {
            continue;
        }
        let prior = Prior::of(&precision);
        let (storage, _) = spectrum(&net, x, of, structure, prior, 4);
        let spectrum = Spectrum::new(&layers, structure, Per::Network, &storage).unwrap();
        let mut numbers = vec![0.0; posterior_len(&layers, structure)];
        let posterior = Posterior::write(&spectrum, prior, sigma, &mut numbers).unwrap();
        let (mean, covariance) = predicted(&net, &posterior, x);
        for ((x, mean), covariance) in x.columns().zip(mean.chunks(2)).zip(covariance.chunks(4)) {
            let a = homogeneous(x);
            let mut variance = 0.0;
            for (j, aj) in a.iter().enumerate() {
                for (i, ai) in a.iter().enumerate() {
                    variance += s[j * 4 + i] * ai * aj;
                }
            }
            let expected = [variance, 0.0, 0.0, variance];
            assert!(relative_difference(covariance, &expected) < 1e-12, "{structure:?}");
            let w = |o: usize| (0..3).map(|i| theta[o * 3 + i] * x[i]).sum::<f64>() + theta[6 + o];
            assert!((mean[0] - w(0)).abs() + (mean[1] - w(1)).abs() < 1e-14);
        }
    }
}

#[test]
fn the_last_layer_is_the_back_of_the_network_on_its_features() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let back = net.back(2).unwrap();
    assert_eq!((back.inputs(), back.depth(), back.params()), (3, 1, 8));
    let mut features = vec![f64::NAN; 3 * SAMPLES];
    let mut scratch = vec![f64::NAN; crate::network::forward_scratch(&layers, SAMPLES)];
    let to = MatMut::of(&mut features, 3, SAMPLES);
    crate::network::features(&net, 2, data.x(), to, &mut scratch).unwrap();
    let forward = |net: &Mlp<'_, f64>, x: Mat<'_, f64>| {
        let mut f = vec![f64::NAN; 2 * SAMPLES];
        let needed = crate::network::forward_scratch(net.layers(), SAMPLES);
        let mut scratch = vec![f64::NAN; needed];
        let to = MatMut::of(&mut f, 2, SAMPLES);
        crate::network::forward(net, x, to, &mut scratch).unwrap();
        f
    };
    let whole = forward(&net, data.x());
    assert_eq!(forward(&back, Mat::of(&features, 3, SAMPLES)), whole);
    // From the middle as well, and not beyond the ends.
    let middle = net.back(1).unwrap();
    let mut features = vec![f64::NAN; 4 * SAMPLES];
    let to = MatMut::of(&mut features, 4, SAMPLES);
    crate::network::features(&net, 1, data.x(), to, &mut scratch).unwrap();
    assert_eq!(forward(&middle, Mat::of(&features, 4, SAMPLES)), whole);
    assert_eq!(net.back(0).unwrap().params(), net.params());
    assert!(net.back(3).is_err() && net.back(9).is_err());
    for wrong in [0, 3, 9] {
        let to = MatMut::of(&mut features, 4, SAMPLES);
        assert!(crate::network::features(&net, wrong, data.x(), to, &mut scratch).is_err());
    }
}

#[test]
fn probit_of_no_variance_is_softmax_and_of_much_is_even() {
    let (mean, mut p) = ([1.0, -0.5, 0.2], [0.0; 3]);
    let none = [0.0; 9];
    probit(Loss::CrossEntropy, &mean, Mat::of(&none, 3, 3), &mut p).unwrap();
    let sum: f64 = mean.iter().map(|f: &f64| f.exp()).sum();
    for (p, f) in p.iter().zip(mean) {
        assert!((p - f.exp() / sum).abs() < 1e-15);
    }
    let mut much = [0.0; 9];
    much.iter_mut().step_by(4).for_each(|v| *v = 1e20);
    probit(Loss::CrossEntropy, &mean, Mat::of(&much, 3, 3), &mut p).unwrap();
    assert!(p.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-9));
    probit(Loss::Bce, &mean, Mat::of(&much, 3, 3), &mut p).unwrap();
    assert!(p.iter().all(|p| (p - 0.5).abs() < 1e-9));
    // pi/8: a variance of 8/pi halves the square of the logit.
    let one = [8.0 / core::f64::consts::PI];
    probit(Loss::Bce, &[1.0], Mat::of(&one, 1, 1), &mut p[..1]).unwrap();
    assert!((p[0] - 1.0 / (1.0 + (-(0.5_f64.sqrt())).exp())).abs() < 1e-15);
}

#[test]
fn novelty_of_a_calibrated_model_is_one() {
    let mut rng = crate::random::Rng::seed(5);
    let mut watch = Novelty::new(0.02).unwrap();
    let (mut alarms, mut sum) = (0, 0.0);
    for _ in 0..20_000 {
        let (f, variance) = (rng.normal::<f64>(), 0.5 + rng.uniform::<f64>());
        let y = f + variance.sqrt() * rng.normal::<f64>();
        let e = novelty(y, f, variance);
        sum += e;
        alarms += usize::from(watch.update(e, 4.0));
    }
    // The mean of 20000 squares of Gaussians deviates by 0.01.
    assert!((sum / 20_000.0 - 1.0).abs() < 0.04, "{}", sum / 20_000.0);
    assert!(alarms < 400, "{alarms}");
    assert!((watch.alarm_level(1.0) - (1.0 + (0.04_f64 / 1.98).sqrt())).abs() < 1e-15);
    // A sensor that is three deviations off raises it soon; a reading that is none is passed over.
    let alarm = (0..30).position(|_| watch.update(novelty(3.0, 0.0, 1.0), 4.0));
    assert!(alarm.is_some_and(|n| n < 10), "{alarm:?}");
    let before = watch;
    watch.update(f64::NAN, 4.0);
    assert_eq!(watch, before);
}
