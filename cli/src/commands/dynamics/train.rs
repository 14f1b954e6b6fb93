//! `nanocurv dynamics train`: gradient descent on all weights.

use anyhow::{Context, Result};
use nanocurv::dynamics::reduction::moments;
use nanocurv::dynamics::train::{TwoLayer, two_layer_scratch};
use nanocurv::{Mat, MatMut};

use super::problem::{Problem, Record, Trajectory};
use crate::array::{Float, zeros};
use crate::progress::Progress;

/// The full network.
#[derive(Debug)]
pub struct Full;

/// Steps between two looks at the progress bar.
const STRETCH: u64 = 10_000;

impl Trajectory for Full {
    const NAME: &'static str = "training";

    fn follow<T: Float>(
        problem: &Problem<T>,
        record: &mut Record<T>,
        progress: &Progress,
    ) -> Result<()> {
        let (d, h) = (problem.dim(), problem.hidden);
        let mut scratch = zeros::<T>(&[two_layer_scratch(d, h)])?;
        // The samples enter by their moments, unless they are fewer than the features.
        let by_moments = d <= problem.x.rows;
        let (mut s, mut b) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?);
        moments(problem.x.batch(), &problem.y, MatMut::of(&mut s, d, d), &mut b)?;
        let mut net = TwoLayer::new(&problem.theta, d, h, &mut scratch).context("the start")?;
        for t in &problem.times {
            while net.iteration() < *t {
                let steps = (t - net.iteration()).min(STRETCH);
                if by_moments {
                    net.train_on_moments(Mat::of(&s, d, d), &b, problem.rates, steps)?;
                } else {
                    net.train(problem.x.batch(), &problem.y, problem.rates, steps)?;
                }
                progress.advance(steps);
            }
            let norms = (net.first_norm(0, d), net.second_norm());
            record.push(problem, *t, net.total(), norms)?;
        }
        Ok(())
    }
}
