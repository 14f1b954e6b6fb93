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

    /// The row that the loss of training has not fallen below since, by more than its last digits,
    /// if that is the last half of the curve or more: a run that makes no progress.
    pub fn no_progress_since(&self) -> Option<&Row> {
        let (first, last) = (self.rows.first()?.iteration, self.rows.last()?.iteration);
        let least = self.rows.iter().map(|row| row.training.loss).fold(f64::INFINITY, f64::min);
        let since = self.rows.iter().find(|row| row.training.loss <= least * (1.0 + 1e-6))?;
        (last > first && 2 * since.iteration <= first + last).then_some(since)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_progress_is_half_a_curve_without_a_lower_loss() {
        let since = |losses: &[f64]| {
            let mut curve = Curve::default();
            for (iteration, loss) in losses.iter().enumerate() {
                let training = Score { loss: *loss, accuracy: None };
                curve.push(Row { iteration, training, validation: None, damping: f64::NAN });
            }
            curve.no_progress_since().map(|row| row.iteration)
        };
        assert_eq!(since(&[3.0, 2.0, 1.0]), None);
        assert_eq!(since(&[3.0, 5.0, 0.5, 0.5, 0.5]), Some(2));
        assert_eq!(since(&[3.0, 5.0, 0.5, 0.5, 0.4]), None);
        assert_eq!(since(&[1.0, 2.0]), Some(0));
        assert_eq!(since(&[1.0]), None);
    }
}
