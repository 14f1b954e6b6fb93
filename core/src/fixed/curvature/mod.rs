//! The curvature of a [`Problem`]: products, matrices, parts; solvers and estimators beside it.

use super::Problem;
use crate::curvature::{
    Curvature, CurvatureError, CurvatureOperator, Ggn, Hessian, LinearOperator, Tensor, block,
    dense, dense_scratch, ggn_scratch, gradient, gradient_scratch, hessian_scratch,
    jacobian_scratch, submatrix, submatrix_scratch,
};
use crate::network::{AsMat, Network};
use crate::scalar::Real;
use nalgebra::SMatrix;

mod estimators;
mod solvers;

pub use estimators::trace_scratch;
pub use solvers::solve_scratch;

impl<Net: Network, T: Real, const BATCH: usize> Problem<'_, Net, T, BATCH> {
    /// The gradient; returns the loss. See [`gradient()`](gradient()).
    ///
    /// ```
    /// use nanocurv::curvature::gradient_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        out: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<T, CurvatureError> {
        enough!("scratch", S, gradient_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| gradient(&risk, out.as_mut(), scratch))
    }

    /// `out = H v`. See [`Hessian`].
    ///
    /// ```
    /// use nanocurv::curvature::hessian_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        v: &Net::Theta<T>,
        out: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!("scratch", S, hessian_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| Hessian::new(risk).apply(v.as_ref(), out.as_mut(), scratch))
    }

    /// `out = G v`. See [`Ggn`].
    ///
    /// ```
    /// use nanocurv::curvature::ggn_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        v: &Net::Theta<T>,
        out: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!("scratch", S, ggn_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| Ggn::new(risk).apply(v.as_ref(), out.as_mut(), scratch))
    }

    /// `out = C v` for any curvature.
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, hessian_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        v: &Net::Theta<T>,
        out: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!("scratch", S, hessian_scratch(Net::LAYERS, BATCH));
        self.with_risk(|risk| {
            CurvatureOperator::new(risk, curvature).apply(v.as_ref(), out.as_mut(), scratch)
        })
    }

    /// `out = J v`, one column a sample. See [`Jacobian`](crate::curvature::Jacobian).
    ///
    /// ```
    /// use nanocurv::curvature::jacobian_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        v: &Net::Theta<T>,
        out: &mut Net::Outputs<T, BATCH>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!("scratch", S, jacobian_scratch(Net::LAYERS, BATCH));
        self.with_jacobian(|j| j.apply(v.as_ref(), out.as_mat_mut().data(), scratch))
    }

    /// `out = J^T u`, u one column a sample.
    ///
    /// ```
    /// use nanocurv::curvature::jacobian_scratch;
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        u: &Net::Outputs<T, BATCH>,
        out: &mut Net::Theta<T>,
        scratch: &mut [T; S],
    ) -> Result<(), CurvatureError> {
        enough!("scratch", S, jacobian_scratch(Net::LAYERS, BATCH));
        self.with_jacobian(|j| j.apply_transpose(u.as_mat().data(), out.as_mut(), scratch))
    }

    /// The full matrix. See [`dense`].
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, dense_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
            assert!(P == Net::PARAMS, "the matrix is Net::PARAMS x Net::PARAMS");
        }
        enough!("scratch", S, dense_scratch(Net::LAYERS, BATCH, true));
        self.with_risk(|risk| dense(&CurvatureOperator::new(risk, curvature), out.into(), scratch))
    }

    /// The block of one parameter tensor against another. See [`block`].
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, Tensor, dense_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        enough!("scratch", S, dense_scratch(Net::LAYERS, BATCH, true));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            block(&operator, rows, cols, out.into(), scratch)
        })
    }

    /// The entries `[rows, cols]`. See [`submatrix`].
    ///
    /// ```
    /// use nanocurv::curvature::{Curvature, submatrix_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        enough!("scratch", S, submatrix_scratch(Net::LAYERS, BATCH, true));
        self.with_risk(|risk| {
            let operator = CurvatureOperator::new(risk, curvature);
            submatrix(&operator, rows, cols, out.into(), scratch)
        })
    }
}
