//! K-FAC: Kronecker-factored curvature of the layers of a network.
//!
//! ```text
//! data, network --accumulate--> Factors --preconditioner / eigen--> Preconditioner, Eigenfactors
//!                                  \----ekfac_bases, ekfac_correct--> Ekfac
//! one layer's block:  Kronecker, Diagonal, Full, Series
//! ```
//! Computing the factors, damping them and using them are separate calls on separate types; no
//! query changes anything. Vectors are in parameter order (PyTorch's), blocks in the `in x out`
//! orientation, whose columns one after the other are PyTorch's `out x in` rows, the bias last.

mod average;
mod damping;
mod diagonal;
mod eigen;
mod ekfac;
mod error;
mod factors;
mod full;
mod kronecker;
mod preconditioner;
mod series;
mod statistics;
#[cfg(all(test, feature = "std"))]
mod tests;

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
    Factored, Kronecker, Root, apply_scratch, factored_len, root_scratch, solve_scratch,
};
pub use preconditioner::{
    Eigenfactors, Preconditioner, eigenfactors_len, eigenfactors_scratch, precondition_scratch,
    preconditioner_len,
};
pub use series::{
    FactoredSeries, Series, SeriesOption, SeriesSide, series_covariances, series_factor_scratch,
    series_len, series_scratch, series_solve_scratch, sum_over_steps,
};
pub use statistics::{Fisher, Weights, accumulate, accumulate_scratch, gradient};
