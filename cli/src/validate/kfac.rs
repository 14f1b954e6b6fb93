//! K-FAC and EKFAC of the core against curvlinops, blocks against their dense definitions, the
//! temporal blocks against golden values.

use anyhow::{Context, Result};
use nanocurv::random::Rng;
use ndarray::ArrayD;
use serde_json::Value;

use super::cases::{self, Case};
use super::check::Check;
use crate::dense::Difference;
use crate::dense::kfac::Block;
use crate::desktop::array::{matrix, shaped};
use crate::desktop::curvature::{Curvature, InverseDamping, InverseSettings, Kind, Part, Problem};
use crate::desktop::kfac::{
    self, BlockDamping, BlockSettings, Covariances, Fisher, FisherKind, Model, Product,
};
use crate::desktop::{Factor, Float};

/// What of a case is compared, and with which array.
#[derive(Clone, Copy)]
enum Quantity {
    /// With the biases in blocks of their own, or not.
    Matrix(FisherKind, bool),
    Inverse(InverseDamping),
    Ekfac,
}

/// One line per case and quantity in double precision, one per case in single.
pub fn checks() -> Vec<Check> {
    use Quantity::{Ekfac, Inverse, Matrix};
    let quantities = [
        ("type-2", "kfac_type2_joint", Matrix(FisherKind::TypeTwo, false)),
        ("type-2, separate bias", "kfac_type2_separate", Matrix(FisherKind::TypeTwo, true)),
        ("empirical", "kfac_empirical_joint", Matrix(FisherKind::Empirical, false)),
        ("inverse, pi", "kfac_type2_joint_inverse_pi_0.1", Inverse(InverseDamping::Pi)),
        ("inverse, exact", "kfac_type2_joint_inverse_exact_0.1", Inverse(InverseDamping::Exact)),
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
    for model in [Model::One, Model::Two] {
        checks.push(Check::new(
            format!("kfac series option {model:?}, T = 1, 2, 6, 33 = sum over lags"),
            1e-9,
            move || series(model),
        ));
    }
    checks
}

/// The worst error of one quantity of one case.
fn error<T: Float>(case: &Case, array: &str, quantity: Quantity) -> Result<f64> {
    let (net, data) = (case.net::<T>()?, case.data::<T>()?);
    let kind = if matches!(quantity, Quantity::Ekfac) { Kind::Ekfac } else { Kind::Kfac };
    let mut problem = Problem::new(kind, &net, &data, (case.loss, case.reduction));
    if let Quantity::Matrix(kind, separate_bias) = quantity {
        problem.fisher = Fisher { kind, ..Fisher::default() };
        problem.separate_bias = separate_bias;
    }
    let curvature = Curvature::new(problem)?;
    let found = match quantity {
        Quantity::Inverse(mode) => {
            let mode = Some(mode);
            curvature.inverse(&InverseSettings { damping: 0.1, mode, ..Default::default() })?
        }
        _ => curvature.matrix(&Part::All)?,
    };
    Ok(Difference::of(&found, &case.expected(array)?).relative())
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
    let mut rng = Rng::seed(seed);
    (0..count).map(|_| rng.normal()).collect()
}

/// The factor with these row-major values.
fn factor(n: usize, values: &[f64]) -> Factor<f64> {
    Factor::new("factor", matrix(n, n, values.to_vec()).view())
}

fn vector(n: usize, m: usize, values: &[f64]) -> ArrayD<f64> {
    shaped(&[n, m], values.to_vec())
}

fn block(product: Product) -> Result<f64> {
    let mut worst = 0.0_f64;
    for (n, m) in SHAPES {
        let (a, g, v) = (positive(n, 1), positive(m, 2), noise(n * m, 3));
        for (mode, dense) in [
            (BlockDamping::Exact, Block::exact(&a, &g, 2.5, 0.3)),
            (BlockDamping::Pi, Block::factored(&a, &g, 2.5, 0.3, true)),
        ] {
            let settings = BlockSettings { damping: 0.3, mode, renorm: 2.5 };
            let v_array = vector(n, m, &v);
            let v_named = ("V", v_array.view());
            let found = kfac::block(&factor(n, &a), &factor(m, &g), v_named, product, &settings)?;
            let expected = dense.product(product, &v).context("singular")?;
            worst = worst.max(Difference::of(&found, &expected).relative());
        }
    }
    Ok(worst)
}

fn roots() -> Result<f64> {
    let mut worst = 0.0_f64;
    for (n, m) in SHAPES {
        let (a, g, v) = (positive(n, 4), positive(m, 5), noise(n * m, 6));
        let settings = BlockSettings { damping: 0.2, ..BlockSettings::default() };
        for (inverse, transpose) in [(false, false), (false, true), (true, false), (true, true)] {
            let product = Product::Cholesky { inverse, transpose };
            let v_array = vector(n, m, &v);
            let v_named = ("V", v_array.view());
            let found = kfac::block(&factor(n, &a), &factor(m, &g), v_named, product, &settings)?;
            let dense = Block::factored(&a, &g, 1.0, 0.2, true);
            let expected = dense.product(product, &v).context("not positive")?;
            worst = worst.max(Difference::of(&found, &expected).relative());
        }
    }
    Ok(worst)
}

fn golden(key: &str) -> Result<f64> {
    let json: Value = serde_json::from_slice(cases::file("seeds/series_blocks.json")?)?;
    let numbers = |value: &Value| -> Vec<f64> {
        let rows = value.as_array().into_iter().flatten();
        rows.flat_map(|row| row.as_array().into_iter().flatten().filter_map(Value::as_f64))
            .collect()
    };
    let of = |key: &str| factor(2, &numbers(&json[key]));
    let lambda = json["lambda"].as_f64().context("lambda")?;
    let steps = json["T"].as_u64().context("T")? as usize;
    let c = Covariances { a0: of("A0"), a1: of("A1"), g0: of("G0"), g1: of("G1") };
    let model = match key {
        "option1" => Model::One,
        "option2" => Model::Two,
        _ => Model::Independent,
    };
    let v = vector(2, 2, &numbers(&json["V"]));
    let found = kfac::series(model, &c, steps, lambda, ("V", v.view()))?;
    Ok(Difference::of(&found, &numbers(&json[key]["inverse"])).relative())
}

/// Covariances of stable processes, and the sums that define the blocks.
fn series(model: Model) -> Result<f64> {
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
            let c = Covariances {
                a0: factor(n, &a0),
                a1: factor(n, &a1),
                g0: factor(m, &g0),
                g1: factor(m, &g1),
            };
            for steps in [1, 2, 6, 33] {
                let v_array = vector(n, m, &v);
                let found = kfac::series(model, &c, steps, 0.3, ("V", v_array.view()))?;
                let (a, g) = ([a0.as_slice(), &a1], [g0.as_slice(), &g1]);
                let dense = match model {
                    Model::One => Block::series_one(a, g, steps, 0.3),
                    _ => Block::series_two(a, g, steps, 0.3),
                };
                let expected = dense.product(Product::Solve, &v).context("singular")?;
                worst = worst.max(Difference::of(&found, &expected).relative());
            }
        }
    }
    Ok(worst)
}
