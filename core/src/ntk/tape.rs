//! What the kernel needs of one batch: layer inputs and backpropagated output directions.
//!
//! ```text
//! X_{l-1}: d_{l-1} x N            the input of layer l
//! S_l:     (R d_l) x N            S_l^{(r)} = D_l .* (s_{l+1} W_{l+1}^T S_{l+1}^{(r)}),  S_L^{(r)} = v_r
//! ```
//! for R directions v_r in the outputs. The directions of one sample stand one below the other, so
//! that the sum over r of their products is one product. Per sample: P multiply-accumulates
//! forward and R P backward.

use crate::error::NetworkError;
use crate::matrix::{Mat, MatMut};
use crate::network::{Jet, Layer, Mlp, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// The directions in the outputs whose gradients the kernel compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Directions {
    /// Every output by itself: `v_r = e_r`, R = O.
    Each,
    /// The sum of all outputs over sqrt O: `v = 1 / sqrt O`, R = 1 (the pseudo-kernel).
    Pseudo,
    /// One output: `v = e_k`, R = 1.
    Output(usize),
}

impl Directions {
    /// R.
    pub const fn count(self, layers: &[Layer]) -> usize {
        match self {
            Self::Each => layer::outputs(layers),
            Self::Pseudo | Self::Output(_) => 1,
        }
    }

    /// `v_r^T v_q`
    pub(super) fn inner<T: Real>(self, r: usize, q: usize) -> T {
        if matches!(self, Self::Each) && r != q { T::ZERO } else { T::ONE }
    }
}

/// The number of values that a [`Tape`] of `batch` samples is stored in.
pub const fn tape_len(layers: &[Layer], directions: Directions, batch: usize) -> usize {
    layer::hidden_units(layers) * batch * (1 + directions.count(layers))
}

/// Layer inputs and backpropagated directions of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Tape<'t, T> {
    pub(super) layers: &'t [Layer],
    pub(super) x: Mat<'t, T>,
    pub(super) storage: &'t [T],
    pub(super) directions: Directions,
}

impl<'t, T: Real> Tape<'t, T> {
    /// Runs a batch `x`, inputs x samples, forward and its directions back. `storage`:
    /// [`tape_len`].
    ///
    /// # Errors
    /// [`NetworkError`] if the batch does not fit the network, is empty or not finite, an output
    /// is out of range, or the storage is too short.
    #[inline(never)]
    pub fn record(
        net: &Mlp<'t, T>,
        directions: Directions,
        x: Mat<'t, T>,
        storage: &'t mut [T],
    ) -> Result<Self, NetworkError> {
        let layers = net.layers();
        net.check_batch("x", x)?;
        if let Directions::Output(k) = directions
            && k >= net.outputs()
        {
            return Err(NetworkError::Output {
                outputs: crate::error::size(net.outputs()),
                found: crate::error::size(k),
            });
        }
        let len = tape_len(layers, directions, x.cols());
        let storage = Scratch::new(storage, len)?.take(len)?;
        forward(net, directions, x, storage)?;
        backward(net, directions, x.cols(), storage)?;
        Ok(Self { layers, x, storage, directions })
    }

    /// The number of samples.
    pub const fn batch(&self) -> usize {
        self.x.cols()
    }

    /// The directions.
    pub const fn directions(&self) -> Directions {
        self.directions
    }

    /// `X_{l-1}`, the input of layer `l` counted from 0.
    #[inline(never)]
    pub fn input(&self, l: usize) -> Mat<'t, T> {
        if l == 0 {
            return self.x;
        }
        let (start, width, batch) = self.place(l - 1);
        Mat::of(self.storage.part(start..start + width * batch), width, batch)
    }

    /// `S_l` behind hidden layer `l` counted from 0, all directions: (R d_l) x N.
    #[inline(never)]
    pub fn signals(&self, l: usize) -> Mat<'t, T> {
        let (start, width, batch) = self.place(l);
        let rows = width * self.directions.count(self.layers);
        let start = start + width * batch;
        Mat::of(self.storage.part(start..start + rows * batch), rows, batch)
    }

    /// `S_l^{(r)}`, one direction: d_l x N.
    #[inline(never)]
    pub fn signal(&self, l: usize, r: usize) -> Mat<'t, T> {
        let width = self.layers.get(l).map_or(0, |layer| layer.outputs);
        self.signals(l).block(r * width, 0, width, self.batch())
    }

    /// Where hidden layer `l` is stored; its width; the batch.
    fn place(&self, l: usize) -> (usize, usize, usize) {
        let slots = 1 + self.directions.count(self.layers);
        let before: usize = self.layers.iter().take(l).map(|layer| layer.outputs).sum();
        let width = self.layers.get(l).map_or(0, |layer| layer.outputs);
        (before * slots * self.batch(), width, self.batch())
    }
}

/// `X_l`, and `D_l` where every direction of `S_l` will stand.
#[inline(never)]
fn forward<T: Real>(
    net: &Mlp<'_, T>,
    directions: Directions,
    x: Mat<'_, T>,
    storage: &mut [T],
) -> Result<(), NetworkError> {
    let (batch, count) = (x.cols(), directions.count(net.layers()));
    let len = storage.len();
    let mut rest = Scratch::new(storage, len)?;
    let mut input = x;
    for dense in net.dense().take(net.depth() - 1) {
        let width = dense.layer.outputs;
        let mut values = rest.matrix(width, batch)?;
        let mut slopes = rest.matrix(width * count, batch)?;
        dense.forward(input, values.reborrow())?;
        if count == 1 {
            dense.activate(Jet { value: values.data(), first: slopes.data(), second: &mut [] });
        } else {
            for (value, slopes) in values.columns().zip(slopes.columns()) {
                let mut slopes = slopes.chunks_exact_mut(width.max(1));
                let Some(first) = slopes.next() else { continue };
                dense.activate(Jet { value, first, second: &mut [] });
                for other in slopes {
                    other.iter_mut().zip(&*first).for_each(|(o, f)| *o = *f);
                }
            }
        }
        input = values.into_ref();
    }
    Ok(())
}

/// `S_l`, from the last hidden layer to the first.
#[inline(never)]
fn backward<T: Real>(
    net: &Mlp<'_, T>,
    directions: Directions,
    batch: usize,
    storage: &mut [T],
) -> Result<(), NetworkError> {
    let count = directions.count(net.layers());
    let mut rest = storage;
    let mut above: Option<Mat<'_, T>> = None;
    for dense in net.dense().rev().take(net.depth() - 1) {
        let width = dense.layer.inputs;
        let split = rest.len().saturating_sub(width * count * batch);
        let (before, signals) = rest.cut_mut(split);
        // All directions of all samples are columns: the same memory as (R d) x N.
        let mut columns = MatMut::of(signals, width, count * batch);
        match above {
            Some(above) => dense.pull_back(above, columns.reborrow())?,
            None => {
                let weights = dense.weights;
                let scale = dense.scale.weight;
                for (c, column) in columns.columns().enumerate() {
                    last_layer(weights, scale, directions, c % count.max(1), column);
                }
            }
        }
        above = Some(columns.into_ref());
        let split = before.len().saturating_sub(width * batch);
        rest = before.split_at_mut_checked(split).map_or(&mut [], |(before, _)| before);
    }
    Ok(())
}

/// `D .* (s W_L^T v_r)` for one sample.
fn last_layer<T: Real>(
    weights: Mat<'_, T>,
    scale: T,
    directions: Directions,
    r: usize,
    column: &mut [T],
) {
    let only = match directions {
        Directions::Each => Some(r),
        Directions::Output(k) => Some(k),
        Directions::Pseudo => None,
    };
    if let Some(o) = only {
        column.iter_mut().zip(weights.col(o)).for_each(|(g, w)| *g *= scale * *w);
    } else {
        let v = T::ONE / T::from_usize(weights.cols()).sqrt();
        for (i, g) in column.iter_mut().enumerate() {
            let sum = weights
                .columns()
                .fold(T::ZERO, |sum, w| sum + w.get(i).copied().unwrap_or(T::ZERO));
            *g *= scale * v * sum;
        }
    }
}
