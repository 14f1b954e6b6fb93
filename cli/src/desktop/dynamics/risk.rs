//! The excess risk of early-stopped linear regression, and the turning points of curves.

use nanocurv::dynamics::risk::{Feature, TurnDetector, TurningPoint, equal_clocks, excess_risk};

use crate::desktop::array::{Float, zeros};
use crate::desktop::error::{Context, Result};

/// Moves of a curve below this part of its largest value are taken for rounding.
pub fn turn_tolerance<T: Float>() -> f64 {
    if T::EPSILON > T::of(1e-10) { 1e-4 } else { 1e-9 }
}

/// The turning points of a curve whose moves count from `tolerance` times its largest value on.
pub fn turning_points(curve: &[f64], tolerance: f64) -> Vec<TurningPoint<f64>> {
    let largest = curve.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mut detector = TurnDetector::new(tolerance * largest);
    curve.iter().filter_map(|v| detector.push(*v)).collect()
}

/// A curve of excess risk.
#[derive(Clone, Debug)]
pub struct RiskCurve<T> {
    /// The features with their rates.
    pub features: Vec<Feature<T>>,
    /// The risk without the noise's own, at every iteration from 0.
    pub excess: Vec<T>,
}

/// The excess risk of features with standard deviations `sigmas`, weights `thetas` and rates, over
/// iterations 0 to `iterations`. With equal clocks the first rate is scaled such that all features
/// learn as fast as the fastest. `noise` is a variance.
///
/// # Errors
/// If a number is out of range, or the curve does not fit into memory.
pub fn excess<T: Float>(
    (sigmas, thetas, rates): (&[T], &[T], &[T]),
    equal: bool,
    (noise, samples): (T, usize),
    iterations: usize,
) -> Result<RiskCurve<T>> {
    let mut rates = rates.to_vec();
    if equal {
        let rate = rates.first().copied().unwrap_or(T::ZERO);
        equal_clocks(rate, sigmas, &mut rates).context("--equal-clocks")?;
    }
    let features: Vec<Feature<T>> = (sigmas.iter().zip(thetas).zip(&rates))
        .map(|((sigma, theta), rate)| Feature { sigma: *sigma, theta: *theta, rate: *rate })
        .collect();
    let mut excess = zeros::<T>(&[iterations.saturating_add(1)])?;
    excess_risk(&features, noise, samples, &mut excess)?;
    Ok(RiskCurve { features, excess })
}
