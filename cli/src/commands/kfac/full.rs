//! `nanocurv kfac full`: `V := (F + lambda I)^p V`.

use anyhow::Result;
use clap::Subcommand;

use super::input::{check_size, read_square, reference};
use crate::args::{CheckArgs, OutputArgs};
use crate::dense::{Difference, kfac as dense};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::kfac::{Product, full};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "F is P x P; V is P or P x K, or an in x out matrix of P values, which is \
taken row by row.

Example:
  nanocurv kfac full solve --factor f.npy --vector v.npy --damping 0.1 --check")]
pub struct Args {
    #[command(subcommand)]
    verb: FactorVerb,
}

/// What is done with a diagonal or full block.
#[derive(Debug, Subcommand)]
pub enum FactorVerb {
    /// (F + L I) V
    Apply(FactorArgs),
    /// (F + L I)^-1 V
    Solve(FactorArgs),
    /// (F + L I)^P V
    Power(FactorPowerArgs),
}

/// The arguments of all.
#[derive(Debug, clap::Args)]
pub struct FactorArgs {
    /// The factor F
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    pub factor: Source,
    /// V
    #[arg(long, value_name = "FILE", help_heading = "Block")]
    pub vector: Source,
    /// The damping lambda
    #[arg(long, value_name = "L", default_value_t = 0.0, help_heading = "Block")]
    pub damping: f64,
    #[command(flatten)]
    pub out: OutputArgs,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// The arguments of a power.
#[derive(Debug, clap::Args)]
pub struct FactorPowerArgs {
    #[command(flatten)]
    block: FactorArgs,
    /// The exponent P
    #[arg(long, value_name = "P", allow_negative_numbers = true, help_heading = "Block")]
    exponent: f64,
}

impl FactorVerb {
    /// The arguments and what is done.
    pub fn parts(&self) -> (&FactorArgs, Product) {
        match self {
            Self::Apply(args) => (args, Product::Apply),
            Self::Solve(args) => (args, Product::Solve),
            Self::Power(args) => (&args.block, Product::Power(args.exponent)),
        }
    }

    /// # Errors
    /// If the result cannot be written or the exponent is none.
    pub fn validate(&self) -> Result<()> {
        let (args, product) = self.parts();
        args.out.validate()?;
        Ok(product.validate()?)
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.verb.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let (FactorArgs { factor, vector, damping, out, check }, product) = self.verb.parts();
        let tolerance = check.tolerance::<T>()?;
        let (f, v) = session
            .read(|| anyhow::Ok((read_square::<T>(factor)?, io::read_vectors::<T>(vector)?)))?;
        let name = vector.to_string();
        let found = session.compute(|_| full(&f, (&name, v.view()), product, *damping))?;
        let check = if check.check {
            check_size(f.shape.0)?;
            let block = dense::Block::full(&wide(&f.to_matrix()), *damping);
            let reference = reference(block.product(product, &wide(&v)))?;
            Some(Difference::of(&found, &reference).within(tolerance))
        } else {
            None
        };
        session.finish(Report::of("result", found), out, check)
    }
}
