//! The scratch protocol: beside every algorithm stands a function with the number of values that
//! it needs; it works with exactly that many and says so with one fewer, and what the scratch
//! holds before does not matter. The last test reads the sources: a function that is not held to
//! this here fails it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use nalgebra::{SMatrix, SVector};
use nanocurv::curvature::structured::{self, Tensor, TilePoint, Unit};
use nanocurv::curvature::{
    self, Batch, Curvature, EmpiricalFisher, Ggn, Gradient, Hessian, Jacobian, Leading,
    LinearOperator, Probe, Risk, Until, to_dense, to_dense_scratch,
};
use nanocurv::dynamics::flow::{self, Modes};
use nanocurv::dynamics::teacher::{Modulation, Teacher, teacher_scratch};
use nanocurv::dynamics::{Rates, optimum, reduction, spectrum, train};
use nanocurv::kfac::{
    self, Bias, Damping, Ekfac, Factors, Fisher, Full, Kronecker, Root, Series, SeriesOption,
    Weights,
};
use nanocurv::kron::fit::{Adam, FitShape, SketchFit, Target};
use nanocurv::kron::{self, Damped, Kron, KronLdlt, KronLu, damped, info, product, solve, sum};
use nanocurv::linalg::{self, eigh_scratch};
use nanocurv::network::{
    self, Activation, Layer, Loss, Mlp, Network, Order, Reduction, Scale, Targets, forward_scratch,
    layer,
};
use nanocurv::ntk::{self, Component, Directions, Pairing};
use nanocurv::random::Rng;
use nanocurv::{Mat, mlp};
use nanocurv_tests::{mat, mat_mut};

/// What has been held to the protocol, and whether it ever needed a value.
#[derive(Default)]
struct Ledger(RefCell<BTreeMap<String, bool>>);

impl Ledger {
    /// `run` works with `needed` values and fails with one fewer.
    #[track_caller]
    fn hold<V: Clone, E: Display>(
        &self,
        name: &str,
        needed: usize,
        fill: V,
        mut run: impl FnMut(&mut [V]) -> Result<(), E>,
    ) {
        if let Err(error) = run(&mut vec![fill.clone(); needed]) {
            panic!("{name}: {needed} values are not enough: {error}");
        }
        if needed > 0 {
            let Err(error) = run(&mut vec![fill; needed - 1]) else {
                panic!("{name}: {} values are enough, {needed} are asked for", needed - 1);
            };
            let message = error.to_string();
            assert!(message.contains("needed") && message.contains("found"), "{name}: {message}");
        }
        *self.0.borrow_mut().entry(name.to_owned()).or_default() |= needed > 0;
    }

    /// The same for floating-point values, which are NaN before.
    #[track_caller]
    fn scratch<E: Display>(
        &self,
        name: &str,
        needed: usize,
        run: impl FnMut(&mut [f64]) -> Result<(), E>,
    ) {
        self.hold(name, needed, f64::NAN, run);
    }
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::seed(seed);
    (0..count).map(|_| rng.normal()).collect()
}

/// A symmetric positive definite matrix.
fn positive(n: usize, seed: u64) -> Vec<f64> {
    let a = noise(n * n, seed);
    let mut c = vec![0.0; n * n];
    linalg::syrk_tn(1.0, mat(&a, n, n), 0.0, mat_mut(&mut c, n, n)).unwrap();
    let mut m = mat_mut(&mut c, n, n);
    m.mirror_lower();
    m.add_diagonal(0.5);
    c
}

/// Networks of one, two and three layers, with biases and without, two outputs.
fn networks() -> Vec<(Vec<Layer>, Vec<f64>)> {
    let tanh = Activation::Tanh;
    let last = |inputs| Layer::new(inputs, 2, Activation::Identity);
    let no_bias = |layer: Layer| layer.with_bias(false);
    let nets = [
        vec![last(3)],
        vec![Layer::new(3, 5, tanh), last(5)],
        vec![no_bias(Layer::new(3, 4, tanh)), Layer::new(4, 1, tanh), no_bias(last(1))],
    ];
    nets.into_iter()
        .map(|layers| {
            let theta = noise(layer::params(&layers), 1);
            (layers, theta)
        })
        .collect()
}

fn linear_algebra(ledger: &Ledger) {
    for n in [1, 5, 40] {
        let a = positive(n, 2);
        let matrix = || a.clone();
        ledger.scratch("linalg::eigen::eigh_scratch", eigh_scratch(n), |s| {
            let (mut a, mut values, mut vectors) = (matrix(), vec![0.0; n], vec![0.0; n * n]);
            let (a, vectors) = (mat_mut(&mut a, n, n), mat_mut(&mut vectors, n, n));
            linalg::eigh(a, &mut values, vectors, s).map(|_| ())
        });
        let needed = linalg::ldlt_inverse_scratch(n);
        ledger.scratch("linalg::ldlt::ldlt_inverse_scratch", needed, |s| {
            linalg::ldlt_inverse(mat_mut(&mut matrix(), n, n), s)
        });
        ledger.scratch("linalg::stacked::len", linalg::Stacked::<f64>::len(n, 3), |s| {
            let mut stack = linalg::Stacked::new(s, n, 3)?;
            stack.a().copy_from(mat(&a, n, n));
            stack.b().fill(1.0);
            stack.solve()
        });
    }
    for (n, m) in [(4, 3), (48, 48), (50, 60)] {
        let (s1, s2) = (noise(2 * n, 3), noise(2 * m, 4));
        let (s1, s2) = (mat(&s1, 2, n), mat(&s2, 2, m));
        let needed = linalg::hadamard_of_grams_scratch(n, m);
        ledger.scratch("linalg::hadamard::hadamard_of_grams_scratch", needed, |scratch| {
            let mut k = vec![0.0; n * m];
            let k = mat_mut(&mut k, n, m);
            let (s, x) = ((s1, s2), (s1, s2));
            let grams = linalg::Grams { s, x, scale: 1.0, shift: 1.0, symmetric: false };
            linalg::hadamard_of_grams::<_, nanocurv::error::LinalgError>(&grams, k, scratch)
        });
    }
}

fn networks_and_kernels(ledger: &Ledger) {
    for ((layers, theta), samples) in networks().into_iter().zip([3, 1, 50]) {
        let (net, params, outputs) = (Mlp::new(&layers, &theta).unwrap(), theta.len(), 2);
        let (x, x2) = (noise(3 * samples, 5), noise(3 * 49, 6));
        let (x, x2) = (mat(&x, 3, samples), mat(&x2, 3, 49));
        ledger.scratch("network::tape::forward_scratch", forward_scratch(&layers, samples), |s| {
            let mut f = vec![0.0; outputs * samples];
            network::forward(&net, x, mat_mut(&mut f, outputs, samples), s)
        });
        for order in [Order::Value, Order::First, Order::Second] {
            let needed = network::tape_len(&layers, samples, order);
            ledger.scratch("network::tape::tape_len", needed, |s| {
                network::Tape::record(&net, x, order, s).map(|_| ())
            });
        }
        for directions in [Directions::Each, Directions::Pseudo, Directions::Output(1)] {
            let needed = ntk::tape_len(&layers, directions, samples);
            ledger.scratch("ntk::tape::tape_len", needed, |s| {
                ntk::Tape::record(&net, directions, x, s).map(|_| ())
            });
        }
        let each = Directions::Each;
        let mut storage = vec![0.0; ntk::tape_len(&layers, each, samples)];
        let mut storage2 = vec![0.0; ntk::tape_len(&layers, each, 49)];
        let tape = ntk::Tape::record(&net, each, x, &mut storage).unwrap();
        let tape2 = ntk::Tape::record(&net, each, x2, &mut storage2).unwrap();
        // Where there is no hidden layer nothing is multiplied, and no scratch is looked at.
        if layers.len() > 1 {
            let needed = ntk::tile_scratch(samples, 49);
            ledger.scratch("ntk::tile::tile_scratch", needed, |s| {
                let (trace, total) = (Pairing::Trace, Component::Total);
                let mut k = vec![0.0; samples * 49];
                ntk::tile(&net, (&tape, &tape2), trace, total, mat_mut(&mut k, samples, 49), s)
            });
            let needed = ntk::tile_scratch(samples, samples);
            ledger.scratch("ntk::tile::tile_scratch", needed, |s| {
                let mut k = vec![0.0; samples * samples];
                let k = mat_mut(&mut k, samples, samples);
                ntk::square_tile(&net, &tape, Component::Total, k, s)
            });
        }
        ledger.scratch("ntk::scratch", ntk::scratch(&layers, samples), |s| {
            let mut k = vec![0.0; samples * samples];
            ntk::kernel(&net, x, mat_mut(&mut k, samples, samples), s)
        });
        let needed = ntk::between_scratch(&layers, samples, 49);
        ledger.scratch("ntk::between_scratch", needed, |s| {
            let mut k = vec![0.0; samples * 49];
            ntk::kernel_between(&net, (x, x2), mat_mut(&mut k, samples, 49), s)
        });
        let needed = ntk::jacobian_scratch(&layers, samples);
        ledger.scratch("ntk::jacobian::jacobian_scratch", needed, |s| {
            let mut j = vec![0.0; params * outputs * samples];
            ntk::jacobian(&net, x, mat_mut(&mut j, params, outputs * samples), s)
        });
        let needed = ntk::params_gram_scratch(&layers);
        assert_eq!(ntk::params_gram_chunk(&layers, 1), needed);
        // One value fewer than for two samples still does for one.
        assert!(ntk::params_gram_chunk(&layers, 2) > needed);
        for name in ["ntk::jacobian::params_gram_scratch", "ntk::jacobian::params_gram_chunk"] {
            ledger.scratch(name, needed, |s| {
                let mut gram = vec![0.0; params * params];
                ntk::params_gram(&net, x, mat_mut(&mut gram, params, params), s)
            });
        }
    }
}

fn kronecker_algebra(ledger: &Ledger) {
    for ((m, n), (k, l)) in [((2, 3), (4, 5)), ((3, 2), (1, 4)), ((4, 4), (2, 2))] {
        let (a, b) = (noise(m * n, 7), noise(k * l, 8));
        let kron = Kron::new(mat(&a, m, n), mat(&b, k, l));
        let x = noise(m * k * n * l, 9);
        let needed = kron::apply_scratch((m, n), (k, l));
        ledger.scratch("kron::apply::apply_scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..n * l], n * l, 1), vec![0.0; m * k]);
            kron.apply(x, mat_mut(&mut y, m * k, 1), s)
        });
        ledger.scratch("kron::apply::apply_scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..m * k], m * k, 1), vec![0.0; n * l]);
            kron.apply_transpose(x, mat_mut(&mut y, n * l, 1), s)
        });
        ledger.scratch("kron::apply::apply_scratch", needed, |s| {
            let mut y = vec![0.0; m * k];
            let (x, y) = (mat(&x[..n * l], n, l), mat_mut(&mut y, m, k));
            kron.apply_matrix(kron::Order::RowMajor, x, y, s)
        });
        let terms = [kron, kron];
        ledger.scratch("kron::sum::scratch", sum::scratch(&terms), |s| {
            let (x, mut y) = (mat(&x[..n * l], n * l, 1), vec![0.0; m * k]);
            sum::apply(&terms, false, x, mat_mut(&mut y, m * k, 1), s)
        });
        let needed = product::scratch(&[(m, n), (k, l)]);
        let factors = [kron.left, kron.right];
        ledger.scratch("kron::product::scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..n * l], n * l, 1), vec![0.0; m * k]);
            product::apply(&factors, x, mat_mut(&mut y, m * k, 1), s)
        });
        ledger.scratch("kron::product::scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..m * k], m * k, 1), vec![0.0; n * l]);
            product::apply_transpose(&factors, x, mat_mut(&mut y, n * l, 1), s)
        });
        ledger.scratch("kron::nearest::nearest_scratch", kron::nearest_scratch((k, l)), |s| {
            let (mut left, mut right) = (vec![0.0; m * n], vec![0.0; k * l]);
            let (left, right) = (mat_mut(&mut left, m, n), mat_mut(&mut right, k, l));
            kron::nearest(mat(&x, m * k, n * l), &[], left, right, s).map(|_| ())
        });
    }
    for (m, k) in [(3, 2), (2, 3), (35, 2), (1, 34)] {
        let (a, b) = (positive(m, 10), positive(k, 11));
        let kron = Kron::new(mat(&a, m, m), mat(&b, k, k));
        let needed = info::log_determinant_scratch(m, k);
        ledger.scratch("kron::info::log_determinant_scratch", needed, |s| {
            kron.log_determinant(&mut vec![0; m.max(k)], s).map(|_| ())
        });
        ledger.scratch(
            "kron::nearest::project_positive_scratch",
            kron::project_positive_scratch(m),
            |s| kron::project_positive(mat_mut(&mut a.clone(), m, m), s),
        );
        ledger.scratch("kron::solve::memory", solve::memory(m, k), |s| {
            KronLdlt::new(kron, s).map(|_| ())
        });
        ledger.scratch("kron::solve::memory", solve::memory(m, k), |s| {
            KronLu::new(kron, &mut vec![0; solve::pivots(m, k)], s).map(|_| ())
        });
        ledger.hold("kron::solve::pivots", solve::pivots(m, k), 0_usize, |pivots| {
            KronLu::new(kron, pivots, &mut vec![0.0; solve::memory(m, k)]).map(|_| ())
        });
        let mut scratch = vec![0.0; damped::new_scratch(m, k)];
        ledger.scratch("kron::damped::memory", damped::memory(m, k), |s| {
            Damped::new(kron, s, &mut scratch).map(|_| ())
        });
        let mut memory = vec![0.0; damped::memory(m, k)];
        ledger.scratch("kron::damped::new_scratch", damped::new_scratch(m, k), |s| {
            Damped::new(kron, &mut memory, s).map(|_| ())
        });
        let damped = Damped::new(kron, &mut memory, &mut scratch).unwrap();
        let x = noise(m * k, 12);
        ledger.scratch("kron::damped::power_scratch", damped::power_scratch(m, k), |s| {
            let mut y = vec![0.0; m * k];
            damped.solve(1.0, 0.1, mat(&x, m * k, 1), mat_mut(&mut y, m * k, 1), s)
        });
        let shape = FitShape { terms: 2, left: m, right: k, sketches: 3 };
        ledger.scratch("kron::fit::memory", shape.memory(), |s| {
            SketchFit::new(shape, Adam::default(), 1, s).map(|_| ())
        });
        ledger.scratch("kron::fit::scratch", shape.scratch(), |s| {
            let mut memory = vec![0.0; shape.memory()];
            let mut fit = SketchFit::new(shape, Adam::default(), 1, &mut memory).unwrap();
            fit.step(&Target::Sum(&[kron]), s).map(|_| ())
        });
    }
}

fn curvature_blocks(ledger: &Ledger) {
    for (n, m) in [(1, 1), (5, 3), (2, 35)] {
        let (a, g) = (positive(n, 13), positive(m, 14));
        let (a, g) = (mat(&a, n, n), mat(&g, m, m));
        let block = Kronecker::new(a, g).unwrap();
        let split = block.split(0.1, Damping::Pi).unwrap();
        let v = noise(n * m, 15);
        ledger.scratch("kfac::kronecker::apply_scratch", kfac::apply_scratch(n, m), |s| {
            block.apply(split, mat_mut(&mut v.clone(), n, m), s)
        });
        ledger.scratch("kfac::kronecker::apply_scratch", kfac::apply_scratch(n, m), |s| {
            block.apply_exact(0.1, mat_mut(&mut v.clone(), n, m), s)
        });
        ledger.scratch("kfac::kronecker::solve_scratch", kfac::solve_scratch(n, m), |s| {
            block.solve(split, mat_mut(&mut v.clone(), n, m), s)
        });
        ledger.scratch("kfac::kronecker::root_scratch", kfac::root_scratch(n, m), |s| {
            block.root(Root::Plain, split, mat_mut(&mut v.clone(), n, m), s)
        });
        ledger.scratch("kfac::kronecker::factored_len", kfac::factored_len(n, m), |s| {
            block.factor(split, s).map(|_| ())
        });
        ledger.scratch("kfac::eigen::exact_scratch", kfac::exact_scratch(n, m), |s| {
            block.solve_exact(0.1, mat_mut(&mut v.clone(), n, m), s)
        });
        let mut scratch = vec![0.0; kfac::eigen_scratch(n, m)];
        ledger.scratch("kfac::eigen::eigen_len", kfac::eigen_len(n, m), |s| {
            block.eigen(s, &mut scratch).map(|_| ())
        });
        let mut storage = vec![0.0; kfac::eigen_len(n, m)];
        ledger.scratch("kfac::eigen::eigen_scratch", kfac::eigen_scratch(n, m), |s| {
            block.eigen(&mut storage, s).map(|_| ())
        });
        let full = Full::new(a).unwrap();
        for columns in [1, 4] {
            let v = noise(n * columns, 16);
            let needed = kfac::full_apply_scratch(n, columns);
            ledger.scratch("kfac::full::full_apply_scratch", needed, |s| {
                full.apply(0.1, mat_mut(&mut v.clone(), n, columns), s)
            });
            ledger.scratch("kfac::full::full_solve_scratch", kfac::full_solve_scratch(n), |s| {
                full.solve(0.1, mat_mut(&mut v.clone(), n, columns), s)
            });
            let needed = kfac::full_power_scratch(n, columns);
            ledger.scratch("kfac::full::full_power_scratch", needed, |s| {
                full.power(0.5, 0.1, mat_mut(&mut v.clone(), n, columns), s)
            });
        }
        let (x, z) = (noise(n * 4, 17), noise(m * 4, 18));
        let (x, z, scale) = (mat(&x, n, 4), mat(&z, m, 4), Scale::STANDARD);
        for bias in [false, true] {
            let needed = kfac::full_factor_scratch(n, m, bias);
            let p = (n + usize::from(bias)) * m;
            ledger.scratch("kfac::full::full_factor_scratch", needed, |s| {
                let mut f = vec![0.0; p * p];
                kfac::full_factor(x, z, scale, bias, 0.0, 1.0, mat_mut(&mut f, p, p), s)
            });
        }
        let needed = kfac::diagonal_factor_scratch(n, m, 4);
        ledger.scratch("kfac::diagonal::diagonal_factor_scratch", needed, |s| {
            let (mut weights, mut bias) = (vec![0.0; n * m], vec![0.0; m]);
            let weights = mat_mut(&mut weights, n, m);
            kfac::diagonal_factor(x, z, scale, 0.0, 1.0, weights, &mut bias, s)
        });
        // A sequence whose next step is a tenth of this one.
        let tenth = |a: Mat<'_, f64>| a.data().iter().map(|v| 0.1 * v).collect::<Vec<_>>();
        let (a1, g1) = (tenth(a), tenth(g));
        let series = Series::new((a, mat(&a1, n, n)), (g, mat(&g1, m, m)), 5).unwrap();
        let split = series.split(0.1).unwrap();
        for option in [SeriesOption::One, SeriesOption::Two] {
            ledger.scratch("kfac::series::series_scratch", kfac::series_scratch(n, m), |s| {
                series.solve(option, 0.1, mat_mut(&mut v.clone(), n, m), s)
            });
            let mut scratch = vec![0.0; kfac::series_factor_scratch(n, m)];
            ledger.scratch("kfac::series::series_len", kfac::series_len(n, m), |s| {
                series.factor(option, split, s, &mut scratch).map(|_| ())
            });
            let mut storage = vec![0.0; kfac::series_len(n, m)];
            let needed = kfac::series_factor_scratch(n, m);
            ledger.scratch("kfac::series::series_factor_scratch", needed, |s| {
                series.factor(option, split, &mut storage, s).map(|_| ())
            });
            let factored = series.factor(option, split, &mut storage, &mut scratch).unwrap();
            let needed = kfac::series_solve_scratch(n, m);
            ledger.scratch("kfac::series::series_solve_scratch", needed, |s| {
                factored.solve(mat_mut(&mut v.clone(), n, m), s)
            });
        }
    }
}

fn factors_of_networks(ledger: &Ledger) {
    for (layers, theta) in networks() {
        let net = Mlp::new(&layers, &theta).unwrap();
        let (samples, loss) = (4, Loss::Mse);
        let (x, y) = (noise(3 * samples, 19), noise(2 * samples, 20));
        let (x, targets) = (mat(&x, 3, samples), Targets::Values(mat(&y, 2, samples)));
        let weights = Weights { keep: 0.0, ..Weights::batch(loss, Reduction::Mean, samples, 2) };
        let empirical = || Fisher::Empirical;
        let mut factors = vec![0.0; kfac::factors_len(&layers)];
        let needed = kfac::accumulate_scratch(&layers, samples);
        ledger.scratch("kfac::statistics::accumulate_scratch", needed, |s| {
            kfac::accumulate(&net, x, targets, loss, empirical(), weights, &mut factors, s)
        });
        ledger.scratch("kfac::statistics::accumulate_scratch", needed, |s| {
            let mut gradient = vec![0.0; theta.len()];
            kfac::gradient(&net, x, targets, loss, 1.0, &mut gradient, s).map(|_| ())
        });
        let mut scratch = vec![0.0; needed];
        ledger.hold("kfac::factors::factors_len", kfac::factors_len(&layers), 0.0, |f| {
            kfac::accumulate(&net, x, targets, loss, empirical(), weights, f, &mut scratch)
        });
        let needed = kfac::accumulate_diagonal_scratch(&layers, samples);
        ledger.scratch("kfac::diagonal::accumulate_diagonal_scratch", needed, |s| {
            let mut d = vec![0.0; theta.len()];
            kfac::accumulate_diagonal(&net, x, targets, loss, empirical(), weights, &mut d, s)
        });
        for bias in [Bias::Joint, Bias::Separate] {
            let factors = Factors::new(&layers, &factors).unwrap().with_bias(bias);
            let v = noise(theta.len(), 21);
            let needed = kfac::factors_apply_scratch(&layers);
            ledger.scratch("kfac::factors::factors_apply_scratch", needed, |s| {
                factors.apply(&mut v.clone(), s)
            });
            let needed = kfac::preconditioner_len(&layers);
            ledger.scratch("kfac::preconditioner::preconditioner_len", needed, |s| {
                factors.preconditioner(0.1, Damping::Pi, s).map(|_| ())
            });
            let mut storage = vec![0.0; needed];
            let ready = factors.preconditioner(0.1, Damping::Pi, &mut storage).unwrap();
            let needed = kfac::precondition_scratch(&layers);
            ledger.scratch("kfac::preconditioner::precondition_scratch", needed, |s| {
                ready.precondition(&mut v.clone(), s)
            });
            let needed = kfac::eigenfactors_len(&layers, bias);
            let mut scratch = vec![0.0; kfac::eigenfactors_scratch(&layers)];
            ledger.scratch("kfac::preconditioner::eigenfactors_len", needed, |s| {
                factors.eigen(s, &mut scratch).map(|_| ())
            });
            let mut storage = vec![0.0; needed];
            let needed = kfac::eigenfactors_scratch(&layers);
            ledger.scratch("kfac::preconditioner::eigenfactors_scratch", needed, |s| {
                factors.eigen(&mut storage, s).map(|_| ())
            });
            let eigen = factors.eigen(&mut storage, &mut scratch).unwrap();
            ledger.scratch("kfac::preconditioner::eigenfactors_scratch", needed, |s| {
                eigen.solve(0.1, &mut v.clone(), s)
            });
            let needed = kfac::ekfac_bases_scratch(&layers);
            let mut state = vec![0.0; kfac::ekfac_len(&layers, bias)];
            ledger.scratch("kfac::ekfac::ekfac_bases_scratch", needed, |s| {
                kfac::ekfac_bases(&factors, &mut state, s)
            });
            let mut scratch = vec![0.0; needed];
            ledger.scratch("kfac::ekfac::ekfac_len", kfac::ekfac_len(&layers, bias), |s| {
                kfac::ekfac_bases(&factors, s, &mut scratch)
            });
            let needed = kfac::ekfac_correct_scratch(&layers, samples);
            ledger.scratch("kfac::ekfac::ekfac_correct_scratch", needed, |s| {
                let (fisher, state) = (empirical(), &mut state);
                kfac::ekfac_correct(&net, x, targets, loss, fisher, weights, bias, state, s)
            });
            let ekfac = Ekfac::new(&layers, bias, &state).unwrap();
            ledger.scratch("kfac::ekfac::ekfac_scratch", kfac::ekfac_scratch(&layers), |s| {
                ekfac.solve(0.1, &mut v.clone(), s)
            });
        }
    }
}

fn natural_gradients(ledger: &Ledger) {
    for (layers, theta) in networks() {
        let net = Mlp::new(&layers, &theta).unwrap();
        let (x, y) = (noise(3 * 4, 42), noise(2 * 4, 43));
        let (x, targets) = (mat(&x, 3, 4), Targets::Values(mat(&y, 2, 4)));
        let needed = kfac::natural_gradient_scratch(&layers, 4);
        ledger.scratch("kfac::step::natural_gradient_scratch", needed, |s| {
            let (of, by) = ((Loss::Mse, Reduction::Mean), (0.1, Damping::Pi));
            kfac::natural_gradient(&net, x, targets, of, by, &mut vec![0.0; theta.len()], s)
                .map(|_| ())
        });
        optimizer::<kfac::Factored>(ledger, (&layers, &theta), x, targets);
        optimizer::<kfac::Exact>(ledger, (&layers, &theta), x, targets);
        optimizer::<kfac::Corrected>(ledger, (&layers, &theta), x, targets);
        ledger.hold("kfac::adam::adam_len", kfac::adam_len(theta.len()), 0.0, |s| {
            kfac::Adam::new(0.1, s).step(&mut theta.clone(), &theta)
        });
    }
}

fn optimizer<R: kfac::Representation>(
    ledger: &Ledger,
    (layers, theta): (&[Layer], &[f64]),
    x: Mat<'_, f64>,
    targets: Targets<'_, f64>,
) {
    let net = network::Architecture::new(layers).unwrap();
    let settings = kfac::Settings::standard(Loss::Mse);
    let progress = || kfac::Progress::start(1.0, settings.decay);
    let len = kfac::optimizer_len(layers, R::INVERSE);
    let mut scratch = vec![f64::NAN; kfac::optimizer_scratch(layers, R::INVERSE, 4)];
    let run = |state: &mut [f64], scratch: &mut [f64]| {
        let (mut theta, fisher) = (theta.to_vec(), || Fisher::TypeTwo);
        let mut optimizer = kfac::Optimizer::<_, R>::new(layers, settings, progress(), state)?;
        // The second step has an update before it.
        optimizer.step(&net, &mut theta, x, targets, fisher(), scratch)?;
        optimizer.step(&net, &mut theta, x, targets, fisher(), scratch).map(|_| ())
    };
    ledger.hold("kfac::optimizer::optimizer_len", len, 0.0, |state| run(state, &mut scratch));
    let needed = kfac::optimizer_scratch(layers, R::INVERSE, 4);
    ledger.scratch("kfac::optimizer::optimizer_scratch", needed, |scratch| {
        run(&mut vec![0.0; len], scratch)
    });
}

fn curvature_operators(ledger: &Ledger) {
    for (layers, theta) in networks() {
        let net = Mlp::new(&layers, &theta).unwrap();
        let params = theta.len();
        let (x, y) = (noise(3 * 6, 22), noise(2 * 6, 23));
        let batches = [Batch::values(mat(&x, 3, 6), mat(&y, 2, 6))];
        let inputs = [mat(&x, 3, 6)];
        for tile in [4, 6] {
            let risk =
                Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap().with_tile(tile);
            let needed = curvature::gradient_scratch(&layers, tile);
            ledger.scratch("curvature::gradient::gradient_scratch", needed, |s| {
                curvature::gradient(&risk, &mut vec![0.0; params], s).map(|_| ())
            });
            let v = noise(params, 24);
            let product = |operator: &dyn LinearOperator<f64>, s: &mut [f64]| {
                operator.apply(&v, &mut vec![0.0; params], s)
            };
            let (hessian, ggn) = (Hessian::new(risk), Ggn::new(risk));
            let needed = curvature::hessian_scratch(&layers, tile);
            for name in
                ["curvature::hessian::hessian_scratch", "curvature::product::product_scratch"]
            {
                ledger.scratch(name, needed, |s| product(&hessian, s));
            }
            let needed = curvature::ggn_scratch(&layers, tile);
            ledger.scratch("curvature::hessian::ggn_scratch", needed, |s| product(&ggn, s));
            let fisher = EmpiricalFisher::new(risk);
            ledger.scratch("curvature::hessian::ggn_scratch", needed, |s| product(&fisher, s));
            let gradient = Gradient::new(risk);
            let jacobian = Jacobian::new(net, &inputs).unwrap().with_tile(tile);
            let needed = curvature::jacobian_scratch(&layers, tile);
            ledger.scratch("curvature::jacobian::jacobian_scratch", needed, |s| {
                jacobian.apply(&v, &mut vec![0.0; jacobian.rows()], s)
            });
            ledger.scratch("curvature::jacobian::jacobian_scratch", needed, |s| {
                jacobian.apply_transpose(&noise(jacobian.rows(), 25), &mut vec![0.0; params], s)
            });
            // What each operator says of itself.
            for operator in [&hessian as &dyn LinearOperator<f64>, &ggn, &gradient, &jacobian] {
                let (rows, cols) = (operator.rows(), operator.cols());
                ledger.scratch("LinearOperator::scratch", operator.scratch(), |s| {
                    operator.apply(&noise(cols, 26), &mut vec![0.0; rows], s)?;
                    operator.apply_transpose(&noise(rows, 27), &mut vec![0.0; cols], s)
                });
            }
            let needed = to_dense_scratch(params, ggn.scratch());
            ledger.scratch("curvature::operator::to_dense_scratch", needed, |s| {
                let mut out = vec![0.0; params * params];
                to_dense(&ggn, mat_mut(&mut out, params, params), s)
            });
            let needed = structured::dense_scratch(&layers, tile, true);
            ledger.scratch("curvature::structured::dense_scratch", needed, |s| {
                let mut out = vec![0.0; params * params];
                structured::dense(&hessian, mat_mut(&mut out, params, params), s)
            });
            let needed = structured::dense_scratch(&layers, tile, false);
            ledger.scratch("curvature::structured::dense_scratch", needed, |s| {
                let (weight, n) = (Tensor::Weight(0), layers[0].inputs * layers[0].outputs);
                let mut out = vec![0.0; n * n];
                structured::block(&ggn, weight, weight, mat_mut(&mut out, n, n), s)
            });
            let needed = curvature::submatrix_scratch(&layers, tile, true);
            ledger.scratch("curvature::entries::submatrix_scratch", needed, |s| {
                let out = &mut [0.0; 6];
                curvature::submatrix(&hessian, &[0, 2, 4], &[1, 3], mat_mut(out, 3, 2), s)
            });
            let point = || TilePoint::tiles(&risk, Curvature::Hessian).next().unwrap();
            let needed = structured::tile_scratch(&layers, tile, true);
            ledger.scratch("curvature::tile_point::tile_scratch", needed, |s| {
                point().record(s).map(|_| ())
            });
            let mut storage = vec![0.0; needed];
            let point = point().record(&mut storage).unwrap();
            let needed = structured::unit_scratch(&layers, tile, true);
            let first = layers[0];
            ledger.scratch("curvature::tile_point::unit_scratch", needed, |s| {
                let mut weights = vec![0.0; params * first.inputs];
                let mut bias = vec![0.0; if first.bias { params } else { 0 }];
                let weights = mat_mut(&mut weights, params, first.inputs);
                point.unit(Unit { layer: 0, output: 0 }, true, weights, &mut bias, s)
            });
        }
    }
}

fn solvers_and_estimators(ledger: &Ledger) {
    let (layers, theta) = networks().swap_remove(1);
    let net = Mlp::new(&layers, &theta).unwrap();
    let (x, y) = (noise(3 * 6, 38), noise(2 * 6, 39));
    let (inputs, n) = ([mat(&x, 3, 6)], theta.len());
    let batches = [Batch::values(mat(&x, 3, 6), mat(&y, 2, 6))];
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let a = curvature::Damped::new(Ggn::new(risk), 0.1).unwrap();
    let jacobian = Jacobian::new(net, &inputs).unwrap();
    // A preconditioner that needs scratch too.
    let rough = curvature::Damped::new(a, 1.0).unwrap();
    let (own, rough_own, b) = (a.scratch(), rough.scratch(), noise(n, 40));
    let until = Until { tolerance: 1e-8, iterations: 5 };
    let probe = Probe::Rademacher;

    ledger.scratch("curvature::cg::cg_scratch", curvature::cg_scratch(n, own, rough_own), |s| {
        curvature::cg(&a, &rough, &b, &mut vec![0.0; n], until, s).map(|_| ())
    });
    // The typed front's own: the same solvers on the Hessian of one batch.
    let (hessian, one) = (Hessian::new(risk), curvature::Identity { size: n });
    ledger.scratch(
        "fixed::curvature::solvers::solve_scratch",
        nanocurv::fixed::curvature::solve_scratch(&layers, 6),
        |s| {
            let damped = curvature::Damped::new(hessian, 0.1)?;
            curvature::cg(&damped, &one, &b, &mut vec![0.0; n], until, s).map(|_| ())
        },
    );
    ledger.scratch(
        "fixed::curvature::estimators::trace_scratch",
        nanocurv::fixed::curvature::trace_scratch(&layers, 6),
        |s| curvature::hutchinson_trace(&hessian, probe, 4, 1, s).map(|_| ()),
    );
    let needed = curvature::neumann_scratch(n, own, rough_own);
    ledger.scratch("curvature::neumann::neumann_scratch", needed, |s| {
        curvature::neumann(&a, &rough, 0.01, &b, &mut vec![0.0; n], until, s).map(|_| ())
    });
    let (rows, of_jacobian) = (jacobian.rows(), jacobian.scratch());
    let needed = curvature::lsmr_scratch(rows, n, of_jacobian);
    ledger.scratch("curvature::lsmr::lsmr_scratch", needed, |s| {
        let b = noise(rows, 41);
        curvature::lsmr(&jacobian, &b, 0.1, &mut vec![0.0; n], until, s).map(|_| ())
    });
    let needed = curvature::spectrum_scratch(n, 7, own);
    ledger.scratch("curvature::lanczos::spectrum_scratch", needed, |s| {
        let (mut nodes, mut weights) = (vec![0.0; 14], vec![0.0; 14]);
        let out = (&mut nodes[..], &mut weights[..]);
        curvature::spectrum(&a, probe, (2, 7), 1, out, s).map(|_| ())
    });
    let needed = curvature::eigenpairs_scratch(n, 9, own);
    ledger.scratch("curvature::eigenpairs::eigenpairs_scratch", needed, |s| {
        let (mut values, mut vectors) = (vec![0.0; 2], vec![0.0; 2 * n]);
        let (leading, vectors) = (Leading::Largest, mat_mut(&mut vectors, n, 2));
        curvature::eigenpairs(&a, leading, 9, 1, until, &mut values, vectors, s).map(|_| ())
    });
    let needed = curvature::hutchinson_scratch(n, n, own);
    ledger.scratch("curvature::trace::hutchinson_scratch", needed, |s| {
        curvature::hutchinson_trace(&a, probe, 4, 1, s).map(|_| ())
    });
    let needed = curvature::hutchinson_scratch(rows, n, of_jacobian);
    ledger.scratch("curvature::trace::hutchinson_scratch", needed, |s| {
        curvature::frobenius_squared(&jacobian, probe, 4, 1, s).map(|_| ())
    });
    let needed = curvature::hutchpp_scratch(n, 9, own);
    ledger.scratch("curvature::trace::hutchpp_scratch", needed, |s| {
        curvature::hutchpp_trace(&a, probe, 9, 1, s).map(|_| ())
    });
    let needed = curvature::xtrace_scratch(n, 8, own);
    ledger.scratch("curvature::trace::xtrace_scratch", needed, |s| {
        curvature::xtrace(&a, probe, 8, 1, s).map(|_| ())
    });
    let needed = curvature::diagonal_scratch(n, own);
    ledger.scratch("curvature::trace::diagonal_scratch", needed, |s| {
        let (mut diagonal, mut error) = (vec![0.0; n], vec![0.0; n]);
        curvature::hutchinson_diagonal(&a, 4, 1, &mut diagonal, &mut error, s).map(|_| ())
    });
}

mlp! { Student: 3 => 4 identity => 1, no bias }

fn training_dynamics(ledger: &Ledger) {
    let rates = Rates::same(1e-3);
    let needed = reduction::reduce_network_scratch(3, 4);
    ledger.scratch("dynamics::reduction::reduce_network_scratch", needed, |s| {
        let (x, y) = (SMatrix::<f64, 3, 5>::identity(), SVector::<f64, 5>::repeat(1.0));
        nanocurv::fixed::dynamics::reduce_network(
            Student,
            &x,
            &y,
            rates,
            3,
            &mut [0.1; Student::PARAMS],
            s,
        )
    });
    for (d, n, h) in [(1, 4, 2), (3, 5, 4), (5, 3, 2), (34, 36, 3)] {
        let (x, y) = (noise(d * n, 28), noise(n, 29));
        let x = mat(&x, d, n);
        ledger.scratch("dynamics::reduction::reduce_scratch", reduction::reduce_scratch(d), |s| {
            let (gram, b) = (positive(d, 30), noise(d, 31));
            let (mut z, mut u) = (vec![0.1; d], 0.1);
            reduction::reduce(mat(&gram, d, d), &b, rates, 3, &mut z, &mut u, s)
        });
        ledger.scratch("dynamics::optimum::w_min_scratch", optimum::w_min_scratch(d, n), |s| {
            optimum::w_min(x, &y, &mut vec![0.0; d], s)
        });
        let theta = noise(train::two_layer_params(d, h), 32);
        let needed = train::two_layer_scratch(d, h);
        ledger.scratch("dynamics::train::two_layer_scratch", needed, |s| {
            train::TwoLayer::new(&theta, d, h, s)?.train(x, &y, rates, 2)
        });
        let needed = flow::integrate_scratch(d);
        ledger.scratch("dynamics::flow::integrate_scratch", needed, |s| {
            let (lambda, beta, epsilon) = (vec![1.0; d], noise(d, 33), noise(d, 34));
            let modes = Modes::new(&lambda, &beta, &epsilon)?;
            flow::integrate(modes, rates, 1e-2, 3, &mut 0.1, &mut vec![0.1; d], s)
        });
        let theta = noise(h * d + h, 35);
        let needed = spectrum::two_layer_grams_scratch(n, h);
        ledger.scratch("dynamics::spectrum::two_layer_grams_scratch", needed, |s| {
            let (mut k1, mut k2) = (vec![0.0; n * n], vec![0.0; n * n]);
            let (k1, k2) = (mat_mut(&mut k1, n, n), mat_mut(&mut k2, n, n));
            spectrum::two_layer_grams(x, &theta, h, k1, k2, s)
        });
        let needed = spectrum::two_layer_spectrum_scratch(n, h);
        ledger.scratch("dynamics::spectrum::two_layer_spectrum_scratch", needed, |s| {
            let (mut values, mut shares) = (vec![0.0; n], vec![0.0; 2 * n]);
            let shares = mat_mut(&mut shares, 2, n);
            spectrum::two_layer_spectrum(x, &theta, h, &mut values, shares, s).map(|_| ())
        });
        let needed = spectrum::jacobian_spectrum_scratch(n);
        ledger.scratch("dynamics::spectrum::jacobian_spectrum_scratch", needed, |s| {
            let (gram, mut values, mut shares) = (positive(n, 37), vec![0.0; n], vec![0.0; n]);
            let (gram, shares) = ([mat(&gram, n, n)], mat_mut(&mut shares, 1, n));
            spectrum::jacobian_spectrum(&gram, &mut values, shares, s).map(|_| ())
        });
        let teacher = Teacher {
            modulation: Some(Modulation { kappa: 0.5, ones: None, continuous: false, zeros: 0 }),
            decoupled: true,
            ..Teacher::default()
        };
        let mut map = vec![0.0; d * d];
        ledger.scratch("dynamics::teacher::teacher_scratch", teacher_scratch(d), |s| {
            teacher.fit(x, mat_mut(&mut map, d, d), &mut vec![0.0; d], s)
        });
        ledger.scratch("dynamics::teacher::teacher_scratch", teacher_scratch(d), |s| {
            let (mut x, mut y) = (vec![0.0; d * n], vec![0.0; n]);
            let (x, map) = (mat_mut(&mut x, d, n), mat(&map, d, d));
            teacher.sample_test(&mut Rng::seed(1), &vec![1.0; d], map, x, &mut y, s)
        });
    }
}

/// `module::function` of every public function of the core that says how many values to place.
fn declared() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let (mut folders, mut files) = (vec![source.clone()], Vec::<PathBuf>::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let mut names = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&source).unwrap().with_extension("");
        let parts = relative.iter().map(|part| part.to_str().unwrap());
        let module: Vec<&str> = parts.filter(|part| *part != "mod").collect();
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let line = line.trim_start();
            let function =
                line.strip_prefix("pub const fn ").or_else(|| line.strip_prefix("pub fn "));
            let Some(end) = function.and_then(|f| f.find(['(', '<'])) else { continue };
            let name = &function.unwrap()[..end];
            let ending = name.rsplit('_').next().unwrap();
            if ["scratch", "len", "memory", "pivots", "chunk"].contains(&ending) {
                names.push(format!("{}::{name}", module.join("::")));
            }
        }
    }
    names
}

#[test]
fn every_scratch_function_says_exactly_how_many_values_are_needed() {
    let ledger = Ledger::default();
    linear_algebra(&ledger);
    networks_and_kernels(&ledger);
    kronecker_algebra(&ledger);
    curvature_blocks(&ledger);
    factors_of_networks(&ledger);
    natural_gradients(&ledger);
    curvature_operators(&ledger);
    solvers_and_estimators(&ledger);
    training_dynamics(&ledger);

    let held = ledger.0.into_inner();
    for (name, ever) in &held {
        assert!(ever, "{name}: never needed a value, so nothing was shown");
    }
    let declared = declared();
    assert!(declared.len() > 50, "{declared:?}");
    let missing: Vec<&String> = declared.iter().filter(|name| !held.contains_key(*name)).collect();
    assert!(missing.is_empty(), "not held to the protocol: {missing:?}");
}
