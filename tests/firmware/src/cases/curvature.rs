//! Curvature of a small network: products that need no matrix, and a few entries of one.

use super::Agreement::{Exact, Within};
use super::Input::Values;
use super::setup::{Linear, Sensor, mat, mat_mut};
use super::{Agreement, Memory, Task, task};
use nanocurv::curvature::{
    Batch, Damped, Ggn, Hessian, Identity, LinearOperator, Risk, Until, cg, cg_scratch,
    ggn_scratch, hessian_scratch, submatrix, submatrix_scratch,
};
use nanocurv::network::{Loss, Mlp, Network, Reduction};

/// The number of samples.
const BATCH: usize = 8;

/// The 5 x 4 sub-matrix: weights and biases of every layer.
const ROWS: [usize; 5] = [3, 35, 60, 107, 120];
const COLS: [usize; 4] = [0, 36, 104, 119];

/// tanh rounds: every layer passes on a few units in the last place.
const TANH: Agreement = Within(1e-5);

const INPUTS: &[super::Input] =
    &[Values(Sensor::PARAMS), Values(4 * BATCH), Values(BATCH), Values(Sensor::PARAMS)];

/// The rows of this family.
pub const TASKS: [Task; 5] = [
    task(
        "hessian product 4-8-8-1 batch 8",
        INPUTS,
        hessian_scratch(Sensor::LAYERS, BATCH),
        hessian,
        TANH,
    ),
    task("ggn product 4-8-8-1 batch 8", INPUTS, ggn_scratch(Sensor::LAYERS, BATCH), ggn, TANH),
    task(
        "hessian product 4-8-8-1 identity batch 8",
        INPUTS,
        hessian_scratch(Linear::LAYERS, BATCH),
        linear,
        Exact,
    ),
    task(
        "hessian 5x4 sub-matrix 4-8-8-1 batch 8",
        INPUTS,
        submatrix_scratch(Sensor::LAYERS, BATCH, true),
        entries,
        TANH,
    ),
    task(
        "ggn solve 4-8-8-1 batch 8, 10 iterations",
        INPUTS,
        SOLVE_SCRATCH,
        solve,
        // Ten steps of the recurrence on top.
        Within(1e-4),
    ),
];

/// The scratch of the solve.
const SOLVE_SCRATCH: usize = cg_scratch(Sensor::PARAMS, ggn_scratch(Sensor::LAYERS, BATCH), 0);

/// Runs `work` with the risk, the vector, the output and the scratch.
#[inline(always)]
fn with_risk<N: Network>(
    _: N,
    memory: &mut Memory,
    scratch: usize,
    values: usize,
    work: impl FnOnce(Risk<'_, f32>, &[f32], &mut [f32], &mut [f32]) -> Option<()>,
) -> Option<&[f32]> {
    let (theta, rest) = memory.input.split_at_checked(N::PARAMS)?;
    let (x, rest) = rest.split_at_checked(N::INPUTS * BATCH)?;
    let (y, rest) = rest.split_at_checked(N::OUTPUTS * BATCH)?;
    let v = rest.get(..N::PARAMS)?;
    let net = Mlp::with_evaluate(N::LAYERS, theta, N::evaluate).ok()?;
    let batches = [Batch::values(mat(x, N::INPUTS, BATCH)?, mat(y, N::OUTPUTS, BATCH)?)];
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).ok()?;
    let out = memory.output.get_mut(..values)?;
    work(risk, v, out, memory.scratch.get_mut(..scratch)?)?;
    memory.output.get(..values)
}

#[inline(never)]
fn hessian(memory: &mut Memory) -> Option<&[f32]> {
    let scratch = hessian_scratch(Sensor::LAYERS, BATCH);
    with_risk(Sensor, memory, scratch, Sensor::PARAMS, |risk, v, out, scratch| {
        Hessian::new(risk).apply(v, out, scratch).ok()
    })
}

#[inline(never)]
fn ggn(memory: &mut Memory) -> Option<&[f32]> {
    let scratch = ggn_scratch(Sensor::LAYERS, BATCH);
    with_risk(Sensor, memory, scratch, Sensor::PARAMS, |risk, v, out, scratch| {
        Ggn::new(risk).apply(v, out, scratch).ok()
    })
}

#[inline(never)]
fn linear(memory: &mut Memory) -> Option<&[f32]> {
    let scratch = hessian_scratch(Linear::LAYERS, BATCH);
    with_risk(Linear, memory, scratch, Linear::PARAMS, |risk, v, out, scratch| {
        Hessian::new(risk).apply(v, out, scratch).ok()
    })
}

#[inline(never)]
fn entries(memory: &mut Memory) -> Option<&[f32]> {
    let scratch = submatrix_scratch(Sensor::LAYERS, BATCH, true);
    with_risk(Sensor, memory, scratch, ROWS.len() * COLS.len(), |risk, _, out, scratch| {
        let out = mat_mut(out, ROWS.len(), COLS.len())?;
        submatrix(&Hessian::new(risk), &ROWS, &COLS, out, scratch).ok()
    })
}

/// `(G + 0.1 I) x = v` by conjugate gradients from 0.
#[inline(never)]
fn solve(memory: &mut Memory) -> Option<&[f32]> {
    with_risk(Sensor, memory, SOLVE_SCRATCH, Sensor::PARAMS, |risk, v, out, scratch| {
        out.fill(0.0);
        let damped = Damped::new(Ggn::new(risk), 0.1).ok()?;
        let until = Until { tolerance: 0.0, iterations: 10 };
        cg(&damped, &Identity { size: v.len() }, v, out, until, scratch).ok().map(|_| ())
    })
}
