//! The table: a file a family, a row a function. A row is the function's place in the core, how many
//! values it asks for, and what must work with as many.

mod curvature;
mod dynamics;
mod kfac;
mod kron;
mod laplace;
mod linalg;
mod ntk;
mod store;

use crate::Ledger;

/// The rows of every family.
pub const ROWS: [fn(&Ledger); 13] = [
    linalg::linear_algebra,
    ntk::networks_and_kernels,
    kron::kronecker_algebra,
    kfac::curvature_blocks,
    kfac::factors_of_networks,
    kfac::natural_gradients,
    curvature::curvature_operators,
    curvature::solvers_and_estimators,
    laplace::posteriors,
    laplace::features_of_layers,
    dynamics::training_dynamics,
    store::records,
    store::streams,
];
