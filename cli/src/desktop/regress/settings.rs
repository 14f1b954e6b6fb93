//! What is assumed, how it is computed, what comes of it.

use ndarray::{Array2, Array3};

use crate::desktop::choice::choices;
use crate::desktop::error::{Result, ensure};

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
    /// it the precision's own tolerance, [`Float::TOLERANCE`](crate::desktop::Float::TOLERANCE).
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
