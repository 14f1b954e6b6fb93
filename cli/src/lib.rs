//! The command-line program `nanocurv`: files in, curvature and tangent kernels out, checked
//! against dense references.
//!
//! ```text
//! args/      what is said on the command line (clap), and the groups that commands share
//! io/        files, one module a format
//! commands/  one file a verb: read, compute, finish
//! dense/     the references, naive and in f64
//! plot/      pictures of results
//! report/    results as text, JSON and CSV
//! ```

use std::io::Write;

use clap::Parser;

pub mod args;
pub mod array;
pub mod check;
pub mod commands;
pub mod dense;
pub mod exit;
pub mod io;
pub mod parallel;
pub mod plot;
pub mod progress;
pub mod report;
pub mod session;
pub mod tiles;

use anyhow::Context;
use args::Cli;
use exit::Outcome;
use session::Session;

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
    exit::handle_interrupts();
    match run(cli) {
        Ok(outcome) => outcome,
        Err(error) if exit::is_broken_pipe(&error) => Outcome::Done,
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
