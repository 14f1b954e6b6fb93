//! `.csv`: numbers separated by `,` `;` or tab, with or without a header row.

use anyhow::{Result, anyhow, bail, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};

use crate::desktop::Array;

/// The first of these that the first line has: where `;` or tab separate, commas are decimals.
const DELIMITERS: [u8; 3] = [b'\t', b';', b','];

/// The matrix in the bytes of a CSV file.
///
/// # Errors
/// If a row has another length than the first or a cell is not a number: which one.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = str::from_utf8(bytes)
        .map_err(|e| anyhow!("byte {} is not UTF-8 text", e.valid_up_to() + 1))?;
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let delimiter = DELIMITERS.into_iter().find(|d| first.bytes().any(|b| b == *d));
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter.unwrap_or(b','))
        .from_reader(bytes);
    let (mut values, mut columns, mut rows) = (Vec::new(), 0, 0);
    for record in reader.records() {
        let record = record.map_err(|e| anyhow!("is not readable as CSV: {e}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        if columns == 0 {
            columns = record.len();
            if is_header(&record) {
                continue;
            }
        }
        ensure!(
            record.len() == columns,
            "line {line} (row {}): found {} columns, needed {columns} as in the first line",
            rows + 1,
            record.len()
        );
        for (column, cell) in record.iter().enumerate() {
            values.push(number(cell, line, rows + 1, column + 1)?);
        }
        rows += 1;
    }
    ensure!(rows > 0, "the file holds no numbers");
    Ok(Array::new(&[rows, columns], values))
}

/// A first row without any number names the columns.
fn is_header(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.parse::<f64>().is_err())
}

fn number(cell: &str, line: u64, row: usize, column: usize) -> Result<f64> {
    let hint = if cell.is_empty() {
        "; fill in or remove the row"
    } else if cell.contains(char::is_whitespace) {
        "; separate the columns by , ; or tab"
    } else if cell.contains(',') {
        "; write decimals with a point"
    } else {
        ""
    };
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(value) => bail!(
            "line {line} (row {row}), column {column}: found {value}, needed a finite number; \
             remove or replace it"
        ),
        Err(_) => {
            bail!("line {line} (row {row}), column {column}: found '{cell}', needed a number{hint}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_and_the_header_are_found() {
        let expected = Array::new(&[2, 2], vec![1.0, -2.5, 3e-2, 4.0]);
        for text in [
            "1,-2.5\n3e-2,4\n",
            "a;b\n1;-2.5\n3e-2;4",
            "\u{feff}x\ty\r\n1\t-2.5\r\n3e-2\t4\r\n",
            "\"a, b\", c\n1, -2.5\n0.03 ,4\n\n",
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
        assert_eq!(read(b"y\n1\n2\n").unwrap(), Array::new(&[2, 1], vec![1.0, 2.0]));
    }

    #[test]
    fn an_error_names_the_cell() {
        for (text, part) in [
            ("1,2\n3\n", "line 2 (row 2): found 1 columns, needed 2"),
            ("1,2\n3,x\n", "line 2 (row 2), column 2: found 'x'"),
            ("a,b\n1,nan\n", "line 2 (row 1), column 2: found NaN"),
            ("1,inf\n", "line 1 (row 1), column 2: found inf"),
            ("1 2\n3 4\n", "separate the columns"),
            ("1,5;2\n3;4\n", "decimals with a point"),
            ("1,,2\n", "line 1 (row 1), column 2: found ''"),
            ("a,b\n", "no numbers"),
            ("", "no numbers"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        assert!(read(b"1,\xff").unwrap_err().to_string().contains("byte 3"));
    }
}
