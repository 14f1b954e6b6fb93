//! The options of `nanocurv curvature`, in their groups: which part, inverse, Fisher, estimates.

use anyhow::{Context, Result, bail, ensure};

use crate::args::choice;
use crate::desktop::choice::choices;
use crate::desktop::curvature::{
    Estimator, InverseDamping, InverseSettings, Kind, Part, Property, Solver,
};
use crate::desktop::kfac::{Fisher, FisherKind};
use crate::desktop::{Float, Network};

/// Which rows and columns.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Part")]
pub struct PartArgs {
    /// The block of two parameter tensors, by name (0.weight) or position, separated by a comma
    #[arg(long, value_name = "I,J", value_delimiter = ',', num_args = 1, conflicts_with_all = ["rows", "cols"])]
    block: Vec<String>,
    /// Rows by index, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        num_args = 1,
        requires = "cols",
        allow_negative_numbers = true
    )]
    rows: Vec<usize>,
    /// Columns by index, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        num_args = 1,
        requires = "rows",
        allow_negative_numbers = true
    )]
    cols: Vec<usize>,
}

impl PartArgs {
    /// Whether a part is asked for.
    pub fn given(&self) -> bool {
        !self.block.is_empty() || !self.rows.is_empty()
    }

    /// The part.
    ///
    /// # Errors
    /// If there is no such tensor, row or column.
    pub fn of<T: Float>(&self, net: &Network<T>) -> Result<Part> {
        if !self.block.is_empty() {
            let [rows, cols] = self.block.as_slice() else {
                bail!(
                    "--block: found {} names, needed two, I,J, e.g. --block 0.weight,2.weight",
                    self.block.len()
                );
            };
            let of = |name: &str| net.tensor(name.trim()).context("--block");
            return Ok(Part::Block(of(rows)?, of(cols)?));
        }
        if self.rows.is_empty() {
            return Ok(Part::All);
        }
        Ok(Part::lists(net, self.rows.clone(), self.cols.clone())?)
    }
}

/// The options of the inverse.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Inverse")]
pub struct InverseArgs {
    /// The inverse, with the damping added, in place of the matrix
    #[arg(long)]
    pub inverse: bool,
    /// L, what is added to the matrix before it is inverted
    #[arg(long, value_name = "L", default_value_t = 0.0, allow_negative_numbers = true)]
    damping: f64,
    /// How: the matrix is formed and factored, or only multiplied with (conjugate gradients for
    /// positive definite matrices, least squares for any) [default: dense]
    #[arg(long, value_parser = choice::<Solver>(), value_name = "NAME")]
    solver: Option<Solver>,
    /// How L enters K-FAC: split over the factors by pi, added to each, or exactly
    /// [default: exact]
    #[arg(long, value_parser = choice::<InverseDamping>(), value_name = "MODE")]
    damping_mode: Option<InverseDamping>,
}

impl InverseArgs {
    /// Fails on options without `--inverse`, or of another curvature.
    ///
    /// # Errors
    /// Naming the option.
    pub fn validate(&self, kind: Kind) -> Result<()> {
        let options = self.damping != 0.0 || self.solver.is_some() || self.damping_mode.is_some();
        ensure!(
            self.inverse || !options,
            "--damping, --solver and --damping-mode belong to --inverse; add it"
        );
        Ok(self.settings().validate(kind)?)
    }

    /// How the curvature is inverted.
    pub fn settings(&self) -> InverseSettings {
        InverseSettings { damping: self.damping, solver: self.solver, mode: self.damping_mode }
    }
}

/// Which vectors K-FAC's factors and the Monte-Carlo Fisher are made of.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Fisher")]
pub struct FisherArgs {
    /// Which vectors the output factor G is made of [default: type-2]
    #[arg(long, value_parser = choice::<FisherKind>(), value_name = "KIND")]
    fisher: Option<FisherKind>,
    /// Draws per sample of fisher-mc and --fisher mc [default: 1]
    #[arg(long, value_name = "K")]
    draws: Option<u32>,
    /// Biases in blocks of their own
    #[arg(long)]
    separate_bias: bool,
}

impl FisherArgs {
    /// Fails on options of another curvature.
    ///
    /// # Errors
    /// Naming the option.
    pub fn validate(&self, kind: Kind) -> Result<()> {
        let kfac = self.fisher.is_some() || self.separate_bias;
        ensure!(
            kind.is_kfac() || !kfac,
            "--fisher and --separate-bias belong to kfac and ekfac; leave them out"
        );
        let drawn = kind == Kind::FisherMc || self.fisher == Some(FisherKind::Mc);
        ensure!(
            drawn || self.draws.is_none(),
            "--draws belongs to fisher-mc and to --fisher mc; leave it out"
        );
        ensure!(self.draws != Some(0), "--draws: found 0, needed at least 1");
        Ok(())
    }

    /// Which vectors, with draws from `seed`.
    pub fn fisher(&self, seed: u64) -> Fisher {
        let kind = self.fisher.unwrap_or_default();
        Fisher { kind, draws: self.draws.unwrap_or(1), seed }
    }

    /// Whether biases have blocks of their own.
    pub fn separate_bias(&self) -> bool {
        self.separate_bias
    }
}

choices! {
    /// What is estimated.
    pub enum Estimate {
        /// The sum of the diagonal
        Trace = "trace",
        /// The diagonal
        Diagonal = "diagonal",
        /// The density of the eigenvalues
        Spectrum = "spectrum",
    }
}

/// The options of the estimates.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Estimates")]
pub struct EstimateArgs {
    /// Estimate a property from products alone
    #[arg(long, value_parser = choice::<Estimate>(), value_name = "WHAT")]
    pub estimate: Option<Estimate>,
    /// The number of products [default: 100]
    #[arg(long, value_name = "M", requires = "estimate")]
    pub matvecs: Option<usize>,
    /// How the trace is estimated [default: hutchinson]
    #[arg(long, value_parser = choice::<Estimator>(), value_name = "NAME", requires = "estimate")]
    pub estimator: Option<Estimator>,
    /// Random starts of the spectrum, each of M over K steps [default: 10]
    #[arg(long, value_name = "K", requires = "estimate")]
    pub probes: Option<usize>,
    /// Seed of all random vectors and draws
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
}

impl EstimateArgs {
    /// Fails on options of another estimate.
    ///
    /// # Errors
    /// Naming the option.
    pub fn validate(&self) -> Result<()> {
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

    /// What is estimated, if anything is.
    pub fn property(&self) -> Option<Property> {
        Some(match self.estimate? {
            Estimate::Trace => Property::Trace(self.estimator.unwrap_or_default()),
            Estimate::Diagonal => Property::Diagonal,
            Estimate::Spectrum => Property::Spectrum { probes: self.probes.unwrap_or(10) },
        })
    }

    /// The number of products.
    pub fn matvecs(&self) -> usize {
        self.matvecs.unwrap_or(100)
    }
}
