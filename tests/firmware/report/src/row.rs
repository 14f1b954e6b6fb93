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
    /// The results' bits, one per profile; none for an image.
    pub bits: Vec<String>,
}

/// The figures of one task, as the budgets hold them: on a Cortex-M4F at opt-level 3, `_s` at "s",
/// `_mixed` with the kernels at 3 and the rest at "s"; `_m0` and `_rv32` without floating point, on
/// `thumbv6m` and `riscv32imac` at opt-level 3.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Figures {
    pub task: String,
    pub instructions: Option<u64>,
    pub instructions_s: Option<u64>,
    pub instructions_mixed: Option<u64>,
    pub instructions_m0: Option<u64>,
    pub instructions_rv32: Option<u64>,
    pub flash: Option<u64>,
    pub flash_s: Option<u64>,
    pub flash_mixed: Option<u64>,
    pub stack: Option<u64>,
    pub stack_s: Option<u64>,
    pub stack_mixed: Option<u64>,
    pub scratch: Option<u64>,
}

/// The profiles, in the order of the figures.
pub const PROFILES: [&str; 3] = ["release", "size", "mixed"];

/// The rows of one image. What is wrong with them is added to `faults`.
pub fn read(table: &Path, family: &str, quick: bool, faults: &mut Vec<String>) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (p, profile) in PROFILES.into_iter().enumerate() {
        let folder = table.join(profile);
        for (i, printed) in
            printed(&folder.join(format!("{family}.jsonl")))?.into_iter().enumerate()
        {
            let task = printed.task;
            if let Some(error) = printed.error {
                faults.push(format!("{task} ({profile}): {error}"));
            }
            if printed.instructions.is_none() || printed.stack.is_none() {
                faults.push(format!("{task} ({profile}): beyond what can be measured"));
            }
            // Alone in its image, as a user flashes it, unless only the family's were built.
            let alone = match quick {
                true => None,
                false => self::printed(&folder.join(format!("{task}.jsonl")))?.pop(),
            };
            let (instructions, stack) =
                alone.map_or((printed.instructions, printed.stack), |a| (a.instructions, a.stack));
            let flash = if quick { None } else { Some(flash(&folder, &task)?) };
            if rows.len() <= i {
                let scratch = Some(printed.scratch);
                let figures = Figures { task, scratch, ..Figures::default() };
                rows.push(Row { figures, bits: Vec::new() });
            }
            let row = &mut rows[i];
            row.bits.push(printed.bits.unwrap_or_default());
            let f = &mut row.figures;
            *[&mut f.instructions, &mut f.instructions_s, &mut f.instructions_mixed][p] =
                instructions;
            *[&mut f.flash, &mut f.flash_s, &mut f.flash_mixed][p] = flash;
            *[&mut f.stack, &mut f.stack_s, &mut f.stack_mixed][p] = stack;
        }
    }
    rows.push(whole(table, family, faults)?);
    Ok(rows)
}

/// The results of one image on a processor without floating point, which the folder is named
/// after, and their instructions. What is wrong with it is added to `faults`.
pub fn portable(folder: &Path, family: &str, faults: &mut Vec<String>) -> Result<Vec<Row>> {
    let is_arm = folder.file_name().is_some_and(|name| name == "thumbv6m-none-eabi");
    for symbol in image::unwanted(&folder.join(format!("{family}.elf")))? {
        faults.push(format!("{family}: the image holds {symbol}"));
    }
    let printed = printed(&folder.join(format!("{family}.jsonl")))?;
    Ok(printed
        .into_iter()
        .map(|printed| {
            if let Some(error) = printed.error {
                faults.push(format!("{}: {error}", printed.task));
            }
            if printed.instructions.is_none() {
                faults.push(format!("{}: beyond what can be measured", printed.task));
            }
            let mut figures = Figures { task: printed.task, ..Figures::default() };
            *(if is_arm { &mut figures.instructions_m0 } else { &mut figures.instructions_rv32 }) =
                printed.instructions;
            Row { figures, bits: vec![printed.bits.unwrap_or_default()] }
        })
        .collect())
}

/// The row of a whole image, vector table and harness included.
pub fn whole(table: &Path, name: &str, faults: &mut Vec<String>) -> Result<Row> {
    let image = |profile: &str| table.join(profile).join(format!("{name}.elf"));
    for profile in PROFILES {
        for symbol in image::unwanted(&image(profile))? {
            faults.push(format!("{name} ({profile}): the image holds {symbol}"));
        }
    }
    let flash = |profile: &str| image::flash(&image(profile)).map(Some);
    let figures = Figures {
        task: format!("image {name}"),
        flash: flash(PROFILES[0])?,
        flash_s: flash(PROFILES[1])?,
        flash_mixed: flash(PROFILES[2])?,
        ..Figures::default()
    };
    Ok(Row { figures, bits: Vec::new() })
}

/// The bytes that a task adds to the image of the harness.
fn flash(folder: &Path, task: &str) -> Result<u64> {
    let with = image::flash(&folder.join(format!("{task}.elf")))?;
    let without = image::flash(&folder.join("baseline.elf"))?;
    Ok(with.saturating_sub(without))
}

fn printed(path: &Path) -> Result<Vec<Printed>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()))
        })
        .collect()
}
