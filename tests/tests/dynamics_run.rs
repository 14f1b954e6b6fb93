//! A run with everything that the double-descent notebook measures, against the arrays of a NumPy
//! and PyTorch run in double precision (`cli/data/reference/dynamics_run`): 14 samples of 4 features, 6 hidden
//! units, rates 1e-3 and 2e-3, 400 iterations.

use std::path::{Path, PathBuf};

use nanocurv_cli::desktop::Array;
use nanocurv_cli::desktop::array::flat;
use nanocurv_cli::desktop::dynamics::{
    Measures, Problem, Record, Risk, Route, rows_of, run, shares_of,
};
use nanocurv_cli::desktop::watch::UNWATCHED;
use nanocurv_cli::io;

use nanocurv::dynamics::Rates;
use nanocurv::network::Activation;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/data/reference/dynamics_run")
}

fn read(name: &str) -> Array {
    io::npy::read(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

fn vector(name: &str) -> Vec<f64> {
    read(name).to_vec()
}

fn matrix(name: &str) -> ndarray::Array2<f64> {
    let array = read(name);
    ndarray::Array2::from_shape_vec((array.shape()[0], array.shape()[1]), array.to_vec()).unwrap()
}

fn numbers(value: &Value) -> impl Iterator<Item = f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap())
}

fn problem() -> Problem<f64> {
    let text = std::fs::read_to_string(folder().join("case.json")).unwrap();
    let case: Value = serde_json::from_str(&text).unwrap();
    let lr: Vec<f64> = numbers(&case["lr"]).collect();
    let whole = |key: &str| numbers(&case[key]).map(|t| t as u64).collect::<Vec<_>>();
    let net = io::network::read(&folder().join("init.safetensors"), &[]).unwrap().state;
    Problem {
        x: matrix("x.npy"),
        y: vector("y.npy"),
        test: Some((matrix("xtest.npy"), vector("ytest.npy"))),
        beta: Some(vector("beta.npy")),
        hidden: net.layers[0].outputs,
        theta: net.theta.to_vec(),
        rates: Rates { first: lr[0], second: lr[1] },
        times: whole("times"),
        risk: Risk::L2,
        measures: Some(Measures {
            group: case["group"].as_u64().unwrap() as usize,
            snapshots: whole("snapshots"),
            hidden_activation: Activation::Identity,
            one_layer: true,
        }),
    }
}

fn trained() -> Record<f64> {
    run(&problem(), Route::Training, UNWATCHED).unwrap()
}

/// Every value to 1e-9 of itself.
#[track_caller]
fn meets(name: &str, found: &[f64]) {
    let expected = vector(&format!("expected/{name}.npy"));
    assert_eq!(found.len(), expected.len(), "{name}");
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= 1e-9 * expected.abs(), "{name}[{i}]: {found} instead of {expected}");
    }
}

#[test]
fn what_is_recorded_at_every_time_meets_the_reference() {
    let record = trained();
    meets("loss", &record.loss);
    meets("risk", &record.risk);
    meets("weight_norms", &record.norms);
    meets("gradient_norms", &record.gradient_norms);
    meets("weight_norms_groups", &record.groups);
    meets("weight_error_each", &record.errors_each);
    meets("weight_ranks", &record.ranks.iter().map(|r| *r as f64).collect::<Vec<_>>());
}

#[test]
fn the_snapshots_meet_the_reference() {
    let snapshots = trained().snapshots;
    meets("input_singular_values", flat(&rows_of(&snapshots, |s| &s.input.values)));
    meets("input_alignment", flat(&rows_of(&snapshots, |s| &s.input.aligned)));
    meets("hidden_singular_values", flat(&rows_of(&snapshots, |s| &s.hidden.values)));
    meets("hidden_alignment", flat(&rows_of(&snapshots, |s| &s.hidden.aligned)));
    meets("jacobian_singular_values", flat(&rows_of(&snapshots, |s| flat(&s.jacobian.values))));
    meets("jacobian_shares", flat(&shares_of(&snapshots)));
}

#[test]
fn one_layer_meets_the_reference() {
    let one = trained().one_layer.unwrap();
    meets("one_layer_w", &one.w);
    meets("one_layer_loss", &one.loss);
    meets("one_layer_risk", &one.risk);
}
