//! Activations: every one of them is single precision through and through.

use super::Agreement::{Exact, Within};
use super::Input::Values;
use super::{Memory, Task, task};
use nanocurv::network::{Mlp, Network, forward, forward_scratch};
use nanocurv::{Mat, MatMut, mlp, ntk};

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

/// A network at the parameters that the inputs begin with, and its batch behind them.
fn at<N: Network>(_: N, input: &[f32], batch: usize) -> Option<(Mlp<'_, f32>, Mat<'_, f32>)> {
    let (theta, rest) = input.split_at_checked(N::PARAMS)?;
    let x = rest.get(..N::INPUTS * batch)?;
    let net = Mlp::with_evaluate(N::LAYERS, theta, N::evaluate).ok()?;
    Some((net, Mat::of(x, N::INPUTS, batch)))
}

fn kernel<N: Network>(net: N, memory: &mut Memory, batch: usize) -> Option<&[f32]> {
    let (net, x) = at(net, &memory.input, batch)?;
    let k = MatMut::of(memory.output.get_mut(..batch * batch)?, batch, batch);
    let scratch = memory.scratch.get_mut(..ntk::scratch(N::LAYERS, batch))?;
    ntk::kernel(&net, x, k, scratch).ok()?;
    memory.output.get(..batch * batch)
}

#[inline(never)]
fn values(memory: &mut Memory) -> Option<&[f32]> {
    let (net, x) = at(Wave, &memory.input, 8)?;
    let f = MatMut::of(&mut memory.output[..8], 1, 8);
    forward(&net, x, f, &mut memory.scratch[..forward_scratch(Wave::LAYERS, 8)]).ok()?;
    memory.output.get(..8)
}

#[inline(never)]
fn wave(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Wave, memory, 8)
}

#[inline(never)]
fn every(memory: &mut Memory) -> Option<&[f32]> {
    kernel(Every, memory, 4)
}
