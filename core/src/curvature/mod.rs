//! Hessian, Gauss-Newton and Fisher matrices of a network's risk, as operators: multiply with them,
//! take blocks and entries, solve, estimate trace, diagonal and spectrum, write them out.
//!
//! With every size in a type, for firmware: [`fixed::Problem`](crate::fixed::Problem).
//!
//! | matrix | operator | written out |
//! |---|---|---|
//! | Hessian | [`Hessian`] | [`dense`], [`block`], [`submatrix`] |
//! | generalised Gauss-Newton, type-2 Fisher | [`Ggn`] | the same |
//! | empirical Fisher | [`EmpiricalFisher`] | the same |
//! | Monte-Carlo Fisher | [`MonteCarloFisher`] | the same |
//! | gradient, Jacobian | [`Gradient`], [`Jacobian`] | [`gradient()`], [`to_dense`] |
//! | K-FAC, EKFAC and their inverses | [`Factors`](crate::kfac::Factors), [`Ekfac`](crate::kfac::Ekfac), [`Preconditioner`](crate::kfac::Preconditioner), [`DampedInverse`] | [`to_dense`] |
//! | made of others | [`Identity`], [`Diagonal`], [`Dense`], [`Transpose`], [`Damped`], [`ScaledSum`], [`Chain`], [`Submatrix`] | [`to_dense`] |
//!
//! | solvers | products | |
//! |---|---|---|
//! | [`cg()`] | 1 an iteration and one of the preconditioner | positive definite |
//! | [`lsmr()`] | 2 an iteration | any shape, any rank |
//! | [`neumann()`] | 1 a term | contracting |
//!
//! | estimators | products |
//! |---|---|
//! | [`hutchinson_trace`], [`hutchpp_trace`], [`xtrace()`] | as many as given |
//! | [`hutchinson_diagonal`], [`frobenius_squared`] | as many as given |
//! | [`spectrum()`], [`spectral_density`] | probes x steps |
//! | [`eigenpairs()`] | the basis, and about half of it for each restart |
//!
//! All of them act on vectors in PyTorch's parameter order, stream any number of mini-batches
//! ([`Risk`]) and give an answer that does not depend on how the data is cut.

mod basis;
mod cg;
mod compose;
mod eigenpairs;
mod entries;
mod error;
mod gradient;
mod hessian;
mod jacobian;
mod kfac;
mod lanczos;
mod lsmr;
mod neumann;
mod operator;
mod parameters;
mod point;
mod product;
mod risk;
#[cfg(test)]
mod solver_tests;
pub mod structured;
mod submatrix;
mod tangent;
#[cfg(test)]
mod tests;
mod tile_point;
mod trace;

pub use basis::Probe;
pub use cg::{cg, cg_scratch};
pub use compose::{Chain, Damped, Dense, Diagonal, Identity, ScaledSum, Transpose};
pub use eigenpairs::{Leading, eigenpairs, eigenpairs_scratch};
pub use entries::{submatrix, submatrix_scratch};
pub use error::{CurvatureError, SolveInfo, Stop, Until};
pub use gradient::{Gradient, gradient, gradient_scratch};
pub use hessian::{
    CurvatureOperator, EmpiricalFisher, Ggn, Hessian, MonteCarloFisher, RiskCurvature, ggn_scratch,
    hessian_scratch,
};
pub use jacobian::{Jacobian, jacobian_scratch};
pub use kfac::DampedInverse;
pub use lanczos::{spectral_density, spectrum, spectrum_scratch};
pub use lsmr::{lsmr, lsmr_scratch};
pub use neumann::{neumann, neumann_scratch};
pub use operator::{LinearOperator, apply_columns, to_dense, to_dense_scratch};
pub use parameters::Tensor;
pub use product::{Curvature, sample_generator};
pub use risk::{Batch, Risk};
pub use structured::{block, dense, dense_scratch};
pub use submatrix::Submatrix;
pub use trace::{
    Estimate, diagonal_scratch, frobenius_squared, hutchinson_diagonal, hutchinson_scratch,
    hutchinson_trace, hutchpp_scratch, hutchpp_trace, xtrace, xtrace_scratch,
};
