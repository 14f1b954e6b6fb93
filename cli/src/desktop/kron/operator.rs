//! `sum_r A_r (x) B_r + damping I` as an operator: products, solutions, the matrix, its invariants.

use nanocurv::error::LinalgError;
use nanocurv::kron::{self, Damped, KronLu, damped, info, solve};
use nanocurv::linalg::{lu, lu_log_determinant, lu_solve, lu_solve_transpose};
use nanocurv::{Mat, MatMut};
use ndarray::{Array2, ArrayD};
use rayon::prelude::*;

use super::terms::{Terms, Vectors};
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::error::{Context, Result, ensure};
use crate::desktop::factor::{Factor, of_columns};

/// A sum of Kronecker products, perhaps transposed and damped.
#[derive(Clone, Debug)]
pub struct Operator<T> {
    terms: Terms<T>,
    transpose: bool,
    damping: f64,
}

/// What a sum of products is, without forming it where its factors say it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    /// Of a square sum.
    pub square: Option<Square>,
    /// The Frobenius norm.
    pub frobenius: f64,
}

/// What only square matrices have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// The sum of the diagonal.
    pub trace: f64,
    /// The sign of the determinant: -1, 0 or 1.
    pub sign: f64,
    /// The logarithm of the determinant's absolute value; minus infinity for zero.
    pub log_determinant: f64,
}

impl Square {
    /// The determinant.
    pub fn determinant(&self) -> f64 {
        if self.sign == 0.0 { 0.0 } else { self.sign * self.log_determinant.exp() }
    }
}

impl<T: Float> Operator<T> {
    /// The sum, or its transpose. With a damping, which needs a square sum, `damping I` is added;
    /// the factors of a single product must then be symmetric to be solved with.
    ///
    /// # Errors
    /// If the damping is negative or the sum that it is added to not square.
    pub fn new(terms: Terms<T>, transpose: bool, damping: Option<f64>) -> Result<Self> {
        if let Some(damping) = damping {
            ensure!(
                damping >= 0.0 && damping.is_finite(),
                "--damping: found {damping}, needed a number from 0"
            );
            terms.square()?;
        }
        Ok(Self { terms, transpose, damping: damping.unwrap_or(0.0) })
    }

    /// The products.
    pub fn terms(&self) -> &Terms<T> {
        &self.terms
    }

    /// The damping.
    pub fn damping(&self) -> f64 {
        self.damping
    }

    /// Whether it is the transpose.
    pub fn is_transpose(&self) -> bool {
        self.transpose
    }

    /// The sizes of a vector's slow and fast index: of what goes in (the columns of the left and
    /// of the right factor) and of what comes out (their rows).
    pub fn sides(&self) -> ((usize, usize), (usize, usize)) {
        let (a, b) = &self.terms.pairs[0];
        let (input, output) = ((a.shape.1, b.shape.1), (a.shape.0, b.shape.0));
        if self.transpose { (output, input) } else { (input, output) }
    }

    /// `(sum_r A_r (x) B_r + damping I) V`, of the form of `v`.
    ///
    /// # Errors
    /// If the vectors have another size.
    pub fn apply(&self, v: &Vectors<T>) -> Result<ArrayD<T>> {
        let views = self.terms.views()?;
        let ((n, l), (m, k)) = self.sides();
        let (p, q) = (n * l, m * k);
        let mut found = zeros::<T>(&[q, v.count])?;
        let chunks = v.values.par_chunks(p.max(1)).zip(found.par_chunks_mut(q.max(1)));
        chunks.try_for_each(|(x, y)| {
            let mut scratch = vec![T::ZERO; kron::sum::scratch(&views)];
            let to = columns(y, q, 1)?;
            kron::sum::apply(&views, self.transpose, Mat::column_vector(x), to, &mut scratch)
                .map_err(|e| self.terms.explain(e))?;
            if self.damping != 0.0 {
                y.iter_mut().zip(x).for_each(|(y, x)| *y += T::of(self.damping) * *x);
            }
            Ok::<_, crate::desktop::Error>(())
        })?;
        Ok(v.shaped(found, (m, k)))
    }

    /// `(sum_r A_r (x) B_r + damping I)^-1 V`, of the form of `v`: factors of a single product are
    /// factorised apart, by LU or, damped, by their eigendecompositions; a sum is formed.
    ///
    /// # Errors
    /// If a factor is not square, singular or, damped, not symmetric.
    pub fn solve(&self, v: &Vectors<T>) -> Result<ArrayD<T>> {
        let terms = &self.terms;
        let n = terms.square()?;
        let mut x = v.values.clone();
        let to = columns(&mut x, n, v.count)?;
        terms.require_square_pair()?;
        match terms.single() {
            None => self.solve_sum(to)?,
            Some((left, right)) => {
                let (m, k) = (left.shape.0, right.shape.0);
                let pair = terms.views()?[0];
                let from = Mat::new("vector", &v.values, n, v.count)?;
                if self.damping == 0.0 {
                    let mut pivots = vec![0; solve::pivots(m, k)];
                    let mut memory = zeros::<T>(&[solve::memory(m, k)])?;
                    KronLu::new(pair, &mut pivots, &mut memory).and_then(|factors| {
                        if self.transpose { factors.solve_transpose(to) } else { factors.solve(to) }
                    })
                } else {
                    let mut memory = zeros::<T>(&[damped::memory(m, k)])?;
                    let mut first = zeros::<T>(&[damped::new_scratch(m, k)])?;
                    let mut scratch = zeros::<T>(&[damped::power_scratch(m, k)])?;
                    let damping = T::of(self.damping);
                    Damped::new(pair, &mut memory, &mut first)
                        .and_then(|f| f.solve(T::ONE, damping, from, to, &mut scratch))
                }
                .map_err(|e| terms.explain(e))?;
            }
        }
        Ok(v.shaped(x, self.sides().0))
    }

    /// A sum has no inverse of its form: the matrix is factorised.
    fn solve_sum(&self, x: MatMut<'_, T>) -> Result<()> {
        let n = self.terms.square()?;
        let (mut g, mut pivots) = (self.formed()?, vec![0; n]);
        lu(columns(&mut g, n, n)?, &mut pivots).context("the sum of products")?;
        let solve = if self.transpose { lu_solve_transpose } else { lu_solve };
        solve(Mat::new("sum", &g, n, n)?, &pivots, x).context("the sum of products")
    }

    /// The sum `+ damping I`, formed, in columns.
    fn formed(&self) -> Result<Vec<T>> {
        let (rows, cols) = self.terms.shape();
        let mut g = zeros::<T>(&[rows, cols])?;
        let mut to = columns(&mut g, rows, cols)?;
        kron::dense::dense(&self.terms.views()?, to.reborrow())
            .map_err(|e| self.terms.explain(e))?;
        to.add_diagonal(T::of(self.damping));
        Ok(g)
    }

    /// The matrix itself.
    ///
    /// # Errors
    /// If it does not fit into memory.
    pub fn dense(&self) -> Result<Array2<T>> {
        let (rows, cols) = self.terms.shape();
        let g = of_columns(&self.formed()?, rows, cols);
        Ok(if self.transpose { g.reversed_axes() } else { g })
    }

    /// Trace, determinant and norm, from the factors where they say it.
    ///
    /// # Errors
    /// If a matrix that must be formed does not fit into memory, or damped factors are not
    /// symmetric.
    pub fn info(&self) -> Result<Info> {
        let (rows, cols) = self.terms.shape();
        let frobenius = self.frobenius()?;
        if rows != cols {
            return Ok(Info { square: None, frobenius });
        }
        let (trace, sign, log) = match self.terms.square_pair() {
            Some((left, right)) => self.of_pair(left.shape.0, right.shape.0)?,
            // A sum, or a square product of rectangular factors.
            None => {
                let (mut g, mut pivots) = (self.formed()?, vec![0; rows]);
                let trace: f64 = g.iter().step_by(rows + 1).map(|v| v.to_f64()).sum();
                let (sign, log) = match lu(columns(&mut g, rows, rows)?, &mut pivots) {
                    Ok(()) => lu_log_determinant(Mat::new("sum", &g, rows, rows)?, &pivots),
                    Err(LinalgError::Singular { .. }) => (T::ZERO, -T::MAX),
                    Err(e) => return Err(e).context("the sum of products"),
                };
                (trace, sign, log)
            }
        };
        let log_determinant = if sign == T::ZERO { f64::NEG_INFINITY } else { log.to_f64() };
        let square = Some(Square { trace, sign: sign.to_f64(), log_determinant });
        Ok(Info { square, frobenius })
    }

    /// Trace, sign and logarithm of the determinant of a product of an `m x m` and a `k x k`
    /// factor.
    fn of_pair(&self, m: usize, k: usize) -> Result<(f64, T, T)> {
        let pair = self.terms.views()?[0];
        let explain = |e| self.terms.explain(e);
        let trace = pair.trace().map_err(explain)?.to_f64() + self.damping * (m * k) as f64;
        if self.damping == 0.0 {
            let mut scratch = zeros::<T>(&[info::log_determinant_scratch(m, k)])?;
            let mut pivots = vec![0; m.max(k)];
            let found = pair.log_determinant(&mut pivots, &mut scratch).map_err(explain)?;
            return Ok((trace, found.sign, found.log));
        }
        let mut memory = zeros::<T>(&[damped::memory(m, k)])?;
        let mut scratch = zeros::<T>(&[damped::new_scratch(m, k)])?;
        let factors = Damped::new(pair, &mut memory, &mut scratch).map_err(explain)?;
        let log = factors.log_determinant(T::ONE, T::of(self.damping)).map_err(explain)?;
        Ok((trace, T::ONE, log))
    }

    /// `|G + L I|_F^2 = |G|_F^2 + 2 L tr G + L^2 P`
    fn frobenius(&self) -> Result<f64> {
        let (views, damping) = (self.terms.views()?, self.damping);
        let shapes = |(a, b): &(Factor<T>, Factor<T>)| (a.shape, b.shape);
        let pairs = &self.terms.pairs;
        if pairs.iter().all(|pair| shapes(pair) == shapes(&pairs[0])) {
            let norm = kron::sum::frobenius(&views).map_err(|e| self.terms.explain(e))?.to_f64();
            if damping == 0.0 {
                return Ok(norm);
            }
            if let Ok(trace) = kron::sum::trace(&views) {
                let size = self.terms.shape().0 as f64;
                let shift = 2.0 * damping * trace.to_f64() + damping * damping * size;
                return Ok((norm * norm + shift).max(0.0).sqrt());
            }
        }
        let g = self.formed()?;
        Ok(g.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt())
    }
}
