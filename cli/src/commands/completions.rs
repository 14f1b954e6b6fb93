//! `nanocurv completions SHELL`

use std::io::Write;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Outcome;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  nanocurv completions bash > ~/.local/share/bash-completion/completions/nanocurv")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

impl Args {
    /// Prints the completions.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn run(&self) -> Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "nanocurv", &mut script);
        std::io::stdout().write_all(&script).context("stdout")?;
        Ok(Outcome::Done)
    }
}
