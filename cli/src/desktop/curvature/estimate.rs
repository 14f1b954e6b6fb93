//! Trace, diagonal or spectrum of an operator from products with random vectors.

use nanocurv::curvature::{
    self, Estimate, LinearOperator, Probe, diagonal_scratch, hutchinson_diagonal,
    hutchinson_scratch, hutchinson_trace, hutchpp_scratch, hutchpp_trace, spectral_density,
    spectrum_scratch, xtrace, xtrace_scratch,
};
use ndarray::Array1;

use crate::desktop::array::{Float, zeros};
use crate::desktop::choice::choices;
use crate::desktop::error::{Context, Result, ensure};

/// Places at which the density of a spectrum is given.
const GRID: usize = 512;

choices! {
    /// How a trace is estimated.
    #[derive(Default)]
    pub enum Estimator {
        /// The mean of random quadratic forms
        #[default]
        Hutchinson = "hutchinson",
        /// Exact on a random range, Hutchinson beside it
        Hutchpp = "hutch++",
        /// Hutch++ with every vector left out once
        Xtrace = "xtrace",
    }
}

/// What is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The sum of the diagonal.
    Trace(Estimator),
    /// The diagonal.
    Diagonal,
    /// The density of the eigenvalues, from so many random starts.
    Spectrum {
        /// Random starts, each of `matvecs / probes` steps.
        probes: usize,
    },
}

/// An estimate.
#[derive(Clone, Debug)]
pub enum Estimated<T> {
    /// Of the trace.
    Trace(Estimate<T>),
    /// Of the diagonal.
    Diagonal {
        /// It.
        diagonal: Array1<T>,
        /// The standard error of each entry.
        error: Array1<T>,
        /// The products that were made.
        matvecs: usize,
    },
    /// Of the eigenvalues.
    Spectrum(Spectrum<T>),
}

/// The nodes of the spectral density, and the density on a grid.
#[derive(Clone, Debug)]
pub struct Spectrum<T> {
    /// Ritz values.
    pub nodes: Array1<T>,
    /// Their weights.
    pub weights: Array1<T>,
    /// Places.
    pub grid: Array1<T>,
    /// The density at them.
    pub density: Array1<T>,
    /// The products that were made.
    pub matvecs: usize,
}

/// Estimates a property of a square operator from `matvecs` products.
///
/// # Errors
/// If the operator is not square, or the products are too few.
pub fn estimate<T: Float>(
    operator: &impl LinearOperator<T>,
    property: Property,
    matvecs: usize,
    seed: u64,
) -> Result<Estimated<T>> {
    let (n, own) = (operator.rows(), operator.scratch());
    ensure!(
        n == operator.cols(),
        "--estimate needs as many --rows as --cols, found {n} and {}",
        operator.cols()
    );
    match property {
        Property::Trace(estimator) => {
            trace(operator, estimator, matvecs, seed).context("--matvecs").map(Estimated::Trace)
        }
        Property::Diagonal => {
            let (mut diagonal, mut error) = (zeros::<T>(&[n])?, zeros::<T>(&[n])?);
            let mut scratch = zeros::<T>(&[diagonal_scratch(n, own)])?;
            let (d, e) = (&mut diagonal, &mut error);
            hutchinson_diagonal(operator, matvecs, seed, d, e, &mut scratch)
                .context("--matvecs")?;
            Ok(Estimated::Diagonal { diagonal: diagonal.into(), error: error.into(), matvecs })
        }
        Property::Spectrum { probes } => {
            ensure!(probes >= 1, "--probes: found 0, needed at least 1");
            let probes = probes.min(matvecs);
            ensure!(probes >= 1, "--matvecs: found 0, needed at least 1");
            let steps = (matvecs / probes).min(n);
            let (mut nodes, mut weights) =
                (zeros::<T>(&[probes * steps])?, zeros::<T>(&[probes * steps])?);
            let mut scratch = zeros::<T>(&[spectrum_scratch(n, steps, own)])?;
            let to = (nodes.as_mut_slice(), weights.as_mut_slice());
            let (probe, shape) = (Probe::Rademacher, (probes, steps));
            let info = curvature::spectrum(operator, probe, shape, seed, to, &mut scratch)
                .context("--matvecs")?;
            let (grid, width) = density_grid(&nodes);
            let mut density = zeros::<T>(&[GRID])?;
            spectral_density(&nodes, &weights, width, &grid, &mut density)?;
            Ok(Estimated::Spectrum(Spectrum {
                nodes: nodes.into(),
                weights: weights.into(),
                grid: grid.into(),
                density: density.into(),
                matvecs: info.products,
            }))
        }
    }
}

fn trace<T: Float>(
    operator: &impl LinearOperator<T>,
    estimator: Estimator,
    m: usize,
    seed: u64,
) -> Result<Estimate<T>> {
    let (n, own, probe) = (operator.rows(), operator.scratch(), Probe::Rademacher);
    Ok(match estimator {
        Estimator::Hutchinson => {
            let mut scratch = zeros::<T>(&[hutchinson_scratch(n, n, own)])?;
            hutchinson_trace(operator, probe, m, seed, &mut scratch)?
        }
        Estimator::Hutchpp => {
            let mut scratch = zeros::<T>(&[hutchpp_scratch(n, m.min(3 * n + 2), own)])?;
            hutchpp_trace(operator, probe, m, seed, &mut scratch)?
        }
        Estimator::Xtrace => {
            let mut scratch = zeros::<T>(&[xtrace_scratch(n, m.min(2 * n + 1), own)])?;
            xtrace(operator, probe, m, seed, &mut scratch)?
        }
    })
}

/// A grid over the nodes with a margin, and the width of the kernel: a hundredth of their range.
pub fn density_grid<T: Float>(nodes: &[T]) -> (Vec<T>, T) {
    let low = nodes.iter().fold(f64::INFINITY, |m, t| m.min(t.to_f64()));
    let high = nodes.iter().fold(f64::NEG_INFINITY, |m, t| m.max(t.to_f64()));
    let size = low.abs().max(high.abs()).max(f64::from(f32::MIN_POSITIVE));
    let width = ((high - low) / 100.0).max(1e-6 * size);
    let (from, to) = (low - 5.0 * width, high + 5.0 * width);
    let step = (to - from) / (GRID - 1) as f64;
    ((0..GRID).map(|i| T::of(from + step * i as f64)).collect(), T::of(width))
}
