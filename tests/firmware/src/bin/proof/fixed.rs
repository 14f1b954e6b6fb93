//! The front with every size in the type.

mod curvature;
mod dynamics;
mod kfac;
mod kron;
mod laplace;
mod stream;

use nanocurv::curvature::CurvatureError;
use nanocurv::fixed::Problem;
use nanocurv::fixed::ntk::{kernel, kernel_between};
use nanocurv::network::Network;
use nanocurv::{Real, mlp, ntk};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
const SQUARE: usize = ntk::scratch(Net::LAYERS, 7);
const BETWEEN: usize = ntk::between_scratch(Net::LAYERS, 7, 5);

pub fn functions<T: Real>() {
    keep!(
        kernel::<Net, T, 7, SQUARE>,
        kernel_between::<Net, T, 7, 5, BETWEEN>,
        Problem::<Net, T, 7>::values,
        Problem::<Net, T, 7>::labels,
        risk::<T>,
    );
    curvature::functions::<T>();
    dynamics::functions::<T>();
    kfac::functions::<T>();
    kron::functions::<T>();
    laplace::functions::<T>();
    stream::functions::<T>();
}

/// A function that takes any work has no address of its own.
fn risk<T: Real>(problem: &Problem<'_, Net, T, 7>) -> Result<usize, CurvatureError> {
    Problem::with_risk(problem, |risk| Ok(risk.samples()))
}
