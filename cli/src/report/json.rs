//! JSON: one object with the entries' keys, arrays as nested lists.

use std::io::Write;

use anyhow::Result;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::result::{Item, Report};
use crate::desktop::array::{Array, flat};

/// Writes the object and a line end.
///
/// # Errors
/// If the writer fails.
pub fn write(writer: &mut impl Write, report: &Report) -> Result<()> {
    serde_json::to_writer(&mut *writer, report)?;
    writeln!(writer)?;
    Ok(())
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries().len()))?;
        for (key, item) in self.entries() {
            map.serialize_entry(key, item)?;
        }
        map.end()
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Array(array) => array.serialize(serializer),
            Self::Number(v) => v.serialize(serializer),
            Self::Count(v) => v.serialize(serializer),
            Self::Text(v) => v.serialize(serializer),
            Self::Flag(v) => v.serialize(serializer),
            Self::Records(v) => v.serialize(serializer),
            Self::Check(v) => v.serialize(serializer),
        }
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Array::F32(v) => Nested { shape: self.shape(), values: flat(v) }.serialize(serializer),
            Array::F64(v) => Nested { shape: self.shape(), values: flat(v) }.serialize(serializer),
            Array::I64(v) => Nested { shape: self.shape(), values: flat(v) }.serialize(serializer),
        }
    }
}

/// The values below one index of the leading axes.
struct Nested<'a, E> {
    shape: &'a [usize],
    values: &'a [E],
}

impl<E: Serialize> Serialize for Nested<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((count, shape)) = self.shape.split_first() else {
            return self.values.first().serialize(serializer);
        };
        let mut list = serializer.serialize_seq(Some(*count))?;
        let size: usize = shape.iter().product();
        for i in 0..*count {
            let values = self.values.get(i * size..(i + 1) * size).unwrap_or(&[]);
            list.serialize_element(&Nested { shape, values })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_nested_and_numbers_round_trip() {
        let (single, double) = (0.1_f32 + 0.2_f32, 0.1_f64 + 0.2_f64);
        let mut report = Report::new();
        report
            .array("ntk", Array::new(&[2, 1, 2], vec![double, 1.0, 5e-324, f64::MAX]))
            .array("f32", Array::from(vec![single]))
            .array("labels", Array::from(vec![3_i64]))
            .array("empty", Array::new(&[2, 0], Vec::<f64>::new()))
            .number("trace", 1.0 / 3.0)
            .count("rank", 3)
            .flag("passed", true)
            .word("kind", "maximum");
        let mut bytes = Vec::new();
        write(&mut bytes, &report).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["ntk"][0][0][0].as_f64(), Some(double));
        assert_eq!(value["ntk"][1][0], serde_json::json!([5e-324, f64::MAX]));
        assert_eq!(value["f32"][0].to_string().parse::<f32>(), Ok(single));
        assert_eq!(value["labels"][0].as_i64(), Some(3));
        assert_eq!(value["empty"], serde_json::json!([[], []]));
        assert_eq!(value["trace"].as_f64(), Some(1.0 / 3.0));
        assert_eq!((value["rank"].as_u64(), value["passed"].as_bool()), (Some(3), Some(true)));
    }
}
