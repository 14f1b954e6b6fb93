//! Derivatives along a direction, forward over reverse (Pearlmutter's R-operator):
//!
//! ```text
//! RZ_l = s (W_l RX_{l-1} + V_l X_{l-1}) + t c_l,     RX_l = D_l .* RZ_l            (V, c): the direction
//! RG_L = B RZ_L                                                                     B: the `Curvature`'s
//! RG_l = D_l .* s (W_{l+1}^T RG_{l+1} + V_{l+1}^T G_{l+1}) + C_l .* RZ_l            Hessian
//! RG_l = D_l .* s  W_{l+1}^T RG_{l+1}                                               all others
//! ```
//! A unit direction `dZ_l = e_o` in place of (V, c) gives the derivatives along one
//! pre-activation. Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994);
//! Schraudolph, "Fast curvature matrix-vector products" (2002).

use super::error::CurvatureError;
use super::point::Point;
use crate::linalg::{gemm, gemm_tn};
use crate::matrix::{Mat, MatMut};
use crate::network::{DenseLayer, Layer, Mlp, layer};
use crate::scalar::Real;
use crate::scratch::Scratch;

/// What the derivative is taken along.
#[derive(Clone, Copy)]
pub(crate) enum Direction<'v, T> {
    /// All parameters.
    Parameters(Mlp<'v, T>),
    /// One pre-activation of every sample.
    Unit {
        /// The layer.
        layer: usize,
        /// Which of its outputs.
        output: usize,
    },
}

/// `RX_l` and `C_l .* RZ_l` of the hidden layers for one tile.
pub(crate) struct Tangent<'t, T> {
    storage: &'t [T],
    slots: usize,
    samples: usize,
    first: usize,
}

/// The number of values that a [`Tangent`] is stored in.
pub(crate) const fn tangent_len(layers: &[Layer], batch: usize, hessian: bool) -> usize {
    (1 + hessian as usize) * layer::hidden_units(layers) * batch
}

impl<'t, T: Real> Tangent<'t, T> {
    /// The forward pass; `top`: RZ_L.
    pub(crate) fn forward(
        point: &Point<'_, T>,
        direction: Direction<'_, T>,
        hessian: bool,
        storage: &'t mut [T],
        top: MatMut<'_, T>,
    ) -> Result<Self, CurvatureError> {
        let (net, samples) = (point.net, point.samples());
        let len = tangent_len(net.layers(), samples, hessian);
        let first = match direction {
            Direction::Parameters(_) => 0,
            Direction::Unit { layer, .. } => layer,
        };
        let along = match direction {
            Direction::Parameters(v) => v,
            Direction::Unit { .. } => net,
        };
        let storage = Scratch::new(storage, len)?.take(len)?;
        {
            let mut rest = Scratch::new(&mut *storage, len)?;
            let (mut input, mut top) = (None, Some(top));
            for (dense, v) in net.dense().zip(along.dense()) {
                let (l, width) = (dense.index, dense.layer.outputs);
                let last = l + 1 == net.depth();
                let mut hidden = Mat::of(&[], 0, 0);
                let mut here = if last {
                    let Some(top) = top.take() else { break };
                    top
                } else {
                    let here = rest.matrix(width, samples)?;
                    if hessian {
                        hidden = point.curl(l);
                    }
                    here
                };
                if l < first {
                    if hessian {
                        rest.take(width * samples)?;
                    }
                    continue;
                }
                match direction {
                    Direction::Parameters(_) => {
                        v.forward(point.input(l), here.reborrow())?;
                        if let Some(input) = input {
                            let s = dense.scale.weight;
                            gemm_tn(s, dense.weights, input, T::ONE, here.reborrow())?;
                        }
                    }
                    Direction::Unit { output, .. } => match input {
                        Some(input) => {
                            let s = dense.scale.weight;
                            gemm_tn(s, dense.weights, input, T::ZERO, here.reborrow())?;
                        }
                        None => {
                            here.fill(T::ZERO);
                            for z in here.columns() {
                                if let Some(z) = z.get_mut(output) {
                                    *z = T::ONE;
                                }
                            }
                        }
                    },
                }
                if last {
                    break;
                }
                if hessian {
                    let mut bent = rest.matrix(width, samples)?;
                    bent.copy_from(hidden);
                    multiply(here.as_ref(), bent);
                }
                multiply(point.slope(l), here.reborrow());
                input = Some(here.into_ref());
            }
        }
        Ok(Self { storage, slots: 1 + usize::from(hessian), samples, first })
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
        let data = self.storage.get(start..start + self.samples * width).unwrap_or(&[]);
        Mat::of(data, width, self.samples)
    }
}

/// What the second-order terms of the backward pass need.
pub(crate) struct Bend<'b, T> {
    pub(crate) tangent: &'b Tangent<'b, T>,
    pub(crate) direction: Direction<'b, T>,
}

/// The backward pass from RG_L in `here` down to layer `stop`; `visit` sees each layer with its RG.
/// `here` and `there` hold as many values as the widest layer of the tile.
pub(crate) fn backward<'n, T: Real>(
    point: &Point<'n, T>,
    bend: Option<Bend<'_, T>>,
    stop: usize,
    (mut here, mut there): (&mut [T], &mut [T]),
    mut visit: impl FnMut(&DenseLayer<'n, T>, Mat<'_, T>) -> Result<(), CurvatureError>,
) -> Result<(), CurvatureError> {
    let (net, samples) = (point.net, point.samples());
    let along = match &bend {
        Some(Bend { direction: Direction::Parameters(v), .. }) => *v,
        _ => net,
    };
    for (dense, v) in net.dense().rev().zip(along.dense().rev()) {
        let (l, outputs, inputs) = (dense.index, dense.layer.outputs, dense.layer.inputs);
        let rg = Mat::of(here.get(..outputs * samples).unwrap_or(&[]), outputs, samples);
        visit(&dense, rg)?;
        if l <= stop {
            break;
        }
        let below = there.get_mut(..inputs * samples).unwrap_or(&mut []);
        let mut below = MatMut::of(below, inputs, samples);
        dense.transpose(rg, below.reborrow())?;
        if let Some(bend) = &bend {
            if let Direction::Parameters(_) = bend.direction {
                let s = dense.scale.weight;
                gemm(s, v.weights, point.adjoint(l), T::ONE, below.reborrow())?;
            }
            multiply(point.slope(l - 1), below.reborrow());
            below.add_scaled(T::ONE, bend.tangent.slot(net.layers(), l - 1, 1));
        } else {
            multiply(point.slope(l - 1), below.reborrow());
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
