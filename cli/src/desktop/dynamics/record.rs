//! What happens in a run, time by time.

use nanocurv::dynamics::optimum::weight_error;
use nanocurv::dynamics::train::{absolute_error, squared_error};

use super::problem::{Problem, Risk};
use crate::desktop::array::{Float, samples};
use crate::desktop::error::{Context, Result};

/// What happened, at every time.
#[derive(Clone, Debug, Default)]
pub struct Record<T> {
    /// The iterations.
    pub t: Vec<u64>,
    /// The loss on the training data.
    pub loss: Vec<T>,
    /// The risk on the test data; empty without.
    pub risk: Vec<T>,
    /// The total weights, `times x d`.
    pub total: Vec<T>,
    /// The layers' Frobenius norms, `times x 2`.
    pub norms: Vec<T>,
    /// Relative weight errors: means over all features, the first half and the rest.
    pub errors: [Vec<T>; 3],
    /// Of the reduction: `times`, and `times x d`.
    pub u: Vec<T>,
    /// See `u`.
    pub z: Vec<T>,
}

impl<T: Float> Record<T> {
    /// Notes the state at time `t`.
    ///
    /// # Errors
    /// A teacher that is 0 somewhere, to which no error is relative.
    pub(super) fn push(
        &mut self,
        problem: &Problem<T>,
        t: u64,
        w: &[T],
        norms: (T, T),
    ) -> Result<()> {
        self.t.push(t);
        self.loss.push(squared_error(problem.inputs()?, &problem.y, w));
        if let Some((x, y)) = &problem.test {
            let x = samples(x.view())?;
            self.risk.push(match problem.risk {
                Risk::L2 => squared_error(x, y, w),
                Risk::L1 => absolute_error(x, y, w),
            });
        }
        self.total.extend_from_slice(w);
        self.norms.extend([norms.0, norms.1]);
        if let Some(beta) = &problem.beta {
            let half = w.len() / 2;
            let groups = [0..w.len(), 0..half, half..w.len()];
            for (errors, group) in self.errors.iter_mut().zip(groups) {
                if !group.is_empty() {
                    let error = weight_error(&w[group.clone()], &beta[group]);
                    errors.push(error.context("--beta: the weight error is relative to it")?);
                }
            }
        }
        Ok(())
    }
}
