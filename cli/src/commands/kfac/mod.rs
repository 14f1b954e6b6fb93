//! `nanocurv kfac`: factors of a network, and one block at a time. One file a verb.

use anyhow::Result;
use clap::Subcommand;

use crate::desktop::kfac::Product;
use crate::session::{Outcome, Session, Verb as _};

mod block;
mod diagonal;
mod factors;
mod full;
mod input;
mod series;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "V is in x out, or (in+1) x out with the bias last: the transpose of PyTorch's \
gradient.

Examples:
  nanocurv kfac factors --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --loss mse --out factors.npz
  nanocurv kfac solve --factor-a factors.npz:0.A --factor-g factors.npz:0.G --vector v.npy \\
      --damping 0.1 --check"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// The Kronecker factors of every layer of a network
    Factors(factors::Args),
    /// C (A + a I) V (G + g I), the damped block times V
    Apply(block::Args),
    /// Its inverse times V
    Solve(block::Args),
    /// Its power P times V
    Power(block::PowerArgs),
    /// Its triangular root times V: sqrt(C) L_A V L_G^T
    Cholesky(block::CholeskyArgs),
    /// A diagonal block
    Diagonal(diagonal::Args),
    /// A full block
    Full(full::Args),
    /// The inverse of a temporal block times V
    Series(series::Args),
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match &self.verb {
            Verb::Factors(args) => args.dispatch(session),
            Verb::Apply(args) => args.with(Product::Apply).dispatch(session),
            Verb::Solve(args) => args.with(Product::Solve).dispatch(session),
            Verb::Power(args) => args.block().dispatch(session),
            Verb::Cholesky(args) => args.block().dispatch(session),
            Verb::Diagonal(args) => args.dispatch(session),
            Verb::Full(args) => args.dispatch(session),
            Verb::Series(args) => args.dispatch(session),
        }
    }
}
