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
