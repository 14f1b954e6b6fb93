//! `nanocurv man`

use std::io::Write;

use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;

use crate::session::Outcome;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  nanocurv man > nanocurv.1 && man ./nanocurv.1
  nanocurv man ntk | man -l -")]
pub struct Args {
    /// The command whose page to print; without it, the program's
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

impl Args {
    /// Prints the page of `program` or of a command of it.
    ///
    /// # Errors
    /// If there is no such command or stdout cannot be written.
    pub fn run(&self, mut program: Command) -> Result<Outcome> {
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => program
                .find_subcommand(name)
                .cloned()
                .with_context(|| format!("man: there is no command '{name}'"))?,
        };
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        std::io::stdout().write_all(&page).context("stdout")?;
        Ok(Outcome::Done)
    }
}
