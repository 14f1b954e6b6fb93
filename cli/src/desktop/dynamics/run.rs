//! A run of a two-layer linear network: gradient descent on all weights, or the exact (u, z)
//! reduction of a rank-one start.

use nanocurv::Mat;
use nanocurv::dynamics::measures::{Ranks, ranks_scratch, reduced_gradient_norms};
use nanocurv::dynamics::reduction::{layer_norms, moments, rank_one, reduce, reduce_scratch};
use nanocurv::dynamics::train::{TwoLayer, two_layer_scratch};
use nanocurv::linalg::dot;

use super::one_layer::{after, one_layer};
use super::problem::{Measures, Problem};
use super::record::{Layers, Record};
use super::snapshot::Snapshot;
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
    let schedule = problem.schedule();
    let work = Work::new(watch, route.name(), schedule.last().copied().unwrap_or(0) as usize);
    match route {
        Route::Training => trained(problem, &schedule, &mut record, &work)?,
        Route::Theory => reduced(problem, &schedule, &mut record, &work)?,
    }
    if problem.measures.as_ref().is_some_and(|m| m.one_layer) {
        record.one_layer = Some(one_layer(problem, watch)?);
    }
    Ok(record)
}

/// The measures, if there is a snapshot at `t`.
fn snapshot<T>(problem: &Problem<T>, t: u64) -> Option<&Measures> {
    problem.measures.as_ref().filter(|m| m.snapshots.binary_search(&t).is_ok())
}

fn trained<T: Float>(
    problem: &Problem<T>,
    schedule: &[u64],
    record: &mut Record<T>,
    work: &Work<'_>,
) -> Result<()> {
    let (d, h, x) = (problem.dim(), problem.hidden, problem.inputs()?);
    let mut scratch = zeros::<T>(&[two_layer_scratch(d, h)])?;
    // The samples enter by their moments, unless they are fewer than the features.
    let by_moments = d <= problem.x.nrows();
    let (mut s, mut b, mut g) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?, zeros::<T>(&[d])?);
    moments(x, &problem.y, columns(&mut s, d, d)?, &mut b)?;
    let mut net = TwoLayer::new(&problem.theta, d, h, &mut scratch).context("the start")?;
    let mut scratch = zeros::<T>(&[ranks_scratch(d, h)])?;
    let mut ranks = Ranks::new(d, h, &mut scratch)?;
    for t in schedule {
        while net.iteration() < *t {
            let steps = (t - net.iteration()).min(TRAINED);
            if by_moments {
                net.train_on_moments(Mat::new("moments", &s, d, d)?, &b, problem.rates, steps)?;
            } else {
                net.train(x, &problem.y, problem.rates, steps)?;
            }
            work.advance(steps as usize)?;
        }
        if problem.times.binary_search(t).is_ok() {
            let norms = (net.first_norm(0, d), net.second_norm());
            record.push(problem, *t, (net.total(), &mut g), norms)?;
            if let Some(measures) = &problem.measures {
                record.push_layers(&Layers {
                    gradients: net.gradient_norms(&g)?,
                    ranks: (ranks.first(&net)?, usize::from(norms.1 > T::ZERO)),
                    groups: (net.first_norm(0, measures.group), net.first_norm(measures.group, d)),
                });
            }
        }
        if let Some(measures) = snapshot(problem, *t) {
            let mut theta = problem.theta.clone();
            net.write_to(&mut theta)?;
            record.snapshots.push(Snapshot::new(problem, measures.hidden_activation, *t, &theta)?);
        }
    }
    Ok(())
}

fn reduced<T: Float>(
    problem: &Problem<T>,
    schedule: &[u64],
    record: &mut Record<T>,
    work: &Work<'_>,
) -> Result<()> {
    let d = problem.dim();
    let (mut s, mut b, mut g) = (zeros::<T>(&[d, d])?, zeros::<T>(&[d])?, zeros::<T>(&[d])?);
    moments(problem.inputs()?, &problem.y, columns(&mut s, d, d)?, &mut b)?;
    let (mut p, mut z) = (zeros::<T>(&[problem.hidden])?, zeros::<T>(&[d])?);
    let tolerance = T::of(100.0) * T::EPSILON;
    let mut u = rank_one(&problem.theta, tolerance, &mut p, &mut z).context(
        "the reduction needs a constant or rank-one start (--init constant or rank-one); any \
         other is for `dynamics train`",
    )?;
    let mut scratch = zeros::<T>(&[reduce_scratch(d)])?;
    let mut done = 0;
    for t in schedule {
        while done < *t {
            let steps = (t - done).min(REDUCED);
            let s = Mat::new("moments", &s, d, d)?;
            reduce(s, &b, problem.rates, steps, &mut z, &mut u, &mut scratch)
                .map_err(|error| after(done, error))?;
            done += steps;
            work.advance(steps as usize)?;
        }
        if problem.times.binary_search(t).is_ok() {
            let w: Vec<T> = z.iter().map(|z| u * *z).collect();
            record.push(problem, *t, (&w, &mut g), layer_norms(&z, u))?;
            record.u.push(u);
            record.z.extend_from_slice(&z);
            if let Some(measures) = &problem.measures {
                let (head, rest) = z.split_at(measures.group);
                record.push_layers(&Layers {
                    gradients: reduced_gradient_norms(&z, u, &g),
                    // Of p z^T and of u p^T.
                    ranks: (
                        usize::from(z.iter().any(|z| *z != T::ZERO)),
                        usize::from(u != T::ZERO),
                    ),
                    groups: (dot(head, head).sqrt(), dot(rest, rest).sqrt()),
                });
            }
        }
        if let Some(measures) = snapshot(problem, *t) {
            let first = p.iter().flat_map(|p| z.iter().map(move |z| *p * *z));
            let theta: Vec<T> = first.chain(p.iter().map(|p| u * *p)).collect();
            record.snapshots.push(Snapshot::new(problem, measures.hidden_activation, *t, &theta)?);
        }
    }
    Ok(())
}
