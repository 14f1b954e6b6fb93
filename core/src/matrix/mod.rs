//! Matrices over memory that is already there: [`Mat`] to read, [`MatMut`] to write, made of an
//! `SMatrix` by `into()`, of an array by [`Mat::from_array`], of a slice by [`Mat::new`].
//!
//! ```text
//! entry (i, j) of a rows x cols view with column stride s: data[offset + i + j * s], s >= offset + rows
//! ```
//! A row-major array is the column-major view of its transpose, so PyTorch's `[out, in]` weights
//! are an `in x out` view and NumPy's `[samples, features]` data a `features x samples` view
//! without a copy.

mod mat;
mod mat_mut;

use crate::scalar::Real;

/// A column-major matrix view.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, T> {
    /// Whole columns of the matrix that this is a part of: `cols * stride` values, so that a loop
    /// over the columns has no shorter last one to look out for.
    data: &'a [T],
    /// The first row's place in them.
    offset: usize,
    rows: usize,
    cols: usize,
    stride: usize,
}

/// A mutable column-major matrix view.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    offset: usize,
    rows: usize,
    cols: usize,
    stride: usize,
}

/// Stretches of `stride` values. Not `chunks_exact`: zipped it divides, and where that is not
/// inlined the compiler forgets that the divisor is at least 1 and keeps the panic. Only the tiles,
/// always inlined, take [`Mat::whole_columns`], for there one counter walks two matrices.
struct Stretches<'a, T> {
    rest: &'a [T],
    stride: usize,
}

impl<'a, T> Iterator for Stretches<'a, T> {
    type Item = &'a [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [T]> {
        let (stretch, rest) = self.rest.split_at_checked(self.stride)?;
        self.rest = rest;
        Some(stretch)
    }
}

/// [`Stretches`] to write to.
struct StretchesMut<'a, T> {
    rest: &'a mut [T],
    stride: usize,
}

impl<'a, T> Iterator for StretchesMut<'a, T> {
    type Item = &'a mut [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [T]> {
        let (stretch, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(self.stride)?;
        self.rest = rest;
        Some(stretch)
    }
}

impl<'a, T: Real, const R: usize, const C: usize> From<&'a nalgebra::SMatrix<T, R, C>>
    for Mat<'a, T>
{
    #[inline]
    fn from(m: &'a nalgebra::SMatrix<T, R, C>) -> Self {
        Self::of(m.as_slice(), R, C)
    }
}

impl<'a, T: Real, const R: usize, const C: usize> From<&'a mut nalgebra::SMatrix<T, R, C>>
    for MatMut<'a, T>
{
    #[inline]
    fn from(m: &'a mut nalgebra::SMatrix<T, R, C>) -> Self {
        Self::of(m.as_mut_slice(), R, C)
    }
}

#[cfg(feature = "std")]
impl<'a, T: Real> From<&'a nalgebra::DMatrix<T>> for Mat<'a, T> {
    fn from(m: &'a nalgebra::DMatrix<T>) -> Self {
        Self::of(m.as_slice(), m.nrows(), m.ncols())
    }
}

#[cfg(feature = "std")]
impl<'a, T: Real> From<&'a mut nalgebra::DMatrix<T>> for MatMut<'a, T> {
    fn from(m: &'a mut nalgebra::DMatrix<T>) -> Self {
        let (rows, cols) = m.shape();
        Self::of(m.as_mut_slice(), rows, cols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ShapeError;

    #[test]
    fn a_block_of_a_view_is_the_same_entries() {
        let data: [f64; 12] = core::array::from_fn(|i| i as f64);
        let m = Mat::of(&data, 3, 4);
        let b = m.block(1, 1, 2, 3);
        assert_eq!((b.rows(), b.cols(), b.stride()), (2, 3, 3));
        for i in 0..2 {
            for j in 0..3 {
                assert_eq!(b.at(i, j), m.at(i + 1, j + 1));
            }
        }
        assert_eq!(m.block(2, 2, 2, 2).cols(), 0);
    }

    #[test]
    fn mirroring_makes_the_matrix_symmetric() {
        let mut data: [f64; 16] = core::array::from_fn(|i| i as f64);
        let mut m = MatMut::of(&mut data, 4, 4);
        m.mirror_lower();
        for i in 0..4 {
            for j in 0..4 {
                assert_eq!(m.at(i, j), m.at(j, i));
                assert_eq!(m.at(i.max(j), i.min(j)), (i.max(j) + 4 * i.min(j)) as f64);
            }
        }
    }

    #[test]
    fn a_short_slice_is_an_error_that_names_the_argument() {
        let e = Mat::new("x", &[1.0_f32; 5], 2, 3).unwrap_err();
        assert_eq!(e, ShapeError { what: "x", needed: 6, found: 5 });
    }

    #[test]
    fn columns_with_gaps_are_whole_or_an_error() {
        let data: [f32; 8] = core::array::from_fn(|i| i as f32);
        let m = Mat::strided("x", &data, 3, 2, 4).unwrap();
        assert_eq!((m.at(2, 1), m.rows(), m.stride()), (6.0, 3, 4));
        let e = Mat::strided("x", &data, 3, 3, 4).unwrap_err();
        assert_eq!(e, ShapeError { what: "x", needed: 12, found: 8 });
        let e = Mat::strided("x", &data, 3, 2, 2).unwrap_err();
        assert_eq!(e, ShapeError { what: "x", needed: 3, found: 2 });
    }

    #[test]
    fn an_array_is_the_matrix_of_its_slice() {
        let data: [f64; 6] = core::array::from_fn(|i| i as f64);
        let (m, n) = (Mat::from_array::<2, 3, _>(&data), Mat::new("x", &data, 2, 3).unwrap());
        assert_eq!((m.rows(), m.cols(), m.stride(), m.data()), (2, 3, 2, n.data()));
        assert_eq!(m.at(1, 2), n.at(1, 2));
    }
}
