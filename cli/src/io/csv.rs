//! `.csv`, `.tsv`, `.txt`: tables of numbers as programs and loggers write them.
//!
//! Columns are separated by tab, `;`, `,` or blanks, whichever the first two lines have; a header
//! row, lines that begin with `#`, a first line `sep=;` (of Excel) and one delimiter at the end of
//! every line are passed over.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};

use crate::desktop::Array;

/// The first of these that the first lines have: where `;` or tab separate, commas are decimals.
const DELIMITERS: [u8; 3] = [b'\t', b';', b','];

/// The matrix in the bytes of a CSV file: all of it, or the columns of a list of header names,
/// numbers from 0 and ranges, `temp,humidity` or `0,2-4`.
///
/// # Errors
/// If there is no such column, a row has another length than the first or a chosen cell is not a
/// number: which one.
pub fn read(bytes: &[u8], columns: Option<&str>) -> Result<Array> {
    let table = Table::of(bytes)?;
    let chosen = match columns {
        Some(list) => table.choose(list)?,
        None => table.all()?,
    };
    let mut values = Vec::new();
    for row in 0..table.rows() {
        for column in &chosen {
            values.push(table.number(row, *column)?);
        }
    }
    Ok(Array::new(&[table.rows(), chosen.len()], values))
}

/// A file as its cells.
struct Table {
    header: Option<StringRecord>,
    /// The header, if there is none the first row, is the first.
    records: Vec<StringRecord>,
    columns: usize,
    /// What is added to a line's number: the lines before the table.
    before: u64,
}

impl Table {
    fn of(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = str::from_utf8(bytes)
            .map_err(|e| anyhow!("byte {} is not UTF-8 text", e.valid_up_to() + 1))?;
        let (said, text) = after_sep(text);
        let mut lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
        let (first, second) = (lines.next().unwrap_or_default(), lines.next());
        let has =
            |d: u8| [first, second.unwrap_or_default()].iter().any(|l| l.bytes().any(|b| b == d));
        let delimiter = said.or_else(|| DELIMITERS.into_iter().find(|d| has(*d)));
        // A header of one column may be several words: blanks separate where numbers have them.
        let words = |line: &str| line.split_whitespace().count() > 1;
        let numbers = |line: &str| line.split_whitespace().any(|word| word.parse::<f64>().is_ok());
        let blanks =
            delimiter.is_none() && (words(first) && numbers(first) || second.is_some_and(words));
        let spaced: String;
        let text = if blanks {
            let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            spaced = text.lines().map(line).collect::<Vec<_>>().join("\n");
            &spaced
        } else {
            text
        };
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .comment(Some(b'#'))
            .delimiter(if blanks { b' ' } else { delimiter.unwrap_or(b',') })
            .from_reader(text.as_bytes());
        let records = reader.records().collect::<Result<Vec<_>, _>>();
        let mut records = records.map_err(|e| anyhow!("is not readable as CSV: {e}"))?;
        let header = records.first().is_some_and(is_header).then(|| records.remove(0));
        let mut table = Self { header, records, columns: 0, before: u64::from(said.is_some()) };
        table.end_of_line();
        table.check()?;
        Ok(table)
    }

    /// Takes away the empty cell behind a delimiter that ends every line.
    fn end_of_line(&mut self) {
        let ends = |r: &StringRecord| r.len() > 1 && r.iter().next_back() == Some("");
        if self.records.is_empty() || !self.records.iter().all(ends) {
            return;
        }
        let columns = self.records[0].len();
        if let Some(header) = &mut self.header {
            match header.len() {
                n if n == columns && ends(header) => header.truncate(columns - 1),
                n if n + 1 == columns => {}
                // The last column has a name: its numbers are missing.
                _ => return,
            }
        }
        for record in &mut self.records {
            if record.len() == columns {
                record.truncate(columns - 1);
            }
        }
    }

    /// Every row is as long as the first line.
    fn check(&mut self) -> Result<()> {
        ensure!(!self.records.is_empty(), "the file holds no numbers");
        self.columns = self.header.as_ref().unwrap_or(&self.records[0]).len();
        for (row, record) in self.records.iter().enumerate() {
            ensure!(
                record.len() == self.columns,
                "{}: found {} columns, needed {} as in the first line",
                self.place(row),
                record.len(),
                self.columns
            );
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.records.len()
    }

    /// `line 3 (row 2)`: the line of the file, the row of numbers.
    fn place(&self, row: usize) -> String {
        let line = self.records[row].position().map_or(0, csv::Position::line) + self.before;
        format!("line {line} (row {})", row + 1)
    }

    fn names(&self) -> Vec<&str> {
        self.header.iter().flatten().collect()
    }

    /// Every column, unless the first is an index.
    fn all(&self) -> Result<Vec<usize>> {
        if let ["", names @ ..] = self.names().as_slice()
            && !names.is_empty()
        {
            bail!(
                "the first column has no name, as the index that pandas writes; choose the columns \
                 by FILE:{}, or write the file with index=False",
                names.join(",")
            );
        }
        Ok((0..self.columns).collect())
    }

    /// The columns of a list of names, numbers and ranges.
    fn choose(&self, list: &str) -> Result<Vec<usize>> {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (column, name) in self.names().into_iter().enumerate() {
            places.entry(name).or_default().push(column);
        }
        let mut chosen = Vec::new();
        for item in list.split(',').map(str::trim) {
            match places.get(item).map(Vec::as_slice) {
                Some([one]) if !item.is_empty() => chosen.push(*one),
                Some([first, second, ..]) if !item.is_empty() => {
                    bail!("columns {first} and {second} are both called '{item}'; choose by number")
                }
                _ => chosen.extend(self.numbered(item)?),
            }
        }
        Ok(chosen)
    }

    /// `3`, `2-4`.
    fn numbered(&self, item: &str) -> Result<std::ops::RangeInclusive<usize>> {
        let (from, to) = item.split_once('-').unwrap_or((item, item));
        let (Ok(from), Ok(to)) = (from.trim().parse::<usize>(), to.trim().parse::<usize>()) else {
            bail!("there is no column '{item}'; there are {}", self.known());
        };
        ensure!(
            to < self.columns,
            "there is no column {to}; there are {}, from 0 to {}",
            self.columns,
            self.columns - 1
        );
        ensure!(from <= to, "the range {item} is empty; the smaller number comes first");
        Ok(from..=to)
    }

    fn known(&self) -> String {
        let numbers = format!("0 to {}", self.columns - 1);
        match self.names().as_slice() {
            [] => format!("{numbers}, and no header that names them"),
            names => format!("{} (or {numbers})", names.join(", ")),
        }
    }

    fn number(&self, row: usize, column: usize) -> Result<f64> {
        let cell = self.records[row].get(column).unwrap_or_default();
        let place = || {
            let name = self.header.as_ref().and_then(|header| header.get(column));
            let name = name.filter(|name| !name.is_empty());
            let name = name.map(|name| format!(" ('{name}')")).unwrap_or_default();
            format!("{}, column {}{name}", self.place(row), column + 1)
        };
        let hint = if cell.is_empty() {
            "; fill in or remove the row"
        } else if cell.contains(',') {
            "; write decimals with a point"
        } else if cell.contains(char::is_whitespace) {
            "; separate the columns by one of , ; tab and blanks, and write decimals with a point"
        } else {
            ""
        };
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(value) => {
                bail!("{}: found {value}, needed a finite number; remove or replace it", place())
            }
            Err(_) => bail!("{}: found '{cell}', needed a number{hint}", place()),
        }
    }
}

/// The delimiter of a first line `sep=;`, and the text after it.
fn after_sep(text: &str) -> (Option<u8>, &str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let line = line.trim_end_matches('\r').trim_matches('"');
    match line.strip_prefix("sep=").map(str::as_bytes) {
        Some([delimiter]) => (Some(*delimiter), rest),
        _ => (None, text),
    }
}

/// A first row without any number names the columns.
fn is_header(record: &StringRecord) -> bool {
    record.iter().all(|cell| cell.parse::<f64>().is_err())
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
            "1 -2.5\n3e-2 4\n",
            "  a   b\n  1   -2.5\n 3e-2\t 4\n".replace('\t', " ").as_str(),
            "# by a logger\n1,-2.5\n# again\n3e-2,4\n",
            "sep=;\na;b\n1;-2.5\n3e-2;4\n",
            "\"sep=|\"\r\n1|-2.5\r\n3e-2|4\r\n",
            "1,-2.5,\n3e-2,4,\n",
            "a,b\n1,-2.5,\n3e-2,4,\n",
            "a,b,\n1,-2.5,\n3e-2,4,\n",
        ] {
            assert_eq!(read(text.as_bytes(), None).unwrap(), expected, "{text:?}");
        }
        for text in ["y\n1\n2\n", "two words\n1\n2\n", "1,\n2,\n"] {
            assert_eq!(read(text.as_bytes(), None).unwrap(), Array::new(&[2, 1], vec![1.0, 2.0]));
        }
    }

    #[test]
    fn columns_are_chosen_by_name_number_and_range() {
        let text = "time,temp,hum,7,at\n10:01,1,2,3,4\n10:02,5,6,7,8\n";
        for (columns, expected) in [
            ("temp", vec![1.0, 5.0]),
            ("hum,temp", vec![2.0, 1.0, 6.0, 5.0]),
            ("1,3-4", vec![1.0, 3.0, 4.0, 5.0, 7.0, 8.0]),
            (" at , 2 ", vec![4.0, 2.0, 8.0, 6.0]),
        ] {
            let shape = [2, expected.len() / 2];
            let text = text.replace(",7,at", ",c,at");
            let found = read(text.as_bytes(), Some(columns)).unwrap();
            assert_eq!(found, Array::new(&shape, expected), "{columns}");
        }
        let text = text.replace(",7,at", ",at,at");
        for (columns, part) in [
            ("wind", "no column 'wind'; there are time, temp, hum, at, at (or 0 to 4)"),
            ("", "no column ''"),
            ("5", "no column 5; there are 5, from 0 to 4"),
            ("3-2", "the range 3-2 is empty"),
            ("at", "columns 3 and 4 are both called 'at'"),
            ("time", "line 2 (row 1), column 1 ('time'): found '10:01'"),
        ] {
            let error = read(text.as_bytes(), Some(columns)).unwrap_err().to_string();
            assert!(error.contains(part), "{columns}: {error}");
        }
        let error = read(b"1,2\n", Some("a")).unwrap_err().to_string();
        assert!(error.contains("no header that names them"), "{error}");
    }

    #[test]
    fn an_index_of_pandas_is_no_data() {
        let text = b",temp,hum\n0,1,2\n1,3,4\n";
        let error = read(text, None).unwrap_err().to_string();
        assert!(error.contains("pandas") && error.contains("FILE:temp,hum"), "{error}");
        let found = read(text, Some("temp,hum")).unwrap();
        assert_eq!(found, Array::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        assert!(read(text, Some("0-2")).is_ok());
    }

    #[test]
    fn an_error_names_the_cell() {
        for (text, part) in [
            ("1,2\n3\n", "line 2 (row 2): found 1 columns, needed 2"),
            ("1,2\n3,x\n", "line 2 (row 2), column 2: found 'x'"),
            ("a,b\n1,nan\n", "line 2 (row 1), column 2 ('b'): found NaN"),
            ("1,inf\n", "line 1 (row 1), column 2: found inf"),
            ("1,2\n3 4,5\n", "and blanks, and write"),
            ("1,5;2\n3;4\n", "decimals with a point"),
            ("1,5 2,5\n3,5 4,5\n", "write decimals with a point"),
            ("1,,2\n", "line 1 (row 1), column 2: found ''"),
            ("a,b\n1,\n2,\n", "line 2 (row 1), column 2 ('b'): found ''"),
            ("1,,\n2,3,\n", "line 1 (row 1), column 2: found ''"),
            ("sep=;\n1;x\n", "line 2 (row 1), column 2: found 'x'"),
            ("1 2\n3\n", "line 2 (row 2): found 1 columns, needed 2"),
            ("a,b\n", "no numbers"),
            ("# a\n", "no numbers"),
            ("", "no numbers"),
        ] {
            let error = read(text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        assert!(read(b"1,\xff", None).unwrap_err().to_string().contains("byte 3"));
    }
}
