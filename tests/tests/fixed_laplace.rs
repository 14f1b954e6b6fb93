//! The posterior's typed front and its run-time front are one computation: the same bits.

use nanocurv::fixed::Problem;
use nanocurv::fixed::laplace::{
    self as typed, Diagonal, Ekfac, Form, Full, Kronecker, LastLayer, last_layer,
};
use nanocurv::laplace::{self, Fit, Per, Prior, Structure, Tuning};
use nanocurv::network::{AsMat, Loss, Network, Reduction, Targets, features, forward_scratch};
use nanocurv::random::Rng;
use nanocurv::{SMatrix, mlp};
use nanocurv_tests::{mat, mat_mut};

mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
mlp! { Classes: 3 => 5 silu => 2 }

const B: usize = 6;

fn values<const N: usize>(seed: u64) -> [f32; N] {
    let mut rng = Rng::seed(seed);
    std::array::from_fn(|_| rng.normal())
}

fn bits(values: &[f32]) -> Vec<u32> {
    assert!(values.iter().any(|v| *v != 0.0) && values.iter().all(|v| v.is_finite()));
    values.iter().map(|v| v.to_bits()).collect()
}

/// A fit of a form, and what follows from it, through both fronts.
macro_rules! both_fronts_agree {
    ($test:ident, $net:ident, $form:ident, $inputs:literal, $outputs:literal, $loss:ident) => {
        #[test]
        fn $test() {
            const LAYERS: &[nanocurv::network::Layer] = $net::LAYERS;
            const OF: Structure = $form::STRUCTURE;
            const O: usize = $outputs;
            let theta = values::<{ $net::PARAMS }>(1);
            let x = SMatrix::<f32, $inputs, B>::from_column_slice(&values::<{ $inputs * B }>(2));
            // Probabilities, for cross-entropy.
            let y = SMatrix::<f32, O, B>::from_fn(|i, _| if i == 0 { 0.75 } else { 0.25 });
            let (loss, targets) = (Loss::$loss, Targets::Values(y.as_mat()));
            let problem = Problem::values($net, &theta, &x, &y, (loss, Reduction::Sum));
            let net = $net.at(&theta).unwrap();

            let mut scratch = [f32::NAN; laplace::accumulate_scratch(LAYERS, OF, B)];
            let mut sums = [[f32::NAN; laplace::sums_len(LAYERS, OF)]; 2];
            let value = problem.posterior_sums($form, 0.0, &mut sums[0], &mut scratch).unwrap();
            let same = laplace::accumulate(
                &net,
                x.as_mat(),
                targets,
                loss,
                OF,
                0.0,
                &mut sums[1],
                &mut scratch,
            );
            assert_eq!(value, same.unwrap());
            assert_eq!(bits(&sums[0]), bits(&sums[1]));

            let precision = [0.5];
            let prior = Prior { per: Per::Network, precisions: &precision };
            let mut scratch = [f32::NAN; laplace::decompose_scratch(LAYERS, OF)];
            let [mut a, mut b] = [[f32::NAN; laplace::spectrum_len(LAYERS, OF)]; 2];
            typed::Spectrum::decompose($net, $form, prior, &sums[0], &mut a, &mut scratch).unwrap();
            laplace::decompose(LAYERS, OF, prior, &sums[1], &mut b, &mut scratch).unwrap();
            let spectrum = typed::Spectrum::new($net, $form, Per::Network, &a).unwrap();
            let erased = laplace::Spectrum::new(LAYERS, OF, Per::Network, &b).unwrap();
            let fit = Fit { loss, value, samples: B };
            assert_eq!(
                spectrum.evidence(&theta, fit, prior, 1.0).unwrap(),
                laplace::evidence(&erased, &theta, fit, prior, 1.0).unwrap()
            );
            let tuning = Tuning { noise: false, ..Tuning::default() };
            let ([mut p, mut q], mut h) = ([precision; 2], 1.0);
            assert_eq!(
                spectrum.maximize(&theta, fit, tuning, &mut p, &mut h, &mut [0.0]).unwrap(),
                laplace::maximize(&erased, &theta, fit, tuning, &mut q, &mut h, &mut [0.0])
                    .unwrap()
            );
            assert_eq!(p, q);

            let [mut a, mut b] = [[f32::NAN; laplace::posterior_len(LAYERS, OF)]; 2];
            spectrum.posterior(prior, 1.0, &mut a).unwrap();
            let erased = laplace::Posterior::write(&erased, prior, 1.0, &mut b).unwrap();
            let posterior = typed::Posterior::from_exported($net, $form, 1.0, &a).unwrap();
            assert_eq!(bits(&a), bits(erased.data()));

            let mut scratch = [f32::NAN; laplace::predict_scratch(LAYERS, OF, B)];
            let (mut mean, mut f) = (SMatrix::<f32, O, B>::zeros(), [0.0; O * B]);
            let [mut c, mut d] = [[f32::NAN; O * O * B]; 2];
            posterior.predict(&theta, &x, &mut mean, &mut c, &mut scratch).unwrap();
            let to = mat_mut(&mut f, O, B);
            erased.predict(&net, x.as_mat(), to, &mut d, &mut scratch).unwrap();
            assert_eq!((bits(mean.as_slice()), bits(&c)), (bits(&f), bits(&d)));

            let mut scratch = [f32::NAN; laplace::predict_one_scratch(LAYERS, OF)];
            let one = SMatrix::<f32, $inputs, 1>::from_column_slice(&x.as_slice()[..$inputs]);
            let (mut mean, mut f) = (SMatrix::<f32, O, 1>::zeros(), [0.0; O]);
            let [mut c, mut d] = [[f32::NAN; O * O]; 2];
            posterior.predict_one(&theta, &one, &mut mean, &mut c, &mut scratch).unwrap();
            erased.predict_one(&net, one.as_slice(), &mut f, &mut d, &mut scratch).unwrap();
            assert_eq!((bits(mean.as_slice()), bits(&c)), (bits(&f), bits(&d)));

            let mut scratch = [f32::NAN; laplace::sample_scratch(LAYERS, OF)];
            let [mut a, mut b] = [[f32::NAN; $net::PARAMS]; 2];
            posterior.sample(&theta, &mut Rng::seed(9), &mut a, &mut scratch).unwrap();
            erased.sample(&theta, &mut Rng::seed(9), &mut b, &mut scratch).unwrap();
            assert_eq!(bits(&a), bits(&b));

            // The last layer: features, then its posterior.
            const LAST: &[nanocurv::network::Layer] = last_layer(LAYERS);
            const WIDTH: usize = LAST[0].inputs;
            let numbers = values::<{ laplace::posterior_len(LAST, OF) }>(3).map(f32::abs);
            let posterior = LastLayer::from_exported($net, $form, 0.3, &numbers).unwrap();
            let erased = posterior.erased();
            let mut scratch = [f32::NAN; typed::last_layer_scratch(LAYERS, OF, B)];
            let mut mean = SMatrix::<f32, O, B>::zeros();
            let [mut c, mut d] = [[f32::NAN; O * O * B]; 2];
            posterior.predict(&theta, &x, &mut mean, &mut c, &mut scratch).unwrap();
            let (mut phi, hidden) = ([0.0; WIDTH * B], net.depth() - 1);
            let mut scratch = [f32::NAN; forward_scratch(LAYERS, B)];
            features(&net, hidden, x.as_mat(), mat_mut(&mut phi, WIDTH, B), &mut scratch).unwrap();
            let mut scratch = [f32::NAN; laplace::predict_scratch(LAST, OF, B)];
            let (back, mut f) = (net.back(hidden).unwrap(), [0.0; O * B]);
            let (phi_mat, to) = (mat(&phi, WIDTH, B), mat_mut(&mut f, O, B));
            erased.predict(&back, phi_mat, to, &mut d, &mut scratch).unwrap();
            assert_eq!((bits(mean.as_slice()), bits(&c)), (bits(&f), bits(&d)));

            let mut scratch = [f32::NAN; typed::last_layer_one_scratch(LAYERS, OF)];
            let (mut mean, mut f) = (SMatrix::<f32, O, 1>::zeros(), [0.0; O]);
            let [mut c, mut d] = [[f32::NAN; O * O]; 2];
            posterior.predict_one(&theta, &one, &mut mean, &mut c, &mut scratch).unwrap();
            let mut phi = [0.0; WIDTH];
            let mut scratch = [f32::NAN; forward_scratch(LAYERS, 1)];
            let to = mat_mut(&mut phi, WIDTH, 1);
            features(&net, hidden, one.as_mat(), to, &mut scratch).unwrap();
            let mut scratch = [f32::NAN; laplace::predict_one_scratch(LAST, OF)];
            erased.predict_one(&back, &phi, &mut f, &mut d, &mut scratch).unwrap();
            assert_eq!((bits(mean.as_slice()), bits(&c)), (bits(&f), bits(&d)));
        }
    };
}

both_fronts_agree!(full_agrees_bit_for_bit, Classes, Full, 3, 2, CrossEntropy);
both_fronts_agree!(kronecker_agrees_bit_for_bit, Sensor, Kronecker, 4, 1, Mse);
both_fronts_agree!(kronecker_of_classes_agrees_bit_for_bit, Classes, Kronecker, 3, 2, CrossEntropy);
both_fronts_agree!(ekfac_agrees_bit_for_bit, Classes, Ekfac, 3, 2, Mse);
both_fronts_agree!(diagonal_agrees_bit_for_bit, Sensor, Diagonal, 4, 1, Mse);

#[test]
fn moments_agree_bit_for_bit() {
    const LAYERS: &[nanocurv::network::Layer] = Classes::LAYERS;
    const OF: Structure = Ekfac::STRUCTURE;
    let Structure::Ekfac(bias) = OF else { unreachable!() };
    let theta = values::<{ Classes::PARAMS }>(1);
    let x = SMatrix::<f32, 3, B>::from_column_slice(&values::<{ 3 * B }>(2));
    let (loss, labels) = (Loss::CrossEntropy, [0, 1, 1, 0, 1, 0]);
    let problem = Problem::labels(Classes, &theta, &x, &labels, (loss, Reduction::Sum));
    let mut scratch = [0.0; laplace::accumulate_scratch(LAYERS, OF, B)];
    let mut sums = [0.0; laplace::sums_len(LAYERS, OF)];
    problem.posterior_sums(Ekfac, 0.0, &mut sums, &mut scratch).unwrap();
    let mut a = [0.0; laplace::spectrum_len(LAYERS, OF)];
    let mut scratch = [0.0; laplace::decompose_scratch(LAYERS, OF)];
    laplace::decompose(LAYERS, OF, Prior::of(&0.5), &sums, &mut a, &mut scratch).unwrap();

    let (mut b, net) = (a, Classes.at(&theta).unwrap());
    let mut scratch = [f32::NAN; laplace::correct_scratch(LAYERS, B)];
    problem.posterior_moments(Ekfac, 0.0, &mut a, &mut scratch).unwrap();
    let targets = Targets::Labels(&labels);
    laplace::correct(&net, x.as_mat(), targets, loss, bias, 0.0, &mut b, &mut scratch).unwrap();
    assert_eq!(bits(&a), bits(&b));
}

#[test]
fn streams_agree_bit_for_bit() {
    const LAYERS: &[nanocurv::network::Layer] = Sensor::LAYERS;
    const LAST: &nanocurv::network::Layer = &LAYERS[2];
    let (mut theta, mut same) = (values::<{ Sensor::PARAMS }>(1), values::<{ Sensor::PARAMS }>(1));
    let [mut a, mut b] = [[f32::NAN; typed::stream_len(LAYERS)]; 2];
    let mut stream = typed::Stream::start(Sensor, 0.5, 0.2, &mut a).unwrap();
    stream = stream.with_forgetting(0.99).unwrap();
    let mut erased = laplace::Stream::start(LAST, 0.5, 0.2, &mut b).unwrap();
    erased = erased.with_forgetting(0.99).unwrap();
    for n in 0..20 {
        let x = SMatrix::<f32, 4, 1>::from_column_slice(&values::<4>(10 + n));
        let y = SMatrix::<f32, 1, 1>::new(0.1 * n as f32);
        let mut scratch = [f32::NAN; typed::stream_scratch(LAYERS)];
        let (mut mean, mut f) = (SMatrix::<f32, 1, 1>::zeros(), [0.0]);
        let variance = stream.predict(&theta, &x, &mut mean, &mut scratch).unwrap();
        let innovation = stream.update(&mut theta, &x, &y, &mut scratch).unwrap();

        let mut phi = [0.0; 8];
        let mut scratch = [f32::NAN; forward_scratch(LAYERS, 1)];
        let net = Sensor.at(&same).unwrap();
        features(&net, 2, x.as_mat(), mat_mut(&mut phi, 8, 1), &mut scratch).unwrap();
        let mut scratch = [f32::NAN; laplace::stream_scratch(LAST)];
        let own = &mut same[Sensor::PARAMS - 9..];
        assert_eq!(variance, erased.predict(own, &phi, &mut f, &mut scratch).unwrap());
        assert_eq!(mean.as_slice(), f);
        let y = y.as_slice();
        assert_eq!(innovation, erased.update(&phi, y, own, &mut scratch).unwrap());
    }
    assert_eq!(bits(&theta), bits(&same));
    assert_eq!(bits(stream.erased().state()), bits(erased.state()));
    assert!(typed::Stream::resume(Sensor, 0.2, &mut a).is_ok());
}
