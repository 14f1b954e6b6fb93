//! LOSS: which loss, with PyTorch's meaning.

use nanocurv::network::{Loss, Reduction};

use super::choice;
use crate::io::Source;

/// The loss options.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Loss")]
pub struct LossArgs {
    /// The loss, as PyTorch defines it; bce takes logits
    #[arg(long, value_parser = choice::<Loss>(), value_name = "LOSS")]
    pub loss: Loss,
    /// Mean (mse and bce divide by N*O, cross-entropy by N) or sum
    #[arg(
        long,
        value_parser = choice::<Reduction>(),
        default_value = "mean",
        value_name = "KIND"
    )]
    pub reduction: Reduction,
    /// Cross-entropy: a weight for each class, separated by commas; the mean divides by the sum of
    /// the samples' weights, as PyTorch's does
    #[arg(long, value_name = "W", value_delimiter = ',')]
    pub class_weights: Vec<f64>,
    /// Cross-entropy: the share of each label that goes to all classes alike
    #[arg(long, value_name = "E", default_value_t = 0.0)]
    pub label_smoothing: f64,
    /// Cross-entropy: samples with this label do not count
    #[arg(long, value_name = "LABEL", allow_negative_numbers = true)]
    pub ignore_label: Option<i64>,
    /// A weight for each sample, as many times as --data, in any format that data come in; the mean
    /// divides by their sum
    #[arg(long, value_name = "FILE")]
    pub weights: Vec<Source>,
}
