//! Judges and prints what `tests/firmware/run` measured.
//!
//! Reads `target/table/{release,size,mixed}`: `FAMILY.jsonl` (the rows that the image printed),
//! `FAMILY.elf` and, unless `--quick`, `baseline.elf` and one `TASK.elf` per row.

mod golden;
mod image;
mod row;
mod table;

use anyhow::Result;
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    /// Judge the results in this folder only: their bits, and the images' symbols.
    #[arg(long, conflicts_with_all = ["json", "update", "quick", "image"])]
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
            rows.extend(row::results(folder, family, &mut faults)?);
        }
        golden::compare(Path::new("golden"), &rows, &mut faults)?;
        println!("{} results, {} wrong", rows.len(), faults.len());
        faults.iter().for_each(|fault| eprintln!("FAILED: {fault}"));
        return Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for family in &args.families {
        rows.extend(row::read(Path::new("target/table"), family, args.quick, &mut faults)?);
    }
    if !args.quick {
        for image in ["sensor", "sensors"] {
            rows.push(row::whole(Path::new("target/table"), image, &mut faults)?);
        }
    }
    golden::compare(Path::new("golden"), &rows, &mut faults)?;
    let budgets = Path::new("../../cli/data/budgets.csv");
    if args.update {
        table::update(budgets, &rows)?;
    } else {
        table::compare(budgets, &rows, &mut faults)?;
    }
    println!("{}", table::text(&rows));
    if let Some(file) = &args.json {
        table::json(file, &rows)?;
    }
    for fault in &faults {
        eprintln!("FAILED: {fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
