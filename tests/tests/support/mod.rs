//! What several test files share.
#![allow(dead_code)] // Each test binary uses a part of it.

use nanocurv::Mat;
use nanocurv_tests::mat;
use serde_json::Value;

/// The data of the published double-descent run.
pub struct Published {
    pub d: usize,
    pub n: usize,
    /// The inputs before the map, sample by sample.
    pub x0: Vec<f64>,
    /// The training inputs: singular values 10 and 1, decoupled.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// The map from `x0` to `x`, row by row.
    pub map: Vec<f64>,
    /// `X^T X` of the 1000 test inputs.
    pub test_gram: Vec<f64>,
    /// Mean and standard deviation of the columns of `x`.
    pub mean: Vec<f64>,
    pub deviation: Vec<f64>,
}

impl Published {
    pub fn x(&self) -> Mat<'_, f64> {
        mat(&self.x, self.d, self.n)
    }

    /// The sum of squares over the noise-free test set, for the teacher (1, 1).
    pub fn risk(&self, w: &[f64]) -> f64 {
        let off = [w[0] - 1.0, w[1] - 1.0];
        let g = &self.test_gram;
        off[0] * (g[0] * off[0] + g[1] * off[1]) + off[1] * (g[2] * off[0] + g[3] * off[1])
    }

    /// The columns of `x` with mean 0 and variance 1, as the notebook trains on them.
    pub fn standardised(&self) -> Vec<f64> {
        let columns = self.mean.iter().zip(&self.deviation).cycle();
        self.x.iter().zip(columns).map(|(x, (m, s))| (x - m) / s).collect()
    }
}

pub fn published() -> Published {
    let text = include_str!("../../data/dynamics_data.json");
    let json: Value = serde_json::from_str(text).unwrap();
    let array = |name: &str| -> Vec<f64> {
        let flat = |v: &Value| match v {
            Value::Array(row) => row.iter().map(|v| v.as_f64().unwrap()).collect(),
            v => vec![v.as_f64().unwrap()],
        };
        json[name].as_array().unwrap().iter().flat_map(flat).collect()
    };
    Published {
        d: 2,
        n: 10,
        x0: array("X0"),
        x: array("Xr"),
        y: array("y"),
        map: array("T"),
        test_gram: array("XtTXt"),
        mean: array("mu"),
        deviation: array("sd"),
    }
}

/// `found` is `expected` to an absolute tolerance: half a unit of the last printed digit, mostly.
#[track_caller]
pub fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found}, expected {expected} to {tolerance}"
    );
}
