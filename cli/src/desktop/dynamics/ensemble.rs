//! The teacher-student risk averaged over random data (Marchenko-Pastur), under gradient flow.

use nanocurv::dynamics::ensemble::Ensemble;

use crate::desktop::array::Float;
use crate::desktop::error::{Context, Result, ensure};

/// The average risk.
#[derive(Clone, Debug)]
pub struct Average<T> {
    /// What it is of.
    pub ensemble: Ensemble<T>,
    /// At each time.
    pub risk: Vec<T>,
    /// Of training for ever.
    pub limit: f64,
    /// When to stop.
    pub best_time: f64,
    /// The risk there.
    pub best_risk: f64,
}

/// The risk at `times`, in units of 1 / rate, over the teacher's variance. `alpha`: samples per
/// input; `snr`: the variance of the teacher's output over that of the noise; `inr`: the variance
/// of the weights at the start over the teacher's.
///
/// # Errors
/// If a number is out of range.
pub fn average<T: Float>(alpha: T, snr: T, inr: T, times: &[T]) -> Result<Average<T>> {
    let ensemble = Ensemble::new(alpha, snr, inr).context("--alpha, --snr, --inr")?;
    for t in times {
        ensure!(*t >= T::ZERO, "--times: found {t}, needed at least 0");
    }
    let risk = times.iter().map(|t| ensemble.risk(*t)).collect();
    let (best_time, best_risk) = ensemble.best_stop();
    let (best_time, best_risk) = (best_time.to_f64(), best_risk.to_f64());
    Ok(Average { ensemble, risk, limit: ensemble.limit().to_f64(), best_time, best_risk })
}
