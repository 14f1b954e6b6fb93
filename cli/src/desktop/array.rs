//! Arrays: of a type that is known, [`ndarray`]'s; of one that a file or a caller chooses,
//! [`Array`]; and both as the core's column-major views, without a copy.

use nanocurv::{Mat, MatMut, Real};
use ndarray::{Array1, Array2, ArrayD, ArrayView2, Dimension, IxDyn};

use super::error::{Context, Error, Result};
pub use super::shape::Shape;

/// An array in row-major order whose type of element is known at run time; without axes it is a
/// single number.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Single precision.
    F32(ArrayD<f32>),
    /// Double precision.
    F64(ArrayD<f64>),
    /// Integers: class labels, shapes, counts.
    I64(ArrayD<i64>),
}

/// A type that an [`Array`] can hold.
pub trait Element: Copy + Send + Sync + 'static {
    /// The array of these values, which are in row-major order.
    fn wrap(values: ArrayD<Self>) -> Array;
}

macro_rules! elements {
    ($($element:ty => $variant:ident),*) => {
        $(impl Element for $element {
            fn wrap(values: ArrayD<Self>) -> Array {
                Array::$variant(values)
            }
        })*
    };
}
elements!(f32 => F32, f64 => F64, i64 => I64);

/// A type of arithmetic.
pub trait Float: Real + Element {
    /// The relative error up to which a result agrees with a dense reference: 1e-10 in f64 and
    /// 1e-5 in f32.
    const TOLERANCE: f64;
    /// Its name.
    const NAME: &'static str;
}

impl Float for f32 {
    const TOLERANCE: f64 = 1e-5;
    const NAME: &'static str = "f32";
}

impl Float for f64 {
    const TOLERANCE: f64 = 1e-10;
    const NAME: &'static str = "f64";
}

impl<E: Element, D: Dimension> From<ndarray::Array<E, D>> for Array {
    fn from(array: ndarray::Array<E, D>) -> Self {
        let array = array.into_dyn();
        E::wrap(if array.is_standard_layout() {
            array
        } else {
            array.as_standard_layout().into_owned()
        })
    }
}

impl<E: Element> From<Vec<E>> for Array {
    fn from(values: Vec<E>) -> Self {
        Array1::from_vec(values).into()
    }
}

/// Does the same with the array of every type.
macro_rules! with_array {
    ($self:expr, $array:ident => $result:expr) => {
        match $self {
            Array::F32($array) => $result,
            Array::F64($array) => $result,
            Array::I64($array) => $result,
        }
    };
}

impl Array {
    /// `values` in row-major order in the given shape. The values are moved, not copied.
    ///
    /// # Panics
    /// If their number is not the product of the shape: a defect of the caller.
    pub fn new<E: Element>(shape: &[usize], values: Vec<E>) -> Self {
        E::wrap(shaped(shape, values))
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        with_array!(self, array => array.shape())
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        with_array!(self, array => array.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value `index` in row-major order.
    ///
    /// # Panics
    /// If it is out of range.
    pub fn at(&self, index: usize) -> f64 {
        match self {
            Self::F32(v) => f64::from(flat(v)[index]),
            Self::F64(v) => flat(v)[index],
            Self::I64(v) => flat(v)[index] as f64,
        }
    }

    /// The values rounded to `T`, in row-major order.
    pub fn to_vec<T: Real>(&self) -> Vec<T> {
        match self {
            Self::F32(v) => v.iter().map(|v| T::of(f64::from(*v))).collect(),
            Self::F64(v) => v.iter().map(|v| T::of(*v)).collect(),
            Self::I64(v) => v.iter().map(|v| T::of(*v as f64)).collect(),
        }
    }

    /// The first value that is infinite or NaN, in row-major order.
    pub fn first_non_finite(&self) -> Option<usize> {
        match self {
            Self::F32(v) => v.iter().position(|v| !v.is_finite()),
            Self::F64(v) => v.iter().position(|v| !v.is_finite()),
            Self::I64(_) => None,
        }
    }

    /// `index` in row-major order, as one index per axis.
    pub fn position(&self, mut index: usize) -> Vec<usize> {
        let mut position = vec![0; self.shape().len()];
        for (p, n) in position.iter_mut().zip(self.shape()).rev() {
            *p = index % (*n).max(1);
            index /= (*n).max(1);
        }
        position
    }

    /// The type's NumPy name.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
            Self::I64(_) => "int64",
        }
    }
}

/// The values of an array that is in row-major order.
pub fn flat<E, D: Dimension>(array: &ndarray::Array<E, D>) -> &[E] {
    // Every array of the engine is; a view that is not has no place here.
    array.as_slice().expect("an array in row-major order")
}

/// As [`flat`], to write to.
pub fn flat_mut<E, D: Dimension>(array: &mut ndarray::Array<E, D>) -> &mut [E] {
    array.as_slice_mut().expect("an array in row-major order")
}

/// `values` in row-major order in the given shape.
///
/// # Panics
/// If their number is not the product of the shape: a defect of the caller.
pub fn shaped<E>(shape: &[usize], values: Vec<E>) -> ArrayD<E> {
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .unwrap_or_else(|_| panic!("an array of shape {shape:?}"))
}

/// `values`, rows one after the other, as a matrix.
///
/// # Panics
/// As [`shaped`].
pub fn matrix<E>(rows: usize, cols: usize, values: Vec<E>) -> Array2<E> {
    Array2::from_shape_vec((rows, cols), values)
        .unwrap_or_else(|_| panic!("a matrix of shape ({rows}, {cols})"))
}

/// Zeros for a result of this shape, flat.
///
/// # Errors
/// If it has more values than there is memory for.
pub fn zeros<T: Float>(shape: &[usize]) -> Result<Vec<T>> {
    let count = shape.iter().try_fold(1_usize, |count, n| count.checked_mul(*n));
    let fits = count.filter(|count| Vec::<T>::new().try_reserve_exact(*count).is_ok());
    match fits {
        Some(count) => Ok(vec![T::ZERO; count]),
        None => Err(Error::Memory { shape: shape.to_vec() }),
    }
}

/// The samples of a batch, one a row, as the core takes them: one a column.
///
/// # Errors
/// If `x` is not in row-major order.
pub fn samples<'a, T: Float>(x: ArrayView2<'a, T>) -> Result<Mat<'a, T>> {
    let (rows, cols) = x.dim();
    match x.to_slice() {
        Some(values) => Ok(Mat::new("x", values, cols, rows)?),
        None => Err(Error::Input("the samples are not in row-major order".to_owned())),
    }
}

/// A matrix's transpose as the core takes it: rows are columns. A symmetric matrix is itself.
///
/// # Errors
/// As [`samples`].
pub fn transposed<T: Float>(m: &Array2<T>) -> Result<Mat<'_, T>> {
    samples(m.view())
}

/// The core's view of a result, `rows x cols` in columns.
///
/// # Errors
/// If `values` has another size.
pub fn columns<T: Float>(values: &mut [T], rows: usize, cols: usize) -> Result<MatMut<'_, T>> {
    MatMut::new("result", values, rows, cols).context("the engine")
}

/// The values in double precision.
pub fn wide<'a, T: Float>(values: impl IntoIterator<Item = &'a T>) -> Vec<f64> {
    values.into_iter().map(|v| v.to_f64()).collect()
}
