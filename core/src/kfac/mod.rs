//! Train with Kronecker-factored curvature ([`Optimizer`]), or take the curvature by itself: the
//! factors of each layer, damped inverses, eigenbases, EKFAC, single blocks.
//!
//! With every size in a type, for firmware: [`fixed::kfac`](crate::fixed::kfac).
//!
//! ```text
//! data, network --accumulate--> Factors --preconditioner / eigen--> Preconditioner, Eigenfactors
//!                                  \----ekfac_bases, ekfac_correct--> Ekfac
//! one layer's block:  Kronecker, Diagonal, Full, Series
//! ```
//! Computing the factors, damping them and using them are separate calls on separate types; no
//! query changes anything. Vectors are in parameter order (PyTorch's), blocks in the `in x out`
//! orientation, whose columns one after the other are PyTorch's `out x in` rows, the bias last.

mod adam;
mod anchor;
mod average;
mod damping;
pub(crate) mod diagonal;
pub(crate) mod eigen;
pub(crate) mod ekfac;
mod error;
pub(crate) mod factors;
mod full;
mod kronecker;
mod model;
mod optimizer;
mod preconditioner;
mod schedule;
mod series;
mod settings;
mod sgd;
pub(crate) mod statistics;
mod step;
#[cfg(all(test, feature = "std"))]
mod tests;

pub use adam::{Adam, AdamProgress, adam_len};
pub use anchor::Anchor;
pub use average::{MovingAverage, Shares};
pub use damping::{Damping, Split};
pub use diagonal::{
    Diagonal, accumulate_diagonal, accumulate_diagonal_scratch, diagonal_factor,
    diagonal_factor_scratch, naive_diagonal,
};
pub use eigen::{Eigen, Shift, eigen_len, eigen_scratch, exact_scratch};
pub use ekfac::{
    Ekfac, ekfac_bases, ekfac_bases_scratch, ekfac_correct, ekfac_correct_scratch, ekfac_len,
    ekfac_scratch,
};
pub use error::{KfacError, Side};
pub use factors::{
    Bias, Factors, Part, Place, factors_apply_scratch, factors_len, input_factor, output_factor,
};
pub use full::{
    Full, full_apply_scratch, full_factor, full_factor_scratch, full_power_scratch,
    full_solve_scratch, naive_full,
};
pub use kronecker::{
    FactoredBlock, Kronecker, Root, apply_scratch, factored_len, root_scratch, solve_scratch,
};
pub use optimizer::{Optimizer, optimizer_len, optimizer_scratch};
pub use preconditioner::{
    Eigenfactors, Preconditioner, eigenfactors_len, eigenfactors_scratch, precondition_scratch,
    preconditioner_len,
};
pub use schedule::Schedule;
pub use series::{
    FactoredSeries, Series, SeriesOption, SeriesSide, series_covariances, series_factor_scratch,
    series_len, series_scratch, series_solve_scratch, sum_over_steps,
};
pub use settings::{
    Corrected, Exact, Factored, Inverse, Progress, Report, Representation, Settings, StepRule,
};
pub use sgd::Sgd;
pub use statistics::{Fisher, Weights, accumulate, accumulate_scratch, gradient};
pub use step::{natural_gradient, natural_gradient_scratch};
