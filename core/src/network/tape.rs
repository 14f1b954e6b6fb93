//! The forward pass, and what it keeps for the passes after it.
//!
//! ```text
//! X_0 = x,  Z_l = s_l W_l X_{l-1} + t_l b_l 1^T,  X_l = phi_l(Z_l),  D_l = phi_l'(Z_l),  B_l = phi_l''(Z_l)
//! f = Z_L                                                           all of them width x samples
//! ```
//! N P multiply-accumulates for N samples and P parameters.

use super::activation::Jet;
use super::layer::{self, Layer};
use super::mlp::Mlp;
use crate::error::{NetworkError, ShapeError, check_result, size};
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// How many derivatives of the activations a tape holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Values only.
    Value,
    /// Values and phi': gradients, GGN, K-FAC.
    First,
    /// Values, phi' and phi'': Hessians.
    Second,
}

impl Order {
    const fn slots(self) -> usize {
        match self {
            Self::Value => 1,
            Self::First => 2,
            Self::Second => 3,
        }
    }
}

/// The hidden layers' values and derivatives for one batch.
#[derive(Clone, Copy, Debug)]
pub struct Tape<'t, T> {
    layers: &'t [Layer],
    x: Mat<'t, T>,
    storage: &'t [T],
    order: Order,
}

/// The number of values that a [`Tape`] of `batch` samples is stored in.
pub const fn tape_len(layers: &[Layer], batch: usize, order: Order) -> usize {
    layer::hidden_units(layers) * batch * order.slots()
}

impl<'t, T: Real> Tape<'t, T> {
    /// Runs the hidden layers on a batch `x`, inputs x samples. `storage`: [`tape_len`].
    ///
    /// # Errors
    /// [`NetworkError`] if the batch does not fit the network, is empty or not finite, or the
    /// storage is too short.
    pub fn record(
        net: &Mlp<'t, T>,
        x: Mat<'t, T>,
        order: Order,
        storage: &'t mut [T],
    ) -> Result<Self, NetworkError> {
        Self::run(net, x, order, storage, None)
    }

    /// As [`Tape::record`], and the outputs, outputs x samples.
    ///
    /// # Errors
    /// Those of both.
    pub fn record_outputs(
        net: &Mlp<'t, T>,
        x: Mat<'t, T>,
        order: Order,
        storage: &'t mut [T],
        f: MatMut<'_, T>,
    ) -> Result<Self, NetworkError> {
        Self::run(net, x, order, storage, Some(f))
    }

    #[inline]
    fn run(
        net: &Mlp<'t, T>,
        x: Mat<'t, T>,
        order: Order,
        storage: &'t mut [T],
        mut f: Option<MatMut<'_, T>>,
    ) -> Result<Self, NetworkError> {
        net.check_batch("x", x)?;
        let batch = x.cols();
        let len = tape_len(net.layers(), batch, order);
        let storage = Scratch::new(storage, len)?.take(len)?;
        {
            let mut rest = Scratch::new(&mut *storage, len)?;
            let mut input = x;
            for dense in net.dense() {
                let width = dense.layer.outputs;
                let last = dense.index + 1 == net.depth();
                let (mut values, first, second) = if last {
                    let Some(f) = f.take() else { break };
                    (f, &mut [][..], &mut [][..])
                } else {
                    let values = rest.matrix(width, batch)?;
                    let mut slot = |wanted: Order| -> Result<&mut [T], NetworkError> {
                        Ok(if order >= wanted { rest.take(width * batch)? } else { &mut [] })
                    };
                    (values, slot(Order::First)?, slot(Order::Second)?)
                };
                dense.forward(input, values.reborrow())?;
                if last {
                    break;
                }
                dense.activate(Jet { value: values.data(), first, second });
                input = values.into_ref();
            }
        }
        Ok(Self { layers: net.layers(), x, storage, order })
    }

    /// The number of samples.
    pub const fn batch(&self) -> usize {
        self.x.cols()
    }

    /// `X_{l-1}`, the input of layer `l` counted from 0: inputs x samples.
    #[inline]
    pub fn input(&self, l: usize) -> Mat<'t, T> {
        if l == 0 { self.x } else { self.slot(l - 1, 0) }
    }

    /// `phi'` behind layer `l` counted from 0: outputs x samples; empty behind the last.
    #[inline]
    pub fn slope(&self, l: usize) -> Mat<'t, T> {
        self.slot(l, 1)
    }

    /// `phi''` behind layer `l` counted from 0: outputs x samples; empty behind the last.
    #[inline]
    pub fn bend(&self, l: usize) -> Mat<'t, T> {
        self.slot(l, 2)
    }

    fn slot(&self, l: usize, slot: usize) -> Mat<'t, T> {
        let (batch, slots) = (self.batch(), self.order.slots());
        let mut start = 0;
        for (index, layer) in self.layers.iter().enumerate() {
            let len = layer.outputs * batch;
            if index == l && slot < slots && index + 1 < self.layers.len() {
                start += slot * len;
                let data = self.storage.part(start..start + len);
                return Mat::of(data, layer.outputs, batch);
            }
            start += slots * len;
        }
        Mat::of(&[], 0, 0)
    }

    /// The outputs f, outputs x samples.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] if `f` has another size.
    pub fn outputs(&self, net: &Mlp<'_, T>, f: MatMut<'_, T>) -> Result<(), NetworkError> {
        if let Some(last) = net.dense().next_back() {
            last.forward(self.input(last.index), f)?;
        }
        Ok(())
    }
}

/// Scratch of [`forward`].
pub const fn forward_scratch(layers: &[Layer], batch: usize) -> usize {
    if layers.len() < 2 { 0 } else { 2 * hidden_width(layers) * batch }
}

/// The widest hidden layer.
const fn hidden_width(layers: &[Layer]) -> usize {
    let (mut max, mut l) = (0, 0);
    while l + 1 < layers.len() {
        if layers[l].outputs > max {
            max = layers[l].outputs;
        }
        l += 1;
    }
    max
}

/// Inference: `f`, outputs x samples, keeping nothing. `scratch`: [`forward_scratch`].
///
/// # Errors
/// [`NetworkError`] if the batch does not fit the network, is empty or not finite, `f` has
/// another size or the scratch is too short; [`NetworkError::NonFinite`] if an output leaves the
/// range of numbers.
pub fn forward<T: Real>(
    net: &Mlp<'_, T>,
    x: Mat<'_, T>,
    mut f: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    f.as_ref().check(("f rows", "f columns"), net.outputs(), x.cols())?;
    run(net, net.depth(), x, f.reborrow(), scratch)?;
    Ok(check_result("outputs", f.as_ref())?)
}

/// The activations behind the first `layers` layers, width x samples: the input of
/// [`Mlp::back`]. At most all but the last layer, whose outputs have no activation; `scratch`:
/// [`forward_scratch`].
///
/// # Errors
/// Those of [`forward`]; [`NetworkError::Shape`] for more layers or none.
pub fn features<T: Real>(
    net: &Mlp<'_, T>,
    layers: usize,
    x: Mat<'_, T>,
    to: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    let hidden = net.depth().saturating_sub(1);
    if layers == 0 || layers > hidden {
        let what = "layers before the features";
        return Err(ShapeError { what, needed: size(hidden), found: size(layers) }.into());
    }
    let width = net.layers().get(layers - 1).map_or(0, |layer| layer.outputs);
    to.as_ref().check(("features rows", "features columns"), width, x.cols())?;
    run(net, layers, x, to, scratch)
}

/// The first `layers` layers.
#[inline]
fn run<T: Real>(
    net: &Mlp<'_, T>,
    layers: usize,
    x: Mat<'_, T>,
    mut to: MatMut<'_, T>,
    scratch: &mut [T],
) -> Result<(), NetworkError> {
    net.check_batch("x", x)?;
    let batch = x.cols();
    let len = hidden_width(net.layers()) * batch;
    let mut scratch = Scratch::new(scratch, forward_scratch(net.layers(), batch))?;
    let (mut here, mut there) = match net.depth() {
        0 | 1 => (&mut [][..], &mut [][..]),
        _ => (scratch.take(len)?, scratch.take(len)?),
    };
    for dense in net.dense().take(layers) {
        let (inputs, outputs) = (dense.layer.inputs, dense.layer.outputs);
        let input = if dense.index == 0 { x } else { Mat::of(here, inputs, batch) };
        let mut values = if dense.index + 1 == layers {
            to.reborrow()
        } else {
            MatMut::of(there.part_mut(..outputs * batch), outputs, batch)
        };
        dense.forward(input, values.reborrow())?;
        if dense.index + 1 < net.depth() {
            dense.activate(Jet { value: values.data(), first: &mut [], second: &mut [] });
        }
        core::mem::swap(&mut here, &mut there);
    }
    Ok(())
}
