//! Lists of numbers on the command line.

use std::str::FromStr;

use anyhow::{Result, bail, ensure};

use crate::desktop::Float;
use crate::io::{self, Source};

/// Numbers separated by commas, or a file that holds them.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// As said.
    Given(Vec<f64>),
    /// `.npy`, `.csv` or `.npz:NAME`
    File(Source),
}

impl FromStr for Numbers {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        Ok(match numbers {
            Ok(numbers) => Self::Given(numbers),
            Err(_) => Self::File(text.parse()?),
        })
    }
}

impl Numbers {
    /// The numbers.
    ///
    /// # Errors
    /// If the file is not readable or a number is not finite.
    pub fn read<T: Float>(&self, option: &str) -> Result<Vec<T>> {
        match self {
            Self::Given(numbers) => convert(option, numbers),
            Self::File(source) => io::read_vector(source),
        }
    }
}

/// `numbers` in the arithmetic of the computation.
///
/// # Errors
/// If one is not finite there.
pub fn convert<T: Float>(option: &str, numbers: &[f64]) -> Result<Vec<T>> {
    let converted: Vec<T> = numbers.iter().map(|v| T::of(*v)).collect();
    for (found, number) in converted.iter().zip(numbers) {
        ensure!(found.is_finite(), "{option}: found {number}, needed a finite number");
    }
    Ok(converted)
}

/// One number, or as many as are needed.
///
/// # Errors
/// If there is another number of them.
pub fn spread<T: Float>(option: &str, numbers: &[f64], needed: usize, of: &str) -> Result<Vec<T>> {
    let numbers = convert(option, numbers)?;
    match numbers.as_slice() {
        [one] => Ok(vec![*one; needed]),
        several if several.len() == needed => Ok(numbers),
        several => {
            bail!(
                "{option}: found {} numbers, needed 1 or {needed}, one for each {of}",
                several.len()
            )
        }
    }
}

/// Two numbers.
///
/// # Errors
/// If there is another number of them.
pub fn pair<T: Float>(option: &str, numbers: &[f64]) -> Result<(T, T)> {
    match convert(option, numbers)?.as_slice() {
        [a, b] => Ok((*a, *b)),
        other => bail!("{option}: found {} numbers, needed two separated by a comma", other.len()),
    }
}
