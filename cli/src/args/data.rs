//! DATA: inputs and targets, in one file or in mini-batches.

use anyhow::{Result, bail, ensure};
use nanocurv::network::Loss;
use ndarray::{Array2, Axis};

use super::LossArgs;
use crate::desktop::array::{Shape, matrix};
use crate::desktop::network::Link;
use crate::desktop::weighting::Weighting;
use crate::desktop::{Array, Choice, Data, Float, Network, Targets};
use crate::io::{self, Source};

/// The inputs.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Inputs, one sample a row: .npy, .csv, FILE.npz:NAME or FILE.csv:COLUMNS (header names,
    /// numbers from 0, ranges: temp,humidity or 0,2-4); repeat for mini-batches
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<Source>,
}

/// The targets, for commands with a loss.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct TargetArgs {
    /// Targets, as many times as --data: one number per output, or class labels; FILE.csv:COLUMNS
    /// as there
    #[arg(long, value_name = "FILE", required = true)]
    pub targets: Vec<Source>,
}

/// Reads a batch of inputs for `net` from one file.
///
/// # Errors
/// If the file is not readable or has another number of columns than the network has inputs.
pub fn read_batch<T: Float>(source: &Source, net: &Network<T>) -> Result<Array2<T>> {
    let x = io::read_matrix::<T>(source)?;
    let ((rows, cols), needed) = (x.dim(), net.inputs());
    let hint = if rows == needed {
        "transpose it (rows are samples)"
    } else if cols > needed {
        "choose the columns that the network was trained on, as FILE.csv:COLUMNS does (rows are \
         samples)"
    } else {
        "it needs the columns that the network was trained on (rows are samples)"
    };
    ensure!(
        cols == needed,
        "{source}: found {cols} columns, needed {needed}, the inputs of {}; {hint}",
        net.name
    );
    Ok(x)
}

/// One below the other.
fn stacked<T: Float>(mut parts: Vec<Array2<T>>) -> Result<Array2<T>> {
    if let [_] = parts.as_slice() {
        return Ok(parts.swap_remove(0));
    }
    let views: Vec<_> = parts.iter().map(|batch| batch.view()).collect();
    Ok(ndarray::concatenate(Axis(0), &views)?)
}

impl DataArgs {
    /// Reads all batches, one below the other.
    ///
    /// # Errors
    /// As [`read_batch`].
    pub fn read<T: Float>(&self, net: &Network<T>) -> Result<Array2<T>> {
        let batches = self.data.iter().map(|source| read_batch(source, net));
        stacked(batches.collect::<Result<_>>()?)
    }

    /// Reads all batches and their targets.
    ///
    /// # Errors
    /// As [`read_batch`], or if the number or form of the targets does not fit the data, the
    /// network's outputs or the loss.
    pub fn read_with<T: Float>(
        &self,
        targets: &TargetArgs,
        net: &Network<T>,
        loss: Loss,
    ) -> Result<Data<T>> {
        Ok(self.read_and_ignore(targets, net, loss, None)?.0)
    }

    /// Reads all batches, their targets and what they are weighted by.
    ///
    /// # Errors
    /// As [`DataArgs::read_with`], or if the weights do not fit.
    pub fn read_weighted<T: Float>(
        &self,
        targets: &TargetArgs,
        net: &Network<T>,
        loss: &LossArgs,
    ) -> Result<Data<T>> {
        let (data, ignored) = self.read_and_ignore(targets, net, loss.loss, loss.ignore_label)?;
        ensure!(
            loss.ignore_label.is_none() || matches!(data.targets, Targets::Labels(_)),
            "--ignore-label: the targets are no labels"
        );
        let given = loss.weights.len();
        ensure!(
            given == 0 || given == self.data.len(),
            "found {given} --weights, needed {}, one for each --data",
            self.data.len()
        );
        let mut samples = Vec::new();
        for (source, needed) in loss.weights.iter().zip(&data.batches) {
            let weights = io::read_vector::<T>(source)?;
            let found = weights.len();
            ensure!(found == *needed, "{source}: found {found} weights, needed {needed}");
            samples.extend(weights);
        }
        let weighting = Weighting {
            classes: loss.class_weights.iter().map(|w| T::of(*w)).collect(),
            smoothing: T::of(loss.label_smoothing),
            ignored,
            samples,
        };
        Ok(data.with_weights(weighting, (loss.loss, loss.reduction), net.outputs())?)
    }

    /// Reads all batches and their targets, and which of these have the label `ignore`.
    fn read_and_ignore<T: Float>(
        &self,
        targets: &TargetArgs,
        net: &Network<T>,
        loss: Loss,
        ignore: Option<i64>,
    ) -> Result<(Data<T>, Vec<bool>)> {
        if let Some(link) = net.link {
            let needed = match link {
                Link::Softmax => Loss::CrossEntropy,
                Link::Sigmoid => Loss::Bce,
            };
            ensure!(
                loss == needed,
                "{} ends in a {link}, which only --loss {} has within itself; export the network \
                 without it, or with another last layer",
                net.name,
                needed.name()
            );
        }
        let batches = self.data.iter().map(|source| read_batch(source, net));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let samples: Vec<_> = batches.iter().map(Array2::nrows).collect();
        let (targets, ignored) = targets.read(&self.data, &samples, net, loss, ignore)?;
        Ok((Data::in_batches(stacked(batches)?, targets, samples)?, ignored))
    }
}

impl TargetArgs {
    /// Reads the targets of the files `inputs`, which have so many samples.
    fn read<T: Float>(
        &self,
        inputs: &[Source],
        samples: &[usize],
        net: &Network<T>,
        loss: Loss,
        ignore: Option<i64>,
    ) -> Result<(Targets<T>, Vec<bool>)> {
        ensure!(
            self.targets.len() == inputs.len(),
            "found {} --targets, needed {}, one for each --data",
            self.targets.len(),
            inputs.len()
        );
        let outputs = net.outputs();
        let (mut labels, mut values, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
        for ((source, x), samples) in self.targets.iter().zip(inputs).zip(samples) {
            let array = io::read_array(source)?;
            let rows = array.shape().first().copied().unwrap_or(0);
            ensure!(rows == *samples, "{source}: found {rows} rows, needed {samples} as {x} has");
            io::require_finite(&array, source)?;
            if loss == Loss::CrossEntropy && is_labels(&array, outputs) {
                let array = match ignore {
                    None => array,
                    Some(label) => {
                        let own = array.to_vec::<f64>();
                        ignored.extend(own.iter().map(|y| *y == label as f64));
                        // Any class does.
                        let counted = |y: f64| if y == label as f64 { 0.0 } else { y };
                        own.into_iter().map(counted).collect::<Vec<_>>().into()
                    }
                };
                for (row, class) in io::labels(&array, source)?.into_iter().enumerate() {
                    ensure!(
                        class < outputs,
                        "{source}: row {}: found class {class}, needed 0 to {}, as {} has \
                         {outputs} outputs",
                        row + 1,
                        outputs - 1,
                        net.name
                    );
                    labels.push(u32::try_from(class)?);
                }
            } else {
                let cols = match *array.shape() {
                    [_] => 1,
                    [_, cols] => cols,
                    ref shape => bail!(
                        "{source}: found an array of shape {}, needed {}",
                        Shape(shape),
                        Shape(&[*samples, outputs])
                    ),
                };
                ensure!(
                    cols == outputs,
                    "{source}: found {cols} columns, needed {outputs}, the outputs of {}{}",
                    net.name,
                    if loss == Loss::CrossEntropy { " (or one column of labels)" } else { "" }
                );
                values.push(matrix(rows, cols, array.to_vec::<T>()));
            }
        }
        match (labels.is_empty(), values.is_empty()) {
            (true, _) => Ok((Targets::Values(stacked(values)?), Vec::new())),
            (false, true) => Ok((Targets::Labels(labels), ignored)),
            (false, false) => {
                bail!("--targets: some files hold labels and some probabilities; use one kind")
            }
        }
    }
}

/// One column is labels, unless the network has a single output and it is not an integer.
fn is_labels(array: &Array, outputs: usize) -> bool {
    match *array.shape() {
        [_] => true,
        [_, 1] => outputs > 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::desktop::network::{LayerShape, StateDict};

    /// A net with 2 inputs and `outputs` outputs.
    fn net(outputs: usize) -> Network<f64> {
        let shape = LayerShape { prefix: "0".to_owned(), inputs: 2, outputs, bias: false };
        let state = StateDict { layers: vec![shape], theta: vec![1.0; 2 * outputs] };
        Network::new("net", state, &[]).unwrap()
    }

    /// What two mini-batches of inputs and of targets, as CSV, are read as.
    fn read(x: [&str; 2], y: [&str; 2], outputs: usize, loss: Loss) -> Result<Targets<f64>> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| -> Source {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Source { path, part: None }
        };
        let inputs = DataArgs { data: vec![write("x1.csv", x[0]), write("x2.csv", x[1])] };
        let targets = TargetArgs { targets: vec![write("y1.csv", y[0]), write("y2.csv", y[1])] };
        Ok(inputs.read_with(&targets, &net(outputs), loss)?.targets)
    }

    const X: [&str; 2] = ["1,2\n3,4\n", "5,6\n"];

    #[test]
    fn mini_batches_are_one_below_the_other() {
        let targets = read(X, ["0.5\n1\n", "2\n"], 1, Loss::Mse).unwrap();
        assert_eq!(targets, Targets::Values(array![[0.5], [1.0], [2.0]]));
        let targets = read(X, ["1\n0\n", "2\n"], 3, Loss::CrossEntropy).unwrap();
        assert_eq!(targets, Targets::Labels(vec![1, 0, 2]));
        let probabilities = ["0.5,0.5\n1,0\n", "0.25,0.75\n"];
        let targets = read(X, probabilities, 2, Loss::CrossEntropy).unwrap();
        assert!(matches!(targets, Targets::Values(y) if y.dim() == (3, 2)));
    }

    #[test]
    fn targets_that_do_not_fit_are_refused() {
        for (y, outputs, loss, part) in [
            (["1\n2\n3\n", "1\n"], 1, Loss::Mse, "found 3 rows, needed 2"),
            (["1\n2\n", "1\n"], 2, Loss::Mse, "found 1 columns, needed 2"),
            (["1\n2\n", "3\n"], 3, Loss::CrossEntropy, "found class 3, needed 0 to 2"),
            (["1\n0.5\n", "1\n"], 3, Loss::CrossEntropy, "row 2: found 0.5, needed a class"),
            (["1\n-1\n", "1\n"], 3, Loss::CrossEntropy, "found -1, needed a class"),
            (["1\n0\n", "0,1,0\n"], 3, Loss::CrossEntropy, "use one kind"),
            (["1,0\n0,1\n", "0,1\n"], 3, Loss::CrossEntropy, "column of labels"),
        ] {
            let error = read(X, y, outputs, loss).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
