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
    fn named(&self) -> [(&'static str, Option<u64>); 10] {
        [
            ("instructions", self.instructions),
            ("instructions s", self.instructions_s),
            ("instructions mixed", self.instructions_mixed),
            ("flash", self.flash),
            ("flash s", self.flash_s),
            ("flash mixed", self.flash_mixed),
            ("stack", self.stack),
            ("stack s", self.stack_s),
            ("stack mixed", self.stack_mixed),
            ("scratch", self.scratch),
        ]
    }
}

/// The table as a person reads it; bytes but for the instructions.
pub fn text(rows: &[Row]) -> Table {
    let header = [
        "task",
        "instructions O3",
        "Os",
        "mixed",
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

/// Adds to `faults` what exceeds its budget by more than the allowance, or has none.
pub fn compare(path: &Path, rows: &[Row], faults: &mut Vec<String>) -> Result<()> {
    let budgets = budgets(path)?;
    for Row { figures, .. } in rows {
        let task = &figures.task;
        let Some(budget) = budgets.iter().find(|b| b.task == *task) else {
            faults.push(format!("{task}: no budget; tests/firmware/run --update sets it"));
            continue;
        };
        for ((what, found), (_, budget)) in figures.named().into_iter().zip(budget.named()) {
            if let (Some(found), Some(budget)) = (found, budget)
                && found as f64 > budget as f64 * (1.0 + ALLOWANCE)
            {
                faults.push(format!("{task}: {what} {found} exceeds the budget of {budget}"));
            }
        }
    }
    Ok(())
}

/// Writes the budgets anew: the rows measured in place of theirs, new ones at the end.
pub fn update(path: &Path, rows: &[Row]) -> Result<()> {
    let mut budgets = budgets(path)?;
    for Row { figures, .. } in rows {
        match budgets.iter_mut().find(|b| b.task == figures.task) {
            Some(budget) => {
                let old = budget.clone();
                *budget = Figures {
                    // A quick run measures no flash.
                    flash: figures.flash.or(old.flash),
                    flash_s: figures.flash_s.or(old.flash_s),
                    flash_mixed: figures.flash_mixed.or(old.flash_mixed),
                    ..figures.clone()
                };
            }
            None => budgets.push(figures.clone()),
        }
    }
    let mut writer = csv::Writer::from_path(path)?;
    for budget in &budgets {
        writer.serialize(budget)?;
    }
    Ok(writer.flush()?)
}
