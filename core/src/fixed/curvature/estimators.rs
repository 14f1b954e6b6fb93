//! The estimators of the typed front.

use crate::curvature::{
    Curvature, CurvatureError, CurvatureOperator, Estimate, Leading, Probe, SolveInfo, Until,
    diagonal_scratch, eigenpairs, eigenpairs_scratch, frobenius_squared, hessian_scratch,
    hutchinson_diagonal, hutchinson_scratch, hutchinson_trace, hutchpp_scratch, hutchpp_trace,
    spectrum, spectrum_scratch, xtrace, xtrace_scratch,
};
use crate::fixed::Problem;
use crate::matrix::MatMut;
use crate::network::{Layer, Network, layer};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// Scratch of [`Problem::trace`] and [`Problem::frobenius_squared`] for a batch of `batch` samples.
pub const fn trace_scratch(layers: &[Layer], batch: usize) -> usize {
    let params = layer::params(layers);
    hutchinson_scratch(params, params, hessian_scratch(layers, batch))
}

impl<Net: Network, T: Real, const BATCH: usize> Problem<'_, Net, T, BATCH> {
    /// Hutchinson's trace. See [`hutchinson_trace`].
    ///
    /// ```
    /// use nanocurv::curvature::Curvature;
    /// use nanocurv::fixed::curvature::trace_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let mut scratch = [0.0; trace_scratch(Line::LAYERS, 2)];
    /// let trace = problem.trace(Curvature::Hessian, 50, 42, &mut scratch)?;
    /// assert!((trace.value - 12.0).abs() < 4.0 * trace.standard_error);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`]; fewer than 2 products.
    pub fn trace<const S: usize>(
        &self,
        curvature: Curvature,
        products: usize,
        seed: u64,
        scratch: &mut [T; S],
    ) -> Result<Estimate<T>, CurvatureError> {
        enough!("scratch", S, trace_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            hutchinson_trace(&operator, Probe::Rademacher, products, seed, scratch)
        })
    }

    /// The Hutch++ trace from M products. See [`hutchpp_trace`].
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, hessian_scratch, hutchpp_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// const SCRATCH: usize = hutchpp_scratch(2, 6, hessian_scratch(Line::LAYERS, 2));
    /// let trace = problem.hutchpp_trace::<6, SCRATCH>(Curvature::Ggn, 42, &mut [0.0; SCRATCH])?;
    /// assert!((trace.value - 12.0).abs() < 1e-12);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`]; fewer than 6 products or more than 3 Net::PARAMS + 2.
    pub fn hutchpp_trace<const M: usize, const S: usize>(
        &self,
        curvature: Curvature,
        seed: u64,
        scratch: &mut [T; S],
    ) -> Result<Estimate<T>, CurvatureError> {
        enough!("scratch", S, hutchpp_scratch(Net::PARAMS, M, hessian_scratch(Net::LAYERS, BATCH)));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            hutchpp_trace(&operator, Probe::Rademacher, M, seed, scratch)
        })
    }

    /// The XTrace from M products. See [`xtrace`](crate::curvature::xtrace()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, hessian_scratch, xtrace_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// const SCRATCH: usize = xtrace_scratch(2, 4, hessian_scratch(Line::LAYERS, 2));
    /// let trace = problem.xtrace::<4, SCRATCH>(Curvature::Ggn, 1, &mut [0.0; SCRATCH])?;
    /// assert_eq!(trace.products, 4);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`]; fewer than 4 products or more than 2 Net::PARAMS + 1.
    pub fn xtrace<const M: usize, const S: usize>(
        &self,
        curvature: Curvature,
        seed: u64,
        scratch: &mut [T; S],
    ) -> Result<Estimate<T>, CurvatureError> {
        enough!("scratch", S, xtrace_scratch(Net::PARAMS, M, hessian_scratch(Net::LAYERS, BATCH)));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            xtrace(&operator, Probe::Normal, M, seed, scratch)
        })
    }

    /// The squared Frobenius norm. See [`frobenius_squared`].
    ///
    /// ```
    /// use nanocurv::curvature::Curvature;
    /// use nanocurv::fixed::curvature::trace_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let mut scratch = [0.0; trace_scratch(Line::LAYERS, 2)];
    /// let square = problem.frobenius_squared(Curvature::Hessian, 50, 42, &mut scratch)?;
    /// assert!((square.value - 136.0).abs() < 4.0 * square.standard_error);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::trace`].
    pub fn frobenius_squared<const S: usize>(
        &self,
        curvature: Curvature,
        products: usize,
        seed: u64,
        scratch: &mut [T; S],
    ) -> Result<Estimate<T>, CurvatureError> {
        enough!("scratch", S, trace_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            frobenius_squared(&operator, Probe::Rademacher, products, seed, scratch)
        })
    }

    /// Hutchinson's diagonal and its standard error. See [`hutchinson_diagonal`].
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, diagonal_scratch, hessian_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let (mut d, mut error) = ([0.0; 2], [0.0; 2]);
    /// let mut scratch = [0.0; diagonal_scratch(2, hessian_scratch(Line::LAYERS, 2))];
    /// problem.diagonal(Curvature::Hessian, 50, 42, (&mut d, &mut error), &mut scratch)?;
    /// assert!((d[0] - 10.0).abs() < 4.0 * error[0] && (d[1] - 2.0).abs() < 4.0 * error[1]);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::trace`].
    pub fn diagonal<const S: usize>(
        &self,
        curvature: Curvature,
        products: usize,
        seed: u64,
        (out, standard_error): (&mut Net::Theta<T>, &mut Net::Theta<T>),
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!("scratch", S, diagonal_scratch(Net::PARAMS, hessian_scratch(Net::LAYERS, BATCH)));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            let (out, error) = (out.as_mut(), standard_error.as_mut());
            hutchinson_diagonal(&operator, products, seed, out, error, scratch)
        })
    }

    /// Nodes and weights of the spectral density, one column a start. See
    /// [`spectrum()`](crate::curvature::spectrum()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Stop, hessian_scratch, spectrum_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// let (mut nodes, mut weights) = (SMatrix::<f64, 2, 1>::zeros(), SMatrix::zeros());
    /// let mut scratch = [0.0; spectrum_scratch(2, 2, hessian_scratch(Line::LAYERS, 2))];
    /// let info = problem.spectrum(Curvature::Hessian, 42, &mut nodes, &mut weights, &mut scratch)?;
    /// // As many steps as parameters: the eigenvalues.
    /// assert_eq!(info.stop, Stop::Converged);
    /// assert!((nodes.sum() - 12.0).abs() < 1e-12);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::trace`]; more steps than parameters.
    pub fn spectrum<const STEPS: usize, const PROBES: usize, const S: usize>(
        &self,
        curvature: Curvature,
        seed: u64,
        nodes: &mut SMatrix<T, STEPS, PROBES>,
        weights: &mut SMatrix<T, STEPS, PROBES>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!(
            "scratch",
            S,
            spectrum_scratch(Net::PARAMS, STEPS, hessian_scratch(Net::LAYERS, BATCH))
        );
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            let to = (nodes.as_mut_slice(), weights.as_mut_slice());
            spectrum(&operator, Probe::Rademacher, (PROBES, STEPS), seed, to, scratch)
        })
    }

    /// The K leading eigenpairs, with a basis of BASIS vectors. See
    /// [`eigenpairs()`](crate::curvature::eigenpairs()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Leading, Until, eigenpairs_scratch, hessian_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
    /// const SCRATCH: usize = eigenpairs_scratch(2, 2, hessian_scratch(Line::LAYERS, 2));
    /// let (mut values, mut vectors) = ([0.0], SMatrix::<f64, 2, 1>::zeros());
    /// let until = Until { tolerance: 1e-12, iterations: 10 };
    /// problem.eigenpairs::<2, 1, 2, SCRATCH>(
    ///     Curvature::Hessian,
    ///     Leading::Largest,
    ///     42,
    ///     until,
    ///     &mut values,
    ///     &mut vectors,
    ///     &mut [0.0; SCRATCH],
    /// )?;
    /// assert!((values[0] - (6.0 + 32.0_f64.sqrt())).abs() < 1e-12);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::trace`]; a basis that is too small or too large.
    pub fn eigenpairs<const P: usize, const K: usize, const BASIS: usize, const S: usize>(
        &self,
        curvature: Curvature,
        leading: Leading,
        seed: u64,
        until: Until<T>,
        values: &mut [T; K],
        vectors: &mut SMatrix<T, P, K>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        const {
            assert!(P == Net::PARAMS, "the vectors are Net::PARAMS x K");
        }
        enough!(
            "scratch",
            S,
            eigenpairs_scratch(Net::PARAMS, BASIS, hessian_scratch(Net::LAYERS, BATCH))
        );
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            let vectors: MatMut<'_, T> = vectors.into();
            eigenpairs(&operator, leading, BASIS, seed, until, values, vectors, scratch)
        })
    }
}
