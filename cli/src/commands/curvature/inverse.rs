//! `--inverse`: `(C + L I)^-1`, formed or applied.

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use nanocurv::curvature::{
    Batch, Damped, DampedInverse, Identity, LinearOperator, Stop, Until, cg, cg_scratch, lsmr,
    lsmr_scratch,
};
use nanocurv::kfac::{
    Damping, Ekfac, Factors, eigenfactors_len, eigenfactors_scratch, preconditioner_len,
};
use nanocurv::linalg::{ldlt, ldlt_solve, lu, lu_solve};
use nanocurv::{Mat, MatMut};

use super::operator::{Operator, Store, bias};
use super::{Kind, Part, Problem, Vectors, matrix};
use crate::array::{Float, zeros};

/// The options of the inverse.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Inverse")]
pub(super) struct InverseArgs {
    /// The inverse, with the damping added, in place of the matrix
    #[arg(long)]
    pub(super) inverse: bool,
    /// L, what is added to the matrix before it is inverted
    #[arg(long, value_name = "L", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(super) damping: f64,
    /// How: the matrix is formed and factored, or only multiplied with (conjugate gradients for
    /// positive definite matrices, least squares for any) [default: dense]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) solver: Option<Solver>,
    /// How L enters K-FAC: split over the factors by pi, added to each, or exactly
    /// [default: exact]
    #[arg(long, value_enum, value_name = "MODE")]
    pub(super) damping_mode: Option<DampingMode>,
}

/// `--solver`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Solver {
    /// Factors the matrix
    #[default]
    Dense,
    /// Conjugate gradients
    Cg,
    /// Least squares by Golub-Kahan bidiagonalisation
    Lsmr,
}

/// `--damping-mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DampingMode {
    /// A + pi sqrt(L) I and G + sqrt(L)/pi I
    Pi,
    /// A + L I and G + L I
    Same,
    /// A (x) G + L I
    #[default]
    Exact,
}

impl InverseArgs {
    pub(super) fn validate(&self, kind: Kind) -> Result<()> {
        let options = self.damping != 0.0 || self.solver.is_some() || self.damping_mode.is_some();
        ensure!(
            self.inverse || !options,
            "--damping, --solver and --damping-mode belong to --inverse; add it"
        );
        let damping = self.damping;
        ensure!(
            damping.is_finite() && damping >= 0.0,
            "--damping: found {damping}, needed a number that is not negative"
        );
        ensure!(
            self.damping_mode.is_none() || kind.is_kfac(),
            "--damping-mode belongs to kfac; leave it out"
        );
        ensure!(
            kind != Kind::Ekfac || matches!(self.damping_mode, None | Some(DampingMode::Exact)),
            "--damping-mode: ekfac is always exact"
        );
        ensure!(
            self.solver.is_none() || !kind.is_kfac(),
            "--solver: the inverse of {} is in closed form; leave it out",
            kind.key()
        );
        Ok(())
    }

    /// The inverse, row-major `P x P`, or its product with the vectors.
    pub(super) fn run<T: Float>(
        &self,
        problem: &Problem<T>,
        batches: &[Batch<'_, T>],
        store: &Store<T>,
        damping: T,
        vectors: Option<&Vectors<T>>,
    ) -> Result<Vec<T>> {
        let p = problem.params();
        let hint = "--inverse: add or increase --damping";
        if problem.kind.is_kfac() {
            return self.of_kfac(problem, store, damping, vectors).context(hint);
        }
        match self.solver.unwrap_or_default() {
            Solver::Dense => {
                let mut all = matrix(problem, batches, store, &Part::All, None)?;
                let mut a = MatMut::of(&mut all, p, p);
                a.add_diagonal(damping);
                let positive = problem.kind != Kind::Hessian;
                let mut pivots = vec![0; if positive { 0 } else { p }];
                if positive {
                    ldlt(a.reborrow()).context(hint)?;
                } else {
                    lu(a.reborrow(), &mut pivots).context(hint)?;
                }
                let factored = Mat::of(&all, p, p);
                let solve = |b: &[T], x: &mut [T]| {
                    x.copy_from_slice(b);
                    let x = MatMut::of(x, p, 1);
                    if positive {
                        ldlt_solve(factored, x)?;
                    } else {
                        lu_solve(factored, &pivots, x)?;
                    }
                    Ok(())
                };
                match vectors {
                    Some(v) => v.map(p, solve),
                    None => Vectors::identity(p)?.map(p, solve),
                }
            }
            solver => {
                let operator = Damped::new(Operator::new(problem, batches, store, None)?, damping)?;
                let solve = |b: &[T], x: &mut [T]| iterate(solver, &operator, b, x);
                match vectors {
                    Some(v) => v.map(p, solve),
                    None => Vectors::identity(p)?.map(p, solve),
                }
            }
        }
    }

    fn of_kfac<T: Float>(
        &self,
        problem: &Problem<T>,
        store: &Store<T>,
        damping: T,
        vectors: Option<&Vectors<T>>,
    ) -> Result<Vec<T>> {
        let (net, bias) = (problem.net.mlp()?, bias(problem));
        let layers = net.layers();
        let factors = Factors::new(layers, &store.factors)?.with_bias(bias);
        let mode = self.damping_mode.unwrap_or_default();
        if problem.kind == Kind::Ekfac {
            let ekfac = Ekfac::new(layers, bias, &store.state)?;
            return apply(&DampedInverse::ekfac(ekfac, damping)?, vectors);
        }
        let split = match mode {
            DampingMode::Exact => {
                let mut storage = zeros::<T>(&[eigenfactors_len(layers, bias)])?;
                let mut scratch = zeros::<T>(&[eigenfactors_scratch(layers)])?;
                let eigen = factors.eigen(&mut storage, &mut scratch)?;
                return apply(&DampedInverse::kfac(eigen, damping)?, vectors);
            }
            DampingMode::Pi => Damping::Pi,
            DampingMode::Same => Damping::Same,
        };
        let mut storage = zeros::<T>(&[preconditioner_len(layers)])?;
        apply(&factors.preconditioner(damping, split, &mut storage)?, vectors)
    }
}

/// A symmetric operator's matrix, or its product with the vectors.
fn apply<T: Float>(
    operator: &(impl LinearOperator<T> + Sync),
    vectors: Option<&Vectors<T>>,
) -> Result<Vec<T>> {
    let p = operator.rows();
    let product = |v: &[T], out: &mut [T]| {
        let mut scratch = zeros::<T>(&[operator.scratch()])?;
        Ok(operator.apply(v, out, &mut scratch)?)
    };
    match vectors {
        Some(v) => v.map(p, product),
        None => Vectors::identity(p)?.map(p, product),
    }
}

/// Solves by products alone, to a hundredth of the precision's tolerance.
fn iterate<T: Float>(
    solver: Solver,
    operator: &impl LinearOperator<T>,
    b: &[T],
    x: &mut [T],
) -> Result<()> {
    let p = b.len();
    let until = Until { tolerance: T::of(T::TOLERANCE * 1e-2), iterations: 20 * p };
    let info = match solver {
        Solver::Lsmr => {
            let mut scratch = zeros::<T>(&[lsmr_scratch(p, p, operator.scratch())])?;
            lsmr(operator, b, T::ZERO, x, until, &mut scratch)?
        }
        _ => {
            let mut scratch = zeros::<T>(&[cg_scratch(p, operator.scratch(), 0)])?;
            cg(operator, &Identity { size: p }, b, x, until, &mut scratch)?
        }
    };
    let residual = info.residual.to_f64();
    match info.stop {
        Stop::Converged => Ok(()),
        Stop::Iterations => bail!(
            "--solver: no convergence in {} iterations, relative residual {residual:.1e}; \
             increase --damping or use --solver dense",
            info.iterations
        ),
        Stop::Breakdown => bail!(
            "--solver cg: the matrix is not positive definite; increase --damping, or use \
             --solver dense or lsmr"
        ),
        Stop::NotFinite => bail!("--solver: an overflow; scale the data"),
    }
}
