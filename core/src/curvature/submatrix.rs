//! `A[rows, cols]` of any operator, by index lists:
//!
//! ```text
//! apply            out = (A E_cols v)[rows]          scatter, multiply, gather
//! apply_transpose  out = (A^T E_rows u)[cols]
//! ```
//! One product with A for one with the sub-matrix. Where A is a risk's curvature,
//! [`super::entries::submatrix`] writes the entries out without products with A.

use super::error::CurvatureError;
use super::operator::{LinearOperator, check};
use crate::error::size;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// A sub-matrix of an operator. The lists are the caller's slices or arrays, or bounded ones that
/// move in:
///
/// ```
/// use heapless::Vec;
/// use nanocurv::curvature::{CurvatureError, Diagonal, LinearOperator, Submatrix};
///
/// let d = [1.0, 2.0, 3.0];
/// let even: Vec<usize, 8> = (0..3).filter(|i| i % 2 == 0).collect();
/// let part = Submatrix::new(Diagonal::new(&d)?, even, [2, 1])?;
/// let (mut out, mut scratch) = ([0.0; 2], [0.0; 6]);
/// part.apply(&[10.0, 1.0], &mut out, &mut scratch)?;
/// assert_eq!(out, [0.0, 30.0]);
///
/// let twice = Submatrix::new(Diagonal::new(&d)?, [0, 1, 0], [2]).map(|_| ());
/// assert_eq!(twice, Err(CurvatureError::Duplicate { list: "rows", position: 2, index: 0 }));
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Submatrix<A, R, C = R> {
    operator: A,
    rows: R,
    cols: C,
}

impl<A, R: AsRef<[usize]>, C: AsRef<[usize]>> Submatrix<A, R, C> {
    /// `operator[rows, cols]`, in the order of the lists.
    ///
    /// # Errors
    /// [`CurvatureError::Index`], [`CurvatureError::Duplicate`] or [`CurvatureError::Empty`] with
    /// the list and the place in it.
    pub fn new<T: Real>(operator: A, rows: R, cols: C) -> Result<Self, CurvatureError>
    where
        A: LinearOperator<T>,
    {
        check_list("rows", rows.as_ref(), operator.rows())?;
        check_list("cols", cols.as_ref(), operator.cols())?;
        Ok(Self { operator, rows, cols })
    }
}

/// `Ok` if `list` holds distinct indices below `below`, at least one.
pub(crate) fn check_list(
    list: &'static str,
    indices: &[usize],
    below: usize,
) -> Result<(), CurvatureError> {
    if indices.is_empty() {
        return Err(CurvatureError::Empty { list });
    }
    // Ascending lists, the usual ones, need no search for duplicates.
    let ascending = indices.iter().zip(indices.iter().skip(1)).all(|(a, b)| a < b);
    for (position, &index) in indices.iter().enumerate() {
        let position_size = size(position);
        if index >= below {
            return Err(CurvatureError::Index {
                list,
                position: position_size,
                index: size(index),
                size: size(below),
            });
        }
        if !ascending && indices.iter().take(position).any(|&before| before == index) {
            return Err(CurvatureError::Duplicate {
                list,
                position: position_size,
                index: size(index),
            });
        }
    }
    Ok(())
}

/// Scatter, multiply, gather; `(wide, long)` are the sizes of the whole product's vectors.
fn product<T: Real>(
    (from, v): (&[usize], &[T]),
    (to, out): (&[usize], &mut [T]),
    (wide, long): (usize, usize),
    scratch: &mut [T],
    product: impl FnOnce(&[T], &mut [T], &mut [T]) -> Result<(), CurvatureError>,
) -> Result<(), CurvatureError> {
    check(v, from.len(), out, to.len())?;
    let mut scratch = Scratch::new(scratch, wide + long)?;
    let (scattered, result) = (scratch.take(wide)?, scratch.take(long)?);
    scattered.fill(T::ZERO);
    for (&index, v) in from.iter().zip(v) {
        if let Some(entry) = scattered.get_mut(index) {
            *entry = *v;
        }
    }
    product(scattered, result, scratch.rest())?;
    for (&index, out) in to.iter().zip(out) {
        *out = result.get(index).copied().unwrap_or(T::ZERO);
    }
    Ok(())
}

impl<T, A, R, C> LinearOperator<T> for Submatrix<A, R, C>
where
    T: Real,
    A: LinearOperator<T>,
    R: AsRef<[usize]>,
    C: AsRef<[usize]>,
{
    fn rows(&self) -> usize {
        self.rows.as_ref().len()
    }
    fn cols(&self) -> usize {
        self.cols.as_ref().len()
    }
    fn scratch(&self) -> usize {
        self.operator.rows() + self.operator.cols() + self.operator.scratch()
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        let a = &self.operator;
        let sizes = (a.cols(), a.rows());
        let (rows, cols) = (self.rows.as_ref(), self.cols.as_ref());
        product((cols, v), (rows, out), sizes, scratch, |v, out, scratch| a.apply(v, out, scratch))
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        let a = &self.operator;
        let sizes = (a.rows(), a.cols());
        let (rows, cols) = (self.rows.as_ref(), self.cols.as_ref());
        product((rows, u), (cols, out), sizes, scratch, |u, out, scratch| {
            a.apply_transpose(u, out, scratch)
        })
    }
}
