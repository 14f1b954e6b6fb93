//! `nanocurv plan`: what a network needs on a microcontroller.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};

use crate::args::{Dtype, NetArgs, OutputArgs, choice};
use crate::desktop::laplace::StructureKind;
use crate::desktop::plan::{Measured, OptLevel, Plan, PlanSettings, Task, plan};
use crate::desktop::train::OptimizerKind;
use crate::report::{self, Format, Item, Report};
use crate::session::{Outcome, Session};

/// No batch is larger: sizes stay exact.
const MAX_BATCH: u64 = 1 << 16;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: `memory` (name, kind, values, bytes, counted) in the arithmetic of --dtype, f32 unless told; \
`measured` (task, measured_as, exact, flash, stack, instructions) on a Cortex-M4F in f32: the row \
of this very network and batch if the table has it, otherwise the row of the same task that \
`measured_as` names, without instructions. `ram`: what is counted, the largest scratch of it once, \
and the deepest stack; `flash`: the initial parameters, the posterior and the code, as if tasks \
shared none. \
Exits 1 if that exceeds --ram or --flash.

Examples:
  nanocurv plan --arch 4-8-8-1 --activation tanh --batch 8
  nanocurv plan --arch 4-8-8-1 --activation tanh --posterior kron --optimizer kfac --ram 64k --flash 256k
  nanocurv plan --arch 4-8-8-1 --activation tanh --batch 8 --freeze 2 --optimizer kfac
  nanocurv plan --net net.safetensors --activation relu --batch 1 --task forward --format json"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    /// Samples in a batch
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH))]
    batch: u64,
    /// The first K layers stay as they are, in flash: training and all but the outputs is of the
    /// others, on what these make of the inputs
    #[arg(long, value_name = "K", default_value_t = 0)]
    freeze: usize,
    /// What the firmware does besides training, in turn on one scratch, separated by commas
    #[arg(
        long,
        value_parser = choice::<Task>(),
        value_name = "TASK",
        value_delimiter = ',',
        default_value = "forward,ntk"
    )]
    task: Vec<Task>,
    /// The optimiser that adapts the parameters there
    #[arg(long, value_parser = choice::<OptimizerKind>(), value_name = "NAME")]
    optimizer: Option<OptimizerKind>,
    /// The posterior whose predictions the firmware makes, sample by sample
    #[arg(long, value_parser = choice::<StructureKind>(), value_name = "KIND")]
    posterior: Option<StructureKind>,
    /// The memory there is: bytes, or with k or M (1024, 1024^2)
    #[arg(long, value_name = "SIZE")]
    ram: Option<Size>,
    /// The flash there is
    #[arg(long, value_name = "SIZE")]
    flash: Option<Size>,
    /// How the firmware is built, for the measured figures
    #[arg(long, value_parser = choice::<OptLevel>(), default_value_t, value_name = "LEVEL")]
    opt_level: OptLevel,
    #[command(flatten)]
    out: OutputArgs,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
        let (number, unit) = lower.split_at(digits);
        let factor: u64 = match unit.trim() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            _ => 0,
        };
        let bytes = number.parse().ok().and_then(|n: u64| n.checked_mul(factor));
        bytes
            .filter(|_| factor > 0)
            .map(Self)
            .ok_or_else(|| "needed bytes such as 65536, 64k or 1M".to_owned())
    }
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the network is unreadable or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        let net = session.read(|| self.net.read_or_begin::<f32>(0))?;
        session.introduce(&net);
        // What a microcontroller computes with, unless told.
        let bytes = match session.global.dtype.unwrap_or(Dtype::F32) {
            Dtype::F32 => 4,
            Dtype::F64 => 8,
        };
        let plan = plan(
            &net,
            &PlanSettings {
                batch: self.batch as usize,
                freeze: self.freeze,
                tasks: self.task.clone(),
                optimizer: self.optimizer,
                posterior: self.posterior,
                level: self.opt_level,
            },
        )?;
        let mut report = describe(&plan, bytes);
        let limits = [("ram", plan.ram(bytes), self.ram), ("flash", plan.flash(bytes), self.flash)];
        let verdicts: Vec<_> = limits
            .into_iter()
            .filter_map(|(what, needed, limit)| Some(Verdict { what, needed, limit: limit?.0 }))
            .collect();
        let fits = verdicts.iter().all(Verdict::fits);
        for verdict in &verdicts {
            report.push(format!("{}_limit", verdict.what), Item::Count(verdict.limit));
        }
        if !verdicts.is_empty() {
            report.flag("fits", fits);
        }
        if !plan.unmeasured.is_empty() {
            session.note(&format!(
                "code and stack of {} are not in the table of measured figures, and not in the sums",
                plan.unmeasured.join(", ")
            ));
        }
        if session.global.format == Format::Text {
            let mut text = Vec::new();
            report::text::write(&mut text, &report)?;
            let mut text = String::from_utf8(text).context("the table")?;
            verdicts.iter().for_each(|verdict| text.push_str(&format!("{verdict}\n")));
            report.set_text(text.trim_end());
        }
        let outcome = session.finish(report, &self.out, None)?;
        Ok(if fits { outcome } else { Outcome::CheckFailed })
    }
}

fn describe(plan: &Plan, bytes: u64) -> Report {
    let mut report = Report::new();
    report.word("arch", &plan.setting.arch).word("activation", &plan.setting.activation);
    report.count("batch", plan.setting.batch).push("bytes_per_value", Item::Count(bytes));
    let rows = plan.parts.iter().map(|part| {
        let mut row = Report::new();
        row.word("name", &part.name).word("kind", part.kind.name());
        row.count("values", part.values).push("bytes", Item::Count(part.values as u64 * bytes));
        row.flag("counted", part.counted);
        row
    });
    report.records("memory", rows.collect());
    report.records("measured", plan.measured.iter().map(measured).collect());
    report.push("ram", Item::Count(plan.ram(bytes)));
    report.push("flash", Item::Count(plan.flash(bytes)));
    report
}

/// A row of measured figures; instructions only of the very setting, as they grow with it.
fn measured(row: &Measured) -> Report {
    let figure = |value: Option<u64>| value.map_or(Item::Text("-".to_owned()), Item::Count);
    let mut report = Report::new();
    report.word("task", &row.task).word("measured_as", &row.row).flag("exact", row.exact);
    report.push("flash", figure(row.flash)).push("stack", figure(row.stack));
    report.push("instructions", figure(row.instructions.filter(|_| row.exact)));
    report
}

/// Whether it fits.
struct Verdict {
    what: &'static str,
    needed: u64,
    limit: u64,
}

impl Verdict {
    fn fits(&self) -> bool {
        self.needed <= self.limit
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, needed, limit } = self;
        if self.fits() {
            write!(f, "{what}: {needed} of {limit} bytes, {} left", limit - needed)
        } else {
            write!(f, "{what}: {needed} bytes do not fit {limit}, {} too many", needed - limit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_powers_of_two() {
        for (text, bytes) in [("64k", 65536), ("1M", 1 << 20), ("100", 100), ("2 KiB", 2048)] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        for bad in ["", "k", "-1", "64x", "1.5k", "99999999999999999999", "18446744073709551615k"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
