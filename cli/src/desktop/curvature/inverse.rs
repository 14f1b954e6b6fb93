//! `(C + L I)^-1`, formed or applied.

use nanocurv::Mat;
use nanocurv::curvature::{
    Damped, DampedInverse, Identity, LinearOperator, Stop, Until, cg, cg_scratch, lsmr,
    lsmr_scratch,
};
use nanocurv::kfac::{
    Damping, Ekfac, Factors, eigenfactors_len, eigenfactors_scratch, preconditioner_len,
};
use nanocurv::linalg::{ldlt, ldlt_solve, lu, lu_solve};
use ndarray::{Array2, ArrayD, ArrayViewD, Ix2};

use super::operator::{Curvature, by_column, check_rows};
use super::part::Part;
use super::problem::Kind;
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::choice::{Choice, choices};
use crate::desktop::error::{Context, Error, Result, ensure};

choices! {
    /// How a system is solved.
    #[derive(Default)]
    pub enum Solver {
        /// Factors the matrix
        #[default]
        Dense = "dense",
        /// Conjugate gradients
        Cg = "cg",
        /// Least squares by Golub-Kahan bidiagonalisation
        Lsmr = "lsmr",
    }
}

choices! {
    /// How the damping enters K-FAC's inverse.
    #[derive(Default)]
    pub enum InverseDamping {
        /// A + pi sqrt(L) I and G + sqrt(L)/pi I
        Pi = "pi",
        /// A + L I and G + L I
        Same = "same",
        /// A (x) G + L I
        #[default]
        Exact = "exact",
    }
}

/// How a curvature is inverted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InverseSettings {
    /// `L`, what is added to the matrix before it is inverted.
    pub damping: f64,
    /// How; K-FAC and EKFAC have their inverse in closed form.
    pub solver: Option<Solver>,
    /// How `L` enters K-FAC; exactly unless told. EKFAC is always exact.
    pub mode: Option<InverseDamping>,
}

impl InverseSettings {
    /// # Errors
    /// If the damping is negative, or an option is not one of this curvature.
    pub fn validate(&self, kind: Kind) -> Result<()> {
        let Self { damping, solver, mode } = *self;
        ensure!(
            damping.is_finite() && damping >= 0.0,
            "--damping: found {damping}, needed a number that is not negative"
        );
        ensure!(mode.is_none() || kind.is_kfac(), "--damping-mode belongs to kfac; leave it out");
        ensure!(
            kind != Kind::Ekfac || matches!(mode, None | Some(InverseDamping::Exact)),
            "--damping-mode: ekfac is always exact"
        );
        ensure!(
            solver.is_none() || !kind.is_kfac(),
            "--solver: the inverse of {} is in closed form; leave it out",
            kind.name()
        );
        Ok(())
    }
}

/// What to do about a matrix that has no inverse.
const HINT: &str = "--inverse: add or increase --damping";

impl<T: Float> Curvature<'_, T> {
    /// The damped inverse, `P x P`.
    ///
    /// # Errors
    /// As [`Curvature::solve`].
    pub fn inverse(&self, settings: &InverseSettings) -> Result<Array2<T>> {
        let p = self.problem.params();
        let mut identity = Array2::from_shape_vec((p, p), zeros::<T>(&[p, p])?)
            .map_err(|e| Error::Input(e.to_string()))?;
        identity.diag_mut().fill(T::ONE);
        let found = self.solve(settings, "identity", identity.view().into_dyn())?;
        found.into_dimensionality::<Ix2>().map_err(|e| Error::Input(e.to_string()))
    }

    /// The damped inverse times a vector or the columns of a matrix, which messages call `name`.
    ///
    /// # Errors
    /// If sizes or settings do not fit, the damped matrix is singular (or, where it must be, not
    /// positive definite), or a solver does not converge.
    pub fn solve(
        &self,
        settings: &InverseSettings,
        name: &str,
        v: ArrayViewD<'_, T>,
    ) -> Result<ArrayD<T>> {
        let (p, kind) = (self.problem.params(), self.problem.kind);
        settings.validate(kind)?;
        check_rows(name, &v, p, "parameters")?;
        let damping = T::of(settings.damping);
        if kind.is_kfac() {
            return self.of_kfac(settings, damping, v).context(HINT);
        }
        match settings.solver.unwrap_or_default() {
            Solver::Dense => {
                let mut all = self.matrix(&Part::All)?.into_raw_vec_and_offset().0;
                let mut a = columns(&mut all, p, p)?;
                a.add_diagonal(damping);
                let positive = kind != Kind::Hessian;
                let mut pivots = vec![0; if positive { 0 } else { p }];
                if positive {
                    ldlt(a).context(HINT)?;
                } else {
                    lu(a, &mut pivots).context(HINT)?;
                }
                let factored = Mat::new("matrix", &all, p, p)?;
                by_column(v, p, |b, x| {
                    x.copy_from_slice(b);
                    let x = columns(x, p, 1)?;
                    if positive {
                        ldlt_solve(factored, x)?;
                    } else {
                        lu_solve(factored, &pivots, x)?;
                    }
                    Ok(())
                })
            }
            solver => {
                let operator = Damped::new(self.operator(None)?, damping)?;
                by_column(v, p, |b, x| iterate(solver, &operator, b, x))
            }
        }
    }

    fn of_kfac(
        &self,
        settings: &InverseSettings,
        damping: T,
        v: ArrayViewD<'_, T>,
    ) -> Result<ArrayD<T>> {
        let (layers, bias) = (self.problem.net.layers(), self.problem.bias());
        if self.problem.kind == Kind::Ekfac {
            let ekfac = Ekfac::new(layers, bias, &self.ekfac)?;
            return apply(&DampedInverse::ekfac(ekfac, damping)?, v);
        }
        let factors = Factors::new(layers, &self.factors)?.with_bias(bias);
        let split = match settings.mode.unwrap_or_default() {
            InverseDamping::Exact => {
                let mut storage = zeros::<T>(&[eigenfactors_len(layers, bias)])?;
                let mut scratch = zeros::<T>(&[eigenfactors_scratch(layers)])?;
                let eigen = factors.eigen(&mut storage, &mut scratch)?;
                return apply(&DampedInverse::kfac(eigen, damping)?, v);
            }
            InverseDamping::Pi => Damping::Pi,
            InverseDamping::Same => Damping::Same,
        };
        let mut storage = zeros::<T>(&[preconditioner_len(layers)])?;
        apply(&factors.preconditioner(damping, split, &mut storage)?, v)
    }
}

/// The product of an operator with every column.
fn apply<T: Float>(
    operator: &(impl LinearOperator<T> + Sync),
    v: ArrayViewD<'_, T>,
) -> Result<ArrayD<T>> {
    by_column(v, operator.rows(), |v, out| {
        let mut scratch = zeros::<T>(&[operator.scratch()])?;
        Ok(operator.apply(v, out, &mut scratch)?)
    })
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
    let message = match info.stop {
        Stop::Converged => return Ok(()),
        Stop::Iterations => format!(
            "--solver: no convergence in {} iterations, relative residual {residual:.1e}; \
             increase --damping or use --solver dense",
            info.iterations
        ),
        Stop::Breakdown => "--solver cg: the matrix is not positive definite; increase --damping, \
                            or use --solver dense or lsmr"
            .to_owned(),
        Stop::NotFinite => "--solver: an overflow; scale the data".to_owned(),
    };
    Err(Error::Divergence(message))
}
