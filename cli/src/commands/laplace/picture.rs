//! `--plot`: the band over one input, which opens where there is no data; how predictions meet what
//! was observed.

use anyhow::Result;
use nanocurv::network::Loss;
use ndarray::Array2;

use crate::desktop::array::{matrix, wide};
use crate::desktop::laplace::{Posterior, Prediction};
use crate::desktop::{Float, Network, Targets};
use crate::plot::{Figure, Panel, Scale};

/// Places along a band.
const PLACES: usize = 240;
/// How far a band goes beyond the data, as a share of its range.
const BEYOND: f64 = 0.15;
/// Levels of intervals, and ranges of probabilities.
const LEVELS: usize = 20;
const RANGES: usize = 10;

/// Whether the picture is a band: a regression on one input.
pub fn is_band<T: Float>(net: &Network<T>, posterior: &Posterior<T>) -> bool {
    net.inputs() == 1 && posterior.loss == Loss::Mse
}

/// The mean and the band that holds 95 % of observations, and what was observed.
///
/// # Errors
/// If the posterior cannot predict.
pub fn band<T: Float>(
    net: &Network<T>,
    posterior: &Posterior<T>,
    x: &Array2<T>,
    targets: Option<&Targets<T>>,
) -> Result<Figure> {
    let at = wide(x);
    let (low, high) =
        at.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let margin = BEYOND * if high > low { high - low } else { 1.0 };
    let step = (high - low + 2.0 * margin) / (PLACES - 1) as f64;
    let grid: Vec<f64> = (0..PLACES).map(|k| low - margin + step * k as f64).collect();
    let inputs = matrix(PLACES, 1, grid.iter().map(|x| T::of(*x)).collect());
    let prediction = posterior.predict(net, inputs.view(), None)?;
    let outputs = net.outputs();
    let mut figure = Figure::new("What the network knows, and what it does not");
    for o in 0..outputs {
        let column = |m: &Array2<T>| m.column(o).iter().map(|v| v.to_f64()).collect::<Vec<_>>();
        let mean = column(&prediction.mean);
        let std = prediction.std.as_ref().map(column).unwrap_or_default();
        let edge = |side: f64| -> Vec<f64> {
            mean.iter().zip(&std).map(|(f, s)| f + side * 1.96 * s).collect()
        };
        let heading = if outputs > 1 { format!("Output {o}") } else { String::new() };
        let mut panel = Panel::lines(heading)
            .x("input", Scale::Linear)
            .y("output", Scale::Linear)
            .band("95 % of observations", &grid, &edge(-1.0), &edge(1.0))
            .series("mean", &grid, &mean);
        if let Some(Targets::Values(y)) = targets {
            panel = panel.points("data", &at, &column(y));
        }
        figure = figure.panel(panel);
    }
    Ok(figure)
}

/// How predictions meet what was observed: shares of targets within intervals of every level, or
/// shares of right classes by probability.
pub fn calibration<T: Float>(
    posterior: &Posterior<T>,
    prediction: &Prediction<T>,
    targets: &Targets<T>,
) -> Figure {
    let (heading, x, y, (at, found)) = match (&prediction.std, targets) {
        (Some(std), Targets::Values(y)) => (
            "Coverage",
            "level of the interval",
            "share of targets within it",
            coverage(&prediction.mean, std, y),
        ),
        _ => (
            "Reliability",
            "predicted probability",
            "share of samples of the class",
            reliability(posterior.loss, prediction, targets),
        ),
    };
    let panel = Panel::lines(heading)
        .x(x, Scale::Linear)
        .y(y, Scale::Linear)
        .x_range(0.0, 1.0)
        .y_range(0.0, 1.0)
        .series("calibrated", &[0.0, 1.0], &[0.0, 1.0])
        .series("found", &at, &found);
    Figure::new("Do predictions hold what they promise?").panel(panel)
}

/// The share of targets within the central interval of every level.
fn coverage<T: Float>(mean: &Array2<T>, std: &Array2<T>, y: &Array2<T>) -> (Vec<f64>, Vec<f64>) {
    // The level at whose edge each target stands: erf(|e| / sqrt 2).
    let levels: Vec<f64> = y
        .iter()
        .zip(mean)
        .zip(std)
        .map(|((y, f), s)| ((y.to_f64() - f.to_f64()) / s.to_f64()).abs())
        .map(|e| libm::erf(e / std::f64::consts::SQRT_2))
        .collect();
    let at: Vec<f64> = (1..LEVELS).map(|k| k as f64 / LEVELS as f64).collect();
    let within = |level: &f64| levels.iter().filter(|l| *l <= level).count() as f64;
    let found = at.iter().map(|level| within(level) / levels.len() as f64).collect();
    (at, found)
}

/// The share of samples of a class among predictions of a like probability.
fn reliability<T: Float>(
    loss: Loss,
    prediction: &Prediction<T>,
    targets: &Targets<T>,
) -> (Vec<f64>, Vec<f64>) {
    let mut ranges = [(0.0, 0.0, 0.0); RANGES];
    let probabilities = prediction.probabilities.as_ref().unwrap_or(&prediction.mean);
    for (n, row) in probabilities.rows().into_iter().enumerate() {
        for (o, p) in row.iter().enumerate() {
            let p = p.to_f64();
            let observed = match targets {
                Targets::Weighted { values, .. } => values[[n, o]].to_f64(),
                Targets::Labels(labels) => f64::from(labels[n] as usize == o),
                Targets::Values(y) => y[(n, o)].to_f64(),
            };
            let range = ((p * RANGES as f64) as usize).min(RANGES - 1);
            let (sum, hits, count) = &mut ranges[range];
            *sum += p;
            *hits += observed;
            *count += 1.0;
        }
        debug_assert!(loss != Loss::Mse);
    }
    let filled = ranges.iter().filter(|(_, _, count)| *count > 0.0);
    filled.map(|(sum, hits, count)| (sum / count, hits / count)).unzip()
}
