//! `--check` of `dynamics train` and `theory`: the dense reference, weight by weight.

use anyhow::Result;
use nanocurv::dynamics::Rates;

use crate::dense::{self, Activation, Check, Difference, Spectrum};
use crate::desktop::array::wide;
use crate::desktop::dynamics::{Measures, Problem, Record, Snapshot};
use crate::desktop::watch::Work;
use crate::desktop::{Float, Watch};

/// Data, weights and measures in double precision.
struct Reference<'p> {
    x: Vec<f64>,
    y: Vec<f64>,
    d: usize,
    net: dense::TwoLayer,
    rates: (f64, f64),
    measures: Option<&'p Measures>,
    /// The precision of the run that is checked.
    epsilon: f64,
}

/// What differs by how much: each is held against its own largest value.
#[derive(Default)]
struct Differences {
    weights: Difference,
    losses: Difference,
    gradients: Difference,
    groups: Difference,
    errors: Difference,
    ranks: Difference,
    spectra: Difference,
    alignments: Difference,
    one_layer: Difference,
}

/// The differences of a record from the dense reference.
///
/// # Errors
/// If the watch stops it.
pub fn check<T: Float>(
    problem: &Problem<T>,
    record: &Record<T>,
    tolerance: f64,
    watch: Watch<'_>,
) -> Result<Check> {
    let snapshots = record.snapshots.iter().map(|s| s.t);
    let mut schedule: Vec<u64> = record.t.iter().copied().chain(snapshots).collect();
    schedule.sort_unstable();
    schedule.dedup();
    let work = Work::new(watch, "dense reference", schedule.last().map_or(0, |t| *t as usize));
    let Rates { first, second } = problem.rates;
    let mut reference = Reference {
        x: wide(&problem.x),
        y: wide(&problem.y),
        d: problem.dim(),
        net: dense::TwoLayer::new(&wide(&problem.theta), problem.dim(), problem.hidden),
        rates: (first.to_f64(), second.to_f64()),
        measures: problem.measures.as_ref(),
        epsilon: T::EPSILON.to_f64(),
    };
    let (mut found, mut total, mut done) = (Differences::default(), reference.net.total(), 0);
    for t in schedule {
        for _ in done..t {
            reference.net.step(&reference.x, &reference.y, reference.rates);
            if record.one_layer.is_some() {
                reference.descend(&mut total);
            }
            work.advance(1)?;
        }
        done = t;
        if let Ok(i) = record.t.binary_search(&t) {
            reference.compare(problem, record, i, &mut found);
            if let Some(one) = &record.one_layer {
                found.one_layer.add_all(&one.w[i * reference.d..], &total);
            }
        }
        if let Ok(i) = record.snapshots.binary_search_by_key(&t, |s| s.t) {
            reference.compare_snapshot(&record.snapshots[i], &mut found);
        }
    }
    Ok(found.within(tolerance))
}

impl Differences {
    fn within(self, tolerance: f64) -> Check {
        let rest = [
            self.losses,
            self.gradients,
            self.groups,
            self.errors,
            self.ranks,
            self.spectra,
            self.alignments,
            self.one_layer,
        ];
        let worse = |check: Check, other: Difference| check.worse(other.within(tolerance));
        rest.into_iter().fold(self.weights.within(tolerance), worse)
    }
}

impl Reference<'_> {
    /// One step on the total weight itself, sample by sample.
    fn descend(&self, w: &mut [f64]) {
        let old = w.to_vec();
        for (x, y) in self.x.chunks(self.d).zip(&self.y) {
            let error = y - x.iter().zip(&old).map(|(x, w)| x * w).sum::<f64>();
            w.iter_mut().zip(x).for_each(|(w, x)| *w += self.rates.0 * 2.0 * error * x);
        }
    }

    fn compare<T: Float>(
        &self,
        problem: &Problem<T>,
        record: &Record<T>,
        i: usize,
        found: &mut Differences,
    ) {
        let (net, d, pair) = (&self.net, self.d, 2 * i..2 * i + 2);
        let total = net.total();
        found.weights.add_all(&record.total[i * d..], &total);
        found.losses.add(record.loss[i].to_f64(), net.loss(&self.x, &self.y));
        if let Some(beta) = &problem.beta {
            let each = total.iter().zip(beta).map(|(w, b)| ((w - b.to_f64()) / b.to_f64()).powi(2));
            found.errors.add_all(&record.errors_each[i * d..], &each.collect::<Vec<_>>());
        }
        let Some(measures) = self.measures else { return };
        let gradient = net.gradient(&self.x, &self.y).norms(0..d);
        found.gradients.add_all(&record.gradient_norms[pair.clone()], &gradient);
        let groups = [net.norms(0..measures.group)[0], net.norms(measures.group..d)[0]];
        found.groups.add_all(&record.groups[pair.clone()], &groups);
        let layers = [net.first.concat(), net.second.clone()];
        for ((rank, layer), columns) in record.ranks[pair].iter().zip(layers).zip([d, 1]) {
            let spectrum = dense::spectrum(&layer, columns);
            let floor = self.epsilon * d.max(net.second.len()) as f64;
            // Where rounding decides, it decides here and there apart.
            if spectrum.rank(0.01 * floor) == spectrum.rank(100.0 * floor) {
                found.ranks.add(*rank as f64, spectrum.rank(floor) as f64);
            }
        }
    }

    fn compare_snapshot<T: Float>(&self, snapshot: &Snapshot<T>, found: &mut Differences) {
        let (net, d) = (&self.net, self.d);
        let name = self.measures.map_or("identity", |m| m.hidden_activation.name());
        let of = |z: f64| name.parse::<Activation>().map_or(f64::NAN, |a| a.value(z));
        let hidden = self.x.chunks(d).flat_map(|x| net.hidden(x)).map(of).collect::<Vec<_>>();
        let second = std::slice::from_ref(&net.second);
        for (alignment, data, layer) in
            [(&snapshot.input, &self.x, net.first.as_slice()), (&snapshot.hidden, &hidden, second)]
        {
            let width = layer.first().map_or(1, Vec::len);
            let spectrum = dense::spectrum(data, width);
            let rank = alignment.values.len();
            self.spectra(&wide(&alignment.values), &spectrum, found);
            for (j, aligned) in spectrum.alignment(layer, rank).into_iter().enumerate() {
                if spectrum.apart(j, 0.01) {
                    found.alignments.add(alignment.aligned[j].to_f64(), aligned);
                }
            }
        }
        let theta = net.theta();
        let jacobian = dense::dynamics::two_layer_jacobian(&theta, &self.x, d, net.second.len());
        let spectrum = dense::spectrum(&jacobian, theta.len());
        // A Gram has no more than their squares.
        let rank = snapshot.jacobian.values.len();
        let squares = |values: &[f64]| values.iter().map(|v| v * v).collect::<Vec<_>>();
        found.spectra.add_all(
            &squares(&wide(&snapshot.jacobian.values)),
            &squares(&spectrum.values[..rank.min(spectrum.values.len())]),
        );
        let edge = theta.len() - net.second.len();
        for (j, row) in spectrum.rows.iter().take(rank).enumerate() {
            if spectrum.apart(j, 0.01) {
                let square = |part: &[f64]| part.iter().map(|v| v * v).sum::<f64>();
                for (layer, part) in [&row[..edge], &row[edge..]].into_iter().enumerate() {
                    let share = snapshot.jacobian.shares[(j, layer)].to_f64().powi(2);
                    found.alignments.add(share, square(part) / square(row));
                }
            }
        }
    }

    fn spectra(&self, values: &[f64], spectrum: &Spectrum, found: &mut Differences) {
        let reference = &spectrum.values[..values.len().min(spectrum.values.len())];
        found.spectra.add_all(values, reference);
    }
}
