//! Carving one caller-placed slice into matrices.
//!
//! Beside each algorithm `foo(.., scratch: &mut [T])` stands a `const fn` with the number of
//! values it needs, so that the caller can place an array of exactly that size.

use crate::error::ScratchError;
use crate::matrix::MatMut;
use crate::scalar::Real;

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
