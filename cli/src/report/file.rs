//! Results as files: `.npy`, `.npz`, `.csv`, `.json`, by the extension.

use std::path::Path;

use anyhow::{Result, bail};

use super::result::Report;
use super::{csv, json};
use crate::io::{self, npy, npz};

/// What a result file can be.
const WRITTEN: [&str; 4] = ["npy", "npz", "csv", "json"];

/// Fails early if no result can be written to `path`.
///
/// # Errors
/// If it has no extension that results are written to, or no folder to be in.
pub fn check_destination(path: &Path) -> Result<()> {
    io::check_destination(path, &WRITTEN)
}

/// Writes a result as `.npy` (one array), `.npz`, `.csv` or `.json`, by the extension.
///
/// # Errors
/// If the extension is another one, `.npy` is to hold several arrays, or the disk fails.
pub fn save(path: &Path, report: &Report) -> Result<()> {
    check_destination(path)?;
    match io::extension(path).as_str() {
        "npy" => {
            let array = match report.arrays().as_slice() {
                [(_, array)] => *array,
                several => {
                    let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
                    bail!(
                        "{}: a .npy file holds one array, but the result has {} ({}); \
                         write an .npz file",
                        path.display(),
                        names.len(),
                        names.join(", ")
                    )
                }
            };
            io::write_atomically(path, |writer| npy::write(writer, array))
        }
        "npz" => {
            let (arrays, numbers) = (report.arrays(), report.numbers());
            let arrays = arrays.into_iter().map(|(name, array)| (name.as_str(), array));
            let numbers = numbers.iter().map(|(name, number)| (name.as_str(), number));
            io::write_atomically(path, |writer| npz::write(writer, arrays.chain(numbers)))
        }
        "csv" => io::write_atomically(path, |writer| csv::write(writer, report)),
        _ => io::write_atomically(path, |writer| json::write(writer, report)),
    }
}
