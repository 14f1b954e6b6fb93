//! Data that is owned: inputs, targets, mini-batches.

use nanocurv::Mat;
use nanocurv::curvature::Batch;
use nanocurv::network::{Loss, Reduction};
use ndarray::{Array2, ArrayView2, Axis};

use super::array::{Float, samples};
use super::error::{Result, ensure};
use super::network::Network;
use super::targets::Targets;
use super::weighting::{Weighted, Weighting};

/// Inputs and targets, sample by sample, and how they are cut into mini-batches. No result depends
/// on the cuts.
#[derive(Clone, Debug, PartialEq)]
pub struct Data<T> {
    /// The inputs, `N x d`, in row-major order.
    pub x: Array2<T>,
    /// The targets, with their weights.
    pub targets: Targets<T>,
    /// The targets and their weights as they were given, if there are any.
    pub weighted: Option<Box<Weighted<T>>>,
    /// The number of samples in each mini-batch.
    pub batches: Vec<usize>,
}

impl<T: Float> Data<T> {
    /// All samples in one batch.
    ///
    /// # Errors
    /// If there are not as many targets as inputs.
    pub fn new(x: Array2<T>, targets: Targets<T>) -> Result<Self> {
        let samples = x.nrows();
        Self::in_batches(x, targets, vec![samples])
    }

    /// With the sizes of the mini-batches.
    ///
    /// # Errors
    /// If there are not as many targets as inputs, or the batches are not all of them.
    pub fn in_batches(x: Array2<T>, targets: Targets<T>, batches: Vec<usize>) -> Result<Self> {
        let (n, found) = (x.nrows(), targets.len());
        ensure!(found == n, "--targets: found {found}, needed {n}, one for each sample");
        let cut: usize = batches.iter().sum();
        ensure!(cut == n, "the batches have {cut} samples, needed {n}");
        let standard = |m: Array2<T>| match m.is_standard_layout() {
            true => m,
            false => m.as_standard_layout().into_owned(),
        };
        let targets = match targets {
            Targets::Values(y) => Targets::Values(standard(y)),
            Targets::Weighted { values, weights } => {
                Targets::Weighted { values: standard(values), weights }
            }
            labels => labels,
        };
        Ok(Self { x: standard(x), targets, weighted: None, batches })
    }

    /// The same with weights in a loss of `outputs` outputs.
    ///
    /// # Errors
    /// If they do not fit the data or the loss, or nothing counts.
    pub fn with_weights(
        self,
        weighting: Weighting<T>,
        loss: (Loss, Reduction),
        outputs: usize,
    ) -> Result<Self> {
        weighting.validate(loss.0, self.len(), outputs)?;
        if weighting.is_trivial() {
            return Ok(self);
        }
        let targets = self.targets;
        let weighted = Weighted { targets, weighting, loss, outputs, squared: false };
        ensure!(
            weighted.divisor() > T::ZERO,
            "--targets: no sample counts; the labels are all ignored, or the weights all zero"
        );
        Ok(Self { targets: weighted.targets(), weighted: Some(Box::new(weighted)), ..self })
    }

    /// Whether any sample counts: not all weights are zero, not all labels ignored.
    pub fn counts(&self) -> bool {
        self.weighted.as_ref().is_none_or(|weighted| weighted.divisor() > T::ZERO)
    }

    /// The same for the empirical Fisher, which is made of products of two gradients.
    #[must_use]
    pub fn squared(self) -> Self {
        let Some(weighted) = self.weighted else { return self };
        let weighted = Weighted { squared: true, ..*weighted };
        Self { targets: weighted.targets(), weighted: Some(Box::new(weighted)), ..self }
    }

    /// The classes, sample by sample, if the targets are labels; none where they are ignored.
    pub fn labels(&self) -> Option<Vec<Option<u32>>> {
        match (&self.weighted, &self.targets) {
            (Some(weighted), _) => match &weighted.targets {
                Targets::Labels(_) => Some((0..self.len()).map(|n| weighted.label(n)).collect()),
                _ => None,
            },
            (None, Targets::Labels(labels)) => Some(labels.iter().map(|y| Some(*y)).collect()),
            _ => None,
        }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.x.nrows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs as the core takes them, one sample a column.
    ///
    /// # Errors
    /// If they are not in row-major order.
    pub fn inputs(&self) -> Result<Mat<'_, T>> {
        samples(self.x.view())
    }

    /// The mini-batches as the core takes them.
    ///
    /// # Errors
    /// As [`Data::inputs`].
    pub fn batches(&self) -> Result<Vec<Batch<'_, T>>> {
        let (x, targets) = (self.inputs()?, self.targets.core()?);
        let mut from = 0;
        let batch = |samples: &usize| {
            let start = from;
            from += samples;
            Batch { x: x.columns_range(start, *samples), targets: targets.range(start, *samples) }
        };
        Ok(self.batches.iter().map(batch).collect())
    }

    /// The given samples, in their order, in one batch.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let weighted = self.weighted.as_ref().map(|weighted| Box::new(weighted.select(indices)));
        Self {
            x: self.x.select(Axis(0), indices),
            targets: match &weighted {
                Some(weighted) => weighted.targets(),
                None => self.targets.select(indices),
            },
            weighted,
            batches: vec![indices.len()],
        }
    }
}

/// The samples of `x` as the core takes them, if they are of the network's width.
///
/// # Errors
/// If `x` has another number of columns than the network has inputs, or is not in row-major order.
pub fn inputs<'a, T: Float>(net: &Network<T>, x: ArrayView2<'a, T>) -> Result<Mat<'a, T>> {
    let (found, needed) = (x.ncols(), net.inputs());
    ensure!(
        found == needed,
        "--data: found {found} columns, needed {needed}, the inputs of {}",
        net.name
    );
    samples(x)
}

#[cfg(test)]
mod tests {
    use nanocurv::network;
    use ndarray::array;

    use super::*;

    #[test]
    fn batches_are_cut_in_order() {
        let x = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let data = Data::in_batches(x, Targets::Labels(vec![0, 1, 2]), vec![1, 2]).unwrap();
        let batches = data.batches().unwrap();
        assert_eq!((batches[0].x.cols(), batches[1].x.cols()), (1, 2));
        assert_eq!(batches[1].x.columns().next(), Some(&[3.0, 4.0][..]));
        assert!(matches!(batches[1].targets, network::Targets::Labels([1, 2])));
    }

    #[test]
    fn a_selection_keeps_inputs_and_targets_together() {
        let x = array![[1.0], [2.0], [3.0]];
        let y = Targets::Values(array![[10.0], [20.0], [30.0]]);
        let picked = Data::new(x, y).unwrap().select(&[2, 0]);
        assert_eq!(picked.x, array![[3.0], [1.0]]);
        assert_eq!(picked.targets, Targets::Values(array![[30.0], [10.0]]));
        assert_eq!(picked.batches, [2]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let x = array![[1.0], [2.0]];
        assert!(Data::new(x.clone(), Targets::Labels(vec![0])).is_err());
        assert!(Data::in_batches(x, Targets::Labels(vec![0, 1]), vec![1]).is_err());
    }

    #[test]
    fn columns_of_a_transpose_are_brought_into_order() {
        let x = array![[1.0, 3.0], [2.0, 4.0]].reversed_axes();
        let data = Data::new(x, Targets::Labels(vec![0, 1])).unwrap();
        assert_eq!(data.inputs().unwrap().columns().next(), Some(&[1.0, 2.0][..]));
    }
}
