//! Bad input: an error with its place, and nothing changed.

use super::*;
use crate::error::{NetworkError, NonFiniteError, ShapeError};
use crate::kfac::{KfacError, Side};
use std::string::ToString;

#[test]
fn numbers_that_must_be_positive_are() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-200] {
        assert_eq!(inverse_noise(bad), Err(LaplaceError::Noise), "{bad}");
    }
    assert_eq!(inverse_noise(0.5), Ok(4.0));
    let layers = layers();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let prior = Prior { per: Per::Layer, precisions: &[1.0, bad, 1.0] };
        let error = prior.check(&layers, Structure::Full).unwrap_err();
        assert_eq!(error, LaplaceError::PriorPrecision { index: 1 });
        assert!(error.to_string().contains("prior precision 1"));
    }
    let prior = Prior { per: Per::Tensor, precisions: &[1.0; 5] };
    let joint = Structure::Kronecker(Bias::Joint);
    assert_eq!(prior.check(&layers, joint), Err(LaplaceError::JointBias { layer: 0 }));
    assert_eq!(prior.check(&layers, Structure::Diagonal), Ok(()));
    let few = Prior { per: Per::Tensor, precisions: &[1.0; 4] };
    assert!(matches!(few.check(&layers, Structure::Diagonal), Err(LaplaceError::Shape(_))));
}

#[test]
fn data_of_the_wrong_kind_is_named() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let structure = Structure::Diagonal;
    let mut sums = vec![0.0; sums_len(&layers, structure)];
    let mut scratch = vec![0.0; accumulate_scratch(&layers, structure, SAMPLES)];
    let mut run = |loss, targets: Targets<'_, f64>, keep, x: Mat<'_, f64>| {
        accumulate(&net, x, targets, loss, structure, keep, &mut sums, &mut scratch)
    };
    let labels = Targets::Labels(&data.labels);
    assert_eq!(
        run(Loss::Mse, labels, 0.0, data.x()),
        Err(LaplaceError::Network(NetworkError::Labels))
    );
    let values = data.losses()[0].1;
    for keep in [-0.1, 1.1, f64::NAN] {
        let error = run(Loss::Mse, values, keep, data.x());
        assert_eq!(error, Err(LaplaceError::Forgetting));
    }
    let none = Mat::of(&[], 3, 0);
    let error = run(Loss::Mse, values.range(0, 0), 0.0, none);
    assert_eq!(error, Err(LaplaceError::Network(NetworkError::EmptyBatch)));
    let few = run(Loss::Mse, values.range(0, 3), 0.0, data.x());
    assert!(matches!(few, Err(LaplaceError::Shape(ShapeError { what: "target samples", .. }))));
}

#[test]
fn curvature_that_is_none_is_named() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let prior = Prior::of(&1.0);
    for structure in STRUCTURES {
        let (good, _) = sums(&net, data.x(), data.losses()[0], structure, SAMPLES);
        let run = |sums: &[f64]| {
            let mut storage = vec![0.0; spectrum_len(&layers, structure)];
            let mut scratch = vec![0.0; decompose_scratch(&layers, structure)];
            decompose(&layers, structure, prior, sums, &mut storage, &mut scratch)
        };
        assert_eq!(run(&good), Ok(()));
        let negative: Vec<f64> = good
            .iter()
            .enumerate()
            .map(|(index, v)| if index + 1 == good.len() { *v } else { -*v })
            .collect();
        // Two negative factors make a positive product: of a Kronecker structure one is turned.
        let kronecker = matches!(structure, Structure::Kronecker(_) | Structure::Ekfac(_));
        let tampered = if kronecker {
            let mut tampered = good.clone();
            tampered[..16].iter_mut().for_each(|v| *v = -*v);
            tampered
        } else {
            negative
        };
        assert!(
            matches!(run(&tampered), Err(LaplaceError::Indefinite { layer: 0, .. })),
            "{structure:?}: {:?}",
            run(&tampered)
        );
        let mut infinite = good.clone();
        infinite[0] = f64::INFINITY;
        match (structure, run(&infinite).unwrap_err()) {
            (Structure::Diagonal, error) => {
                assert!(matches!(error, LaplaceError::NonFinite(NonFiniteError { .. })));
            }
            (Structure::Full, LaplaceError::Kfac(KfacError::Factor { side, .. })) => {
                assert_eq!(side, Side::Whole);
            }
            (_, LaplaceError::Kfac(KfacError::Factor { layer, side, .. })) => {
                assert_eq!((layer, side), (Some(0), Side::Input));
            }
            (_, error) => panic!("{error:?}"),
        }
        if kronecker {
            let mut empty = good.clone();
            *empty.last_mut().unwrap() = 0.0;
            assert_eq!(run(&empty), Err(LaplaceError::NoSamples));
        }
        assert!(matches!(run(&good[1..]), Err(LaplaceError::Shape(_))));
    }
}

#[test]
fn priors_and_posteriors_of_something_else_are_refused() {
    let (layers, data) = (layers(), Data::new());
    let net = data.net(&layers);
    let of = data.losses()[1];
    let at = Prior { per: Per::Layer, precisions: &[1.0, 2.0, 3.0] };
    let (storage, value) = spectrum(&net, data.x(), of, Structure::Full, at, SAMPLES);
    let spectrum = Spectrum::new(&layers, Structure::Full, Per::Layer, &storage).unwrap();
    let fit = Fit { loss: of.0, value, samples: SAMPLES };
    let ask = |prior, fit, h| evidence(&spectrum, &data.theta, fit, prior, h);
    assert!(ask(at, fit, 1.0).is_ok());
    // The common factor is free, the ratios are not.
    let scaled = Prior { precisions: &[2.0, 4.0, 6.0], ..at };
    assert!(ask(scaled, fit, 1.0).is_ok());
    let turned = Prior { precisions: &[1.0, 2.0, 3.1], ..at };
    assert_eq!(ask(turned, fit, 1.0), Err(LaplaceError::Ratios { index: 28 }));
    assert!(ask(Prior::of(&1.0), fit, 1.0).is_err());
    assert_eq!(ask(at, Fit { samples: 0, ..fit }, 1.0), Err(LaplaceError::NoSamples));
    assert_eq!(ask(at, fit, 0.0), Err(LaplaceError::Noise));
    let nan = ask(at, Fit { value: f64::NAN, ..fit }, 1.0);
    assert!(matches!(nan, Err(LaplaceError::NonFinite(_))));
    let (mut delta, mut h, mut scratch) = ([1.0, 2.0, 3.0], 1.0, [0.0; 3]);
    let found =
        maximize(&spectrum, &data.theta, fit, Tuning::default(), &mut delta, &mut h, &mut scratch);
    assert_eq!(found, Err(LaplaceError::NoiseOfClasses));
    assert_eq!((delta, h), ([1.0, 2.0, 3.0], 1.0));

    let structure = Structure::Kronecker(Bias::Separate);
    let len = posterior_len(&layers, structure);
    let mut numbers = vec![1.0; len];
    let new = |numbers: &[f64], sigma| {
        Posterior::from_exported(&layers, structure, sigma, numbers).map(|_| ())
    };
    assert_eq!(new(&numbers, 1.0), Ok(()));
    assert_eq!(new(&numbers, 0.0), Err(LaplaceError::Noise));
    assert!(matches!(new(&numbers[1..], 1.0), Err(LaplaceError::Shape(_))));
    numbers[len - 1] = -1.0;
    assert_eq!(new(&numbers, 1.0), Err(LaplaceError::Indefinite { layer: 2, index: 1 }));
    numbers[len - 1] = f64::NAN;
    assert!(matches!(new(&numbers, 1.0), Err(LaplaceError::NonFinite(_))));

    let numbers = vec![1.0; layer::params(&layers)];
    let posterior = Posterior::from_exported(&layers, Structure::Diagonal, 1.0, &numbers).unwrap();
    let other = [Layer::new(3, 2, Activation::Identity)];
    let theta = [0.5; 8];
    let net = Mlp::new(&other, &theta).unwrap();
    let (mut mean, mut covariance, mut scratch) = ([0.0; 2], [0.0; 4], [0.0; 100]);
    let x = Mat::of(&data.x[..3], 3, 1);
    let to = MatMut::of(&mut mean, 2, 1);
    let error = posterior.predict(&net, x, to, &mut covariance, &mut scratch);
    assert!(matches!(error, Err(LaplaceError::Shape(ShapeError { what: "posterior layers", .. }))));
}

#[test]
fn streams_refuse_what_they_cannot_learn_from() {
    let layer = Layer::new(2, 1, Activation::Identity);
    let (mut state, mut theta, mut scratch) = ([0.0; 6], [0.5; 3], [0.0; 7]);
    assert!(matches!(
        Stream::start(&layer, 0.0, 1.0, &mut state),
        Err(LaplaceError::PriorPrecision { index: 0 })
    ));
    assert!(matches!(Stream::start(&layer, 1.0, 0.0, &mut state), Err(LaplaceError::Noise)));
    let short = Stream::start(&layer, 1.0, 1.0, &mut state[1..]);
    assert!(matches!(short, Err(LaplaceError::Shape(_))));
    for rho in [0.0, -1.0, 1.1, f64::NAN] {
        let stream = Stream::start(&layer, 1.0, 1.0, &mut state).unwrap();
        assert!(matches!(stream.with_forgetting(rho), Err(LaplaceError::Forgetting)));
    }
    let mut stream = Stream::start(&layer, 1.0, 1.0, &mut state).unwrap();
    let before = stream.state().to_vec();
    for (x, y) in [([f64::NAN, 0.0], [1.0]), ([1.0, 0.0], [f64::INFINITY])] {
        let error = stream.update(&x, &y, &mut theta, &mut scratch);
        assert!(matches!(error, Err(LaplaceError::NonFinite(_))));
    }
    let error = stream.update(&[1.0], &[1.0], &mut theta, &mut scratch);
    assert!(matches!(error, Err(LaplaceError::Shape(ShapeError { what: "features", .. }))));
    let error = stream.update(&[1.0, 2.0], &[1.0, 2.0], &mut theta, &mut scratch);
    assert!(matches!(error, Err(LaplaceError::Shape(ShapeError { what: "target", .. }))));
    assert_eq!((stream.state(), theta), (&before[..], [0.5; 3]));
    state[2] = -1.0;
    let resumed = Stream::resume(&layer, 1.0, &mut state);
    assert!(matches!(resumed, Err(LaplaceError::Indefinite { layer: 0, index: 1 })));
    for share in [0.0, 1.0, -0.5, f64::NAN] {
        assert_eq!(Novelty::new(share), Err(LaplaceError::Forgetting));
    }
    let mut rng = crate::random::Rng::seed(0);
    let root = Mat::of(&[1.0], 1, 1);
    let none =
        probabilities_by_draws(Loss::Bce, &[0.0], root, 0, &mut rng, &mut [0.0], &mut [0.0; 2]);
    assert_eq!(none, Err(LaplaceError::Draws));
}
