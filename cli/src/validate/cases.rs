//! The example cases, embedded in the program: networks, data and what PyTorch and curvlinops
//! computed from them in float64.

use std::path::Path;

use anyhow::{Context, Result};
use include_dir::{Dir, include_dir};
use nanocurv::network::{Activation, Loss, Reduction};
use ndarray::{Array2, Axis};
use serde_json::Value;

use crate::desktop::network::activations;
use crate::desktop::{Array, Choice, Data, Float, Network, Targets, array};
use crate::io::{self, npy};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/data/reference");

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

/// The hidden activations of a case.
fn hidden(json: &Value) -> Result<Vec<Activation>> {
    let names = json["acts"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = names.iter().map(|a| a.as_str().unwrap_or_default()).collect();
    Ok(activations(&names)?)
}

/// The network in the folder `name`, whose description is `json`.
///
/// # Errors
/// If the embedded file is damaged.
pub fn network<T: Float>(name: &str, json: &Value) -> Result<Network<T>> {
    of_file(name, &hidden(json)?)
}

fn of_file<T: Float>(name: &str, activations: &[Activation]) -> Result<Network<T>> {
    let path = format!("{name}/net.safetensors");
    let state = io::network::parse(Path::new(&path), &[], || Ok(file(&path)?.to_vec()))?.state;
    Ok(Network::new(path, state, activations)?)
}

/// An embedded array as a matrix; one axis or none is a column.
///
/// # Errors
/// If there is none.
pub fn matrix<T: Float>(path: &str) -> Result<Array2<T>> {
    let array = npy::read(file(path)?)?;
    let rows = array.shape().first().copied().unwrap_or(1);
    Ok(array::matrix(rows, array.len() / rows.max(1), array.to_vec()))
}

/// A choice by its name in a case.
fn choice<C: Choice>(name: &Value) -> Result<C> {
    let name = name.as_str().unwrap_or_default();
    C::named(name).with_context(|| format!("the case's '{name}'"))
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
            activations: hidden(&json)?,
            loss: choice(&json["loss"])?,
            reduction: choice(&json["reduction"])?,
            rows: indices("rows"),
            cols: indices("cols"),
            batches: list("batches").len(),
        })
    }

    /// Its network.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn net<T: Float>(&self) -> Result<Network<T>> {
        of_file(self.name, &self.activations)
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
    pub fn matrix<T: Float>(&self, name: &str) -> Result<Array2<T>> {
        matrix(&format!("{}/{name}.npy", self.name))
    }

    /// The matrices `x1`, `x2`, ... of all its batches, one below the other.
    fn stacked<T: Float>(&self, letter: char) -> Result<Array2<T>> {
        let batches = (1..=self.batches).map(|b| self.matrix::<T>(&format!("{letter}{b}")));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let views: Vec<_> = batches.iter().map(|batch| batch.view()).collect();
        Ok(ndarray::concatenate(Axis(0), &views)?)
    }

    /// The inputs of all its batches.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn x<T: Float>(&self) -> Result<Array2<T>> {
        self.stacked('x')
    }

    /// The data of all its batches.
    ///
    /// # Errors
    /// If the embedded file is damaged.
    pub fn data<T: Float>(&self) -> Result<Data<T>> {
        let targets = if self.loss == Loss::CrossEntropy {
            let labels = self.stacked::<f64>('y')?;
            Targets::Labels(labels.iter().map(|label| *label as u32).collect())
        } else {
            Targets::Values(self.stacked('y')?)
        };
        let rows = |b| Ok(self.array(&format!("x{b}"))?.shape().first().copied().unwrap_or(0));
        let batches = (1..=self.batches).map(rows).collect::<Result<_>>()?;
        Ok(Data::in_batches(self.x()?, targets, batches)?)
    }
}
