//! The Jacobian of the outputs in the parameters, `J: N O x P`, row `n O + o`, as an operator:
//!
//! ```text
//! J v     RZ_L = forward pass along v       O x N, sample after sample       5 N P multiply-accumulates with X
//! J^T u   backward pass from U              P                                3 N P
//! ```

use super::error::CurvatureError;
use super::operator::{LinearOperator, check};
use super::point::{Point, point_len};
use super::product::add_gradient;
use super::tangent::{Tangent, backward, tangent_len};
use crate::matrix::Mat;
use crate::network::{Layer, Mlp, Order, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The Jacobian over any number of mini-batches.
#[derive(Clone, Copy)]
pub struct Jacobian<'a, T> {
    net: Mlp<'a, T>,
    inputs: &'a [Mat<'a, T>],
    samples: usize,
    largest: usize,
    tile: usize,
}

/// Scratch of a product with [`Jacobian`] or its transpose.
pub const fn jacobian_scratch(layers: &[Layer], tile: usize) -> usize {
    let (forward, back) = (tangent_len(layers, tile, false), 2 * tile * layer::max_outputs(layers));
    point_len(layers, tile, Order::First) + if forward > back { forward } else { back }
}

impl<'a, T: Real> Jacobian<'a, T> {
    /// The Jacobian of `net` over batches of inputs x samples.
    ///
    /// # Errors
    /// [`CurvatureError::NoBatches`], or what does not fit in one of them.
    pub fn new(net: Mlp<'a, T>, inputs: &'a [Mat<'a, T>]) -> Result<Self, CurvatureError> {
        if inputs.is_empty() {
            return Err(CurvatureError::NoBatches);
        }
        let (mut samples, mut largest) = (0, 0);
        for x in inputs {
            net.check_batch("x", *x)?;
            samples += x.cols();
            largest = largest.max(x.cols());
        }
        Ok(Self { net, inputs, samples, largest, tile: 128 })
    }

    /// The same, worked on in tiles of at most `samples` samples.
    #[must_use]
    pub fn with_tile(self, samples: usize) -> Self {
        Self { tile: samples.max(1), ..self }
    }

    fn tile(&self) -> usize {
        self.tile.min(self.largest)
    }

    fn tiles(&self) -> impl Iterator<Item = Mat<'a, T>> + use<'a, T> {
        let tile = self.tile.max(1);
        self.inputs.iter().flat_map(move |x| {
            super::risk::starts(x.cols(), tile)
                .map(move |from| x.columns_range(from, tile.min(x.cols() - from)))
        })
    }
}

impl<T: Real> LinearOperator<T> for Jacobian<'_, T> {
    fn rows(&self) -> usize {
        self.samples * self.net.outputs()
    }
    fn cols(&self) -> usize {
        self.net.params()
    }
    fn scratch(&self) -> usize {
        jacobian_scratch(self.net.layers(), self.tile())
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        check(v, self.cols(), out, self.rows())?;
        let outputs = self.net.outputs();
        let mut out = Scratch::new(out, self.rows())?;
        for x in self.tiles() {
            let samples = x.cols();
            let needed = jacobian_scratch(self.net.layers(), samples);
            let mut scratch = Scratch::new(&mut *scratch, needed)?;
            let storage = scratch.take(point_len(self.net.layers(), samples, Order::First))?;
            let point = Point::first(self.net, x, storage)?;
            let top = out.matrix(outputs, samples)?;
            Tangent::along(&point, v, false, scratch.rest(), top)?;
        }
        Ok(())
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        check(u, self.rows(), out, self.cols())?;
        out.fill(T::ZERO);
        let (outputs, mut u) = (self.net.outputs(), u);
        for x in self.tiles() {
            let samples = x.cols();
            let needed = jacobian_scratch(self.net.layers(), samples);
            let mut scratch = Scratch::new(&mut *scratch, needed)?;
            let storage = scratch.take(point_len(self.net.layers(), samples, Order::First))?;
            let point = Point::first(self.net, x, storage)?;
            let widest = samples * layer::max_outputs(self.net.layers());
            let (here, there) = (scratch.take(widest)?, scratch.take(widest)?);
            let (first, rest) = u.cut(outputs * samples);
            u = rest;
            here.iter_mut().zip(first).for_each(|(here, u)| *here = *u);
            backward(&point, None, 0, (here, there), |dense, g| {
                add_gradient(dense, point.input(dense.index), g, out)
            })?;
        }
        Ok(())
    }
}
