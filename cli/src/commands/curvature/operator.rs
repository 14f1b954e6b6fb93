//! The operator of a problem, and what it is kept in.

use anyhow::Result;
use nanocurv::curvature::{Batch, CurvatureError, CurvatureOperator, LinearOperator, Submatrix};
use nanocurv::kfac::{self, Bias, Ekfac, Factors, Weights};
use nanocurv::random::Rng;
use rayon::prelude::*;

use super::super::kfac::factors::{Fisher, core_labels, core_loss, core_targets};
use super::matrix::kfac_factors;
use super::{Kind, Problem, Vectors};
use crate::array::{Float, zeros};

/// What K-FAC and EKFAC are kept in; empty for the others.
pub(super) struct Store<T> {
    /// The factors.
    pub(super) factors: Vec<T>,
    /// EKFAC's bases and diagonals.
    pub(super) state: Vec<T>,
}

impl<T: Float> Store<T> {
    pub(super) fn new(problem: &Problem<T>) -> Result<Self> {
        let mut store = Self { factors: Vec::new(), state: Vec::new() };
        if problem.kind.is_kfac() {
            store.factors = kfac_factors(problem)?;
        }
        if problem.kind == Kind::Ekfac {
            store.state = ekfac_state(problem, &store.factors)?;
        }
        Ok(store)
    }
}

/// Where K-FAC's biases are.
pub(super) const fn bias<T>(problem: &Problem<T>) -> Bias {
    if problem.separate_bias { Bias::Separate } else { Bias::Joint }
}

fn ekfac_state<T: Float>(problem: &Problem<T>, factors: &[T]) -> Result<Vec<T>> {
    let (net, bias) = (problem.net.mlp()?, bias(problem));
    let layers = net.layers();
    let factors = Factors::new(layers, factors)?.with_bias(bias);
    let mut state = zeros::<T>(&[kfac::ekfac_len(layers, bias)])?;
    let mut scratch = zeros::<T>(&[kfac::ekfac_bases_scratch(layers)])?;
    kfac::ekfac_bases(&factors, &mut state, &mut scratch)?;
    let (loss, reduction) = core_loss(problem.loss.0, problem.loss.1);
    let labels = core_labels(&problem.targets);
    let (x, targets) = (problem.data.x.batch(), core_targets(&problem.targets, &labels));
    let mut weights = Weights::batch(loss, reduction, x.cols(), net.outputs());
    weights.keep = T::ZERO;
    let (kind, draws, seed) = problem.fisher;
    // The same generator and the same tiles as the factors': the same draws.
    let (mut rng, tile): (_, usize) = (Rng::seed(seed), 512);
    for from in (0..x.cols()).step_by(tile) {
        let samples = tile.min(x.cols() - from);
        let mut scratch = zeros::<T>(&[kfac::ekfac_correct_scratch(layers, samples)])?;
        let fisher = match kind {
            Fisher::TypeTwo => kfac::Fisher::TypeTwo,
            Fisher::Mc => kfac::Fisher::MonteCarlo { rng: &mut rng, draws },
            Fisher::Empirical => kfac::Fisher::Empirical,
            Fisher::ForwardOnly => kfac::Fisher::ForwardOnly,
        };
        let (x, targets) = (x.columns_range(from, samples), targets.range(from, samples));
        kfac::ekfac_correct(
            &net,
            x,
            targets,
            loss,
            fisher,
            weights,
            bias,
            &mut state,
            &mut scratch,
        )?;
        weights.keep = T::ONE;
    }
    Ok(state)
}

/// A curvature that is multiplied with vectors.
pub(super) struct Operator<'a, T> {
    inner: Box<dyn LinearOperator<T> + Sync + 'a>,
}

impl<'a, T: Float> Operator<'a, T> {
    /// The operator of a problem, or of rows and columns of it.
    pub(super) fn new(
        problem: &'a Problem<T>,
        batches: &'a [Batch<'a, T>],
        store: &'a Store<T>,
        lists: Option<(&'a [usize], &'a [usize])>,
    ) -> Result<Self> {
        let net = problem.net.mlp()?;
        let inner: Box<dyn LinearOperator<T> + Sync + 'a> = match problem.curvature() {
            Some(curvature) => Box::new(CurvatureOperator::new(problem.risk(batches)?, curvature)),
            None if problem.kind == Kind::Ekfac => {
                Box::new(Ekfac::new(net.layers(), bias(problem), &store.state)?)
            }
            None => Box::new(Factors::new(net.layers(), &store.factors)?.with_bias(bias(problem))),
        };
        let operator = Self { inner };
        match lists {
            None => Ok(operator),
            Some((rows, cols)) => {
                Ok(Self { inner: Box::new(Submatrix::new(operator, rows, cols)?) })
            }
        }
    }

    /// The product with every column, row-major.
    pub(super) fn product(&self, v: &Vectors<T>) -> Result<Vec<T>> {
        v.map(self.rows(), |v, out| {
            let mut scratch = zeros::<T>(&[self.scratch()])?;
            Ok(self.apply(v, out, &mut scratch)?)
        })
    }

    /// The entries of these rows and columns, row-major, one product for each row: the operator is
    /// symmetric.
    pub(super) fn entries(&self, rows: &[usize], cols: &[usize]) -> Result<Vec<T>> {
        let mut out = zeros::<T>(&[rows.len(), cols.len()])?;
        rows.par_iter().zip(out.par_chunks_mut(cols.len())).try_for_each_init(
            || {
                (
                    vec![T::ZERO; self.cols()],
                    vec![T::ZERO; self.rows()],
                    vec![T::ZERO; self.scratch()],
                )
            },
            |(unit, product, scratch), (&row, out)| {
                unit[row] = T::ONE;
                let result = self.apply(unit, product, scratch);
                unit[row] = T::ZERO;
                result?;
                out.iter_mut().zip(cols).for_each(|(out, &col)| *out = product[col]);
                anyhow::Ok(())
            },
        )?;
        Ok(out)
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
