//! What is said on the command line: global options and the groups that commands share.

use std::num::NonZeroUsize;

use clap::{Parser, ValueEnum};

use crate::commands::Command;
use crate::report::Format;

mod data;
mod loss;
mod model;
mod net;
mod output;

pub use data::{Data, DataArgs, TargetArgs, Targets, read_batch};
pub use loss::{Loss, LossArgs, Reduction};
pub use model::{Arch, ModelArgs};
pub use net::{Net, NetArgs, Parameterization};
pub use output::{CheckArgs, OutputArgs, PlotArgs};

/// Curvature and tangent kernels of small neural networks.
///
/// Reads networks from .safetensors (PyTorch state_dict) or .npz and data from .npy, .npz or .csv.
/// Results go to stdout or, with --out, to a file; everything else goes to stderr.
///
/// Exit codes: 0 done, 1 a check did not hold, 2 usage or unreadable input, 130 interrupted.
#[derive(Debug, Parser)]
#[command(
    name = "nanocurv",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Examples:
  nanocurv validate
  nanocurv ntk --net net.safetensors --activation tanh --data x.npy --check
  nanocurv jacobian --net net.safetensors --activation relu --data x.csv --out j.npy"
)]
pub struct Cli {
    /// Options for every command, before or after it.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options for every command, before or after it.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Arithmetic of the computation; f32 is what a microcontroller runs
    #[arg(long, global = true, value_enum, default_value_t, value_name = "TYPE")]
    pub dtype: Dtype,
    /// Threads to compute on [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// How the result is printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// No progress bar and no notes on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// One JSON line on stderr when done: read_s, compute_s, write_s
    #[arg(long, global = true)]
    pub timings: bool,
    /// Colours in messages
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// The arithmetic of the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// Single precision
    F32,
    /// Double precision
    #[default]
    F64,
}

/// When messages are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_command() {
        for line in [
            "nanocurv --dtype f32 --threads 3 --format json -q --timings validate",
            "nanocurv validate --dtype f32 --threads 3 --format json -q --timings",
            "nanocurv --dtype f32 --format json validate --threads 3 --quiet --timings",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.dtype, Dtype::F32);
            assert_eq!(cli.global.threads.map(NonZeroUsize::get), Some(3));
            assert_eq!(cli.global.format, Format::Json);
            assert!(cli.global.quiet && cli.global.timings);
        }
        assert!(Cli::try_parse_from(["nanocurv", "--threads", "0", "validate"]).is_err());
    }
}
