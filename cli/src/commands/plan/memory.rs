//! The parts of the memory, from the functions that size the firmware's arrays.

use clap::ValueEnum;
use nanocurv::dynamics::train::{is_two_layer_linear, two_layer_scratch};
use nanocurv::kfac::Inverse;
use nanocurv::network::{Layer, forward_scratch, layer};
use nanocurv::{curvature, kfac, ntk};

/// Work on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// The outputs
    Forward,
    /// The gradient of a loss
    Gradient,
    /// The tangent kernel
    Ntk,
    /// The Jacobian
    Jacobian,
    /// A product with the Gauss-Newton matrix
    Ggn,
    /// A product with the Hessian
    Hessian,
    /// The Kronecker factors
    Factors,
    /// A step of the two-layer linear dynamics
    Dynamics,
}

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Optimizer {
    /// Kronecker-factored curvature
    Kfac,
    /// The same with corrected eigenvalues
    Ekfac,
    /// Gradient descent with momentum
    Sgd,
    /// Adam
    Adam,
}

/// A part of the memory.
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
            Self::Scratch => "scratch",
        }
    }
}

/// The name that a choice has on the command line.
pub fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl Task {
    /// Whether the network can have it.
    fn applies(self, layers: &[Layer]) -> bool {
        self != Self::Dynamics || is_two_layer_linear(layers)
    }

    /// The scratch.
    pub fn scratch(self, layers: &[Layer], batch: usize) -> usize {
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

impl Optimizer {
    /// What the table of measured figures calls its step.
    pub fn row(self) -> String {
        match self {
            Self::Kfac => "kfac optimizer step".to_owned(),
            _ => format!("{} step", name(self)),
        }
    }

    /// The values that live from step to step.
    pub fn state(self, layers: &[Layer]) -> usize {
        let params = layer::params(layers);
        match self {
            Self::Kfac => kfac::optimizer_len(layers, Inverse::Factored),
            Self::Ekfac => kfac::optimizer_len(layers, Inverse::Corrected),
            Self::Sgd => params,
            Self::Adam => 2 * params,
        }
    }

    /// The scratch of a step.
    pub fn scratch(self, layers: &[Layer], batch: usize) -> usize {
        let gradient = kfac::accumulate_scratch(layers, batch);
        match self {
            Self::Kfac => kfac::optimizer_scratch(layers, Inverse::Factored, batch),
            Self::Ekfac => kfac::optimizer_scratch(layers, Inverse::Corrected, batch),
            Self::Sgd | Self::Adam => gradient,
        }
    }
}

/// The parts of every algorithm; counted are those of `tasks` and `optimizer`.
pub fn parts(
    layers: &[Layer],
    batch: usize,
    tasks: &[Task],
    optimizer: Option<Optimizer>,
) -> Vec<Part> {
    let part = |name: &str, kind, values, counted| {
        let name = name.to_owned();
        Part { name, kind, values, counted }
    };
    let (inputs, outputs) = (layer::inputs(layers) * batch, layer::outputs(layers) * batch);
    let targets = optimizer.is_some() || tasks.contains(&Task::Gradient);
    let mut parts = vec![
        part("network", Kind::Parameters, layer::params(layers), true),
        part("inputs", Kind::Batch, inputs, true),
        part("targets", Kind::Batch, outputs, targets),
    ];
    for task in Task::value_variants().iter().filter(|task| task.applies(layers)) {
        let (name, counted) = (name(*task), tasks.contains(task));
        parts.push(part(&name, Kind::Result, task.result(layers, batch), counted));
        parts.push(part(&name, Kind::Scratch, task.scratch(layers, batch), counted));
    }
    for choice in Optimizer::value_variants() {
        let (name, counted) = (format!("{} step", name(*choice)), optimizer == Some(*choice));
        parts.push(part(&name, Kind::State, choice.state(layers), counted));
        parts.push(part(&name, Kind::Scratch, choice.scratch(layers, batch), counted));
    }
    parts.retain(|part| part.values > 0);
    parts
}

/// The numbers that are there at a time: what lasts, every result, and the largest scratch.
pub fn together(parts: &[Part]) -> usize {
    let counted = || parts.iter().filter(|part| part.counted);
    let lasting = counted().filter(|part| part.kind != Kind::Scratch).map(|part| part.values);
    let scratch = counted().filter(|part| part.kind == Kind::Scratch).map(|part| part.values);
    lasting.sum::<usize>() + scratch.max().unwrap_or(0)
}
