//! Laws of the blocks, against dense matrices by another library.

mod series;

use super::*;
use crate::error::LinalgError;
use crate::matrix::MatMut;
use crate::scalar::Real;
use nalgebra::DMatrix;
use std::vec;
use std::vec::Vec;

fn random(rows: usize, cols: usize, seed: u64) -> DMatrix<f64> {
    let mut rng = crate::random::Rng::seed(seed);
    DMatrix::from_fn(rows, cols, |_, _| rng.normal())
}

fn positive(n: usize, seed: u64) -> DMatrix<f64> {
    let a = random(n, n + 2, seed);
    &a * a.transpose() / n as f64 + DMatrix::identity(n, n) * 0.05
}

/// A symmetric power through nalgebra's eigendecomposition.
fn matrix_power(a: &DMatrix<f64>, p: f64) -> DMatrix<f64> {
    let e = a.clone().symmetric_eigen();
    &e.eigenvectors
        * DMatrix::from_diagonal(&e.eigenvalues.map(|v| v.powf(p)))
        * e.eigenvectors.transpose()
}

/// `M vec(V)`, columns of V one after the other: the block there is `G (x) A`.
fn on(m: &DMatrix<f64>, v: &DMatrix<f64>) -> DMatrix<f64> {
    let product = m * DMatrix::from_column_slice(v.len(), 1, v.as_slice());
    DMatrix::from_column_slice(v.nrows(), v.ncols(), product.as_slice())
}

fn close(found: &DMatrix<f64>, expected: &DMatrix<f64>, tolerance: f64, label: &str) {
    let error = (found - expected).amax() / expected.amax().max(1e-300);
    assert!(error <= tolerance, "{label}: {error:e}");
}

const SHAPES: [(usize, usize); 6] = [(1, 1), (1, 4), (3, 1), (5, 3), (9, 8), (17, 8)];

#[test]
fn every_product_of_a_block_agrees_with_the_dense_matrix() {
    for (n, m) in SHAPES {
        let (a, g, v) = (positive(n, 1), positive(m, 2), random(n, m, 3));
        let renorm = 2.5;
        let block = Kronecker::new((&a).into(), (&g).into()).unwrap().with_renorm(renorm).unwrap();
        let mut scratch = vec![f64::NAN; 10_000];
        for damping in [Damping::Pi, Damping::Off, Damping::Same] {
            let split = block.split(0.3, damping).unwrap();
            let (ad, gd) = (
                &a + DMatrix::identity(n, n) * split.input,
                &g + DMatrix::identity(m, m) * split.output,
            );
            let dense = gd.kronecker(&ad) * renorm;
            let label = std::format!("{n} x {m} {damping:?}");
            let mut w = v.clone();
            block.apply(split, (&mut w).into(), &mut scratch).unwrap();
            close(&w, &on(&dense, &v), 1e-12, &label);
            w.copy_from(&v);
            block.solve(split, (&mut w).into(), &mut scratch).unwrap();
            close(&on(&dense, &w), &v, 1e-10, &label);
            let mut storage = vec![0.0; factored_len(n, m)];
            let mut w = v.clone();
            let factored = block.factor(split, &mut storage).unwrap();
            factored.solve((&mut w).into()).unwrap();
            close(&on(&dense, &w), &v, 1e-10, &label);
            assert!((factored.logdet() - dense.clone().lu().determinant().ln()).abs() < 1e-8);
            for p in [-1.0, -0.5, 0.5, 1.0, 2.0, 0.3] {
                let mut w = v.clone();
                block.power(p, Shift::Factored(split), (&mut w).into(), &mut scratch).unwrap();
                close(&w, &on(&matrix_power(&dense, p), &v), 1e-9, &label);
            }
        }
        let dense = g.kronecker(&a) * renorm + DMatrix::identity(n * m, n * m) * 0.3;
        let mut w = v.clone();
        block.apply_exact(0.3, (&mut w).into(), &mut scratch).unwrap();
        close(&w, &on(&dense, &v), 1e-12, "exact");
        for p in [-1.0, -0.5, 0.5, 1.0, 2.0] {
            let mut w = v.clone();
            block.power(p, Shift::Exact(0.3), (&mut w).into(), &mut scratch).unwrap();
            close(&w, &on(&matrix_power(&dense, p), &v), 1e-9, "exact power");
        }
    }
}

#[test]
fn the_roots_are_cholesky_factors_their_transposes_and_inverses() {
    for (n, m) in SHAPES {
        let (a, g, v) = (positive(n, 4), positive(m, 5), random(n, m, 6));
        let block = Kronecker::new((&a).into(), (&g).into()).unwrap().with_renorm(3.0).unwrap();
        let split = block.split(0.1, Damping::Pi).unwrap();
        let la = (&a + DMatrix::identity(n, n) * split.input).cholesky().unwrap().unpack();
        let lg = (&g + DMatrix::identity(m, m) * split.output).cholesky().unwrap().unpack();
        let l = lg.kronecker(&la) * 3.0_f64.sqrt();
        let inverse = l.clone().try_inverse().unwrap();
        for (root, dense) in [
            (Root::Plain, l.clone()),
            (Root::Transpose, l.transpose()),
            (Root::Inverse, inverse.clone()),
            (Root::InverseTranspose, inverse.transpose()),
        ] {
            let (mut w, mut scratch) = (v.clone(), vec![f64::NAN; root_scratch(n, m)]);
            block.root(root, split, (&mut w).into(), &mut scratch).unwrap();
            close(&w, &on(&dense, &v), 1e-11, &std::format!("{root:?} {n} x {m}"));
        }
    }
}

#[test]
fn exact_damping_solved_twice_gives_the_same_answer() {
    let (a, g, v) = (positive(4, 7), positive(3, 8), random(4, 3, 9));
    let block = Kronecker::new((&a).into(), (&g).into()).unwrap();
    let mut storage = vec![0.0; eigen_len(4, 3)];
    let eigen = block.eigen(&mut storage, &mut vec![0.0; eigen_scratch(4, 3)]).unwrap();
    let solve = || {
        let mut w = v.clone();
        eigen.solve(0.5, (&mut w).into(), &mut [0.0; 12]).unwrap();
        w
    };
    assert_eq!(solve(), solve());
}

#[test]
fn scaling_the_loss_and_the_damping_scales_the_inverse_back() {
    let (a, g, v) = (positive(4, 10), positive(3, 11), random(4, 3, 12));
    let scaled = &g * 7.0;
    let mut scratch = vec![0.0; 500];
    let mut solve = |g: &DMatrix<f64>, lambda: f64, exact: bool| {
        let block = Kronecker::new((&a).into(), g.into()).unwrap();
        let mut w = v.clone();
        if exact {
            block.solve_exact(lambda, (&mut w).into(), &mut scratch).unwrap();
        } else {
            let split = block.split(lambda, Damping::Pi).unwrap();
            block.solve(split, (&mut w).into(), &mut scratch).unwrap();
        }
        w
    };
    for exact in [true, false] {
        close(&(solve(&scaled, 0.7, exact) * 7.0), &solve(&g, 0.1, exact), 1e-12, "scaled");
    }
}

#[test]
fn single_precision_agrees_to_its_own_rounding() {
    let (a, g, v) = (positive(9, 13), positive(8, 14), random(9, 8, 15));
    let (af, gf, vf) = (a.map(|v| v as f32), g.map(|v| v as f32), v.map(|v| v as f32));
    let block = Kronecker::new((&a).into(), (&g).into()).unwrap();
    let block_f = Kronecker::new((&af).into(), (&gf).into()).unwrap();
    let (mut w, mut wf) = (v, vf);
    let split = block.split(0.1, Damping::Pi).unwrap();
    block.solve(split, (&mut w).into(), &mut [0.0; 81]).unwrap();
    let split = block_f.split(0.1, Damping::Pi).unwrap();
    block_f.solve(split, (&mut wf).into(), &mut [0.0; 81]).unwrap();
    close(&wf.map(f64::from), &w, 1e-5, "f32");
}

#[test]
fn what_is_singular_indefinite_or_not_finite_names_the_factor_and_the_pivot() {
    let (one, singular) = (DMatrix::identity(2, 2), DMatrix::from_element(2, 2, 1.0));
    let mut scratch = [0.0; 100];
    let mut v = DMatrix::from_element(2, 2, 1.0);
    let pivot = |pivot| LinalgError::NotPositive { pivot };
    let block = Kronecker::new((&singular).into(), (&one).into()).unwrap();
    let error = block.solve(Split::NONE, (&mut v).into(), &mut scratch).unwrap_err();
    assert_eq!(error, KfacError::Factor { layer: None, side: Side::Input, error: pivot(1) });
    let negative = DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, -2.0]);
    let block = Kronecker::new((&one).into(), (&negative).into()).unwrap();
    let error = block.solve(Split::NONE, (&mut v).into(), &mut scratch).unwrap_err();
    assert_eq!(error, KfacError::Factor { layer: None, side: Side::Output, error: pivot(1) });
    assert_eq!(block.split(0.1, Damping::Pi), Err(KfacError::NegativeTrace { side: Side::Output }));
    let error = block.solve_exact(0.0, (&mut v).into(), &mut scratch).unwrap_err();
    assert_eq!(error, KfacError::NotPositive { row: 0, col: 0 });
    let skew = DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.0, 1.0]);
    let error = Kronecker::new((&skew).into(), (&one).into()).unwrap().checked().unwrap_err();
    assert!(matches!(error, KfacError::Factor { error: LinalgError::NotSymmetric { .. }, .. }));
    let mut nan = one.clone();
    nan[(1, 0)] = f64::NAN;
    let block = Kronecker::new((&nan).into(), (&one).into()).unwrap();
    assert!(block.checked().is_err());
    assert!(matches!(
        block.solve(Split::NONE, (&mut v).into(), &mut scratch),
        Err(KfacError::Factor { side: Side::Input, .. })
    ));
    assert_eq!(block.with_renorm(0.0).unwrap_err(), KfacError::Renorm);
}

#[test]
fn diagonal_and_full_blocks_agree_with_their_definitions() {
    let (d, v) = ([0.5, 2.0, 0.0], [1.0, -2.0, 3.0]);
    let block = Diagonal::new(&d);
    for p in [1.0, -1.0, 0.5, -0.5, 2.0] {
        let mut w = v;
        block.power(p, 0.25, &mut w).unwrap();
        for i in 0..3 {
            assert!((w[i] - v[i] * (d[i] + 0.25_f64).powf(p)).abs() < 1e-14);
        }
    }
    assert_eq!(block.solve(0.0, &mut [1.0; 3]), Err(KfacError::NotPositive { row: 2, col: 0 }));
    let (f, v) = (positive(6, 20), random(6, 2, 21));
    let full = Full::new((&f).into()).unwrap();
    let damped = &f + DMatrix::identity(6, 6) * 0.2;
    let mut scratch = [f64::NAN; 200];
    let mut w = v.clone();
    full.apply(0.2, (&mut w).into(), &mut scratch).unwrap();
    close(&w, &(&damped * &v), 1e-13, "apply");
    full.solve(0.2, (&mut w).into(), &mut scratch).unwrap();
    close(&w, &v, 1e-12, "solve");
    for p in [-1.0, 0.5, -0.5] {
        let mut w = v.clone();
        full.power(p, 0.2, (&mut w).into(), &mut scratch).unwrap();
        close(&w, &(matrix_power(&damped, p) * &v), 1e-11, "power");
    }
}

#[test]
fn full_and_diagonal_factors_are_means_of_outer_products() {
    let (x, g) = (random(3, 5, 30), random(2, 5, 31));
    let scale = crate::network::Scale { weight: 0.7, bias: 1.3 };
    let (mut f, mut d) = (DMatrix::zeros(8, 8), [f64::NAN; 8]);
    let mut expected = DMatrix::zeros(8, 8);
    for n in 0..5 {
        let mut u = vec![];
        for o in 0..2 {
            u.extend((0..3).map(|i| 0.7 * g[(o, n)] * x[(i, n)]));
        }
        u.extend((0..2).map(|o| 1.3 * g[(o, n)]));
        let u = DMatrix::from_column_slice(8, 1, &u);
        expected += &u * u.transpose() * 0.2;
    }
    let mut scratch = [0.0; 25];
    full_factor((&x).into(), (&g).into(), scale, true, 0.0, 0.2, (&mut f).into(), &mut scratch)
        .unwrap();
    close(&f, &expected, 1e-14, "full");
    let (w, b) = d.split_at_mut(6);
    let w = MatMut::of(w, 3, 2);
    diagonal_factor((&x).into(), (&g).into(), scale, 0.0, 0.2, w, b, &mut scratch).unwrap();
    for i in 0..8 {
        assert!((d[i] - expected[(i, i)]).abs() < 1e-14);
    }
    let gradient = [1.0, -2.0];
    let mut f = [f64::NAN; 4];
    naive_full(&gradient, 4, 0.0, MatMut::of(&mut f, 2, 2)).unwrap();
    assert_eq!(f, [0.25, -0.5, -0.5, 1.0]);
    let mut d = [f64::NAN; 2];
    naive_diagonal(&gradient, 4, 0.0, &mut d).unwrap();
    assert_eq!(d, [0.25, 1.0]);
}

/// Exactly the scratch asked for is enough, one value fewer is an error.
fn protocol<T: Real>(needed: usize, mut run: impl FnMut(&mut [T]) -> Result<(), KfacError>) {
    run(&mut vec![T::ZERO; needed]).unwrap();
    if needed > 0 {
        let error = run(&mut vec![T::ZERO; needed - 1]).unwrap_err();
        assert!(matches!(error, KfacError::Scratch(_)), "{error}");
    }
}

#[test]
fn exactly_the_scratch_asked_for_is_enough() {
    for (n, m) in [(1, 1), (5, 3), (3, 5), (40, 2)] {
        let (a, g) = (positive(n, 120), positive(m, 121));
        let block = Kronecker::new((&a).into(), (&g).into()).unwrap();
        let split = block.split(0.1, Damping::Pi).unwrap();
        let v: Vec<f64> = vec![1.0; n * m];
        let mut w = v.clone();
        let mut fresh = || -> Vec<f64> {
            w.copy_from_slice(&v);
            w.clone()
        };
        protocol(apply_scratch(n, m), |s| block.apply(split, MatMut::of(&mut fresh(), n, m), s));
        protocol(solve_scratch(n, m), |s| block.solve(split, MatMut::of(&mut fresh(), n, m), s));
        protocol(root_scratch(n, m), |s| {
            block.root(Root::Plain, split, MatMut::of(&mut fresh(), n, m), s)
        });
        protocol(exact_scratch(n, m), |s| {
            block.solve_exact(0.1, MatMut::of(&mut fresh(), n, m), s)
        });
        protocol(factored_len(n, m), |s| block.factor(split, s).map(|_| ()));
        let mut storage = vec![0.0; eigen_len(n, m)];
        protocol(eigen_scratch(n, m), |s| block.eigen(&mut storage, s).map(|_| ()));
        let mut scratch = vec![0.0; eigen_scratch(n, m)];
        protocol(eigen_len(n, m), |s| block.eigen(s, &mut scratch).map(|_| ()));
        let d = series::Dynamics::new(n, m, false, 122);
        protocol(series_scratch(n, m), |s| {
            d.series(3).solve(SeriesOption::Two, 0.1, MatMut::of(&mut fresh(), n, m), s)
        });
        let full = Full::new((&a).into()).unwrap();
        let column = |v: &mut [f64]| -> Vec<f64> { v.get(..n).unwrap().to_vec() };
        protocol(full_solve_scratch(n), |s| {
            full.solve(0.1, MatMut::of(&mut column(&mut fresh()), n, 1), s)
        });
        protocol(full_apply_scratch(n, 1), |s| {
            full.apply(0.1, MatMut::of(&mut column(&mut fresh()), n, 1), s)
        });
        protocol(full_power_scratch(n, 1), |s| {
            full.power(0.5, 0.1, MatMut::of(&mut column(&mut fresh()), n, 1), s)
        });
        protocol(full_factor_scratch(n, m, true), |s| {
            let (x, g) = (random(n, 2, 1), random(m, 2, 2));
            let p = (n + 1) * m;
            let mut f = DMatrix::zeros(p, p);
            let scale = crate::network::Scale::STANDARD;
            full_factor((&x).into(), (&g).into(), scale, true, 0.0, 1.0, (&mut f).into(), s)
        });
    }
}
