//! Text for reading: numbers by name, arrays as NumPy prints them.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::result::{Item, Report};
use crate::desktop::array::{Array, Shape, flat};

/// Arrays with more values are summarised, as in NumPy.
const THRESHOLD: usize = 1000;
/// Values kept at either end of a summarised axis.
const EDGE: usize = 3;
/// Where a line of values is broken.
const WIDTH: usize = 100;

/// Prints the entries.
///
/// # Errors
/// If the writer fails.
pub fn write(writer: &mut impl Write, report: &Report) -> Result<()> {
    if let Some(text) = report.text() {
        writeln!(writer, "{text}")?;
    } else {
        write_entries(writer, report)?;
    }
    for (_, item) in report.entries() {
        if let Item::Check(check) = item {
            writeln!(writer, "{check}")?;
        }
    }
    Ok(())
}

fn write_entries(writer: &mut impl Write, report: &Report) -> Result<()> {
    let arrays = report.arrays();
    let length = arrays.first().and_then(|(_, a)| a.shape().first().copied()).unwrap_or(0);
    let columns = arrays.len() > 1
        && length > 1
        && arrays.iter().all(|(_, a)| a.shape().len() == 1 && a.len() == length);
    for (key, item) in report.entries() {
        match item {
            Item::Array(_) if columns => {}
            Item::Array(array) if array.shape().is_empty() => {
                writeln!(writer, "{key}: {}", plain(array.at(0)))?;
            }
            Item::Array(array) => {
                let (shape, dtype) = (Shape(array.shape()), array.dtype());
                writeln!(writer, "{key} {shape} {dtype}\n{}", summarised(array))?;
            }
            Item::Records(records) => writeln!(writer, "{key}\n{}", records_table(records))?,
            Item::Check(_) => {}
            other => writeln!(writer, "{key}: {}", single(other))?,
        }
    }
    if columns {
        writeln!(writer, "{}", columns_table(&arrays, length))?;
    }
    Ok(())
}

fn single(item: &Item) -> String {
    match item {
        Item::Number(v) => plain(*v),
        Item::Count(v) => v.to_string(),
        Item::Text(v) => v.clone(),
        Item::Flag(v) => if *v { "yes" } else { "no" }.to_owned(),
        Item::Array(_) | Item::Records(_) | Item::Check(_) => String::new(),
    }
}

/// A single number in full.
fn plain(value: f64) -> String {
    format!("{value:?}")
}

/// A number in a table.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&magnitude) && value.fract() != 0.0 {
        format!("{value:.6}")
    } else if value.fract() == 0.0 && magnitude < 1e9 {
        format!("{value}")
    } else {
        format!("{value:.6e}")
    }
}

/// A borderless table whose cells are numbers.
fn table(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn aligned(mut table: Table) -> String {
    table.column_iter_mut().for_each(|c| {
        c.set_cell_alignment(CellAlignment::Right);
    });
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn columns_table(arrays: &[(&String, &Array)], length: usize) -> String {
    let mut table = table(arrays.iter().map(|(key, _)| (*key).clone()).collect());
    let all = length <= 4 * EDGE + 8;
    for row in 0..length {
        if all || row < 2 * EDGE || row >= length - 2 * EDGE {
            table.add_row(arrays.iter().map(|(_, a)| number(a, row)));
        } else if row == 2 * EDGE {
            table.add_row(arrays.iter().map(|_| "..."));
        }
    }
    aligned(table)
}

fn number(array: &Array, index: usize) -> String {
    match array {
        Array::I64(v) => flat(v)[index].to_string(),
        _ => short(array.at(index)),
    }
}

fn records_table(records: &[Report]) -> String {
    let Some(first) = records.first() else { return "(none)".to_owned() };
    let mut table = table(first.entries().iter().map(|(key, _)| key.clone()).collect());
    for record in records {
        table.add_row(record.entries().iter().map(|(_, item)| match item {
            Item::Number(v) => short(*v),
            other => single(other),
        }));
    }
    aligned(table)
}

/// The array in brackets; of a large one the first and last entries of every axis.
fn summarised(array: &Array) -> String {
    let summarise = array.len() > THRESHOLD;
    let shown = shown(array, 0, 0, summarise);
    let cells = Cells::new(array, &shown);
    let mut text = String::new();
    block(&mut text, array, &cells, 0, 0, summarise);
    text
}

/// The indices along an axis that are printed; `None` is the gap.
fn along(count: usize, summarise: bool) -> Vec<Option<usize>> {
    if summarise && count > 2 * EDGE {
        let (head, tail) = ((0..EDGE).map(Some), (count - EDGE..count).map(Some));
        head.chain([None]).chain(tail).collect()
    } else {
        (0..count).map(Some).collect()
    }
}

/// The flat indices that are printed.
fn shown(array: &Array, axis: usize, start: usize, summarise: bool) -> Vec<usize> {
    let Some(count) = array.shape().get(axis) else { return vec![start] };
    let size: usize = array.shape()[axis + 1..].iter().product();
    along(*count, summarise)
        .into_iter()
        .flatten()
        .flat_map(|i| shown(array, axis + 1, start + i * size, summarise))
        .collect()
}

/// One format for all values, chosen as NumPy does: fixed unless the magnitudes span too much.
struct Cells {
    scientific: bool,
    digits: usize,
    width: usize,
}

impl Cells {
    fn new(array: &Array, shown: &[usize]) -> Self {
        let magnitudes = || shown.iter().map(|i| array.at(*i).abs()).filter(|v| *v != 0.0);
        let largest = magnitudes().fold(0.0, f64::max);
        let smallest = magnitudes().fold(f64::INFINITY, f64::min);
        let integers = matches!(array, Array::I64(_));
        let scientific = !integers
            && (largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1e3)
            && largest > 0.0;
        let digits = if integers { 0 } else { 8 };
        let mut cells = Self { scientific, digits, width: 0 };
        if !integers {
            // As many digits as any value needs, at most eight.
            let used = shown.iter().map(|i| {
                let text = cells.text(array.at(*i));
                let mantissa = text.split('e').next().unwrap_or_default();
                let fraction = mantissa.split_once('.').map_or("", |(_, f)| f);
                fraction.trim_end_matches('0').len()
            });
            cells.digits = used.max().unwrap_or(0).max(1);
        }
        let widths = shown.iter().map(|i| cells.text(array.at(*i)).len());
        cells.width = widths.max().unwrap_or(0);
        cells
    }

    fn text(&self, value: f64) -> String {
        let digits = self.digits;
        if !self.scientific {
            return format!("{value:.digits$}");
        }
        // NumPy's exponents have a sign and two digits, so that the columns stand.
        let text = format!("{value:.digits$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        format!("{mantissa}e{exponent:+03}")
    }

    fn cell(&self, value: f64) -> String {
        format!("{:>1$}", self.text(value), self.width)
    }
}

fn block(
    text: &mut String,
    array: &Array,
    cells: &Cells,
    axis: usize,
    start: usize,
    summarise: bool,
) {
    let shape = array.shape();
    let size: usize = shape[axis + 1..].iter().product();
    let indent = " ".repeat(axis + 1);
    text.push('[');
    let last = axis + 1 == shape.len();
    let mut column = indent.len();
    for (n, index) in along(shape[axis], summarise).into_iter().enumerate() {
        let cell = match index {
            None => "...".to_owned(),
            Some(i) if last => cells.cell(array.at(start + i)),
            Some(i) => {
                let mut inner = String::new();
                block(&mut inner, array, cells, axis + 1, start + i * size, summarise);
                inner
            }
        };
        if n > 0 {
            let breaks = !last || column + 1 + cell.len() > WIDTH;
            if breaks {
                let gaps = if last { 1 } else { shape.len() - axis - 1 };
                text.push_str(&"\n".repeat(gaps));
                text.push_str(&indent);
                column = indent.len();
            } else {
                text.push(' ');
                column += 1;
            }
        }
        column += cell.len();
        text.push_str(&cell);
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_arrays_are_printed_as_numpy_prints_them() {
        let array = Array::new(&[2, 2], vec![1.0, 2.5, -3.25, 4.0]);
        assert_eq!(summarised(&array), "[[ 1.00  2.50]\n [-3.25  4.00]]");
        let array = Array::new(&[2, 2, 1], vec![1_i64, 20, 3, 4]);
        assert_eq!(summarised(&array), "[[[ 1]\n  [20]]\n\n [[ 3]\n  [ 4]]]");
        let array = Array::from(vec![1e-5, -12345.678, 0.0]);
        assert_eq!(summarised(&array), "[ 1.0000000e-05 -1.2345678e+04  0.0000000e+00]");
        assert_eq!(summarised(&Array::from(Vec::<f64>::new())), "[]");
    }

    #[test]
    fn large_arrays_are_summarised() {
        let array = Array::new(&[100, 100], (0..10_000).map(f64::from).collect());
        let text = summarised(&array);
        assert_eq!(text.lines().count(), 7);
        assert!(text.lines().nth(3).unwrap().trim() == "...");
        assert!(text.lines().all(|line| line.len() <= WIDTH));
    }
}
