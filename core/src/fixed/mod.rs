//! The front for firmware: every size in the type.
//!
//! A network is named by [`mlp!`](crate::mlp), matrices are [`SMatrix`](crate::SMatrix), memory is
//! an array that you place. A wrong size does not compile: `expected 4, found 5` where a batch is
//! too wide, and a sentence that says what to write where an array is too short. Each function
//! asserts its sizes and makes one call to its run-time sized counterpart, which is compiled once
//! for all sizes.
//!
//! The manner of calling is one: **network or matrices, parameters, data, result, scratch**.
//!
//! | room | what | run-time sized |
//! |---|---|---|
//! | [`features`] | what the layers before a [`Back`](crate::network::Back) make of a batch | [`crate::network::features`] |
//! | [`ntk`] | the tangent kernel of one batch, or between two | [`crate::ntk`] |
//! | [`Problem`] | a network at its parameters, a batch and a loss; what follows is asked of it | |
//! | [`curvature`] | gradient, Hessian, GGN and Fisher products, matrices, parts, solvers, estimates | [`crate::curvature`] |
//! | [`kfac`] | factors, damped inverses, EKFAC, natural gradients, training; one layer's blocks | [`crate::kfac`] |
//! | [`kron`] | Kronecker algebra: products, sums, solves, nearest sums, fits | [`crate::kron`] |
//! | [`laplace`] | the posterior: means and variances, fits, the last layer sample by sample | [`crate::laplace`] |
//! | [`stream`] | standardisers, a replay memory | [`crate::stream`] |
//! | [`dynamics`] | two-layer linear networks: teacher, reduction, fields, spectra | [`crate::dynamics`] |
//!
//! ```
//! use nanocurv::network::{Loss, Network, Reduction};
//! use nanocurv::{SMatrix, curvature::hessian_scratch, fixed, mlp, ntk};
//!
//! mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
//! let theta: [f32; Sensor::PARAMS] = core::array::from_fn(|i| (i as f32 * 0.7).sin() * 0.5);
//! let x = SMatrix::<f32, 4, 8>::from_fn(|i, j| (i * 3 + j) as f32 * 0.1 - 1.0);
//! let y = SMatrix::<f32, 1, 8>::from_fn(|_, j| j as f32 * 0.2);
//!
//! let mut k = SMatrix::<f32, 8, 8>::zeros();
//! fixed::ntk::kernel(Sensor, &theta, &x, &mut k, &mut [0.0; ntk::scratch(Sensor::LAYERS, 8)])?;
//!
//! let problem = fixed::Problem::values(Sensor, &theta, &x, &y, (Loss::Mse, Reduction::Mean));
//! let (v, mut hv) = ([0.1; Sensor::PARAMS], [0.0; Sensor::PARAMS]);
//! problem.hessian_product(&v, &mut hv, &mut [0.0; hessian_scratch(Sensor::LAYERS, 8)])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Before the rooms, which use them.

/// An array that is too short does not compile, with a sentence that says how to place it.
macro_rules! enough {
    ($what:literal, $given:ident, $needed:expr) => {
        const {
            assert!(
                $given >= $needed,
                concat!($what, " is too short: place [0.0; ", stringify!($needed), "]")
            );
        }
    };
}

/// An array of any other length does not compile, with a sentence that says how to place it.
macro_rules! exactly {
    ($what:literal, $given:ident, $needed:expr) => {
        const {
            assert!($given == $needed, concat!($what, ": place [0.0; ", stringify!($needed), "]"));
        }
    };
}

pub mod curvature;
pub mod dynamics;
mod features;
pub mod kfac;
pub mod kron;
pub mod laplace;
pub mod ntk;
mod problem;
pub mod stream;

pub use features::features;
pub use problem::Problem;
