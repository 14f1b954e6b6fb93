//! The program: parse, run, and say how it ended.

use std::io::Write;

use anyhow::Context;
use clap::Parser;

use crate::commands::Cli;
use crate::session::{Outcome, Session, handle_interrupts, is_broken_pipe, is_interruption};

/// Runs the program on the arguments of the process.
pub fn main() -> Outcome {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; a closed pipe after them is success.
            let _ = error.print();
            return if error.use_stderr() { Outcome::Failed } else { Outcome::Done };
        }
    };
    anstream::ColorChoice::write_global(cli.global.color.into());
    handle_interrupts();
    match run(cli) {
        Ok(outcome) => outcome,
        Err(error) if is_broken_pipe(&error) => Outcome::Done,
        Err(error) if is_interruption(&error) => Outcome::of_the_request(),
        Err(error) => {
            let style = anstyle::AnsiColor::Red.on_default().bold();
            let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {error:#}");
            Outcome::Failed
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let threads = cli.global.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .context("--threads: the threads cannot be started")?;
    let mut session = Session::new(cli.global);
    let outcome = pool.install(|| cli.command.run(&mut session))?;
    session.print_timings();
    Ok(outcome)
}
