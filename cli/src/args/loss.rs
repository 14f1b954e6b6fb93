//! LOSS: which loss, with PyTorch's meaning.

use nanocurv::network::{Loss, Reduction};

use super::choice;

/// The loss options.
#[derive(Clone, Copy, Debug, clap::Args)]
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
}
