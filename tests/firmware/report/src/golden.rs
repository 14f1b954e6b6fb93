//! The target's results against the host's, which `tests/tests/firmware_bits.rs` keeps in
//! `golden/*.bits`: per line a task, `exact` or the relative error allowed, and the bits.

use crate::row::{PROFILES, Row};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A result of the host.
struct Golden {
    /// Relative to the largest value; 0 is bit for bit.
    tolerance: f32,
    values: Vec<f32>,
}

/// A yardstick computes what the task of the same name without this prefix does, by other sums.
const YARDSTICK: &str = "nalgebra ";
const YARDSTICK_TOLERANCE: f32 = 1e-4;

/// Adds to `faults` every row whose values are not the host's.
pub fn compare(folder: &Path, rows: &[Row], faults: &mut Vec<String>) -> Result<()> {
    let golden = read(folder)?;
    for row in rows.iter().filter(|row| !row.bits.is_empty()) {
        let task = &row.figures.task;
        let (name, least) = match task.strip_prefix(YARDSTICK) {
            Some(name) => (name, YARDSTICK_TOLERANCE),
            None => (task.as_str(), 0.0),
        };
        let Some(golden) = golden.get(name) else {
            if least == 0.0 {
                faults.push(format!(
                    "{task}: no golden bits; UPDATE_GOLDEN=1 cargo test --test firmware_bits \
                     writes them"
                ));
            }
            continue;
        };
        for (bits, profile) in row.bits.iter().zip(PROFILES) {
            let values = floats(bits).with_context(|| format!("{task} ({profile})"))?;
            if least > 0.0 && values.is_empty() {
                continue; // a yardstick of another form
            }
            if let Some(fault) = difference(golden, &values, golden.tolerance.max(least)) {
                faults.push(format!("{task} ({profile}): {fault}"));
            }
        }
    }
    Ok(())
}

/// What is wrong with `values`, if anything is.
fn difference(golden: &Golden, values: &[f32], tolerance: f32) -> Option<String> {
    if values.len() != golden.values.len() {
        return Some(format!("{} values, the host has {}", values.len(), golden.values.len()));
    }
    let largest = golden.values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let agrees = |v: f32, g: f32| match tolerance {
        0.0 => v.to_bits() == g.to_bits(),
        _ => (v - g).abs() <= tolerance * largest,
    };
    let (i, (v, g)) =
        values.iter().zip(&golden.values).enumerate().find(|(_, (v, g))| !agrees(**v, **g))?;
    Some(format!("value {i} is {v:?}, on the host {g:?} (tolerance {tolerance:e})"))
}

fn read(folder: &Path) -> Result<HashMap<String, Golden>> {
    let mut golden = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "bits") {
            continue; // the calibration's log
        }
        for line in fs::read_to_string(&path)?.lines() {
            let (task, tolerance, bits) = line
                .split_once('\t')
                .and_then(|(task, rest)| rest.split_once('\t').map(|(t, b)| (task, t, b)))
                .with_context(|| format!("{}: not task, tolerance, bits", path.display()))?;
            let tolerance = if tolerance == "exact" { 0.0 } else { tolerance.parse()? };
            golden.insert(task.to_owned(), Golden { tolerance, values: floats(bits)? });
        }
    }
    Ok(golden)
}

/// Eight hexadecimal digits a value.
fn floats(bits: &str) -> Result<Vec<f32>> {
    bits.as_bytes()
        .chunks(8)
        .map(|word| Ok(f32::from_bits(u32::from_str_radix(std::str::from_utf8(word)?, 16)?)))
        .collect()
}
