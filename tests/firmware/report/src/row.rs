//! A row: one task's figures at both optimisation levels.

use crate::image;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// What an image prints about a task.
#[derive(Deserialize)]
struct Printed {
    task: String,
    scratch: u64,
    instructions: Option<u64>,
    stack: Option<u64>,
    bits: Option<String>,
    error: Option<String>,
}

/// One task.
pub struct Row {
    pub figures: Figures,
    /// The results' bits, one per profile.
    pub bits: [String; 2],
}

/// The figures of one task, as the budgets hold them: `_s` at opt-level "s".
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figures {
    pub task: String,
    pub instructions: Option<u64>,
    pub instructions_s: Option<u64>,
    pub flash: Option<u64>,
    pub flash_s: Option<u64>,
    pub stack: Option<u64>,
    pub stack_s: Option<u64>,
    pub scratch: Option<u64>,
}

/// The profiles: opt-level 3 and "s".
pub const PROFILES: [&str; 2] = ["release", "size"];

/// The rows of one image. What is wrong with them is added to `faults`.
pub fn read(table: &Path, family: &str, quick: bool, faults: &mut Vec<String>) -> Result<Vec<Row>> {
    let mut profiles = Vec::new();
    for profile in PROFILES {
        let folder = table.join(profile);
        let elf = folder.join(format!("{family}.elf"));
        for symbol in image::unwanted(&elf)? {
            faults.push(format!("{family} ({profile}): the image holds {symbol}"));
        }
        profiles.push((printed(&folder.join(format!("{family}.jsonl")))?, folder));
    }
    let [(speed, speed_folder), (size, size_folder)] =
        <[_; 2]>::try_from(profiles).ok().context("two profiles")?;
    let flash = |folder: &Path, task: &str| -> Result<Option<u64>> {
        if quick {
            return Ok(None);
        }
        let with = image::flash(&folder.join(format!("{task}.elf")))?;
        let without = image::flash(&folder.join("baseline.elf"))?;
        Ok(Some(with.saturating_sub(without)))
    };
    let mut rows = Vec::new();
    for (speed, size) in speed.into_iter().zip(size) {
        for (p, profile) in [(&speed, PROFILES[0]), (&size, PROFILES[1])] {
            if let Some(error) = &p.error {
                faults.push(format!("{} ({profile}): {error}", p.task));
            }
            if p.instructions.is_none() || p.stack.is_none() {
                faults.push(format!("{} ({profile}): beyond what can be measured", p.task));
            }
        }
        rows.push(Row {
            figures: Figures {
                instructions: speed.instructions,
                instructions_s: size.instructions,
                flash: flash(&speed_folder, &speed.task)?,
                flash_s: flash(&size_folder, &speed.task)?,
                stack: speed.stack,
                stack_s: size.stack,
                scratch: Some(speed.scratch),
                task: speed.task,
            },
            bits: [speed.bits.unwrap_or_default(), size.bits.unwrap_or_default()],
        });
    }
    Ok(rows)
}

fn printed(path: &Path) -> Result<Vec<Printed>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()))
        })
        .collect()
}
