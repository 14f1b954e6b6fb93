//! Arrays as files hold them: a shape and row-major values.

use std::fmt;

use anyhow::{Result, bail};
use nanocurv::Real;

/// The values of an array, in the type of the file or of the computation.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Integers: class labels, shapes, counts.
    I64(Vec<i64>),
}

/// A row-major array; without axes it is a single number.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

/// A type that an [`Array`] can hold.
pub trait Element: Copy + Send + Sync + 'static {
    /// The values as an array holds them.
    fn wrap(values: Vec<Self>) -> Values;
}

impl Element for f32 {
    fn wrap(values: Vec<Self>) -> Values {
        Values::F32(values)
    }
}

impl Element for f64 {
    fn wrap(values: Vec<Self>) -> Values {
        Values::F64(values)
    }
}

impl Element for i64 {
    fn wrap(values: Vec<Self>) -> Values {
        Values::I64(values)
    }
}

/// A type of arithmetic: what `--dtype` chooses.
pub trait Float: Real + Element {
    /// The relative error up to which `--check` passes: 1e-10 in f64 and 1e-5 in f32.
    const TOLERANCE: f64;
}

impl Float for f32 {
    const TOLERANCE: f64 = 1e-5;
}

impl Float for f64 {
    const TOLERANCE: f64 = 1e-10;
}

impl Array {
    /// `values` in the given shape. The values are moved, not copied.
    ///
    /// # Panics
    /// If their number is not the product of the shape: a defect of the caller.
    pub fn new<E: Element>(shape: &[usize], values: Vec<E>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "an array of shape {shape:?}");
        Self { shape: shape.to_vec(), values: E::wrap(values) }
    }

    /// A one-dimensional array.
    pub fn vector<E: Element>(values: Vec<E>) -> Self {
        Self::new(&[values.len()], values)
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values, moved out.
    pub fn into_values(self) -> Values {
        self.values
    }

    /// The same values in another shape of equal size.
    ///
    /// # Panics
    /// As [`Array::new`].
    pub fn reshaped(mut self, shape: &[usize]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), self.len(), "an array of shape {shape:?}");
        self.shape = shape.to_vec();
        self
    }

    /// Value `index` in row-major order.
    ///
    /// # Panics
    /// If it is out of range.
    pub fn at(&self, index: usize) -> f64 {
        match &self.values {
            Values::F32(v) => f64::from(v[index]),
            Values::F64(v) => v[index],
            Values::I64(v) => v[index] as f64,
        }
    }

    /// The values rounded to `T`.
    pub fn to_vec<T: Real>(&self) -> Vec<T> {
        match &self.values {
            Values::F32(v) => v.iter().map(|v| T::of(f64::from(*v))).collect(),
            Values::F64(v) => v.iter().map(|v| T::of(*v)).collect(),
            Values::I64(v) => v.iter().map(|v| T::of(*v as f64)).collect(),
        }
    }

    /// The first value that is infinite or NaN.
    pub fn first_non_finite(&self) -> Option<usize> {
        match &self.values {
            Values::F32(v) => v.iter().position(|v| !v.is_finite()),
            Values::F64(v) => v.iter().position(|v| !v.is_finite()),
            Values::I64(_) => None,
        }
    }

    /// `index` in row-major order, as one index per axis.
    pub fn position(&self, mut index: usize) -> Vec<usize> {
        let mut position = vec![0; self.shape.len()];
        for (p, n) in position.iter_mut().zip(&self.shape).rev() {
            *p = index % (*n).max(1);
            index /= (*n).max(1);
        }
        position
    }

    /// The type's NumPy name.
    pub fn dtype(&self) -> &'static str {
        match self.values {
            Values::F32(_) => "float32",
            Values::F64(_) => "float64",
            Values::I64(_) => "int64",
        }
    }
}

/// Zeros for a result of this shape.
///
/// # Errors
/// If it has more values than there is memory for.
pub fn zeros<T: Float>(shape: &[usize]) -> Result<Vec<T>> {
    let count = shape.iter().try_fold(1_usize, |count, n| count.checked_mul(*n));
    let fits = count.filter(|count| Vec::<T>::new().try_reserve_exact(*count).is_ok());
    match fits {
        Some(count) => Ok(vec![T::ZERO; count]),
        None => bail!(
            "the result of shape {} does not fit into memory; use fewer samples, or a reduction",
            Shape(shape)
        ),
    }
}

/// A shape as Python writes it: `(3, 4)`, `(3,)`, `()`.
pub struct Shape<'a>(pub &'a [usize]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "({one},)"),
            sizes => {
                let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
                write!(f, "({})", sizes.join(", "))
            }
        }
    }
}

/// A matrix in the arithmetic of the computation, row-major. As a batch (samples x features) its
/// values are the core's column-major `features x samples` without a copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T> {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub cols: usize,
    /// The values, rows one after the other.
    pub values: Vec<T>,
}

impl<T: Float> Matrix<T> {
    /// The core's view of a batch: `cols x rows`, column-major.
    pub fn batch(&self) -> nanocurv::Mat<'_, T> {
        nanocurv::Mat::of(&self.values, self.cols, self.rows)
    }

    /// The values in double precision, for the references.
    pub fn to_f64(&self) -> Vec<f64> {
        self.values.iter().map(|v| v.to_f64()).collect()
    }

    /// The matrix as a result.
    pub fn into_array(self) -> Array {
        Array::new(&[self.rows, self.cols], self.values)
    }
}
