//! Options for every command.

use std::num::NonZeroUsize;

use clap::ValueEnum;

use crate::report::Format;

/// Options for every command, before or after it.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Arithmetic of the computation; f32 is what a microcontroller runs [default: f64; plan: f32]
    #[arg(long, global = true, value_enum, value_name = "TYPE")]
    pub dtype: Option<Dtype>,
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
