//! `--block`, `--rows` and `--cols`: which part of the matrix.

use anyhow::{Context, Result, bail, ensure};

use super::problem::Problem;
use crate::array::Float;

/// Which rows and columns.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Part")]
pub(super) struct PartArgs {
    /// The block of two parameter tensors, by name (0.weight) or position, separated by a comma
    #[arg(long, value_name = "I,J", value_delimiter = ',', num_args = 1, conflicts_with_all = ["rows", "cols"])]
    pub(super) block: Vec<String>,
    /// Rows by index, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        num_args = 1,
        requires = "cols",
        allow_negative_numbers = true
    )]
    rows: Vec<usize>,
    /// Columns by index, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        num_args = 1,
        requires = "rows",
        allow_negative_numbers = true
    )]
    cols: Vec<usize>,
}

/// The rows and columns of a result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    All,
    /// Two of the network's tensors, by position.
    Block(usize, usize),
    Lists,
}

/// A part, and the indices of its rows and columns unless it is all.
pub(super) type Lists = (Part, Option<Vec<usize>>, Option<Vec<usize>>);

impl PartArgs {
    /// Whether a part is asked for.
    pub(super) fn given(&self) -> bool {
        !self.block.is_empty() || !self.rows.is_empty()
    }

    /// The part, and the indices of its rows and columns unless it is all.
    pub(super) fn of<T: Float>(&self, problem: &Problem<T>) -> Result<Lists> {
        if !self.block.is_empty() {
            let [rows, cols] = self.block.as_slice() else {
                bail!(
                    "--block: found {} names, needed two, I,J, e.g. --block 0.weight,2.weight",
                    self.block.len()
                );
            };
            let tensors = problem.net.reference.tensors();
            let of = |name: &str| problem.net.tensor(name.trim()).context("--block");
            let (r, c) = (of(rows)?, of(cols)?);
            let [rows, cols] = [r, c].map(|t| Some(tensors[t].range.clone().collect()));
            return Ok((Part::Block(r, c), rows, cols));
        }
        if self.rows.is_empty() {
            return Ok((Part::All, None, None));
        }
        let p = problem.params();
        for (option, list) in [("--rows", &self.rows), ("--cols", &self.cols)] {
            let mut seen = std::collections::HashSet::new();
            for (place, &index) in list.iter().enumerate() {
                ensure!(
                    index < p,
                    "{option}: entry {place} is {index}, needed 0 to {}, as {} has {p} parameters",
                    p - 1,
                    problem.net.path.display()
                );
                ensure!(
                    seen.insert(index),
                    "{option}: entry {place} is {index} again; leave it out"
                );
            }
        }
        Ok((Part::Lists, Some(self.rows.clone()), Some(self.cols.clone())))
    }
}
