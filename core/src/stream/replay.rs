//! A memory of samples, for batches that do not forget yesterday.
//!
//! ```text
//! last      the n-th sample goes to column n mod N                          the last N
//! uniform   the n-th sample replaces a column with probability N / n        N of all, each equally likely
//! draw      column i of the L held is taken with probability (k - taken) / (L - i)      k of L, without repeats
//! ```
//! J. Vitter, "Random sampling with a reservoir" (1985), algorithm R; D. Knuth, TAOCP 2, 3.4.2,
//! algorithm S. The memory is two arrays, inputs and targets, one column a sample, so that all of
//! what it holds *is* a batch, without a copy.

use super::error::StreamError;
use crate::error::{NonFiniteError, ShapeError};
use crate::matrix::Mat;
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Carve;

/// Samples in memory that you place: keep the last by [`Replay::keep_last`], or a fair choice of all
/// by [`Replay::keep_uniform`], one of the two throughout.
///
/// ```
/// use nanocurv::random::Rng;
/// use nanocurv::stream::Replay;
///
/// let (mut x, mut y) = ([0.0_f32; 2 * 8], [0.0; 8]);
/// let mut memory = Replay::new(2, 1, &mut x, &mut y)?;
/// let mut rng = Rng::seed(1);
/// for n in 0..100 {
///     memory.keep_uniform(&[n as f32, 1.0], &[-(n as f32)], &mut rng)?;
/// }
/// let (x, y) = memory.batch();
/// assert!((0..8).all(|n| x.at(0, n) == -y.at(0, n)));
///
/// // Half of the next batch: four of the eight.
/// let (mut old, mut targets) = ([0.0; 2 * 4], [0.0; 4]);
/// memory.draw(&mut old, &mut targets, &mut rng)?;
/// # Ok::<(), nanocurv::stream::StreamError>(())
/// ```
#[derive(Debug)]
pub struct Replay<'s, T> {
    x: &'s mut [T],
    y: &'s mut [T],
    inputs: usize,
    outputs: usize,
    seen: u64,
}

impl<'s, T: Real> Replay<'s, T> {
    /// An empty memory of as many samples as `x` and `y` have room for: `inputs` and `outputs` values
    /// each.
    ///
    /// # Errors
    /// [`StreamError::Shape`] unless it is the same number in both and at least one.
    pub fn new(
        inputs: usize,
        outputs: usize,
        x: &'s mut [T],
        y: &'s mut [T],
    ) -> Result<Self, StreamError> {
        Self::resume(inputs, outputs, x, y, 0)
    }

    /// Goes on from what an earlier one left: its arrays and [`Replay::seen`].
    ///
    /// # Errors
    /// As [`Replay::new`].
    pub fn resume(
        inputs: usize,
        outputs: usize,
        x: &'s mut [T],
        y: &'s mut [T],
        seen: u64,
    ) -> Result<Self, StreamError> {
        let capacity = x.len().checked_div(inputs).unwrap_or(0).max(1);
        ShapeError::check("replay inputs", inputs.max(1).saturating_mul(capacity), x.len())?;
        ShapeError::check("replay targets", outputs.max(1).saturating_mul(capacity), y.len())?;
        Ok(Self { x, y, inputs, outputs, seen })
    }

    /// The samples that it has room for.
    pub fn capacity(&self) -> usize {
        self.x.len().checked_div(self.inputs).unwrap_or(0)
    }

    /// The samples that it holds.
    pub fn held(&self) -> usize {
        let capacity = self.capacity();
        usize::try_from(self.seen).map_or(capacity, |seen| seen.min(capacity))
    }

    /// The samples that it was shown.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes in a sample, in the place of the oldest.
    ///
    /// # Errors
    /// [`StreamError::Shape`] or [`StreamError::NonFinite`]; nothing has changed then.
    pub fn keep_last(&mut self, x: &[T], y: &[T]) -> Result<(), StreamError> {
        self.check(x, y)?;
        let column = self.seen.checked_rem(self.capacity() as u64).unwrap_or(0);
        self.put(column as usize, x, y);
        self.seen = self.seen.wrapping_add(1);
        Ok(())
    }

    /// Takes in a sample, or not, so that every sample shown is held with equal probability; whether
    /// it did. (From the 2^32nd sample on, on a 32-bit machine, newer ones are held more often.)
    ///
    /// # Errors
    /// [`StreamError::Shape`] or [`StreamError::NonFinite`]; nothing has changed then.
    pub fn keep_uniform(&mut self, x: &[T], y: &[T], rng: &mut Rng) -> Result<bool, StreamError> {
        self.check(x, y)?;
        self.seen = self.seen.saturating_add(1);
        let seen = usize::try_from(self.seen).unwrap_or(usize::MAX);
        let capacity = self.capacity();
        let column = if seen <= capacity { seen - 1 } else { rng.below(seen) };
        let kept = column < capacity;
        if kept {
            self.put(column, x, y);
        }
        Ok(kept)
    }

    /// All samples held, one a column: inputs and targets.
    pub fn batch(&self) -> (Mat<'_, T>, Mat<'_, T>) {
        let (inputs, outputs, held) = (self.inputs, self.outputs, self.held());
        let (x, y) = (self.x.part(..inputs * held), self.y.part(..outputs * held));
        (Mat::of(x, inputs, held), Mat::of(y, outputs, held))
    }

    /// Copies as many samples as `x` and `y` have room for, without repeats and each choice equally
    /// likely, in the order of the memory.
    ///
    /// # Errors
    /// [`StreamError::Shape`] if these are not whole samples, or more than are held.
    pub fn draw(&self, x: &mut [T], y: &mut [T], rng: &mut Rng) -> Result<(), StreamError> {
        let mut missing = x.len().checked_div(self.inputs).unwrap_or(0);
        ShapeError::check("drawn inputs", missing * self.inputs, x.len())?;
        ShapeError::check("drawn targets", missing * self.outputs, y.len())?;
        let held = self.held();
        if missing > held {
            ShapeError::check("samples held", missing, held)?;
        }
        let (mut x, mut y) =
            (x.chunks_exact_mut(self.inputs.max(1)), y.chunks_exact_mut(self.outputs.max(1)));
        let (from_x, from_y) = self.batch();
        for (i, (from_x, from_y)) in from_x.columns().zip(from_y.columns()).enumerate() {
            if rng.below(held - i) < missing
                && let (Some(x), Some(y)) = (x.next(), y.next())
            {
                x.iter_mut().zip(from_x).for_each(|(to, from)| *to = *from);
                y.iter_mut().zip(from_y).for_each(|(to, from)| *to = *from);
                missing -= 1;
            }
        }
        Ok(())
    }

    fn check(&self, x: &[T], y: &[T]) -> Result<(), StreamError> {
        ShapeError::check("sample", self.inputs, x.len())?;
        ShapeError::check("target", self.outputs, y.len())?;
        NonFiniteError::check("sample", x)?;
        Ok(NonFiniteError::check("target", y)?)
    }

    fn put(&mut self, column: usize, x: &[T], y: &[T]) {
        let place = |to: &mut [T], from: &[T]| {
            let to = to.chunks_exact_mut(from.len().max(1)).nth(column);
            to.unwrap_or_default().iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        };
        place(self.x, x);
        place(self.y, y);
    }
}
