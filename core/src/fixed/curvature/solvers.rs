//! The solvers of the typed front.

use crate::curvature::{
    Curvature, CurvatureError, CurvatureOperator, Damped, Identity, LinearOperator, SolveInfo,
    Until, cg, cg_scratch, hessian_scratch, jacobian_scratch, lsmr, lsmr_scratch, neumann,
    neumann_scratch,
};
use crate::fixed::Problem;
use crate::network::{AsMat, Layer, Network, layer};
use crate::scalar::Real;

/// Scratch of [`Problem::solve`] for a batch of `batch` samples.
pub const fn solve_scratch(layers: &[Layer], batch: usize) -> usize {
    cg_scratch(layer::params(layers), hessian_scratch(layers, batch), 0)
}

impl<Net: Network, T: Real, const BATCH: usize> Problem<'_, Net, T, BATCH> {
    /// Solves `(C + damping I) x = b` by conjugate gradients from the `x` given. See
    /// [`cg`](crate::curvature::cg()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Stop, Until};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::fixed::curvature::solve_scratch;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let (b, mut step) = ([14.0, 6.0], [0.0; 2]);
    /// let mut scratch = [0.0; solve_scratch(Line::LAYERS, 2)];
    /// let until = Until { tolerance: 1e-12, iterations: 10 };
    /// let info = problem.solve(Curvature::Ggn, 0.0, &b, &mut step, until, &mut scratch)?;
    /// assert_eq!(info.stop, Stop::Converged);
    /// assert!((step[0] - 1.0).abs() < 1e-10 && (step[1] - 1.0).abs() < 1e-10);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn solve<const S: usize>(
        &self,
        curvature: Curvature,
        damping: T,
        b: &Net::Theta<T>,
        x: &mut Net::Theta<T>,
        until: Until<T>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        let identity = Identity { size: Net::PARAMS };
        self.preconditioned_solve(curvature, damping, &identity, b, x, until, scratch)
    }

    /// The same with a preconditioner, K-FAC's inverse for instance. The scratch has to be as long
    /// as the preconditioner's product needs, too.
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, DampedInverse, Until};
    /// use nanocurv::fixed::curvature::solve_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::kfac::{self, Bias, Factors, Fisher, Weights};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    ///
    /// // K-FAC's factors of the batch, and the inverse of its matrix plus 0.1 I.
    /// let mut factors = [0.0; kfac::factors_len(Line::LAYERS)];
    /// problem.with_risk(|risk| {
    ///     let weights = Weights::batch(risk.loss(), risk.reduction(), 2, 1);
    ///     let (net, batch) = (risk.net(), risk.batches()[0]);
    ///     let mut scratch = [0.0; kfac::accumulate_scratch(Line::LAYERS, 2)];
    ///     let (x, y, loss, of) = (batch.x, batch.targets, risk.loss(), Fisher::TypeTwo);
    ///     Ok(kfac::accumulate(&net, x, y, loss, of, weights, &mut factors, &mut scratch)?)
    /// })?;
    /// let mut storage = [0.0; kfac::eigenfactors_len(Line::LAYERS, Bias::Joint)];
    /// let mut scratch = [0.0; kfac::eigenfactors_scratch(Line::LAYERS)];
    /// let eigen = Factors::new(Line::LAYERS, &factors)?.eigen(&mut storage, &mut scratch)?;
    /// let inverse = DampedInverse::kfac(eigen, 0.1)?;
    ///
    /// // Of one linear layer K-FAC is the GGN: one iteration.
    /// let (b, mut step) = ([14.0, 6.0], [0.0; 2]);
    /// let mut scratch = [0.0; solve_scratch(Line::LAYERS, 2)];
    /// let until = Until { tolerance: 1e-10, iterations: 10 };
    /// let (of, s) = (Curvature::Ggn, &mut scratch);
    /// let info = problem.preconditioned_solve(of, 0.1, &inverse, &b, &mut step, until, s)?;
    /// assert_eq!(info.iterations, 1);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn preconditioned_solve<const S: usize>(
        &self,
        curvature: Curvature,
        damping: T,
        preconditioner: &impl LinearOperator<T>,
        b: &Net::Theta<T>,
        x: &mut Net::Theta<T>,
        until: Until<T>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!("scratch", S, solve_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| {
            let damped = Damped::new(CurvatureOperator::new(risk, curvature), damping)?;
            cg(&damped, preconditioner, b.as_ref(), x.as_mut(), until, scratch)
        })
    }

    /// Solves `(C + damping I) x = b` by LSMR, definite or not. See [`lsmr`](crate::curvature::lsmr()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Stop, Until, hessian_scratch, lsmr_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let (b, mut step) = ([14.0, 6.0], [0.0; 2]);
    /// let mut scratch = [0.0; lsmr_scratch(2, 2, hessian_scratch(Line::LAYERS, 2))];
    /// let until = Until { tolerance: 1e-12, iterations: 10 };
    /// let info = problem.lsmr_solve(Curvature::Hessian, 0.0, &b, &mut step, until, &mut scratch)?;
    /// assert_eq!(info.stop, Stop::Converged);
    /// assert!((step[0] - 1.0).abs() < 1e-10 && (step[1] - 1.0).abs() < 1e-10);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn lsmr_solve<const S: usize>(
        &self,
        curvature: Curvature,
        damping: T,
        b: &Net::Theta<T>,
        x: &mut Net::Theta<T>,
        until: Until<T>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!(
            "scratch",
            S,
            lsmr_scratch(Net::PARAMS, Net::PARAMS, hessian_scratch(Net::LAYERS, BATCH))
        );
        self.with_risk(|risk| {
            let damped = Damped::new(CurvatureOperator::new(risk, curvature), damping)?;
            lsmr(&damped, b.as_ref(), T::ZERO, x.as_mut(), until, scratch)
        })
    }

    /// `min |J x - b|^2 + damping^2 |x|^2` by LSMR, b one column a sample: the Gauss-Newton step
    /// where b is the residual. See [`lsmr`](crate::curvature::lsmr()).
    ///
    /// ```
    /// use nanocurv::curvature::{Stop, Until, jacobian_scratch, lsmr_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let (b, mut step) = (SMatrix::<f64, 1, 2>::new(3.0, 7.0), [0.0; 2]);
    /// let mut scratch = [0.0; lsmr_scratch(2, 2, jacobian_scratch(Line::LAYERS, 2))];
    /// let until = Until { tolerance: 1e-12, iterations: 10 };
    /// let info = problem.least_squares(0.0, &b, &mut step, until, &mut scratch)?;
    /// assert_eq!(info.stop, Stop::Converged);
    /// // The line through (1, 3) and (3, 7).
    /// assert!((step[0] - 2.0).abs() < 1e-10 && (step[1] - 1.0).abs() < 1e-10);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn least_squares<const S: usize>(
        &self,
        damping: T,
        b: &Net::Outputs<T, BATCH>,
        x: &mut Net::Theta<T>,
        until: Until<T>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!(
            "scratch",
            S,
            lsmr_scratch(BATCH * Net::OUTPUTS, Net::PARAMS, jacobian_scratch(Net::LAYERS, BATCH))
        );
        self.with_jacobian(|j| lsmr(&j, b.as_mat().data(), damping, x.as_mut(), until, scratch))
    }

    /// Sums the Neumann series of `(C + damping I)^-1 b` with step `alpha`. See
    /// [`neumann`](crate::curvature::neumann()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Stop, Until, hessian_scratch, neumann_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let (b, mut step) = ([14.0, 6.0], [0.0; 2]);
    /// let mut scratch = [0.0; neumann_scratch(2, hessian_scratch(Line::LAYERS, 2), 0)];
    /// let until = Until { tolerance: 1e-12, iterations: 1000 };
    /// let (of, s) = (Curvature::Ggn, &mut scratch);
    /// // The eigenvalues are 0.34 and 11.7.
    /// let info = problem.neumann_solve(of, 0.0, 0.15, &b, &mut step, until, s)?;
    /// assert_eq!(info.stop, Stop::Converged);
    /// assert!((step[0] - 1.0).abs() < 1e-10 && (step[1] - 1.0).abs() < 1e-10);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn neumann_solve<const S: usize>(
        &self,
        curvature: Curvature,
        damping: T,
        alpha: T,
        b: &Net::Theta<T>,
        x: &mut Net::Theta<T>,
        until: Until<T>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!("scratch", S, neumann_scratch(Net::PARAMS, hessian_scratch(Net::LAYERS, BATCH), 0));
        self.with_risk(|risk| {
            let damped = Damped::new(CurvatureOperator::new(risk, curvature), damping)?;
            let identity = Identity { size: Net::PARAMS };
            neumann(&damped, &identity, alpha, b.as_ref(), x.as_mut(), until, scratch)
        })
    }
}
