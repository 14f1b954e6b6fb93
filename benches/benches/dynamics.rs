//! Two-layer training against the floor of its multiply-accumulates, and the (u, z) reduction.
//!
//! The floor is the time in which the library's GEMM makes as many multiply-accumulates
//! (`d^2 + 3 h d` a step) in 256 x 256 x 256 products, on the same thread and in the same run.
//! Then what a run costs that records loss, weights, norms, gradients, ranks and group norms at about
//! 700 times, against the training alone.
//! `cargo bench -p nanocurv-benches --bench dynamics`

use nalgebra::DMatrix;
use nanocurv::dynamics::Rates;
use nanocurv::dynamics::reduction::{moments, reduce};
use nanocurv::dynamics::train::{TwoLayer, two_layer_params, two_layer_scratch};
use nanocurv::linalg::gemm;
use nanocurv::random::Rng;
use nanocurv_benches::{mat, mat_mut};
use nanocurv_cli::desktop::UNWATCHED;
use nanocurv_cli::desktop::dynamics::{
    Init, Measures, Problem, Risk, Route, geometric_times, run, start,
};
use ndarray::Array2;
use std::hint::black_box;
use std::time::Instant;

/// The least time of several runs, in seconds.
fn time(repeats: usize, mut f: impl FnMut()) -> f64 {
    let run = |_| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    (0..repeats).map(run).fold(f64::MAX, f64::min)
}

/// Seconds per multiply-accumulate of the library's GEMM.
fn floor_rate(rng: &mut Rng) -> f64 {
    let n = 256;
    let a = DMatrix::<f64>::from_fn(n, n, |_, _| rng.normal());
    let mut c = a.clone();
    time(30, || {
        gemm(1.0, (&a).into(), (&a).into(), 0.0, (&mut c).into()).unwrap();
        black_box(&mut c);
    }) / (n * n * n) as f64
}

/// Training that is recorded with all measures at about 700 times, with the loss and the weights
/// alone, and not at all.
fn measured(rng: &mut Rng, (d, n, h, steps): (usize, usize, usize, u64), init: Init) {
    let x = Array2::from_shape_fn((n, d), |_| rng.normal());
    let mut problem = Problem {
        x,
        y: (0..n).map(|_| rng.normal()).collect(),
        test: None,
        beta: Some(vec![1.0; d]),
        hidden: h,
        theta: start(init, (0.01, 0.01), d, h, 1).unwrap(),
        rates: Rates::same(1e-4),
        times: vec![steps],
        risk: Risk::L2,
        measures: None,
    };
    let alone = problem.clone();
    problem.times = geometric_times(steps, 700);
    let recorded = problem.clone();
    problem.measures = Some(Measures::of(d));
    // One after the other, so that what else the machine does is in all of them.
    let mut least = [f64::MAX; 3];
    for _ in 0..21 {
        for (least, problem) in least.iter_mut().zip([&alone, &recorded, &problem]) {
            let once = time(1, || {
                black_box(run(problem, Route::Training, UNWATCHED).unwrap());
            });
            *least = least.min(once);
        }
    }
    let [alone, recorded, all] = least;
    println!(
        "record {d}-{h}-1, {n} samples, {steps} steps, {init} start, {} times: {:.2} ms, training \
         alone {:.2} ms; {:4.2} x training alone (at most 1.5: {}), {:4.2} x loss and weights alone",
        problem.times.len(),
        all * 1e3,
        alone * 1e3,
        all / alone,
        if all <= 1.5 * alone { "ok" } else { "OVER" },
        all / recorded,
    );
}

fn main() {
    let mut rng = Rng::seed(1);
    let rate = floor_rate(&mut rng);
    println!("GEMM makes {:.1} GFLOP/s", 2e-9 / rate);
    let limit = |passed: bool| if passed { "ok" } else { "OVER" };
    for (d, n, h, steps) in [(2, 10, 50, 100_000), (8, 32, 64, 20_000), (50, 100, 250, 1000)] {
        let x: Vec<f64> = (0..d * n).map(|_| rng.normal()).collect();
        let y: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let x = mat(&x, d, n);
        let rates = Rates::same(1e-4);
        let theta = vec![0.01; two_layer_params(d, h)];
        let mut scratch = vec![0.0; two_layer_scratch(d, h)];
        let (mut s, mut b, mut small) = (vec![0.0; d * d], vec![0.0; d], vec![0.0; d]);
        moments(x, &y, mat_mut(&mut s, d, d), &mut b).unwrap();
        let mut train = |steps: u64| {
            time(31, || {
                let mut net = TwoLayer::new(&theta, d, h, &mut scratch).unwrap();
                net.train_on_moments(mat(&s, d, d), &b, rates, steps).unwrap();
                black_box(net.total());
            }) / steps as f64
        };
        let (step, tenth) = (train(steps), train(steps / 10));
        let floor = (d * d + 3 * h * d) as f64 * rate;
        let bound = (2.0 * floor).max(20e-9);
        println!(
            "train  {d}-{h}-1, {n} samples, {steps} steps: {:8.1} ns a step, floor {:7.1} ns, \
             {:5.2} x floor; {:5.2} x the bound {}; a tenth of the steps: {:8.1} ns a step",
            step * 1e9,
            floor * 1e9,
            step / floor,
            step / bound,
            limit(step <= bound),
            tenth * 1e9,
        );

        let start = 0.01 * (h as f64).sqrt();
        let mut run = |steps: u64| {
            time(31, || {
                let (mut z, mut u) = (vec![start; d], start);
                reduce(mat(&s, d, d), &b, rates, steps, &mut z, &mut u, &mut small).unwrap();
                black_box((z, u));
            })
        };
        let all = run(steps);
        println!(
            "reduce {d}-{h}-1, {n} samples, {steps} steps: {:8.1} ns a step, {:.2} ms in all{}",
            all / steps as f64 * 1e9,
            all * 1e3,
            if d == 2 {
                format!(" (at most 50 ms: {})", limit(all < 50e-3))
            } else {
                String::new()
            },
        );
    }
    for size in [(2, 10, 50, 100_000), (8, 32, 64, 20_000), (50, 100, 250, 20_000)] {
        for init in [Init::Constant, Init::RankOne, Init::KaimingNormal] {
            measured(&mut rng, size, init);
        }
    }
}
