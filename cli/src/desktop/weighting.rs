//! Weights of the loss, with PyTorch's meaning.
//!
//! ```text
//! cross-entropy   l_n = s_n w_y ((1 - e) (-ln p_y)) + s_n e / O sum_c w_c (-ln p_c)     label y
//!                 l_n = s_n sum_c w_c ((1 - e) y_c + e / O) (-ln p_c)                   probabilities
//! mse, bce        l_n = s_n times the sample's sum over outputs
//!
//! sum             sum_n l_n
//! mean            divided by sum_n s_n w_y(n) for labels, sum_n s_n for probabilities,
//!                 O sum_n s_n for mse and bce
//! ```
//! s: weights of samples; w: weights of classes; e: label smoothing. A sample whose label is ignored
//! is in neither sum. `w`, `e` and labels that are ignored are those of `torch.nn.CrossEntropyLoss`;
//! `s` are what Keras and scikit-learn call `sample_weight`: twice the weight is the sample twice.
//! The empirical Fisher is made of the gradients of l_n.
//! For the core each l_n has the factor `N / divisor`, so that its mean over N is this one.

use nanocurv::network::{Loss, Reduction, soft_label};
use ndarray::{Array2, Axis};

use super::array::Float;
use super::error::{Result, bail, ensure};
use super::targets::Targets;

/// What of the loss has weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighting<T> {
    /// w, one for each class; all 1 if empty.
    pub classes: Vec<T>,
    /// e, from 0 to 1.
    pub smoothing: T,
    /// Which samples' labels are ignored; none if empty.
    pub ignored: Vec<bool>,
    /// s, one for each sample; all 1 if empty.
    pub samples: Vec<T>,
}

/// Targets as they were given, with what they are weighted by.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted<T> {
    /// The targets without weights.
    pub targets: Targets<T>,
    /// The weights.
    pub weighting: Weighting<T>,
    /// What they are for.
    pub loss: (Loss, Reduction),
    /// O
    pub outputs: usize,
    /// Whether they are for products of two gradients, as the empirical Fisher is made of: each then
    /// has the root of the factor that makes the mean.
    pub squared: bool,
}

impl<T: Float> Weighting<T> {
    /// Whether it changes nothing.
    pub fn is_trivial(&self) -> bool {
        let Self { classes, smoothing, ignored, samples } = self;
        classes.is_empty() && *smoothing == T::ZERO && ignored.is_empty() && samples.is_empty()
    }

    /// Fails on weights that do not fit `samples` samples of `outputs` outputs, or the loss.
    ///
    /// # Errors
    /// Naming the option and the place.
    pub fn validate(&self, loss: Loss, samples: usize, outputs: usize) -> Result<()> {
        let of_classes = [
            ("--class-weights", !self.classes.is_empty()),
            ("--label-smoothing", self.smoothing != T::ZERO),
            ("--ignore-label", !self.ignored.is_empty()),
        ];
        for (name, given) in of_classes {
            ensure!(
                !given || loss == Loss::CrossEntropy,
                "{name} belongs to --loss cross-entropy; leave it out"
            );
        }
        ensure!(
            self.smoothing >= T::ZERO && self.smoothing <= T::ONE,
            "--label-smoothing: found {}, needed 0 to 1",
            self.smoothing.to_f64()
        );
        for (name, weights, needed, each) in [
            ("--class-weights", &self.classes, outputs, "one for each output of the network"),
            ("--weights", &self.samples, samples, "one for each sample"),
        ] {
            let found = weights.len();
            ensure!(
                found == 0 || found == needed,
                "{name}: found {found}, needed {needed}, {each}"
            );
            if let Some(at) = weights.iter().position(|w| !(w.is_finite() && *w >= T::ZERO)) {
                bail!(
                    "{name}, number {}: found {}, needed a finite number that is not negative",
                    at + 1,
                    weights[at].to_f64()
                );
            }
        }
        Ok(())
    }

    /// In words, for a run that is to go on with the same.
    pub fn words(&self) -> String {
        let classes: Vec<f64> = self.classes.iter().map(|w| w.to_f64()).collect();
        let total = self.samples.iter().fold(0.0, |sum, w| sum + w.to_f64());
        let ignored = self.ignored.iter().filter(|ignored| **ignored).count();
        let smoothing = self.smoothing.to_f64();
        format!(
            "classes {classes:?}, smoothing {smoothing:?}, {ignored} ignored, samples {total:?}"
        )
    }

    /// Those of the given samples.
    fn select(&self, indices: &[usize]) -> Self {
        let ignored = match self.ignored.is_empty() {
            true => Vec::new(),
            false => indices.iter().map(|i| self.ignored[*i]).collect(),
        };
        let samples = match self.samples.is_empty() {
            true => Vec::new(),
            false => indices.iter().map(|i| self.samples[*i]).collect(),
        };
        Self { classes: self.classes.clone(), smoothing: self.smoothing, ignored, samples }
    }
}

impl<T: Float> Weighted<T> {
    /// The label of sample `n`, if it has one that counts.
    pub fn label(&self, n: usize) -> Option<u32> {
        let Targets::Labels(labels) = &self.targets else { return None };
        let ignored = self.weighting.ignored.get(n).copied().unwrap_or(false);
        labels.get(n).copied().filter(|_| !ignored)
    }

    /// `s_n`
    fn sample(&self, n: usize) -> T {
        self.weighting.samples.get(n).copied().unwrap_or(T::ONE)
    }

    /// What the mean divides by, without O.
    pub fn divisor(&self) -> T {
        let class = |n| match (&self.targets, self.label(n)) {
            (Targets::Labels(_), None) => T::ZERO,
            (Targets::Labels(_), Some(y)) => {
                self.weighting.classes.get(y as usize).copied().unwrap_or(T::ONE)
            }
            _ => T::ONE,
        };
        (0..self.targets.len()).fold(T::ZERO, |sum, n| sum + self.sample(n) * class(n))
    }

    /// The targets as the core takes them; zeros where nothing counts.
    pub fn targets(&self) -> Targets<T> {
        let (n, divisor) = (self.targets.len(), self.divisor());
        let factor = match self.loss.1 {
            Reduction::Sum => T::ONE,
            Reduction::Mean if divisor > T::ZERO => {
                let factor = T::from_usize(n) / divisor;
                if self.squared { factor.sqrt() } else { factor }
            }
            Reduction::Mean => T::ZERO,
        };
        let Weighting { classes, smoothing, .. } = &self.weighting;
        match (&self.targets, self.loss.0) {
            (Targets::Labels(_), _) => {
                let mut values = Array2::from_elem((n, self.outputs), T::ZERO);
                for (n, mut y) in values.axis_iter_mut(Axis(0)).enumerate() {
                    if let Some(y) = y.as_slice_mut() {
                        let own = factor * self.sample(n);
                        soft_label(self.label(n), classes, *smoothing, own, y);
                    }
                }
                Targets::Values(values)
            }
            (Targets::Values(y), Loss::CrossEntropy) => {
                let even = *smoothing / T::from_usize(self.outputs.max(1));
                let mut values = y.clone();
                for ((n, c), y) in values.indexed_iter_mut() {
                    let class = classes.get(c).copied().unwrap_or(T::ONE);
                    *y = factor * self.sample(n) * class * ((T::ONE - *smoothing) * *y + even);
                }
                Targets::Values(values)
            }
            (given, _) => match given {
                Targets::Values(values) | Targets::Weighted { values, .. } => Targets::Weighted {
                    values: values.clone(),
                    weights: (0..n).map(|n| factor * self.sample(n)).collect(),
                },
                labels @ Targets::Labels(_) => labels.clone(),
            },
        }
    }

    /// Those of the given samples.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            targets: self.targets.select(indices),
            weighting: self.weighting.select(indices),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn weighted(targets: Targets<f64>, weighting: Weighting<f64>, loss: Loss) -> Weighted<f64> {
        Weighted { targets, weighting, loss: (loss, Reduction::Mean), outputs: 2, squared: false }
    }

    #[test]
    fn the_mean_divides_by_the_weights_that_count() {
        let weighting = Weighting {
            classes: vec![1.0, 4.0],
            ignored: vec![false, false, true],
            samples: vec![3.0, 0.5, 7.0],
            ..Weighting::default()
        };
        let found = weighted(Targets::Labels(vec![0, 1, 0]), weighting, Loss::CrossEntropy);
        assert_eq!(found.divisor(), 3.0 + 2.0);
        let expected = array![[3.0 * 0.6, 0.0], [0.0, 2.0 * 0.6], [0.0, 0.0]];
        let Targets::Values(values) = found.targets() else { panic!() };
        assert!((values - expected).iter().all(|d| d.abs() < 1e-15));
        // Of the samples 2 and 1, only the latter counts.
        let Targets::Values(values) = found.select(&[2, 1]).targets() else { panic!() };
        assert_eq!(values, array![[0.0, 0.0], [0.0, 2.0]]);
        let Targets::Values(nothing) = found.select(&[2]).targets() else { panic!() };
        assert_eq!(nothing, array![[0.0, 0.0]]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_option() {
        let good = Weighting::<f64> { classes: vec![1.0, 2.0], ..Weighting::default() };
        assert!(good.validate(Loss::CrossEntropy, 3, 2).is_ok());
        let with = |change: fn(&mut Weighting<f64>)| {
            let mut w = Weighting::default();
            change(&mut w);
            w
        };
        for (weighting, loss, part) in [
            (good.clone(), Loss::Mse, "--class-weights belongs to --loss cross-entropy"),
            (
                with(|w| w.classes = vec![1.0]),
                Loss::CrossEntropy,
                "--class-weights: found 1, needed 2",
            ),
            (with(|w| w.classes = vec![1.0, -1.0]), Loss::CrossEntropy, "number 2: found -1"),
            (with(|w| w.smoothing = 1.5), Loss::CrossEntropy, "--label-smoothing: found 1.5"),
            (with(|w| w.smoothing = f64::NAN), Loss::CrossEntropy, "--label-smoothing: found NaN"),
            (with(|w| w.samples = vec![1.0]), Loss::Mse, "--weights: found 1, needed 3"),
            (with(|w| w.samples = vec![1.0, f64::INFINITY, 1.0]), Loss::Bce, "number 2: found inf"),
        ] {
            let error = weighting.validate(loss, 3, 2).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
