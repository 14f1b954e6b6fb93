//! The typed front: a network named by `mlp!`, one batch, every size checked by the compiler.

use super::basis::Probe;
use super::cg::{cg, cg_scratch};
use super::compose::{Damped, Identity};
use super::eigenpairs::{Leading, eigenpairs, eigenpairs_scratch};
use super::entries::{submatrix, submatrix_scratch};
use super::error::{CurvatureError, SolveInfo, Until};
use super::gradient::{gradient, gradient_scratch};
use super::hessian::{CurvatureOperator, Ggn, Hessian, ggn_scratch, hessian_scratch};
use super::jacobian::{Jacobian, jacobian_scratch};
use super::lanczos::{spectrum, spectrum_scratch};
use super::operator::LinearOperator;
use super::parameters::Tensor;
use super::product::Curvature;
use super::risk::{Batch, Risk};
use super::structured::{self, dense_scratch};
use super::trace::{
    Estimate, diagonal_scratch, hutchinson_diagonal, hutchinson_scratch, hutchinson_trace,
};
use crate::matrix::MatMut;
use crate::network::{AsMat, Layer, Loss, Network, Reduction, Targets, layer};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// A named network at its parameters, a batch of B samples and a loss.
///
/// ```
/// use nanocurv::curvature::{Curvature, Problem, hessian_scratch, submatrix_scratch};
/// use nanocurv::network::{Loss, Network, Reduction};
/// use nanocurv::{SMatrix, mlp};
///
/// mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
/// let theta: [f32; Sensor::PARAMS] = core::array::from_fn(|i| (i as f32 * 0.7).sin() * 0.5);
/// let x = SMatrix::<f32, 4, 8>::from_fn(|i, j| (i * 3 + j) as f32 * 0.1 - 1.0);
/// let y = SMatrix::<f32, 1, 8>::from_fn(|_, j| j as f32 * 0.2);
/// let problem = Problem::values(Sensor, &theta, &x, &y, Loss::Mse, Reduction::Mean);
///
/// let (v, mut hv) = ([0.1; Sensor::PARAMS], [0.0; Sensor::PARAMS]);
/// let mut scratch = [0.0; hessian_scratch(Sensor::LAYERS, 8)];
/// problem.hessian_product(&v, &mut hv, &mut scratch)?;
///
/// // The output bias against itself: d^2 L / db^2 = 2. A weight of the first layer against it.
/// let (rows, cols) = ([Sensor::PARAMS - 1, 0], [Sensor::PARAMS - 1]);
/// let mut h = SMatrix::<f32, 2, 1>::zeros();
/// let mut scratch = [0.0; submatrix_scratch(Sensor::LAYERS, 8, true)];
/// problem.submatrix(Curvature::Hessian, &rows, &cols, &mut h, &mut scratch)?;
/// assert!((h[0] - 2.0).abs() < 1e-6);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// A vector of another length, a batch of another width and too short a scratch do not compile.
pub struct Problem<'a, N: Network, T: Real, const B: usize> {
    net: N,
    theta: &'a N::Theta<T>,
    x: &'a N::Inputs<T, B>,
    targets: Targets<'a, T>,
    loss: Loss,
    reduction: Reduction,
}

/// Scratch of [`Problem::solve`] for a batch of `batch` samples.
pub const fn solve_scratch(layers: &[Layer], batch: usize) -> usize {
    cg_scratch(layer::params(layers), hessian_scratch(layers, batch), 0)
}

/// Scratch of [`Problem::trace`] for a batch of `batch` samples.
pub const fn trace_scratch(layers: &[Layer], batch: usize) -> usize {
    let params = layer::params(layers);
    hutchinson_scratch(params, params, hessian_scratch(layers, batch))
}

macro_rules! enough {
    ($have:ident, $need:expr, $how:literal) => {
        const {
            assert!($have >= $need, concat!("scratch is too short: place [0.0; ", $how, "]"));
        }
    };
}

impl<'a, N: Network, T: Real, const B: usize> Problem<'a, N, T, B> {
    /// With values (or probabilities) as targets, one column a sample.
    pub fn values(
        net: N,
        theta: &'a N::Theta<T>,
        x: &'a N::Inputs<T, B>,
        y: &'a N::Outputs<T, B>,
        loss: Loss,
        reduction: Reduction,
    ) -> Self {
        Self { net, theta, x, targets: Targets::Values(y.as_mat()), loss, reduction }
    }

    /// With class labels as targets, for the cross-entropy.
    pub const fn labels(
        net: N,
        theta: &'a N::Theta<T>,
        x: &'a N::Inputs<T, B>,
        labels: &'a [u32; B],
        reduction: Reduction,
    ) -> Self {
        Self {
            net,
            theta,
            x,
            targets: Targets::Labels(labels),
            loss: Loss::CrossEntropy,
            reduction,
        }
    }

    /// Runs `work` on the risk of the batch: the door to every operator, solver and estimator.
    ///
    /// # Errors
    /// Those of [`Risk::new`] and of `work`.
    #[inline]
    pub fn with_risk<R>(
        &self,
        work: impl FnOnce(Risk<'_, T>) -> Result<R, CurvatureError>,
    ) -> Result<R, CurvatureError> {
        let batches = [Batch { x: self.x.as_mat(), targets: self.targets }];
        let net = self.net.at(self.theta)?;
        work(Risk::new(net, self.loss, self.reduction, &batches)?.with_tile(B))
    }

    /// The gradient; returns the loss. See [`gradient()`](super::gradient()).
    ///
    /// # Errors
    /// [`CurvatureError::NonFinite`], or targets that do not fit the loss.
    pub fn gradient<const S: usize>(
        &self,
        out: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<T, CurvatureError> {
        enough!(S, gradient_scratch(N::LAYERS, B), "gradient_scratch(Net::LAYERS, BATCH)");
        self.with_risk(|risk| gradient(&risk, out.as_mut(), scratch))
    }

    /// `out = H v`. See [`Hessian`].
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn hessian_product<const S: usize>(
        &self,
        v: &N::Theta<T>,
        out: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(S, hessian_scratch(N::LAYERS, B), "hessian_scratch(Net::LAYERS, BATCH)");
        self.with_risk(|risk| Hessian::new(risk).apply(v.as_ref(), out.as_mut(), scratch))
    }

    /// `out = G v`. See [`Ggn`].
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn ggn_product<const S: usize>(
        &self,
        v: &N::Theta<T>,
        out: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(S, ggn_scratch(N::LAYERS, B), "ggn_scratch(Net::LAYERS, BATCH)");
        self.with_risk(|risk| Ggn::new(risk).apply(v.as_ref(), out.as_mut(), scratch))
    }

    /// `out = C v` for any curvature.
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn product<const S: usize>(
        &self,
        curvature: Curvature,
        v: &N::Theta<T>,
        out: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(S, hessian_scratch(N::LAYERS, B), "hessian_scratch(Net::LAYERS, BATCH)");
        self.with_risk(|risk| {
            CurvatureOperator::new(risk, curvature).apply(v.as_ref(), out.as_mut(), scratch)
        })
    }

    /// `out = J v`, one column a sample. See [`Jacobian`].
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn jacobian_product<const S: usize>(
        &self,
        v: &N::Theta<T>,
        out: &mut N::Outputs<T, B>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(S, jacobian_scratch(N::LAYERS, B), "jacobian_scratch(Net::LAYERS, BATCH)");
        let inputs = [self.x.as_mat()];
        let jacobian = Jacobian::new(self.net.at(self.theta)?, &inputs)?.with_tile(B);
        jacobian.apply(v.as_ref(), out.as_mat_mut().data(), scratch)
    }

    /// `out = J^T u`, u one column a sample.
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn jacobian_transpose_product<const S: usize>(
        &self,
        u: &N::Outputs<T, B>,
        out: &mut N::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(S, jacobian_scratch(N::LAYERS, B), "jacobian_scratch(Net::LAYERS, BATCH)");
        let inputs = [self.x.as_mat()];
        let jacobian = Jacobian::new(self.net.at(self.theta)?, &inputs)?.with_tile(B);
        jacobian.apply_transpose(u.as_mat().data(), out.as_mut(), scratch)
    }

    /// The full matrix. See [`dense`](super::dense).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Problem, dense_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let mut h = SMatrix::<f64, 2, 2>::zeros();
    /// let mut scratch = [0.0; dense_scratch(Line::LAYERS, 2, true)];
    /// problem.matrix(Curvature::Hessian, &mut h, &mut scratch)?;
    /// // 2 [[mean x^2, mean x], [mean x, 1]]
    /// assert_eq!(h, SMatrix::<f64, 2, 2>::new(10.0, 4.0, 4.0, 2.0));
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::gradient`].
    pub fn matrix<const P: usize, const S: usize>(
        &self,
        curvature: Curvature,
        out: &mut SMatrix<T, P, P>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        const {
            assert!(P == N::PARAMS, "the matrix is Net::PARAMS x Net::PARAMS");
        }
        enough!(S, dense_scratch(N::LAYERS, B, true), "dense_scratch(Net::LAYERS, BATCH, true)");
        self.with_risk(|risk| {
            structured::dense(&CurvatureOperator::new(risk, curvature), out.into(), scratch)
        })
    }

    /// The block of one parameter tensor against another. See [`block`](super::block).
    ///
    /// # Errors
    /// As [`Problem::gradient`]; [`CurvatureError::Shape`] if the block has another size.
    pub fn block<const R: usize, const C: usize, const S: usize>(
        &self,
        curvature: Curvature,
        rows: Tensor,
        cols: Tensor,
        out: &mut SMatrix<T, R, C>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(S, dense_scratch(N::LAYERS, B, true), "dense_scratch(Net::LAYERS, BATCH, true)");
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            structured::block(&operator, rows, cols, out.into(), scratch)
        })
    }

    /// The entries `[rows, cols]`. See [`submatrix`](super::submatrix).
    ///
    /// # Errors
    /// As [`Problem::gradient`]; an index out of range or twice in its list.
    pub fn submatrix<const R: usize, const C: usize, const S: usize>(
        &self,
        curvature: Curvature,
        rows: &[usize; R],
        cols: &[usize; C],
        out: &mut SMatrix<T, R, C>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(
            S,
            submatrix_scratch(N::LAYERS, B, true),
            "submatrix_scratch(Net::LAYERS, BATCH, true)"
        );
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            submatrix(&operator, rows, cols, out.into(), scratch)
        })
    }

    /// Solves `(C + damping I) x = b` by conjugate gradients from the `x` given. See
    /// [`cg`](super::cg()).
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Problem, Stop, Until, solve_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
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
        b: &N::Theta<T>,
        x: &mut N::Theta<T>,
        until: Until<T>,
        scratch: &mut [T; S],
    ) -> Result<SolveInfo<T>, CurvatureError> {
        enough!(S, solve_scratch(N::LAYERS, B), "solve_scratch(Net::LAYERS, BATCH)");
        self.with_risk(|risk| {
            let damped = Damped::new(CurvatureOperator::new(risk, curvature), damping)?;
            let identity = Identity { size: N::PARAMS };
            cg(&damped, &identity, b.as_ref(), x.as_mut(), until, scratch)
        })
    }

    /// Hutchinson's trace. See [`hutchinson_trace`].
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
        enough!(S, trace_scratch(N::LAYERS, B), "trace_scratch(Net::LAYERS, BATCH)");
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            hutchinson_trace(&operator, Probe::Rademacher, products, seed, scratch)
        })
    }

    /// Hutchinson's diagonal and its standard error. See [`hutchinson_diagonal`].
    ///
    /// # Errors
    /// As [`Problem::trace`].
    pub fn diagonal<const S: usize>(
        &self,
        curvature: Curvature,
        products: usize,
        seed: u64,
        (out, standard_error): (&mut N::Theta<T>, &mut N::Theta<T>),
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!(
            S,
            diagonal_scratch(N::PARAMS, hessian_scratch(N::LAYERS, B)),
            "diagonal_scratch(Net::PARAMS, hessian_scratch(Net::LAYERS, BATCH))"
        );
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            let (out, error) = (out.as_mut(), standard_error.as_mut());
            hutchinson_diagonal(&operator, products, seed, out, error, scratch)
        })
    }

    /// Nodes and weights of the spectral density, one column a start. See
    /// [`spectrum()`](super::spectrum()).
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
    ) -> Result<usize, CurvatureError> {
        enough!(
            S,
            spectrum_scratch(N::PARAMS, STEPS, hessian_scratch(N::LAYERS, B)),
            "spectrum_scratch(Net::PARAMS, STEPS, hessian_scratch(Net::LAYERS, BATCH))"
        );
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            let to = (nodes.as_mut_slice(), weights.as_mut_slice());
            spectrum(&operator, Probe::Rademacher, (PROBES, STEPS), seed, to, scratch)
        })
    }

    /// The K leading eigenpairs, with a basis of BASIS vectors. See
    /// [`eigenpairs()`](super::eigenpairs()).
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
            assert!(P == N::PARAMS, "the vectors are Net::PARAMS x K");
        }
        enough!(
            S,
            eigenpairs_scratch(N::PARAMS, BASIS, hessian_scratch(N::LAYERS, B)),
            "eigenpairs_scratch(Net::PARAMS, BASIS, hessian_scratch(Net::LAYERS, BATCH))"
        );
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            let vectors: MatMut<'_, T> = vectors.into();
            eigenpairs(&operator, leading, BASIS, seed, until, values, vectors, scratch)
        })
    }
}
