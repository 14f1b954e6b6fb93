//! A matrix with the name that messages call it, in columns, as the core takes it.

use nanocurv::Mat;
use ndarray::{Array2, ArrayView2};

use super::array::{Float, matrix};
use super::error::{Result, ensure};

/// A factor, in columns, as the core takes it.
#[derive(Clone, Debug)]
pub struct Factor<T> {
    /// What messages call it: its file, its argument.
    pub name: String,
    /// Its rows and columns.
    pub shape: (usize, usize),
    values: Vec<T>,
}

/// The values column by column.
pub(crate) fn by_columns<T: Copy>(m: ArrayView2<'_, T>) -> Vec<T> {
    m.t().iter().copied().collect()
}

/// The `m x n` matrix with these values, column by column.
pub(crate) fn of_columns<T: Float>(values: &[T], m: usize, n: usize) -> Array2<T> {
    let rows = (0..m).flat_map(|i| values.iter().skip(i).step_by(m.max(1)).take(n).copied());
    matrix(m, n, rows.collect())
}

impl<T: Float> Factor<T> {
    /// The factor with these values.
    pub fn new(name: impl Into<String>, m: ArrayView2<'_, T>) -> Self {
        Self { name: name.into(), shape: m.dim(), values: by_columns(m) }
    }

    /// The core's view.
    ///
    /// # Errors
    /// None: the values are as many as the shape says.
    pub fn view(&self) -> Result<Mat<'_, T>> {
        Ok(Mat::new("factor", &self.values, self.shape.0, self.shape.1)?)
    }

    /// The factor as a matrix.
    pub fn to_matrix(&self) -> Array2<T> {
        of_columns(&self.values, self.shape.0, self.shape.1)
    }

    /// Whether it is square.
    pub fn is_square(&self) -> bool {
        self.shape.0 == self.shape.1
    }

    /// Fails unless it is square.
    ///
    /// # Errors
    /// If so.
    pub fn require_square(&self) -> Result<()> {
        let (rows, cols) = self.shape;
        ensure!(rows == cols, "{}: found a {rows} x {cols} matrix, needed a square one", self.name);
        Ok(())
    }
}
