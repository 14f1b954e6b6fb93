//! The Laplace posterior: mean and variance of one sample, the last layer's stream, a fit.

use super::Agreement::Exact;
use super::Input::{Positive, Values, Variances};
use super::setup::{Sensor, at, mat, mat_mut, outputs};
use super::{Input, Memory, Task, task};
use nanocurv::kfac::Bias;
use nanocurv::laplace::{
    Fit, Per, Posterior, Prior, Spectrum, Stream, Structure, Tuning, accumulate,
    accumulate_scratch, decompose, decompose_scratch, maximize, maximize_scratch, posterior_len,
    predict_one_scratch, probit, spectrum_len, stream_len, stream_scratch, sums_len,
};
use nanocurv::linalg::{axpy, dot};
use nanocurv::mlp;
use nanocurv::network::{Layer, Loss, Mlp, Network, Targets, features, forward_scratch};

mlp! {
    /// Three classes.
    Classes: 4 => 8 tanh => 3
}

const KRONECKER: Structure = Structure::Kronecker(Bias::Joint);
/// Its last layer, and how many parameters are before it.
const LAST: &[Layer] = Sensor::LAYERS.split_at(2).1;
const BEFORE: usize = Sensor::PARAMS - 9;

const STREAM: &[Input] =
    &[Values(Sensor::PARAMS), Values(4), Variances(stream_len(&LAST[0])), Values(1)];

/// What the posteriors of the predictions are taken from.
const CHECKED: &[Input] = &[
    Values(5 * 5 + 8 * 8),
    Variances(5 * 8),
    Values(9 * 9 + 8 * 8),
    Variances(9 * 8),
    Values(9 * 9 + 1),
    Variances(9),
];

/// The rows of this family; a prediction is that of one sample, at a posterior whose numbers have
/// been checked once, which is a row of its own.
pub const TASKS: [Task; 10] = [
    task(
        "forward 4-8-8-1 batch 1",
        &[Values(Sensor::PARAMS), Values(4)],
        forward_scratch(Sensor::LAYERS, 1),
        forward,
        Exact,
    ),
    task(
        "laplace kronecker 4-8-8-1",
        &[
            Values(Sensor::PARAMS),
            Values(4 + 5 * 5 + 8 * 8),
            Variances(5 * 8),
            Values(9 * 9 + 8 * 8),
            Variances(9 * 8),
            Values(9 * 9 + 1),
            Variances(9),
        ],
        predict_one_scratch(Sensor::LAYERS, KRONECKER),
        kronecker,
        Exact,
    ),
    task("laplace check kronecker 4-8-8-1", CHECKED, 0, check, Exact),
    task(
        "laplace diagonal 4-8-8-1",
        &[Values(Sensor::PARAMS), Values(4), Variances(Sensor::PARAMS)],
        predict_one_scratch(Sensor::LAYERS, Structure::Diagonal),
        diagonal,
        Exact,
    ),
    task(
        "laplace last layer 4-8-8-1",
        &[Values(Sensor::PARAMS), Values(4), Values(9 * 9 + 1), Variances(9)],
        larger(forward_scratch(Sensor::LAYERS, 1), predict_one_scratch(LAST, KRONECKER)),
        last_layer,
        Exact,
    ),
    task(
        "laplace stream predict 4-8-8-1",
        STREAM,
        larger(forward_scratch(Sensor::LAYERS, 1), stream_scratch(&LAST[0])),
        stream_predict,
        Exact,
    ),
    task(
        "laplace stream update 4-8-8-1",
        STREAM,
        larger(forward_scratch(Sensor::LAYERS, 1), stream_scratch(&LAST[0])),
        stream_update,
        Exact,
    ),
    task(
        "laplace plain update 4-8-8-1",
        &[Values(Sensor::PARAMS), Values(4), Positive(9), Values(1)],
        larger(forward_scratch(Sensor::LAYERS, 1), 9),
        plain_update,
        Exact,
    ),
    task(
        "laplace kronecker probit 4-8-3",
        &[
            Values(Classes::PARAMS),
            Values(4 + 5 * 5 + 8 * 8),
            Variances(5 * 8),
            Values(9 * 9 + 3 * 3),
            Variances(9 * 3),
        ],
        predict_one_scratch(Classes::LAYERS, KRONECKER),
        classes,
        Exact,
    ),
    task(
        "laplace fit kronecker 4-8-8-1 batch 8",
        &[Values(Sensor::PARAMS), Values(4 * 8), Values(8)],
        larger(
            accumulate_scratch(Sensor::LAYERS, KRONECKER, 8),
            decompose_scratch(Sensor::LAYERS, KRONECKER),
        ),
        fit,
        Exact,
    ),
];

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

#[inline(never)]
fn forward(memory: &mut Memory) -> Option<&[f32]> {
    outputs(Sensor, memory, 1)
}

/// Mean and covariance behind it, with the posterior behind the sample.
fn predict<N: Network>(net: N, memory: &mut Memory, structure: Structure) -> Option<&[f32]> {
    let (net, x) = at(net, &memory.input, 1)?;
    let start = N::PARAMS + N::INPUTS;
    let numbers = memory.input.get(start..start + posterior_len(N::LAYERS, structure))?;
    let posterior = Posterior::new(N::LAYERS, structure, 0.5, numbers).ok()?;
    let len = N::OUTPUTS + N::OUTPUTS * N::OUTPUTS;
    let (mean, covariance) = memory.output.get_mut(..len)?.split_at_mut_checked(N::OUTPUTS)?;
    let scratch = memory.scratch.get_mut(..predict_one_scratch(N::LAYERS, structure))?;
    posterior.predict_one(&net, x.data(), mean, covariance, scratch).ok()?;
    memory.output.get(..len)
}

#[inline(never)]
fn kronecker(memory: &mut Memory) -> Option<&[f32]> {
    predict(Sensor, memory, KRONECKER)
}

/// What a firmware does once with the posterior in its flash.
#[inline(never)]
fn check(memory: &mut Memory) -> Option<&[f32]> {
    const LEN: usize = posterior_len(Sensor::LAYERS, KRONECKER);
    let posterior =
        Posterior::from_exported(Sensor::LAYERS, KRONECKER, 0.5, memory.input.get(..LEN)?).ok()?;
    *memory.output.first_mut()? = posterior.noise_variance();
    memory.output.get(..1)
}

#[inline(never)]
fn diagonal(memory: &mut Memory) -> Option<&[f32]> {
    predict(Sensor, memory, Structure::Diagonal)
}

/// The features of one sample, in the output behind mean and variance.
fn sensor_features<'m>(
    net: &Mlp<'_, f32>,
    x: nanocurv::Mat<'_, f32>,
    output: &'m mut [f32],
    scratch: &mut [f32],
) -> Option<(&'m mut [f32], &'m mut [f32])> {
    let (result, phi) = output.get_mut(..10)?.split_at_mut_checked(2)?;
    let scratch = scratch.get_mut(..forward_scratch(Sensor::LAYERS, 1))?;
    features(net, 2, x, mat_mut(phi, 8, 1)?, scratch).ok()?;
    Some((result, phi))
}

#[inline(never)]
fn last_layer(memory: &mut Memory) -> Option<&[f32]> {
    const LEN: usize = posterior_len(LAST, KRONECKER);
    let (net, x) = at(Sensor, &memory.input, 1)?;
    let start = Sensor::PARAMS + 4;
    let numbers = memory.input.get(start..start + LEN)?;
    let posterior = Posterior::new(LAST, KRONECKER, 0.5, numbers).ok()?;
    let (result, phi) = sensor_features(&net, x, &mut memory.output, &mut memory.scratch)?;
    let (mean, variance) = result.split_at_mut_checked(1)?;
    let back = net.back(2).ok()?;
    let scratch = memory.scratch.get_mut(..predict_one_scratch(LAST, KRONECKER))?;
    posterior.predict_one(&back, phi, mean, variance, scratch).ok()?;
    memory.output.get(..2)
}

#[inline(never)]
fn stream_predict(memory: &mut Memory) -> Option<&[f32]> {
    const LEN: usize = stream_len(&LAST[0]);
    let (given, state) = memory.input.split_at_mut_checked(Sensor::PARAMS + 4)?;
    let stream = Stream::resume(&LAST[0], 0.5, state.get_mut(..LEN)?).ok()?;
    let (net, x) = at(Sensor, given, 1)?;
    let (result, phi) = sensor_features(&net, x, &mut memory.output, &mut memory.scratch)?;
    let (mean, variance) = result.split_at_mut_checked(1)?;
    let theta = net.theta().get(BEFORE..)?;
    let scratch = memory.scratch.get_mut(..stream_scratch(&LAST[0]))?;
    *variance.first_mut()? = stream.predict(theta, phi, mean, scratch).ok()?;
    memory.output.get(..2)
}

/// The last layer's parameters and the state, of one sample.
#[inline(never)]
fn stream_update(memory: &mut Memory) -> Option<&[f32]> {
    const LEN: usize = stream_len(&LAST[0]);
    let (given, rest) = memory.input.split_at_mut_checked(Sensor::PARAMS + 4)?;
    let (state, target) = rest.get_mut(..LEN + 1)?.split_at_mut_checked(LEN)?;
    let (net, x) = at(Sensor, given, 1)?;
    let (_, phi) = sensor_features(&net, x, &mut memory.output, &mut memory.scratch)?;
    let mut stream = Stream::resume(&LAST[0], 0.5, state).ok()?;
    let theta = given.get_mut(BEFORE..Sensor::PARAMS)?;
    let scratch = memory.scratch.get_mut(..stream_scratch(&LAST[0]))?;
    stream.update(phi, target, theta, scratch).ok()?;
    memory.input.get(BEFORE..Sensor::PARAMS + 4 + LEN)
}

/// The same by the covariance itself, all of it: `w := w + k (y - w^T a)`, `P := P - k s^T`. A
/// yardstick: it loses its symmetry and its sign to rounding.
#[inline(never)]
fn plain_update(memory: &mut Memory) -> Option<&[f32]> {
    let (given, rest) = memory.input.split_at_mut_checked(Sensor::PARAMS + 4)?;
    let (state, target) = rest.get_mut(..82)?.split_at_mut_checked(81)?;
    let (net, x) = at(Sensor, given, 1)?;
    let output = memory.output.get_mut(..11)?;
    let (_, phi) = sensor_features(&net, x, output, &mut memory.scratch)?;
    if !phi.iter().chain(&*state).chain(&*target).all(|v| v.is_finite()) {
        return None;
    }
    let a = output.get_mut(2..)?;
    *a.last_mut()? = 1.0;
    let theta = given.get_mut(BEFORE..Sensor::PARAMS)?;
    let error = target.first()? - dot(theta, a);
    let s = memory.scratch.get_mut(..9)?;
    s.iter_mut().zip(state.chunks_exact(9)).for_each(|(s, p)| *s = dot(p, a));
    let gain = 1.0 / (0.25 + dot(a, s));
    axpy(error * gain, s, theta);
    state.chunks_exact_mut(9).zip(&*s).for_each(|(p, k)| axpy(-gain * *k, s, p));
    memory.input.get(BEFORE..Sensor::PARAMS + 4 + 81)
}

/// The probabilities of three classes.
#[inline(never)]
fn classes(memory: &mut Memory) -> Option<&[f32]> {
    predict(Classes, memory, KRONECKER)?;
    let (mean, rest) = memory.output.split_at_mut_checked(3)?;
    let (covariance, to) = rest.split_at_mut_checked(9)?;
    probit(Loss::CrossEntropy, mean, mat(covariance, 3, 3)?, to.get_mut(..3)?).ok()?;
    memory.output.get(12..15)
}

/// Sums of a batch, their spectrum, the prior and the noise that it asks for, and the posterior at
/// these.
#[inline(never)]
fn fit(memory: &mut Memory) -> Option<&[f32]> {
    const POSTERIOR: usize = posterior_len(Sensor::LAYERS, KRONECKER);
    let (net, x) = at(Sensor, &memory.input, 8)?;
    let y = memory.input.get(Sensor::PARAMS + 4 * 8..)?.get(..8)?;
    let targets = Targets::Values(mat(y, 1, 8)?);
    let (numbers, rest) = memory.output.split_at_mut_checked(POSTERIOR)?;
    let (sums, rest) = rest.split_at_mut_checked(sums_len(Sensor::LAYERS, KRONECKER))?;
    let spectrum = rest.get_mut(..spectrum_len(Sensor::LAYERS, KRONECKER))?;

    let scratch = memory.scratch.get_mut(..accumulate_scratch(Sensor::LAYERS, KRONECKER, 8))?;
    let value = accumulate(&net, x, targets, Loss::Mse, KRONECKER, 0.0, sums, scratch).ok()?;
    let (mut precision, mut h) = (1.0, 1.0);
    let scratch = memory.scratch.get_mut(..decompose_scratch(Sensor::LAYERS, KRONECKER))?;
    decompose(Sensor::LAYERS, KRONECKER, Prior::of(&precision), sums, spectrum, scratch).ok()?;
    let spectrum = Spectrum::new(Sensor::LAYERS, KRONECKER, Per::Network, spectrum).ok()?;
    let scratch = memory.scratch.get_mut(..maximize_scratch(Sensor::LAYERS, Per::Network))?;
    let (fit, tuning) = (Fit { loss: Loss::Mse, value, samples: 8 }, Tuning::default());
    let precisions = core::slice::from_mut(&mut precision);
    maximize(&spectrum, net.theta(), fit, tuning, precisions, &mut h, scratch).ok()?;
    let sigma = 1.0 / nanocurv::Real::sqrt(h);
    Posterior::write(&spectrum, Prior::of(&precision), sigma, numbers).ok()?;
    memory.output.get(..POSTERIOR)
}
