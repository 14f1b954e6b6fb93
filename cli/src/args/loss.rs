//! LOSS: which loss, with PyTorch's meaning.

use clap::ValueEnum;
use nanocurv::network;

use crate::dense;

/// The loss options.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Loss")]
pub struct LossArgs {
    /// The loss, as PyTorch defines it; bce takes logits
    #[arg(long, value_enum, value_name = "LOSS")]
    pub loss: Loss,
    /// Mean (mse and bce divide by N*O, cross-entropy by N) or sum
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub reduction: Reduction,
}

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Loss {
    /// Squared error
    Mse,
    /// Cross-entropy of the softmax; targets are labels or probabilities
    CrossEntropy,
    /// Binary cross-entropy of every output
    Bce,
}

/// How the terms of the loss are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Reduction {
    /// Divided by their number
    #[default]
    Mean,
    /// Undivided
    Sum,
}

impl LossArgs {
    /// The loss as the core knows it.
    pub fn core(&self) -> (network::Loss, network::Reduction) {
        let loss = match self.loss {
            Loss::Mse => network::Loss::Mse,
            Loss::CrossEntropy => network::Loss::CrossEntropy,
            Loss::Bce => network::Loss::Bce,
        };
        let reduction = match self.reduction {
            Reduction::Mean => network::Reduction::Mean,
            Reduction::Sum => network::Reduction::Sum,
        };
        (loss, reduction)
    }

    /// The loss as the references know it.
    pub fn reference(&self) -> (dense::Loss, dense::Reduction) {
        let loss = match self.loss {
            Loss::Mse => dense::Loss::Mse,
            Loss::CrossEntropy => dense::Loss::CrossEntropy,
            Loss::Bce => dense::Loss::Bce,
        };
        let reduction = match self.reduction {
            Reduction::Mean => dense::Reduction::Mean,
            Reduction::Sum => dense::Reduction::Sum,
        };
        (loss, reduction)
    }
}
