//! Laws of the solvers and the estimators.

use super::*;
use crate::error::NonFiniteError;
use crate::linalg::tests::{filled, relative_difference, spd};
use crate::linalg::{dot, gemm, gemm_nt};
use crate::matrix::{Mat, MatMut};
use std::vec;
use std::vec::Vec;

const UNTIL: Until<f64> = Until { tolerance: 1e-12, iterations: 400 };

fn residual(a: &impl LinearOperator<f64>, b: &[f64], x: &[f64]) -> Vec<f64> {
    let (mut ax, mut scratch) = (vec![0.0; a.rows()], vec![0.0; a.scratch()]);
    a.apply(x, &mut ax, &mut scratch).unwrap();
    ax.iter().zip(b).map(|(ax, b)| b - ax).collect()
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

/// `Q diag(values) Q^T` with a random orthogonal Q, and Q.
fn with_spectrum(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = values.len();
    let mut q = filled(n, n);
    for j in 0..n {
        let (before, rest) = q.split_at_mut(j * n);
        let column = &mut rest[..n];
        let length = basis::orthogonalise(Mat::of(before, n, j), j, column, |_, _| {});
        basis::normalise(column, length, 0.0);
    }
    let scaled: Vec<f64> = (0..n * n).map(|e| q[e] * values[e / n]).collect();
    let mut a = vec![0.0; n * n];
    gemm_nt(1.0, Mat::of(&scaled, n, n), Mat::of(&q, n, n), 0.0, MatMut::of(&mut a, n, n)).unwrap();
    (a, q)
}

fn run_cg(
    a: &impl LinearOperator<f64>,
    m: &impl LinearOperator<f64>,
    b: &[f64],
    until: Until<f64>,
) -> (SolveInfo<f64>, Vec<f64>) {
    let needed = cg_scratch(b.len(), a.scratch(), m.scratch());
    let (mut x, mut scratch) = (vec![0.0; b.len()], vec![f64::NAN; needed]);
    assert!(cg(a, m, b, &mut x, until, &mut scratch[..needed - 1]).is_err());
    let info = cg(a, m, b, &mut x, until, &mut scratch).unwrap();
    (info, x)
}

#[test]
fn conjugate_gradients_solve_and_a_preconditioner_saves_products() {
    let values: Vec<f64> = (0..40).map(|i| 1.5_f64.powi(i % 20)).collect();
    let (matrix, _) = with_spectrum(&values);
    let a = Dense::new(Mat::of(&matrix, 40, 40)).unwrap();
    let b = filled(40, 1);
    let (plain, x) = run_cg(&a, &Identity { size: 40 }, &b, UNTIL);
    assert_eq!((plain.stop, plain.products), (Stop::Converged, plain.iterations + 1));
    assert!(norm(&residual(&a, &b, &x)) < 1e-11 * norm(&b));
    // An approximate inverse: that of a matrix nearby.
    let near: Vec<f64> = values.iter().enumerate().map(|(i, v)| 1.0 / (v + i as f64)).collect();
    let (inverse, _) = with_spectrum(&near);
    let m = Dense::new(Mat::of(&inverse, 40, 40)).unwrap();
    let (helped, x) = run_cg(&a, &m, &b, UNTIL);
    assert_eq!(helped.stop, Stop::Converged);
    assert!(norm(&residual(&a, &b, &x)) < 1e-11 * norm(&b));
    let (few, _) = run_cg(&a, &m, &b, Until { tolerance: 1e-4, ..UNTIL });
    let (many, _) = run_cg(&a, &Identity { size: 40 }, &b, Until { tolerance: 1e-4, ..UNTIL });
    assert!(few.iterations < many.iterations, "{} {}", few.iterations, many.iterations);
}

#[test]
fn conjugate_gradients_stop_with_a_reason() {
    let d = [2.0, 1.0, -1.0];
    let a = Diagonal::new(&d).unwrap();
    let identity = Identity { size: 3 };
    assert_eq!(run_cg(&a, &identity, &[0.0, 0.0, 1.0], UNTIL).0.stop, Stop::Breakdown);
    let (info, x) = run_cg(&a, &identity, &[0.0; 3], UNTIL);
    assert_eq!((info.stop, info.iterations), (Stop::Converged, 0));
    assert_eq!(x, [0.0; 3]);
    let once = Until { tolerance: 0.0, iterations: 1 };
    let good = [2.0, 1.0, 3.0];
    let good = Diagonal::new(&good).unwrap();
    assert_eq!(run_cg(&good, &identity, &[1.0; 3], once).0.stop, Stop::Iterations);
    let huge = [1e300, 1e-300, 1.0];
    let huge = Diagonal::new(&huge).unwrap();
    assert_eq!(run_cg(&huge, &identity, &[1e200, 1.0, 1.0], UNTIL).0.stop, Stop::NotFinite);
    let (mut x, mut scratch) = ([0.0; 3], [0.0; 12]);
    let error = cg(&good, &identity, &[1.0, f64::NAN, 0.0], &mut x, UNTIL, &mut scratch);
    let expected = NonFiniteError { what: "right-hand side", index: 1 };
    assert_eq!(error, Err(CurvatureError::NonFinite(expected)));
}

#[test]
fn lsmr_solves_least_squares_of_any_shape_with_and_without_damping() {
    for (rows, cols) in [(12, 7), (7, 12), (9, 9)] {
        for damping in [0.0, 0.3] {
            let (matrix, b) = (filled(rows, cols), filled(rows, 1));
            let a = Dense::new(Mat::of(&matrix, rows, cols)).unwrap();
            let needed = lsmr_scratch(rows, cols, 0);
            let (mut x, mut scratch) = (vec![0.0; cols], vec![f64::NAN; needed]);
            assert!(lsmr(&a, &b, damping, &mut x, UNTIL, &mut scratch[..needed - 1]).is_err());
            let info = lsmr(&a, &b, damping, &mut x, UNTIL, &mut scratch).unwrap();
            assert_eq!(info.stop, Stop::Converged);
            let r = residual(&a, &b, &x);
            let (mut normal, mut start) = (vec![0.0; cols], vec![0.0; cols]);
            a.apply_transpose(&r, &mut normal, &mut []).unwrap();
            a.apply_transpose(&b, &mut start, &mut []).unwrap();
            normal.iter_mut().zip(&x).for_each(|(n, x)| *n -= damping * damping * x);
            assert!(norm(&normal) < 1e-10 * norm(&start), "{rows} {cols} {damping}");
        }
    }
    // An indefinite symmetric system, where conjugate gradients break down.
    let d = [3.0, -2.0, 1.0, -0.5];
    let a = Diagonal::new(&d).unwrap();
    let (mut x, mut scratch) = ([0.0; 4], [0.0; lsmr_scratch(4, 4, 0)]);
    let info = lsmr(&a, &[1.0; 4], 0.0, &mut x, UNTIL, &mut scratch).unwrap();
    assert_eq!(info.stop, Stop::Converged);
    assert!(x.iter().zip(d).all(|(x, d)| (x * d - 1.0).abs() < 1e-10));
    let info = lsmr(&a, &[0.0; 4], 0.0, &mut x, UNTIL, &mut scratch).unwrap();
    assert_eq!((info.stop, x), (Stop::Converged, [0.0; 4]));
}

#[test]
fn the_neumann_series_converges_or_says_that_it_diverges() {
    let matrix = spd(10);
    let a = Dense::new(Mat::of(&matrix, 10, 10)).unwrap();
    let b = filled(10, 1);
    let trace: f64 = (0..10).map(|i| matrix[11 * i]).sum();
    let identity = Identity { size: 10 };
    let (mut x, mut scratch) = (vec![0.0; 10], vec![f64::NAN; neumann_scratch(10, 0, 0)]);
    let until = Until { tolerance: 1e-10, iterations: 20_000 };
    let info = neumann(&a, &identity, 1.0 / trace, &b, &mut x, until, &mut scratch).unwrap();
    assert_eq!((info.stop, info.products), (Stop::Converged, info.iterations));
    assert!(norm(&residual(&a, &b, &x)) < 1e-9 * norm(&b));
    let info = neumann(&a, &identity, 100.0, &b, &mut x, until, &mut scratch).unwrap();
    assert_eq!(info.stop, Stop::Breakdown);
    let short = scratch.len() - 1;
    assert!(neumann(&a, &identity, 1.0, &b, &mut x, until, &mut scratch[..short]).is_err());
}

fn decaying(n: usize) -> (Vec<f64>, f64) {
    let values: Vec<f64> = (0..n).map(|i| 0.7_f64.powi(i as i32)).collect();
    (with_spectrum(&values).0, values.iter().sum())
}

type Trace =
    fn(&Dense<'_, f64>, Probe, usize, u64, &mut [f64]) -> Result<Estimate<f64>, CurvatureError>;

const HUTCHINSON: Trace = |a, probe, m, seed, s| hutchinson_trace(a, probe, m, seed, s);
const HUTCHPP: Trace = |a, probe, m, seed, s| hutchpp_trace(a, probe, m, seed, s);
const XTRACE: Trace = |a, probe, m, seed, s| xtrace(a, probe, m, seed, s);

#[test]
fn traces_are_unbiased_and_know_their_error() {
    let (matrix, trace) = decaying(40);
    let a = Dense::new(Mat::of(&matrix, 40, 40)).unwrap();
    let methods: [(Trace, usize); 3] = [
        (HUTCHINSON, hutchinson_scratch(40, 40, 0)),
        (HUTCHPP, hutchpp_scratch(40, 12, 0)),
        (XTRACE, xtrace_scratch(40, 12, 0)),
    ];
    for (which, (method, needed)) in methods.into_iter().enumerate() {
        for probe in [Probe::Rademacher, Probe::Normal] {
            let mut scratch = vec![f64::NAN; needed];
            assert!(method(&a, probe, 12, 0, &mut scratch[..needed - 1]).is_err());
            let seeds = 400_u32;
            let (mut mean, mut square, mut stated) = (0.0, 0.0, 0.0);
            for seed in 0..seeds {
                let e = method(&a, probe, 12, u64::from(seed), &mut scratch).unwrap();
                assert_eq!(e.products, 12);
                mean += (e.value - trace) / f64::from(seeds);
                square += (e.value - trace).powi(2) / f64::from(seeds);
                stated += e.standard_error.powi(2) / f64::from(seeds);
            }
            // Four standard errors of the mean of 400 estimates.
            let error = (square / f64::from(seeds)).sqrt();
            assert!(mean.abs() < 4.0 * error, "{which} {probe:?}: {mean} {error}");
            // The stated errors are right within a factor (XTrace's samples are dependent).
            let ratio = (stated / square).sqrt();
            assert!((0.5..2.0).contains(&ratio), "{which} {probe:?}: {ratio}");
        }
    }
}

#[test]
fn the_better_traces_are_better_where_the_spectrum_decays_and_exact_at_low_rank() {
    let (matrix, trace) = decaying(40);
    let a = Dense::new(Mat::of(&matrix, 40, 40)).unwrap();
    let mut scratch = vec![0.0; 4000];
    let mut error = [0.0; 3];
    for seed in 0..50 {
        let methods: [Trace; 3] = [HUTCHINSON, HUTCHPP, XTRACE];
        for (error, method) in error.iter_mut().zip(methods) {
            let e = method(&a, Probe::Rademacher, 24, seed, &mut scratch).unwrap();
            *error += (e.value - trace).powi(2);
        }
    }
    // A tenth of the variance at least, as many products.
    assert!(error[1] < 0.1 * error[0] && error[2] < error[1], "{error:?}");
    let low: Vec<f64> = (0..40).map(|i| if i < 3 { 1.0 + i as f64 } else { 0.0 }).collect();
    let (matrix, _) = with_spectrum(&low);
    let a = Dense::new(Mat::of(&matrix, 40, 40)).unwrap();
    for method in [HUTCHPP, XTRACE] {
        let e = method(&a, Probe::Normal, 12, 3, &mut scratch).unwrap();
        assert!((e.value - 6.0).abs() < 1e-12, "{e:?}");
    }
}

#[test]
fn the_frobenius_norm_and_the_diagonal_are_unbiased() {
    let matrix = spd(12);
    let a = Dense::new(Mat::of(&matrix, 12, 12)).unwrap();
    let mut scratch = vec![0.0; 100];
    let square = dot(&matrix, &matrix);
    let e = frobenius_squared(&a, Probe::Normal, 4000, 1, &mut scratch).unwrap();
    assert!((e.value - square).abs() < 4.0 * e.standard_error, "{e:?} {square}");
    assert!(e.standard_error < 0.05 * square);
    let (mut d, mut error) = (vec![0.0; 12], vec![0.0; 12]);
    hutchinson_diagonal(&a, 4000, 1, &mut d, &mut error, &mut scratch).unwrap();
    for i in 0..12 {
        assert!((d[i] - matrix[13 * i]).abs() < 4.5 * error[i], "{i}");
        let off: f64 = (0..12).filter(|j| *j != i).map(|j| matrix[i + 12 * j].powi(2)).sum();
        let stated = (off / 4000.0).sqrt();
        assert!((error[i] / stated - 1.0).abs() < 0.2, "{i}");
    }
    let short = diagonal_scratch(12, 0) - 1;
    assert!(hutchinson_diagonal(&a, 2, 1, &mut d, &mut error, &mut scratch[..short]).is_err());
    let count = CurvatureError::Count { what: "products", least: 2, most: u32::MAX, found: 1 };
    assert_eq!(hutchinson_trace(&a, Probe::Normal, 1, 0, &mut scratch).map(|_| ()), Err(count));
}

#[test]
fn the_spectral_nodes_integrate_moments() {
    let n = 30;
    let values: Vec<f64> = (0..n).map(|i| -1.0 + 0.1 * i as f64).collect();
    let (matrix, _) = with_spectrum(&values);
    let a = Dense::new(Mat::of(&matrix, n, n)).unwrap();
    let (probes, steps) = (200, 6);
    let (mut nodes, mut weights) = (vec![0.0; probes * steps], vec![0.0; probes * steps]);
    let needed = spectrum_scratch(n, steps, 0);
    let mut scratch = vec![f64::NAN; needed];
    let mut run = |scratch: &mut [f64]| {
        let to = (&mut nodes[..], &mut weights[..]);
        spectrum(&a, Probe::Rademacher, (probes, steps), 4, to, scratch)
    };
    assert!(run(&mut scratch[..needed - 1]).is_err());
    let info = run(&mut scratch).unwrap();
    assert_eq!((info.stop, info.products), (Stop::Iterations, probes * steps));
    for power in 0..6 {
        let moment: f64 = nodes.iter().zip(&weights).map(|(x, w)| w * x.powi(power)).sum();
        let exact: f64 = values.iter().map(|v| v.powi(power)).sum::<f64>() / n as f64;
        // Two hundred probes of relative spread sqrt(2 / n) or less, by four.
        let size: f64 = values.iter().map(|v| v.powi(2 * power)).sum::<f64>() / n as f64;
        let allowed = 4.0 * (2.0 * size / n as f64 / probes as f64).sqrt();
        let allowed = if power == 0 { 1e-12 } else { allowed };
        assert!((moment - exact).abs() < allowed, "{power}: {moment} {exact}");
    }
    // A full Krylov space: the nodes are the eigenvalues.
    let (mut nodes, mut weights) = (vec![0.0; n], vec![0.0; n]);
    let mut scratch = vec![0.0; spectrum_scratch(n, n, 0)];
    let to = (&mut nodes[..], &mut weights[..]);
    let info = spectrum(&a, Probe::Normal, (1, n), 4, to, &mut scratch).unwrap();
    assert_eq!((info.stop, info.residual), (Stop::Converged, 0.0));
    assert!(relative_difference(&nodes, &values) < 1e-10);
    let at: Vec<f64> = (0..500).map(|i| -3.0 + 0.014 * i as f64).collect();
    let mut density = vec![0.0; 500];
    spectral_density(&nodes, &weights, 0.1, &at, &mut density).unwrap();
    let mass: f64 = density.iter().map(|d| 0.014 * d).sum();
    assert!((mass - 1.0).abs() < 1e-6 && density.iter().all(|d| *d >= 0.0));
}

#[test]
fn leading_eigenpairs_are_those_of_the_matrix() {
    let n = 60;
    let values: Vec<f64> = (0..n).map(|i| (i as f64 - 20.0) / 3.0).collect();
    let (matrix, q) = with_spectrum(&values);
    let a = Dense::new(Mat::of(&matrix, n, n)).unwrap();
    for (leading, expected) in [
        (Leading::Largest, [59, 58, 57]),
        (Leading::Smallest, [0, 1, 2]),
        (Leading::Magnitude, [59, 58, 57]),
    ] {
        let (mut found, mut vectors) = ([0.0; 3], vec![0.0; 3 * n]);
        let needed = eigenpairs_scratch(n, 12, 0);
        let mut scratch = vec![f64::NAN; needed];
        let mut run = |scratch: &mut [f64]| {
            let vectors = MatMut::of(&mut vectors, n, 3);
            eigenpairs(&a, leading, 12, 1, UNTIL, &mut found, vectors, scratch)
        };
        assert!(run(&mut scratch[..needed - 1]).is_err());
        let info = run(&mut scratch).unwrap();
        assert_eq!(info.stop, Stop::Converged, "{info:?}");
        assert!(info.products < 400, "{info:?}");
        for (k, i) in expected.into_iter().enumerate() {
            assert!((found[k] - values[i]).abs() < 1e-10, "{leading:?} {found:?}");
            let along = dot(&vectors[k * n..(k + 1) * n], &q[i * n..(i + 1) * n]);
            assert!((along.abs() - 1.0).abs() < 1e-10, "{leading:?} {along}");
        }
    }
}

#[test]
fn eigenpairs_of_a_low_rank_or_repeated_spectrum_are_found() {
    let n = 20;
    let values: Vec<f64> = (0..n)
        .map(|i| {
            if i < 2 {
                5.0
            } else if i == 2 {
                -7.0
            } else {
                0.0
            }
        })
        .collect();
    let (matrix, _) = with_spectrum(&values);
    let a = Dense::new(Mat::of(&matrix, n, n)).unwrap();
    let (mut found, mut vectors) = ([0.0; 3], vec![0.0; 3 * n]);
    let mut scratch = vec![f64::NAN; eigenpairs_scratch(n, 8, 0)];
    let m = MatMut::of(&mut vectors, n, 3);
    let info = eigenpairs(&a, Leading::Magnitude, 8, 2, UNTIL, &mut found, m, &mut scratch);
    assert_eq!(info.unwrap().stop, Stop::Converged);
    assert!((found[0] + 7.0).abs() < 1e-10 && (found[1] - 5.0).abs() < 1e-10, "{found:?}");
    assert!((found[2] - 5.0).abs() < 1e-10, "{found:?}");
    let (mut av, v) = (vec![0.0; 3 * n], Mat::of(&vectors, n, 3));
    gemm(1.0, Mat::of(&matrix, n, n), v, 0.0, MatMut::of(&mut av, n, 3)).unwrap();
    let scaled: Vec<f64> = (0..3 * n).map(|e| vectors[e] * found[e / n]).collect();
    assert!(relative_difference(&av, &scaled) < 1e-9);
}
