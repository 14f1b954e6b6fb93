//! Activations: every one of them is single precision through and through.

use super::Agreement::{Exact, Within};
use super::Input::Values;
use super::setup::{kernel, outputs};
use super::{Memory, Task, task};
use nanocurv::network::{Network, forward_scratch};
use nanocurv::{mlp, ntk};

mlp! {
    /// The budgets' net with sines.
    Wave: 4 => 8 sin => 8 sin => 1
}
mlp! {
    /// Each activation once.
    Every: 2 => 3 sin => 3 gelu => 3 erf => 3 softplus => 3 silu => 3 elu => 3 sigmoid
        => 3 gelu_tanh => 3 tanh => 3 leaky_relu => 3 normalized_relu => 3 relu => 1
}

const WAVE: &[super::Input] = &[Values(Wave::PARAMS), Values(4 * 8)];

/// The rows of this family.
pub const TASKS: [Task; 3] = [
    task("forward 4-8-8-1 sin batch 8", WAVE, forward_scratch(Wave::LAYERS, 8), values, Exact),
    task("ntk 4-8-8-1 sin batch 8", WAVE, ntk::scratch(Wave::LAYERS, 8), wave, Exact),
    task(
        "ntk every activation batch 4",
        &[Values(Every::PARAMS), Values(2 * 4)],
        ntk::scratch(Every::LAYERS, 4),
        every,
        Within(1e-5),
    ),
];

#[inline(never)]
fn values(memory: &mut Memory) -> Option<&[f32]> {
    outputs(Wave, memory, 8)
}

#[inline(never)]
fn wave(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Wave, memory, 8)
}

#[inline(never)]
fn every(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Every, memory, 4)
}
