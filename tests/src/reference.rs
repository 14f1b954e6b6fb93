//! The reference cases in `cli/data/reference`: computed with PyTorch autograd and curvlinops in
//! float64.

use crate::mat;
use nanocurv::network::{Activation, Layer, Loss, Reduction, Targets};
use nanocurv::{Mat, linalg};
use std::fs;
use std::path::{Path, PathBuf};

/// The cases with `expected` arrays.
pub const CASES: [&str; 6] =
    ["seed_tutorial", "tanh_scalar", "classifier", "multilabel", "smooth_mix", "nobias_relu"];

/// A network, its data and a directory of expected arrays.
pub struct Case {
    folder: PathBuf,
    /// Its name.
    pub name: String,
    /// The layers.
    pub layers: Vec<Layer>,
    /// The parameters, in PyTorch's order.
    pub theta: Vec<f64>,
    /// The loss.
    pub loss: Loss,
    /// The reduction.
    pub reduction: Reduction,
    /// The mini-batches.
    pub batches: Vec<Batch>,
    /// The rows of the sub-matrix `hessian_sub`.
    pub rows: Vec<usize>,
    /// Its columns.
    pub cols: Vec<usize>,
}

/// A mini-batch.
pub struct Batch {
    /// Inputs, sample after sample.
    pub x: Vec<f64>,
    /// Values, sample after sample; empty where there are labels.
    pub y: Vec<f64>,
    /// Labels; empty where there are values.
    pub labels: Vec<u32>,
    /// How many.
    pub samples: usize,
}

impl Batch {
    /// The inputs, inputs x samples.
    pub fn x(&self) -> Mat<'_, f64> {
        mat(&self.x, self.x.len() / self.samples, self.samples)
    }

    /// The targets.
    pub fn targets(&self) -> Targets<'_, f64> {
        if self.labels.is_empty() {
            Targets::Values(mat(&self.y, self.y.len() / self.samples, self.samples))
        } else {
            Targets::Labels(&self.labels)
        }
    }
}

fn npy(path: PathBuf) -> (Vec<u64>, Vec<f64>) {
    let file = npyz::NpyFile::new(fs::File::open(&path).expect("reference file")).expect("npy");
    let shape = file.shape().to_vec();
    let values = if matches!(file.dtype(), npyz::DType::Plain(t) if t.type_char() == npyz::TypeChar::Int)
    {
        file.into_vec::<i64>().expect("integers").into_iter().map(|v| v as f64).collect()
    } else {
        file.into_vec().expect("doubles")
    };
    (shape, values)
}

/// The folder of a case and its description.
fn open(name: &str) -> (PathBuf, serde_json::Value) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../cli/data/reference").join(name);
    let text = fs::read_to_string(folder.join("case.json")).expect("case.json");
    let case = serde_json::from_str(&text).expect("JSON");
    (folder, case)
}

fn layers(case: &serde_json::Value) -> Vec<Layer> {
    let sizes: Vec<usize> =
        case["sizes"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
    let acts: Vec<&str> =
        case["acts"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    let bias = case["bias"].as_bool().unwrap_or(true);
    sizes
        .windows(2)
        .enumerate()
        .map(|(l, w)| {
            let activation = acts.get(l).map_or(Activation::Identity, |name| {
                *Activation::ALL.iter().find(|a| a.name() == *name).expect("activation")
            });
            Layer::new(w[0], w[1], activation).with_bias(bias)
        })
        .collect()
}

fn theta(folder: &Path, case: &serde_json::Value) -> Vec<f64> {
    let bytes = fs::read(folder.join("net.safetensors")).expect("net");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let names = case["parameter_names"].as_array().unwrap();
    names
        .iter()
        .flat_map(|name| {
            let tensor = tensors.tensor(name.as_str().unwrap()).expect("tensor");
            let data = tensor.data().as_chunks::<8>().0;
            data.iter().map(|b| f64::from_le_bytes(*b)).collect::<Vec<_>>()
        })
        .collect()
}

/// The cases of the posterior, by laplace-torch.
pub const POSTERIOR_CASES: [&str; 3] = ["lap_regression", "lap_two_outputs", "lap_classifier"];

/// A network, its training data, test inputs and the arrays of its posteriors.
pub struct PosteriorCase {
    folder: PathBuf,
    /// Its name.
    pub name: String,
    /// The layers.
    pub layers: Vec<Layer>,
    /// The parameters, in PyTorch's order.
    pub theta: Vec<f64>,
    /// The loss.
    pub loss: Loss,
    /// The training data.
    pub data: Batch,
    /// The test inputs, sample after sample.
    pub x: Vec<f64>,
    /// The prior precision.
    pub precision: f64,
    /// The standard deviation of the noise; 1 for classes.
    pub sigma: f64,
}

impl PosteriorCase {
    /// The case of a name.
    pub fn read(name: &str) -> Self {
        let (folder, case) = open(name);
        let (layers, theta) = (layers(&case), theta(&folder, &case));
        let classes = case["kind"] == "classification";
        let loss = if classes { Loss::CrossEntropy } else { Loss::Mse };
        let (shape, x) = npy(folder.join("x.npy"));
        let (_, y) = npy(folder.join("y.npy"));
        let labels = if classes { y.iter().map(|v| *v as u32).collect() } else { vec![] };
        let y = if classes { vec![] } else { y };
        let data = Batch { x, y, labels, samples: shape[0] as usize };
        let (_, x) = npy(folder.join("xtest.npy"));
        let (precision, sigma) = (case["prior"].as_f64().unwrap(), case["sigma"].as_f64().unwrap());
        Self { folder, name: name.into(), layers, theta, loss, data, x, precision, sigma }
    }

    /// An expected array, if the case has it.
    pub fn expected(&self, name: &str) -> Option<Vec<f64>> {
        let path = self.folder.join("expected").join(format!("{name}.npy"));
        path.exists().then(|| npy(path).1)
    }
}

impl Case {
    /// The case of a name.
    pub fn read(name: &str) -> Self {
        let (folder, case) = open(name);
        let layers = layers(&case);
        let loss = match case["loss"].as_str().unwrap() {
            "mse" => Loss::Mse,
            "bce" => Loss::Bce,
            _ => Loss::CrossEntropy,
        };
        let reduction = if case["reduction"] == "mean" { Reduction::Mean } else { Reduction::Sum };
        let theta = theta(&folder, &case);
        let batches = case["batches"].as_array().unwrap();
        let batches = (1..=batches.len())
            .map(|k| {
                let (shape, x) = npy(folder.join(format!("x{k}.npy")));
                let (_, y) = npy(folder.join(format!("y{k}.npy")));
                let samples = shape[0] as usize;
                let (y, labels) = match loss {
                    Loss::CrossEntropy => (vec![], y.iter().map(|v| *v as u32).collect()),
                    _ => (y, vec![]),
                };
                Batch { x, y, labels, samples }
            })
            .collect();
        let indices = |key: &str| -> Vec<usize> {
            let list = case[key].as_array().expect("index list");
            list.iter().map(|v| v.as_u64().expect("index") as usize).collect()
        };
        let (rows, cols) = (indices("rows"), indices("cols"));
        Self { folder, name: name.into(), layers, theta, loss, reduction, batches, rows, cols }
    }

    /// The number of samples in all batches.
    pub fn samples(&self) -> usize {
        self.batches.iter().map(|b| b.samples).sum()
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers.last().unwrap().outputs
    }

    /// An expected array, if the case has it.
    pub fn expected(&self, name: &str) -> Option<Vec<f64>> {
        let path = self.folder.join("expected").join(format!("{name}.npy"));
        path.exists().then(|| npy(path).1)
    }

    /// The vector `v.npy`.
    pub fn vector(&self) -> Vec<f64> {
        npy(self.folder.join("v.npy")).1
    }
}

/// The largest difference over the largest magnitude.
pub fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0_f64, |m, (f, e)| m.max((f - e).abs())) / scale
}

/// The Frobenius distance.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    linalg::dot(&difference, &difference).sqrt()
}

/// The matrix of an operator on vectors of `n`, column after column (= row after row, for the
/// operators here are symmetric).
pub fn dense(n: usize, mut apply: impl FnMut(&mut [f64])) -> Vec<f64> {
    let mut matrix = vec![0.0; n * n];
    for (j, column) in matrix.chunks_mut(n).enumerate() {
        column[j] = 1.0;
        apply(column);
    }
    matrix
}
