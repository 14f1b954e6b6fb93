//! A network at its parameters, a batch and a loss: what most questions are about.

use crate::curvature::{Batch, CurvatureError, Jacobian, Risk};
use crate::network::{AsMat, Loss, Network, Reduction, Targets};
use crate::scalar::Real;

/// A named network at its parameters, a batch of B samples and a loss.
///
/// ```
/// use nanocurv::curvature::{Curvature, hessian_scratch, submatrix_scratch};
/// use nanocurv::fixed::Problem;
/// use nanocurv::network::{Loss, Network, Reduction};
/// use nanocurv::{SMatrix, mlp};
///
/// mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
/// let theta: [f32; Sensor::PARAMS] = core::array::from_fn(|i| (i as f32 * 0.7).sin() * 0.5);
/// let x = SMatrix::<f32, 4, 8>::from_fn(|i, j| (i * 3 + j) as f32 * 0.1 - 1.0);
/// let y = SMatrix::<f32, 1, 8>::from_fn(|_, j| j as f32 * 0.2);
/// let problem = Problem::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
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
#[derive(Clone, Copy)]
pub struct Problem<'a, Net: Network, T: Real, const BATCH: usize> {
    pub(super) net: Net,
    pub(super) theta: &'a Net::Theta<T>,
    pub(super) x: &'a Net::Inputs<T, BATCH>,
    pub(super) targets: Targets<'a, T>,
    pub(super) loss: Loss,
    pub(super) reduction: Reduction,
}

impl<'a, Net: Network, T: Real, const BATCH: usize> Problem<'a, Net, T, BATCH> {
    /// With values (or probabilities) as targets, one column a sample.
    pub fn values(
        net: Net,
        theta: &'a Net::Theta<T>,
        x: &'a Net::Inputs<T, BATCH>,
        y: &'a Net::Outputs<T, BATCH>,
        (loss, reduction): (Loss, Reduction),
    ) -> Self {
        Self { net, theta, x, targets: Targets::Values(y.as_mat()), loss, reduction }
    }

    /// With a class for each sample.
    pub const fn labels(
        net: Net,
        theta: &'a Net::Theta<T>,
        x: &'a Net::Inputs<T, BATCH>,
        labels: &'a [u32; BATCH],
        (loss, reduction): (Loss, Reduction),
    ) -> Self {
        Self { net, theta, x, targets: Targets::Labels(labels), loss, reduction }
    }

    /// Runs `work` on the risk of the batch: the door to every operator, solver and estimator.
    ///
    /// ```
    /// use nanocurv::curvature::{Ggn, LinearOperator, Submatrix, ggn_scratch};
    /// use nanocurv::fixed::Problem;
    /// use nanocurv::network::{Loss, Network, Reduction};
    /// use nanocurv::{SMatrix, mlp};
    ///
    /// mlp! { Line: 1 => 1 }
    /// let (x, y) = (SMatrix::<f64, 1, 2>::new(1.0, 3.0), SMatrix::zeros());
    /// let problem = Problem::values(Line, &[0.5, 0.0], &x, &y, (Loss::Mse, Reduction::Mean));
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
        work(Risk::new(net, self.loss, self.reduction, &batches)?.with_tile(BATCH))
    }

    /// Runs `work` on the Jacobian of the batch.
    #[inline]
    pub(super) fn with_jacobian<R>(
        &self,
        work: impl FnOnce(Jacobian<'_, T>) -> Result<R, CurvatureError>,
    ) -> Result<R, CurvatureError> {
        let inputs = [self.x.as_mat()];
        work(Jacobian::new(self.net.at(self.theta)?, &inputs)?.with_tile(BATCH))
    }
}
