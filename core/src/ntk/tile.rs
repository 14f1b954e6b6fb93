//! The kernel between two batches, layer by layer and without the Jacobian:
//!
//! ```text
//! K = sum_l (S_l^T S'_l) .* (s_l^2 X_{l-1}^T X'_{l-1} + t_l^2)          N x M
//! ```
//! the first term in the second bracket is the weights' component, the second the bias's.
//! N M sum_l (d_{l-1} + R d_l) multiply-accumulates, half of it where both batches are one.

use super::tape::Tape;
use crate::error::{NetworkError, check_result, size};
use crate::linalg::{Grams, gemm_tn, hadamard_of_grams, hadamard_of_grams_scratch, syrk_tn};
use crate::matrix::MatMut;
use crate::network::Mlp;
use crate::scalar::Real;

/// Which parameters' kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Component {
    /// All parameters'.
    Total,
    /// The weights' of a layer counted from 0.
    Weights(usize),
    /// The bias's of a layer counted from 0.
    Bias(usize),
}

/// Which directions are compared with which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Pairing {
    /// Each direction with itself, summed: the trace over the outputs.
    Trace,
    /// Direction `.0` of the first batch with direction `.1` of the second.
    Pair(usize, usize),
}

/// Scratch of [`tile`] for an `n x m` tile: none below 48 x 48.
pub const fn tile_scratch(n: usize, m: usize) -> usize {
    hadamard_of_grams_scratch(n, m)
}

/// `K: N x M` between the batches of two tapes of one network. `scratch`: [`tile_scratch`].
///
/// # Errors
/// [`NetworkError`] if K is not N x M, the tapes hold different directions, the pairing is of a
/// direction that they do not hold, or the scratch is too short.
pub fn tile<T: Real>(
    net: &Mlp<'_, T>,
    (rows, cols): (&Tape<'_, T>, &Tape<'_, T>),
    pairing: Pairing,
    component: Component,
    mut k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    add_layers(net, (rows, cols), pairing, component, false, k.reborrow(), scratch)?;
    Ok(check_result("kernel", k.as_ref())?)
}

/// `K: N x N` of one batch with itself: half the work of [`tile`]. `scratch`: [`tile_scratch`].
///
/// # Errors
/// Those of [`tile`].
pub fn square_tile<T: Real>(
    net: &Mlp<'_, T>,
    tape: &Tape<'_, T>,
    component: Component,
    mut k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    add_layers(net, (tape, tape), Pairing::Trace, component, true, k.reborrow(), scratch)?;
    k.mirror_lower();
    Ok(check_result("kernel", k.as_ref())?)
}

// Not inlined, like the passes of the tape: their frames do not add up.
#[inline(never)]
fn add_layers<T: Real>(
    net: &Mlp<'_, T>,
    (rows, cols): (&Tape<'_, T>, &Tape<'_, T>),
    pairing: Pairing,
    component: Component,
    symmetric: bool,
    mut k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    k.as_ref().check(("kernel rows", "kernel columns"), rows.batch(), cols.batch())?;
    check_directions(net, (rows, cols), pairing)?;
    for dense in net.dense().rev() {
        let l = dense.index;
        let s2 = dense.scale.weight.squared();
        let t2 = dense.bias_input().squared();
        let (s2, t2) = match component {
            Component::Total => (s2, t2),
            Component::Weights(of) if of == l => (s2, T::ZERO),
            Component::Bias(of) if of == l => (T::ZERO, t2),
            _ => (T::ZERO, T::ZERO),
        };
        if l + 1 == net.depth() {
            let inner = directions_inner::<T>(rows, net.outputs(), pairing);
            last_layer((rows, cols), l, (inner * s2, inner * t2), symmetric, k.reborrow())?;
        } else if s2 != T::ZERO || t2 != T::ZERO {
            hidden_layer((rows, cols), l, pairing, (s2, t2), symmetric, k.reborrow(), scratch)?;
        }
    }
    Ok(())
}

/// `K = s^2 X^T X' + t^2`: S_L is the directions themselves, the same for every sample.
#[inline(never)]
fn last_layer<T: Real>(
    (rows, cols): (&Tape<'_, T>, &Tape<'_, T>),
    l: usize,
    (s2, t2): (T, T),
    symmetric: bool,
    mut k: MatMut<'_, T>,
) -> Result<(), NetworkError> {
    k.fill(t2);
    if symmetric {
        Ok(syrk_tn(s2, rows.input(l), T::ONE, k)?)
    } else {
        Ok(gemm_tn(s2, rows.input(l), cols.input(l), T::ONE, k)?)
    }
}

/// `K += (S^T S') .* (s^2 X^T X' + t^2)`
#[inline(never)]
fn hidden_layer<T: Real>(
    (rows, cols): (&Tape<'_, T>, &Tape<'_, T>),
    l: usize,
    pairing: Pairing,
    (scale, shift): (T, T),
    symmetric: bool,
    k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    let grams = Grams {
        s: match pairing {
            Pairing::Trace => (rows.signals(l), cols.signals(l)),
            Pairing::Pair(r, q) => (rows.signal(l, r), cols.signal(l, q)),
        },
        x: (rows.input(l), cols.input(l)),
        scale,
        shift,
        symmetric,
    };
    hadamard_of_grams(&grams, k, scratch)
}

/// Both tapes hold the same directions, and the pairing is of two of them.
fn check_directions<T: Real>(
    net: &Mlp<'_, T>,
    (rows, cols): (&Tape<'_, T>, &Tape<'_, T>),
    pairing: Pairing,
) -> Result<(), NetworkError> {
    if rows.directions != cols.directions {
        return Err(NetworkError::Directions);
    }
    let count = rows.directions.count(net.layers());
    match pairing {
        Pairing::Pair(r, q) if r.max(q) >= count => {
            Err(NetworkError::Output { outputs: size(count), found: size(r.max(q)) })
        }
        _ => Ok(()),
    }
}

/// `sum v_r^T v_q` over the pairing.
fn directions_inner<T: Real>(tape: &Tape<'_, T>, outputs: usize, pairing: Pairing) -> T {
    match (pairing, tape.directions) {
        (Pairing::Trace, super::Directions::Each) => T::from_usize(outputs),
        (Pairing::Trace, _) => T::ONE,
        (Pairing::Pair(r, q), directions) => directions.inner(r, q),
    }
}
