//! Pictures of the dynamics.

use nanocurv::dynamics::risk::{Kind, TurningPoint};

use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{
    Field, LayerSpectrum, Problem, Record, Risk, Space, geometric_times, turning_points,
};
use crate::plot::{ArrowLength, Panel, Scale};

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
    let (loss, risk) = (wide(&record.loss), wide(&record.risk));
    let unit = match problem.risk {
        Risk::L2 => "sum of squares",
        Risk::L1 => "sum (risk: of absolute values)",
    };
    let panel = Panel::lines(heading).x("iteration", Scale::Log);
    let mut panel = logarithmic(panel, unit, &[&loss, &risk]).series("training loss", &t, &loss);
    if let Some(one) = &record.one_layer {
        panel = panel.series("loss of one layer", &t, &wide(&one.loss));
    }
    if !risk.is_empty() {
        panel = panel.series("test risk", &t, &risk);
        if let Some(one) = &record.one_layer {
            panel = panel.series("risk of one layer", &t, &wide(&one.risk));
        }
        for turn in turning_points(&risk, tolerance) {
            let at = t[turn.index];
            panel = panel.mark(at, turn.value, format!("{} {at}", short(turn.kind)));
        }
    }
    panel
}

/// `min` or `max`
pub fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::Minimum => "min",
        Kind::Maximum => "max",
    }
}

/// The relative weight errors by group.
pub fn weight_errors<T: Float>(record: &Record<T>) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let errors = record.errors.each_ref().map(|errors| wide(errors));
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

/// The relative weight error of every feature.
pub fn errors_of_each<T: Float>(record: &Record<T>, d: usize) -> Panel {
    let t: Vec<f64> = record.t.iter().map(|t| *t as f64).collect();
    let more = if d > MOST_LINES { " (first six)" } else { "" };
    let mut panel =
        Panel::lines(format!("Weight error by feature{more}")).x("iteration", Scale::Log);
    let errors: Vec<Vec<f64>> =
        (0..d.min(MOST_LINES)).map(|j| column(&record.errors_each, j, d)).collect();
    for (j, errors) in errors.iter().enumerate() {
        panel = panel.series(format!("w{}", subscript(j + 1)), &t, errors);
    }
    let curves: Vec<&[f64]> = errors.iter().map(Vec::as_slice).collect();
    logarithmic(panel, "((w - β) / β)²", &curves)
}

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

/// Excess risk over iterations, with its turning points marked.
pub fn excess_risk(heading: &str, curves: &[(&str, &[f64])], turns: &[TurningPoint<f64>]) -> Panel {
    let longest = curves.iter().map(|(_, c)| c.len()).max().unwrap_or(0);
    let k: Vec<f64> = (0..longest).map(|k| k as f64).collect();
    let mut panel =
        Panel::lines(heading).x("iteration k", Scale::Log).y("excess risk", Scale::Linear);
    for (name, curve) in curves {
        let (k, curve) = thinned(&k, curve);
        panel = panel.series(*name, &k, &curve);
    }
    for turn in turns {
        let k = turn.index as f64;
        panel = panel.mark(k, turn.value, format!("{} {k}", short(turn.kind)));
    }
    panel
}

/// About a thousand points of equal ratio: a picture of 20 000 is 1 MB.
fn thinned(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let end = y.len().saturating_sub(1) as u64;
    let kept = geometric_times(end, 1000);
    kept.iter().filter_map(|i| Some((x.get(*i as usize)?, y.get(*i as usize)?))).unzip()
}

/// Squared shares over singular values: they add up to 1.
pub fn shares<T: Float>(heading: &str, spectrum: &LayerSpectrum<T>) -> Panel {
    let square = |v: &T| v.to_f64().powi(2);
    let squares: Vec<Vec<f64>> =
        spectrum.shares.rows().into_iter().map(|row| row.iter().map(square).collect()).collect();
    Panel::shares(heading, &wide(&spectrum.values), &["first layer", "second layer"], &squares)
}

/// The field as arrows.
pub fn field<T: Float>(field: &Field<T>, heading: &str, (x_name, y_name): (&str, &str)) -> Panel {
    let (x, y) = field.places();
    Panel::quiver(heading).x(x_name, Scale::Linear).y(y_name, Scale::Linear).value("speed").arrows(
        &x,
        &y,
        &wide(&field.dx),
        &wide(&field.dy),
        ArrowLength::Same,
    )
}

/// Arrows along an axis of a picture in three dimensions, at most.
const MOST_ARROWS: usize = 6;

/// The flow in space, in projection.
pub fn space<T: Float>(space: &Space<T>, heading: &str, names: [&str; 3]) -> Panel {
    let n = space.axis.len();
    // Some of many, both ends among them.
    let last = n.min(MOST_ARROWS) - 1;
    let kept = |i: usize| (0..=last).any(|k| (k * (n - 1) + last / 2) / last == i);
    let [u, z1, z2] = &space.velocities;
    let velocities = u.iter().zip(z1).zip(z2);
    let arrows: Vec<[[f64; 3]; 2]> = (space.places().zip(velocities).enumerate())
        .filter(|(i, _)| kept(i % n) && kept(i / n % n) && kept(i / (n * n)))
        .map(|(_, (at, ((u, z1), z2)))| [at, [u.to_f64(), z1.to_f64(), z2.to_f64()]])
        .collect();
    let end = |i: Option<&T>| i.map_or(0.0, |v| v.to_f64());
    let ends = (end(space.axis.first()), end(space.axis.last()));
    Panel::space(heading, names, ends, &arrows).value("speed")
}
