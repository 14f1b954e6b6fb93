//! Derivatives along a direction, forward over reverse (Pearlmutter's R-operator):
//!
//! ```text
//! RZ_l = s (W_l RX_{l-1} + V_l X_{l-1}) + t c_l,     RX_l = D_l .* RZ_l            (V, c): the direction
//! RG_L = B RZ_L                                                                     B: the `Curvature`'s
//! RG_l = D_l .* s (W_{l+1}^T RG_{l+1} + V_{l+1}^T G_{l+1}) + C_l .* RZ_l            Hessian
//! RG_l = D_l .* s  W_{l+1}^T RG_{l+1}                                               all others
//! ```
//! A unit direction `dZ_l = e_o` in place of (V, c) gives the derivatives along one
//! pre-activation; `RX_l` then has one row, and the next product is an outer one. Source:
//! Pearlmutter, "Fast exact multiplication by the Hessian" (1994); Schraudolph, "Fast curvature
//! matrix-vector products" (2002).

use super::error::CurvatureError;
use super::parameters::Unit;
use super::point::Point;
use crate::linalg::{gemm, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Layer, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// `RX_l` and, for the Hessian, `C_l .* RZ_l` of the hidden layers for one tile.
pub(crate) struct Tangent<'t, T> {
    storage: &'t [T],
    slots: usize,
    samples: usize,
    /// The first layer that has a derivative.
    first: usize,
}

/// The number of values that a [`Tangent`] is stored in.
pub(crate) const fn tangent_len(layers: &[Layer], batch: usize, hessian: bool) -> usize {
    (1 + hessian as usize) * layer::hidden_units(layers) * batch
}

impl<'t, T: Real> Tangent<'t, T> {
    /// The forward pass along all parameters, `v`; `top`: RZ_L.
    #[inline(never)]
    pub(crate) fn along(
        point: &Point<'_, T>,
        v: &[T],
        hessian: bool,
        storage: &'t mut [T],
        top: MatMut<'_, T>,
    ) -> Result<Self, CurvatureError> {
        let len = tangent_len(point.net.layers(), point.samples(), hessian);
        let mut rest = Scratch::new(&mut *storage, len)?;
        let (mut behind, mut top) = (None, Some(top));
        for dense in point.net.dense() {
            let hidden = dense.index + 1 < point.net.depth();
            let mut z = place(point, &dense, &mut rest, &mut top)?;
            dense.at(v).forward(point.input(dense.index), z.reborrow())?;
            if let Some(x) = behind {
                gemm_tn(dense.scale.weight, dense.weights, x, T::ONE, z.reborrow())?;
            }
            if hidden {
                behind = Some(activate(point, &dense, z, hessian, &mut rest)?);
            }
        }
        Ok(Self::recorded(point, hessian, storage, 0))
    }

    /// The forward pass along one pre-activation of every sample; `top`: RZ_L.
    #[inline(never)]
    pub(crate) fn along_unit(
        point: &Point<'_, T>,
        unit: Unit,
        hessian: bool,
        storage: &'t mut [T],
        top: MatMut<'_, T>,
    ) -> Result<Self, CurvatureError> {
        let len = tangent_len(point.net.layers(), point.samples(), hessian);
        let mut rest = Scratch::new(&mut *storage, len)?;
        let (mut behind, mut top) = (None, Some(top));
        for dense in point.net.dense() {
            let hidden = dense.index + 1 < point.net.depth();
            if dense.index < unit.layer {
                rest.take((1 + usize::from(hessian)) * dense.layer.outputs * point.samples())?;
                continue;
            }
            let mut z = place(point, &dense, &mut rest, &mut top)?;
            match behind {
                None => z.columns().for_each(|z| only(unit.output, z)),
                Some(x) if dense.index == unit.layer + 1 => {
                    outer(&dense, unit.output, x, z.reborrow());
                }
                Some(x) => {
                    gemm_tn(dense.scale.weight, dense.weights, x, T::ZERO, z.reborrow())?;
                }
            }
            if hidden {
                behind = Some(activate(point, &dense, z, hessian, &mut rest)?);
            }
        }
        Ok(Self::recorded(point, hessian, storage, unit.layer))
    }

    const fn recorded(point: &Point<'_, T>, hessian: bool, storage: &'t [T], first: usize) -> Self {
        Self { storage, slots: 1 + hessian as usize, samples: point.samples(), first }
    }

    /// `RX_{l-1}`, the derivative of the input of layer `l`; none where it is zero.
    #[inline]
    pub(crate) fn input(&self, layers: &[Layer], l: usize) -> Option<Mat<'_, T>> {
        if l <= self.first { None } else { Some(self.slot(layers, l - 1, 0)) }
    }

    fn slot(&self, layers: &[Layer], l: usize, slot: usize) -> Mat<'_, T> {
        let before: usize = layers.iter().take(l).map(|layer| layer.outputs).sum();
        let width = layers.get(l).map_or(0, |layer| layer.outputs);
        let start = self.samples * (self.slots * before + slot * width);
        let data = self.storage.part(start..start + self.samples * width);
        Mat::of(data, width, self.samples)
    }
}

/// Where RZ_l goes: the last layer's to `top`.
fn place<'r, T: Real>(
    point: &Point<'_, T>,
    dense: &DenseLayer<'_, T>,
    rest: &mut Scratch<'r, T>,
    top: &mut Option<MatMut<'r, T>>,
) -> Result<MatMut<'r, T>, CurvatureError> {
    if dense.index + 1 == point.net.depth()
        && let Some(top) = top.take()
    {
        return Ok(top);
    }
    Ok(rest.matrix(dense.layer.outputs, point.samples())?)
}

/// `RX_l` in the place of `RZ_l`, and `C_l .* RZ_l` behind it for the Hessian.
fn activate<'r, T: Real>(
    point: &Point<'_, T>,
    dense: &DenseLayer<'_, T>,
    mut z: MatMut<'r, T>,
    hessian: bool,
    rest: &mut Scratch<'r, T>,
) -> Result<Mat<'r, T>, CurvatureError> {
    if hessian {
        let bent = rest.take(dense.layer.outputs * point.samples())?;
        let curl = point.curl(dense.index).data();
        bent.iter_mut().zip(curl).zip(z.data()).for_each(|((bent, c), z)| *bent = *c * *z);
    }
    multiply(point.slope(dense.index), z.reborrow());
    Ok(z.into_ref())
}

/// `z = e_o`
fn only<T: Real>(o: usize, z: &mut [T]) {
    z.fill(T::ZERO);
    if let Some(z) = z.get_mut(o) {
        *z = T::ONE;
    }
}

/// `Z = s W X` where row `o` is all that X has: the weights from `o` times that row.
fn outer<T: Real>(dense: &DenseLayer<'_, T>, o: usize, x: Mat<'_, T>, z: MatMut<'_, T>) {
    let (mut first, mut rest) = z.split_at_col(1);
    let weights = first.col(0);
    for (weight, from) in weights.iter_mut().zip(dense.weights.columns()) {
        *weight = dense.scale.weight * from.get(o).copied().unwrap_or(T::ZERO);
    }
    for (n, z) in rest.columns().enumerate() {
        let x = x.at(o, n + 1);
        z.iter_mut().zip(&*weights).for_each(|(z, w)| *z = *w * x);
    }
    let x = x.at(o, 0);
    weights.iter_mut().for_each(|w| *w *= x);
}

/// What the second-order terms of the backward pass need.
#[derive(Clone, Copy)]
pub(crate) struct Bend<'b, T> {
    pub(crate) tangent: &'b Tangent<'b, T>,
    /// V; none along a unit.
    pub(crate) v: Option<&'b [T]>,
}

/// The backward pass from RG_L in `here` down to layer `stop`; `visit` sees each layer with its RG.
/// `here` and `there` hold as many values as the widest layer of the tile.
#[inline(never)]
pub(crate) fn backward<'n, T: Real>(
    point: &Point<'n, T>,
    bend: Option<Bend<'_, T>>,
    stop: usize,
    (mut here, mut there): (&mut [T], &mut [T]),
    mut visit: impl FnMut(&DenseLayer<'n, T>, Mat<'_, T>) -> Result<(), CurvatureError>,
) -> Result<(), CurvatureError> {
    let (net, samples) = (point.net, point.samples());
    for dense in net.dense().rev() {
        let (l, outputs, inputs) = (dense.index, dense.layer.outputs, dense.layer.inputs);
        let rg = Mat::of(here, outputs, samples);
        visit(&dense, rg)?;
        if l <= stop {
            break;
        }
        let below = there.part_mut(..inputs * samples);
        let mut below = MatMut::of(below, inputs, samples);
        dense.transpose(rg, below.reborrow())?;
        if let Some(v) = bend.and_then(|bend| bend.v) {
            let (s, g) = (dense.scale.weight, point.adjoint(l));
            gemm(s, dense.at(v).weights, g, T::ONE, below.reborrow())?;
        }
        multiply(point.slope(l - 1), below.reborrow());
        if let Some(bend) = bend {
            below.add_scaled(T::ONE, bend.tangent.slot(net.layers(), l - 1, 1));
        }
        core::mem::swap(&mut here, &mut there);
    }
    Ok(())
}

/// `to = to .* by`
#[inline]
fn multiply<T: Real>(by: Mat<'_, T>, mut to: MatMut<'_, T>) {
    to.data().iter_mut().zip(by.data()).for_each(|(to, by)| *to *= *by);
}
