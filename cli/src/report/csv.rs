//! CSV, with numbers that round-trip.
//!
//! - One array: its rows, without a header; further axes than two are flattened into the rows.
//! - Arrays of equal length: columns with a header; a matrix `w` becomes `w_0, w_1, ...`.
//! - Numbers only: a header and one row.
//! - Anything else: `name,index,value` in long form.

use std::io::Write;

use anyhow::Result;
use csv::Writer;

use super::result::{Item, Report};
use crate::desktop::array::{Array, flat};

/// Writes the table.
///
/// # Errors
/// If the writer fails.
pub fn write(writer: &mut impl Write, report: &Report) -> Result<()> {
    let mut table = csv::WriterBuilder::new().flexible(true).from_writer(writer);
    let arrays = report.arrays();
    let entries = report.entries().iter().filter(|(_, item)| !matches!(item, Item::Check(_)));
    let mixed = entries.count() != arrays.len();
    let length = arrays.first().and_then(|(_, a)| a.shape().first().copied());
    if let ([(_, array)], false) = (arrays.as_slice(), mixed) {
        write_matrix(&mut table, array)?;
    } else if arrays.is_empty() {
        write_numbers(&mut table, report)?;
    } else if !mixed && arrays.iter().all(|(_, a)| a.shape().first().copied() == length) {
        write_columns(&mut table, &arrays, length.unwrap_or(1))?;
    } else {
        write_long(&mut table, report)?;
    }
    table.flush()?;
    Ok(())
}

/// The shortest text that reads back as the same number.
fn cell(array: &Array, index: usize) -> String {
    match array {
        Array::F32(v) => number(flat(v)[index]),
        Array::F64(v) => number(flat(v)[index]),
        Array::I64(v) => flat(v)[index].to_string(),
    }
}

/// `Debug` of a float is short at every magnitude (`1e-300`) and round-trips.
fn number(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn write_matrix<W: Write>(table: &mut Writer<W>, array: &Array) -> Result<()> {
    let cols = if array.shape().len() < 2 { 1 } else { *array.shape().last().unwrap_or(&1) };
    if cols == 0 {
        return Ok(());
    }
    for start in (0..array.len()).step_by(cols) {
        table.write_record((start..start + cols).map(|i| cell(array, i)))?;
    }
    Ok(())
}

fn write_columns<W: Write>(
    table: &mut Writer<W>,
    arrays: &[(&String, &Array)],
    length: usize,
) -> Result<()> {
    let width = |array: &Array| array.shape().iter().skip(1).product::<usize>();
    let mut header = Vec::new();
    for (key, array) in arrays {
        match array.shape().len() {
            0 | 1 => header.push((*key).clone()),
            _ => header.extend((0..width(array)).map(|j| format!("{key}_{j}"))),
        }
    }
    table.write_record(header)?;
    for row in 0..length {
        let cells = arrays.iter().flat_map(|(_, array)| {
            let width = width(array);
            (row * width..(row + 1) * width).map(|i| cell(array, i))
        });
        table.write_record(cells)?;
    }
    Ok(())
}

fn write_numbers<W: Write>(table: &mut Writer<W>, report: &Report) -> Result<()> {
    let single: Vec<_> =
        report.entries().iter().filter_map(|(key, item)| Some((key, single(item)?))).collect();
    if !single.is_empty() {
        table.write_record(single.iter().map(|(key, _)| key.as_str()))?;
        table.write_record(single.iter().map(|(_, value)| value))?;
    }
    for (_, item) in report.entries() {
        if let Item::Records(records) = item {
            let keys = records.first().map(|r| r.entries().iter().map(|(key, _)| key.as_str()));
            if let Some(keys) = keys {
                table.write_record(keys)?;
            }
            for record in records {
                let cells = record.entries().iter().map(|(_, item)| single_or_empty(item));
                table.write_record(cells)?;
            }
        }
    }
    Ok(())
}

fn single(item: &Item) -> Option<String> {
    match item {
        Item::Number(v) => Some(number(*v)),
        Item::Count(v) => Some(v.to_string()),
        Item::Text(v) => Some(v.clone()),
        Item::Flag(v) => Some(v.to_string()),
        Item::Array(_) | Item::Records(_) | Item::Check(_) => None,
    }
}

fn single_or_empty(item: &Item) -> String {
    single(item).unwrap_or_default()
}

fn write_long<W: Write>(table: &mut Writer<W>, report: &Report) -> Result<()> {
    table.write_record(["name", "index", "value"])?;
    for (key, item) in report.entries() {
        match item {
            Item::Array(array) => {
                for i in 0..array.len() {
                    let position: Vec<_> = array.position(i).iter().map(usize::to_string).collect();
                    table.write_record([key, &position.join(" "), &cell(array, i)])?;
                }
            }
            Item::Records(records) => {
                for (i, record) in records.iter().enumerate() {
                    for (inner, item) in record.entries() {
                        let name = format!("{key}.{inner}");
                        table.write_record([&name, &i.to_string(), &single_or_empty(item)])?;
                    }
                }
            }
            Item::Check(_) => {}
            other => table.write_record([key, "", &single_or_empty(other)])?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(report: &Report) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, report).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_array_is_its_rows() {
        let matrix = Array::new(&[2, 2], vec![0.1_f32, 2.0, 1e-30, 4.0]);
        assert_eq!(text(&Report::of("ntk", matrix)), "0.1,2.0\n1e-30,4.0\n");
        assert_eq!(text(&Report::of("g", Array::from(vec![1.5, 2.0]))), "1.5\n2.0\n");
    }

    #[test]
    fn arrays_of_equal_length_are_columns() {
        let mut report = Report::of("t", Array::from(vec![0_i64, 5]));
        report.array("w", Array::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(text(&report), "t,w_0,w_1\n0,1.0,2.0\n5,3.0,4.0\n");
    }

    #[test]
    fn numbers_are_one_row_and_mixtures_are_long() {
        let mut report = Report::new();
        report.number("trace", 1.0 / 3.0).count("matvecs", 8);
        assert_eq!(text(&report), "trace,matvecs\n0.3333333333333333,8\n");
        report.array("x", Array::from(vec![2.0]));
        assert_eq!(
            text(&report),
            "name,index,value\ntrace,,0.3333333333333333\nmatvecs,,8\nx,0,2.0\n"
        );
    }
}
