//! `nanocurv validate`: every check on the example cases shipped with the program.
//!
//! A topic is a module with `pub fn checks() -> Vec<Check>`, listed in `all`.

use std::fmt;
use std::io::Write;

use anyhow::{Context, Result};

use crate::args::OutputArgs;
use crate::exit::Outcome;
use crate::report::{Format, Report};
use crate::session::Session;

pub mod cases;
pub mod curvature;
mod kfac;
mod kron;
mod ntk;
mod references;

/// One line of the validation: a name and how to find the worst error.
pub struct Check {
    /// What is held against what, topic first.
    pub name: String,
    /// What the error may be.
    pub tolerance: f64,
    /// Computes the worst relative error.
    pub error: Box<dyn FnOnce() -> Result<f64>>,
}

impl Check {
    /// A check of this name, tolerance and measure.
    pub fn new(
        name: impl Into<String>,
        tolerance: f64,
        error: impl FnOnce() -> Result<f64> + 'static,
    ) -> Self {
        Self { name: name.into(), tolerance, error: Box::new(error) }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({}, {:e})", self.name, self.tolerance)
    }
}

/// The checks of all topics.
fn all() -> Vec<Check> {
    [references::checks(), ntk::checks(), curvature::checks(), kfac::checks(), kron::checks()]
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
        let progress = session.progress("validate", checks.len());
        let (mut records, mut failed) = (Vec::new(), 0);
        for check in checks {
            let name = check.name;
            let (error, reason) = match session.compute(check.error) {
                Ok(error) => (error, None),
                Err(reason) => (f64::INFINITY, Some(reason)),
            };
            let passed = error <= check.tolerance;
            failed += usize::from(!passed);
            if live {
                let tolerance = check.tolerance;
                line(&name, width, error, tolerance, passed).context("stdout")?;
            }
            if let Some(reason) = reason {
                session.note(&format!("{name}: {reason:#}"));
            }
            let mut record = Report::new();
            record
                .word("name", name)
                .number("error", error)
                .number("tolerance", check.tolerance)
                .flag("passed", passed);
            records.push(record);
            progress.advance(1);
        }
        let passed = records.len() - failed;
        let mut report = Report::new();
        report
            .set_text(format!("{passed} passed, {failed} failed"))
            .records("checks", records)
            .count("passed", passed)
            .count("failed", failed);
        drop(progress);
        session.finish(report, &self.output, None)?;
        Ok(if failed == 0 { Outcome::Done } else { Outcome::CheckFailed })
    }
}

/// One check as a person reads it; green and red on a terminal.
fn line(name: &str, width: usize, error: f64, tolerance: f64, passed: bool) -> std::io::Result<()> {
    use anstyle::AnsiColor::{Green, Red};
    let (word, color) = if passed { ("pass", Green) } else { ("FAIL", Red) };
    let style = color.on_default();
    writeln!(
        anstream::stdout(),
        "{name:width$}  error {error:<8.1e}  tolerance {tolerance:<5.0e}  {style}{word}{style:#}"
    )
}
