//! One file a verb. Each has its arguments and a `run` that reads, computes and finishes.

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Outcome;
use crate::session::Session;

pub mod completions;
pub mod curvature;
pub mod dynamics;
pub mod export;
pub mod jacobian;
pub mod kfac;
pub mod kron;
pub mod man;
pub mod ntk;
pub mod plan;
pub mod train;
pub mod validate;

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
            Self::Ntk(args) => args.run(session),
            Self::Jacobian(args) => args.run(session),
            Self::Export(args) => args.run(session),
            Self::Train(args) => args.run(session),
            Self::Plan(args) => args.run(session),
            Self::Curvature(args) => args.run(session),
            Self::Kfac(args) => args.run(session),
            Self::Kron(args) => args.run(session),
            Self::Dynamics(args) => args.run(session),
            Self::Completions(args) => args.run(),
            Self::Man(args) => args.run(),
        }
    }
}
