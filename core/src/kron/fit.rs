//! A positive semidefinite sum of Kronecker products, fitted through random sketches of its
//! target.
//!
//! ```text
//! G^ = sum_r (L_r L_r^T) (x) (R_r R_r^T)         L: nl x nl, R: nr x nr, P = nl nr
//! loss = mean_ij (V^T G^ V - V^T G V)_ij^2       V: P x K standard normal, new at every step
//! U_r = (L_r^T (x) R_r^T) V,   V^T G^ V = sum_r U_r^T U_r
//! ```
//! Adam on L and R (Kingma & Ba 2015; beta 0.9 and 0.99). A step costs `O(P K (nl + nr + K))`
//! and, for a dense target, `P^2 K`. For symmetric D = G^ - G the expected loss is
//!
//! ```text
//! E loss = [ K (K + 1) |D|_F^2 + K tr(D)^2 ] / K^2
//! ```
//! a Frobenius fit with a penalty on the trace: see [`expected_loss`].

use super::apply::two_sided;
use super::{Kron, KronError, sum};
use crate::error::{NonFiniteError, ShapeError};
use crate::linalg::{axpy, dot, gemm, gemm_nt, gemm_tn, syrk_nt};
use crate::matrix::{Mat, MatMut};
use crate::random::Rng;
use crate::scalar::Real;
use crate::scratch::Scratch;

/// What is fitted.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a, T> {
    /// A matrix, `P x P`.
    Dense(Mat<'a, T>),
    /// A sum of Kronecker products of square factors.
    Sum(&'a [Kron<'a, T>]),
}

/// The sizes of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FitShape {
    /// Terms of the model.
    pub terms: usize,
    /// Rows of the left factors, nl.
    pub left: usize,
    /// Rows of the right factors, nr.
    pub right: usize,
    /// Columns of a sketch, K.
    pub sketches: usize,
}

impl FitShape {
    /// The number of parameters: `L_0` and `R_0`, `L_1` and `R_1`, ..., column after column.
    pub const fn parameters(&self) -> usize {
        self.terms * self.term()
    }

    const fn term(&self) -> usize {
        self.left * self.left + self.right * self.right
    }

    /// The state of [`SketchFit`], in values: parameters and Adam's two moments.
    pub const fn memory(&self) -> usize {
        3 * self.parameters()
    }

    /// The scratch of [`SketchFit::step`]: V, U, a third `P x K` matrix, `K x K` twice, the
    /// gradient of a term and an intermediate.
    pub const fn scratch(&self) -> usize {
        let (p, k) = (self.left * self.right, self.sketches);
        3 * p * k + 2 * k * k + self.term() + p
    }
}

/// Adam's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam<T> {
    /// The step size.
    pub learning_rate: T,
    /// The decay of the mean of the gradients.
    pub beta1: T,
    /// The decay of the mean of their squares.
    pub beta2: T,
    /// Keeps the division in range.
    pub epsilon: T,
}

impl<T: Real> Default for Adam<T> {
    /// `1e-4, 0.9, 0.99, 1e-8`
    fn default() -> Self {
        Self {
            learning_rate: T::of(1e-4),
            beta1: T::of(0.9),
            beta2: T::of(0.99),
            epsilon: T::of(1e-8),
        }
    }
}

/// `E loss` in closed form for a symmetric difference D of this Frobenius norm and trace, and
/// sketches of K columns.
pub fn expected_loss<T: Real>(frobenius: T, trace: T, sketches: usize) -> T {
    let k = T::from_usize(sketches.max(1));
    (k * (k + T::ONE) * frobenius * frobenius + k * trace * trace) / (k * k)
}

/// A fit in progress.
#[derive(Debug)]
pub struct SketchFit<'s, T> {
    shape: FitShape,
    adam: Adam<T>,
    parameters: &'s mut [T],
    mean: &'s mut [T],
    square: &'s mut [T],
    /// `beta^step`, for the bias corrections.
    decay: (T, T),
    rng: Rng,
}

impl<'s, T: Real> SketchFit<'s, T> {
    /// Starts from `L = Q diag(s)^(1/2)`, `s_i = e^(-4 i / n)`, Q an orthogonalised Gaussian
    /// matrix of its own for every factor; the same numbers for the same `seed`.
    ///
    /// # Errors
    /// A size of zero, memory shorter than [`FitShape::memory`].
    pub fn new(
        shape: FitShape,
        adam: Adam<T>,
        seed: u64,
        memory: &'s mut [T],
    ) -> Result<Self, KronError> {
        if shape.parameters() == 0 || shape.left * shape.right * shape.sketches == 0 {
            return Err(KronError::Empty);
        }
        let mut memory = Scratch::new(memory, shape.memory())?;
        let size = shape.parameters();
        let (parameters, mean, square) =
            (memory.take(size)?, memory.take(size)?, memory.take(size)?);
        mean.fill(T::ZERO);
        square.fill(T::ZERO);
        let mut rng = Rng::seed(seed);
        for term in parameters.chunks_exact_mut(shape.term().max(1)) {
            if let Some((l, r)) = term.split_at_mut_checked(shape.left * shape.left) {
                start(MatMut::of(l, shape.left, shape.left), &mut rng);
                start(MatMut::of(r, shape.right, shape.right), &mut rng);
            }
        }
        Ok(Self { shape, adam, parameters, mean, square, decay: (T::ONE, T::ONE), rng })
    }

    /// The parameters, `L_0`, `R_0`, `L_1`, ....
    pub const fn parameters(&self) -> &[T] {
        self.parameters
    }

    /// Replaces the parameters: a start of the caller's, or a warm one.
    ///
    /// # Errors
    /// Another number of them, or one that is not finite.
    pub fn set_parameters(&mut self, parameters: &[T]) -> Result<(), KronError> {
        ShapeError::check("parameters", self.parameters.len(), parameters.len())?;
        NonFiniteError::check("parameters", parameters)?;
        self.parameters.iter_mut().zip(parameters).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    /// Writes the factors `L L^T` and `R R^T` of one term.
    ///
    /// # Errors
    /// Wrong sizes, no such term.
    pub fn factors(
        &self,
        term: usize,
        mut left: MatMut<'_, T>,
        mut right: MatMut<'_, T>,
    ) -> Result<(), KronError> {
        let (l, r) = self.term(term).ok_or(KronError::Empty)?;
        syrk_nt(T::ONE, l, T::ZERO, left.reborrow())?;
        syrk_nt(T::ONE, r, T::ZERO, right.reborrow())?;
        left.mirror_lower();
        right.mirror_lower();
        Ok(())
    }

    fn term(&self, term: usize) -> Option<(Mat<'_, T>, Mat<'_, T>)> {
        let (nl, nr) = (self.shape.left, self.shape.right);
        let values = self.parameters.chunks_exact(self.shape.term().max(1)).nth(term)?;
        let (l, r) = values.split_at_checked(nl * nl)?;
        Some((Mat::of(l, nl, nl), Mat::of(r, nr, nr)))
    }

    /// One step on a new sketch; returns the loss before it.
    ///
    /// # Errors
    /// A target of another size or not finite, a scratch shorter than [`FitShape::scratch`], and
    /// [`KronError::NonFinite`] naming the loss if the iteration diverged.
    pub fn step(&mut self, target: &Target<'_, T>, scratch: &mut [T]) -> Result<T, KronError> {
        let FitShape { terms, left: nl, right: nr, sketches: k } = self.shape;
        let p = nl * nr;
        let mut scratch = Scratch::new(scratch, self.shape.scratch())?;
        let (mut v, mut u) = (scratch.matrix(p, k)?, scratch.matrix(p, k)?);
        let (mut y, mut e) = (scratch.matrix(p, k)?, scratch.matrix(k, k)?);
        let (mut weights, gradient) = (scratch.matrix(k, k)?, scratch.take(self.shape.term())?);
        let rest = scratch.rest();

        v.columns().flatten().for_each(|v| *v = self.rng.normal());
        // E = V^T G^ V - V^T G V
        self.multiply(target, v.as_ref(), &mut y, rest)?;
        gemm_tn(-T::ONE, v.as_ref(), y.as_ref(), T::ZERO, e.reborrow())?;
        for term in 0..terms {
            self.halves(term, v.as_ref(), &mut u, rest)?;
            gemm_tn(T::ONE, u.as_ref(), u.as_ref(), T::ONE, e.reborrow())?;
        }
        let entries = T::from_usize(k * k);
        let loss = inner_product(e.as_ref()) / entries;
        NonFiniteError::check("loss", &[loss])?;

        // d loss / d U_r = U_r (E + E^T) 2 / K^2
        for (j, column) in weights.columns().enumerate() {
            for (i, w) in column.iter_mut().enumerate() {
                *w = (e.at(i, j) + e.at(j, i)) * T::TWO / entries;
            }
        }
        self.decay.0 *= self.adam.beta1;
        self.decay.1 *= self.adam.beta2;
        for term in 0..terms {
            self.halves(term, v.as_ref(), &mut u, rest)?;
            gemm(T::ONE, u.as_ref(), weights.as_ref(), T::ZERO, y.reborrow())?;
            self.gradient(term, v.as_ref(), y.as_ref(), gradient, rest)?;
            self.update(term, gradient);
        }
        Ok(loss)
    }

    /// `Y = G V`
    fn multiply(
        &self,
        target: &Target<'_, T>,
        v: Mat<'_, T>,
        y: &mut MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        match target {
            Target::Dense(g) => {
                g.check(("matrix rows", "matrix columns"), v.rows(), v.rows())?;
                NonFiniteError::check_matrix("matrix", *g)?;
                Ok(gemm(T::ONE, *g, v, T::ZERO, y.reborrow())?)
            }
            Target::Sum(terms) => {
                for term in *terms {
                    let (nl, nr) = (self.shape.left, self.shape.right);
                    term.left.check(("left rows", "left columns"), nl, nl)?;
                    term.right.check(("right rows", "right columns"), nr, nr)?;
                }
                sum::apply(terms, false, v, y.reborrow(), scratch)
            }
        }
    }

    /// `U = (L^T (x) R^T) V` of one term.
    fn halves(
        &self,
        term: usize,
        v: Mat<'_, T>,
        u: &mut MatMut<'_, T>,
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        let (l, r) = self.term(term).ok_or(KronError::Empty)?;
        let (nl, nr) = (self.shape.left, self.shape.right);
        for (v, u) in v.columns().zip(u.columns()) {
            let (v, u) = (Mat::of(v, nr, nl), MatMut::of(u, nr, nl));
            two_sided(r, v, l, true, T::ZERO, u, scratch)?;
        }
        Ok(())
    }

    /// `dL = sum_i V_i^T R Y_i`, `dR = sum_i V_i L Y_i^T`, with `V_i, Y_i: nr x nl` the columns.
    fn gradient(
        &self,
        term: usize,
        v: Mat<'_, T>,
        y: Mat<'_, T>,
        gradient: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), KronError> {
        let (l, r) = self.term(term).ok_or(KronError::Empty)?;
        let (nl, nr) = (self.shape.left, self.shape.right);
        let mut w = Scratch::new(scratch, nl * nr)?.matrix(nr, nl)?;
        let (dl, dr) = gradient.split_at_mut_checked(nl * nl).ok_or(KronError::Empty)?;
        let (mut dl, mut dr) = (MatMut::of(dl, nl, nl), MatMut::of(dr, nr, nr));
        let mut beta = T::ZERO;
        for (v, y) in v.columns().zip(y.columns()) {
            let (v, y) = (Mat::of(v, nr, nl), Mat::of(y, nr, nl));
            gemm(T::ONE, r, y, T::ZERO, w.reborrow())?;
            gemm_tn(T::ONE, v, w.as_ref(), beta, dl.reborrow())?;
            gemm(T::ONE, v, l, T::ZERO, w.reborrow())?;
            gemm_nt(T::ONE, w.as_ref(), y, beta, dr.reborrow())?;
            beta = T::ONE;
        }
        Ok(())
    }

    /// Adam.
    fn update(&mut self, term: usize, gradient: &[T]) {
        let Adam { learning_rate, beta1, beta2, epsilon } = self.adam;
        let (first, second) = (T::ONE - self.decay.0, T::ONE - self.decay.1);
        let from = term * self.shape.term();
        let state = self.parameters.iter_mut().zip(self.mean.iter_mut()).zip(&mut *self.square);
        for (((x, mean), square), g) in state.skip(from).zip(gradient) {
            *mean = beta1 * *mean + (T::ONE - beta1) * *g;
            *square = beta2 * *square + (T::ONE - beta2) * *g * *g;
            *x -= learning_rate * (*mean / first) / ((*square / second).sqrt() + epsilon);
        }
    }
}

/// `sum a_ij^2`
fn inner_product<T: Real>(a: Mat<'_, T>) -> T {
    a.columns().fold(T::ZERO, |sum, c| sum + dot(c, c))
}

/// `Q diag(e^(-4 i / n))^(1/2)`, Q by Gram and Schmidt, twice, from a Gaussian matrix.
fn start<T: Real>(mut m: MatMut<'_, T>, rng: &mut Rng) {
    let n = m.rows();
    m.columns().flatten().for_each(|v| *v = rng.normal());
    for j in 0..n {
        let (before, mut rest) = m.reborrow().split_at_col(j);
        let (before, column) = (before.into_ref(), rest.col(0));
        for _ in 0..2 {
            for q in before.columns() {
                let projection = dot(q, column);
                axpy(-projection, q, column);
            }
            let norm = dot(column, column).sqrt();
            column.iter_mut().for_each(|v| *v /= norm);
        }
    }
    for (i, column) in m.columns().enumerate() {
        let decay = -T::TWO * T::from_usize(i) / T::from_usize(n);
        let root = decay.exp();
        column.iter_mut().for_each(|v| *v *= root);
    }
}
