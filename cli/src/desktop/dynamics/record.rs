//! What happens in a run, time by time.

use nanocurv::dynamics::measures::loss_gradient;
use nanocurv::dynamics::optimum::weight_error;

use super::one_layer::OneLayer;
use super::problem::Problem;
use super::snapshot::Snapshot;
use crate::desktop::array::Float;
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
    /// Those of each feature, `times x d`.
    pub errors_each: Vec<T>,
    /// The gradients' Frobenius norms, `times x 2`.
    pub gradient_norms: Vec<T>,
    /// The layers' ranks, `times x 2`.
    pub ranks: Vec<i64>,
    /// Norms of the first layer's feature groups, `times x 2`.
    pub groups: Vec<T>,
    /// The layers beside their data.
    pub snapshots: Vec<Snapshot<T>>,
    /// Descent on the total weight itself, if asked for.
    pub one_layer: Option<OneLayer<T>>,
    /// Of the reduction: `times`, and `times x d`.
    pub u: Vec<T>,
    /// See `u`.
    pub z: Vec<T>,
}

/// What the layers of a network tell.
pub(super) struct Layers<T> {
    /// Of the gradients of both layers.
    pub gradients: (T, T),
    /// Of both layers.
    pub ranks: (usize, usize),
    /// Of the first layer's feature groups.
    pub groups: (T, T),
}

impl<T: Float> Record<T> {
    /// Notes the state at time `t`, and writes half of minus the loss's gradient by the total
    /// weight to `g`.
    ///
    /// # Errors
    /// A teacher that is 0 somewhere, to which no error is relative.
    pub(super) fn push(
        &mut self,
        problem: &Problem<T>,
        t: u64,
        (w, g): (&[T], &mut [T]),
        norms: (T, T),
    ) -> Result<()> {
        self.t.push(t);
        self.loss.push(loss_gradient(problem.inputs()?, &problem.y, w, g)?);
        self.risk.extend(problem.risk_of(w)?);
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
            self.errors_each.extend(w.iter().zip(beta).map(|(w, b)| ((*w - *b) / *b).squared()));
        }
        Ok(())
    }

    /// Notes what the layers tell at the time of the last [`Record::push`].
    pub(super) fn push_layers(&mut self, layers: &Layers<T>) {
        self.gradient_norms.extend([layers.gradients.0, layers.gradients.1]);
        self.ranks.extend([layers.ranks.0 as i64, layers.ranks.1 as i64]);
        self.groups.extend([layers.groups.0, layers.groups.1]);
    }
}
