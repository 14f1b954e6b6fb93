//! The point at which a network is linearised: what one forward pass (and, for the Hessian, one
//! backward pass) over a tile leaves behind.
//!
//! ```text
//! X_l = phi(Z_l),  D_l = phi'(Z_l),  f = Z_L                                (First)
//! G_L = c dl/df,   E_l = s W_{l+1}^T G_{l+1},  G_l = D_l .* E_l,  C_l = phi''(Z_l) .* E_l      (Second)
//! ```
//! All width x samples. First: N P multiply-accumulates; Second: 2 N P.

use super::error::CurvatureError;
use super::risk::Batch;
use crate::matrix::{Mat, MatMut};
use crate::network::{Jet, Layer, Loss, Mlp, Order, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The linearisation of a network on one tile.
#[derive(Clone, Copy)]
pub(crate) struct Point<'p, T> {
    pub(crate) net: Mlp<'p, T>,
    pub(crate) x: Mat<'p, T>,
    pub(crate) f: Mat<'p, T>,
    hidden: &'p [T],
    slots: usize,
    /// Output layer first; empty in first order.
    adjoints: &'p [T],
}

/// The sum of all layers' outputs.
const fn units(layers: &[Layer]) -> usize {
    layer::hidden_units(layers) + layer::outputs(layers)
}

const fn slots(order: Order) -> usize {
    match order {
        Order::Value => 1,
        Order::First => 2,
        Order::Second => 3,
    }
}

/// The number of values that a point is stored in.
pub(crate) const fn point_len(layers: &[Layer], batch: usize, order: Order) -> usize {
    let adjoints = if matches!(order, Order::Second) { units(layers) } else { 0 };
    batch * (slots(order) * layer::hidden_units(layers) + layer::outputs(layers) + adjoints)
}

impl<'p, T: Real> Point<'p, T> {
    /// The forward pass.
    pub(crate) fn first(
        net: Mlp<'p, T>,
        x: Mat<'p, T>,
        storage: &'p mut [T],
    ) -> Result<Self, CurvatureError> {
        let len = point_len(net.layers(), x.cols(), Order::First);
        Self::forward(net, x, Order::First, &mut Scratch::new(storage, len)?)
    }

    /// The forward and the backward pass.
    pub(crate) fn second(
        net: Mlp<'p, T>,
        batch: Batch<'p, T>,
        loss: Loss,
        scale: T,
        storage: &'p mut [T],
    ) -> Result<Self, CurvatureError> {
        let samples = batch.x.cols();
        let len = point_len(net.layers(), samples, Order::Second);
        let mut rest = Scratch::new(storage, len)?;
        let adjoints = rest.take(samples * units(net.layers()))?;
        let hidden = rest.take(3 * samples * layer::hidden_units(net.layers()))?;
        let f = rest.take(samples * net.outputs())?;
        {
            let point = Self::record(net, batch.x, Order::Second, &mut *hidden, &mut *f)?;
            let top = adjoints.part_mut(..samples * net.outputs());
            let mut top = MatMut::of(top, net.outputs(), samples);
            loss.gradient(point.f, batch.targets, top.reborrow())?;
            top.scale(scale);
        }
        Self::pull_back(net, samples, &mut *adjoints, &mut *hidden)?;
        Ok(Self {
            net,
            x: batch.x,
            f: Mat::of(f, net.outputs(), samples),
            hidden,
            slots: 3,
            adjoints,
        })
    }

    fn forward(
        net: Mlp<'p, T>,
        x: Mat<'p, T>,
        order: Order,
        storage: &mut Scratch<'p, T>,
    ) -> Result<Self, CurvatureError> {
        let hidden = storage.take(slots(order) * x.cols() * layer::hidden_units(net.layers()))?;
        let f = storage.take(x.cols() * net.outputs())?;
        Self::record(net, x, order, hidden, f)
    }

    /// X, D and (second order) phi'' of every hidden layer, and f.
    fn record<'s>(
        net: Mlp<'s, T>,
        x: Mat<'s, T>,
        order: Order,
        hidden: &'s mut [T],
        f: &'s mut [T],
    ) -> Result<Point<'s, T>, CurvatureError> {
        net.check_batch("x", x)?;
        let samples = x.cols();
        let mut f = MatMut::of(f, net.outputs(), samples);
        {
            let len = hidden.len();
            let mut rest = Scratch::new(&mut *hidden, len)?;
            let mut input = x;
            for dense in net.dense() {
                if dense.index + 1 == net.depth() {
                    dense.forward(input, f.reborrow())?;
                    break;
                }
                let width = dense.layer.outputs;
                let mut values = rest.matrix(width, samples)?;
                let mut slot = |wanted| -> Result<&mut [T], CurvatureError> {
                    Ok(if order >= wanted { rest.take(width * samples)? } else { &mut [] })
                };
                let (first, second) = (slot(Order::First)?, slot(Order::Second)?);
                dense.forward(input, values.reborrow())?;
                dense.activate(Jet { value: values.data(), first, second });
                input = values.into_ref();
            }
        }
        Ok(Point { net, x, f: f.into_ref(), hidden, slots: slots(order), adjoints: &[] })
    }

    /// From G_L and phi'' to every G and C.
    fn pull_back(
        net: Mlp<'_, T>,
        samples: usize,
        adjoints: &mut [T],
        mut hidden: &mut [T],
    ) -> Result<(), CurvatureError> {
        let len = adjoints.len();
        let mut rest = Scratch::new(adjoints, len)?;
        let mut above = rest.matrix(net.outputs(), samples)?;
        for dense in net.dense().rev() {
            if dense.index == 0 {
                break;
            }
            let width = dense.layer.inputs;
            let mut here = rest.matrix(width, samples)?;
            dense.transpose(above.as_ref(), here.reborrow())?;
            let at = hidden.len().saturating_sub(3 * width * samples);
            let (before, slots) = core::mem::take(&mut hidden).cut_mut(at);
            hidden = before;
            // phi, phi' and phi''
            let mut slots = Scratch::new(slots, 0)?;
            slots.take(width * samples)?;
            let (slope, bend) = (slots.take(width * samples)?, slots.rest());
            for ((g, d), c) in here.data().iter_mut().zip(slope).zip(bend) {
                *c *= *g;
                *g *= *d;
            }
            above = here;
        }
        Ok(())
    }

    /// The number of samples.
    pub(crate) const fn samples(&self) -> usize {
        self.x.cols()
    }

    /// `X_{l-1}`, the input of layer `l` counted from 0.
    #[inline]
    pub(crate) fn input(&self, l: usize) -> Mat<'p, T> {
        if l == 0 { self.x } else { self.slot(l - 1, 0) }
    }

    /// `D_l`
    #[inline]
    pub(crate) fn slope(&self, l: usize) -> Mat<'p, T> {
        self.slot(l, 1)
    }

    /// `C_l`
    #[inline]
    pub(crate) fn curl(&self, l: usize) -> Mat<'p, T> {
        self.slot(l, 2)
    }

    /// `G_l`
    #[inline]
    pub(crate) fn adjoint(&self, l: usize) -> Mat<'p, T> {
        let above: usize = self.net.layers().iter().skip(l + 1).map(|layer| layer.outputs).sum();
        self.part(self.adjoints, l, above, 1, 0)
    }

    fn slot(&self, l: usize, slot: usize) -> Mat<'p, T> {
        let before: usize = self.net.layers().iter().take(l).map(|layer| layer.outputs).sum();
        if slot >= self.slots {
            return Mat::of(&[], 0, 0);
        }
        self.part(self.hidden, l, before, self.slots, slot)
    }

    fn part(&self, of: &'p [T], l: usize, before: usize, slots: usize, slot: usize) -> Mat<'p, T> {
        let width = self.net.layers().get(l).map_or(0, |layer| layer.outputs);
        let start = self.samples() * (slots * before + slot * width);
        let data = of.part(start..start + self.samples() * width);
        Mat::of(data, width, self.samples())
    }
}
