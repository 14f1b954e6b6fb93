//! `nanocurv kron`: Kronecker products as operators, and the nearest ones to a matrix.

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Outcome;
use crate::session::Session;

pub mod fit;
pub mod nearest;
pub mod operator;
pub mod terms;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nanocurv kron solve --left a.npy --right b.npy --vector v.npy --damping 0.1 --check
  nanocurv kron nearest --matrix g.npy --shape 5,3 --rank 2 --out factors.npz")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do with Kronecker products.
#[derive(Debug, Subcommand)]
enum Verb {
    /// The product (A (x) B) V
    Apply(operator::ApplyArgs),
    /// The solution of (A (x) B) Y = V
    Solve(operator::SolveArgs),
    /// The matrix A (x) B itself
    Dense(operator::DenseArgs),
    /// Shape, trace, determinant and Frobenius norm, from the factors
    Info(operator::InfoArgs),
    /// The sum of Kronecker products nearest to a matrix
    Nearest(nearest::Args),
    /// A positive semidefinite Kronecker product fitted by random sketches
    Fit(fit::Args),
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match &self.verb {
            Verb::Apply(args) => args.run(session),
            Verb::Solve(args) => args.run(session),
            Verb::Dense(args) => args.run(session),
            Verb::Info(args) => args.run(session),
            Verb::Nearest(args) => args.run(session),
            Verb::Fit(args) => args.run(session),
        }
    }
}
