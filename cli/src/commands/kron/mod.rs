//! `nanocurv kron`: Kronecker products as operators, and the nearest ones to a matrix.

use anyhow::Result;
use clap::Subcommand;

use crate::session::{Outcome, Session, Verb as _};

mod apply;
mod args;
mod dense;
mod fit;
mod info;
mod nearest;
mod solve;

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
    Apply(apply::Args),
    /// The solution of (A (x) B) Y = V
    Solve(solve::Args),
    /// The matrix A (x) B itself
    Dense(dense::Args),
    /// Shape, trace, determinant and Frobenius norm, from the factors
    Info(info::Args),
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
            Verb::Apply(args) => args.dispatch(session),
            Verb::Solve(args) => args.dispatch(session),
            Verb::Dense(args) => args.dispatch(session),
            Verb::Info(args) => args.dispatch(session),
            Verb::Nearest(args) => args.dispatch(session),
            Verb::Fit(args) => args.dispatch(session),
        }
    }
}
