//! The full Hessian, GGN or Fisher of an MLP from its layers, without P operator products.
//!
//! ```text
//! g_n(k; p, j) = dl_n/dW_k[p, j] = s_k G_k[p, n] X_{k-1}[j, n],    g_n(k; p) = dl_n/db_k[p] = t_k G_k[p, n]
//! H[(k; p, j), (l; o, i)] = s_l sum_n T_lo[(k; p, j), n] X_{l-1}[i, n]                     k >= l
//! T_lo[(k; p, j), n] = d g_n(k; p, j) / dZ_l[o, n] = s_k (RG_k[p, n] X_{k-1}[j, n] + G_k[p, n] RX_{k-1}[j, n])
//! ```
//! W_l enters only through `Z_l = s W X + t b`, and linearly, so that a column of H is a
//! derivative along one pre-activation times an input. For each of the `sum d_l` units (l, o) one
//! tangent pass along `dZ_l = e_o` over the tile gives RG and RX, hence T (rows
//! of the layers from l on, in panels that stay in cache), and one product with `X_{l-1}^T`
//! (N x d_{l-1}) the unit's columns. Biases are the same with the input 1. The GGN and the Fisher
//! matrices drop the second-order terms: `T = s_k RG_k X_{k-1}`.
//!
//! Cost: N P^2 / 2 multiply-accumulates in the products, 2 N P for each unit's pass, against 8 N P
//! for each of P operator products. A block or a sub-matrix takes only its own units and rows.
//! The lower triangle is computed, the upper mirrored.

use super::error::CurvatureError;
use super::hessian::RiskCurvature;
use super::point::{Point, point_len};
use super::product::{Curvature, Sweep, Tile, sweep_scratch};
use super::risk::Risk;
use super::submatrix::check_list;
use super::tangent::{Bend, Direction, Tangent, backward};
use crate::error::size;
use crate::linalg::{axpy, gemm_nt};
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Layer, Order};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// The rows of T that are worked on together.
const PANEL: usize = 256;

/// A pre-activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its layer.
    pub layer: usize,
    /// Which of the layer's outputs.
    pub output: usize,
}

impl Unit {
    /// All of a network's.
    pub fn all(layers: &[Layer]) -> impl Iterator<Item = Self> + '_ {
        layers
            .iter()
            .enumerate()
            .flat_map(|(layer, dense)| (0..dense.outputs).map(move |output| Self { layer, output }))
    }
}

/// The weights or the biases of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Tensor {
    /// W of a layer, row-major `out x in`.
    Weight(usize),
    /// b of a layer.
    Bias(usize),
}

impl Tensor {
    const fn layer(self) -> usize {
        match self {
            Self::Weight(layer) | Self::Bias(layer) => layer,
        }
    }

    /// The tensor's range in the flat parameters.
    ///
    /// # Errors
    /// [`CurvatureError::Index`] for a layer that is not there, [`CurvatureError::NoTensor`] for
    /// the bias of a layer that has none.
    pub fn range(self, layers: &[Layer]) -> Result<core::ops::Range<usize>, CurvatureError> {
        let at = self.layer();
        let Some(layer) = layers.get(at) else {
            return Err(CurvatureError::Index {
                list: "layers",
                position: 0,
                index: size(at),
                size: size(layers.len()),
            });
        };
        let start: usize = layers.iter().take(at).map(Layer::params).sum();
        let weights = layer.inputs * layer.outputs;
        match self {
            Self::Weight(_) => Ok(start..start + weights),
            Self::Bias(_) if layer.bias => Ok(start + weights..start + weights + layer.outputs),
            Self::Bias(_) => Err(CurvatureError::NoTensor { layer: size(at) }),
        }
    }
}

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

/// Scratch of [`dense`] and [`block`].
pub const fn dense_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    tile_scratch(layers, tile, hessian) + unit_scratch(layers, tile, hessian)
}

/// Scratch of [`submatrix`]: no panel.
pub const fn submatrix_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    tile_scratch(layers, tile, hessian) + sweep_scratch(layers, tile, hessian) + tile
}

/// The linearisation of a risk on one of its tiles: what all units share. The unit of work of a
/// parallel host is a unit's columns on a tile.
pub struct TilePoint<'p, T> {
    tile: Tile<'p, T>,
    point: Point<'p, T>,
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
    /// [`CurvatureError`] if a size is wrong or the scratch too short.
    pub fn unit(
        &self,
        unit: Unit,
        first: bool,
        weights: MatMut<'_, T>,
        bias: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        let Some(dense) = self.point.net.dense().nth(unit.layer) else { return Ok(()) };
        let (rows, bias_rows) =
            (self.point.net.params(), if dense.layer.bias { self.point.net.params() } else { 0 });
        weights.as_ref().check(("unit rows", "unit columns"), rows, dense.layer.inputs)?;
        crate::error::ShapeError::check("unit bias rows", bias_rows, bias.len())?;
        let bias = dense.layer.bias.then(|| MatMut::of(bias, rows, 1));
        let to = Columns { weights: Some(weights), bias, across: false, first };
        self.columns(unit, Rows::Lower, to, scratch)
    }

    /// A unit's columns, the rows that are asked for.
    fn columns(
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
                    let t = panel.get_mut(..height * samples).unwrap_or(&mut []);
                    let mut t = MatMut::of(t, height, samples);
                    self.derivatives(dense, (p, count), rg, rx, t.reborrow());
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
    fn sweep(
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
        let direction = Direction::Unit { layer: unit.layer, output: unit.output };
        let mut sweep = Sweep::new(point, scratch, hessian)?;
        let panel = scratch.take(panel)?;
        let tangent: Tangent<'_, T> = sweep.forward(&self.tile, point, direction)?;
        let bend = hessian.then_some(Bend { tangent: &tangent, direction });
        backward(point, bend, stop, (sweep.here, sweep.there), |dense, rg| {
            let rx = if hessian { tangent.input(point.net.layers(), dense.index) } else { None };
            visit(dense, panel, rg, rx)
        })
    }

    /// T for `count` outputs of a layer from `first`: (count inputs) x samples.
    fn derivatives(
        &self,
        dense: &DenseLayer<'_, T>,
        (first, count): (usize, usize),
        rg: Mat<'_, T>,
        rx: Option<Mat<'_, T>>,
        mut t: MatMut<'_, T>,
    ) {
        let (s, width) = (dense.scale.weight, dense.layer.inputs.max(1));
        let x = self.point.input(dense.index);
        let (g, rx) = match rx {
            Some(rx) => (self.point.adjoint(dense.index), rx),
            None => (Mat::of(&[], 0, 0), Mat::of(&[], 0, 0)),
        };
        for (n, ((t, x), rg)) in t.columns().zip(x.columns()).zip(rg.columns()).enumerate() {
            let (g, rx) = (g.col(n), rx.col(n));
            let rg = rg.get(first..first + count).unwrap_or(&[]);
            let g = g.get(first..first + count).unwrap_or(&[]);
            let mut units = MatMut::of(t, width, count);
            if g.is_empty() {
                for (t, rg) in units.columns().zip(rg) {
                    let rg = s * *rg;
                    t.iter_mut().zip(x).for_each(|(t, x)| *t = rg * *x);
                }
            } else {
                for ((t, rg), g) in units.columns().zip(rg).zip(g) {
                    let (rg, g) = (s * *rg, s * *g);
                    for ((t, x), rx) in t.iter_mut().zip(x).zip(rx) {
                        *t = rg * *x + g * *rx;
                    }
                }
            }
        }
    }
}

/// A tile of a risk that is not linearised yet.
#[derive(Clone, Copy)]
pub struct Recipe<'a, T> {
    tile: Tile<'a, T>,
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
enum Rows {
    /// Those of the lower triangle.
    Lower,
    /// Those of one tensor.
    Of(Tensor),
}

/// Where a unit's columns go.
struct Columns<'m, T> {
    weights: Option<MatMut<'m, T>>,
    bias: Option<MatMut<'m, T>>,
    /// The views are transposed.
    across: bool,
    /// What they hold is overwritten.
    first: bool,
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
            let to = to.col(0).get_mut(row..row + t.rows()).unwrap_or(&mut []);
            if self.first {
                to.fill(T::ZERO);
            }
            t.columns().for_each(|t| axpy(alpha, t, to));
        }
    }
}

/// The columns of `unit` in a P-row matrix apart: `(weights, bias)`, the bias empty without one.
fn columns_of<'m, T: Real>(
    dense: &DenseLayer<'_, T>,
    output: usize,
    out: &'m mut MatMut<'_, T>,
) -> (MatMut<'m, T>, &'m mut [T]) {
    let width = dense.layer.inputs;
    let from_weights = dense.offset + output * width;
    let at_bias = dense.offset + width * dense.layer.outputs + output;
    let rows = out.rows();
    let (before, behind) = out.reborrow().split_at_col(from_weights + width);
    let (_, weights) = before.split_at_col(from_weights);
    let bias = if dense.layer.bias {
        let (_, column) = behind.split_at_col(at_bias - from_weights - width);
        column.into_data().get_mut(..rows).unwrap_or(&mut [])
    } else {
        &mut []
    };
    (weights, bias)
}

/// The full matrix, P x P. `scratch`: [`dense_scratch`] for the risk's tile.
///
/// ```
/// use nanocurv::curvature::{Batch, Hessian, Risk, dense, dense_scratch};
/// use nanocurv::network::{Activation, Layer, Loss, Mlp, Reduction};
/// use nanocurv::{Mat, MatMut};
///
/// const LAYERS: [Layer; 2] =
///     [Layer::new(2, 3, Activation::Tanh), Layer::new(3, 1, Activation::Identity)];
/// let theta: [f64; 13] = core::array::from_fn(|i| 0.1 * i as f64 - 0.6);
/// let (x, y) = ([0.5, -1.0, 0.3, 0.8], [1.0, -1.0]);
/// let batches = [Batch::values(Mat::of(&x, 2, 2), Mat::of(&y, 1, 2))];
/// let risk = Risk::new(Mlp::new(&LAYERS, &theta)?, Loss::Mse, Reduction::Mean, &batches)?;
///
/// let mut h = [0.0; 13 * 13];
/// let mut scratch = [0.0; dense_scratch(&LAYERS, 2, true)];
/// dense(&Hessian::new(risk), MatMut::of(&mut h, 13, 13), &mut scratch)?;
/// // The output bias: d^2 L / db^2 = 2 for the mean of squares.
/// assert!((h[13 * 13 - 1] - 2.0).abs() < 1e-12);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if `out` has another size or the scratch is too short.
pub fn dense<'a, T: Real>(
    of: &impl RiskCurvature<'a, T>,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    let (risk, curvature) = (of.risk(), of.curvature());
    risk.check_square(out.as_ref())?;
    each_tile(risk, curvature, scratch, |tile, first, scratch| {
        for dense in risk.net().dense() {
            for output in 0..dense.layer.outputs {
                let (weights, bias) = columns_of(&dense, output, &mut out);
                let unit = Unit { layer: dense.index, output };
                tile.unit(unit, first, weights, bias, scratch)?;
            }
        }
        Ok(())
    })?;
    out.mirror_lower();
    Ok(())
}

/// Linearises tile after tile and hands it on, with the rest of the scratch.
fn each_tile<'a, T: Real>(
    risk: &Risk<'a, T>,
    curvature: Curvature,
    scratch: &mut [T],
    mut work: impl FnMut(&TilePoint<'_, T>, bool, &mut [T]) -> Result<(), CurvatureError>,
) -> Result<(), CurvatureError> {
    let layers = risk.net().layers();
    for (index, recipe) in TilePoint::tiles(risk, curvature).enumerate() {
        let samples = recipe.tile.batch.x.cols();
        let needed = tile_scratch(layers, samples, curvature.is_hessian());
        let mut scratch = Scratch::new(&mut *scratch, needed)?;
        let storage = scratch.take(needed)?;
        let tile = recipe.record(storage)?;
        work(&tile, index == 0, scratch.rest())?;
    }
    Ok(())
}

/// The block of the tensor `rows` against the tensor `cols`: its own entries and the tangent
/// passes of one layer's units, nothing else. `scratch`: [`dense_scratch`] for the risk's tile.
///
/// # Errors
/// [`CurvatureError`] if a tensor is not there, `out` has another size than the block or the
/// scratch is too short.
pub fn block<'a, T: Real>(
    of: &impl RiskCurvature<'a, T>,
    rows: Tensor,
    cols: Tensor,
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    let (risk, curvature) = (of.risk(), of.curvature());
    let layers = risk.net().layers();
    let (height, width) = (rows.range(layers)?.len(), cols.range(layers)?.len());
    out.as_ref().check(("block rows", "block columns"), height, width)?;
    // The units are those of the earlier layer; the other's rows follow from them.
    let across = rows.layer() < cols.layer();
    let (units, others) = if across { (rows, cols) } else { (cols, rows) };
    let length = if across { width } else { height };
    let Some(dense) = risk.net().dense().nth(units.layer()) else { return Ok(()) };
    each_tile(risk, curvature, scratch, |tile, first, scratch| {
        for output in 0..dense.layer.outputs {
            let count = if let Tensor::Weight(_) = units { dense.layer.inputs } else { 1 };
            let part = if across {
                out.block(output * count, 0, count, length)
            } else {
                out.block(0, output * count, length, count)
            };
            let (weights, bias) = match units {
                Tensor::Weight(_) => (Some(part), None),
                Tensor::Bias(_) => (None, Some(part)),
            };
            let unit = Unit { layer: dense.index, output };
            let to = Columns { weights, bias, across, first };
            tile.columns(unit, Rows::Of(others), to, scratch)?;
        }
        Ok(())
    })
}

/// A parameter by its place in its layer.
#[derive(Clone, Copy)]
struct Parameter {
    layer: usize,
    output: usize,
    /// None for a bias.
    input: Option<usize>,
}

impl Parameter {
    fn at(layers: &[Layer], mut index: usize) -> Option<Self> {
        for (layer, dense) in layers.iter().enumerate() {
            if index < dense.params() {
                let weights = dense.inputs * dense.outputs;
                return Some(match index.checked_sub(weights) {
                    Some(output) => Self { layer, output, input: None },
                    None => {
                        let inputs = dense.inputs.max(1);
                        Self { layer, output: index / inputs, input: Some(index % inputs) }
                    }
                });
            }
            index -= dense.params();
        }
        None
    }

    fn is_of(&self, unit: Unit) -> bool {
        self.layer == unit.layer && self.output == unit.output
    }
}

/// The entries `[rows, cols]` alone: one tangent pass for each unit that a column (or, where the
/// row's layer comes first, a row) belongs to, and N multiply-accumulates for each entry.
/// `scratch`: [`submatrix_scratch`] for the risk's tile.
///
/// # Errors
/// Those of [`Submatrix::new`](super::Submatrix::new); [`CurvatureError`] if `out` has another
/// size or the scratch is too short.
pub fn submatrix<'a, T: Real>(
    of: &impl RiskCurvature<'a, T>,
    rows: &[usize],
    cols: &[usize],
    mut out: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), CurvatureError> {
    let (risk, curvature) = (of.risk(), of.curvature());
    let layers = risk.net().layers();
    check_list("rows", rows, risk.net().params())?;
    check_list("cols", cols, risk.net().params())?;
    out.as_ref().check(("sub-matrix rows", "sub-matrix columns"), rows.len(), cols.len())?;
    out.fill(T::ZERO);
    each_tile(risk, curvature, scratch, |tile, _, scratch| {
        tile.entries(layers, (rows, cols), false, out.reborrow(), scratch)?;
        tile.entries(layers, (cols, rows), true, out.reborrow(), scratch)
    })
}

impl<T: Real> TilePoint<'_, T> {
    /// Adds the entries whose column's layer is not behind the row's; with `across`, rows and
    /// columns are exchanged and equal layers left out.
    fn entries(
        &self,
        layers: &[Layer],
        (rows, cols): (&[usize], &[usize]),
        across: bool,
        mut out: MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        for (at, &index) in cols.iter().enumerate() {
            let Some(column) = Parameter::at(layers, index) else { continue };
            let unit = Unit { layer: column.layer, output: column.output };
            let seen = |&index: &usize| Parameter::at(layers, index).is_some_and(|p| p.is_of(unit));
            if cols.iter().take(at).any(seen) {
                continue;
            }
            // The first layer whose rows are wanted.
            let from = unit.layer + usize::from(across);
            let wanted = |&index: &usize| {
                Parameter::at(layers, index).map(|p| p.layer).filter(|l| *l >= from)
            };
            let Some(stop) = rows.iter().filter_map(wanted).min() else { continue };
            let own = self.point.input(unit.layer);
            let Some(own_scale) = self.point.net.dense().nth(unit.layer).map(|d| d.scale) else {
                continue;
            };
            let needed =
                submatrix_scratch(layers, self.samples(), self.tile.curvature.is_hessian())
                    - tile_scratch(layers, self.samples(), self.tile.curvature.is_hessian());
            let mut scratch = Scratch::new(&mut *scratch, needed)?;
            self.sweep(unit, stop, self.samples(), &mut scratch, |dense, t, rg, rx| {
                let x = self.point.input(dense.index);
                for (r, &row) in rows.iter().enumerate() {
                    let Some(row) = Parameter::at(layers, row) else { continue };
                    if row.layer != dense.index {
                        continue;
                    }
                    for (n, t) in t.iter_mut().take(x.cols()).enumerate() {
                        *t = match row.input {
                            None => dense.scale.bias * rg.at(row.output, n),
                            Some(j) => {
                                let bent = rx.map_or(T::ZERO, |rx| {
                                    self.point.adjoint(dense.index).at(row.output, n) * rx.at(j, n)
                                });
                                dense.scale.weight * (rg.at(row.output, n) * x.at(j, n) + bent)
                            }
                        };
                    }
                    for (c, &col) in cols.iter().enumerate() {
                        let Some(col) = Parameter::at(layers, col).filter(|p| p.is_of(unit)) else {
                            continue;
                        };
                        let mut sum = T::ZERO;
                        for (n, t) in t.iter().take(x.cols()).enumerate() {
                            sum += match col.input {
                                None => own_scale.bias * *t,
                                Some(i) => own_scale.weight * *t * own.at(i, n),
                            };
                        }
                        let (i, j) = if across { (c, r) } else { (r, c) };
                        let before = out.at(i, j);
                        out.set(i, j, before + sum);
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
