//! What the verbs of one block share: factors as they are read, checks that form the block.

use anyhow::{Context, Result, ensure};

use crate::desktop::{Factor, Float};
use crate::io::{self, Source};

/// Reads a square factor.
///
/// # Errors
/// If the file is not readable or the matrix not square.
pub fn read_square<T: Float>(source: &Source) -> Result<Factor<T>> {
    let m = io::read_matrix::<T>(source)?;
    let (rows, cols) = m.dim();
    ensure!(rows == cols, "{source}: found {rows} x {cols}, needed a square matrix");
    Ok(Factor::new(source.to_string(), m.view()))
}

/// What only small blocks can be held against.
///
/// # Errors
/// If the block is not small.
pub fn check_size(parameters: usize) -> Result<()> {
    const LIMIT: usize = 6000;
    ensure!(
        parameters <= LIMIT,
        "--check forms the block, {parameters} x {parameters}; it is meant for up to {LIMIT}: \
         leave --check out"
    );
    Ok(())
}

/// A reference that must exist.
///
/// # Errors
/// If there is none.
pub fn reference(found: Option<Vec<f64>>) -> Result<Vec<f64>> {
    found.context("--check: the dense reference is singular")
}
