//! The typed front: a network named by `mlp!`, one batch, every size checked by the compiler.

use super::entries::{submatrix, submatrix_scratch};
use super::error::CurvatureError;
use super::gradient::{gradient, gradient_scratch};
use super::hessian::{CurvatureOperator, Ggn, Hessian, ggn_scratch, hessian_scratch};
use super::jacobian::{Jacobian, jacobian_scratch};
use super::operator::LinearOperator;
use super::parameters::Tensor;
use super::product::Curvature;
use super::risk::{Batch, Risk};
use super::structured::{self, dense_scratch};
use crate::network::{AsMat, Loss, Network, Reduction, Targets};
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

macro_rules! enough {
    ($have:ident, $need:expr, $how:literal) => {
        const {
            assert!($have >= $need, concat!("scratch is too short: place [0.0; ", $how, "]"));
        }
    };
}
pub(super) use enough;

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
    /// ```
    /// use nanocurv::curvature::{Ggn, LinearOperator, Problem, Submatrix, ggn_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// // A sub-matrix as an operator.
    /// let mut out = [0.0];
    /// problem.with_risk(|risk| {
    ///     let part = Submatrix::new(Ggn::new(risk), [1], [0])?;
    ///     part.apply(&[2.0], &mut out, &mut [0.0; 4 + ggn_scratch(Line::LAYERS, 2)])
    /// })?;
    /// assert_eq!(out, [8.0]);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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

    /// Runs `work` on the Jacobian of the batch.
    #[inline]
    pub(super) fn with_jacobian<R>(
        &self,
        work: impl FnOnce(Jacobian<'_, T>) -> Result<R, CurvatureError>,
    ) -> Result<R, CurvatureError> {
        let inputs = [self.x.as_mat()];
        work(Jacobian::new(self.net.at(self.theta)?, &inputs)?.with_tile(B))
    }

    /// The gradient; returns the loss. See [`gradient()`](super::gradient()).
    ///
    /// ```
    /// use nanocurv::curvature::{Problem, gradient_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (mut g, mut scratch) = ([0.0; 2], [0.0; gradient_scratch(Line::LAYERS, 2)]);
    /// let loss = problem.gradient(&mut g, &mut scratch)?;
    /// // f = x / 2: L = mean f^2, dL = 2 (mean f x, mean f)
    /// assert_eq!((loss, g), (1.25, [5.0, 2.0]));
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
    /// ```
    /// use nanocurv::curvature::{Problem, hessian_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (mut hv, mut scratch) = ([0.0; 2], [0.0; hessian_scratch(Line::LAYERS, 2)]);
    /// problem.hessian_product(&[1.0, 0.0], &mut hv, &mut scratch)?;
    /// assert_eq!(hv, [10.0, 4.0]);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
    /// ```
    /// use nanocurv::curvature::{Problem, ggn_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (mut gv, mut scratch) = ([0.0; 2], [0.0; ggn_scratch(Line::LAYERS, 2)]);
    /// problem.ggn_product(&[1.0, 0.0], &mut gv, &mut scratch)?;
    /// assert_eq!(gv, [10.0, 4.0]);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
    /// ```
    /// use nanocurv::curvature::{Curvature, Problem, hessian_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (mut fv, mut scratch) = ([0.0; 2], [0.0; hessian_scratch(Line::LAYERS, 2)]);
    /// problem.product(Curvature::EmpiricalFisher, &[1.0, 0.0], &mut fv, &mut scratch)?;
    /// // The samples' gradients are (1, 1) and (9, 3).
    /// assert_eq!(fv, [41.0, 14.0]);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
    /// ```
    /// use nanocurv::curvature::{Problem, jacobian_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (mut jv, mut scratch) = (SMatrix::zeros(), [0.0; jacobian_scratch(Line::LAYERS, 2)]);
    /// problem.jacobian_product(&[1.0, 0.0], &mut jv, &mut scratch)?;
    /// assert_eq!(jv, x);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
        self.with_jacobian(|j| j.apply(v.as_ref(), out.as_mat_mut().data(), scratch))
    }

    /// `out = J^T u`, u one column a sample.
    ///
    /// ```
    /// use nanocurv::curvature::{Problem, jacobian_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (mut ju, mut scratch) = ([0.0; 2], [0.0; jacobian_scratch(Line::LAYERS, 2)]);
    /// let ones = SMatrix::<f64, 1, 2>::repeat(1.0);
    /// problem.jacobian_transpose_product(&ones, &mut ju, &mut scratch)?;
    /// assert_eq!(ju, [4.0, 2.0]);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
        self.with_jacobian(|j| j.apply_transpose(u.as_mat().data(), out.as_mut(), scratch))
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
    /// ```
    /// use nanocurv::curvature::{Curvature, Problem, Tensor, dense_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let (weight, bias) = (Tensor::Weight(0), Tensor::Bias(0));
    /// let mut block = SMatrix::<f64, 1, 1>::zeros();
    /// let mut scratch = [0.0; dense_scratch(Line::LAYERS, 2, true)];
    /// problem.block(Curvature::Hessian, weight, bias, &mut block, &mut scratch)?;
    /// assert_eq!(block[0], 4.0);
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
    /// ```
    /// use nanocurv::curvature::{Curvature, Problem, submatrix_scratch};
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, Loss::Mse, Reduction::Mean);
    /// let mut part = SMatrix::<f64, 2, 1>::zeros();
    /// let mut scratch = [0.0; submatrix_scratch(Line::LAYERS, 2, true)];
    /// problem.submatrix(Curvature::Ggn, &[1, 0], &[1], &mut part, &mut scratch)?;
    /// assert_eq!(part, SMatrix::<f64, 2, 1>::new(2.0, 4.0));
    /// # Ok::<(), nanocurv::curvature::CurvatureError>(())
    /// ```
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
}
