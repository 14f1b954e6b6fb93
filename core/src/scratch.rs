//! Working memory. Beside each algorithm `foo(.., scratch: &mut [T])` stands a `const fn`,
//! `foo_scratch`, with the number of values it needs: place an array of that length where you like,
//! and give it to one algorithm after the other.
//!
//! [`Scratch`] is how the algorithms carve one slice into matrices; yours can do the same.

use crate::error::ScratchError;
use crate::matrix::MatMut;
use crate::scalar::Real;
use core::slice::SliceIndex;

/// The uncarved rest of a scratch slice.
pub struct Scratch<'a, T> {
    rest: &'a mut [T],
}

impl<'a, T: Real> Scratch<'a, T> {
    /// All of `slice`, provided that it holds `needed` values.
    ///
    /// # Errors
    /// [`ScratchError`] with what is needed in total, before anything is computed.
    #[inline]
    pub fn new(slice: &'a mut [T], needed: usize) -> Result<Self, ScratchError> {
        if slice.len() < needed {
            return Err(ScratchError::new(needed, slice.len()));
        }
        Ok(Self { rest: slice })
    }

    /// The next `len` values.
    ///
    /// # Errors
    /// [`ScratchError`] if fewer are left.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a mut [T], ScratchError> {
        let found = self.rest.len();
        match core::mem::take(&mut self.rest).split_at_mut_checked(len) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(ScratchError::new(len, found)),
        }
    }

    /// The next `rows x cols` values as a matrix.
    ///
    /// # Errors
    /// [`ScratchError`] if fewer are left.
    #[inline]
    pub fn matrix(&mut self, rows: usize, cols: usize) -> Result<MatMut<'a, T>, ScratchError> {
        let data = self.take(rows * cols)?;
        Ok(MatMut::of(data, rows, cols))
    }

    /// All that is left.
    #[inline]
    pub fn rest(self) -> &'a mut [T] {
        self.rest
    }
}

/// Parts of a slice that are known to lie within it: an entry point has compared the lengths of its
/// arguments with the network or the matrices, and what it carves follows from the same numbers.
///
/// What `slice[range]` says, without its panic. Assertions, where they are compiled in, as in every
/// test, check each claim; without them a part that did not fit would be empty.
pub(crate) trait Carve<T> {
    /// `slice[range]`
    fn part<R: SliceIndex<[T], Output = [T]>>(&self, range: R) -> &[T];

    /// `slice[range]`, to write to.
    fn part_mut<R: SliceIndex<[T], Output = [T]>>(&mut self, range: R) -> &mut [T];

    /// The first `at` values and the others.
    fn cut(&self, at: usize) -> (&[T], &[T]);

    /// The first `at` values and the others, to write to.
    fn cut_mut(&mut self, at: usize) -> (&mut [T], &mut [T]);
}

impl<T> Carve<T> for [T] {
    #[inline(always)]
    fn part<R: SliceIndex<[T], Output = [T]>>(&self, range: R) -> &[T] {
        let part = self.get(range);
        debug_assert!(part.is_some(), "a part beyond its slice");
        part.unwrap_or_default()
    }

    #[inline(always)]
    fn part_mut<R: SliceIndex<[T], Output = [T]>>(&mut self, range: R) -> &mut [T] {
        let part = self.get_mut(range);
        debug_assert!(part.is_some(), "a part beyond its slice");
        part.unwrap_or_default()
    }

    #[inline(always)]
    fn cut(&self, at: usize) -> (&[T], &[T]) {
        let parts = self.split_at_checked(at);
        debug_assert!(parts.is_some(), "a cut beyond its slice");
        parts.unwrap_or_default()
    }

    #[inline(always)]
    fn cut_mut(&mut self, at: usize) -> (&mut [T], &mut [T]) {
        let parts = self.split_at_mut_checked(at);
        debug_assert!(parts.is_some(), "a cut beyond its slice");
        parts.unwrap_or_default()
    }
}
