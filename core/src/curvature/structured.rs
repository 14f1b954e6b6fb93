//! The full Hessian, GGN or Fisher of an MLP from its layers, without P operator products.
//!
//! ```text
//! g_n(k; p, j) = dl_n/dW_k[p, j] = s_k G_k[p, n] X_{k-1}[j, n],    g_n(k; p) = dl_n/db_k[p] = t_k G_k[p, n]
//! H[(k; p, j), (l; o, i)] = s_l sum_n T_lo[(k; p, j), n] X_{l-1}[i, n]                     k >= l
//! T_lo[(k; p, j), n] = d g_n(k; p, j) / dZ_l[o, n] = s_k (RG_k[p, n] X_{k-1}[j, n] + G_k[p, n] RX_{k-1}[j, n])
//! ```
//! W_l enters only through `Z_l = s W X + t b`, and linearly, so that a column of H is a
//! derivative along one pre-activation times an input. For each of the `sum d_l` units (l, o) one
//! tangent pass along `dZ_l = e_o` over the tile gives RG and RX, hence T (rows of the layers from
//! l on), and one product with `X_{l-1}^T` (N x d_{l-1}) the unit's columns. Biases are the same with the input 1. The GGN and the Fisher
//! matrices drop the second-order terms: `T = s_k RG_k X_{k-1}`.
//!
//! Cost: N P^2 / 2 multiply-accumulates in the products, 2 N P for each unit's pass, against 8 N P
//! for each of P operator products. A block or a sub-matrix takes only its own units and rows.
//! The lower triangle is computed, the upper mirrored.

use super::error::CurvatureError;
use super::hessian::RiskCurvature;
use super::product::Curvature;
use super::risk::Risk;
use super::tile_point::{Columns, Rows};
use crate::error::check_result;
use crate::matrix::MatMut;
use crate::network::{DenseLayer, Layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

pub use super::parameters::{Tensor, Unit};
pub use super::tile_point::{Recipe, TilePoint, tile_scratch, unit_scratch};

/// Scratch of [`dense`] and [`block`].
pub const fn dense_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    tile_scratch(layers, tile, hessian) + unit_scratch(layers, tile, hessian)
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
        column.into_data().part_mut(..rows)
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
/// let batches = [Batch::values(Mat::from_array::<2, 2, _>(&x), Mat::from_array::<1, 2, _>(&y))];
/// let risk = Risk::new(Mlp::new(&LAYERS, &theta)?, Loss::Mse, Reduction::Mean, &batches)?;
///
/// let mut h = [0.0; 13 * 13];
/// let mut scratch = [0.0; dense_scratch(&LAYERS, 2, true)];
/// dense(&Hessian::new(risk), MatMut::from_array::<13, 13, _>(&mut h), &mut scratch)?;
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
    Ok(check_result("curvature", out.as_ref())?)
}

/// Linearises tile after tile and hands it on, with the rest of the scratch.
pub(super) fn each_tile<'a, T: Real>(
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
/// ```
/// use nanocurv::curvature::{Batch, Hessian, Risk, Tensor, block, dense_scratch};
/// use nanocurv::network::{Activation, Layer, Loss, Mlp, Reduction};
/// use nanocurv::{Mat, MatMut};
///
/// let layers = [Layer::new(1, 1, Activation::Identity)];
/// let (x, y) = ([1.0, 3.0], [0.0, 0.0]);
/// let batches = [Batch::values(Mat::from_array::<1, 2, _>(&x), Mat::from_array::<1, 2, _>(&y))];
/// let net = Mlp::new(&layers, &[0.5, 0.0])?;
/// let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches)?;
///
/// let (mut h, mut scratch) = ([0.0; 1], vec![0.0; dense_scratch(&layers, risk.tile(), true)]);
/// let (weight, bias) = (Tensor::Weight(0), Tensor::Bias(0));
/// block(&Hessian::new(risk), weight, bias, MatMut::column_vector(&mut h), &mut scratch)?;
/// // 2 mean x
/// assert_eq!(h, [4.0]);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
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
    })?;
    Ok(check_result("block", out.as_ref())?)
}
