//! The example cases, embedded in the program: networks, data and what PyTorch and curvlinops
//! computed from them in float64.

use std::path::Path;

use anyhow::{Context, Result};
use include_dir::{Dir, include_dir};
use serde_json::Value;

use crate::args::{Net, Targets};
use crate::array::{Array, Float, Matrix};
use crate::dense::{Activation, Loss, Reduction};
use crate::io::{network, npy};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../tests/data/reference");

/// The names of the cases.
pub const NAMES: [&str; 6] =
    ["seed_tutorial", "tanh_scalar", "classifier", "multilabel", "smooth_mix", "nobias_relu"];

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its folder.
    pub name: &'static str,
    /// The hidden activations.
    pub activations: Vec<Activation>,
    /// The loss.
    pub loss: Loss,
    /// How its terms are added up.
    pub reduction: Reduction,
    /// The rows of the sub-matrix in `expected/hessian_sub`.
    pub rows: Vec<usize>,
    /// Its columns.
    pub cols: Vec<usize>,
    batches: usize,
}

/// The bytes of an embedded file, e.g. `seeds/ntk_layerwise.json`.
///
/// # Errors
/// If there is no such file.
pub fn file(path: &str) -> Result<&'static [u8]> {
    let file = FILES.get_file(path).with_context(|| format!("{path}: is not embedded"))?;
    Ok(file.contents())
}

/// All cases.
///
/// # Errors
/// If an embedded file is damaged.
pub fn all() -> Result<Vec<Case>> {
    NAMES.into_iter().map(Case::open).collect()
}

impl Case {
    /// The case of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(name: &'static str) -> Result<Self> {
        let json: Value = serde_json::from_slice(file(&format!("{name}/case.json"))?)?;
        let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
        let indices =
            |key| list(key).iter().filter_map(Value::as_u64).map(|i| i as usize).collect();
        Ok(Self {
            name,
            activations: list("acts")
                .iter()
                .map(|a| a.as_str().unwrap_or_default().parse().map_err(anyhow::Error::msg))
                .collect::<Result<_>>()?,
            loss: match json["loss"].as_str() {
                Some("mse") => Loss::Mse,
                Some("bce") => Loss::Bce,
                _ => Loss::CrossEntropy,
            },
            reduction: match json["reduction"].as_str() {
                Some("sum") => Reduction::Sum,
                _ => Reduction::Mean,
            },
            rows: indices("rows"),
            cols: indices("cols"),
            batches: list("batches").len(),
        })
    }

    /// Its network.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn net<T: Float>(&self) -> Result<Net<T>> {
        let path = format!("{}/net.safetensors", self.name);
        let state = network::parse(Path::new(&path), || Ok(file(&path)?.to_vec()))?;
        Net::new(Path::new(&path), state, self.activations.clone())
    }

    /// An array of the case, e.g. `x1`, `v`, `expected/ntk_full`.
    ///
    /// # Errors
    /// If there is none.
    pub fn array(&self, name: &str) -> Result<Array> {
        npy::read(file(&format!("{}/{name}.npy", self.name))?)
    }

    /// Whether the case has an array of this name.
    pub fn has(&self, name: &str) -> bool {
        file(&format!("{}/{name}.npy", self.name)).is_ok()
    }

    /// What was computed elsewhere, in order.
    ///
    /// # Errors
    /// If there is none.
    pub fn expected(&self, name: &str) -> Result<Vec<f64>> {
        Ok(self.array(&format!("expected/{name}"))?.to_vec())
    }

    /// A matrix of the case in the arithmetic `T`.
    ///
    /// # Errors
    /// If there is none.
    pub fn matrix<T: Float>(&self, name: &str) -> Result<Matrix<T>> {
        let array = self.array(name)?;
        let rows = array.shape().first().copied().unwrap_or(1);
        Ok(Matrix { rows, cols: array.len() / rows.max(1), values: array.to_vec() })
    }

    /// The inputs of all its batches.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn x<T: Float>(&self) -> Result<Matrix<T>> {
        let mut x = self.matrix::<T>("x1")?;
        for batch in 2..=self.batches {
            let more = self.matrix::<T>(&format!("x{batch}"))?;
            x.rows += more.rows;
            x.values.extend(more.values);
        }
        Ok(x)
    }

    /// The number of samples in each of its batches.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn samples(&self) -> Result<Vec<usize>> {
        let rows = |b| Ok(self.array(&format!("x{b}"))?.shape().first().copied().unwrap_or(0));
        (1..=self.batches).map(rows).collect()
    }

    /// The targets of all its batches.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn targets<T: Float>(&self) -> Result<Targets<T>> {
        let batches: Vec<Array> =
            (1..=self.batches).map(|b| self.array(&format!("y{b}"))).collect::<Result<_>>()?;
        if self.loss == Loss::CrossEntropy {
            let labels = batches.iter().flat_map(|y| y.to_vec::<f64>());
            return Ok(Targets::Labels(labels.map(|label| label as usize).collect()));
        }
        let values: Vec<T> = batches.iter().flat_map(|y| y.to_vec()).collect();
        let rows = batches.iter().map(|y| y.shape()[0]).sum();
        Ok(Targets::Values(Matrix { rows, cols: values.len() / rows, values }))
    }
}
