//! Learning dynamics of two-layer linear networks.

use super::Agreement::{Exact, Within};
use super::Input::{Given, Positive, Values};
use super::setup::{mat, mat_mut};
use super::{Memory, Task, task};
use nanocurv::dynamics::Rates;
use nanocurv::dynamics::ensemble::Ensemble;
use nanocurv::dynamics::field::Plane;
use nanocurv::dynamics::flow::{Modes, integrate, integrate_scratch};
use nanocurv::dynamics::modes::Mode;
use nanocurv::dynamics::optimum::{w_min, w_min_scratch};
use nanocurv::dynamics::reduction::{rank_one, reduce, reduce_scratch};
use nanocurv::dynamics::risk::{Feature, TurningPoint, excess_risk, turning_points};
use nanocurv::dynamics::spectrum::{two_layer_spectrum, two_layer_spectrum_scratch};
use nanocurv::dynamics::teacher::{Modulation, Teacher, teacher_scratch};
use nanocurv::dynamics::train::{TwoLayer, rank_one_start, two_layer_scratch};
use nanocurv::random::Rng;

/// The rows of this family.
pub const TASKS: [Task; 10] = [
    task(
        "dynamics uz d 8, 1000 steps",
        &[Positive(8), Values(8), Given(&[0.1; 8])],
        reduce_scratch(8),
        reduction,
        Exact,
    ),
    task(
        "dynamics train 8-8-1 batch 8, 100 steps",
        &[Values(64), Values(8), Given(&[0.1; 72])],
        two_layer_scratch(8, 8),
        train,
        Exact,
    ),
    task("dynamics w min 4x16", &[Values(80)], w_min_scratch(4, 16), least_squares, Exact),
    task("dynamics rank one start 4-8-1", &[], 0, rank_one_weights, Within(1e-5)),
    task("dynamics flow d 2, 100 steps", MODES, integrate_scratch(2), flow, Within(1e-5)),
    task("dynamics mode, 64 times", &[], 0, mode, Within(1e-5)),
    task("dynamics excess risk, 500 steps", &[], 0, risk, Exact),
    task("dynamics ensemble risk", &[], 0, ensemble, Within(1e-5)),
    task(
        "dynamics jacobian spectrum 4-8-1 batch 8",
        &[Values(32), Values(32), Values(8)],
        two_layer_spectrum_scratch(8, 8),
        spectrum,
        Within(1e-4),
    ),
    task("dynamics teacher 4x16", &[], teacher_scratch(4), teacher, Within(1e-4)),
];

const MODES: &[super::Input] = &[Given(&[100.0, 1.0, 1.0, 1.0, 5.0, 0.0])];

#[inline(never)]
fn reduction(memory: &mut Memory) -> Option<&[f32]> {
    let (s, rest) = memory.input[..80].split_at_mut_checked(64)?;
    let (b, z) = rest.split_at_mut_checked(8)?;
    let mut u = 0.1;
    let scratch = &mut memory.scratch[..reduce_scratch(8)];
    reduce(mat(s, 8, 8)?, b, Rates::same(1e-3), 1000, z, &mut u, scratch).ok()?;
    memory.output[0] = u;
    memory.output.iter_mut().skip(1).zip(z.iter()).for_each(|(o, z)| *o = *z);
    memory.output.get(..9)
}

#[inline(never)]
fn train(memory: &mut Memory) -> Option<&[f32]> {
    let (x, rest) = memory.input[..144].split_at_checked(64)?;
    let (y, theta) = rest.split_at_checked(8)?;
    let scratch = &mut memory.scratch[..two_layer_scratch(8, 8)];
    let mut net = TwoLayer::new(theta, 8, 8, scratch).ok()?;
    net.train(mat(x, 8, 8)?, y, Rates::same(1e-3), 100).ok()?;
    net.write_to(&mut memory.output[..72]).ok()?;
    memory.output.get(..72)
}

#[inline(never)]
fn least_squares(memory: &mut Memory) -> Option<&[f32]> {
    let (x, y) = memory.input[..80].split_at_checked(64)?;
    let scratch = &mut memory.scratch[..w_min_scratch(4, 16)];
    w_min(mat(x, 4, 16)?, y, &mut memory.output[..4], scratch).ok()?;
    memory.output.get(..4)
}

/// Draws the start and finds its `p`, `z` and `u` again.
#[inline(never)]
fn rank_one_weights(memory: &mut Memory) -> Option<&[f32]> {
    let theta = &mut memory.input[..40];
    rank_one_start(&mut Rng::seed(1), (0.1, 0.1), 4, 8, theta).ok()?;
    let (p, rest) = memory.output[..13].split_at_mut_checked(8)?;
    let (z, u) = rest.split_at_mut_checked(4)?;
    *u.first_mut()? = rank_one(theta, 1e-5, p, z).ok()?;
    memory.output.get(..13)
}

fn modes(values: &[f32]) -> Option<Modes<'_, f32>> {
    Modes::new(values.get(..2)?, values.get(2..4)?, values.get(4..6)?).ok()
}

/// A hundred Runge-Kutta steps, and the arrows of each plane where they end.
#[inline(never)]
fn flow(memory: &mut Memory) -> Option<&[f32]> {
    let modes = modes(&memory.input)?;
    let (state, arrows) = memory.output[..12].split_at_mut_checked(3)?;
    state.fill(0.1);
    let (u, z) = state.split_first_mut()?;
    let scratch = &mut memory.scratch[..integrate_scratch(2)];
    integrate(modes, Rates::same(1.0), 1e-3, 100, u, z, scratch).ok()?;
    let planes = [Plane::UZ, Plane::ZZ, Plane::Total];
    for (out, plane) in arrows.chunks_exact_mut(3).zip(planes) {
        let arrow = plane.arrow(modes, &[*u], 0.5, 0.25, &mut [0.0; 2]).ok()?;
        out.iter_mut().zip([arrow.across, arrow.upward, arrow.risk]).for_each(|(o, v)| *o = v);
    }
    memory.output.get(..12)
}

#[inline(never)]
fn mode(memory: &mut Memory) -> Option<&[f32]> {
    let mode = Mode { c: 0.3, r: 2.0, s: 1.2, lambda: 0.7 };
    for (j, w) in memory.output[..64].iter_mut().enumerate() {
        *w = mode.weight(0.05, 0.1 * j as f32);
    }
    memory.output.get(..64)
}

/// The published double descent, and its three turning points.
#[inline(never)]
fn risk(memory: &mut Memory) -> Option<&[f32]> {
    let features = [
        Feature { sigma: 1.0, theta: 0.45, rate: 0.1 },
        Feature { sigma: 0.15, theta: 3.0, rate: 0.1 },
    ];
    let (curve, found) = memory.output[..606].split_at_mut_checked(600)?;
    excess_risk(&features, 1.0, 10, curve).ok()?;
    let mut turns = [TurningPoint::default(); 3];
    turning_points(curve.iter().copied(), 1e-6, &mut turns);
    for (out, turn) in found.chunks_exact_mut(2).zip(turns) {
        out.iter_mut().zip([turn.index as f32, turn.value]).for_each(|(o, v)| *o = v);
    }
    memory.output.get(..606)
}

#[inline(never)]
fn ensemble(memory: &mut Memory) -> Option<&[f32]> {
    for (alpha, out) in [0.5, 1.0, 2.0].into_iter().zip(&mut memory.output) {
        *out = Ensemble::new(alpha, 5.0, 0.0).ok()?.risk(1.0);
    }
    memory.output.get(..3)
}

#[inline(never)]
fn spectrum(memory: &mut Memory) -> Option<&[f32]> {
    let (x, theta) = memory.input[..72].split_at_checked(32)?;
    let (values, shares) = memory.output[..24].split_at_mut_checked(8)?;
    let scratch = &mut memory.scratch[..two_layer_spectrum_scratch(8, 8)];
    two_layer_spectrum(mat(x, 4, 8)?, theta, 8, values, mat_mut(shares, 2, 8)?, scratch).ok()?;
    memory.output.get(..24)
}

#[inline(never)]
fn teacher(memory: &mut Memory) -> Option<&[f32]> {
    let teacher = Teacher {
        modulation: Some(Modulation { kappa: 10.0, ones: None, continuous: false, zeros: 0 }),
        decoupled: true,
        noise: (0.1, 0.2),
        ..Teacher::default()
    };
    let (x, y) = memory.output[..80].split_at_mut_checked(64)?;
    teacher
        .sample(
            &mut Rng::seed(3),
            &mut [1.0; 4],
            mat_mut(x, 4, 16)?,
            y,
            mat_mut(&mut memory.input[..16], 4, 4)?,
            &mut [0.0; 4],
            &mut memory.scratch[..teacher_scratch(4)],
        )
        .ok()?;
    memory.output.get(..80)
}
