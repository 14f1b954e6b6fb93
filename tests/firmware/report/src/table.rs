//! The table: as text, as JSON, and against the budgets.

use crate::row::{Figures, Row};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};
use std::path::Path;

/// A figure may exceed its budget by this much.
const ALLOWANCE: f64 = 0.05;

impl Figures {
    /// Every figure with its name.
    fn named(&self) -> [(&'static str, Option<u64>); 12] {
        [
            ("instructions", self.instructions),
            ("instructions s", self.instructions_s),
            ("instructions mixed", self.instructions_mixed),
            ("instructions m0", self.instructions_m0),
            ("instructions rv32", self.instructions_rv32),
            ("flash", self.flash),
            ("flash s", self.flash_s),
            ("flash mixed", self.flash_mixed),
            ("stack", self.stack),
            ("stack s", self.stack_s),
            ("stack mixed", self.stack_mixed),
            ("scratch", self.scratch),
        ]
    }

    /// These, and what is not known of them from `old`: no command measures all.
    fn or(self, old: &Self) -> Self {
        Self {
            task: self.task,
            instructions: self.instructions.or(old.instructions),
            instructions_s: self.instructions_s.or(old.instructions_s),
            instructions_mixed: self.instructions_mixed.or(old.instructions_mixed),
            instructions_m0: self.instructions_m0.or(old.instructions_m0),
            instructions_rv32: self.instructions_rv32.or(old.instructions_rv32),
            flash: self.flash.or(old.flash),
            flash_s: self.flash_s.or(old.flash_s),
            flash_mixed: self.flash_mixed.or(old.flash_mixed),
            stack: self.stack.or(old.stack),
            stack_s: self.stack_s.or(old.stack_s),
            stack_mixed: self.stack_mixed.or(old.stack_mixed),
            scratch: self.scratch.or(old.scratch),
        }
    }
}

/// The table as a person reads it; bytes but for the instructions.
pub fn text(rows: &[Row]) -> Table {
    let header = [
        "task",
        "instructions O3",
        "Os",
        "mixed",
        "M0",
        "RV32",
        "flash O3",
        "Os",
        "mixed",
        "stack O3",
        "Os",
        "mixed",
        "scratch",
    ];
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for Row { figures, .. } in rows {
        let cells = figures.named().map(|(_, f)| f.map_or_else(String::new, |f| f.to_string()));
        table.add_row([figures.task.clone()].into_iter().chain(cells));
    }
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    table
}

/// The rows at opt-level 3 as a JSON list; what was not measured is left out.
pub fn json(path: &Path, rows: &[Row]) -> Result<()> {
    let object = |f: &Figures| {
        let mut object = Map::new();
        object.insert("task".into(), f.task.clone().into());
        for (key, figure) in f.named().into_iter().filter(|(key, _)| !key.contains(' ')) {
            if let Some(figure) = figure {
                object.insert(key.into(), figure.into());
            }
        }
        Value::Object(object)
    };
    let list: Vec<Value> = rows.iter().map(|row| object(&row.figures)).collect();
    Ok(std::fs::write(path, serde_json::to_string_pretty(&list)? + "\n")?)
}

fn budgets(path: &Path) -> Result<Vec<Figures>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(csv::Reader::from_path(path)?.deserialize().collect::<Result<_, _>>()?)
}

/// Takes from the budgets what was not measured: the processors without floating point.
pub fn complete(path: &Path, rows: &mut [Row]) -> Result<()> {
    let budgets = budgets(path)?;
    for Row { figures, .. } in rows {
        if let Some(budget) = budgets.iter().find(|b| b.task == figures.task) {
            figures.instructions_m0 = budget.instructions_m0;
            figures.instructions_rv32 = budget.instructions_rv32;
        }
    }
    Ok(())
}

/// Adds to `faults` what exceeds its budget by more than the allowance, or has none.
pub fn compare(path: &Path, rows: &[Row], faults: &mut Vec<String>) -> Result<()> {
    let budgets = budgets(path)?;
    for Row { figures, .. } in rows {
        let task = &figures.task;
        let Some(budget) = budgets.iter().find(|b| b.task == *task) else {
            faults.push(format!("{task}: no row; tests/firmware/run --update sets it"));
            continue;
        };
        for ((what, found), (_, budget)) in figures.named().into_iter().zip(budget.named()) {
            match (found, budget) {
                (Some(found), None) => {
                    faults.push(format!("{task}: {what} {found} has no budget; --update sets it"));
                }
                (Some(found), Some(budget)) if found as f64 > budget as f64 * (1.0 + ALLOWANCE) => {
                    faults.push(format!("{task}: {what} {found} exceeds the budget of {budget}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Writes the budgets anew: the figures measured in place of theirs, new rows at the end.
pub fn update(path: &Path, rows: &[Row]) -> Result<()> {
    let mut budgets = budgets(path)?;
    for Row { figures, .. } in rows {
        match budgets.iter_mut().find(|b| b.task == figures.task) {
            Some(budget) => *budget = figures.clone().or(budget),
            None => budgets.push(figures.clone()),
        }
    }
    let mut writer = csv::Writer::from_path(path)?;
    for budget in &budgets {
        writer.serialize(budget)?;
    }
    Ok(writer.flush()?)
}
