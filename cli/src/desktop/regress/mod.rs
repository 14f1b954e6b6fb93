//! Gaussian-process regression with the tangent kernel: the network's mean, corrected by one
//! Gauss-Newton step of the whole data, and what the data leaves open.
//!
//! ```text
//! K = J J^T / delta  (N O x N O),  noise sigma^2 I
//! mean(x*) = f(x*) + K* (K + sigma^2 I)^-1 (y - f(X))           = f(x*) + J* u
//! cov(x*)  = K** - K* (K + sigma^2 I)^-1 K*^T                   dense only
//! (J^T J + sigma^2 delta I) u = J^T (y - f(X))                  P unknowns, by products alone
//! ```
//! The full structure of the posterior says the same of the covariance.

mod dense;
mod iterative;
mod outputs;
mod run;
mod settings;

pub use run::regress;
pub use settings::{RegressSettings, RegressSolver, Regression, Solved};
