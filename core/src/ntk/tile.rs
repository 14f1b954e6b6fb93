//! The kernel between two batches, layer by layer and without the Jacobian:
//!
//! ```text
//! K = sum_l (S_l^T S'_l) .* (s_l^2 X_{l-1}^T X'_{l-1} + t_l^2)          N x M
//! ```
//! the first term in the second bracket is the weights' component, the second the bias's.
//! N M sum_l (d_{l-1} + R d_l) multiply-accumulates, half of it where both batches are one.

use super::tape::Tape;
use crate::error::{NetworkError, size};
use crate::linalg::{gemm_tn, hadamard_of_grams, hadamard_of_grams_scratch, syrk_tn};
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
    k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    add_layers(net, (rows, cols), pairing, component, false, k, scratch)
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
    Ok(())
}

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
    let last = net.depth() - 1;
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
        let x = (rows.input(l), cols.input(l));
        if l == last {
            // S_L is the directions themselves, the same for every sample.
            let inner = directions_inner::<T>(rows, net.outputs(), pairing);
            k.fill(inner * t2);
            if symmetric {
                syrk_tn(inner * s2, x.0, T::ONE, k.reborrow())?;
            } else {
                gemm_tn(inner * s2, x.0, x.1, T::ONE, k.reborrow())?;
            }
        } else if s2 != T::ZERO || t2 != T::ZERO {
            let s = match pairing {
                Pairing::Trace => (rows.signals(l), cols.signals(l)),
                Pairing::Pair(r, q) => (rows.signal(l, r), cols.signal(l, q)),
            };
            hadamard_of_grams::<T, NetworkError>(s, x, s2, t2, symmetric, k.reborrow(), scratch)?;
        }
    }
    Ok(())
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
