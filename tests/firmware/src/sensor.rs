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
pub fn run(mut learn: impl FnMut(&[f32], &[f32]) -> Result<f32, KfacError>) -> ! {
    let (mut x, mut y) = ([0.0; 4 * BATCH], [0.0; BATCH]);
    loop {
        black_box((&mut x, &mut y));
        let _ = black_box(learn(&x, &y));
    }
}

/// The memory of a network: parameters, step and scratch.
#[macro_export]
macro_rules! memory {
    ($net:ident) => {{
        const SCRATCH: usize =
            nanocurv::kfac::natural_gradient_scratch($net::LAYERS, $crate::sensor::BATCH);
        static mut MEMORY: ([f32; $net::PARAMS], [f32; $net::PARAMS], [f32; SCRATCH]) =
            ([0.0; $net::PARAMS], [0.0; $net::PARAMS], [0.0; SCRATCH]);
        let memory = &raw mut MEMORY;
        // SAFETY: the entry point takes it once, and no interrupt is enabled.
        unsafe { &mut *memory }
    }};
}
