//! Times and values of equal ratio.

/// `count` values of equal ratio from `low` to `high`.
pub fn geometric(low: f64, high: f64, count: usize) -> Vec<f64> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| low * (high / low).powf(i as f64 / last)).collect()
}

/// 0, about `points` iterations of equal ratio, and the last one.
pub fn geometric_times(end: u64, points: usize) -> Vec<u64> {
    let ratios = geometric(1.0, end.max(1) as f64, points);
    let mut times: Vec<u64> = ratios.iter().map(|t| (*t as u64).min(end)).collect();
    times.extend([0, end]);
    times.sort_unstable();
    times.dedup();
    times
}
