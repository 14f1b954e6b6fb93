//! The neural tangent kernel of one batch ([`kernel`]) or between two ([`kernel_between`]), with
//! biases, of any number of outputs, layer by layer and without the Jacobian; or the
//! [`jacobian()`] itself.
//!
//! With every size in a type, for firmware: [`fixed::ntk`](crate::fixed::ntk).
//!
//! ```text
//! Theta_{(i,a),(j,b)} = <d f_a(x_i) / d theta, d f_b(x_j) / d theta>
//!                     = sum_l <s_l^{i,a}, s_l^{j,b}> (s_l^2 <x_{l-1}^i, x_{l-1}^j> + t_l^2)
//! ```
//! A [`Tape`] holds what one batch contributes, a [`tile()`] compares two tapes. The tile is the
//! unit of work: one on a microcontroller, many in parallel on a desktop.
//!
//! | reduction over the O outputs | entry (i, j) | [`Directions`] | [`Pairing`] |
//! |---|---|---|---|
//! | trace | sum_a Theta_{(i,a),(j,a)} | `Each` | `Trace` |
//! | mean | trace / O | `Each` | `Trace` |
//! | diagonal, full | Theta_{(i,a),(j,b)} | `Each` | `Pair(a, b)` |
//! | pseudo | sum_{a,b} Theta_{(i,a),(j,b)} / O | `Pseudo` | `Trace` |
//! | one output k | Theta_{(i,k),(j,k)} | `Output(k)` | `Trace` |
//!
//! The layout of the full kernel is `(N, O, M, O)`; it is not symmetric in (a, b) for i != j.

pub(crate) mod jacobian;
mod tape;
mod tile;

pub use jacobian::{
    jacobian, jacobian_scratch, params_gram, params_gram_chunk, params_gram_scratch,
};
pub use tape::{Directions, Tape, tape_len};
pub use tile::{Component, Pairing, square_tile, tile, tile_scratch};

use crate::error::NetworkError;
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Mlp};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`kernel`], for networks of one output or the trace over several.
pub const fn scratch(layers: &[Layer], batch: usize) -> usize {
    tape_len(layers, Directions::Each, batch) + tile_scratch(batch, batch)
}

/// The kernel of one batch, N x N; of several outputs the trace (their undivided sum). `x`: inputs
/// x samples. `scratch`: [`scratch()`].
///
/// # Errors
/// [`NetworkError`] if the batch does not fit the network, is empty or not finite, K is not N x N
/// or the scratch is too short.
pub fn kernel<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    let batch = x.cols();
    let mut carve = Scratch::new(scratch, self::scratch(net.layers(), batch))?;
    let storage = carve.take(tape_len(net.layers(), Directions::Each, batch))?;
    let tape = Tape::record(net, Directions::Each, x, storage)?;
    square_tile(net, &tape, Component::Total, k, carve.rest())
}

/// Scratch of [`kernel_between`].
pub const fn between_scratch(layers: &[Layer], rows: usize, cols: usize) -> usize {
    tape_len(layers, Directions::Each, rows + cols) + tile_scratch(rows, cols)
}

/// The kernel between two batches, N x M; of several outputs the trace. `scratch`:
/// [`between_scratch`].
///
/// # Errors
/// Those of [`kernel`].
pub fn kernel_between<T: Real>(
    net: &Mlp<'_, T>,
    (x1, x2): (Mat<'_, T>, Mat<'_, T>),
    k: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    let (layers, each) = (net.layers(), Directions::Each);
    let mut carve = Scratch::new(scratch, between_scratch(layers, x1.cols(), x2.cols()))?;
    let rows = Tape::record(net, each, x1, carve.take(tape_len(layers, each, x1.cols()))?)?;
    let cols = Tape::record(net, each, x2, carve.take(tape_len(layers, each, x2.cols()))?)?;
    tile(net, (&rows, &cols), Pairing::Trace, Component::Total, k, carve.rest())
}
