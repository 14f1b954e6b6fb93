//! The learning curve.

use super::samples::Score;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The steps before it.
    pub iteration: usize,
    /// On the samples of training.
    pub training: Score,
    /// On the samples held out.
    pub validation: Option<Score>,
    /// The damping of the next step; NaN if the optimiser has none.
    pub damping: f64,
}

/// All measurements in order.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    rows: Vec<Row>,
}

impl Curve {
    /// Adds one.
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The measurements.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A column, if every row has a number for it.
    fn column(&self, of: impl Fn(&Row) -> Option<f64>) -> Option<Vec<f64>> {
        self.rows.iter().map(of).collect()
    }

    /// The columns that there are, by name: `loss`, `validation_loss`, `accuracy`,
    /// `validation_accuracy`, `damping`.
    pub fn columns(&self) -> Vec<(&'static str, Vec<f64>)> {
        let held_out = |row: &Row| row.validation.map(|score| score.loss);
        let held_out_accuracy = |row: &Row| row.validation.and_then(|score| score.accuracy);
        [
            ("loss", self.column(|row| Some(row.training.loss))),
            ("validation_loss", self.column(held_out)),
            ("accuracy", self.column(|row| row.training.accuracy)),
            ("validation_accuracy", self.column(held_out_accuracy)),
            ("damping", self.column(|row| Some(row.damping).filter(|d| !d.is_nan()))),
        ]
        .into_iter()
        .filter_map(|(name, values)| Some((name, values?)))
        .collect()
    }
}
