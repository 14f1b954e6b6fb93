//! The program's grammar, and its verbs: one file each, arguments -> io -> engine -> report.

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use crate::args::GlobalArgs;
use crate::session::{Outcome, Session, Verb};
use crate::validate;

pub mod completions;
pub mod curvature;
pub mod dynamics;
pub mod export;
pub mod jacobian;
pub mod kfac;
pub mod kron;
pub mod laplace;
pub mod man;
pub mod ntk;
pub mod plan;
pub mod regress;
pub mod train;

/// Curvature and tangent kernels of small neural networks.
///
/// Reads networks from .safetensors (PyTorch state_dict) or .npz and data from .npy, .npz or .csv.
/// Results go to stdout or, with --out, to a file; everything else goes to stderr.
///
/// Exit codes: 0 done, 1 a check did not hold, 2 usage or unreadable input, 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "nanocurv",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Examples:
  nanocurv validate
  nanocurv ntk --net net.safetensors --activation tanh --data x.npy --check
  nanocurv jacobian --net net.safetensors --activation relu --data x.csv --out j.npy"
)]
pub struct Cli {
    /// Options for every command, before or after it.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every check on the example cases shipped with the program
    Validate(validate::Args),
    /// The neural tangent kernel of a network on data
    Ntk(ntk::Args),
    /// The Jacobian of the outputs with respect to the parameters, or its singular values
    Jacobian(jacobian::Args),
    /// A Rust source file with the network, for a microcontroller
    Export(export::Args),
    /// Train a small network with a second-order method, or with SGD or Adam
    Train(train::Args),
    /// The memory that a network needs, before flashing
    Plan(plan::Args),
    /// Hessian, GGN, Fisher matrices, K-FAC: matrices, products, inverses, estimates
    Curvature(Box<curvature::Args>),
    /// K-FAC: factors of a network, products and solves of one block
    Kfac(kfac::Args),
    /// Kronecker products: apply, solve, dense, info, nearest, fit
    Kron(kron::Args),
    /// The posterior of a network: fit, predict, sample
    Laplace(laplace::Args),
    /// Gaussian-process regression with the tangent kernel
    Regress(Box<regress::Args>),
    /// Learning dynamics of two-layer linear networks and double descent
    Dynamics(dynamics::Args),
    /// Print the completions for a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What the user is told, with exit code 2.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match self {
            Self::Validate(args) => args.run(session),
            Self::Ntk(args) => args.dispatch(session),
            Self::Jacobian(args) => args.dispatch(session),
            Self::Export(args) => args.run(session),
            Self::Train(args) => args.dispatch(session),
            Self::Plan(args) => args.run(session),
            Self::Curvature(args) => args.dispatch(session),
            Self::Kfac(args) => args.run(session),
            Self::Kron(args) => args.run(session),
            Self::Laplace(args) => args.run(session),
            Self::Regress(args) => args.dispatch(session),
            Self::Dynamics(args) => args.run(session),
            Self::Completions(args) => args.run(Cli::command()),
            Self::Man(args) => args.run(Cli::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::args::Dtype;
    use crate::report::Format;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_command() {
        for line in [
            "nanocurv --dtype f32 --threads 3 --format json -q --timings validate",
            "nanocurv validate --dtype f32 --threads 3 --format json -q --timings",
            "nanocurv --dtype f32 --format json validate --threads 3 --quiet --timings",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.dtype, Some(Dtype::F32));
            assert_eq!(cli.global.threads.map(NonZeroUsize::get), Some(3));
            assert_eq!(cli.global.format, Format::Json);
            assert!(cli.global.quiet && cli.global.timings);
        }
        assert!(Cli::try_parse_from(["nanocurv", "--threads", "0", "validate"]).is_err());
    }
}
