//! Pictures of runs.

use anyhow::Result;
use nanocurv::dynamics::risk::{TurnDetector, TurningPoint};

use super::problem::{Problem, Record, Risk};
use crate::array::Float;
use crate::plot::{Figure, Panel, Scale};

/// Moves of a curve below this part of its largest value are taken for rounding.
pub fn tolerance<T: Float>() -> f64 {
    if T::EPSILON > T::of(1e-10) { 1e-4 } else { 1e-9 }
}

/// The turning points of a curve whose moves count from `tolerance` times its largest value on.
pub fn turning_points(curve: &[f64], tolerance: f64) -> Vec<TurningPoint<f64>> {
    let largest = curve.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mut detector = TurnDetector::new(tolerance * largest);
    curve.iter().filter_map(|v| detector.push(*v)).collect()
}

pub fn to_f64<T: Float>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

/// Column `j` of `columns`.
pub fn column<T: Float>(values: &[T], j: usize, columns: usize) -> Vec<f64> {
    values.iter().skip(j).step_by(columns.max(1)).map(|v| v.to_f64()).collect()
}

/// Logarithmic axes end this far below their largest value: a loss that has reached its rounding
/// would flatten everything else.
const DEPTH: f64 = 1e-6;

/// A logarithmic vertical axis for these curves.
fn logarithmic(panel: Panel, name: &str, curves: &[&[f64]]) -> Panel {
    let positive = || curves.iter().flat_map(|c| c.iter().copied()).filter(|v| *v > 0.0);
    let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    let panel = panel.y(name, Scale::Log);
    if low < DEPTH * high { panel.y_range(DEPTH * high, 2.0 * high) } else { panel }
}

/// Loss and risk over logarithmic time, with the risk's turning points marked.
pub fn loss_and_risk<T: Float>(
    heading: &str,
    problem: &Problem<T>,
    record: &Record<T>,
    tolerance: f64,
) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let (loss, risk) = (to_f64(&record.loss), to_f64(&record.risk));
    let unit = match problem.risk {
        Risk::L2 => "sum of squares",
        Risk::L1 => "sum (risk: of absolute values)",
    };
    let panel = Panel::lines(heading).x("iteration", Scale::Log);
    let mut panel = logarithmic(panel, unit, &[&loss, &risk]).series("training loss", &t, &loss);
    if !risk.is_empty() {
        panel = panel.series("test risk", &t, &risk);
        for turn in turning_points(&risk, tolerance) {
            let at = t[turn.index];
            panel = panel.mark(at, turn.value, format!("{} {at}", short(turn.kind)));
        }
    }
    panel
}

/// `min` or `max`
pub fn short(kind: nanocurv::dynamics::risk::Kind) -> &'static str {
    match kind {
        nanocurv::dynamics::risk::Kind::Minimum => "min",
        nanocurv::dynamics::risk::Kind::Maximum => "max",
    }
}

/// The relative weight errors by group.
pub fn weight_errors<T: Float>(record: &Record<T>) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let errors = record.errors.each_ref().map(|errors| to_f64(errors));
    let mut panel = Panel::lines("Weight error").x("iteration", Scale::Log);
    for (name, errors) in ["all features", "first half", "rest"].into_iter().zip(&errors) {
        if !errors.is_empty() {
            panel = panel.series(name, &t, errors);
        }
    }
    logarithmic(panel, "mean of ((w - β) / β)²", &errors.each_ref().map(|e| e.as_slice()))
}

/// The most weights that are drawn one by one.
const MOST_LINES: usize = 6;

/// The total weights, and where training ends.
pub fn weights<T: Float>(record: &Record<T>, d: usize, end: Option<&[T]>) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let heading = if d > MOST_LINES { "Total weight (first six)" } else { "Total weight" };
    let mut panel = Panel::lines(heading).x("iteration", Scale::Log).y("w", Scale::Linear);
    for j in 0..d.min(MOST_LINES) {
        panel = panel.series(format!("w{}", subscript(j + 1)), &t, &column(&record.total, j, d));
    }
    if let (Some(end), true) = (end, d <= 3) {
        for (j, w) in end.iter().enumerate() {
            panel = panel.horizontal(w.to_f64(), format!("least squares w{}", subscript(j + 1)));
        }
    }
    panel
}

/// The number in subscript digits.
fn subscript(number: usize) -> String {
    number
        .to_string()
        .chars()
        .map(|c| char::from_u32('₀' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or(c))
        .collect()
}

/// `|W1|` and `|w2|`.
pub fn layer_norms<T: Float>(record: &Record<T>) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    Panel::lines("Layer norms")
        .x("iteration", Scale::Log)
        .y("Frobenius norm", Scale::Log)
        .series("first layer", &t, &column(&record.norms, 0, 2))
        .series("second layer", &t, &column(&record.norms, 1, 2))
}

/// All panels of a run.
///
/// # Errors
/// If it cannot be drawn.
pub fn figure<T: Float>(
    name: &str,
    problem: &Problem<T>,
    record: &Record<T>,
    end: Option<&[T]>,
) -> Result<Figure> {
    let (d, h) = (problem.dim(), problem.hidden);
    let title = format!("Two linear layers, {d}-{h}-1: {name} on {} samples", problem.x.rows);
    let heading = if record.risk.is_empty() { "Loss" } else { "Loss and risk" };
    let first = loss_and_risk(heading, problem, record, tolerance::<T>());
    let mut figure = Figure::new(title).columns(2).panel(first);
    if problem.beta.is_some() {
        figure = figure.panel(weight_errors(record));
    }
    Ok(figure.panel(weights(record, d, end)).panel(layer_norms(record)))
}
