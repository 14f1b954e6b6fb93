//! One decoupled mode in closed form: `w' = sqrt(c^2 + r^2 w^2) (s - lambda w)`.

use nanocurv::dynamics::modes::Mode;
use ndarray::Array1;

use crate::desktop::array::Float;
use crate::desktop::error::{Result, ensure};

/// The weight of a mode that starts at `w0`, at each of `times`.
///
/// # Errors
/// If a parameter or time is negative where it must not be, or a weight is beyond the range of
/// numbers.
pub fn mode_weights<T: Float>(mode: &Mode<T>, w0: T, times: &[T]) -> Result<Array1<T>> {
    ensure!(mode.r >= T::ZERO, "--r: found {}, needed at least 0", mode.r);
    ensure!(mode.lambda >= T::ZERO, "--lambda: found {}, needed at least 0", mode.lambda);
    for t in times {
        ensure!(*t >= T::ZERO, "--times: found {t}, needed at least 0");
    }
    let w: Array1<T> = times.iter().map(|t| mode.weight(w0, *t)).collect();
    for (w, t) in w.iter().zip(times) {
        ensure!(
            w.is_finite(),
            "at time {t} the weight is beyond the range of numbers; take earlier times"
        );
    }
    Ok(w)
}
