//! The learning curve: as columns and as a picture.

use super::checkpoint::Best;
use super::samples::Score;
use crate::array::Array;
use crate::plot::{Figure, Panel, Scale};
use crate::report::{Format, Report};

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
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// A column, if every row has a number for it.
    fn column(&self, of: impl Fn(&Row) -> Option<f64>) -> Option<Vec<f64>> {
        self.rows.iter().map(of).collect()
    }

    /// The columns that there are, by name.
    fn columns(&self) -> Vec<(&'static str, Vec<f64>)> {
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

    /// The curve as a result: columns, and where the format has a place for it, the best.
    pub fn report<T>(&self, format: Format, best: &Best<T>) -> Report {
        let iterations: Vec<_> = self.rows.iter().map(|row| row.iteration as i64).collect();
        let mut report = Report::of("iteration", Array::vector(iterations));
        for (name, values) in self.columns() {
            report.array(name, Array::vector(values));
        }
        if format != Format::Csv {
            report.count("best_iteration", best.iteration).number("best_loss", best.loss);
        }
        report
    }

    /// The curve as a picture.
    pub fn figure(&self, optimizer: &str) -> Figure {
        let x: Vec<_> = self.rows.iter().map(|row| row.iteration as f64).collect();
        let columns = self.columns();
        let named = |names: [(&str, &str); 2]| {
            let columns = &columns;
            names.map(|(name, label)| {
                columns.iter().find(|(n, _)| *n == name).map(|(_, y)| (label.to_owned(), y.clone()))
            })
        };
        let draw = |mut panel: Panel, names| {
            for (label, y) in named(names).into_iter().flatten() {
                panel = panel.series(label, &x, &y);
            }
            panel
        };
        let positive =
            |names| named(names).into_iter().flatten().all(|(_, y)| y.iter().all(|y| *y > 0.0));
        let losses = [("loss", "training"), ("validation_loss", "validation")];
        let scale = if positive(losses) { Scale::Log } else { Scale::Linear };
        let panel = |heading: &str, y: &str, scale| {
            Panel::lines(heading).x("iteration", Scale::Linear).y(y, scale)
        };
        let mut figure = Figure::new(format!("Training with {optimizer}"))
            .panel(draw(panel("Loss", "loss", scale), losses));
        let accuracies = [("accuracy", "training"), ("validation_accuracy", "validation")];
        if named(accuracies)[0].is_some() {
            figure = figure.panel(draw(
                panel("Accuracy", "share of right classes", Scale::Linear),
                accuracies,
            ));
        }
        let damping = [("damping", "damping"), ("", "")];
        if named(damping)[0].is_some() {
            figure = figure.panel(draw(panel("Damping", "damping", Scale::Log), damping));
        }
        figure
    }
}
