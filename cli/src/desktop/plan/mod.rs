//! What a network needs on a microcontroller, from the very functions that size the firmware's
//! arrays, and what was measured there.
//!
//! ```text
//! RAM   = parameters + optimiser state + one batch + the largest scratch + the deepest stack
//! flash = initial parameters + posterior + the code of each task
//! ```

mod measured;
mod memory;

pub use measured::{Measured, OptLevel, Setting};
pub use memory::{Kind, Part, Task};

use super::array::Float;
use super::choice::Choice;
use super::error::Result;
use super::laplace::StructureKind;
use super::network::Network;
use super::train::OptimizerKind;

/// What is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSettings {
    /// Samples in a batch.
    pub batch: usize,
    /// The first layers, which stay as they are, in flash: all but the outputs is of the others.
    pub freeze: usize,
    /// What the firmware does besides training, in turn on one scratch.
    pub tasks: Vec<Task>,
    /// The optimiser that adapts the parameters there.
    pub optimizer: Option<OptimizerKind>,
    /// The posterior whose predictions it makes.
    pub posterior: Option<StructureKind>,
    /// How the firmware is built, for the measured figures.
    pub level: OptLevel,
}

/// What a network needs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The network and the batch.
    pub setting: Setting,
    /// The parts of the memory.
    pub parts: Vec<Part>,
    /// The figures of its tasks, as far as they were measured.
    pub measured: Vec<Measured>,
    /// The tasks that were not.
    pub unmeasured: Vec<String>,
}

/// Plans the memory of a network.
///
/// # Errors
/// If no layer is left behind the frozen ones, or the table of measured figures is damaged.
pub fn plan<T: Float>(net: &Network<T>, settings: &PlanSettings) -> Result<Plan> {
    let freeze = settings.freeze;
    net.check_freeze(freeze)?;
    let setting = setting(net, settings.batch);
    let parts = memory::parts(
        net.layers(),
        (freeze, settings.batch),
        &settings.tasks,
        settings.optimizer,
        settings.posterior,
    );
    let step = settings.optimizer.map(memory::row);
    let prediction = settings.posterior.map(memory::prediction);
    let (whole, back): (Vec<_>, Vec<_>) = settings
        .tasks
        .iter()
        .map(|task| task.name().to_owned())
        .chain(step)
        .chain(prediction)
        .partition(|task| freeze == 0 || task == Task::Forward.name());
    let mut measured = measured::measured(&whole, &setting, settings.level)?;
    let of_back = self::setting(&net.back(freeze), settings.batch);
    measured.extend(measured::measured(&back, &of_back, settings.level)?);
    let is_measured = |task: &String| measured.iter().any(|row| row.task == *task);
    let unmeasured = whole.iter().chain(&back).filter(|task| !is_measured(task)).cloned().collect();
    Ok(Plan { setting, parts, measured, unmeasured })
}

/// The rows of the table that fit a network.
fn setting<T: Float>(net: &Network<T>, batch: usize) -> Setting {
    let layers = net.layers();
    let activations: Vec<_> = layers.iter().map(|l| l.activation.name()).collect();
    let hidden = &activations[..activations.len().saturating_sub(1)];
    Setting {
        arch: net.arch().to_string(),
        activation: match hidden {
            [first, rest @ ..] if rest.iter().all(|a| a == first) => (*first).to_owned(),
            several => several.join(","),
        },
        batch,
    }
}

impl Plan {
    /// The bytes of memory, with so many bytes a value: what is counted, the largest scratch of it
    /// once, and the deepest stack.
    pub fn ram(&self, bytes: u64) -> u64 {
        let stack = self.measured.iter().filter_map(|row| row.stack).max();
        memory::together(&self.parts) as u64 * bytes + stack.unwrap_or(0)
    }

    /// The bytes of flash: the initial parameters, the posterior, and the code, as if tasks shared
    /// none.
    pub fn flash(&self, bytes: u64) -> u64 {
        let code: u64 = self.measured.iter().filter_map(|row| row.flash).sum();
        memory::constant(&self.parts) as u64 * bytes + code
    }
}
