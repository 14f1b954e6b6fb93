//! The parts of the memory, from the functions that size the firmware's arrays.

use nanocurv::dynamics::train::{is_two_layer_linear, two_layer_scratch};
use nanocurv::kfac::Inverse;
use nanocurv::network::{Layer, forward_scratch, layer};
use nanocurv::{curvature, kfac, laplace, ntk};

use crate::desktop::choice::{Choice, choices};
use crate::desktop::laplace::StructureKind;
use crate::desktop::train::OptimizerKind;

choices! {
    /// Work on a batch.
    pub enum Task {
        /// The outputs
        Forward = "forward",
        /// The gradient of a loss
        Gradient = "gradient",
        /// The tangent kernel
        Ntk = "ntk",
        /// The Jacobian
        Jacobian = "jacobian",
        /// A product with the Gauss-Newton matrix
        Ggn = "ggn",
        /// A product with the Hessian
        Hessian = "hessian",
        /// The Kronecker factors
        Factors = "factors",
        /// A step of the two-layer linear dynamics
        Dynamics = "dynamics",
    }
}

/// A part of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose it is.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How many numbers.
    pub values: usize,
    /// Whether the tasks that were asked for need it.
    pub counted: bool,
}

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The network.
    Parameters,
    /// Inputs and targets.
    Batch,
    /// What lives from step to step.
    State,
    /// What a task leaves.
    Result,
    /// What only flash holds.
    Constant,
    /// What a task works on; tasks in turn share it.
    Scratch,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Batch => "batch",
            Self::State => "state",
            Self::Result => "result",
            Self::Constant => "constant",
            Self::Scratch => "scratch",
        }
    }
}

impl Task {
    /// Whether the network can have it.
    fn applies(self, layers: &[Layer]) -> bool {
        self != Self::Dynamics || is_two_layer_linear(layers)
    }

    /// The scratch.
    fn scratch(self, layers: &[Layer], batch: usize) -> usize {
        match self {
            Self::Forward => forward_scratch(layers, batch),
            Self::Gradient => kfac::accumulate_scratch(layers, batch),
            Self::Ntk => ntk::scratch(layers, batch),
            Self::Jacobian => ntk::jacobian_scratch(layers, batch),
            Self::Ggn => curvature::ggn_scratch(layers, batch),
            Self::Hessian => curvature::hessian_scratch(layers, batch),
            Self::Factors => kfac::accumulate_scratch(layers, batch),
            Self::Dynamics => match layers {
                [first, ..] => two_layer_scratch(first.inputs, first.outputs),
                [] => 0,
            },
        }
    }

    /// What the task fills, and what it takes besides a batch.
    fn result(self, layers: &[Layer], batch: usize) -> usize {
        let params = layer::params(layers);
        match self {
            Self::Forward => layer::outputs(layers) * batch,
            Self::Gradient => params,
            Self::Ntk => batch * batch,
            Self::Jacobian => params * batch * layer::outputs(layers),
            // The vector and the product.
            Self::Ggn | Self::Hessian => 2 * params,
            Self::Factors => kfac::factors_len(layers),
            Self::Dynamics => 0,
        }
    }
}

/// What the table of measured figures calls an optimiser's step.
pub(super) fn row(optimizer: OptimizerKind) -> String {
    match optimizer {
        OptimizerKind::Kfac => "kfac optimizer step".to_owned(),
        other => format!("{} step", other.name()),
    }
}

/// The values of an optimiser that live from step to step.
fn state(optimizer: OptimizerKind, layers: &[Layer]) -> usize {
    let params = layer::params(layers);
    match optimizer {
        OptimizerKind::Kfac => kfac::optimizer_len(layers, Inverse::Factored),
        OptimizerKind::Ekfac => kfac::optimizer_len(layers, Inverse::Corrected),
        OptimizerKind::Sgd => params,
        OptimizerKind::Adam => 2 * params,
    }
}

/// The scratch of an optimiser's step.
fn scratch(optimizer: OptimizerKind, layers: &[Layer], batch: usize) -> usize {
    match optimizer {
        OptimizerKind::Kfac => kfac::optimizer_scratch(layers, Inverse::Factored, batch),
        OptimizerKind::Ekfac => kfac::optimizer_scratch(layers, Inverse::Corrected, batch),
        OptimizerKind::Sgd | OptimizerKind::Adam => kfac::accumulate_scratch(layers, batch),
    }
}

/// What the table of measured figures calls a prediction.
pub(super) fn prediction(posterior: StructureKind) -> String {
    let name = match posterior {
        StructureKind::Kron | StructureKind::Ekfac => "kronecker",
        other => other.name(),
    };
    format!("laplace {name}")
}

/// The parts of every algorithm; counted are those of the tasks, the optimiser and the posterior.
/// Behind a frozen front all but the outputs is of the other layers, and whatever works on them has
/// the features made first, in the same scratch.
pub(super) fn parts(
    whole: &[Layer],
    (freeze, batch): (usize, usize),
    tasks: &[Task],
    optimizer: Option<OptimizerKind>,
    posterior: Option<StructureKind>,
) -> Vec<Part> {
    let (front, layers) = whole.split_at(freeze);
    let features = if freeze > 0 { forward_scratch(whole, batch) } else { 0 };
    let part = |name: &str, kind, values, counted| {
        let name = name.to_owned();
        Part { name, kind, values, counted }
    };
    let (inputs, outputs) = (layer::inputs(whole) * batch, layer::outputs(whole) * batch);
    let targets = optimizer.is_some() || tasks.contains(&Task::Gradient);
    let mut parts = vec![
        part("network", Kind::Parameters, layer::params(layers), true),
        part("frozen layers", Kind::Constant, layer::params(front), true),
        part("inputs", Kind::Batch, inputs, true),
        part(
            "features",
            Kind::Batch,
            layer::inputs(layers) * batch * usize::from(freeze > 0),
            true,
        ),
        part("targets", Kind::Batch, outputs, targets),
    ];
    for task in Task::ALL.iter().filter(|task| task.applies(layers)) {
        let (name, counted) = (task.name(), tasks.contains(task));
        let layers = if *task == Task::Forward { whole } else { layers };
        let scratch = task.scratch(layers, batch).max(features);
        parts.push(part(name, Kind::Result, task.result(layers, batch), counted));
        parts.push(part(name, Kind::Scratch, scratch, counted));
    }
    for choice in OptimizerKind::ALL {
        let (name, counted) = (format!("{} step", choice.name()), optimizer == Some(*choice));
        parts.push(part(&name, Kind::State, state(*choice, layers), counted));
        let scratch = scratch(*choice, layers, batch).max(features);
        parts.push(part(&name, Kind::Scratch, scratch, counted));
    }
    if let Some(kind) = posterior {
        let structure = kind.core(false);
        let (name, outputs) = (prediction(kind), layer::outputs(layers));
        let scratch = laplace::predict_one_scratch(layers, structure).max(features);
        let numbers = laplace::posterior_len(layers, structure);
        parts.push(part("posterior", Kind::Constant, numbers, true));
        // The mean and the covariance of one sample.
        parts.push(part(&name, Kind::Result, outputs + outputs * outputs, true));
        parts.push(part(&name, Kind::Scratch, scratch, true));
    }
    parts.retain(|part| part.values > 0);
    parts
}

/// The numbers that flash holds: the initial parameters and the posterior.
pub(super) fn constant(parts: &[Part]) -> usize {
    let in_flash = |part: &&Part| matches!(part.kind, Kind::Parameters | Kind::Constant);
    parts.iter().filter(in_flash).map(|part| part.values).sum()
}

/// The numbers that are there at a time: what lasts, every result, and the largest scratch.
pub(super) fn together(parts: &[Part]) -> usize {
    let counted = || parts.iter().filter(|part| part.counted);
    let lasting = counted().filter(|part| !matches!(part.kind, Kind::Scratch | Kind::Constant));
    let lasting = lasting.map(|part| part.values);
    let scratch = counted().filter(|part| part.kind == Kind::Scratch).map(|part| part.values);
    lasting.sum::<usize>() + scratch.max().unwrap_or(0)
}
