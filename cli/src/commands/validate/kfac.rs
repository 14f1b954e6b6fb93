//! K-FAC and EKFAC of the core against curvlinops, blocks against their dense definitions, the
//! temporal blocks against golden values.

use anyhow::{Context, Result};
use nanocurv::kfac::{
    self, Bias, Damping, Ekfac, Factors, Kronecker, Root, Series, SeriesOption, Weights,
};
use nanocurv::{Mat, MatMut};
use serde_json::Value;

use super::Check;
use super::cases::{self, Case};
use crate::array::Float;
use crate::check::Difference;
use crate::commands::kfac::{Fisher, accumulate, core_labels, core_loss, core_targets};
use crate::dense::kfac::{Block, Product};

/// What of a case is compared, and with which array.
#[derive(Clone, Copy)]
enum Quantity {
    Matrix(Fisher, Bias),
    InversePi,
    InverseExact,
    Ekfac,
}

/// One line per case and quantity in double precision, one per case in single.
pub fn checks() -> Vec<Check> {
    use Quantity::{Ekfac, InverseExact, InversePi, Matrix};
    let quantities = [
        ("type-2", "kfac_type2_joint", Matrix(Fisher::TypeTwo, Bias::Joint)),
        ("type-2, separate bias", "kfac_type2_separate", Matrix(Fisher::TypeTwo, Bias::Separate)),
        ("empirical", "kfac_empirical_joint", Matrix(Fisher::Empirical, Bias::Joint)),
        ("inverse, pi", "kfac_type2_joint_inverse_pi_0.1", InversePi),
        ("inverse, exact", "kfac_type2_joint_inverse_exact_0.1", InverseExact),
        ("ekfac", "ekfac_type2_joint", Ekfac),
    ];
    let mut checks = Vec::new();
    for name in cases::NAMES {
        for (what, array, quantity) in quantities {
            // Networks without biases have no separate ones.
            if !Case::open(name).is_ok_and(|case| case.has(&format!("expected/{array}"))) {
                continue;
            }
            checks.push(Check::new(
                format!("kfac {name} {what} f64 = curvlinops"),
                f64::TOLERANCE,
                move || error::<f64>(&Case::open(name)?, array, quantity),
            ));
        }
        checks.push(Check::new(
            format!("kfac {name} type-2 f32 = curvlinops"),
            f32::TOLERANCE,
            move || error::<f32>(&Case::open(name)?, "kfac_type2_joint", quantities[0].2),
        ));
    }
    for product in [Product::Apply, Product::Solve, Product::Power(-0.5)] {
        checks.push(Check::new(format!("kfac block {product:?} = dense"), 1e-10, move || {
            block(product)
        }));
    }
    checks.push(Check::new("kfac block Cholesky roots = dense", 1e-10, roots));
    for key in ["option1", "option2", "independence_over_time"] {
        checks.push(Check::new(format!("kfac series {key} = golden values"), 1e-13, move || {
            golden(key)
        }));
    }
    for option in [SeriesOption::One, SeriesOption::Two] {
        checks.push(Check::new(
            format!("kfac series option {option:?}, T = 1, 2, 6, 33 = sum over lags"),
            1e-9,
            move || series(option),
        ));
    }
    checks
}

/// The worst error of one quantity of one case.
fn error<T: Float>(case: &Case, array: &str, quantity: Quantity) -> Result<f64> {
    let net = case.net::<T>()?;
    let (x, targets) = (case.x::<T>()?, case.targets::<T>()?);
    let loss = (case.loss, case.reduction);
    let (fisher, bias) = match quantity {
        Quantity::Matrix(fisher, bias) => (fisher, bias),
        _ => (Fisher::TypeTwo, Bias::Joint),
    };
    let data = accumulate(&net, x.batch(), &targets, loss, (fisher, 1, 0))?;
    let mlp = net.mlp()?;
    let layers = mlp.layers();
    let factors = Factors::new(layers, &data)?.with_bias(bias);
    let lambda = T::of(0.1);
    let mut scratch = vec![T::ZERO; kfac::eigenfactors_scratch(layers)];
    let p = mlp.params();
    let found = match quantity {
        Quantity::Matrix(..) => columns(p, |v| factors.apply(v, &mut scratch))?,
        Quantity::InversePi => {
            let mut storage = vec![T::ZERO; kfac::preconditioner_len(layers)];
            let inverse = factors.preconditioner(lambda, Damping::Pi, &mut storage)?;
            columns(p, |v| inverse.precondition(v, &mut scratch))?
        }
        Quantity::InverseExact => {
            let mut storage = vec![T::ZERO; kfac::eigenfactors_len(layers, bias)];
            let eigen = factors.eigen(&mut storage, &mut scratch)?;
            columns(p, |v| eigen.solve(lambda, v, &mut scratch))?
        }
        Quantity::Ekfac => {
            let mut state = vec![T::ZERO; kfac::ekfac_len(layers, bias)];
            kfac::ekfac_bases(&factors, &mut state, &mut scratch)?;
            let (loss, reduction) = core_loss(loss.0, loss.1);
            let labels = core_labels(&targets);
            let mut weights = Weights::batch(loss, reduction, x.rows, mlp.outputs());
            weights.keep = T::ZERO;
            let mut scratch = vec![T::ZERO; kfac::ekfac_correct_scratch(layers, x.rows)];
            kfac::ekfac_correct(
                &mlp,
                x.batch(),
                core_targets(&targets, &labels),
                loss,
                kfac::Fisher::TypeTwo,
                weights,
                bias,
                &mut state,
                &mut scratch,
            )?;
            let operator = Ekfac::new(layers, bias, &state)?;
            let mut scratch = vec![T::ZERO; kfac::ekfac_scratch(layers)];
            columns(p, |v| operator.apply(v, &mut scratch))?
        }
    };
    Ok(Difference::between(&found, &case.expected(array)?).relative())
}

/// The matrix of a symmetric operator.
fn columns<T: Float, E>(
    p: usize,
    mut apply: impl FnMut(&mut [T]) -> Result<(), E>,
) -> Result<Vec<T>, E> {
    let mut matrix = vec![T::ZERO; p * p];
    for (j, column) in matrix.chunks_mut(p).enumerate() {
        column[j] = T::ONE;
        apply(column)?;
    }
    Ok(matrix)
}

const SHAPES: [(usize, usize); 4] = [(1, 1), (2, 5), (5, 3), (9, 8)];

/// A symmetric positive matrix without pattern.
fn positive(n: usize, seed: u64) -> Vec<f64> {
    let a = noise(n * n, seed);
    let entry = |i: usize, j: usize| {
        let sum: f64 = (0..n).map(|k| a[i * n + k] * a[j * n + k]).sum();
        sum / n as f64 + if i == j { 0.1 } else { 0.0 }
    };
    (0..n * n).map(|e| entry(e / n, e % n)).collect()
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = nanocurv::random::Rng::seed(seed);
    (0..count).map(|_| rng.normal()).collect()
}

fn transposed(v: &[f64], rows: usize, cols: usize) -> Vec<f64> {
    (0..rows * cols).map(|e| v[(e % rows) * cols + e / rows]).collect()
}

/// Runs on V in columns, returns it row by row.
fn on_columns(
    v: &[f64],
    (n, m): (usize, usize),
    run: impl FnOnce(MatMut<'_, f64>, &mut [f64]) -> Result<(), kfac::KfacError>,
) -> Result<Vec<f64>> {
    let mut w = transposed(v, n, m);
    let mut scratch = vec![0.0; kfac::series_scratch(n, m) + kfac::exact_scratch(n, m)];
    run(MatMut::of(&mut w, n, m), &mut scratch)?;
    Ok(transposed(&w, m, n))
}

fn block(product: Product) -> Result<f64> {
    let mut worst = 0.0_f64;
    for (n, m) in SHAPES {
        let (a, g, v) = (positive(n, 1), positive(m, 2), noise(n * m, 3));
        let block = Kronecker::new(Mat::of(&a, n, n), Mat::of(&g, m, m))?.with_renorm(2.5)?;
        for exact in [false, true] {
            let split = block.split(0.3, Damping::Pi)?;
            let shift = if exact { kfac::Shift::Exact(0.3) } else { kfac::Shift::Factored(split) };
            let found = on_columns(&v, (n, m), |v, scratch| match (product, exact) {
                (Product::Apply, false) => block.apply(split, v, scratch),
                (Product::Apply, true) => block.apply_exact(0.3, v, scratch),
                (Product::Solve, false) => block.solve(split, v, scratch),
                (Product::Solve, true) => block.solve_exact(0.3, v, scratch),
                (Product::Power(p), _) => block.power(p, shift, v, scratch),
                (Product::Cholesky { .. }, _) => Ok(()),
            })?;
            let dense = if exact {
                Block::exact(&a, &g, 2.5, 0.3)
            } else {
                Block::factored(&a, &g, 2.5, 0.3, true)
            };
            let expected = dense.product(product, &v).context("singular")?;
            worst = worst.max(Difference::between(&found, &expected).relative());
        }
    }
    Ok(worst)
}

fn roots() -> Result<f64> {
    let mut worst = 0.0_f64;
    for (n, m) in SHAPES {
        let (a, g, v) = (positive(n, 4), positive(m, 5), noise(n * m, 6));
        let block = Kronecker::new(Mat::of(&a, n, n), Mat::of(&g, m, m))?;
        let split = block.split(0.2, Damping::Pi)?;
        for (root, inverse, transpose) in [
            (Root::Plain, false, false),
            (Root::Transpose, false, true),
            (Root::Inverse, true, false),
            (Root::InverseTranspose, true, true),
        ] {
            let found = on_columns(&v, (n, m), |v, scratch| block.root(root, split, v, scratch))?;
            let dense = Block::factored(&a, &g, 1.0, 0.2, true);
            let expected = dense.product(Product::Cholesky { inverse, transpose }, &v);
            let expected = expected.context("not positive")?;
            worst = worst.max(Difference::between(&found, &expected).relative());
        }
    }
    Ok(worst)
}

fn golden(key: &str) -> Result<f64> {
    let json: Value = serde_json::from_slice(cases::file("seeds/series_blocks.json")?)?;
    let matrix = |value: &Value| -> Vec<f64> {
        let rows = value.as_array().into_iter().flatten();
        rows.flat_map(|row| row.as_array().into_iter().flatten().filter_map(Value::as_f64))
            .collect()
    };
    let [a0, a1, g0, g1, v] = ["A0", "A1", "G0", "G1", "V"].map(|key| matrix(&json[key]));
    let lambda = json["lambda"].as_f64().context("lambda")?;
    let steps = json["T"].as_u64().context("T")? as usize;
    let (a1, g1) = (transposed(&a1, 2, 2), transposed(&g1, 2, 2));
    let square = |m| Mat::of(m, 2, 2);
    let series = Series::new((square(&a0), square(&a1)), (square(&g0), square(&g1)), steps)?;
    let found = on_columns(&v, (2, 2), |v, scratch| match key {
        "option1" => series.solve(SeriesOption::One, lambda, v, scratch),
        "option2" => series.solve(SeriesOption::Two, lambda, v, scratch),
        _ => series.independent().solve(series.split(lambda)?, v, scratch),
    })?;
    Ok(Difference::between(&found, &matrix(&json[key]["inverse"])).relative())
}

/// Covariances of stable processes, and the sums that define the blocks.
fn series(option: SeriesOption) -> Result<f64> {
    let mut worst = 0.0_f64;
    for (n, m) in [(1, 1), (3, 2), (5, 3)] {
        for reversible in [true, false] {
            let lagged = |n: usize, seed: u64| {
                let (c0, r) = (positive(n, seed), noise(n * n, seed + 1));
                let norm = r.iter().map(|v| v * v).sum::<f64>().sqrt();
                // The smallest eigenvalue of `positive` is at least 0.1.
                let entry = |i: usize, j: usize| {
                    let mirrored = if reversible { r[j * n + i] } else { r[i * n + j] };
                    0.09 * (r[i * n + j] + mirrored) / (2.0 * norm)
                };
                let c1: Vec<f64> = (0..n * n).map(|e| entry(e / n, e % n)).collect();
                (c0, c1)
            };
            let ((a0, a1), (g0, g1), v) = (lagged(n, 10), lagged(m, 20), noise(n * m, 30));
            for steps in [1, 2, 6, 33] {
                let (a1t, g1t) = (transposed(&a1, n, n), transposed(&g1, m, m));
                let a = (Mat::of(&a0, n, n), Mat::of(&a1t, n, n));
                let g = (Mat::of(&g0, m, m), Mat::of(&g1t, m, m));
                let block = Series::new(a, g, steps)?;
                let found =
                    on_columns(&v, (n, m), |v, scratch| block.solve(option, 0.3, v, scratch))?;
                let (a, g) = ([a0.as_slice(), &a1], [g0.as_slice(), &g1]);
                let dense = match option {
                    SeriesOption::One => Block::series_one(a, g, steps, 0.3),
                    SeriesOption::Two => Block::series_two(a, g, steps, 0.3),
                };
                let expected = dense.product(Product::Solve, &v).context("singular")?;
                worst = worst.max(Difference::between(&found, &expected).relative());
            }
        }
    }
    Ok(worst)
}
