//! A two-layer run with all that the double-descent notebook measures, against a NumPy run.

use std::path::Path;

use anyhow::{Context as _, Result};
use nanocurv::dynamics::Rates;
use nanocurv::network::Activation;
use serde_json::Value;

use super::cases::{file, matrix};
use super::check::Check;
use crate::dense::Difference;
use crate::desktop::UNWATCHED;
use crate::desktop::array::flat;
use crate::desktop::dynamics::{
    Measures, Problem, Record, Risk, Route, hidden_units, rows_of, run, shares_of,
};
use crate::io;

/// The case's name.
const NAME: &str = "dynamics_run";

/// An array of a record, flat.
type Of = fn(&Record<f64>) -> Vec<f64>;

/// What is compared, array by array.
const ARRAYS: [(&str, Of); 16] = [
    ("loss", |r| r.loss.clone()),
    ("risk", |r| r.risk.clone()),
    ("weight_norms", |r| r.norms.clone()),
    ("weight_norms_groups", |r| r.groups.clone()),
    ("weight_error_each", |r| r.errors_each.clone()),
    ("gradient_norms", |r| r.gradient_norms.clone()),
    ("weight_ranks", |r| r.ranks.iter().map(|rank| *rank as f64).collect()),
    ("input_singular_values", |r| flat(&rows_of(&r.snapshots, |s| &s.input.values)).to_vec()),
    ("input_alignment", |r| flat(&rows_of(&r.snapshots, |s| &s.input.aligned)).to_vec()),
    ("hidden_singular_values", |r| flat(&rows_of(&r.snapshots, |s| &s.hidden.values)).to_vec()),
    ("hidden_alignment", |r| flat(&rows_of(&r.snapshots, |s| &s.hidden.aligned)).to_vec()),
    ("jacobian_singular_values", |r| {
        flat(&rows_of(&r.snapshots, |s| flat(&s.jacobian.values))).to_vec()
    }),
    ("jacobian_shares", |r| flat(&shares_of(&r.snapshots)).to_vec()),
    ("one_layer_w", |r| r.one_layer.as_ref().map_or(Vec::new(), |one| one.w.clone())),
    ("one_layer_loss", |r| r.one_layer.as_ref().map_or(Vec::new(), |one| one.loss.clone())),
    ("one_layer_risk", |r| r.one_layer.as_ref().map_or(Vec::new(), |one| one.risk.clone())),
];

/// One line an array.
pub fn checks() -> Vec<Check> {
    let check = |(array, of): (&'static str, Of)| {
        Check::new(format!("dynamics run {array}"), 1e-9, move || {
            let expected = matrix::<f64>(&format!("{NAME}/expected/{array}.npy"))?;
            let record = run(&problem()?, Route::Training, UNWATCHED)?;
            Ok(Difference::between(&of(&record), flat(&expected)).relative())
        })
    };
    ARRAYS.into_iter().map(check).collect()
}

/// The case.
fn problem() -> Result<Problem<f64>> {
    let json: Value = serde_json::from_slice(file(&format!("{NAME}/case.json"))?)?;
    let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
    let whole = |key: &str| list(key).iter().filter_map(Value::as_u64).collect::<Vec<_>>();
    let lr: Vec<f64> = list("lr").iter().filter_map(Value::as_f64).collect();
    let [first, second] = lr.try_into().ok().context("the case's rates")?;
    let array = |name: &str| matrix::<f64>(&format!("{NAME}/{name}.npy"));
    let vector = |name: &str| anyhow::Ok(flat(&array(name)?).to_vec());
    let path = format!("{NAME}/init.safetensors");
    let net = io::network::parse(Path::new(&path), &[], || Ok(file(&path)?.to_vec()))?.state;
    Ok(Problem {
        x: array("x")?,
        y: vector("y")?,
        test: Some((array("xtest")?, vector("ytest")?)),
        beta: Some(vector("beta")?),
        hidden: hidden_units(&path, &net.layers)?,
        theta: net.theta.to_vec(),
        rates: Rates { first, second },
        times: whole("times"),
        risk: Risk::L2,
        measures: Some(Measures {
            group: json["group"].as_u64().context("the case's group")? as usize,
            snapshots: whole("snapshots"),
            hidden_activation: Activation::Identity,
            one_layer: true,
        }),
    })
}
