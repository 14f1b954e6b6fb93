//! The learning curve as a picture.

use crate::desktop::train::Curve;
use crate::plot::{Figure, Panel, Scale};

/// The curve as a picture.
pub fn figure(curve: &Curve, optimizer: &str) -> Figure {
    let x: Vec<_> = curve.rows().iter().map(|row| row.iteration as f64).collect();
    let columns = curve.columns();
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
        figure = figure
            .panel(draw(panel("Accuracy", "share of right classes", Scale::Linear), accuracies));
    }
    let damping = [("damping", "damping"), ("", "")];
    if named(damping)[0].is_some() {
        figure = figure.panel(draw(panel("Damping", "damping", Scale::Log), damping));
    }
    figure
}
