//! A run of a two-layer linear network: gradient descent on all weights, or the exact (u, z)
//! reduction of a rank-one start.

use nanocurv::Mat;
use nanocurv::dynamics::DynamicsError;
use nanocurv::dynamics::reduction::{layer_norms, moments, rank_one, reduce, reduce_scratch};
use nanocurv::dynamics::train::{TwoLayer, two_layer_scratch};

use super::problem::Problem;
use super::record::Record;
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::error::{Context, Result};
use crate::desktop::watch::{Watch, Work};

/// A way to follow the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Gradient descent on all weights.
    Training,
    /// The reduction.
    Theory,
}

impl Route {
    /// How the run is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Theory => "theory",
        }
    }
}

/// Steps between two looks at the watch.
const TRAINED: u64 = 10_000;
/// Those of the reduction.
const REDUCED: u64 = 100_000;

/// Runs to every time of the problem, and records it.
///
/// # Errors
/// The start is of the wrong kind, the run diverges, or the watch stops it.
pub fn run<T: Float>(problem: &Problem<T>, route: Route, watch: Watch<'_>) -> Result<Record<T>> {
    let mut record = Record::default();
    let end = problem.times.last().copied().unwrap_or(0) as usize;
    let work = Work::new(watch, route.name(), end);
    match route {
        Route::Training => trained(problem, &mut record, &work)?,
        Route::Theory => reduced(problem, &mut record, &work)?,
    }
    Ok(record)
}

fn trained<T: Float>(problem: &Problem<T>, record: &mut Record<T>, work: &Work<'_>) -> Result<()> {
    let (d, h, x) = (problem.dim(), problem.hidden, problem.inputs()?);
    let mut scratch = zeros::<T>(&[two_layer_scratch(d, h)])?;
    // The samples enter by their moments, unless they are fewer than the features.
    let by_moments = d <= problem.x.nrows();
    let (mut s, mut b) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?);
    moments(x, &problem.y, columns(&mut s, d, d)?, &mut b)?;
    let mut net = TwoLayer::new(&problem.theta, d, h, &mut scratch).context("the start")?;
    for t in &problem.times {
        while net.iteration() < *t {
            let steps = (t - net.iteration()).min(TRAINED);
            if by_moments {
                net.train_on_moments(Mat::new("moments", &s, d, d)?, &b, problem.rates, steps)?;
            } else {
                net.train(x, &problem.y, problem.rates, steps)?;
            }
            work.advance(steps as usize)?;
        }
        let norms = (net.first_norm(0, d), net.second_norm());
        record.push(problem, *t, net.total(), norms)?;
    }
    Ok(())
}

fn reduced<T: Float>(problem: &Problem<T>, record: &mut Record<T>, work: &Work<'_>) -> Result<()> {
    let d = problem.dim();
    let (mut s, mut b) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?);
    moments(problem.inputs()?, &problem.y, columns(&mut s, d, d)?, &mut b)?;
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
            let steps = (t - done).min(REDUCED);
            let s = Mat::new("moments", &s, d, d)?;
            reduce(s, &b, problem.rates, steps, &mut z, &mut u, &mut scratch).map_err(|error| {
                match error {
                    DynamicsError::Diverged { iteration } => {
                        DynamicsError::Diverged { iteration: done + iteration }
                    }
                    other => other,
                }
            })?;
            done += steps;
            work.advance(steps as usize)?;
        }
        let w: Vec<T> = z.iter().map(|z| u * *z).collect();
        record.push(problem, *t, &w, layer_norms(&z, u))?;
        record.u.push(u);
        record.z.extend_from_slice(&z);
    }
    Ok(())
}
