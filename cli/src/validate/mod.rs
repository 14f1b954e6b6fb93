//! `nanocurv validate`: every check on the example cases shipped with the program.
//!
//! A topic is a module with `pub fn checks() -> Vec<Check>`, listed in `all`.

use std::io::Write;

use anyhow::{Context, Result};

use crate::args::OutputArgs;
use crate::desktop::watch::Work;
use crate::report::{Format, Report};
use crate::session::{Outcome, Session};
use check::Check;

pub mod cases;
mod check;
mod curvature;
mod dynamics;
mod kfac;
mod kron;
mod laplace;
mod ntk;
mod references;

/// The checks of all topics.
fn all() -> Vec<Check> {
    [
        references::checks(),
        ntk::checks(),
        curvature::checks(),
        kfac::checks(),
        kron::checks(),
        laplace::checks(),
        dynamics::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  nanocurv validate --filter ntk")]
pub struct Args {
    /// Only checks whose name contains TEXT
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Where the result goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Args {
    /// Runs the checks.
    ///
    /// # Errors
    /// If the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        self.output.validate()?;
        let mut checks = all();
        if let Some(text) = &self.filter {
            checks.retain(|check| check.name.contains(text.as_str()));
        }
        anyhow::ensure!(
            !checks.is_empty(),
            "--filter: no check has '{}' in its name",
            self.filter.as_deref().unwrap_or_default()
        );
        let live = self.output.out.is_none() && session.global.format == Format::Text;
        let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let (mut records, mut failed) = (Vec::new(), 0);
        let errors = session.compute(|watch| -> Result<_> {
            let work = Work::new(watch, "validate", checks.len());
            let mut errors = Vec::new();
            for check in checks {
                let outcome = (check.error)();
                let error = *outcome.as_ref().unwrap_or(&f64::INFINITY);
                if live {
                    line(&check.name, width, error, check.tolerance).context("stdout")?;
                }
                errors.push((check.name, check.tolerance, error, outcome.err()));
                work.advance(1)?;
            }
            Ok(errors)
        })?;
        for (name, tolerance, error, reason) in errors {
            let passed = error <= tolerance;
            failed += usize::from(!passed);
            if let Some(reason) = reason {
                session.note(&format!("{name}: {reason:#}"));
            }
            let mut record = Report::new();
            record
                .word("name", name)
                .number("error", error)
                .number("tolerance", tolerance)
                .flag("passed", passed);
            records.push(record);
        }
        let passed = records.len() - failed;
        let mut report = Report::new();
        report
            .set_text(format!("{passed} passed, {failed} failed"))
            .records("checks", records)
            .count("passed", passed)
            .count("failed", failed);
        session.finish(report, &self.output, None)?;
        Ok(if failed == 0 { Outcome::Done } else { Outcome::CheckFailed })
    }
}

/// One check as a person reads it; green and red on a terminal.
fn line(name: &str, width: usize, error: f64, tolerance: f64) -> std::io::Result<()> {
    use anstyle::AnsiColor::{Green, Red};
    let (word, color) = if error <= tolerance { ("pass", Green) } else { ("FAIL", Red) };
    let style = color.on_default();
    writeln!(
        anstream::stdout(),
        "{name:width$}  error {error:<8.1e}  tolerance {tolerance:<5.0e}  {style}{word}{style:#}"
    )
}
