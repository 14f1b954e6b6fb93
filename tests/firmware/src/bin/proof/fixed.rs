//! The front with every size in the type.

mod curvature;
mod dynamics;
mod kfac;
mod kron;
mod laplace;

use nanocurv::curvature::CurvatureError;
use nanocurv::fixed::ntk::{kernel, kernel_between};
use nanocurv::fixed::stream::{Replay, input_standardizer, output_standardizer};
use nanocurv::fixed::{Problem, features};
use nanocurv::network::{Network, forward_scratch};
use nanocurv::stream::standardizer_len;
use nanocurv::{Real, mlp, ntk};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
mlp! { End: 4 => 2, back of Net }
const FRONT: usize = forward_scratch(Net::LAYERS, 7);
const SQUARE: usize = ntk::scratch(Net::LAYERS, 7);
const BETWEEN: usize = ntk::between_scratch(Net::LAYERS, 7, 5);
const INPUTS: usize = standardizer_len(Net::INPUTS);
const OUTPUTS: usize = standardizer_len(Net::OUTPUTS);

pub fn functions<T: Real>() {
    keep!(
        features::<End, T, 7, FRONT>,
        kernel::<Net, T, 7, SQUARE>,
        kernel_between::<Net, T, 7, 5, BETWEEN>,
        Problem::<Net, T, 7>::values,
        Problem::<Net, T, 7>::labels,
        risk::<T>,
    );
    keep!(
        input_standardizer::<Net, T, INPUTS>,
        output_standardizer::<Net, T, OUTPUTS>,
        Replay::<Net, T, 7>::new,
        Replay::<Net, T, 7>::resume,
        Replay::<Net, T, 7>::erased,
        Replay::<Net, T, 7>::keep_last,
        Replay::<Net, T, 7>::keep_uniform,
        Replay::<Net, T, 7>::draw::<5>,
    );
    curvature::functions::<T>();
    dynamics::functions::<T>();
    kfac::functions::<T>();
    kron::functions::<T>();
    laplace::functions::<T>();
}

/// A function that takes any work has no address of its own.
fn risk<T: Real>(problem: &Problem<'_, Net, T, 7>) -> Result<usize, CurvatureError> {
    Problem::with_risk(problem, |risk| Ok(risk.samples()))
}
