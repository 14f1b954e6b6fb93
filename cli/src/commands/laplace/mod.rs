//! `nanocurv laplace`: the posterior of a network. One file a verb.

use anyhow::Result;
use clap::Subcommand;

use crate::session::{Outcome, Session, Verb as _};

mod fit;
mod picture;
mod predict;
mod sample;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nanocurv laplace fit --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --loss mse --out post.npz
  nanocurv laplace predict --net net.safetensors --activation tanh --posterior post.npz \\
      --data xtest.npy --plot band.svg
  nanocurv laplace sample --net net.safetensors --activation tanh --posterior post.npz \\
      --draws 100 --seed 1 --out theta.npy")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// The posterior of a trained network from its data, its prior and noise by evidence
    Fit(Box<fit::Args>),
    /// Outputs with their covariance, intervals of observations, probabilities of classes
    Predict(Box<predict::Args>),
    /// Draws of parameters
    Sample(Box<sample::Args>),
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match &self.verb {
            Verb::Fit(args) => args.dispatch(session),
            Verb::Predict(args) => args.dispatch(session),
            Verb::Sample(args) => args.dispatch(session),
        }
    }
}
