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

use nanocurv::network;
use ndarray::{Array2, Array3, ArrayView2};
use rayon::prelude::*;

use super::array::{Float, columns, matrix, zeros};
use super::choice::choices;
use super::data::{Data, Targets, inputs};
use super::error::{Context, Result, bail, ensure};
use super::network::Network;
use super::watch::Watch;

choices! {
    /// How the system is solved.
    #[derive(Default)]
    pub enum RegressSolver {
        /// Forms and factors the kernel: mean and covariance
        #[default]
        Dense = "dense",
        /// Conjugate gradients on products with J and its transpose: the mean alone, in memory
        /// proportional to the data
        Cg = "cg",
    }
}

/// What is assumed, and how it is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressSettings {
    /// sigma, the standard deviation of an observation.
    pub noise: f64,
    /// delta, the prior precision of the parameters.
    pub prior_precision: f64,
    /// How the system is solved.
    pub solver: RegressSolver,
    /// Conjugate gradients stop where the residual is this part of the right-hand side; without
    /// it the precision's own tolerance, [`Float::TOLERANCE`].
    pub tolerance: Option<f64>,
    /// Conjugate gradients stop after so many steps.
    pub iterations: usize,
}

impl RegressSettings {
    /// The kernel formed, with prior precision 1.
    pub fn new(noise: f64) -> Self {
        Self {
            noise,
            prior_precision: 1.0,
            solver: RegressSolver::default(),
            tolerance: None,
            iterations: 1000,
        }
    }

    /// Fails on what can be seen without network and data.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn validate(&self) -> Result<()> {
        for (name, value) in [("--noise", self.noise), ("--prior-precision", self.prior_precision)]
        {
            // Its square enters, or its inverse.
            let usable = |x: f64| x > 0.0 && x.is_finite();
            ensure!(
                usable(value) && usable(value * value) && usable(1.0 / value),
                "{name}: found {value}, needed a positive number"
            );
        }
        if let Some(tolerance) = self.tolerance {
            ensure!(
                tolerance > 0.0 && tolerance < 1.0,
                "--residual: found {tolerance}, needed a number between 0 and 1"
            );
        }
        ensure!(self.iterations > 0, "--iterations: found 0, needed one at least");
        Ok(())
    }
}

/// How conjugate gradients went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solved {
    /// Steps.
    pub iterations: usize,
    /// The residual over the right-hand side.
    pub residual: f64,
    /// Why they stopped.
    pub stop: nanocurv::curvature::Stop,
}

/// What the process says of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression<T> {
    /// `M x O`
    pub mean: Array2<T>,
    /// The covariance of the outputs of each sample, `M x O x O`; of the dense solver.
    pub covariance: Option<Array3<T>>,
    /// Of the iterative solver.
    pub solved: Option<Solved>,
}

/// Predicts samples `x`, `M x d`, from `data`.
///
/// # Errors
/// If settings, network, data and samples do not fit together, there is no sample, the kernel does
/// not fit into memory or is not positive, or the watch stops the work.
pub fn regress<T: Float>(
    net: &Network<T>,
    data: &Data<T>,
    x: ArrayView2<'_, T>,
    settings: &RegressSettings,
    watch: Watch<'_>,
) -> Result<Regression<T>> {
    settings.validate()?;
    ensure!(!data.is_empty(), "--data: found no samples, needed one at least");
    ensure!(x.nrows() > 0, "--predict: found no samples, needed one at least");
    ensure!(
        x.ncols() == net.inputs(),
        "--predict: found {} columns, needed {}, the inputs of {}",
        x.ncols(),
        net.inputs(),
        net.name
    );
    let Targets::Values(y) = &data.targets else {
        bail!("--targets: found labels, needed the values of a regression");
    };
    let mut residual = outputs(net, data.x.view())?;
    residual.iter_mut().zip(y).for_each(|(f, y)| *f = *y - *f);
    match settings.solver {
        RegressSolver::Dense => dense::regress(net, data, &residual, x, settings, watch),
        RegressSolver::Cg => iterative::regress(net, data, &residual, x, settings, watch),
    }
}

/// Samples that one thread takes at a time.
const CHUNK: usize = 128;

/// The outputs of samples, `N x O`.
fn outputs<T: Float>(net: &Network<T>, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
    let (mlp, x, o) = (net.mlp()?, inputs(net, x)?, net.outputs());
    let mut all = zeros::<T>(&[x.cols(), o])?;
    all.par_chunks_mut(CHUNK * o).enumerate().try_for_each(|(chunk, to)| -> Result<()> {
        let (from, n) = (chunk * CHUNK, to.len() / o);
        let mut scratch = zeros::<T>(&[network::forward_scratch(mlp.layers(), n)])?;
        let to = columns(to, o, n)?;
        network::forward(&mlp, x.columns_range(from, n), to, &mut scratch).context("--data")
    })?;
    Ok(matrix(x.cols(), o, all))
}
