//! What training sees of a network and its data: the layers behind a front that stays as it is, in
//! standardised units.
//!
//! ```text
//! data   x -> the front's features, or x standardised;  y -> y standardised
//! theta  of the layers that learn  ->  of the whole network, in raw units
//! ```

use std::borrow::Cow;

use super::settings::{TrainSettings, Units};
use super::standard::Standard;
use crate::desktop::array::Float;
use crate::desktop::data::Data;
use crate::desktop::error::{Result, ensure};
use crate::desktop::features::features;
use crate::desktop::network::Network;
use nanocurv::network::Loss;

/// A network and its data as training sees them.
#[derive(Debug)]
pub(super) struct View<'a, T> {
    whole: &'a Network<T>,
    freeze: usize,
    standard: Option<Standard>,
    /// The layers that learn, where they begin.
    pub(super) net: Network<T>,
}

impl<'a, T: Float> View<'a, T> {
    /// Of a network that begins to learn from `training`.
    ///
    /// # Errors
    /// If no layer is left to learn, or units cannot be folded into the network.
    pub(super) fn new(
        whole: &'a Network<T>,
        training: &Data<T>,
        settings: &TrainSettings,
    ) -> Result<Self> {
        let (freeze, layers) = (settings.freeze, whole.layers().len());
        whole.check_freeze(freeze)?;
        let mut start = whole.clone();
        let standard = settings.standardize.map(|units| {
            // A front that stays takes its inputs as they are.
            let standard = Standard::of(training, freeze == 0, settings.loss.0 == Loss::Mse);
            if units == Units::Raw {
                start.theta = standard.unfold(whole);
            }
            standard
        });
        if standard.is_some() {
            let foldable =
                |layer: usize| whole.layers()[layer].bias && whole.factors()[layer].1 != 0.0;
            ensure!(
                foldable(0) && foldable(layers - 1),
                "--standardize: {} has no biases, into which means could be folded; leave it out, or \
                 give the network biases",
                whole.name
            );
        }
        Ok(Self { whole, freeze, standard, net: start.back(freeze) })
    }

    /// The data as the layers that learn see it.
    ///
    /// # Errors
    /// If it does not fit the network.
    pub(super) fn data<'d>(&self, data: &'d Data<T>) -> Result<Cow<'d, Data<T>>> {
        let mut seen = Cow::Borrowed(data);
        if let Some(standard) = &self.standard {
            seen = Cow::Owned(standard.data(data));
        }
        if self.freeze > 0 {
            seen.to_mut().x = features(self.whole, self.freeze, data.x.view())?;
        }
        Ok(seen)
    }

    /// The parameters of the whole network in raw units, of those that have learnt.
    pub(super) fn theta(&self, learnt: &[T]) -> Vec<T> {
        let front = self.whole.params() - learnt.len();
        let mut theta = self.whole.theta[..front].to_vec();
        theta.extend_from_slice(learnt);
        match &self.standard {
            Some(standard) => standard.fold(self.whole, &theta),
            None => theta,
        }
    }
}
