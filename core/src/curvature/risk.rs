//! The empirical risk that every curvature is a curvature of, over any number of mini-batches:
//!
//! ```text
//! L(theta) = c sum_n l(f(x_n), y_n)      c: see `Loss::scale`, with N counted over all batches
//! ```
//! Samples are streamed in tiles of at most [`Risk::tile`], so that the working memory of a
//! product depends on the tile and not on the data; the answer depends on neither the tile nor
//! how the data is cut into batches (beyond rounding).

use super::error::CurvatureError;
use crate::error::ShapeError;
use crate::matrix::Mat;
use crate::network::{Loss, Mlp, Reduction, Targets};
use crate::scalar::Real;

/// A mini-batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, T> {
    /// Inputs x samples.
    pub x: Mat<'a, T>,
    /// One for each sample.
    pub targets: Targets<'a, T>,
}

impl<'a, T: Real> Batch<'a, T> {
    /// A batch of outputs or probabilities.
    pub fn values(x: Mat<'a, T>, y: Mat<'a, T>) -> Self {
        Self { x, targets: Targets::Values(y) }
    }

    /// A batch of class labels.
    pub const fn labels(x: Mat<'a, T>, labels: &'a [u32]) -> Self {
        Self { x, targets: Targets::Labels(labels) }
    }

    fn range(&self, from: usize, samples: usize) -> Self {
        Self { x: self.x.columns_range(from, samples), targets: self.targets.range(from, samples) }
    }
}

/// A network, a loss and data.
#[derive(Clone, Copy)]
pub struct Risk<'a, T> {
    net: Mlp<'a, T>,
    loss: Loss,
    reduction: Reduction,
    batches: &'a [Batch<'a, T>],
    samples: usize,
    largest: usize,
    tile: usize,
}

impl<'a, T: Real> Risk<'a, T> {
    /// The number of samples that are worked on together unless [`Risk::with_tile`] says
    /// otherwise.
    pub const TILE: usize = 128;

    /// The risk of `net` over `batches`.
    ///
    /// # Errors
    /// [`CurvatureError::NoBatches`], or what does not fit in one of them.
    pub fn new(
        net: Mlp<'a, T>,
        loss: Loss,
        reduction: Reduction,
        batches: &'a [Batch<'a, T>],
    ) -> Result<Self, CurvatureError> {
        if batches.is_empty() {
            return Err(CurvatureError::NoBatches);
        }
        let (mut samples, mut largest) = (0, 0);
        for batch in batches {
            net.check_batch("x", batch.x)?;
            loss.check(batch.targets, net.outputs(), batch.x.cols())?;
            samples += batch.x.cols();
            largest = largest.max(batch.x.cols());
        }
        Ok(Self { net, loss, reduction, batches, samples, largest, tile: Self::TILE })
    }

    /// The same, worked on in tiles of at most `samples` samples: fewer take less scratch.
    #[must_use]
    pub fn with_tile(self, samples: usize) -> Self {
        Self { tile: samples.max(1), ..self }
    }

    /// The same risk at other parameters.
    ///
    /// # Errors
    /// [`CurvatureError`] if `theta` has another length or is not finite.
    pub fn at(self, theta: &'a [T]) -> Result<Self, CurvatureError> {
        Ok(Self { net: self.net.at("theta", theta)?, ..self })
    }

    /// The network.
    pub const fn net(&self) -> Mlp<'a, T> {
        self.net
    }

    /// The loss.
    pub const fn loss(&self) -> Loss {
        self.loss
    }

    /// The reduction.
    pub const fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The mini-batches.
    pub const fn batches(&self) -> &'a [Batch<'a, T>] {
        self.batches
    }

    /// The number of samples in all batches.
    pub const fn samples(&self) -> usize {
        self.samples
    }

    /// The largest number of samples that are worked on together.
    pub fn tile(&self) -> usize {
        self.tile.min(self.largest)
    }

    /// `c`
    pub fn scale(&self) -> T {
        self.loss.scale(self.reduction, self.samples, self.net.outputs())
    }

    /// The tiles, each with the number of samples before it.
    pub fn tiles(&self) -> impl Iterator<Item = (usize, Batch<'a, T>)> + use<'a, T> {
        let (mut batches, tile) = (self.batches, self.tile.max(1));
        let (mut before, mut from) = (0, 0);
        core::iter::from_fn(move || {
            let (batch, rest) = batches.split_first()?;
            let samples = tile.min(batch.x.cols() - from);
            let next = (before, batch.range(from, samples));
            (before, from) = (before + samples, from + samples);
            if from >= batch.x.cols() {
                (batches, from) = (rest, 0);
            }
            Some(next)
        })
    }

    /// `Ok` if `v` is as long as the parameters.
    pub(crate) fn check_vector(&self, v: &[T], out: &[T]) -> Result<(), CurvatureError> {
        super::operator::check(v, self.net.params(), out, self.net.params())
    }

    /// `Ok` if `out` is params x params.
    pub(crate) fn check_square(&self, out: Mat<'_, T>) -> Result<(), ShapeError> {
        out.check(("matrix rows", "matrix columns"), self.net.params(), self.net.params())
    }
}

/// Where the tiles of a batch start: `0, tile, 2 tile, ..`. Not `step_by`, which keeps its panic
/// on a step of 0.
pub(crate) fn starts(samples: usize, tile: usize) -> impl Iterator<Item = usize> {
    core::iter::successors(Some(0_usize), move |from| from.checked_add(tile))
        .take_while(move |from| *from < samples)
}
