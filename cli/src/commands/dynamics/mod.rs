//! `nanocurv dynamics`: two-layer linear networks and double descent.

use anyhow::Result;
use clap::Subcommand;

use crate::desktop::dynamics::Route;
use crate::session::{Outcome, Session, Verb as _};

mod check;
mod data;
mod ensemble;
mod field;
mod field_check;
mod jacobian;
mod list;
mod measures;
mod modes;
mod picture;
mod risk;
mod run;
mod run_picture;
mod tour;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  nanocurv dynamics tour --plot tour.svg
  nanocurv dynamics data --dim 2 --samples 10 --seed 12 --noise 1 --kappa 10 --p 1 --transform --out d.npz
  nanocurv dynamics theory --data d.npz:X --targets d.npz:y --hidden 50 --init constant --scales 0.01,0.01 --lr 1e-3,1e-3 --iterations 10000 --check --plot run.svg")]
pub struct Args {
    #[command(subcommand)]
    command: Dynamics,
}

#[derive(Debug, Subcommand)]
enum Dynamics {
    /// Data of a linear teacher
    Data(data::Args),
    /// Train a two-layer linear network by full-batch gradient descent
    Train(run::Args),
    /// The same trajectory from the exact (u, z) reduction of a rank-one start
    Theory(run::Args),
    /// One decoupled mode in closed form
    Modes(modes::Args),
    /// The risk of early-stopped linear regression and its turning points
    Risk(risk::Args),
    /// The teacher-student risk averaged over random data (Marchenko-Pastur)
    Ensemble(ensemble::Args),
    /// The velocity field of the (u, z) flow on a plane
    Field(field::Args),
    /// Singular values of the Jacobian of a two-layer linear network and the share of each layer
    Jacobian(jacobian::Args),
    /// Double descent end to end: prints what happens and draws it
    Tour(tour::Args),
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, the training diverges, or the result cannot
    /// be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match &self.command {
            Dynamics::Data(args) => args.dispatch(session),
            Dynamics::Train(args) => args.by(Route::Training).dispatch(session),
            Dynamics::Theory(args) => args.by(Route::Theory).dispatch(session),
            Dynamics::Modes(args) => args.dispatch(session),
            Dynamics::Risk(args) => args.dispatch(session),
            Dynamics::Ensemble(args) => args.dispatch(session),
            Dynamics::Field(args) => args.dispatch(session),
            Dynamics::Jacobian(args) => args.dispatch(session),
            Dynamics::Tour(args) => args.dispatch(session),
        }
    }
}
