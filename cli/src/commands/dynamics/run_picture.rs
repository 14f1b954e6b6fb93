//! The picture of a run: loss, weights, and what is measured of the layers.

use super::picture::{column, errors_of_each, loss_and_risk, shares, weight_errors, weights};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{Alignment, Measures, Problem, Record, Snapshot, turn_tolerance};
use crate::plot::{Figure, Panel, Scale};

/// The most snapshots that are drawn.
const MOST_SNAPSHOTS: usize = 5;

/// All panels of a run.
pub fn run<T: Float>(
    name: &str,
    problem: &Problem<T>,
    record: &Record<T>,
    end: Option<&[T]>,
) -> Figure {
    let (d, h) = (problem.dim(), problem.hidden);
    let title = format!("Two linear layers, {d}-{h}-1: {name} on {} samples", problem.x.nrows());
    let heading = if record.risk.is_empty() { "Loss" } else { "Loss and risk" };
    let first = loss_and_risk(heading, problem, record, turn_tolerance::<T>());
    let mut figure = Figure::new(title).columns(2).panel(first);
    if problem.beta.is_some() {
        figure = figure.panel(weight_errors(record)).panel(errors_of_each(record, d));
    }
    figure = figure.panel(weights(record, d, end));
    figure = figure.panel(layer_norms(record, problem.measures.as_ref(), d));
    if !record.gradient_norms.is_empty() {
        figure = figure.panel(gradient_norms(record)).panel(ranks(record));
    }
    let snapshots = &record.snapshots;
    if !snapshots.is_empty() {
        let inputs = ("singular value of X", "|W₁ v|");
        let hidden = ("singular value of the hidden features", "|w₂ v|");
        figure = figure
            .panel(alignment("First layer and inputs", inputs, snapshots, |s| &s.input))
            .panel(alignment("Second layer and features", hidden, snapshots, |s| &s.hidden));
        for snapshot in snapshots.iter().take(MOST_SNAPSHOTS) {
            let heading = format!("Jacobian at iteration {}", snapshot.t);
            figure = figure.panel(shares(&heading, &snapshot.jacobian));
        }
    }
    figure
}

/// The layers' norms, the first one's by group as well.
fn layer_norms<T: Float>(record: &Record<T>, measures: Option<&Measures>, d: usize) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let mut panel = Panel::lines("Layer norms")
        .x("iteration", Scale::Log)
        .y("Frobenius norm", Scale::Log)
        .series("first layer", &t, &column(&record.norms, 0, 2))
        .series("second layer", &t, &column(&record.norms, 1, 2));
    if let Some(measures) = measures.filter(|m| m.group > 0 && m.group < d) {
        let names = [format!("first, {} features", measures.group), "first, the rest".to_owned()];
        for (j, name) in names.into_iter().enumerate() {
            panel = panel.series(name, &t, &column(&record.groups, j, 2));
        }
    }
    panel
}

/// The gradients' norms.
fn gradient_norms<T: Float>(record: &Record<T>) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    Panel::lines("Gradients by layer")
        .x("iteration", Scale::Log)
        .y("Frobenius norm of ∂loss / ∂W", Scale::Log)
        .series("first layer", &t, &column(&record.gradient_norms, 0, 2))
        .series("second layer", &t, &column(&record.gradient_norms, 1, 2))
}

/// The layers' ranks.
fn ranks<T: Float>(record: &Record<T>) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let of = |layer| record.ranks.iter().skip(layer).step_by(2).map(|r| *r as f64).collect();
    let (first, second): (Vec<f64>, Vec<f64>) = (of(0), of(1));
    Panel::lines("Ranks of the layers")
        .x("iteration", Scale::Log)
        .y("numerical rank", Scale::Linear)
        .series("first layer", &t, &first)
        .series("second layer", &t, &second)
}

/// How long a layer makes the singular vectors of what it sees, snapshot by snapshot.
fn alignment<T: Float>(
    heading: &str,
    (across, upward): (&str, &str),
    snapshots: &[Snapshot<T>],
    of: impl Fn(&Snapshot<T>) -> &Alignment<T>,
) -> Panel {
    let mut panel = Panel::scatter(heading).x(across, Scale::Linear).y(upward, Scale::Linear);
    for snapshot in snapshots.iter().take(MOST_SNAPSHOTS) {
        let alignment = of(snapshot);
        let (values, aligned) = (wide(&alignment.values), wide(&alignment.aligned));
        panel = panel.points(format!("iteration {}", snapshot.t), &values, &aligned);
    }
    panel
}
