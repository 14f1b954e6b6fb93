//! A curvature that is ready: as an operator on vectors, and written out.

use nanocurv::curvature::{
    Batch, Curvature as CoreCurvature, CurvatureError, CurvatureOperator, LinearOperator,
    Submatrix, Tensor, block, dense_scratch, submatrix, submatrix_scratch,
};
use nanocurv::kfac::{self, Ekfac, Factors, Weights};
use nanocurv::random::Rng;
use ndarray::{Array2, ArrayD, ArrayViewD, Ix2};
use rayon::prelude::*;

use super::dense::dense;
use super::part::Part;
use super::problem::{Kind, Problem};
use crate::desktop::array::{Float, Shape, columns, matrix, shaped, zeros};
use crate::desktop::error::{Error, Result, ensure};
use crate::desktop::kfac::{CHUNK, accumulate};

/// A curvature with what its products need: batches, and the factors of K-FAC and EKFAC.
pub struct Curvature<'a, T> {
    pub(super) problem: Problem<'a, T>,
    batches: Vec<Batch<'a, T>>,
    /// K-FAC's factors; none for the others.
    pub(super) factors: Vec<T>,
    /// EKFAC's bases and diagonals; none for the others.
    pub(super) ekfac: Vec<T>,
}

/// A curvature that is multiplied with vectors.
pub struct Operator<'a, T> {
    inner: Box<dyn LinearOperator<T> + Sync + 'a>,
}

impl<'a, T: Float> Curvature<'a, T> {
    /// The curvature of a problem.
    ///
    /// # Errors
    /// If network and data do not fit together.
    pub fn new(problem: Problem<'a, T>) -> Result<Self> {
        let Problem { net, data, loss, fisher, .. } = problem;
        let batches = data.batches()?;
        let factors = match problem.kind.is_kfac() {
            true => accumulate(net, data, loss, fisher)?,
            false => Vec::new(),
        };
        let ekfac = match problem.kind {
            Kind::Ekfac => ekfac_state(&problem, &factors)?,
            _ => Vec::new(),
        };
        Ok(Self { problem, batches, factors, ekfac })
    }

    /// The operator, or that of rows and columns of it.
    ///
    /// # Errors
    /// If network and data do not fit together.
    pub fn operator<'b>(
        &'b self,
        lists: Option<&'b (Vec<usize>, Vec<usize>)>,
    ) -> Result<Operator<'b, T>> {
        let (problem, layers) = (&self.problem, self.problem.net.layers());
        let inner: Box<dyn LinearOperator<T> + Sync + 'b> = match problem.curvature() {
            Some(curvature) => {
                Box::new(CurvatureOperator::new(problem.risk(&self.batches)?, curvature))
            }
            None if problem.kind == Kind::Ekfac => {
                Box::new(Ekfac::new(layers, problem.bias(), &self.ekfac)?)
            }
            None => Box::new(Factors::new(layers, &self.factors)?.with_bias(problem.bias())),
        };
        let operator = Operator { inner };
        match lists {
            None => Ok(operator),
            Some((rows, cols)) => {
                Ok(Operator { inner: Box::new(Submatrix::new(operator, rows, cols)?) })
            }
        }
    }

    /// The matrix or a part of it.
    ///
    /// # Errors
    /// If it does not fit into memory.
    pub fn matrix(&self, part: &Part) -> Result<Array2<T>> {
        let problem = &self.problem;
        let (p, lists) = (problem.params(), part.indices(problem.net));
        let Some(curvature) = problem.curvature() else {
            let all: Vec<usize> = (0..p).collect();
            let (rows, cols) = lists.as_ref().map_or((&all, &all), |(r, c)| (r, c));
            return self.operator(None)?.entries(rows, cols);
        };
        let risk = problem.risk(&self.batches)?;
        let operator = CurvatureOperator::new(risk, curvature);
        let (layers, tile) = (risk.net().layers(), risk.tile());
        let hessian = curvature == CoreCurvature::Hessian;
        let (height, width) = lists.as_ref().map_or((p, p), |(r, c)| (r.len(), c.len()));
        let mut out = zeros::<T>(&[height, width])?;
        // The core's columns are the rows of the symmetric matrix, and a part's those of its
        // transpose.
        match (part, &lists) {
            (Part::Block(rows, cols), _) => {
                let tensors = problem.net.tensors();
                let tensor = |at: usize| {
                    let kind = if tensors[at].bias { Tensor::Bias } else { Tensor::Weight };
                    kind(tensors[at].layer)
                };
                let mut scratch = zeros::<T>(&[dense_scratch(layers, tile, hessian)])?;
                let to = columns(&mut out, width, height)?;
                block(&operator, tensor(*cols), tensor(*rows), to, &mut scratch)?;
            }
            (Part::Lists(..), Some((rows, cols))) => {
                let mut scratch = zeros::<T>(&[submatrix_scratch(layers, tile, hessian)])?;
                let to = columns(&mut out, width, height)?;
                submatrix(&operator, cols, rows, to, &mut scratch)?;
            }
            _ => dense(&operator, &mut out)?,
        }
        Ok(matrix(height, width, out))
    }

    /// The product of the matrix, or of a part of it, with a vector or with the columns of a
    /// matrix, which messages call `name`.
    ///
    /// # Errors
    /// If there are not as many rows as the matrix has columns.
    pub fn product(&self, part: &Part, name: &str, v: ArrayViewD<'_, T>) -> Result<ArrayD<T>> {
        let lists = part.indices(self.problem.net);
        let needed = lists.as_ref().map_or(self.problem.params(), |(_, cols)| cols.len());
        let what = if lists.is_some() { "columns" } else { "parameters" };
        check_rows(name, &v, needed, what)?;
        self.operator(lists.as_ref())?.product(v)
    }
}

/// Fails unless a vector or matrix has so many rows.
pub(super) fn check_rows<T>(
    name: &str,
    v: &ArrayViewD<'_, T>,
    needed: usize,
    what: &str,
) -> Result<()> {
    ensure!(
        v.ndim() == 1 || v.ndim() == 2,
        "{name}: found an array of shape {}, needed a vector or columns",
        Shape(v.shape())
    );
    let found = v.shape()[0];
    ensure!(
        found == needed,
        "{name}: found {found} rows, needed {needed}, the {what} of the matrix"
    );
    Ok(())
}

/// `f` of a vector or of every column, on all threads; it fills `rows` values.
pub(super) fn by_column<T: Float>(
    v: ArrayViewD<'_, T>,
    rows: usize,
    f: impl Fn(&[T], &mut [T]) -> Result<()> + Sync,
) -> Result<ArrayD<T>> {
    let one = |v: Vec<T>| {
        let mut out = vec![T::ZERO; rows];
        f(&v, &mut out)?;
        Ok::<_, Error>(out)
    };
    if v.ndim() == 1 {
        return Ok(shaped(&[rows], one(v.iter().copied().collect())?));
    }
    let v = v.into_dimensionality::<Ix2>().map_err(|e| Error::Input(e.to_string()))?;
    let count = v.ncols();
    let found: Vec<Vec<T>> =
        (0..count).into_par_iter().map(|k| one(v.column(k).to_vec())).collect::<Result<_>>()?;
    let rows_of = (0..rows).flat_map(|i| found.iter().map(move |column| column[i]));
    Ok(shaped(&[rows, count], rows_of.collect()))
}

fn ekfac_state<T: Float>(problem: &Problem<'_, T>, factors: &[T]) -> Result<Vec<T>> {
    let (net, bias) = (problem.net.mlp()?, problem.bias());
    let layers = net.layers();
    let factors = Factors::new(layers, factors)?.with_bias(bias);
    let mut state = zeros::<T>(&[kfac::ekfac_len(layers, bias)])?;
    let mut scratch = zeros::<T>(&[kfac::ekfac_bases_scratch(layers)])?;
    kfac::ekfac_bases(&factors, &mut state, &mut scratch)?;
    let (loss, reduction) = problem.loss;
    let (x, targets) = (problem.data.inputs()?, problem.data.targets.core()?);
    let mut weights = Weights::batch(loss, reduction, x.cols(), net.outputs());
    weights.keep = T::ZERO;
    // The same generator and the same chunks as the factors': the same draws.
    let mut rng = Rng::seed(problem.fisher.seed);
    for from in (0..x.cols()).step_by(CHUNK) {
        let samples = CHUNK.min(x.cols() - from);
        let mut scratch = zeros::<T>(&[kfac::ekfac_correct_scratch(layers, samples)])?;
        kfac::ekfac_correct(
            &net,
            x.columns_range(from, samples),
            targets.range(from, samples),
            loss,
            problem.fisher.kind.core(&mut rng, problem.fisher.draws),
            weights,
            bias,
            &mut state,
            &mut scratch,
        )?;
        weights.keep = T::ONE;
    }
    Ok(state)
}

impl<T: Float> Operator<'_, T> {
    /// The product with a vector, or with every column of a matrix.
    ///
    /// # Errors
    /// If it has another size.
    pub fn product(&self, v: ArrayViewD<'_, T>) -> Result<ArrayD<T>> {
        by_column(v, self.rows(), |v, out| {
            let mut scratch = zeros::<T>(&[self.scratch()])?;
            Ok(self.apply(v, out, &mut scratch)?)
        })
    }

    /// The entries of these rows and columns, one product for each row: the operator is symmetric.
    ///
    /// # Errors
    /// If they do not fit into memory.
    pub fn entries(&self, rows: &[usize], cols: &[usize]) -> Result<Array2<T>> {
        let mut out = zeros::<T>(&[rows.len(), cols.len()])?;
        rows.par_iter().zip(out.par_chunks_mut(cols.len())).try_for_each_init(
            || {
                let (p, q) = (self.cols(), self.rows());
                (vec![T::ZERO; p], vec![T::ZERO; q], vec![T::ZERO; self.scratch()])
            },
            |(unit, product, scratch), (&row, out)| {
                unit[row] = T::ONE;
                let result = self.apply(unit, product, scratch);
                unit[row] = T::ZERO;
                result?;
                out.iter_mut().zip(cols).for_each(|(out, &col)| *out = product[col]);
                Ok::<_, Error>(())
            },
        )?;
        Ok(matrix(rows.len(), cols.len(), out))
    }
}

impl<T: Float> LinearOperator<T> for Operator<'_, T> {
    fn rows(&self) -> usize {
        self.inner.rows()
    }
    fn cols(&self) -> usize {
        self.inner.cols()
    }
    fn scratch(&self) -> usize {
        self.inner.scratch()
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        self.inner.apply(v, out, scratch)
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        self.inner.apply_transpose(u, out, scratch)
    }
}
