//! `nanocurv laplace sample`: draws of parameters.

use std::path::PathBuf;

use anyhow::Result;

use crate::args::{NetArgs, OutputArgs};
use crate::desktop::Float;
use crate::io::posterior;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `theta` (S,P), in PyTorch's order. With a posterior over the last \
layer the other parameters are the network's own.

Example:
  nanocurv laplace sample --net net.safetensors --activation tanh --posterior post.npz \\
      --draws 100 --seed 1 --out theta.npy"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    /// The posterior: what `laplace fit --out` wrote
    #[arg(long, value_name = "FILE.npz")]
    posterior: PathBuf,
    /// How many draws
    #[arg(long, value_name = "S")]
    draws: usize,
    /// What the draws follow from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    out: OutputArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let (net, posterior) = session
            .read(|| anyhow::Ok((self.net.read::<T>()?, posterior::load::<T>(&self.posterior)?)))?;
        session.introduce(&net);
        let theta = session.compute(|_| posterior.sample(&net, self.draws, self.seed))?;
        session.finish(Report::of("theta", theta), &self.out, None)
    }
}
