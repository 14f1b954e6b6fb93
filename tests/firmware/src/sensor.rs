//! The whole firmware of a sensor that learns, without a harness and without logging: what of the
//! flash such a program takes.

use core::hint::black_box;
use nanocurv::Mat;
use nanocurv::kfac::{Damping, KfacError, natural_gradient};
use nanocurv::linalg::axpy;
use nanocurv::network::{Loss, Mlp, Network, Reduction, Targets};

/// Samples of a batch.
pub const BATCH: usize = 8;

/// One K-FAC step on a batch; its loss. `step` and `scratch` are work space.
///
/// # Errors
/// Those of the step.
#[inline(never)]
pub fn learn<N: Network>(
    theta: &mut [f32],
    (x, y): (&[f32], &[f32]),
    step: &mut [f32],
    scratch: &mut [f32],
) -> Result<f32, KfacError> {
    let net = Mlp::with_evaluate(N::LAYERS, theta, N::evaluate)?;
    let x = Mat::new("x", x, N::INPUTS, BATCH)?;
    let y = Targets::Values(Mat::new("y", y, N::OUTPUTS, BATCH)?);
    let loss = (Loss::Mse, Reduction::Mean);
    let value = natural_gradient(&net, x, y, loss, (0.1, Damping::Pi), step, scratch)?;
    axpy(-0.3, step, theta);
    Ok(value)
}

/// Runs `learn` on batches from outside, for ever.
pub fn run(
    (x, y): &mut ([f32; 4 * BATCH], [f32; BATCH]),
    mut learn: impl FnMut(&[f32], &[f32]) -> Result<f32, KfacError>,
) -> ! {
    loop {
        black_box((&mut *x, &mut *y));
        let _ = black_box(learn(x, y));
    }
}

/// A place that is taken once, of zeros.
#[macro_export]
macro_rules! place {
    ($place:ty = $zeros:expr) => {{
        static mut PLACE: $place = $zeros;
        let place = &raw mut PLACE;
        // SAFETY: the entry point takes it once, and no interrupt is enabled.
        unsafe { &mut *place }
    }};
}

/// The memory of a network: parameters, step and scratch.
#[macro_export]
macro_rules! memory {
    ($net:ident) => {{
        const SCRATCH: usize =
            nanocurv::kfac::natural_gradient_scratch($net::LAYERS, $crate::sensor::BATCH);
        $crate::place!(
            ([f32; $net::PARAMS], [f32; $net::PARAMS], [f32; SCRATCH]) =
                ([0.0; $net::PARAMS], [0.0; $net::PARAMS], [0.0; SCRATCH])
        )
    }};
}

/// The memory of a batch: inputs and targets.
#[macro_export]
macro_rules! batch {
    () => {{
        use $crate::sensor::BATCH;
        $crate::place!(([f32; 4 * BATCH], [f32; BATCH]) = ([0.0; 4 * BATCH], [0.0; BATCH]))
    }};
}
