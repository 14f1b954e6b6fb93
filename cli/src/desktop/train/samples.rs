//! Samples as training takes them: split, shuffled, cut into batches, scored.

use std::borrow::Cow;

use nanocurv::Mat;
use nanocurv::network::{self, Loss, Mlp, Reduction};
use nanocurv::random::Rng;

use crate::desktop::array::{Float, columns};
use crate::desktop::data::Data;
use crate::desktop::error::{Result, ensure};

/// Words of the generator that one purpose may draw: purposes begin this far apart, so that what
/// one draws changes no other, and any epoch's order can be drawn without those before it.
const WORDS: u64 = 1 << 40;

/// The generator's words for the split.
const SPLIT: u64 = 1;
/// Those of the first epoch; the initial weights have the words from 0.
const EPOCHS: u64 = 2;
/// Those of the optimiser's first step.
pub(super) const STEPS: u64 = 1 << 22;

/// The generator of `seed` at the words of a purpose.
pub(super) fn generator(seed: u64, purpose: u64) -> Rng {
    Rng::restore(seed, purpose.wrapping_mul(WORDS))
}

/// A random share of the samples for training and the rest for validation, each in the old order.
///
/// # Errors
/// If one of the two would be empty.
pub fn split<T: Float>(data: &Data<T>, validation: f64, seed: u64) -> Result<(Data<T>, Data<T>)> {
    let held_out = (validation * data.len() as f64).round() as usize;
    ensure!(
        held_out > 0 && held_out < data.len(),
        "--validation: {validation} of {} samples leaves {}; choose another fraction",
        data.len(),
        if held_out == 0 { "none to validate on" } else { "none to train on" }
    );
    let order = shuffled(data.len(), &mut generator(seed, SPLIT));
    let (validation, training) = order.split_at(held_out);
    let sorted = |indices: &[usize]| {
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        indices
    };
    let parts = (data.select(&sorted(training)), data.select(&sorted(validation)));
    ensure!(
        parts.0.counts() && parts.1.counts(),
        "--validation: one part has no sample that counts; labels are ignored or weights zero there, \
         choose another --seed or fraction"
    );
    Ok(parts)
}

fn shuffled(n: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<_> = (0..n).collect();
    rng.shuffle(&mut order);
    order
}

/// The batches in turn: every epoch goes through all samples in an order of its own, the last
/// batch of it having what is left. Which batch is the `n`-th depends on `seed` and `n` alone.
#[derive(Debug)]
pub struct Batches<'a, T> {
    samples: &'a Data<T>,
    size: usize,
    seed: u64,
    /// The order that was drawn last, and for which epoch.
    order: Option<(usize, Vec<usize>)>,
}

impl<'a, T: Float> Batches<'a, T> {
    /// Batches of `size` samples; all of them at once, in their order, if that is as many.
    pub fn new(samples: &'a Data<T>, size: usize, seed: u64) -> Self {
        Self { samples, size: size.clamp(1, samples.len().max(1)), seed, order: None }
    }

    /// The batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        self.samples.len().div_ceil(self.size)
    }

    /// The most samples in a batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Batch `n`, counted from 0.
    pub fn get(&mut self, n: usize) -> Cow<'a, Data<T>> {
        if self.size == self.samples.len() {
            return Cow::Borrowed(self.samples);
        }
        let (epoch, place) = (n / self.per_epoch(), n % self.per_epoch());
        let drawn = self.order.take().filter(|(of, _)| *of == epoch);
        let (_, order) = self.order.insert(drawn.unwrap_or_else(|| {
            let mut rng = generator(self.seed, EPOCHS + epoch as u64);
            (epoch, shuffled(self.samples.len(), &mut rng))
        }));
        let end = ((place + 1) * self.size).min(order.len());
        Cow::Owned(self.samples.select(&order[place * self.size..end]))
    }
}

/// Loss and accuracy of a network on samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The loss.
    pub loss: f64,
    /// The share of right classes, if there are classes.
    pub accuracy: Option<f64>,
}

impl Score {
    /// Of `net` on `samples`.
    ///
    /// # Errors
    /// The core's.
    pub fn of<T: Float>(
        net: &Mlp<'_, T>,
        samples: &Data<T>,
        (loss, reduction): (Loss, Reduction),
    ) -> Result<Self> {
        let (n, outputs) = (samples.len(), net.outputs());
        let mut f = vec![T::ZERO; n * outputs];
        let mut scratch = vec![T::ZERO; network::forward_scratch(net.layers(), n)];
        let to = columns(&mut f, outputs, n)?;
        network::forward(net, samples.inputs()?, to, &mut scratch)?;
        let f = Mat::new("outputs", &f, outputs, n)?;
        let sum = loss.value(f, samples.targets.core()?)?;
        let scale: T = loss.scale(reduction, n, outputs);
        Ok(Self { loss: (scale * sum).to_f64(), accuracy: accuracy(f, samples) })
    }
}

/// The share of samples whose largest output is their label, of those whose label counts; `None`
/// without labels.
fn accuracy<T: Float>(f: Mat<'_, T>, samples: &Data<T>) -> Option<f64> {
    let labels = samples.labels()?;
    let counted = labels.iter().flatten().count();
    // A share of nothing is none.
    if counted == 0 {
        return None;
    }
    let right = f.columns().zip(labels).filter(|(f, label)| {
        let largest = f.iter().enumerate().max_by(|a, b| a.1.to_f64().total_cmp(&b.1.to_f64()));
        largest.is_some_and(|(class, _)| label.is_some_and(|label| class == label as usize))
    });
    Some(right.count() as f64 / counted as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::desktop::Targets;
    use crate::desktop::weighting::Weighting;

    /// `n` samples, whose input and label are their number.
    fn numbered(n: usize) -> Data<f64> {
        let x = Array2::from_shape_fn((n, 1), |(i, _)| i as f64);
        Data::new(x, Targets::Labels((0..n as u32).collect())).unwrap()
    }

    fn numbers(samples: &Data<f64>) -> Vec<usize> {
        samples.x.iter().map(|v| *v as usize).collect()
    }

    #[test]
    fn an_epoch_has_every_sample_once_in_an_order_of_its_own() {
        let samples = numbered(10);
        let mut batches = Batches::new(&samples, 4, 7);
        assert_eq!(batches.per_epoch(), 3);
        let mut epoch = |e: usize| -> Vec<usize> {
            (3 * e..3 * e + 3).flat_map(|n| numbers(&batches.get(n))).collect()
        };
        let orders = [epoch(0), epoch(1), epoch(2)];
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert!(orders[0] != orders[1] && orders[1] != orders[2]);
    }

    #[test]
    fn a_batch_depends_on_its_number_alone() {
        let samples = numbered(10);
        let mut batches = Batches::new(&samples, 3, 1);
        let forward: Vec<_> = (0..12).map(|n| batches.get(n).into_owned()).collect();
        for n in (0..12).rev() {
            assert_eq!(*Batches::new(&samples, 3, 1).get(n), forward[n]);
            assert_eq!(*batches.get(n), forward[n]);
        }
        assert_eq!(*Batches::new(&samples, 10, 1).get(5), samples);
        assert_eq!(*Batches::new(&samples, 100, 1).get(5), samples);
    }

    #[test]
    fn a_split_keeps_inputs_and_targets_together() {
        let samples = numbered(20);
        let (training, validation) = split(&samples, 0.25, 3).unwrap();
        assert_eq!((training.len(), validation.len()), (15, 5));
        let mut all = [numbers(&training), numbers(&validation)].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        for part in [&training, &validation] {
            let Targets::Labels(labels) = &part.targets else { unreachable!() };
            assert_eq!(labels.iter().map(|l| *l as usize).collect::<Vec<_>>(), numbers(part));
        }
        assert_ne!(validation, split(&samples, 0.25, 4).unwrap().1);
        let ignored = Weighting { ignored: vec![true; 20], ..Weighting::default() };
        let but_one = |n: usize| {
            let mut w = ignored.clone();
            w.ignored[n] = false;
            let loss = (Loss::CrossEntropy, Reduction::Mean);
            numbered(20).with_weights(w, loss, 20).unwrap()
        };
        // With one sample that counts, one of the two parts has none.
        for n in [0, 7, 19] {
            let error = split(&but_one(n), 0.5, 3).unwrap_err().to_string();
            assert!(error.contains("no sample that counts"), "{error}");
        }
        assert!(split(&samples, 0.01, 3).is_err());
        assert!(split(&samples, 0.99, 3).is_err());
    }
}
