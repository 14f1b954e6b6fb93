//! What was measured on a Cortex-M4F: the table that `tests/firmware/run` keeps.

use serde::Deserialize;

use crate::desktop::choice::choices;
use crate::desktop::error::{Error, Result};

/// The rows, in f32.
const TABLE: &str = include_str!("../../../data/budgets.csv");

/// The activation of the rows that name none.
const ACTIVATION: &str = "tanh";

choices! {
    /// How the firmware is built.
    #[derive(Default)]
    pub enum OptLevel {
        /// Everything at 3
        #[default]
        Three = "3",
        /// Everything at "s"
        S = "s",
        /// The kernels at 3 and the rest at "s"
        Mixed = "mixed",
    }
}

/// A row as it stands.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    task: String,
    instructions: Option<u64>,
    instructions_s: Option<u64>,
    instructions_mixed: Option<u64>,
    flash: Option<u64>,
    flash_s: Option<u64>,
    flash_mixed: Option<u64>,
    stack: Option<u64>,
    stack_s: Option<u64>,
    stack_mixed: Option<u64>,
}

/// What a task was measured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The widths, e.g. 4-8-8-1.
    pub arch: String,
    /// The hidden activation, if they are all the same.
    pub activation: String,
    /// The samples.
    pub batch: usize,
}

/// A measured task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The task.
    pub task: String,
    /// The row's name in the table.
    pub row: String,
    /// Whether it is of the very setting that was asked for.
    pub exact: bool,
    /// Bytes of code that the task adds to an image.
    pub flash: Option<u64>,
    /// Bytes of the deepest stack.
    pub stack: Option<u64>,
    /// Instructions of one run.
    pub instructions: Option<u64>,
}

impl Line {
    /// Its setting if it is a row of `task` on one network: `task WIDTHS [activation] batch N`.
    fn setting(&self, task: &str) -> Option<Setting> {
        let words: Vec<_> = self.task.strip_prefix(task)?.split_whitespace().collect();
        let (arch, activation, batch) = match *words.as_slice() {
            [arch, "batch", batch] => (arch, ACTIVATION, batch),
            [arch, activation, "batch", batch] => (arch, activation, batch),
            _ => return None,
        };
        arch.starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
        let (arch, activation) = (arch.to_owned(), activation.to_owned());
        Some(Setting { arch, activation, batch: batch.parse().ok()? })
    }
}

impl Measured {
    /// The row of `task` for `setting`; failing that the one whose network is the same, or else
    /// the first: code and stack hardly depend on sizes, which are values at run time.
    fn of(lines: &[Line], task: &str, setting: &Setting, level: OptLevel) -> Option<Self> {
        let rows = || lines.iter().filter_map(|line| Some((line, line.setting(task)?)));
        let exact = rows().find(|(_, found)| found == setting);
        let near = || rows().find(|(_, found)| found.arch == setting.arch);
        let is_exact = exact.is_some();
        let (line, _) = exact.or_else(near).or_else(|| rows().next())?;
        let (flash, stack, instructions) = match level {
            OptLevel::Three => (line.flash, line.stack, line.instructions),
            OptLevel::S => (line.flash_s, line.stack_s, line.instructions_s),
            OptLevel::Mixed => (line.flash_mixed, line.stack_mixed, line.instructions_mixed),
        };
        let (task, row) = (task.to_owned(), line.task.clone());
        Some(Self { task, row, exact: is_exact, flash, stack, instructions })
    }
}

/// The rows of `tasks`, as far as the table has them.
///
/// # Errors
/// If the table is damaged.
pub fn measured(tasks: &[String], setting: &Setting, level: OptLevel) -> Result<Vec<Measured>> {
    let lines = csv::Reader::from_reader(TABLE.as_bytes())
        .into_deserialize()
        .collect::<Result<Vec<Line>, _>>()
        .map_err(|e| Error::Input(format!("the table of measured figures: {e}")))?;
    Ok(tasks.iter().filter_map(|task| Measured::of(&lines, task, setting, level)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(arch: &str, activation: &str, batch: usize) -> Setting {
        Setting { arch: arch.to_owned(), activation: activation.to_owned(), batch }
    }

    fn ntk(setting: &Setting) -> Measured {
        measured(&["ntk".to_owned()], setting, OptLevel::Three).unwrap().remove(0)
    }

    #[test]
    fn a_row_is_found_by_network_activation_and_batch() {
        let row = ntk(&setting("4-8-8-1", "tanh", 8));
        assert_eq!((row.row.as_str(), row.exact), ("ntk 4-8-8-1 batch 8", true));
        assert!(row.flash.is_some() && row.stack.is_some() && row.instructions.is_some());
        let row = ntk(&setting("4-8-8-1", "identity", 8));
        assert_eq!((row.row.as_str(), row.exact), ("ntk 4-8-8-1 identity batch 8", true));
        for other in [("4-8-8-1", "tanh", 1), ("4-8-8-1", "relu", 8), ("9-9", "", 8)] {
            let row = ntk(&setting(other.0, other.1, other.2));
            assert_eq!((row.row.as_str(), row.exact), ("ntk 4-8-8-1 batch 8", false));
        }
        let unknown = measured(&["juggle".to_owned()], &setting("1-1", "", 1), OptLevel::S);
        assert_eq!(unknown.unwrap(), []);
    }
}
