//! What a view to read from offers.

use super::{Mat, Stretches};
use crate::error::ShapeError;
use crate::scalar::Real;
use crate::scratch::Carve;

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
    #[inline]
    pub(crate) fn of(data: &'a [T], rows: usize, cols: usize) -> Self {
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
