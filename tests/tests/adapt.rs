//! Learning a part, from where the factory left it and not far away: the back of a network on its
//! features, an anchor, starting factors.

use nanocurv::kfac::{
    self, Anchor, Corrected, Damping, Exact, Factored, Factors, Fisher, KfacError, Optimizer,
    Progress, Representation, Schedule, Settings, StepRule, Weights, accumulate,
    accumulate_scratch, factors_len, natural_gradient, natural_gradient_scratch, optimizer_len,
    optimizer_scratch,
};
use nanocurv::network::{
    Activation, AsMat, Back, Loss, Mlp, Network, Reduction, Targets, features, forward_scratch,
};
use nanocurv::random::Rng;
use nanocurv::{Mat, SMatrix, fixed, mlp};
use nanocurv_tests::net::Net;
use nanocurv_tests::reference::relative_error;
use nanocurv_tests::{mat, mat_mut};

mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
mlp! { Two: 8 => 8 tanh => 1, back of Sensor }
mlp! { Head: 8 => 1, back of Sensor }

const LOSS: (Loss, Reduction) = (Loss::Mse, Reduction::Mean);

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::seed(seed);
    (0..n).map(|_| rng.normal()).collect()
}

/// A natural gradient of one batch.
fn step(net: &Mlp<'_, f64>, x: Mat<'_, f64>, y: Targets<'_, f64>, lambda: f64) -> Vec<f64> {
    let mut to = vec![f64::NAN; net.params()];
    let mut scratch = vec![f64::NAN; natural_gradient_scratch(net.layers(), x.cols())];
    natural_gradient(net, x, y, LOSS, (lambda, Damping::Pi), &mut to, &mut scratch).unwrap();
    to
}

#[test]
fn what_the_back_learns_is_the_last_part_of_what_the_whole_network_learns() {
    let theta: [f64; Sensor::PARAMS] = std::array::from_fn(|i| (i as f64 * 0.7).sin() * 0.5);
    let x = SMatrix::<f64, 4, 8>::from_fn(|i, j| ((i * 3 + j) as f64).cos());
    let y = SMatrix::<f64, 1, 8>::from_fn(|_, j| j as f64 * 0.2);
    let targets = Targets::Values(y.as_mat());
    let whole = step(&Sensor.at(&theta).unwrap(), x.as_mat(), targets, 0.1);

    let mut scratch = [f64::NAN; forward_scratch(Sensor::LAYERS, 8)];
    let mut phi = SMatrix::<f64, 8, 8>::zeros();
    fixed::features(Head, &theta, &x, &mut phi, &mut scratch).unwrap();
    let head = Head::part(&theta).try_into().unwrap();
    let found = step(&Head.at(&head).unwrap(), phi.as_mat(), targets, 0.1);
    assert!(relative_error(&found, &whole[Sensor::PARAMS - Head::PARAMS..]) < 1e-13);
    let mut same = [0.0; 64];
    let net = Sensor.at(&theta).unwrap();
    features(&net, Head::FIRST, x.as_mat(), mat_mut(&mut same, 8, 8), &mut scratch).unwrap();
    assert_eq!(phi.as_slice(), same);

    fixed::features(Two, &theta, &x, &mut phi, &mut scratch).unwrap();
    let two = Two::part(&theta).try_into().unwrap();
    let found = step(&Two.at(&two).unwrap(), phi.as_mat(), targets, 0.1);
    assert!(relative_error(&found, &whole[Sensor::PARAMS - Two::PARAMS..]) < 1e-13);
    let back = Sensor.architecture::<f64>().unwrap().back(Two::FIRST).unwrap();
    assert_eq!(back.layers(), Two::LAYERS);
}

/// `settings`, from zeros, for so many steps; the parameters and the last loss.
fn train<R: Representation>(
    net: &Net<f64>,
    (x, y): (Mat<'_, f64>, Mat<'_, f64>),
    settings: Settings<f64>,
    anchor: Anchor<'_, f64>,
    steps: usize,
) -> (Vec<f64>, f64) {
    let architecture = nanocurv::network::Architecture::new(&net.layers).unwrap();
    let mut theta = net.theta.clone();
    let mut state = vec![0.0; optimizer_len(&net.layers, R::INVERSE)];
    let mut scratch = vec![0.0; optimizer_scratch(&net.layers, R::INVERSE, x.cols())];
    let progress = Progress::start(1.0, settings.decay);
    let optimizer = Optimizer::<_, R>::new(&net.layers, settings, progress, &mut state).unwrap();
    let mut optimizer = optimizer.with_anchor(anchor).unwrap();
    let mut last = f64::NAN;
    for _ in 0..steps {
        let (targets, fisher) = (Targets::Values(y), Fisher::TypeTwo);
        last = optimizer
            .step(&architecture, &mut theta, x, targets, fisher, &mut scratch)
            .unwrap()
            .loss;
    }
    (theta, last)
}

#[test]
fn an_anchored_line_ends_at_the_ridge_solution_around_its_anchor() {
    let net = Net::<f64>::random(&[5, 1], Activation::Identity, true, 11);
    let (x, y, there) = (net.inputs(30, 12), noise(30, 13), noise(6, 14));
    let (x, y) = (net.batch(&x), mat(&y, 1, 30));
    let precision = 0.8;
    let (theta, last) = train::<Factored>(
        &net,
        (x, y),
        Settings::standard(Loss::Mse),
        Anchor { precision, theta: &there },
        60,
    );
    // (2/N Z Z^T + D I) theta = 2/N Z y + D theta_0
    let z = nalgebra::DMatrix::from_fn(6, 30, |i, n| if i < 5 { x.at(i, n) } else { 1.0 });
    let a = &z * z.transpose() * (2.0 / 30.0) + nalgebra::DMatrix::identity(6, 6) * precision;
    let y = nalgebra::DVector::from_fn(30, |n, _| y.at(0, n));
    let b = &z * &y * (2.0 / 30.0) + nalgebra::DVector::from_column_slice(&there) * precision;
    let expected = a.lu().solve(&b).unwrap();
    assert!(relative_error(&theta, expected.as_slice()) < 1e-9, "{theta:?} {expected}");
    let pull =
        precision / 2.0 * (&expected - nalgebra::DVector::from_column_slice(&there)).norm_squared();
    let loss = (z.transpose() * &expected - y).norm_squared() / 30.0 + pull;
    assert!((last - loss).abs() < 1e-9, "the report's loss has the pull in it: {last} {loss}");
}

#[test]
fn an_anchor_keeps_every_inverse_and_rule_near() {
    let net = Net::<f64>::random(&[3, 6, 1], Activation::Tanh, true, 21);
    let (x, y) = (net.inputs(12, 22), noise(12, 23));
    let data = (net.batch(&x), mat(&y, 1, 12));
    let rules = [
        Settings::standard(Loss::Mse),
        Settings::new(Loss::Mse, StepRule::Fixed { rate: 0.3, momentum: 0.5, limit: None })
            .with_schedule(Schedule::standard()),
    ];
    for (settings, train) in rules.into_iter().flat_map(|settings| {
        [train::<Factored>, train::<Exact>, train::<Corrected>].map(|train| (settings, train))
    }) {
        let mut lengths = [0.0, 0.01, 1.0, 100.0].map(|precision| {
            let anchor = Anchor { precision, theta: &net.theta };
            let (theta, _) = train(&net, data, settings, anchor, 80);
            theta.iter().zip(&net.theta).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
        });
        assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
        lengths.reverse();
        assert!(lengths[0] < 1e-3 && lengths[3] > 0.1, "{lengths:?}");
    }
}

#[test]
fn factors_of_the_factory_count_as_the_batches_that_they_stand_for() {
    let net = Net::<f64>::random(&[3, 4, 1], Activation::Tanh, true, 31);
    let (x, y) = (net.inputs(10, 32), noise(10, 33));
    let (x, y) = (net.batch(&x), Targets::Values(mat(&y, 1, 10)));
    let layers = &net.layers;
    let mut own = vec![0.0; factors_len(layers)];
    let weights = Weights::batch(LOSS.0, LOSS.1, 10, 1);
    let mut scratch = vec![0.0; accumulate_scratch(layers, 10)];
    accumulate(&net.mlp(), x, y, LOSS.0, Fisher::TypeTwo, weights, &mut own, &mut scratch).unwrap();
    let given: Vec<_> = own.iter().map(|v| 3.0 * v).collect();

    let (settings, weight) = (Settings::standard(Loss::Mse), 4.0);
    let mut state = vec![0.0; optimizer_len(layers, kfac::Inverse::Factored)];
    let progress = Progress::start(1.0, settings.decay);
    let mut optimizer =
        Optimizer::<_, Factored>::new(layers, settings, progress, &mut state).unwrap();
    assert!(optimizer.factors(layers).is_err());
    assert_eq!(optimizer.start_from(&given, 0.0), Err(KfacError::Weight));
    assert!(optimizer.start_from(&given[1..], 1.0).is_err());
    optimizer.start_from(&given, weight).unwrap();
    assert!(optimizer.factors(layers).is_ok());

    let architecture = nanocurv::network::Architecture::new(layers).unwrap();
    let mut scratch = vec![0.0; optimizer_scratch(layers, kfac::Inverse::Factored, 10)];
    let mut theta = net.theta.clone();
    optimizer.step(&architecture, &mut theta, x, y, Fisher::TypeTwo, &mut scratch).unwrap();
    let found = optimizer.factors(layers).unwrap();
    let kept = settings.decay * weight;
    let expected: Vec<_> =
        own.iter().zip(&given).map(|(own, given)| (kept * given + own) / (kept + 1.0)).collect();
    let expected = Factors::new(layers, &expected).unwrap();
    for l in 0..layers.len() {
        let (found, expected) = (found.layer(l).unwrap(), expected.layer(l).unwrap());
        for (found, expected) in
            [(found.input(), expected.input()), (found.output(), expected.output())]
        {
            assert!(relative_error(found.data(), expected.data()) < 1e-13);
        }
    }
}
