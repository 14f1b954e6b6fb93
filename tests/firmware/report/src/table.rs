//! The table: as text, as JSON, and against the budgets.

use crate::row::{Figures, Row};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};
use std::path::Path;

/// A figure may exceed its budget by this much.
const ALLOWANCE: f64 = 0.05;

impl Figures {
    fn named(&self) -> [(&'static str, Option<u64>); 7] {
        [
            ("instructions", self.instructions),
            ("instructions s", self.instructions_s),
            ("flash", self.flash),
            ("flash s", self.flash_s),
            ("stack", self.stack),
            ("stack s", self.stack_s),
            ("scratch", self.scratch),
        ]
    }
}

/// The table as a person reads it; bytes but for the instructions.
pub fn text(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "task",
        "instructions O3",
        "instructions s",
        "flash O3",
        "flash s",
        "stack O3",
        "stack s",
        "scratch",
    ]);
    for row in rows {
        let mut cells = vec![row.figures.task.clone()];
        let figures = row.figures.named();
        cells.extend(figures.iter().map(|(_, f)| f.map_or_else(String::new, |f| f.to_string())));
        table.add_row(cells);
    }
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    table
}

/// The rows at opt-level 3 as a JSON list; what was not measured is left out.
pub fn json(path: &Path, rows: &[Row]) -> Result<()> {
    let object = |f: &Figures| {
        let mut object = Map::new();
        object.insert("task".into(), f.task.clone().into());
        for (key, figure) in f.named().into_iter().filter(|(key, _)| !key.ends_with(" s")) {
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
