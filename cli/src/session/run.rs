//! One run of the program: its options, its clock, its way out.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::args::{GlobalArgs, OutputArgs};
use crate::dense::Check;
use crate::desktop::{Network, Watch};
use crate::report::{self, Format, Item, Report};

use super::exit::{Interruptible, Outcome};
use super::progress::Bar;

/// One run of the program.
#[derive(Debug)]
pub struct Session {
    /// The global options.
    pub global: GlobalArgs,
    /// The order of the network's layers, where it is not that of their numbers.
    order: Option<String>,
    read: Duration,
    compute: Duration,
    write: Duration,
}

/// The line that `--timings` prints.
#[derive(Serialize)]
struct Timings {
    read_s: f64,
    compute_s: f64,
    write_s: f64,
}

impl Session {
    /// A run with these options.
    pub fn new(global: GlobalArgs) -> Self {
        let zero = Duration::ZERO;
        Self { global, order: None, read: zero, compute: zero, write: zero }
    }

    /// Runs `work` on the clock for reading.
    pub fn read<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.read += start.elapsed();
        result
    }

    /// Runs `work` on the clock for computing. Its watch draws a progress bar; Ctrl-C ends the
    /// program.
    pub fn compute<R>(&mut self, work: impl FnOnce(Watch<'_>) -> R) -> R {
        let bar = Bar::new(self.global.quiet);
        let start = Instant::now();
        let result = work(&|progress| {
            bar.show(progress);
            ControlFlow::Continue(())
        });
        self.compute += start.elapsed();
        result
    }

    /// As [`Session::compute`] for work that knows how to stop: the first Ctrl-C asks it to, the
    /// second ends the program.
    pub fn compute_interruptibly<R>(&mut self, work: impl FnOnce(Watch<'_>) -> R) -> R {
        let interruptible = Interruptible::begin();
        let bar = Bar::new(self.global.quiet);
        let start = Instant::now();
        let result = work(&|progress| {
            bar.show(progress);
            if interruptible.requested() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        self.compute += start.elapsed();
        result
    }

    /// A remark on stderr, unless `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.global.quiet {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Says on stderr what there is to say about how a network was read.
    pub fn introduce<T>(&mut self, net: &Network<T>) {
        let order = net.order.as_ref().map(|order| format!("layers: {order}"));
        for note in order.iter().chain(&net.notes) {
            self.note(&format!("{}: {note}", net.name));
        }
        self.order = order;
    }

    /// Writes the result to `--out` or prints it, states the check, and gives the exit code.
    ///
    /// # Errors
    /// If the result is not finite or cannot be written.
    pub fn finish(
        &mut self,
        mut report: Report,
        output: &OutputArgs,
        check: Option<Check>,
    ) -> Result<Outcome> {
        let start = Instant::now();
        report.require_finite()?;
        if let Some(check) = check {
            report.push("check", Item::Check(check));
        }
        let text = self.global.format == Format::Text;
        let mut check_stated = false;
        if let Some(path) = &output.out {
            report::save(path, &report)?;
            self.note(&format!("wrote {}", path.display()));
        } else {
            if let (true, Some(order)) = (text, &self.order) {
                writeln!(std::io::stdout(), "{order}").context("stdout")?;
            }
            print(&report, self.global.format)?;
            check_stated = text;
        }
        if let (Some(check), false) = (&check, check_stated) {
            if text {
                let mut stdout = std::io::stdout().lock();
                writeln!(stdout, "{check}").context("stdout")?;
            } else {
                // stdout is for a machine here.
                let _ = writeln!(anstream::stderr(), "{check}");
            }
        }
        self.write += start.elapsed();
        Ok(match check {
            Some(Check { passed: false, .. }) => Outcome::CheckFailed,
            _ => Outcome::Done,
        })
    }

    /// The line that `--timings` asks for.
    pub(crate) fn print_timings(&self) {
        if self.global.timings {
            let [read_s, compute_s, write_s] =
                [self.read, self.compute, self.write].map(|d| d.as_secs_f64());
            if let Ok(line) = serde_json::to_string(&Timings { read_s, compute_s, write_s }) {
                let _ = writeln!(anstream::stderr(), "{line}");
            }
        }
    }
}

/// Prints a result on stdout.
fn print(report: &Report, format: Format) -> Result<()> {
    let mut stdout = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    report::print(&mut stdout, report, format).context("stdout")?;
    stdout.flush().context("stdout")
}
