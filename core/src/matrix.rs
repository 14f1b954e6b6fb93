//! Matrices over memory that is already there: [`Mat`] to read, [`MatMut`] to write, made of an
//! `SMatrix` by `into()`, of an array by [`Mat::from_array`], of a slice by [`Mat::new`].
//!
//! ```text
//! entry (i, j) of a rows x cols view with column stride s: data[offset + i + j * s], s >= offset + rows
//! ```
//! A row-major array is the column-major view of its transpose, so PyTorch's `[out, in]` weights
//! are an `in x out` view and NumPy's `[samples, features]` data a `features x samples` view
//! without a copy.

use crate::error::ShapeError;
use crate::scalar::Real;
use crate::scratch::Carve;

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

impl<'a, T: Real> Mat<'a, T> {
    /// `data` as `rows x cols`, columns one after the other.
    ///
    /// # Errors
    /// [`ShapeError`] naming `what` unless `data` holds exactly `rows * cols` values.
    #[inline]
    pub fn new(
        what: &'static str,
        data: &'a [T],
        rows: usize,
        cols: usize,
    ) -> Result<Self, ShapeError> {
        ShapeError::check(what, rows.saturating_mul(cols), data.len())?;
        Ok(Self::of(data, rows, cols))
    }

    /// An array as `R x C`, columns one after the other. The size is checked when it is compiled.
    ///
    /// ```
    /// use nanocurv::Mat;
    ///
    /// const DATA: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    /// const X: Mat<'_, f32> = Mat::from_array::<2, 3, _>(&DATA);
    /// assert_eq!(X.at(1, 0), 2.0);
    /// ```
    /// Another size does not compile:
    /// ```compile_fail
    /// let x = nanocurv::Mat::from_array::<2, 4, _>(&[0.0_f32; 6]);
    /// ```
    #[inline]
    pub const fn from_array<const R: usize, const C: usize, const N: usize>(
        data: &'a [T; N],
    ) -> Self {
        const { assert!(R * C == N, "the array does not hold as many values as the matrix: R x C") };
        Self { data, offset: 0, rows: R, cols: C, stride: if R > 0 { R } else { 1 } }
    }

    /// The first `rows * cols` values of `data` as `rows x cols`: for sizes that an entry point has
    /// checked, as [`Carve`]'s.
    #[doc(hidden)]
    #[inline]
    pub fn of(data: &'a [T], rows: usize, cols: usize) -> Self {
        let data = data.get(..rows * cols);
        debug_assert!(data.is_some(), "a matrix beyond its slice");
        match data {
            Some(data) => Self { data, offset: 0, rows, cols, stride: rows.max(1) },
            None => Self::empty(0, 0),
        }
    }

    /// The first `rows` rows of `cols` columns of `stride` values each.
    ///
    /// # Errors
    /// [`ShapeError`] naming `what` if `data` does not hold that many whole columns, or `stride` is
    /// below `rows`.
    #[inline]
    pub fn strided(
        what: &'static str,
        data: &'a [T],
        rows: usize,
        cols: usize,
        stride: usize,
    ) -> Result<Self, ShapeError> {
        ShapeError::check(what, rows.max(stride), stride)?;
        let (stride, found) = (stride.max(1), data.len());
        let needed = cols.saturating_mul(stride);
        ShapeError::check(what, needed.max(found), found)?;
        Ok(match data.get(..needed) {
            Some(data) if rows > 0 => Self { data, offset: 0, rows, cols, stride },
            _ => Self::empty(rows, cols),
        })
    }

    /// No values: `rows x cols` where that is zero, else `0 x 0`.
    const fn empty(rows: usize, cols: usize) -> Self {
        let (rows, cols) = if rows == 0 || cols == 0 { (rows, cols) } else { (0, 0) };
        Self { data: &[], offset: 0, rows, cols, stride: 1 }
    }

    /// A single column.
    #[inline]
    pub fn column_vector(data: &'a [T]) -> Self {
        Self::of(data, data.len(), 1)
    }

    /// The number of rows.
    #[inline(always)]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[inline(always)]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// The distance between the starts of two columns, at least 1.
    #[inline(always)]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// The values from the first on, gaps between the columns included.
    #[inline(always)]
    pub fn data(&self) -> &'a [T] {
        self.data.part(self.offset..)
    }

    /// The values from `(row, col)` on.
    #[inline(always)]
    pub(crate) fn values_from(&self, row: usize, col: usize) -> Option<&'a [T]> {
        self.data.get(self.offset + row + col * self.stride..)
    }

    /// Rows `row..` of each column from `col` on, and what stands below them in its column's stretch;
    /// none out of range.
    #[inline(always)]
    pub(crate) fn stretches(
        &self,
        row: usize,
        col: usize,
    ) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let from = self.offset + row;
        let data = self.data.get(col * self.stride..).unwrap_or_default();
        // Every stretch is as long as the stride: the check moves out of the caller's loop.
        Stretches { rest: data, stride: self.stride.max(1) }.map_while(move |c| c.get(from..))
    }

    /// The columns with all that stands between them, and where row `row` begins in each.
    #[inline(always)]
    pub(crate) fn whole_columns(&self, row: usize) -> (core::slice::ChunksExact<'a, T>, usize) {
        (self.data.chunks_exact(self.stride.max(1)), self.offset + row)
    }

    /// Entry `(row, col)`, 0 out of range.
    #[inline(always)]
    pub fn at(&self, row: usize, col: usize) -> T {
        if row < self.rows {
            self.data.get(self.offset + row + col * self.stride).copied().unwrap_or(T::ZERO)
        } else {
            T::ZERO
        }
    }

    /// Column `col`, empty out of range.
    #[inline(always)]
    pub fn col(&self, col: usize) -> &'a [T] {
        let start = self.offset + col * self.stride;
        self.data.get(start..start + self.rows).unwrap_or_default()
    }

    /// The columns. Take them by `for`: `fold` and `for_each` of chunks divide by their size, which
    /// an optimiser for size does not always see to be positive.
    #[inline(always)]
    pub fn columns(&self) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        self.columns_from(0)
    }

    /// The columns from `col` on, none out of range.
    #[inline(always)]
    pub fn columns_from(&self, col: usize) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let rows = self.rows;
        self.stretches(0, col).map_while(move |c| c.get(..rows))
    }

    /// The diagonal of a square matrix.
    #[inline(always)]
    pub fn diagonal(&self) -> impl Iterator<Item = &'a T> + use<'a, T> {
        // A stride of usize::MAX must not make it a step of 0, which panics.
        self.data().iter().step_by(self.stride.saturating_add(1))
    }

    /// The block of `rows x cols` entries from `(row, col)`; empty if it does not fit.
    #[inline]
    pub fn block(&self, row: usize, col: usize, rows: usize, cols: usize) -> Self {
        let (start, end) = (col * self.stride, (col + cols) * self.stride);
        match self.data.get(start..end) {
            Some(data) if row + rows <= self.rows => {
                Self { data, offset: self.offset + row, rows, cols, stride: self.stride }
            }
            _ => Self::empty(rows, cols),
        }
    }

    /// `cols` columns from `col`.
    #[inline]
    pub fn columns_range(&self, col: usize, cols: usize) -> Self {
        self.block(0, col, self.rows, cols)
    }

    /// `Ok` if the matrix is `rows x cols`.
    ///
    /// # Errors
    /// The error that names the argument: `what` is a pair such as `("x rows", "x columns")`.
    #[inline]
    pub fn check(
        &self,
        what: (&'static str, &'static str),
        rows: usize,
        cols: usize,
    ) -> Result<(), ShapeError> {
        ShapeError::check(what.0, rows, self.rows)?;
        ShapeError::check(what.1, cols, self.cols)
    }
}

impl<'a, T: Real> MatMut<'a, T> {
    /// `data` as `rows x cols`, columns one after the other.
    ///
    /// # Errors
    /// [`ShapeError`] naming `what` unless `data` holds exactly `rows * cols` values.
    #[inline]
    pub fn new(
        what: &'static str,
        data: &'a mut [T],
        rows: usize,
        cols: usize,
    ) -> Result<Self, ShapeError> {
        ShapeError::check(what, rows.saturating_mul(cols), data.len())?;
        Ok(Self::of(data, rows, cols))
    }

    /// An array as `R x C`, columns one after the other. The size is checked when it is compiled.
    #[inline]
    pub const fn from_array<const R: usize, const C: usize, const N: usize>(
        data: &'a mut [T; N],
    ) -> Self {
        const { assert!(R * C == N, "the array does not hold as many values as the matrix: R x C") };
        Self { data, offset: 0, rows: R, cols: C, stride: if R > 0 { R } else { 1 } }
    }

    /// A single column.
    #[inline]
    pub fn column_vector(data: &'a mut [T]) -> Self {
        let rows = data.len();
        Self::of(data, rows, 1)
    }

    /// The first `rows * cols` values of `data` as `rows x cols`: for sizes that an entry point has
    /// checked, as [`Carve`]'s.
    #[doc(hidden)]
    #[inline]
    pub fn of(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        let data = data.get_mut(..rows * cols);
        debug_assert!(data.is_some(), "a matrix beyond its slice");
        match data {
            Some(data) => Self { data, offset: 0, rows, cols, stride: rows.max(1) },
            None => Self::empty(0, 0),
        }
    }

    /// The first `rows` rows of `cols` columns of `stride` values each.
    ///
    /// # Errors
    /// [`ShapeError`] naming `what` if `data` does not hold that many whole columns, or `stride` is
    /// below `rows`.
    #[inline]
    pub fn strided(
        what: &'static str,
        data: &'a mut [T],
        rows: usize,
        cols: usize,
        stride: usize,
    ) -> Result<Self, ShapeError> {
        ShapeError::check(what, rows.max(stride), stride)?;
        let (stride, found) = (stride.max(1), data.len());
        let needed = cols.saturating_mul(stride);
        ShapeError::check(what, needed.max(found), found)?;
        Ok(match data.get_mut(..needed) {
            Some(data) if rows > 0 => Self { data, offset: 0, rows, cols, stride },
            _ => Self::empty(rows, cols),
        })
    }

    /// No values: `rows x cols` where that is zero, else `0 x 0`.
    const fn empty(rows: usize, cols: usize) -> Self {
        let (rows, cols) = if rows == 0 || cols == 0 { (rows, cols) } else { (0, 0) };
        Self { data: &mut [], offset: 0, rows, cols, stride: 1 }
    }

    /// The number of rows.
    #[inline(always)]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[inline(always)]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// The distance between the starts of two columns, at least 1.
    #[inline(always)]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// The values from the first on, gaps between the columns included.
    #[inline(always)]
    pub fn data(&mut self) -> &mut [T] {
        self.data.part_mut(self.offset..)
    }

    /// The values from the first on, gaps between the columns included, for as long as the view's
    /// source lives.
    #[inline(always)]
    pub fn into_data(self) -> &'a mut [T] {
        self.data.part_mut(self.offset..)
    }

    /// The values from `(row, col)` on.
    #[inline(always)]
    pub(crate) fn values_from_mut(&mut self, row: usize, col: usize) -> Option<&mut [T]> {
        self.data.get_mut(self.offset + row + col * self.stride..)
    }

    /// Rows `row..` of each column from `col` on, and what stands below them in its column's stretch;
    /// none out of range.
    #[inline(always)]
    pub(crate) fn stretches(&mut self, row: usize, col: usize) -> impl Iterator<Item = &mut [T]> {
        let from = self.offset + row;
        let data = self.data.get_mut(col * self.stride..).unwrap_or_default();
        StretchesMut { rest: data, stride: self.stride.max(1) }
            .map_while(move |c| c.get_mut(from..))
    }

    /// The same view, read only.
    #[inline(always)]
    pub const fn as_ref(&self) -> Mat<'_, T> {
        let Self { data, offset, rows, cols, stride } = self;
        Mat { data, offset: *offset, rows: *rows, cols: *cols, stride: *stride }
    }

    /// The same view for as long as its source lives, read only.
    #[inline(always)]
    pub const fn into_ref(self) -> Mat<'a, T> {
        let Self { data, offset, rows, cols, stride } = self;
        Mat { data, offset, rows, cols, stride }
    }

    /// The same view for a shorter time.
    #[inline(always)]
    pub const fn reborrow(&mut self) -> MatMut<'_, T> {
        let Self { data, offset, rows, cols, stride } = self;
        MatMut { data, offset: *offset, rows: *rows, cols: *cols, stride: *stride }
    }

    /// Entry `(row, col)`, 0 out of range.
    #[inline(always)]
    pub fn at(&self, row: usize, col: usize) -> T {
        self.as_ref().at(row, col)
    }

    /// Sets entry `(row, col)`; nothing out of range.
    #[inline(always)]
    pub fn set(&mut self, row: usize, col: usize, value: T) {
        if row < self.rows
            && let Some(entry) = self.data.get_mut(self.offset + row + col * self.stride)
        {
            *entry = value;
        }
    }

    /// Column `col`, empty out of range.
    #[inline(always)]
    pub fn col(&mut self, col: usize) -> &mut [T] {
        let start = self.offset + col * self.stride;
        self.data.get_mut(start..start + self.rows).unwrap_or_default()
    }

    /// The columns. See [`Mat::columns`].
    #[inline(always)]
    pub fn columns(&mut self) -> impl Iterator<Item = &mut [T]> {
        let rows = self.rows;
        self.stretches(0, 0).map_while(move |c| c.get_mut(..rows))
    }

    /// The block of `rows x cols` entries from `(row, col)`; empty if it does not fit.
    #[inline]
    pub fn block(&mut self, row: usize, col: usize, rows: usize, cols: usize) -> MatMut<'_, T> {
        self.reborrow().into_block(row, col, rows, cols)
    }

    /// As [`MatMut::block`], for as long as the view's source lives.
    #[inline]
    pub fn into_block(self, row: usize, col: usize, rows: usize, cols: usize) -> Self {
        let (start, end) = (col * self.stride, (col + cols) * self.stride);
        let (offset, stride) = (self.offset + row, self.stride);
        match self.data.get_mut(start..end) {
            Some(data) if row + rows <= self.rows => Self { data, offset, rows, cols, stride },
            _ => Self::empty(rows, cols),
        }
    }

    /// The columns before `col` and those from `col` on.
    #[inline]
    pub fn split_at_col(self, col: usize) -> (MatMut<'a, T>, MatMut<'a, T>) {
        let Self { data, offset, rows, cols, stride } = self;
        let col = col.min(cols);
        let at = (col * stride).min(data.len());
        let (left, right) = data.cut_mut(at);
        (
            MatMut { data: left, offset, rows, cols: col, stride },
            MatMut { data: right, offset, rows, cols: cols - col, stride },
        )
    }

    /// Sets every entry to `value`.
    #[inline]
    pub fn fill(&mut self, value: T) {
        for column in self.columns() {
            column.fill(value);
        }
    }

    /// Multiplies every entry by `factor`.
    #[inline]
    pub fn scale(&mut self, factor: T) {
        for column in self.columns() {
            column.iter_mut().for_each(|v| *v *= factor);
        }
    }

    /// Copies `source`, entry by entry, as far as both reach.
    #[inline]
    pub fn copy_from(&mut self, source: Mat<'_, T>) {
        for (to, from) in self.columns().zip(source.columns()) {
            to.iter_mut().zip(from).for_each(|(t, f)| *t = *f);
        }
    }

    /// Copies the transpose of `source`, as far as both reach.
    #[inline]
    pub fn copy_transposed(&mut self, source: Mat<'_, T>) {
        let stride = self.stride.max(1);
        for (i, from) in source.columns().enumerate().take(self.rows) {
            let at = self.offset + i;
            for (to, from) in self.data.chunks_exact_mut(stride).zip(from) {
                if let Some(to) = to.get_mut(at) {
                    *to = *from;
                }
            }
        }
    }

    /// Adds `factor * source`, entry by entry, as far as both reach.
    #[inline]
    pub fn add_scaled(&mut self, factor: T, source: Mat<'_, T>) {
        for (to, from) in self.columns().zip(source.columns()) {
            to.iter_mut().zip(from).for_each(|(t, f)| *t += factor * *f);
        }
    }

    /// Adds `value` to the diagonal.
    #[inline]
    pub fn add_diagonal(&mut self, value: T) {
        for (j, col) in self.columns().enumerate() {
            if let Some(d) = col.get_mut(j) {
                *d += value;
            }
        }
    }

    /// Copies the lower triangle of a square matrix over the upper one.
    #[inline]
    pub fn mirror_lower(&mut self) {
        let mut rest = self.reborrow();
        let mut j = 0;
        while rest.cols > 1 {
            let rows = rest.rows;
            let (mut left, mut right) = rest.split_at_col(1);
            let below = left.col(0).part(j + 1..rows);
            for (col, v) in right.columns().zip(below) {
                if let Some(upper) = col.get_mut(j) {
                    *upper = *v;
                }
            }
            rest = right;
            j += 1;
        }
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
