//! `nanocurv completions SHELL`

use std::io::Write;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

use crate::session::Outcome;

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
    /// Prints the completions of `program`.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn run(&self, mut program: Command) -> Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "nanocurv", &mut script);
        std::io::stdout().write_all(&script).context("stdout")?;
        Ok(Outcome::Done)
    }
}
