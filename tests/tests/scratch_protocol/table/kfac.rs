//! Blocks of one layer, factors of a network, natural gradients, the optimiser.

use crate::{Ledger, networks, noise, positive};
use nanocurv::Mat;
use nanocurv::kfac::{
    self, Bias, Damping, Ekfac, Factors, Fisher, Full, Kronecker, Root, Series, SeriesOption,
    Weights,
};
use nanocurv::network::{self, Layer, Loss, Mlp, Reduction, Scale, Targets};
use nanocurv_tests::{mat, mat_mut};

pub fn curvature_blocks(ledger: &Ledger) {
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

pub fn factors_of_networks(ledger: &Ledger) {
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

pub fn natural_gradients(ledger: &Ledger) {
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
