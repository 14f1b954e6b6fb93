//! Judges and prints what `tests/firmware/run` measured, and judges what `tests/firmware/portable`
//! did.
//!
//! Reads `target/table/{release,size,mixed}`: `FAMILY.jsonl` (the rows that the image printed),
//! `FAMILY.elf` and, unless `--quick`, `baseline.elf` and one `TASK.elf` per row.

mod golden;
mod image;
mod row;
mod table;

use anyhow::Result;
use clap::Parser;
use row::Row;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const BUDGETS: &str = "../../cli/data/budgets.csv";

/// Judges and prints what `tests/firmware/run` measured.
#[derive(Parser)]
struct Args {
    /// Write the rows at opt-level 3 as a JSON list.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Take the figures measured as the new budgets.
    #[arg(long)]
    update: bool,
    /// No flash column.
    #[arg(long)]
    quick: bool,
    /// Judge and weigh this image only.
    #[arg(long, conflicts_with_all = ["json", "update", "quick", "families"])]
    image: Option<PathBuf>,
    /// Judge this folder only, of a processor without floating point: the results' bits, their
    /// instructions and the images' symbols.
    #[arg(long, conflicts_with_all = ["json", "quick", "image"])]
    portable: Option<PathBuf>,
    /// The images.
    families: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(file) = &args.image {
        let unwanted = image::unwanted(file)?;
        println!("flash: {} bytes", image::flash(file)?);
        unwanted.iter().for_each(|symbol| eprintln!("FAILED: the image holds {symbol}"));
        return Ok(if unwanted.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut faults = Vec::new();
    let mut rows = Vec::new();
    if let Some(folder) = &args.portable {
        for family in &args.families {
            rows.extend(row::portable(folder, family, &mut faults)?);
        }
        judge(&rows, args.update, &mut faults)?;
        println!("{} results, {} wrong", rows.len(), faults.len());
        return Ok(end(&faults));
    }
    for family in &args.families {
        rows.extend(row::read(Path::new("target/table"), family, args.quick, &mut faults)?);
    }
    if !args.quick {
        for image in ["sensor", "sensors"] {
            rows.push(row::whole(Path::new("target/table"), image, &mut faults)?);
        }
    }
    judge(&rows, args.update, &mut faults)?;
    if let Some(file) = &args.json {
        table::json(file, &rows)?;
    }
    table::complete(Path::new(BUDGETS), &mut rows)?;
    println!("{}", table::text(&rows));
    Ok(end(&faults))
}

/// Results against the host's bits, figures against the budgets or as the new ones.
fn judge(rows: &[Row], update: bool, faults: &mut Vec<String>) -> Result<()> {
    golden::compare(Path::new("golden"), rows, faults)?;
    if update {
        table::update(Path::new(BUDGETS), rows)
    } else {
        table::compare(Path::new(BUDGETS), rows, faults)
    }
}

/// Names what is wrong.
fn end(faults: &[String]) -> ExitCode {
    faults.iter().for_each(|fault| eprintln!("FAILED: {fault}"));
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
