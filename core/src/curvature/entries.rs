//! A sub-matrix of a risk's curvature, entry by entry:
//!
//! ```text
//! H[(k; p, j), (l; o, i)] = s_l sum_n T_lo[(k; p, j), n] X_{l-1}[i, n]     k >= l, T_lo: see `structured`
//! ```

use super::error::CurvatureError;
use super::hessian::RiskCurvature;
use super::parameters::{Parameter, Unit};
use super::product::sweep_scratch;
use super::structured::each_tile;
use super::submatrix::check_list;
use super::tile_point::{TilePoint, tile_scratch};
use crate::error::check_result;
use crate::matrix::MatMut;
use crate::network::Layer;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// Scratch of [`submatrix`]: no panel.
pub const fn submatrix_scratch(layers: &[Layer], tile: usize, hessian: bool) -> usize {
    tile_scratch(layers, tile, hessian) + sweep_scratch(layers, tile, hessian) + tile
}

/// The entries `[rows, cols]` alone: one tangent pass for each unit that a column (or, where the
/// row's layer comes first, a row) belongs to, and N multiply-accumulates for each entry.
/// `scratch`: [`submatrix_scratch`] for the risk's tile.
///
/// ```
/// use nanocurv::curvature::{Batch, Ggn, Risk, submatrix, submatrix_scratch};
/// use nanocurv::network::{Activation, Layer, Loss, Mlp, Reduction};
/// use nanocurv::{Mat, MatMut};
///
/// let layers = [Layer::new(1, 1, Activation::Identity)];
/// let (x, y) = ([1.0, 3.0], [0.0, 0.0]);
/// let batches = [Batch::values(Mat::from_array::<1, 2, _>(&x), Mat::from_array::<1, 2, _>(&y))];
/// let net = Mlp::new(&layers, &[0.5, 0.0])?;
/// let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches)?;
///
/// let (mut g, mut scratch) = ([0.0; 2], vec![0.0; submatrix_scratch(&layers, risk.tile(), false)]);
/// submatrix(&Ggn::new(risk), &[1, 0], &[0], MatMut::column_vector(&mut g), &mut scratch)?;
/// // 2 mean x, 2 mean x^2
/// assert_eq!(g, [4.0, 10.0]);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
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
    })?;
    Ok(check_result("sub-matrix", out.as_ref())?)
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
