//! Gradient descent on the total weight itself, from the start of a two-layer run.

use nanocurv::Mat;
use nanocurv::dynamics::DynamicsError;
use nanocurv::dynamics::one_layer::{descend, descend_scratch};
use nanocurv::dynamics::reduction::moments;
use nanocurv::dynamics::train::{TwoLayer, squared_error, two_layer_scratch};

use super::problem::Problem;
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::error::{Context, Result};
use crate::desktop::watch::{Watch, Work};

/// What happened, at every time of the problem.
#[derive(Clone, Debug, Default)]
pub struct OneLayer<T> {
    /// The weights, `times x d`.
    pub w: Vec<T>,
    /// The loss on the training data.
    pub loss: Vec<T>,
    /// The risk on the test data; empty without.
    pub risk: Vec<T>,
}

/// Steps between two looks at the watch.
const STEPS: u64 = 100_000;

/// Descends at the first layer's rate.
///
/// # Errors
/// The run diverges, or the watch stops it.
pub(super) fn one_layer<T: Float>(problem: &Problem<T>, watch: Watch<'_>) -> Result<OneLayer<T>> {
    let (d, h, x) = (problem.dim(), problem.hidden, problem.inputs()?);
    let (mut s, mut b) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?);
    moments(x, &problem.y, columns(&mut s, d, d)?, &mut b)?;
    let mut scratch = zeros::<T>(&[two_layer_scratch(d, h).max(descend_scratch(d))])?;
    let mut w = TwoLayer::new(&problem.theta, d, h, &mut scratch)?.total().to_vec();
    let end = problem.times.last().copied().unwrap_or(0) as usize;
    let (work, mut record, mut done) = (Work::new(watch, "one layer", end), OneLayer::default(), 0);
    for t in &problem.times {
        while done < *t {
            let steps = (t - done).min(STEPS);
            let s = Mat::new("moments", &s, d, d)?;
            descend(s, &b, problem.rates.first, steps, &mut w, &mut scratch)
                .map_err(|error| after(done, error))
                .context("--one-layer")?;
            done += steps;
            work.advance(steps as usize)?;
        }
        record.w.extend_from_slice(&w);
        record.loss.push(squared_error(x, &problem.y, &w));
        record.risk.extend(problem.risk_of(&w)?);
    }
    Ok(record)
}

/// The error of steps that came after `done` others.
pub(super) fn after(done: u64, error: DynamicsError) -> DynamicsError {
    match error {
        DynamicsError::Diverged { iteration } => {
            DynamicsError::Diverged { iteration: done + iteration }
        }
        other => other,
    }
}
