//! What several families begin with: the networks of the budgets, views of the memory, and the two
//! tasks that every network has.

use super::Memory;
use nanocurv::network::{Mlp, Network, forward, forward_scratch};
use nanocurv::{Mat, MatMut, mlp, ntk};

mlp! {
    /// The net of the budgets.
    pub Sensor: 4 => 8 tanh => 8 tanh => 1
}
mlp! {
    /// The same, linear: only + - x / and square roots occur.
    pub Linear: 4 => 8 => 8 => 1
}

/// `data` as `rows x cols`.
#[inline(always)]
pub fn mat(data: &[f32], rows: usize, cols: usize) -> Option<Mat<'_, f32>> {
    Mat::new("data", data, rows, cols).ok()
}

/// [`mat`], to write to.
#[inline(always)]
pub fn mat_mut(data: &mut [f32], rows: usize, cols: usize) -> Option<MatMut<'_, f32>> {
    MatMut::new("data", data, rows, cols).ok()
}

/// A network at the parameters that the inputs begin with, and its batch behind them.
pub fn at<N: Network>(_: N, input: &[f32], batch: usize) -> Option<(Mlp<'_, f32>, Mat<'_, f32>)> {
    let (theta, rest) = input.split_at_checked(N::PARAMS)?;
    let x = rest.get(..N::INPUTS * batch)?;
    let net = Mlp::with_evaluate(N::LAYERS, theta, N::evaluate).ok()?;
    Some((net, mat(x, N::INPUTS, batch)?))
}

/// The network's outputs for a batch, at the start of the output.
pub fn outputs<N: Network>(net: N, memory: &mut Memory, batch: usize) -> Option<&[f32]> {
    let (net, x) = at(net, &memory.input, batch)?;
    let f = mat_mut(memory.output.get_mut(..batch * N::OUTPUTS)?, N::OUTPUTS, batch)?;
    forward(&net, x, f, memory.scratch.get_mut(..forward_scratch(N::LAYERS, batch))?).ok()?;
    memory.output.get(..batch * N::OUTPUTS)
}

/// The kernel of a batch, at the start of the output.
pub fn kernel<N: Network>(net: N, memory: &mut Memory, batch: usize) -> Option<&[f32]> {
    let (net, x) = at(net, &memory.input, batch)?;
    let k = mat_mut(memory.output.get_mut(..batch * batch)?, batch, batch)?;
    ntk::kernel(&net, x, k, memory.scratch.get_mut(..ntk::scratch(N::LAYERS, batch))?).ok()?;
    memory.output.get(..batch * batch)
}
