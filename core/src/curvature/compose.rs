//! Operators made of operators and of numbers:
//!
//! ```text
//! Identity  I        Diagonal  diag(d)        Dense  M        Transpose  A^T
//! Damped    A + lambda I            ScaledSum  sum_k c_k A_k            Chain  A B
//! ```

use super::error::CurvatureError;
use super::operator::{LinearOperator, check};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::axpy;
use crate::matrix::Mat;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// `I`, n x n.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// n
    pub size: usize,
}

impl<T: Real> LinearOperator<T> for Identity {
    fn rows(&self) -> usize {
        self.size
    }
    fn cols(&self) -> usize {
        self.size
    }
    fn scratch(&self) -> usize {
        0
    }
    fn apply(&self, v: &[T], out: &mut [T], _: &mut [T]) -> Result<(), CurvatureError> {
        check(v, self.size, out, self.size)?;
        out.iter_mut().zip(v).for_each(|(out, v)| *out = *v);
        Ok(())
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.apply(u, out, scratch)
    }
}

/// `diag(d)`
#[derive(Clone, Copy, Debug)]
pub struct Diagonal<'a, T> {
    d: &'a [T],
}

impl<'a, T: Real> Diagonal<'a, T> {
    /// The operator with `d` on its diagonal.
    ///
    /// # Errors
    /// [`CurvatureError::NonFinite`].
    pub fn new(d: &'a [T]) -> Result<Self, CurvatureError> {
        NonFiniteError::check("diagonal", d)?;
        Ok(Self { d })
    }
}

impl<T: Real> LinearOperator<T> for Diagonal<'_, T> {
    fn rows(&self) -> usize {
        self.d.len()
    }
    fn cols(&self) -> usize {
        self.d.len()
    }
    fn scratch(&self) -> usize {
        0
    }
    fn apply(&self, v: &[T], out: &mut [T], _: &mut [T]) -> Result<(), CurvatureError> {
        check(v, self.d.len(), out, self.d.len())?;
        out.iter_mut().zip(v).zip(self.d).for_each(|((out, v), d)| *out = *d * *v);
        Ok(())
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.apply(u, out, scratch)
    }
}

/// A matrix that is there already.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a, T> {
    matrix: Mat<'a, T>,
}

impl<'a, T: Real> Dense<'a, T> {
    /// The operator of `matrix`.
    ///
    /// # Errors
    /// [`CurvatureError::NonFinite`].
    pub fn new(matrix: Mat<'a, T>) -> Result<Self, CurvatureError> {
        NonFiniteError::check_matrix("matrix", matrix)?;
        Ok(Self { matrix })
    }
}

impl<T: Real> LinearOperator<T> for Dense<'_, T> {
    fn rows(&self) -> usize {
        self.matrix.rows()
    }
    fn cols(&self) -> usize {
        self.matrix.cols()
    }
    fn scratch(&self) -> usize {
        0
    }
    fn apply(&self, v: &[T], out: &mut [T], _: &mut [T]) -> Result<(), CurvatureError> {
        check(v, self.matrix.cols(), out, self.matrix.rows())?;
        out.fill(T::ZERO);
        self.matrix.columns().zip(v).for_each(|(column, v)| axpy(*v, column, out));
        Ok(())
    }
    fn apply_transpose(&self, u: &[T], out: &mut [T], _: &mut [T]) -> Result<(), CurvatureError> {
        check(u, self.matrix.rows(), out, self.matrix.cols())?;
        let columns = self.matrix.columns();
        out.iter_mut().zip(columns).for_each(|(out, c)| *out = crate::linalg::dot(c, u));
        Ok(())
    }
}

/// `A^T`
#[derive(Clone, Copy, Debug)]
pub struct Transpose<A>(
    /// A
    pub A,
);

impl<T: Real, A: LinearOperator<T>> LinearOperator<T> for Transpose<A> {
    fn rows(&self) -> usize {
        self.0.cols()
    }
    fn cols(&self) -> usize {
        self.0.rows()
    }
    fn scratch(&self) -> usize {
        self.0.scratch()
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        self.0.apply_transpose(v, out, scratch)
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.0.apply(u, out, scratch)
    }
}

/// `A + lambda I`, A square.
#[derive(Clone, Copy, Debug)]
pub struct Damped<A, T> {
    operator: A,
    damping: T,
}

impl<T: Real, A: LinearOperator<T>> Damped<A, T> {
    /// `operator + damping I`
    ///
    /// # Errors
    /// [`CurvatureError::Shape`] unless it is square, [`CurvatureError::NonFinite`].
    pub fn new(operator: A, damping: T) -> Result<Self, CurvatureError> {
        ShapeError::check("damped operator columns", operator.rows(), operator.cols())?;
        NonFiniteError::check("damping", &[damping])?;
        Ok(Self { operator, damping })
    }
}

impl<T: Real, A: LinearOperator<T>> LinearOperator<T> for Damped<A, T> {
    fn rows(&self) -> usize {
        self.operator.rows()
    }
    fn cols(&self) -> usize {
        self.operator.cols()
    }
    fn scratch(&self) -> usize {
        self.operator.scratch()
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        self.operator.apply(v, out, scratch)?;
        axpy(self.damping, v, out);
        Ok(())
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.operator.apply_transpose(u, out, scratch)?;
        axpy(self.damping, u, out);
        Ok(())
    }
}

/// `sum_k c_k A_k`. Operators of different types go in as `&dyn LinearOperator`.
///
/// ```
/// use nanocurv::curvature::{Diagonal, Identity, LinearOperator, ScaledSum};
///
/// let d = Diagonal::new(&[1.0, 2.0])?;
/// let terms: [(f64, &dyn LinearOperator<f64>); 2] = [(3.0, &d), (-1.0, &Identity { size: 2 })];
/// let (mut out, mut scratch) = ([0.0; 2], [0.0; 2]);
/// ScaledSum::new(&terms)?.apply(&[1.0, 1.0], &mut out, &mut scratch)?;
/// assert_eq!(out, [2.0, 5.0]);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ScaledSum<'a, T, A> {
    terms: &'a [(T, A)],
}

impl<'a, T: Real, A: LinearOperator<T>> ScaledSum<'a, T, A> {
    /// The sum of `terms`.
    ///
    /// # Errors
    /// [`CurvatureError::Empty`] without terms, [`CurvatureError::Shape`] if their shapes differ,
    /// [`CurvatureError::NonFinite`] with the index of the coefficient.
    pub fn new(terms: &'a [(T, A)]) -> Result<Self, CurvatureError> {
        let Some((_, first)) = terms.first() else {
            return Err(CurvatureError::Empty { list: "terms" });
        };
        for (k, (c, a)) in terms.iter().enumerate() {
            ShapeError::check("term rows", first.rows(), a.rows())?;
            ShapeError::check("term columns", first.cols(), a.cols())?;
            if !c.is_finite() {
                let index = crate::error::size(k);
                return Err(NonFiniteError { what: "coefficients", index }.into());
            }
        }
        Ok(Self { terms })
    }

    fn sum(
        &self,
        out: &mut [T],
        scratch: &mut [T],
        product: impl Fn(&A, &mut [T], &mut [T]) -> Result<(), CurvatureError>,
    ) -> Result<(), CurvatureError> {
        let mut scratch = Scratch::new(scratch, self.scratch())?;
        let term = scratch.take(out.len())?;
        let rest = scratch.rest();
        out.fill(T::ZERO);
        for (c, a) in self.terms {
            product(a, term, rest)?;
            axpy(*c, term, out);
        }
        Ok(())
    }
}

impl<T: Real, A: LinearOperator<T>> LinearOperator<T> for ScaledSum<'_, T, A> {
    fn rows(&self) -> usize {
        self.terms.first().map_or(0, |(_, a)| a.rows())
    }
    fn cols(&self) -> usize {
        self.terms.first().map_or(0, |(_, a)| a.cols())
    }
    fn scratch(&self) -> usize {
        let most = self.terms.iter().map(|(_, a)| a.scratch()).fold(0, usize::max);
        most + self.rows().max(self.cols())
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        check(v, self.cols(), out, self.rows())?;
        self.sum(out, scratch, |a, out, scratch| a.apply(v, out, scratch))
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        check(u, self.rows(), out, self.cols())?;
        self.sum(out, scratch, |a, out, scratch| a.apply_transpose(u, out, scratch))
    }
}

/// `A B`
///
/// ```
/// use nanocurv::Mat;
/// use nanocurv::curvature::{Chain, Dense, Diagonal, LinearOperator, Transpose};
///
/// // J^T diag(d) J
/// let (j, d) = ([1.0, 2.0, 3.0, 4.0], [1.0, 10.0]);
/// let j = Dense::new(Mat::from_array::<2, 2, _>(&j))?;
/// let product = Chain::new(Transpose(j), Chain::new(Diagonal::new(&d)?, j)?)?;
/// let (mut out, mut scratch) = ([0.0; 2], [0.0; 4]);
/// product.apply(&[1.0, 0.0], &mut out, &mut scratch)?;
/// assert_eq!(out, [41.0, 83.0]);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Chain<A, B> {
    outer: A,
    inner: B,
}

impl<A, B> Chain<A, B> {
    /// `outer inner`
    ///
    /// # Errors
    /// [`CurvatureError::Shape`] unless outer has as many columns as inner has rows.
    pub fn new<T: Real>(outer: A, inner: B) -> Result<Self, CurvatureError>
    where
        A: LinearOperator<T>,
        B: LinearOperator<T>,
    {
        ShapeError::check("chain inner rows", outer.cols(), inner.rows())?;
        Ok(Self { outer, inner })
    }
}

impl<T: Real, A: LinearOperator<T>, B: LinearOperator<T>> LinearOperator<T> for Chain<A, B> {
    fn rows(&self) -> usize {
        self.outer.rows()
    }
    fn cols(&self) -> usize {
        self.inner.cols()
    }
    fn scratch(&self) -> usize {
        self.inner.rows() + self.outer.scratch().max(self.inner.scratch())
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        let mut scratch = Scratch::new(scratch, self.scratch())?;
        let between = scratch.take(self.inner.rows())?;
        let rest = scratch.rest();
        self.inner.apply(v, between, rest)?;
        self.outer.apply(between, out, rest)
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        let mut scratch = Scratch::new(scratch, self.scratch())?;
        let between = scratch.take(self.inner.rows())?;
        let rest = scratch.rest();
        self.outer.apply_transpose(u, between, rest)?;
        self.inner.apply_transpose(between, out, rest)
    }
}
