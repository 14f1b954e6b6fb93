//! The optimizer's options.

use crate::args::{choice, described};
use crate::desktop::kfac::FisherKind;
use crate::desktop::train::{OptimizerKind, OptimizerSettings, TrainDamping};

/// The optimiser and its schedule.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Optimizer")]
pub struct OptimizerArgs {
    /// Which optimizer
    #[arg(long, value_parser = choice::<OptimizerKind>(), default_value_t, value_name = "NAME")]
    optimizer: OptimizerKind,
    /// The length of a step [default: 0.01 for sgd, 0.001 for adam; kfac and ekfac take the
    /// minimum of the quadratic model]
    #[arg(long, value_name = "E")]
    learning_rate: Option<f64>,
    /// How much of the last step is taken again [default: 0 with a learning rate; kfac and ekfac
    /// otherwise take the minimum of the quadratic model]
    #[arg(long, value_name = "M")]
    momentum: Option<f64>,
    /// kfac, ekfac: the damping that training starts with [default: 0.1]
    #[arg(long, value_name = "L")]
    damping: Option<f64>,
    /// kfac: how the damping enters the factors [default: pi]
    #[arg(long, value_parser = choice::<TrainDamping>(), value_name = "MODE")]
    damping_mode: Option<TrainDamping>,
    /// kfac, ekfac: steps from one decision about the damping to the next; 0 keeps it [default: 5]
    #[arg(long, value_name = "N")]
    damping_interval: Option<u32>,
    /// kfac, ekfac: the factor per step by which the damping is lowered or raised [default: 0.9]
    #[arg(long, value_name = "F")]
    damping_decay: Option<f64>,
    /// kfac, ekfac: the decay of the factors' moving average; 0 takes each batch's own
    /// [default: 0.95]
    #[arg(long, value_name = "F")]
    ema: Option<f64>,
    /// kfac, ekfac: steps from one refresh of the inverse to the next [default: 1]
    #[arg(long, value_name = "N")]
    refresh: Option<u32>,
    /// kfac, ekfac: the vectors that the output factors are made of [default: type-2]
    #[arg(long, value_parser = described(vectors), value_name = "KIND")]
    fisher: Option<FisherKind>,
    /// kfac, ekfac with a learning rate: the largest squared length of a step in the curvature's
    /// norm
    #[arg(long, value_name = "X", requires = "learning_rate")]
    clip: Option<f64>,
}

/// What the vectors are that the output factors are made of.
fn vectors(kind: FisherKind) -> &'static str {
    match kind {
        FisherKind::TypeTwo => "The columns of a root of the loss's Hessian",
        FisherKind::Mc => "A draw from the model's own distribution of targets",
        FisherKind::Empirical => "The gradients of the losses",
        FisherKind::ForwardOnly => "None: the output factors are the identity",
    }
}

impl OptimizerArgs {
    /// The optimiser as the engine takes it.
    pub fn settings(&self) -> OptimizerSettings {
        let Self {
            optimizer,
            learning_rate,
            momentum,
            damping,
            damping_mode,
            damping_interval,
            damping_decay,
            ema,
            refresh,
            fisher,
            clip,
        } = self.clone();
        OptimizerSettings {
            optimizer,
            learning_rate,
            momentum,
            damping,
            damping_mode,
            damping_interval,
            damping_decay,
            ema,
            refresh,
            fisher,
            clip,
        }
    }
}
