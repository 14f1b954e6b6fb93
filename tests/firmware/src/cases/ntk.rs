//! The tangent kernel, and the forward pass beside it.

use super::Agreement::Exact;
use super::Input::{Given, Values};
use super::setup::{Linear, Sensor, at, kernel, mat_mut, outputs};
use super::{Memory, Task, task};
use nanocurv::network::{Network, forward_scratch};
use nanocurv::{mlp, ntk};

mlp! {
    /// A second network, to see what it adds to the flash.
    Second: 6 => 12 tanh => 3
}
mlp! {
    /// The layerwise-NTK notebook's net.
    Notebook: 2 => 3 tanh => 3 tanh => 1
}
mlp! {
    /// The same without activations: its kernel begins with 54.5217.
    NotebookLinear: 2 => 3 => 3 => 1
}

/// The notebook's parameters: W0, b0, W1, b1, W2, b2.
const NOTEBOOK_THETA: &[f32] = &[
    1.5961862,
    0.555156,
    0.95366997,
    0.3546575,
    -0.4058653,
    -0.4465152,
    -1.7694367,
    0.40124533,
    -0.34443706,
    1.2256708,
    0.60815984,
    -0.14025971,
    -0.52029365,
    1.4325906,
    -0.77428114,
    1.6886802,
    -0.7233269,
    1.3780843,
    -1.6797283,
    -0.942271,
    0.6965487,
    -0.2903615,
    1.0965873,
    -0.35206154,
    -0.14594704,
];

/// The notebook's three samples.
const NOTEBOOK_X: &[f32] =
    &[-0.41675785, -0.056266826, -2.1361961, 1.6402708, -1.7934356, -0.84174734];

/// The rows of this family.
pub const TASKS: [Task; 6] = [
    task(
        "forward 4-8-8-1 batch 8",
        &[Values(Sensor::PARAMS), Values(4 * 8)],
        forward_scratch(Sensor::LAYERS, 8),
        sensor_forward,
        Exact,
    ),
    task(
        "ntk 4-8-8-1 batch 8",
        &[Values(Sensor::PARAMS), Values(4 * 8)],
        ntk::scratch(Sensor::LAYERS, 8),
        sensor,
        Exact,
    ),
    task(
        "ntk 4-8-8-1 identity batch 8",
        &[Values(Linear::PARAMS), Values(4 * 8)],
        ntk::scratch(Linear::LAYERS, 8),
        linear,
        Exact,
    ),
    task(
        "ntk 4-8-8-1 and 6-12-3 batch 8",
        &[Values(Sensor::PARAMS), Values(4 * 8), Values(Second::PARAMS), Values(6 * 8)],
        larger(ntk::scratch(Sensor::LAYERS, 8), ntk::scratch(Second::LAYERS, 8)),
        two,
        Exact,
    ),
    task(
        "ntk notebook 2-3-3-1 batch 3",
        &[Given(NOTEBOOK_THETA), Given(NOTEBOOK_X)],
        ntk::scratch(Notebook::LAYERS, 3),
        notebook,
        Exact,
    ),
    task(
        "ntk notebook 2-3-3-1 identity batch 3",
        &[Given(NOTEBOOK_THETA), Given(NOTEBOOK_X)],
        ntk::scratch(NotebookLinear::LAYERS, 3),
        notebook_linear,
        Exact,
    ),
];

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

#[inline(never)]
fn sensor_forward(memory: &mut Memory) -> Option<&[f32]> {
    outputs(Sensor, memory, 8)
}

#[inline(never)]
fn sensor(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Sensor, memory, 8)
}

#[inline(never)]
fn linear(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Linear, memory, 8)
}

#[inline(never)]
fn two(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Sensor, memory, 8)?;
    let (_, input) = memory.input.split_at_checked(Sensor::PARAMS + 4 * 8)?;
    let (net, x) = at(Second, input, 8)?;
    let k = mat_mut(&mut memory.output[64..128], 8, 8)?;
    let scratch = &mut memory.scratch[..ntk::scratch(Second::LAYERS, 8)];
    ntk::kernel(&net, x, k, scratch).ok()?;
    memory.output.get(..128)
}

#[inline(never)]
fn notebook(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Notebook, memory, 3)
}

#[inline(never)]
fn notebook_linear(memory: &mut Memory) -> Option<&[f32]> {
    kernel(NotebookLinear, memory, 3)
}
