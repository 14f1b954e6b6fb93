//! K-FAC: steps of the sensor's net, blocks of one layer.

use super::Agreement::{Exact, Within};
use super::Input::{Positive, Values};
use super::setup::{Linear, Sensor, mat, mat_mut};
use super::{Memory, Task, task};
use nanocurv::kfac::{
    Damping, Factored, Fisher, Inverse, Kronecker, Optimizer, Progress, Series, SeriesOption,
    Settings, Weights, accumulate, accumulate_scratch, factored_len, factors_len, gradient,
    natural_gradient, natural_gradient_scratch, optimizer_len, optimizer_scratch, series_scratch,
};
use nanocurv::network::{Back, Loss, Mlp, Network, Reduction, Targets, features, forward_scratch};
use nanocurv::{Mat, mlp};

mlp! {
    /// What learns behind two frozen layers.
    pub Head: 8 => 1, back of Sensor
}

/// The features of a batch of 8.
const FEATURES: usize = 8 * 8;

const INPUTS: &[super::Input] = &[Values(Sensor::PARAMS), Values(5 * 8)];

/// The rows of this family.
pub const TASKS: [Task; 9] = [
    task(
        "kfac step 4-8-8-1 batch 8",
        INPUTS,
        natural_gradient_scratch(Sensor::LAYERS, 8),
        step,
        Exact,
    ),
    task(
        "kfac step 4-8-8-1 identity batch 8",
        INPUTS,
        natural_gradient_scratch(Linear::LAYERS, 8),
        linear_step,
        Exact,
    ),
    task(
        "kfac step 4-8-8-1 batch 1",
        &[Values(Sensor::PARAMS), Values(5)],
        natural_gradient_scratch(Sensor::LAYERS, 1),
        stream_step,
        Exact,
    ),
    task(
        "kfac frozen step 4-8-8-1 batch 8",
        INPUTS,
        FEATURES + natural_gradient_scratch(Head::LAYERS, 8),
        frozen_step,
        Exact,
    ),
    task(
        "kfac factors 4-8-8-1 batch 8",
        INPUTS,
        accumulate_scratch(Sensor::LAYERS, 8),
        factors,
        Exact,
    ),
    task(
        "gradient 4-8-8-1 batch 8",
        INPUTS,
        accumulate_scratch(Sensor::LAYERS, 8),
        loss_gradient,
        Exact,
    ),
    task(
        "kfac optimizer step 4-8-8-1 batch 8",
        INPUTS,
        optimizer_scratch(Sensor::LAYERS, Inverse::Factored, 8),
        optimizer_step,
        Exact,
    ),
    task(
        "factor and precondition 8x9",
        &[Positive(9), Positive(8), Values(72)],
        factored_len(9, 8),
        precondition,
        Exact,
    ),
    task(
        "kfac series option 2 5x3",
        &[Positive(5), Values(25), Positive(3), Values(9), Values(15)],
        series_scratch(5, 3),
        series,
        Within(1e-4),
    ),
];

/// Parameters, inputs and targets of a batch.
type Problem<'m, const P: usize> = (&'m [f32; P], Mat<'m, f32>, Targets<'m, f32>);

fn problem(input: &[f32], batch: usize) -> Option<Problem<'_, { Sensor::PARAMS }>> {
    let (theta, rest) = input.split_first_chunk()?;
    let (x, rest) = rest.split_at_checked(4 * batch)?;
    let y = mat(rest.get(..batch)?, 1, batch)?;
    Some((theta, mat(x, 4, batch)?, Targets::Values(y)))
}

fn natural<N: Network>(_: N, memory: &mut Memory, batch: usize) -> Option<&[f32]> {
    let (theta, x, y) = problem(&memory.input, batch)?;
    let net = Mlp::with_evaluate(N::LAYERS, theta, N::evaluate).ok()?;
    let to = memory.output.get_mut(..Sensor::PARAMS)?;
    let scratch = memory.scratch.get_mut(..natural_gradient_scratch(N::LAYERS, batch))?;
    let damping = (0.1, Damping::Pi);
    natural_gradient(&net, x, y, (Loss::Mse, Reduction::Mean), damping, to, scratch).ok()?;
    memory.output.get(..Sensor::PARAMS)
}

#[inline(never)]
fn step(memory: &mut Memory) -> Option<&[f32]> {
    natural(Sensor, memory, 8)
}

/// On the last layer alone: the features of the first two, then their step.
#[inline(never)]
fn frozen_step(memory: &mut Memory) -> Option<&[f32]> {
    let (theta, x, y) = problem(&memory.input, 8)?;
    let (phi, scratch) = memory.scratch.split_at_mut_checked(FEATURES)?;
    let front = scratch.get_mut(..forward_scratch(Sensor::LAYERS, 8))?;
    features(&Sensor.at(theta).ok()?, Head::FIRST, x, mat_mut(phi, 8, 8)?, front).ok()?;
    let head = Mlp::with_evaluate(Head::LAYERS, Head::part(theta), Head::evaluate).ok()?;
    let to = memory.output.get_mut(..Head::PARAMS)?;
    let (loss, damping) = ((Loss::Mse, Reduction::Mean), (0.1, Damping::Pi));
    let scratch = scratch.get_mut(..natural_gradient_scratch(Head::LAYERS, 8))?;
    natural_gradient(&head, mat(phi, 8, 8)?, y, loss, damping, to, scratch).ok()?;
    memory.output.get(..Head::PARAMS)
}

#[inline(never)]
fn linear_step(memory: &mut Memory) -> Option<&[f32]> {
    natural(Linear, memory, 8)
}

#[inline(never)]
fn stream_step(memory: &mut Memory) -> Option<&[f32]> {
    natural(Sensor, memory, 1)
}

#[inline(never)]
fn factors(memory: &mut Memory) -> Option<&[f32]> {
    const LEN: usize = factors_len(Sensor::LAYERS);
    let (theta, x, y) = problem(&memory.input, 8)?;
    let net = Sensor.at(theta).ok()?;
    let to = memory.output.get_mut(..LEN)?;
    to.fill(0.0);
    let weights = Weights::batch(Loss::Mse, Reduction::Mean, 8, 1);
    let scratch = memory.scratch.get_mut(..accumulate_scratch(Sensor::LAYERS, 8))?;
    accumulate(&net, x, y, Loss::Mse, Fisher::TypeTwo, weights, to, scratch).ok()?;
    memory.output.get(..LEN)
}

#[inline(never)]
fn loss_gradient(memory: &mut Memory) -> Option<&[f32]> {
    let (theta, x, y) = problem(&memory.input, 8)?;
    let net = Sensor.at(theta).ok()?;
    let to = memory.output.get_mut(..Sensor::PARAMS)?;
    to.fill(0.0);
    let scratch = memory.scratch.get_mut(..accumulate_scratch(Sensor::LAYERS, 8))?;
    gradient(&net, x, y, Loss::Mse, 0.125, to, scratch).ok()?;
    memory.output.get(..Sensor::PARAMS)
}

/// Moving averages, pi damping, the quadratic model's step: the state stands in the output.
#[inline(never)]
fn optimizer_step(memory: &mut Memory) -> Option<&[f32]> {
    const LEN: usize = optimizer_len(Sensor::LAYERS, Inverse::Factored);
    let (theta, rest) = memory.output.split_at_mut_checked(Sensor::PARAMS)?;
    let (initial, x, y) = problem(&memory.input, 8)?;
    theta.iter_mut().zip(initial).for_each(|(t, i)| *t = *i);
    let state = rest.get_mut(..LEN)?;
    state.fill(0.0);
    let settings = Settings::standard(Loss::Mse);
    let progress = Progress::start(0.1, settings.decay);
    let net = Sensor.architecture().ok()?;
    let mut optimizer =
        Optimizer::<_, Factored>::new(Sensor::LAYERS, settings, progress, state).ok()?;
    let scratch = optimizer_scratch(Sensor::LAYERS, Inverse::Factored, 8);
    let scratch = memory.scratch.get_mut(..scratch)?;
    optimizer.step(&net, theta, x, y, Fisher::TypeTwo, scratch).ok()?;
    memory.output.get(..Sensor::PARAMS)
}

/// `(A + a I)^-1 V (G + g I)^-1` for one layer with 8 inputs, a bias and 8 outputs.
#[inline(never)]
fn precondition(memory: &mut Memory) -> Option<&[f32]> {
    let (a, rest) = memory.input[..217].split_at_mut_checked(81)?;
    let (g, v) = rest.split_at_mut_checked(64)?;
    let block = Kronecker::new(mat(a, 9, 9)?, mat(g, 8, 8)?).ok()?;
    let split = block.split(0.25, Damping::Off).ok()?;
    let factored = block.factor(split, memory.scratch.get_mut(..factored_len(9, 8))?).ok()?;
    factored.solve(mat_mut(v, 9, 8)?).ok()?;
    memory.input.get(145..217)
}

#[inline(never)]
fn series(memory: &mut Memory) -> Option<&[f32]> {
    let (a0, rest) = memory.input[..83].split_at_mut_checked(25)?;
    let (a1, rest) = rest.split_at_mut_checked(25)?;
    let (g0, rest) = rest.split_at_mut_checked(9)?;
    let (g1, v) = rest.split_at_mut_checked(9)?;
    // Consistent with C0: far smaller.
    a1.iter_mut().chain(g1.iter_mut()).for_each(|v| *v *= 0.25);
    let a = (mat(a0, 5, 5)?, mat(a1, 5, 5)?);
    let g = (mat(g0, 3, 3)?, mat(g1, 3, 3)?);
    let series = Series::new(a, g, 4).ok()?;
    let scratch = memory.scratch.get_mut(..series_scratch(5, 3))?;
    series.solve(SeriesOption::Two, 0.3, mat_mut(v, 5, 3)?, scratch).ok()?;
    memory.input.get(68..83)
}
