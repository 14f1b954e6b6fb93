//! A result: named entries in order.

use anyhow::{Result, bail};

use crate::dense::Check;
use crate::desktop::Array;
use crate::desktop::error::OUT_OF_RANGE;

/// One entry of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Numbers in a shape.
    Array(Array),
    /// One number.
    Number(f64),
    /// A count.
    Count(u64),
    /// A word or sentence.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Rows with the same keys, e.g. turning points.
    Records(Vec<Report>),
    /// The outcome of `--check`.
    Check(Check),
}

/// What a command has to say, in order: keys are the words of the documentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    entries: Vec<(String, Item)>,
    text: Option<String>,
    /// The keys of numbers whose answer can be infinity.
    unbounded: Vec<String>,
}

impl Report {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A result that is a single array.
    pub fn of(key: &str, array: impl Into<Array>) -> Self {
        let mut report = Self::new();
        report.array(key, array);
        report
    }

    /// Adds any item.
    pub fn push(&mut self, key: impl Into<String>, item: Item) -> &mut Self {
        self.entries.push((key.into(), item));
        self
    }

    /// Adds an array.
    pub fn array(&mut self, key: impl Into<String>, array: impl Into<Array>) -> &mut Self {
        self.push(key, Item::Array(array.into()))
    }

    /// Adds a number.
    pub fn number(&mut self, key: impl Into<String>, number: f64) -> &mut Self {
        self.push(key, Item::Number(number))
    }

    /// Adds a number whose answer can be infinity: the logarithm of a determinant, a limit.
    pub fn unbounded(&mut self, key: impl Into<String>, number: f64) -> &mut Self {
        let key = key.into();
        self.unbounded.push(key.clone());
        self.number(key, number)
    }

    /// Adds a count.
    pub fn count(&mut self, key: impl Into<String>, count: usize) -> &mut Self {
        self.push(key, Item::Count(count as u64))
    }

    /// Adds a word or sentence.
    pub fn word(&mut self, key: impl Into<String>, word: impl Into<String>) -> &mut Self {
        self.push(key, Item::Text(word.into()))
    }

    /// Adds yes or no.
    pub fn flag(&mut self, key: impl Into<String>, flag: bool) -> &mut Self {
        self.push(key, Item::Flag(flag))
    }

    /// Adds rows with the same keys.
    pub fn records(&mut self, key: impl Into<String>, records: Vec<Self>) -> &mut Self {
        self.push(key, Item::Records(records))
    }

    /// Fails on the first array or number that holds an infinity or a NaN: a computation that left
    /// the range of its arithmetic has no result.
    ///
    /// # Errors
    /// Naming the entry and what to do.
    pub fn require_finite(&self) -> Result<()> {
        let way_out = OUT_OF_RANGE;
        for (key, item) in &self.entries {
            match item {
                Item::Array(array) => {
                    if let Some(index) = array.first_non_finite() {
                        let (value, position) = (array.at(index), array.position(index));
                        bail!("the result is not finite: {key}{position:?} is {value}; {way_out}");
                    }
                }
                Item::Number(value) if value.is_infinite() && self.unbounded.contains(key) => {}
                Item::Number(value) if !value.is_finite() => {
                    bail!("the result is not finite: {key} is {value}; {way_out}");
                }
                Item::Records(records) => {
                    records.iter().try_for_each(Self::require_finite)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What `--format text` prints in place of the generic rendering.
    pub fn set_text(&mut self, text: impl Into<String>) -> &mut Self {
        self.text = Some(text.into());
        self
    }

    /// What `--format text` prints in place of the generic rendering, if it was set.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The entries in order.
    pub fn entries(&self) -> &[(String, Item)] {
        &self.entries
    }

    /// The arrays with their keys.
    pub fn arrays(&self) -> Vec<(&String, &Array)> {
        self.entries
            .iter()
            .filter_map(|(key, item)| match item {
                Item::Array(array) => Some((key, array)),
                _ => None,
            })
            .collect()
    }

    /// The single numbers, as arrays without axes.
    pub fn numbers(&self) -> Vec<(&String, Array)> {
        self.entries
            .iter()
            .filter_map(|(key, item)| match item {
                Item::Number(v) => Some((key, Array::new(&[], vec![*v]))),
                Item::Count(v) => Some((key, Array::new(&[], vec![*v as i64]))),
                _ => None,
            })
            .collect()
    }
}
