//! The two-layer dynamics against the published run and against each other.
//!
//! Reference: the data of a NumPy run (`data/dynamics_data.json`, seed 12, 10 samples of 2 features,
//! singular values 10 and 1, unit noise) and its loss, risk and weights, h = 50, W1 = 0.01, w2 = 0.01,
//! rate 1e-3 for both layers.

#[path = "../support/mod.rs"]
mod support;

mod continuous_time;
mod measures;
mod training;

use nanocurv::dynamics::flow::{self, Modes};
use nanocurv::dynamics::modes::Mode;
use nanocurv::dynamics::optimum::{w_min, w_min_scratch};
use nanocurv::dynamics::reduction::{
    moments, rank_one, reduce, reduce_network_scratch, reduce_scratch,
};
use nanocurv::dynamics::risk::{Kind, TurningPoint, turning_points};
use nanocurv::dynamics::spectrum::{two_layer_spectrum, two_layer_spectrum_scratch};
use nanocurv::dynamics::train::{
    TwoLayer, constant_start, normal_start, rank_one_start, squared_error, two_layer_params,
    two_layer_scratch,
};
use nanocurv::dynamics::{DynamicsError, Rates};
use nanocurv::fixed::dynamics::{network_spectrum, reduce_network, train_network};
use nanocurv::linalg::dot;
use nanocurv::network::Network;
use nanocurv::random::Rng;
use nanocurv::{Mat, Real, SMatrix};
use nanocurv_tests::{mat, mat_mut};

use support::{Published, close, published};

const HIDDEN: usize = 50;
const RATES: Rates<f64> = Rates::same(1e-3);

/// `t, loss, risk over 1000 test samples, total weight` of the published run.
const RUN: [(u64, f64, f64, [f64; 2]); 7] = [
    (0, 146.86744548, 4991.76487097, [0.005, 0.005]),
    (1, 146.28320322, 4967.40879466, [0.0075534147, 0.0061515609]),
    (10, 94.83432389, 2918.60842903, [0.2610338238, 0.0368469844]),
    (100, 15.98225491, 365.85850655, [1.1488641951, 0.1287944564]),
    (500, 15.93840279, 285.36336679, [1.1488382760, 0.2680179902]),
    (1000, 15.93134210, 254.03815204, [1.1487736738, 0.3301613724]),
    (3000, 15.93067992, 241.97917616, [1.1487381625, 0.3557212619]),
];

fn constant(data: &Published) -> Vec<f64> {
    let mut theta = vec![0.0; two_layer_params(data.d, HIDDEN)];
    constant_start((0.01, 0.01), data.d, HIDDEN, &mut theta).unwrap();
    theta
}

fn moments_of<T: Real>(x: Mat<'_, T>, y: &[T]) -> (Vec<T>, Vec<T>) {
    let d = x.rows();
    let (mut s, mut b) = (vec![T::ZERO; d * d], vec![T::ZERO; d]);
    moments(x, y, mat_mut(&mut s, d, d), &mut b).unwrap();
    (s, b)
}

#[test]
fn full_training_meets_the_published_run() {
    let data = published();
    let mut scratch = vec![0.0; two_layer_scratch(2, HIDDEN)];
    let mut net = TwoLayer::new(&constant(&data), 2, HIDDEN, &mut scratch).unwrap();
    for (t, loss, risk, weight) in RUN {
        net.train(data.x(), &data.y, RATES, t - net.iteration()).unwrap();
        let found = squared_error(data.x(), &data.y, net.total());
        close("loss", found, loss, 6e-9);
        close("risk", data.risk(net.total()), risk, 6e-9);
        close("w_1", net.total()[0], weight[0], 6e-11);
        close("w_2", net.total()[1], weight[1], 6e-11);
    }
}

#[test]
fn the_reduction_meets_the_published_run() {
    let data = published();
    let (s, b) = moments_of(data.x(), &data.y);
    // Of the constant start: z = sqrt(h) a 1, u = sqrt(h) b.
    let start = 0.01 * f64::sqrt(HIDDEN as f64);
    let (mut z, mut u, mut done) = ([start; 2], start, 0);
    for (t, loss, risk, weight) in RUN {
        reduce(mat(&s, 2, 2), &b, RATES, t - done, &mut z, &mut u, &mut [0.0; 2]).unwrap();
        done = t;
        let w = z.map(|z| u * z);
        close("loss", squared_error(data.x(), &data.y, &w), loss, 6e-9);
        close("risk", data.risk(&w), risk, 6e-9);
        close("w_1", w[0], weight[0], 6e-11);
        close("w_2", w[1], weight[1], 6e-11);
    }
}

/// Random data, random rank-one or constant start, different rates: 10^4 steps of both.
#[test]
fn the_reduction_is_the_full_network_step_by_step() {
    let mut rng = Rng::seed(1);
    for (case, (d, n, h)) in [(2, 10, 50), (3, 5, 1), (1, 4, 7), (8, 4, 5)].into_iter().enumerate()
    {
        let x: Vec<f64> = (0..d * n).map(|_| rng.normal()).collect();
        let y: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let x = mat(&x, d, n);
        let mut theta = vec![0.0; two_layer_params(d, h)];
        if case == 0 {
            constant_start((0.01, 0.02), d, h, &mut theta).unwrap();
        } else {
            rank_one_start(&mut rng, (0.1, 0.2), d, h, &mut theta).unwrap();
        }
        let rates = Rates { first: 2e-3, second: 5e-4 };
        let (mut p, mut z) = (vec![0.0; h], vec![0.0; d]);
        let mut u = rank_one(&theta, 1e-12, &mut p, &mut z).unwrap();
        let (s, b) = moments_of(x, &y);
        let (mut small, mut large) =
            (vec![0.0; reduce_scratch(d)], vec![0.0; two_layer_scratch(d, h)]);
        let mut net = TwoLayer::new(&theta, d, h, &mut large).unwrap();
        for _ in 0..20 {
            net.train(x, &y, rates, 500).unwrap();
            reduce(mat(&s, d, d), &b, rates, 500, &mut z, &mut u, &mut small).unwrap();
            for (i, (w, z)) in net.total().iter().zip(&z).enumerate() {
                assert!((w - u * z).abs() < 1e-12, "d {d}: w_{i}: {w} and {}", u * z);
            }
        }
        // Not only the total: every weight.
        for (k, p) in p.iter().enumerate() {
            let (weights, w2) = net.unit(k).unwrap();
            assert!((w2 - u * p).abs() < 1e-12);
            assert!(weights.zip(&z).all(|(w, z)| (w - p * z).abs() < 1e-12));
        }
        assert!(net.unit(h).is_none());
        let norms = (net.first_norm(0, d), net.second_norm());
        // Inputs that there are not add nothing.
        assert_eq!(net.first_norm(0, d + 3), norms.0);
        assert_eq!((net.first_norm(d, d + 3), net.first_norm(1, 0)), (0.0, 0.0));
        let (first, second) = nanocurv::dynamics::reduction::layer_norms(&z, u);
        assert!((norms.0 - first).abs() < 1e-12 && (norms.1 - second).abs() < 1e-12);
    }
}

nanocurv::mlp! { Student: 3 => 20 identity => 1, no bias }

/// The fronts for a named network: both ways over 10^4 steps, and its spectrum.
#[test]
fn the_reduction_of_a_named_network_is_its_training() {
    let mut rng = Rng::seed(2);
    let x = SMatrix::<f64, 3, 6>::from_fn(|_, _| rng.normal());
    let y = SMatrix::<f64, 6, 1>::from_fn(|_, _| rng.normal());
    let mut start = [0.0; Student::PARAMS];
    rank_one_start(&mut rng, (0.1, 0.2), 3, 20, &mut start).unwrap();
    let rates = Rates { first: 2e-3, second: 5e-4 };
    let (mut trained, mut reduced) = (start, start);
    let mut scratch = [0.0; two_layer_scratch(3, 20)];
    train_network(Student, &x, &y, rates, 10_000, &mut trained, &mut scratch).unwrap();
    let mut scratch = [0.0; reduce_network_scratch(3, 20)];
    reduce_network(Student, &x, &y, rates, 10_000, &mut reduced, &mut scratch).unwrap();
    for (a, b) in trained.iter().zip(&reduced) {
        assert!((a - b).abs() < 1e-12, "{a}, {b}");
    }
    let short = &mut scratch[1..];
    let error = reduce_network(Student, &x, &y, rates, 1, &mut reduced, short).unwrap_err();
    assert!(matches!(error, DynamicsError::Scratch(_)));

    let (mut values, mut shares) = (SMatrix::<f64, 6, 1>::zeros(), SMatrix::<f64, 2, 6>::zeros());
    let mut scratch = [0.0; two_layer_spectrum_scratch(6, 20)];
    let rank =
        network_spectrum(Student, &trained, &x, &mut values, &mut shares, &mut scratch).unwrap();
    assert_eq!(rank, 3);
    let mut expected = [0.0; 6];
    let out = mat_mut(&mut scratch[..12], 2, 6);
    let mut room = [0.0; two_layer_spectrum_scratch(6, 20)];
    two_layer_spectrum((&x).into(), &trained, 20, &mut expected, out, &mut room).unwrap();
    assert_eq!(values.as_slice(), expected);
}

#[test]
fn a_random_start_is_not_of_rank_one_and_says_where() {
    let mut theta = vec![0.0; two_layer_params(3, 4)];
    normal_start(&mut Rng::seed(3), (0.1, 0.1), 3, 4, &mut theta).unwrap();
    let error = rank_one(&theta, 1e-9, &mut [0.0; 4], &mut [0.0; 3]).unwrap_err();
    assert!(matches!(error, DynamicsError::NotRankOne { hidden: 0..4, input: 0..3 }));
    // One entry off the product is named.
    constant_start((0.5, 0.0), 3, 4, &mut theta).unwrap();
    theta[2 * 3 + 1] += 0.25;
    let error = rank_one(&theta, 1e-9, &mut [0.0; 4], &mut [0.0; 3]).unwrap_err();
    assert!(matches!(error, DynamicsError::NotRankOne { hidden: 2, .. }), "{error}");
}

#[test]
fn a_second_layer_of_zeros_is_of_rank_one_too() {
    let mut theta = vec![0.0; two_layer_params(3, 4)];
    constant_start((0.5, 0.0), 3, 4, &mut theta).unwrap();
    let (mut p, mut z) = ([0.0; 4], [0.0; 3]);
    assert_eq!(rank_one(&theta, 1e-12, &mut p, &mut z).unwrap(), 0.0);
    assert!(z.iter().all(|z: &f64| (z.abs() - 1.0).abs() < 1e-15));
}

#[test]
fn w_min_is_least_squares_and_the_least_norm_interpolant() {
    let data = published();
    let (mut w, mut scratch) = ([0.0; 2], [0.0; w_min_scratch(2, 10)]);
    w_min(data.x(), &data.y, &mut w, &mut scratch).unwrap();
    close("w_min_1", w[0], 1.1487379079, 6e-11);
    close("w_min_2", w[1], 0.3558922720, 6e-11);

    // Fewer samples than features: an interpolant in the span of the samples.
    let x = [1.0, 2.0, 3.0, -1.0, 0.5, 2.0];
    let (y, mut w) = ([1.0, -2.0], [0.0; 3]);
    w_min(mat(&x, 3, 2), &y, &mut w, &mut [0.0; w_min_scratch(3, 2)]).unwrap();
    assert!(squared_error(mat(&x, 3, 2), &y, &w) < 1e-28);
    let normal = [2.0 * 2.0 - 3.0 * 0.5, -3.0 - 1.0 * 2.0, 1.0 * 0.5 + 2.0 * 1.0];
    let off: f64 = w.iter().zip(normal).map(|(w, n)| w * n).sum();
    assert!(off.abs() < 1e-13, "orthogonal to the span: {off}");

    // Gradient descent from 0 ends there: in one layer's worth of steps per mode.
    let twice = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0];
    let error = w_min(mat(&twice, 3, 3), &[1.0; 3], &mut w, &mut [0.0; 9]).unwrap_err();
    assert!(matches!(error, DynamicsError::Linalg(_)), "rank 1: {error}");
}

struct Spectrum {
    rank: usize,
    values: Vec<f64>,
    shares: Vec<[f64; 2]>,
}

fn spectrum(x: Mat<'_, f64>, net: &TwoLayer<'_, f64>) -> Spectrum {
    let (n, h) = (x.cols(), net.hidden());
    let mut theta = vec![0.0; two_layer_params(x.rows(), h)];
    net.write_to(&mut theta).unwrap();
    let (mut values, mut shares) = (vec![0.0; n], vec![0.0; 2 * n]);
    let mut scratch = vec![0.0; two_layer_spectrum_scratch(n, h)];
    let out = mat_mut(&mut shares, 2, n);
    let rank = two_layer_spectrum(x, &theta, h, &mut values, out, &mut scratch).unwrap();
    Spectrum { rank, values, shares: shares.chunks(2).map(|c| [c[0], c[1]]).collect() }
}

#[test]
fn the_jacobian_spectrum_meets_the_published_values() {
    let data = published();
    let mut scratch = vec![0.0; two_layer_scratch(2, HIDDEN)];
    let mut net = TwoLayer::new(&constant(&data), 2, HIDDEN, &mut scratch).unwrap();
    let published = [
        (
            0,
            [1.0012586299, 0.0864936769],
            [0.7053324358, 0.9142425763],
            [0.7088766854, 0.4051672638],
        ),
        (
            10_000,
            [15.166345234, 1.1202171125],
            [0.7222334331, 0.9886003497],
            [0.6916493823, 0.1505634368],
        ),
    ];
    for (t, sigma, first, second) in published {
        net.train(data.x(), &data.y, RATES, t - net.iteration()).unwrap();
        let found = spectrum(data.x(), &net);
        assert_eq!(found.rank, 2);
        for j in 0..2 {
            close("sigma", found.values[j], sigma[j], 6e-10);
            close("share of W1", found.shares[j][0], first[j], 6e-11);
            close("share of w2", found.shares[j][1], second[j], 6e-11);
            close("sum", found.shares[j].iter().map(|s| s * s).sum(), 1.0, 1e-12);
        }
    }
}

#[test]
fn single_precision_follows_double() {
    let data = published();
    let x: Vec<f32> = data.x.iter().map(|v| *v as f32).collect();
    let y: Vec<f32> = data.y.iter().map(|v| *v as f32).collect();
    let theta = vec![0.01_f32; two_layer_params(2, HIDDEN)];
    let mut scratch = vec![0.0; two_layer_scratch(2, HIDDEN)];
    let mut net = TwoLayer::new(&theta, 2, HIDDEN, &mut scratch).unwrap();
    let rates = Rates::same(1e-3_f32);
    let (s, b) = moments_of(mat(&x, 2, 10), &y);
    let start = 0.01 * 50.0_f32.sqrt();
    let (mut z, mut u) = ([start; 2], start);
    let mut done = 0;
    for (t, .., weight) in RUN {
        net.train(mat(&x, 2, 10), &y, rates, t - done).unwrap();
        reduce(mat(&s, 2, 2), &b, rates, t - done, &mut z, &mut u, &mut [0.0; 2]).unwrap();
        done = t;
        for i in 0..2 {
            // Thousands of steps through an escape from a saddle: rounding grows with the weight.
            assert!((f64::from(net.total()[i]) - weight[i]).abs() < 1e-5);
            assert!((f64::from(u * z[i]) - weight[i]).abs() < 1e-5);
        }
    }
}

#[test]
fn divergence_stops_with_its_iteration() {
    let data = published();
    let mut scratch = vec![0.0; two_layer_scratch(2, HIDDEN)];
    let mut net = TwoLayer::new(&constant(&data), 2, HIDDEN, &mut scratch).unwrap();
    let fast = Rates::same(1.0);
    let Err(DynamicsError::Diverged { iteration: full }) =
        net.train(data.x(), &data.y, fast, 1_000_000)
    else {
        panic!("rate 1 cannot be stable")
    };
    assert!(net.total().iter().any(|w| !w.is_finite()) && net.iteration() == full);
    let (s, b) = moments_of(data.x(), &data.y);
    let (mut z, mut u) = ([0.07; 2], 0.07);
    let error =
        reduce(mat(&s, 2, 2), &b, fast, 1_000_000, &mut z, &mut u, &mut [0.0; 2]).unwrap_err();
    let DynamicsError::Diverged { iteration: reduced } = error else { panic!("{error}") };
    assert!(full.abs_diff(reduced) <= 1, "{full} and {reduced}");
    assert!(error.to_string().contains("lower the learning rates"));
}

#[test]
fn wrong_shapes_and_numbers_name_their_argument() {
    let data = published();
    let theta = constant(&data);
    let mut scratch = vec![0.0; two_layer_scratch(2, HIDDEN)];
    let error = TwoLayer::new(&theta[1..], 2, HIDDEN, &mut scratch).unwrap_err();
    assert_eq!(error.to_string(), "theta: needed 150, found 149");
    let mut net = TwoLayer::new(&theta, 2, HIDDEN, &mut scratch).unwrap();
    let error = net.train(data.x(), &data.y[1..], RATES, 1).unwrap_err();
    assert_eq!(error.to_string(), "y: needed 10, found 9");
    let mut broken = data.x.clone();
    broken[13] = f64::NAN;
    let error = net.train(mat(&broken, 2, 10), &data.y, RATES, 1).unwrap_err();
    assert_eq!(error.to_string(), "x: value 13 is not finite");
    let error = net.train(mat(&data.x, 1, 20), &data.y, RATES, 1).unwrap_err();
    assert_eq!(error.to_string(), "x rows: needed 2, found 1");
}

#[test]
fn each_scratch_function_is_exact() {
    let data = published();
    let exact = |needed: usize, run: &dyn Fn(&mut [f64]) -> Result<(), DynamicsError>| {
        run(&mut vec![0.0; needed]).unwrap();
        let error = run(&mut vec![0.0; needed - 1]).unwrap_err();
        assert!(
            matches!(error, DynamicsError::Scratch(e) if e.needed as usize == needed),
            "{error}"
        );
    };
    let theta = constant(&data);
    exact(two_layer_scratch(2, HIDDEN), &|s| TwoLayer::new(&theta, 2, HIDDEN, s).map(|_| ()));
    let gram = [100.0, 0.0, 0.0, 1.0];
    exact(reduce_scratch(2), &|s| {
        reduce(mat(&gram, 2, 2), &[1.0; 2], RATES, 5, &mut [0.1; 2], &mut 0.1, s)
    });
    let modes = Modes::new(&[100.0, 1.0], &[1.0; 2], &[0.0; 2]).unwrap();
    exact(flow::integrate_scratch(2), &|s| {
        flow::integrate(modes, RATES, 0.1, 5, &mut 0.1, &mut [0.1; 2], s)
    });
    exact(w_min_scratch(2, 10), &|s| w_min(data.x(), &data.y, &mut [0.0; 2], s));
    exact(w_min_scratch(10, 2), &|s| w_min(mat(&data.x, 10, 2), &data.y[..2], &mut [0.0; 10], s));
    for n in [10, 40] {
        let x = vec![1.0; 2 * n];
        exact(two_layer_spectrum_scratch(n, HIDDEN), &|s| {
            let (mut values, mut shares) = (vec![0.0; n], vec![0.0; 2 * n]);
            let shares = mat_mut(&mut shares, 2, n);
            two_layer_spectrum(mat(&x, 2, n), &theta, HIDDEN, &mut values, shares, s).map(|_| ())
        });
    }
}
