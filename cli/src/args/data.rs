//! DATA: inputs and targets, in one file or in mini-batches.

use anyhow::{Result, bail, ensure};

use super::Net;
use super::loss::{Loss, LossArgs};
use crate::array::{Array, Float, Matrix, Shape};
use crate::dense;
use crate::io::{self, Source};

/// The inputs.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Inputs, one sample a row: .npy, .csv or FILE.npz:NAME; repeat for mini-batches
    #[arg(long, value_name = "FILE", required = true)]
    pub data: Vec<Source>,
}

/// The targets, for commands with a loss.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct TargetArgs {
    /// Targets, as many times as --data: one number per output, or class labels
    #[arg(long, value_name = "FILE", required = true)]
    pub targets: Vec<Source>,
}

/// What the outputs should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets<T> {
    /// `N x O`
    Values(Matrix<T>),
    /// One class per sample.
    Labels(Vec<usize>),
}

impl<T: Float> Targets<T> {
    /// The targets as the references know them.
    pub fn reference(&self) -> dense::Targets {
        match self {
            Self::Values(y) => dense::Targets::Values(y.to_f64()),
            Self::Labels(y) => dense::Targets::Labels(y.clone()),
        }
    }
}

/// All mini-batches, one below the other: no result depends on how they are cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Data<T> {
    /// The inputs, `N x d`.
    pub x: Matrix<T>,
    /// The number of samples in each mini-batch.
    pub batches: Vec<usize>,
}

/// Reads a batch of inputs for `net` from one file.
///
/// # Errors
/// If the file is not readable or has another number of columns than the network has inputs.
pub fn read_batch<T: Float>(source: &Source, net: &Net<T>) -> Result<Matrix<T>> {
    let x = io::read_matrix::<T>(source)?;
    let needed = net.inputs();
    let hint = if x.rows == needed {
        "transpose it (rows are samples)"
    } else {
        "choose the columns that the network was trained on (rows are samples)"
    };
    ensure!(
        x.cols == needed,
        "{source}: found {} columns, needed {needed}, the inputs of {}; {hint}",
        x.cols,
        net.path.display()
    );
    Ok(x)
}

impl DataArgs {
    /// Reads all batches.
    ///
    /// # Errors
    /// As [`read_batch`].
    pub fn read<T: Float>(&self, net: &Net<T>) -> Result<Data<T>> {
        let mut data = Data {
            x: Matrix { rows: 0, cols: net.inputs(), values: Vec::new() },
            batches: Vec::new(),
        };
        for source in &self.data {
            let x = read_batch(source, net)?;
            data.batches.push(x.rows);
            data.x.rows += x.rows;
            if data.x.values.is_empty() {
                data.x.values = x.values;
            } else {
                data.x.values.extend(x.values);
            }
        }
        Ok(data)
    }
}

impl TargetArgs {
    /// Reads the targets of `data`, whose files are `inputs`.
    ///
    /// # Errors
    /// If their number or form does not fit the data, the network's outputs or the loss.
    pub fn read<T: Float>(
        &self,
        inputs: &DataArgs,
        data: &Data<T>,
        net: &Net<T>,
        loss: &LossArgs,
    ) -> Result<Targets<T>> {
        ensure!(
            self.targets.len() == inputs.data.len(),
            "found {} --targets, needed {}, one for each --data",
            self.targets.len(),
            inputs.data.len()
        );
        let outputs = net.outputs();
        let mut labels = Vec::new();
        let mut values = Matrix { rows: 0, cols: outputs, values: Vec::new() };
        for ((source, x), samples) in self.targets.iter().zip(&inputs.data).zip(&data.batches) {
            let array = io::read_array(source)?;
            let rows = array.shape().first().copied().unwrap_or(0);
            ensure!(rows == *samples, "{source}: found {rows} rows, needed {samples} as {x} has",);
            io::require_finite(&array, source)?;
            if loss.loss == Loss::CrossEntropy && is_labels(&array, outputs) {
                for (row, class) in io::labels(&array, source)?.into_iter().enumerate() {
                    ensure!(
                        class < outputs,
                        "{source}: row {}: found class {class}, needed 0 to {}, as {} has \
                         {outputs} outputs",
                        row + 1,
                        outputs - 1,
                        net.path.display()
                    );
                    labels.push(class);
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
                    net.path.display(),
                    if loss.loss == Loss::CrossEntropy { " (or one column of labels)" } else { "" }
                );
                values.rows += rows;
                values.values.extend(array.to_vec::<T>());
            }
        }
        match (labels.is_empty(), values.rows == 0) {
            (true, _) => Ok(Targets::Values(values)),
            (false, true) => Ok(Targets::Labels(labels)),
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
    use std::path::Path;

    use super::*;
    use crate::args::Reduction;
    use crate::dense::Activation;
    use crate::io::network::{LayerShape, StateDict};

    /// A net with 2 inputs and `outputs` outputs.
    fn net(outputs: usize) -> Net<f64> {
        let shape = LayerShape { prefix: "0".to_owned(), inputs: 2, outputs, bias: false };
        let state = StateDict { layers: vec![shape], theta: vec![1.0; 2 * outputs] };
        Net::new(Path::new("net"), state, Vec::<Activation>::new()).unwrap()
    }

    /// What two mini-batches of inputs and of targets, as CSV, are read as.
    fn read(x: [&str; 2], y: [&str; 2], outputs: usize, loss: Loss) -> Result<Targets<f64>> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| -> Source {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Source { path, array: None }
        };
        let inputs = DataArgs { data: vec![write("x1.csv", x[0]), write("x2.csv", x[1])] };
        let targets = TargetArgs { targets: vec![write("y1.csv", y[0]), write("y2.csv", y[1])] };
        let net = net(outputs);
        let data = inputs.read(&net)?;
        let loss = LossArgs { loss, reduction: Reduction::Mean };
        targets.read(&inputs, &data, &net, &loss)
    }

    const X: [&str; 2] = ["1,2\n3,4\n", "5,6\n"];

    #[test]
    fn mini_batches_are_one_below_the_other() {
        let targets = read(X, ["0.5\n1\n", "2\n"], 1, Loss::Mse).unwrap();
        let values = vec![0.5, 1.0, 2.0];
        assert_eq!(targets, Targets::Values(Matrix { rows: 3, cols: 1, values }));
        let targets = read(X, ["1\n0\n", "2\n"], 3, Loss::CrossEntropy).unwrap();
        assert_eq!(targets, Targets::Labels(vec![1, 0, 2]));
        let probabilities = ["0.5,0.5\n1,0\n", "0.25,0.75\n"];
        let targets = read(X, probabilities, 2, Loss::CrossEntropy).unwrap();
        assert!(matches!(targets, Targets::Values(y) if y.rows == 3 && y.cols == 2));
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
