//! What a view to write to offers.

use super::{Mat, MatMut, StretchesMut};
use crate::error::ShapeError;
use crate::scalar::Real;
use crate::scratch::Carve;

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
    #[inline]
    pub(crate) fn of(data: &'a mut [T], rows: usize, cols: usize) -> Self {
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
