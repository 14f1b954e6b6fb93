//! The natural gradient in one call and the optimiser built on K-FAC.

use nanocurv::kfac::{
    self, Corrected, Damping, Exact, Factored, Factors, Fisher, Inverse, KfacError, Optimizer,
    Progress, Report, Representation, Schedule, Settings, StepRule, Weights,
};
use nanocurv::network::{Activation, Architecture, Layer, Loss, Mlp, Targets};
use nanocurv::random::Rng;
use nanocurv::{Mat, Real};
use nanocurv_tests::mat;
use nanocurv_tests::reference::{CASES, Case, relative_error};

const TOLERANCE: f64 = 1e-10;

#[test]
fn the_natural_gradient_in_one_call_is_factors_preconditioner_and_gradient() {
    for name in CASES {
        let mut case = Case::read(name);
        case.batches.truncate(1);
        let batch = &case.batches[0];
        let net = Mlp::new(&case.layers, &case.theta).unwrap();
        let (x, y, samples) = (batch.x(), batch.targets(), batch.samples);
        let mut scratch = vec![0.0; kfac::natural_gradient_scratch(&case.layers, samples)];
        let mut step = vec![f64::NAN; case.theta.len()];
        let loss = (case.loss, case.reduction);
        let damping = (0.1, Damping::Pi);
        let value =
            kfac::natural_gradient(&net, x, y, loss, damping, &mut step, &mut scratch).unwrap();

        let weights = Weights::batch(case.loss, case.reduction, samples, case.outputs());
        let mut data = vec![0.0; kfac::factors_len(&case.layers)];
        let mut scratch = vec![0.0; kfac::accumulate_scratch(&case.layers, samples)];
        let two = Fisher::TypeTwo;
        kfac::accumulate(&net, x, y, case.loss, two, weights, &mut data, &mut scratch).unwrap();
        let mut expected = vec![0.0; case.theta.len()];
        let c = weights.output;
        let expected_value =
            kfac::gradient(&net, x, y, case.loss, c, &mut expected, &mut scratch).unwrap();
        let mut storage = vec![0.0; kfac::preconditioner_len(&case.layers)];
        let factors = Factors::new(&case.layers, &data).unwrap();
        let inverse = factors.preconditioner(0.1, Damping::Pi, &mut storage).unwrap();
        let mut scratch = vec![0.0; kfac::precondition_scratch(&case.layers)];
        inverse.precondition(&mut expected, &mut scratch).unwrap();
        assert!(relative_error(&step, &expected) < TOLERANCE, "{name}");
        assert!((value - expected_value).abs() < 1e-13 * value.abs());

        let short = vec![0.0; kfac::natural_gradient_scratch(&case.layers, samples) - 1];
        let error =
            kfac::natural_gradient(&net, x, y, loss, damping, &mut step, &mut short.clone());
        assert!(matches!(error, Err(KfacError::Scratch(_))));
    }
}

/// y = sin 3 x0 + x1 x2, learnt by 3-8-6-1.
struct Problem<T> {
    layers: Vec<Layer>,
    theta: Vec<T>,
    x: Vec<T>,
    y: Vec<T>,
    samples: usize,
}

impl<T: Real> Problem<T> {
    fn new(samples: usize) -> Self {
        let layers = vec![
            Layer::new(3, 8, Activation::Tanh),
            Layer::new(8, 6, Activation::Tanh),
            Layer::new(6, 1, Activation::Identity),
        ];
        let mut rng = Rng::seed(7);
        let mut theta = vec![];
        for layer in &layers {
            let scale = T::ONE / T::from_usize(layer.inputs).sqrt();
            theta.extend((0..layer.inputs * layer.outputs).map(|_| scale * rng.normal::<T>()));
            theta.extend((0..layer.outputs).map(|_| T::ZERO));
        }
        let x: Vec<T> = (0..3 * samples).map(|_| T::TWO * rng.uniform::<T>() - T::ONE).collect();
        let y = x.chunks(3).map(|x| (T::of(3.0) * x[0]).sin_cos().0 + x[1] * x[2]).collect();
        Self { layers, theta, x, y, samples }
    }

    fn batch(&self, from: usize, n: usize) -> (Mat<'_, T>, Targets<'_, T>) {
        let x = mat(&self.x, self.layers[0].inputs, self.samples).columns_range(from, n);
        let y = mat(&self.y, 1, self.samples).columns_range(from, n);
        (x, Targets::Values(y))
    }

    /// The state, the parameters and the reports of `steps` steps on batches of `n`.
    fn train<R: Representation>(
        &self,
        settings: Settings<T>,
        damping: f64,
        steps: usize,
        n: usize,
    ) -> (Vec<T>, Vec<Report<T>>) {
        let mut state = vec![T::ZERO; kfac::optimizer_len(&self.layers, R::INVERSE)];
        let mut scratch = vec![T::NAN; kfac::optimizer_scratch(&self.layers, R::INVERSE, n)];
        let net = Architecture::new(&self.layers).unwrap();
        let progress = Progress::start(T::of(damping), settings.decay);
        let mut optimizer =
            Optimizer::<_, R>::new(&self.layers, settings, progress, &mut state).unwrap();
        let mut theta = self.theta.clone();
        let reports = (0..steps)
            .map(|k| {
                let (x, y) = self.batch(k * n % (self.samples - n + 1), n);
                let two = Fisher::TypeTwo;
                optimizer.step(&net, &mut theta, x, y, two, &mut scratch).unwrap()
            })
            .collect();
        (theta, reports)
    }
}

#[test]
fn every_representation_learns_in_full_batches() {
    let problem = Problem::<f64>::new(64);
    let settings = Settings::standard(Loss::Mse);
    let all = [
        problem.train::<Factored>(settings, 1.0, 120, 64),
        problem.train::<Exact>(settings, 1.0, 120, 64),
        problem.train::<Corrected>(settings, 1.0, 120, 64),
    ];
    for (_, reports) in &all {
        let (first, last) = (reports[0].loss, reports[119].loss);
        assert!(last < 1e-3 * first, "{first} {last}");
    }
}

#[test]
fn single_precision_learns_too() {
    let problem = Problem::<f32>::new(64);
    let (_, reports) = problem.train::<Factored>(Settings::standard(Loss::Mse), 1.0, 120, 64);
    assert!(reports[119].loss < 2e-3 * reports[0].loss);
}

#[test]
fn a_stream_of_single_samples_is_learnt_with_fixed_steps() {
    let problem = Problem::<f64>::new(64);
    let step = StepRule::Fixed { rate: 0.003, momentum: 0.9, limit: Some(1e-2) };
    let settings = Settings::new(Loss::Mse, step).with_decay(0.99).with_refresh(5);
    for (theta, reports) in [
        problem.train::<Factored>(settings, 0.1, 3000, 1),
        problem.train::<Corrected>(settings, 0.1, 3000, 1),
    ] {
        let mean = |r: &[Report<f64>]| r.iter().map(|r| r.loss).sum::<f64>() / r.len() as f64;
        let (first, last) = (mean(&reports[..64]), mean(&reports[2936..]));
        assert!(last < 0.02 * first, "{first} {last}");
        assert!(theta.iter().all(|t| t.is_finite()));
    }
}

#[test]
fn least_squares_is_solved_in_one_step() {
    // One linear layer and squared error: K-FAC is the Hessian, the model is the loss.
    let layers = [Layer::new(3, 2, Activation::Identity)];
    let mut rng = Rng::seed(3);
    let x: Vec<f64> = (0..30).map(|_| rng.normal()).collect();
    let y: Vec<f64> = (0..20).map(|_| rng.normal()).collect();
    let (x, y) = (mat(&x, 3, 10), Targets::Values(mat(&y, 2, 10)));
    let mut theta: Vec<f64> = (0..8).map(|_| rng.normal()).collect();
    let settings = Settings::standard(Loss::Mse).with_schedule(Schedule::new(0.95, 1));
    let mut state =
        [0.0; kfac::optimizer_len(&[Layer::new(3, 2, Activation::Identity)], Inverse::Exact)];
    let mut scratch = vec![0.0; kfac::optimizer_scratch(&layers, Inverse::Exact, 10)];
    let progress = Progress::start(1e-14, settings.decay);
    let net = Architecture::new(&layers).unwrap();
    let mut optimizer =
        Optimizer::<_, Exact>::new(&layers, settings, progress, &mut state).unwrap();
    let two = Fisher::TypeTwo;
    let report = optimizer.step(&net, &mut theta, x, y, two, &mut scratch).unwrap();
    assert!((report.coefficients.0 + 1.0).abs() < 1e-9, "{report:?}");
    assert!((report.ratio - 1.0).abs() < 1e-9, "the model is exact: {report:?}");
    let mut gradient = [0.0; 8];
    let here = net.at(&theta).unwrap();
    kfac::gradient(&here, x, y, Loss::Mse, 0.05, &mut gradient, &mut scratch).unwrap();
    assert!(gradient.iter().all(|g| g.abs() < 1e-10), "{gradient:?}");
}

#[test]
fn the_quadratic_step_is_the_minimum_along_both_directions() {
    let problem = Problem::<f64>::new(32);
    // No change along either direction lowers the model any more: M w + b = 0.
    let settings = Settings::standard(Loss::Mse).with_constant_lambda();
    let (_, reports) = problem.train::<Factored>(settings, 0.5, 3, 32);
    assert_eq!(reports[0].coefficients.1, 0.0, "no update before the first");
    assert!(reports[1].coefficients.1 != 0.0);
    assert!(reports.iter().all(|r| r.predicted < 0.0));
    let without = settings.with_step(StepRule::Quadratic { momentum: false });
    let (_, alone) = problem.train::<Factored>(without, 0.5, 2, 32);
    assert_eq!(alone[0].coefficients, reports[0].coefficients);
    assert_eq!(alone[0].predicted, reports[0].predicted);
    // With next to no damping the model minimised is the one reported.
    let (_, both) = problem.train::<Factored>(settings, 1e-9, 2, 32);
    let (_, alone) = problem.train::<Factored>(without, 1e-9, 2, 32);
    assert!(both[1].predicted <= alone[1].predicted, "two directions do no worse");
}

#[test]
fn a_saved_run_goes_on_bit_for_bit() {
    fn check<R: Representation>() {
        let problem = Problem::<f32>::new(32);
        let settings = Settings::standard(Loss::Mse).with_refresh(3);
        let (straight, _) = problem.train::<R>(settings, 1.0, 20, 32);
        let net = Architecture::new(&problem.layers).unwrap();
        let mut theta = problem.theta.clone();
        let mut saved = vec![0.0; kfac::optimizer_len(&problem.layers, R::INVERSE)];
        let mut progress = Progress::start(1.0, settings.decay);
        for _ in 0..4 {
            // As if read back from a file.
            let mut state = saved.clone();
            let mut scratch =
                vec![f32::NAN; kfac::optimizer_scratch(&problem.layers, R::INVERSE, 32)];
            let mut optimizer =
                Optimizer::<_, R>::new(&problem.layers, settings, progress, &mut state).unwrap();
            for _ in 0..5 {
                let (x, y) = problem.batch(0, 32);
                let two = Fisher::TypeTwo;
                optimizer.step(&net, &mut theta, x, y, two, &mut scratch).unwrap();
            }
            progress = optimizer.progress;
            saved = state;
        }
        assert_eq!(theta, straight);
    }
    check::<Factored>();
    check::<Exact>();
    check::<Corrected>();
}

#[test]
fn a_step_into_the_void_is_not_taken_and_raises_the_damping() {
    let problem = Problem::<f32>::new(16);
    let settings = Settings::standard(Loss::Mse)
        .with_step(StepRule::Fixed { rate: 1e38, momentum: 0.0, limit: None })
        .with_schedule(Schedule::new(0.95, 1).with_bounds(0.0, 1e8));
    let mut state = vec![0.0; kfac::optimizer_len(&problem.layers, Inverse::Factored)];
    let mut scratch = vec![0.0; kfac::optimizer_scratch(&problem.layers, Inverse::Factored, 16)];
    let net = Architecture::new(&problem.layers).unwrap();
    let progress = Progress::start(1.0, 0.95);
    let mut optimizer =
        Optimizer::<_, Factored>::new(&problem.layers, settings, progress, &mut state).unwrap();
    let mut theta = problem.theta.clone();
    let (x, y) = problem.batch(0, 16);
    let report = optimizer.step(&net, &mut theta, x, y, Fisher::TypeTwo, &mut scratch).unwrap();
    assert!(!report.moved && report.ratio.is_nan() && report.raises > 5, "{report:?}");
    assert!(report.damping > 1.0 && report.damping < 2.0, "a single raise is left: {report:?}");
    assert_eq!(theta, problem.theta);
    assert!(optimizer.update().iter().all(|u| *u == 0.0));
}

#[test]
fn the_norm_limit_holds_and_does_not_touch_short_steps() {
    let problem = Problem::<f64>::new(16);
    let fixed = |limit| {
        let step = StepRule::Fixed { rate: 0.5, momentum: 0.0, limit };
        Settings::new(Loss::Mse, step).with_decay(0.95)
    };
    let rate = |limit| {
        let (_, reports) = problem.train::<Factored>(fixed(limit), 0.1, 1, 16);
        -reports[0].coefficients.0
    };
    assert_eq!(rate(None), 0.5);
    assert_eq!(rate(Some(1e6)), 0.5);
    let (a, b) = (rate(Some(1e-4)), rate(Some(1e-6)));
    assert!(a < 0.5 && (a / b - 10.0).abs() < 1e-9, "{a} {b}");
}

#[test]
fn exactly_the_scratch_and_the_state_asked_for_are_enough() {
    fn check<R: Representation>() {
        let problem = Problem::<f64>::new(5);
        let net = Architecture::new(&problem.layers).unwrap();
        let settings = Settings::standard(Loss::Mse).with_schedule(Schedule::new(0.95, 1));
        let len = kfac::optimizer_len(&problem.layers, R::INVERSE);
        let needed = kfac::optimizer_scratch(&problem.layers, R::INVERSE, 5);
        let progress = Progress::start(1.0, 0.9);
        for n in [len - 1, len + 1] {
            let mut state = vec![0.0; n];
            let new = Optimizer::<f64, R>::new(&problem.layers, settings, progress, &mut state);
            assert!(matches!(new, Err(KfacError::Shape(_))));
        }
        for missing in [0, 1] {
            let mut state = vec![0.0; len];
            let mut optimizer =
                Optimizer::<_, R>::new(&problem.layers, settings, progress, &mut state).unwrap();
            let (x, y) = problem.batch(0, 5);
            let mut theta = problem.theta.clone();
            let mut scratch = vec![0.0; needed - missing];
            let result = optimizer.step(&net, &mut theta, x, y, Fisher::TypeTwo, &mut scratch);
            match missing {
                0 => assert!(result.is_ok(), "{result:?}"),
                _ => assert!(matches!(result, Err(KfacError::Scratch(_)))),
            }
        }
    }
    check::<Factored>();
    check::<Exact>();
    check::<Corrected>();
}

#[test]
fn classification_and_other_fishers_learn() {
    let case = Case::read("classifier");
    let batch = &case.batches[0];
    let net = Architecture::new(&case.layers).unwrap();
    for kind in 0..3 {
        let mut rng = Rng::seed(5);
        let settings = Settings::standard(Loss::CrossEntropy);
        let inverse = Inverse::Corrected;
        let mut state = vec![0.0; kfac::optimizer_len(&case.layers, inverse)];
        let mut scratch = vec![0.0; kfac::optimizer_scratch(&case.layers, inverse, batch.samples)];
        let mut theta = case.theta.clone();
        let progress = Progress::start(1.0, 0.95);
        let mut optimizer =
            Optimizer::<_, Corrected>::new(&case.layers, settings, progress, &mut state).unwrap();
        let mut losses = vec![];
        for _ in 0..60 {
            let fisher = match kind {
                0 => Fisher::TypeTwo,
                1 => Fisher::MonteCarlo { rng: &mut rng, draws: 2 },
                _ => Fisher::Empirical,
            };
            let (x, y) = (batch.x(), batch.targets());
            let report = optimizer.step(&net, &mut theta, x, y, fisher, &mut scratch).unwrap();
            losses.push(report.loss);
        }
        assert!(losses[59] < 0.05 * losses[0], "{kind}: {} {}", losses[0], losses[59]);
    }
}

/// `exp` on 100 points of [0, 1], learnt by 1-16-16-1 from PyTorch's kind of initial weights.
fn exponential<T: Real>(seed: u64) -> Problem<T> {
    let layers = vec![
        Layer::new(1, 16, Activation::Tanh),
        Layer::new(16, 16, Activation::Tanh),
        Layer::new(16, 1, Activation::Identity),
    ];
    let mut rng = Rng::seed(seed);
    let mut theta = vec![];
    for layer in &layers {
        let bound = T::ONE / T::from_usize(layer.inputs).sqrt();
        let values = 0..layer.inputs * layer.outputs + layer.outputs;
        theta.extend(values.map(|_| bound * (T::TWO * rng.uniform::<T>() - T::ONE)));
    }
    let x: Vec<T> = (0..100).map(|n| T::from_usize(n) / T::of(99.0)).collect();
    let y = x.iter().map(|x| x.exp()).collect();
    Problem { layers, theta, x, y, samples: 100 }
}

#[test]
fn training_with_far_too_little_damping_does_not_stall() {
    // It stalled at 0.05, saturated; from a damping of 0.1 it gets below 1e-8.
    fn check<T: Real, R: Representation>() {
        let problem = exponential::<T>(0);
        let standard = Schedule::standard();
        for (schedule, damping) in [
            (standard.with_measure(1), 1e-15),
            (standard, 1e-15),
            (Schedule::new(T::of(0.9), 5), 1e-30),
        ] {
            let settings = Settings::standard(Loss::Mse).with_schedule(schedule);
            let (_, reports) = problem.train::<R>(settings, damping, 300, 100);
            let loss = reports[299].loss.to_f64();
            assert!(loss < 1e-6, "{:?} {damping:e} {schedule:?}: {loss:e}", R::INVERSE);
            assert!(reports.iter().any(|r| r.raises > 0), "{:?} {damping:e}", R::INVERSE);
        }
    }
    check::<f64, Factored>();
    check::<f64, Exact>();
    check::<f64, Corrected>();
    check::<f32, Factored>();
    check::<f32, Exact>();
    check::<f32, Corrected>();
}

#[test]
fn the_loss_never_rises_where_every_step_is_measured() {
    fn check<T: Real, R: Representation>() {
        let settings =
            Settings::standard(Loss::Mse).with_schedule(Schedule::standard().with_measure(1));
        for problem in [exponential::<T>(3), Problem::new(64)] {
            let samples = problem.samples;
            for damping in [1e-15, 1.0] {
                let (_, reports) = problem.train::<R>(settings, damping, 100, samples);
                for pair in reports.windows(2) {
                    let (a, b) = (pair[0], pair[1]);
                    assert!(
                        if a.moved { b.loss < a.loss } else { b.loss == a.loss },
                        "{a:?} {b:?}"
                    );
                }
            }
        }
    }
    check::<f64, Factored>();
    check::<f32, Exact>();
    check::<f32, Corrected>();
}

#[test]
fn a_measured_step_between_others_does_not_raise_the_loss() {
    let problem = exponential::<f32>(4);
    let schedule = Schedule::standard();
    let settings = Settings::standard(Loss::Mse).with_schedule(schedule);
    let (_, reports) = problem.train::<Factored>(settings, 1e-15, 200, 100);
    for (steps, pair) in (1..).zip(reports.windows(2)) {
        assert!(!schedule.measured(steps) || pair[1].loss <= pair[0].loss, "{steps}: {pair:?}");
    }
}

#[test]
fn a_damping_that_is_far_too_large_comes_down_again() {
    // No parameter changes in its last bit at 1e12: without a way down this is a stall too.
    let problem = exponential::<f32>(5);
    let schedule = Schedule::new(0.1, 1).with_bounds(1e-8, 1e12);
    let settings = Settings::standard(Loss::Mse).with_schedule(schedule);
    let (_, reports) = problem.train::<Exact>(settings, 1e12, 300, 100);
    assert!(!reports[0].moved && reports[0].damping < 1e12, "{:?}", reports[0]);
    assert!(reports[299].loss < 1e-6, "{:?}", reports[299]);
}
