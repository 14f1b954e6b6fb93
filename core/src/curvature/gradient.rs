//! The gradient of a risk, and its value:
//!
//! ```text
//! dL/dW_l = s_l G_l X_{l-1}^T,   dL/db_l = t_l G_l 1,   G_L = c dl/df,   G_l = D_l .* (s W_{l+1}^T G_{l+1})
//! ```
//! 3 N P multiply-accumulates.

use super::error::CurvatureError;
use super::operator::{LinearOperator, check};
use super::point::{Point, point_len};
use super::product::add_gradient;
use super::risk::Risk;
use super::tangent::backward;
use crate::error::{ShapeError, check_result};
use crate::linalg::dot;
use crate::matrix::{Mat, MatMut};
use crate::network::{Layer, Order, layer};
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Scratch of [`gradient`].
pub const fn gradient_scratch(layers: &[Layer], tile: usize) -> usize {
    point_len(layers, tile, Order::First) + 2 * tile * layer::max_outputs(layers)
}

/// `out = dL/dtheta`; returns L. `scratch`: [`gradient_scratch`] for the risk's tile.
///
/// ```
/// use nanocurv::curvature::{Batch, Risk, gradient, gradient_scratch};
/// use nanocurv::network::{Activation, Layer, Loss, Mlp, Reduction};
/// use nanocurv::Mat;
///
/// let layers = [Layer::new(1, 1, Activation::Identity)];
/// let (x, y) = ([1.0, 3.0], [0.0, 0.0]);
/// let batches = [Batch::values(Mat::from_array::<1, 2, _>(&x), Mat::from_array::<1, 2, _>(&y))];
/// let net = Mlp::new(&layers, &[0.5, 0.0])?;
/// let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches)?;
///
/// let (mut g, mut scratch) = ([0.0; 2], vec![0.0; gradient_scratch(&layers, risk.tile())]);
/// assert_eq!(gradient(&risk, &mut g, &mut scratch)?, 1.25);
/// assert_eq!(g, [5.0, 2.0]);
/// # Ok::<(), nanocurv::curvature::CurvatureError>(())
/// ```
///
/// # Errors
/// [`CurvatureError`] if `out` is not as long as the parameters or the scratch too short.
pub fn gradient<T: Real>(
    risk: &Risk<'_, T>,
    out: &mut [T],
    scratch: &mut [T],
) -> Result<T, CurvatureError> {
    let net = risk.net();
    ShapeError::check("gradient", net.params(), out.len())?;
    out.fill(T::ZERO);
    let mut sum = T::ZERO;
    for (_, batch) in risk.tiles() {
        let samples = batch.x.cols();
        let mut scratch = Scratch::new(&mut *scratch, gradient_scratch(net.layers(), samples))?;
        let storage = scratch.take(point_len(net.layers(), samples, Order::First))?;
        let point = Point::first(net, batch.x, storage)?;
        let widest = samples * layer::max_outputs(net.layers());
        let (here, there) = (scratch.take(widest)?, scratch.take(widest)?);
        sum += risk.loss().value(point.f, batch.targets)?;
        let top = here.part_mut(..net.outputs() * samples);
        let mut top = MatMut::of(top, net.outputs(), samples);
        risk.loss().gradient(point.f, batch.targets, top.reborrow())?;
        top.scale(risk.scale());
        backward(&point, None, 0, (here, there), |dense, g| {
            add_gradient(dense, point.input(dense.index), g, out)
        })?;
    }
    let loss = risk.scale() * sum;
    check_result("loss", Mat::column_vector(&[loss]))?;
    check_result("gradient", Mat::column_vector(out))?;
    Ok(loss)
}

/// The gradient as a P x 1 operator: `v -> v dL/dtheta`, `u -> <dL/dtheta, u>`.
#[derive(Clone, Copy)]
pub struct Gradient<'a, T> {
    risk: Risk<'a, T>,
}

impl<'a, T: Real> Gradient<'a, T> {
    /// The gradient of `risk`.
    #[must_use]
    pub const fn new(risk: Risk<'a, T>) -> Self {
        Self { risk }
    }
}

impl<T: Real> LinearOperator<T> for Gradient<'_, T> {
    fn rows(&self) -> usize {
        self.risk.net().params()
    }
    fn cols(&self) -> usize {
        1
    }
    fn scratch(&self) -> usize {
        self.rows() + gradient_scratch(self.risk.net().layers(), self.risk.tile())
    }
    fn apply(&self, v: &[T], out: &mut [T], scratch: &mut [T]) -> Result<(), CurvatureError> {
        check(v, 1, out, self.rows())?;
        let scratch = Scratch::new(scratch, self.scratch())?.rest();
        gradient(&self.risk, out, scratch)?;
        let factor = v.first().copied().unwrap_or(T::ZERO);
        out.iter_mut().for_each(|out| *out *= factor);
        Ok(())
    }
    fn apply_transpose(
        &self,
        u: &[T],
        out: &mut [T],
        scratch: &mut [T],
    ) -> Result<(), CurvatureError> {
        check(u, self.rows(), out, 1)?;
        let mut scratch = Scratch::new(scratch, self.scratch())?;
        let g = scratch.take(self.rows())?;
        gradient(&self.risk, g, scratch.rest())?;
        out.fill(dot(g, u));
        Ok(())
    }
}
