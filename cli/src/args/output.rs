//! Where the result goes and what it is held against.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::desktop::Float;
use crate::{io, report};

/// The output options.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Write the result to FILE: .npy (one array), .npz, .csv or .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The check options.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct CheckArgs {
    /// Compute the same through the dense f64 reference; exit 1 if the largest error, relative to
    /// the largest magnitude, exceeds the tolerance
    #[arg(long)]
    pub check: bool,
    /// What the relative error may be [default: 1e-10 in f64, 1e-5 in f32]
    #[arg(long, value_name = "X", requires = "check")]
    pub tolerance: Option<f64>,
}

/// The plot option.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct PlotArgs {
    /// Draw the result to FILE: .svg or .png
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

impl OutputArgs {
    /// Fails before the work begins if the result could not be written.
    ///
    /// # Errors
    /// If the extension or the folder of `--out` is none to write to.
    pub fn validate(&self) -> Result<()> {
        self.out.as_deref().map_or(Ok(()), report::check_destination)
    }
}

impl PlotArgs {
    /// Fails before the work begins if the plot could not be written.
    ///
    /// # Errors
    /// If the extension or the folder of `--plot` is none to write to.
    pub fn validate(&self) -> Result<()> {
        self.plot.as_deref().map_or(Ok(()), |path| io::check_destination(path, &["svg", "png"]))
    }
}

impl CheckArgs {
    /// The tolerance given, or that of the arithmetic.
    ///
    /// # Errors
    /// If the one given is negative or NaN.
    pub fn tolerance<T: Float>(&self) -> Result<f64> {
        let tolerance = self.tolerance.unwrap_or(T::TOLERANCE);
        ensure!(tolerance >= 0.0, "--tolerance: found {tolerance}, needed a positive number");
        Ok(tolerance)
    }
}
