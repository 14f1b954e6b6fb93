//! Results: named arrays, numbers and words in order, and the ways to print them.

use std::io::Write;

use anyhow::Result;

pub mod csv;
mod file;
pub mod json;
mod result;
pub mod text;

pub use file::{check_destination, save};
pub use result::{Item, Report};

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for reading; large arrays are summarised
    #[default]
    Text,
    /// One object; arrays are nested lists, every number round-trips
    Json,
    /// Rows of numbers; several arrays of equal length become columns
    Csv,
}

/// Prints a result.
///
/// # Errors
/// If the writer fails.
pub fn print(writer: &mut impl Write, report: &Report, format: Format) -> Result<()> {
    match format {
        Format::Text => text::write(writer, report),
        Format::Json => json::write(writer, report),
        Format::Csv => csv::write(writer, report),
    }
}
