//! `--estimate`: trace, diagonal or spectrum from products with random vectors.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nanocurv::Mat;
use nanocurv::curvature::{
    self, Dense, LinearOperator, Probe, diagonal_scratch, hutchinson_diagonal, hutchinson_scratch,
    hutchinson_trace, hutchpp_scratch, hutchpp_trace, spectral_density, spectrum, spectrum_scratch,
    xtrace, xtrace_scratch,
};

use super::reference::{Reference, entries};
use crate::array::{Array, Float, zeros};
use crate::check::{Check, Difference};
use crate::report::Report;

/// Places at which the density of a spectrum is given.
const GRID: usize = 512;

/// The options of the estimates.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Estimates")]
pub(super) struct EstimateArgs {
    /// Estimate a property from products alone
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) estimate: Option<Estimate>,
    /// The number of products [default: 100]
    #[arg(long, value_name = "M", requires = "estimate")]
    pub(super) matvecs: Option<usize>,
    /// How the trace is estimated [default: hutchinson]
    #[arg(long, value_enum, value_name = "NAME", requires = "estimate")]
    pub(super) estimator: Option<Estimator>,
    /// Random starts of the spectrum, each of M over K steps [default: 10]
    #[arg(long, value_name = "K", requires = "estimate")]
    pub(super) probes: Option<usize>,
    /// Seed of all random vectors and draws
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(super) seed: u64,
}

/// What is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Estimate {
    /// The sum of the diagonal
    Trace,
    /// The diagonal
    Diagonal,
    /// The density of the eigenvalues
    Spectrum,
}

/// `--estimator`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Estimator {
    /// The mean of random quadratic forms
    #[default]
    Hutchinson,
    /// Exact on a random range, Hutchinson beside it
    #[value(name = "hutch++")]
    Hutchpp,
    /// Hutch++ with every vector left out once
    Xtrace,
}

/// An estimate.
pub(super) enum Found<T> {
    Trace(curvature::Estimate<T>),
    Diagonal { diagonal: Vec<T>, error: Vec<T>, matvecs: usize },
    Spectrum(Spectrum<T>),
}

/// The nodes of the spectral density, and the density on a grid.
pub(super) struct Spectrum<T> {
    pub(super) nodes: Vec<T>,
    pub(super) weights: Vec<T>,
    pub(super) grid: Vec<T>,
    pub(super) density: Vec<T>,
    matvecs: usize,
}

impl EstimateArgs {
    pub(super) fn validate(&self) -> Result<()> {
        let Some(estimate) = self.estimate else { return Ok(()) };
        ensure!(
            self.estimator.is_none() || estimate == Estimate::Trace,
            "--estimator belongs to --estimate trace; leave it out"
        );
        ensure!(
            self.probes.is_none() || estimate == Estimate::Spectrum,
            "--probes belongs to --estimate spectrum; leave it out"
        );
        ensure!(self.probes != Some(0), "--probes: found 0, needed at least 1");
        Ok(())
    }

    fn matvecs(&self) -> usize {
        self.matvecs.unwrap_or(100)
    }

    pub(super) fn run<T: Float>(
        &self,
        which: Estimate,
        operator: &impl LinearOperator<T>,
    ) -> Result<Found<T>> {
        let (n, m) = (operator.rows(), self.matvecs());
        ensure!(
            n == operator.cols(),
            "--estimate needs as many --rows as --cols, found {n} and {}",
            operator.cols()
        );
        let own = operator.scratch();
        match which {
            Estimate::Trace => self.trace(operator).context("--matvecs").map(Found::Trace),
            Estimate::Diagonal => {
                let (mut diagonal, mut error) = (zeros::<T>(&[n])?, zeros::<T>(&[n])?);
                let mut scratch = zeros::<T>(&[diagonal_scratch(n, own)])?;
                let (d, e) = (&mut diagonal, &mut error);
                hutchinson_diagonal(operator, m, self.seed, d, e, &mut scratch)
                    .context("--matvecs")?;
                Ok(Found::Diagonal { diagonal, error, matvecs: m })
            }
            Estimate::Spectrum => {
                let probes = self.probes.unwrap_or(10).min(m);
                ensure!(probes >= 1, "--matvecs: found 0, needed at least 1");
                let steps = (m / probes).min(n);
                let (mut nodes, mut weights) =
                    (zeros::<T>(&[probes * steps])?, zeros::<T>(&[probes * steps])?);
                let mut scratch = zeros::<T>(&[spectrum_scratch(n, steps, own)])?;
                let to = (nodes.as_mut_slice(), weights.as_mut_slice());
                let info = spectrum(
                    operator,
                    Probe::Rademacher,
                    (probes, steps),
                    self.seed,
                    to,
                    &mut scratch,
                )
                .context("--matvecs")?;
                let (grid, width) = grid(&nodes);
                let mut density = zeros::<T>(&[GRID])?;
                spectral_density(&nodes, &weights, width, &grid, &mut density)?;
                let matvecs = info.products;
                Ok(Found::Spectrum(Spectrum { nodes, weights, grid, density, matvecs }))
            }
        }
    }

    fn trace<T: Float>(&self, operator: &impl LinearOperator<T>) -> Result<curvature::Estimate<T>> {
        let (n, m, own, seed) = (operator.rows(), self.matvecs(), operator.scratch(), self.seed);
        let probe = Probe::Rademacher;
        Ok(match self.estimator.unwrap_or_default() {
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

    /// The same estimate, with the same random vectors, of the dense reference.
    pub(super) fn check<T: Float>(
        &self,
        which: Estimate,
        found: &Found<T>,
        reference: &Reference,
        lists: Option<(&[usize], &[usize])>,
        tolerance: f64,
    ) -> Result<Check> {
        let (mut matrix, p) = (reference.matrix()?, reference.params());
        let n = lists.map_or(p, |(rows, _)| rows.len());
        if let Some((rows, cols)) = lists {
            // Row-major of the transpose: the columns of the part.
            matrix = entries(&matrix, p, cols, rows);
        }
        let dense = Dense::new(Mat::of(&matrix, n, n))?;
        let expected = self.run::<f64>(which, &dense)?;
        let difference = match (found, &expected) {
            (Found::Trace(found), Found::Trace(expected)) => {
                Difference::between(&[found.value], &[expected.value])
            }
            (Found::Diagonal { diagonal, .. }, Found::Diagonal { diagonal: expected, .. }) => {
                Difference::between(diagonal, expected)
            }
            (Found::Spectrum(found), Found::Spectrum(expected)) => {
                // The density on the grid of the result: nodes of no weight may differ.
                let (grid, width) = grid(&found.nodes);
                let grid: Vec<f64> = grid.iter().map(|t| t.to_f64()).collect();
                let mut density = vec![0.0; grid.len()];
                let (nodes, weights) = (&expected.nodes, &expected.weights);
                spectral_density(nodes, weights, width.to_f64(), &grid, &mut density)?;
                Difference::between(&found.density, &density)
            }
            _ => Difference::between(&[f64::NAN], &[0.0]),
        };
        Ok(difference.within(tolerance))
    }
}

/// A grid over the nodes with a margin, and the width of the kernel: a hundredth of their range.
fn grid<T: Float>(nodes: &[T]) -> (Vec<T>, T) {
    let low = nodes.iter().fold(f64::INFINITY, |m, t| m.min(t.to_f64()));
    let high = nodes.iter().fold(f64::NEG_INFINITY, |m, t| m.max(t.to_f64()));
    let size = low.abs().max(high.abs()).max(f64::from(f32::MIN_POSITIVE));
    let width = ((high - low) / 100.0).max(1e-6 * size);
    let (from, to) = (low - 5.0 * width, high + 5.0 * width);
    let step = (to - from) / (GRID - 1) as f64;
    ((0..GRID).map(|i| T::of(from + step * i as f64)).collect(), T::of(width))
}

impl<T: Float> Found<T> {
    pub(super) fn into_report(self) -> Report {
        let mut report = Report::new();
        match self {
            Self::Trace(e) => {
                report
                    .number("trace", e.value.to_f64())
                    .number("standard_error", e.standard_error.to_f64())
                    .count("matvecs", e.products);
            }
            Self::Diagonal { diagonal, error, matvecs } => {
                report
                    .array("diagonal", Array::vector(diagonal))
                    .array("standard_error", Array::vector(error))
                    .count("matvecs", matvecs);
            }
            Self::Spectrum(s) => {
                report
                    .array("nodes", Array::vector(s.nodes))
                    .array("weights", Array::vector(s.weights))
                    .array("grid", Array::vector(s.grid))
                    .array("density", Array::vector(s.density))
                    .count("matvecs", s.matvecs);
            }
        }
        report
    }
}
