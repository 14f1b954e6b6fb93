//! The columns of the matrix that belong to one unit (l, o), the unit of work of the structured
//! route:
//!
//! ```text
//! H[:, (l; o, i)] = s_l T X_{l-1}[i, :]^T,   H[:, (l; o)] = t_l T 1,   T[(k; p, j), n] = s_k (RG_k X_{k-1} + G_k RX_{k-1})
//! ```
//! RG and RX along `dZ_l = e_o`: one pass over the layers from l on. T in panels that stay in cache.

use super::error::CurvatureError;
use super::parameters::{Tensor, Unit};
use super::point::{Point, point_len};
use super::product::{Curvature, Sweep, Tile, sweep_scratch};
use super::risk::Risk;
use super::tangent::{Bend, Tangent, backward};
use crate::error::ShapeError;
use crate::linalg::{axpy, gemm_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Layer, Order};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The rows of T that are worked on together.
const PANEL: usize = 256;

/// The outputs of a layer that a panel covers.
const fn panel_outputs(layer: &Layer) -> usize {
    let most = if layer.inputs >= PANEL || layer.inputs == 0 { 1 } else { PANEL / layer.inputs };
    if most < layer.outputs { most } else { layer.outputs }
}

/// The values of a panel for one sample.
const fn panel_rows(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (0, 0);
    while l < layers.len() {
        let rows = panel_outputs(&layers[l]) * layers[l].inputs;
        if rows > max {
            max = rows;
        }
        l += 1;
    }
    max
}

/// Scratch of the linearisation that `TilePoint::record` makes.
pub const fn tile_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    point_len(layers, tile, if hessian { Order::Second } else { Order::First })
}

/// Scratch of [`TilePoint::unit`].
pub const fn unit_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    sweep_scratch(layers, tile, hessian) + tile * panel_rows(layers)
}

/// The linearisation of a risk on one of its tiles: what all units share. The unit of work of a
/// parallel host is a unit's columns on a tile.
pub struct TilePoint<'p, T> {
    pub(super) tile: Tile<'p, T>,
    pub(super) point: Point<'p, T>,
}

impl<'p, T: Real> TilePoint<'p, T> {
    /// The linearisations' recipes, in the order of the tiles: `TilePoint::record` each.
    pub fn tiles<'a>(
        risk: &Risk<'a, T>,
        curvature: Curvature,
    ) -> impl Iterator<Item = Recipe<'a, T>> + use<'a, 'p, T> {
        let risk = *risk;
        Tile::all(&risk, curvature).map(move |tile| Recipe { tile, risk })
    }

    /// The number of samples.
    pub const fn samples(&self) -> usize {
        self.point.samples()
    }

    /// The columns of one unit, rows of the lower triangle: `weights` P x d_{l-1} and `bias` P
    /// (empty without one), added to what they hold or, if this is the `first` tile, in its place.
    /// Rows above the diagonal are left alone or hold anything. `scratch`: [`unit_scratch`].
    ///
    /// # Errors
    /// [`CurvatureError`] if the network has no such unit, a size is wrong or the scratch too short.
    pub fn unit(
        &self,
        unit: Unit,
        first: bool,
        weights: MatMut<'_, T>,
        bias: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        unit.check(self.point.net.layers())?;
        let Some(dense) = self.point.net.dense().nth(unit.layer) else { return Ok(()) };
        let (rows, bias_rows) =
            (self.point.net.params(), if dense.layer.bias { self.point.net.params() } else { 0 });
        weights.as_ref().check(("unit rows", "unit columns"), rows, dense.layer.inputs)?;
        ShapeError::check("unit bias rows", bias_rows, bias.len())?;
        let bias = dense.layer.bias.then(|| MatMut::of(bias, rows, 1));
        let to = Columns { weights: Some(weights), bias, across: false, first };
        self.columns(unit, Rows::Lower, to, scratch)
    }

    /// A unit's columns, the rows that are asked for.
    pub(super) fn columns(
        &self,
        unit: Unit,
        rows: Rows,
        mut to: Columns<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        let (point, samples) = (&self.point, self.point.samples());
        let Some(own) = point.net.dense().nth(unit.layer) else { return Ok(()) };
        let needed = unit_scratch(point.net.layers(), samples, self.tile.curvature.is_hessian());
        let mut scratch = Scratch::new(scratch, needed)?;
        let stop = match rows {
            Rows::Lower => unit.layer,
            Rows::Of(tensor) => tensor.layer(),
        };
        let inputs = point.input(unit.layer);
        let panel = samples * panel_rows(point.net.layers());
        self.sweep(unit, stop, panel, &mut scratch, |dense, panel, rg, rx| {
            let l = dense.index;
            let (width, outputs) = (dense.layer.inputs, dense.layer.outputs);
            let weights_end = width * outputs;
            // Where this layer's weights and biases start in the result, and the first output.
            let (weight_rows, bias_rows, first) = match rows {
                Rows::Lower => (
                    Some(dense.offset),
                    dense.layer.bias.then_some(dense.offset + weights_end),
                    if l == unit.layer { unit.output } else { 0 },
                ),
                Rows::Of(Tensor::Weight(k)) => ((k == l).then_some(0), None, 0),
                Rows::Of(Tensor::Bias(k)) => (None, (k == l).then_some(0), 0),
            };
            if let Some(start) = weight_rows {
                let bias_too = rows != Rows::Lower || l > unit.layer;
                let step = panel_outputs(&dense.layer).max(1);
                let mut p = first;
                while p < outputs {
                    let count = step.min(outputs - p);
                    let height = count * width;
                    let t = panel.part_mut(..height * samples);
                    let mut t = MatMut::of(t, height, samples);
                    self.derivatives(unit, dense, (p, count), rg, rx, t.reborrow());
                    to.add(&own, start + p * width, own.scale.weight, t.as_ref(), inputs)?;
                    if bias_too {
                        to.add_sum(start + p * width, own.scale.bias, t.as_ref());
                    }
                    p += count;
                }
            }
            if let Some(start) = bias_rows {
                let t = dense.scale.bias;
                to.add(&own, start, t * own.scale.weight, rg, inputs)?;
                to.add_sum(start, t * own.scale.bias, rg);
            }
            Ok(())
        })
    }

    /// The tangent pass of a unit: `visit` sees each layer from the last to `stop` with `panel`
    /// values of the scratch, RG and RX of its input.
    pub(super) fn sweep(
        &self,
        unit: Unit,
        stop: usize,
        panel: usize,
        scratch: &mut Scratch<'_, T>,
        mut visit: impl FnMut(
            &DenseLayer<'p, T>,
            &mut [T],
            Mat<'_, T>,
            Option<Mat<'_, T>>,
        ) -> Result<(), CurvatureError>,
    ) -> Result<(), CurvatureError> {
        let (point, hessian) = (&self.point, self.tile.curvature.is_hessian());
        let mut sweep = Sweep::new(point, scratch, hessian)?;
        let panel = scratch.take(panel)?;
        let tangent: Tangent<'_, T> = sweep.forward(&self.tile, point, |storage, top| {
            Tangent::along_unit(point, unit, hessian, storage, top)
        })?;
        let bend = hessian.then_some(Bend { tangent: &tangent, v: None });
        backward(point, bend, stop, (sweep.here, sweep.there), |dense, rg| {
            let rx = if hessian { tangent.input(point.net.layers(), dense.index) } else { None };
            visit(dense, panel, rg, rx)
        })
    }

    /// T for `count` outputs of a layer from `first`: (count inputs) x samples. In the layer behind
    /// the unit's, RX has the unit's row alone.
    fn derivatives(
        &self,
        unit: Unit,
        dense: &DenseLayer<'_, T>,
        (first, count): (usize, usize),
        rg: Mat<'_, T>,
        rx: Option<Mat<'_, T>>,
        mut t: MatMut<'_, T>,
    ) {
        let (s, width) = (dense.scale.weight, dense.layer.inputs.max(1));
        let one_row = dense.index == unit.layer + 1;
        let x = self.point.input(dense.index);
        let bend = rx.map(|rx| (self.point.adjoint(dense.index), rx));
        for (n, ((t, x), rg)) in t.columns().zip(x.columns()).zip(rg.columns()).enumerate() {
            let rg = rg.part(first..first + count);
            let (g, rx): (&[T], &[T]) = match bend {
                Some((g, rx)) => (g.col(n).part(first..first + count), rx.col(n)),
                None => (&[], &[]),
            };
            let (mut outputs, mut g) = (MatMut::of(t, width, count), g.iter());
            for (t, rg) in outputs.columns().zip(rg) {
                let rg = s * *rg;
                match g.next() {
                    Some(g) if !one_row => {
                        let g = s * *g;
                        for ((t, x), rx) in t.iter_mut().zip(x).zip(rx) {
                            *t = rg * *x + g * *rx;
                        }
                    }
                    g => {
                        t.iter_mut().zip(x).for_each(|(t, x)| *t = rg * *x);
                        let rx = rx.get(unit.output);
                        if let (Some(g), Some(t), Some(rx)) = (g, t.get_mut(unit.output), rx) {
                            *t += s * *g * *rx;
                        }
                    }
                }
            }
        }
    }
}

/// A tile of a risk that is not linearised yet.
#[derive(Clone, Copy)]
pub struct Recipe<'a, T> {
    pub(super) tile: Tile<'a, T>,
    risk: Risk<'a, T>,
}

impl<'a, T: Real> Recipe<'a, T> {
    /// The linearisation. `storage`: [`tile_scratch`].
    ///
    /// # Errors
    /// [`CurvatureError`] if the storage is too short.
    pub fn record<'p>(self, storage: &'p mut [T]) -> Result<TilePoint<'p, T>, CurvatureError>
    where
        'a: 'p,
    {
        Ok(TilePoint { point: self.tile.point(&self.risk, storage)?, tile: self.tile })
    }
}

/// Which rows of a unit's columns are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Those of the lower triangle.
    Lower,
    /// Those of one tensor.
    Of(Tensor),
}

/// Where a unit's columns go.
pub(super) struct Columns<'m, T> {
    pub(super) weights: Option<MatMut<'m, T>>,
    pub(super) bias: Option<MatMut<'m, T>>,
    /// The views are transposed.
    pub(super) across: bool,
    /// What they hold is overwritten.
    pub(super) first: bool,
}

impl<T: Real> Columns<'_, T> {
    /// `alpha T X^T` to the weights' columns, from `row` on.
    fn add(
        &mut self,
        own: &DenseLayer<'_, T>,
        row: usize,
        alpha: T,
        t: Mat<'_, T>,
        x: Mat<'_, T>,
    ) -> Result<(), CurvatureError> {
        let beta = if self.first { T::ZERO } else { T::ONE };
        if let Some(to) = &mut self.weights {
            let (rows, width) = (t.rows(), own.layer.inputs);
            if self.across {
                gemm_nt(alpha, x, t, beta, to.block(0, row, width, rows))?;
            } else {
                gemm_nt(alpha, t, x, beta, to.block(row, 0, rows, width))?;
            }
        }
        Ok(())
    }

    /// `alpha T 1` to the bias's column, from `row` on.
    fn add_sum(&mut self, row: usize, alpha: T, t: Mat<'_, T>) {
        let Some(to) = &mut self.bias else { return };
        if self.across {
            for r in 0..t.rows() {
                let sum =
                    t.columns().fold(T::ZERO, |sum, t| sum + t.get(r).copied().unwrap_or(T::ZERO));
                let before = if self.first { T::ZERO } else { to.at(0, row + r) };
                to.set(0, row + r, before + alpha * sum);
            }
        } else {
            let to = to.col(0).part_mut(row..row + t.rows());
            if self.first {
                to.fill(T::ZERO);
            }
            t.columns().for_each(|t| axpy(alpha, t, to));
        }
    }
}
