//! `nanocurv dynamics theory`: the exact (u, z) reduction.

use anyhow::{Context, Result};
use nanocurv::dynamics::DynamicsError;
use nanocurv::dynamics::reduction::{layer_norms, moments, rank_one, reduce, reduce_scratch};
use nanocurv::{Mat, MatMut};

use super::problem::{Problem, Record, Trajectory};
use crate::array::{Float, zeros};
use crate::progress::Progress;

/// The (u, z) reduction.
#[derive(Debug)]
pub struct Reduced;

/// Steps between two looks at the progress bar.
const STRETCH: u64 = 100_000;

impl Trajectory for Reduced {
    const NAME: &'static str = "theory";

    fn follow<T: Float>(
        problem: &Problem<T>,
        record: &mut Record<T>,
        progress: &Progress,
    ) -> Result<()> {
        let d = problem.dim();
        let (mut s, mut b) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?);
        moments(problem.x.batch(), &problem.y, MatMut::of(&mut s, d, d), &mut b)?;
        let (mut p, mut z) = (zeros::<T>(&[problem.hidden])?, zeros::<T>(&[d])?);
        let tolerance = T::of(100.0) * T::EPSILON;
        let mut u = rank_one(&problem.theta, tolerance, &mut p, &mut z).context(
            "the reduction needs a constant or rank-one start (--init constant or rank-one); any \
             other is for `dynamics train`",
        )?;
        let mut scratch = zeros::<T>(&[reduce_scratch(d)])?;
        let mut done = 0;
        for t in &problem.times {
            while done < *t {
                let steps = (t - done).min(STRETCH);
                let s = Mat::of(&s, d, d);
                reduce(s, &b, problem.rates, steps, &mut z, &mut u, &mut scratch).map_err(
                    |error| match error {
                        DynamicsError::Diverged { iteration } => {
                            DynamicsError::Diverged { iteration: done + iteration }
                        }
                        other => other,
                    },
                )?;
                done += steps;
                progress.advance(steps);
            }
            let w: Vec<T> = z.iter().map(|z| u * *z).collect();
            record.push(problem, *t, &w, layer_norms(&z, u))?;
            record.u.push(u);
            record.z.extend_from_slice(&z);
        }
        Ok(())
    }
}
