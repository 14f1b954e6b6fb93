//! Where a training stands, as plain data: what a run needs to go on bit for bit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::minimizer::Memory;
use super::settings::TrainSettings;
use crate::desktop::array::Float;
use crate::desktop::choice::Choice;
use crate::desktop::data::Data;
use crate::desktop::error::{Result, ensure};
use crate::desktop::laplace::{Digest, digest};
use crate::desktop::network::Network;

/// What a run is: what it must share with the one that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Each option with its value, by name.
    pub options: BTreeMap<String, String>,
}

impl Run {
    /// Of the training of a network with data.
    pub fn of<T: Float>(net: &Network<T>, settings: &TrainSettings, data: &Data<T>) -> Self {
        let o = &settings.optimizer;
        let activations: Vec<_> = net.layers().iter().map(|l| l.activation.name()).collect();
        let text = |value: Option<f64>| value.map(|v| format!("{v:?}"));
        let count = |value: Option<u32>| value.map(|v| v.to_string());
        let word = |value: Option<String>| value.map(|v| v.to_lowercase());
        let scales: Vec<_> = net.factors().iter().map(|(w, b)| format!("{w:?} {b:?}")).collect();
        let (loss, reduction) = settings.loss;
        let options = [
            ("widths", Some(net.arch().to_string())),
            ("biases", Some(net.shapes.iter().any(|l| l.bias).to_string())),
            ("--activation", Some(activations.join(","))),
            ("parameterization", Some(scales.join(","))),
            ("--dtype", Some(T::NAME.to_owned())),
            ("samples", Some(data.len().to_string())),
            ("--loss", Some(format!("{:?}", loss).to_lowercase())),
            ("weights of the loss", data.weighted.as_ref().map(|w| w.weighting.words())),
            ("--reduction", Some(format!("{:?}", reduction).to_lowercase())),
            ("--batch-size", settings.batch_size.map(|b| b.to_string())),
            ("--validation", text(settings.validation)),
            ("--seed", Some(settings.seed.to_string())),
            ("--optimizer", Some(o.optimizer.name().to_owned())),
            ("--learning-rate", text(o.learning_rate)),
            ("--momentum", text(o.momentum)),
            ("--damping", text(o.damping)),
            ("--damping-mode", word(o.damping_mode.map(|m| format!("{m:?}")))),
            ("--damping-interval", count(o.damping_interval)),
            ("--damping-decay", text(o.damping_decay)),
            ("--ema", text(o.ema)),
            ("--refresh", count(o.refresh)),
            ("--fisher", word(o.fisher.map(|f| format!("{f:?}")))),
            ("--clip", text(o.clip)),
            ("--freeze", (settings.freeze > 0).then(|| settings.freeze.to_string())),
            ("--standardize", word(settings.standardize.map(|units| format!("{units:?}")))),
            ("--anchor", text(settings.anchor)),
            (
                "the parameters that it begins with",
                settings.keeps_start().then(|| hex(digest(net))),
            ),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Run { options: BTreeMap::from_iter(given) }
    }

    /// The first option that differs, as a message.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let names = self.options.keys().chain(other.options.keys());
        let value = |run: &Self, name: &String| {
            run.options.get(name).map_or_else(|| "nothing".to_owned(), Clone::clone)
        };
        names
            .map(|name| (name, value(self, name), value(other, name)))
            .find(|(_, own, theirs)| own != theirs)
            .map(|(name, own, theirs)| format!("{name}: found {theirs}, needed {own}"))
    }
}

/// A digest in words.
fn hex(digest: Digest) -> String {
    digest.iter().map(|word| format!("{word:016x}")).collect()
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<T> {
    /// The steps that are done.
    pub iteration: usize,
    /// The parameters now.
    pub theta: Vec<T>,
    /// What the optimiser remembers.
    pub memory: Memory<T>,
    /// The best parameters so far.
    pub best: Best<T>,
}

impl<T: Float> Checkpoint<T> {
    /// Fails unless a training of so many iterations and parameters can go on from there.
    ///
    /// # Errors
    /// If so.
    pub fn fits(&self, iterations: usize, params: usize) -> Result<()> {
        ensure!(
            self.iteration <= iterations,
            "{} iterations are done already, more than --iterations {iterations}, which counts all \
             of them",
            self.iteration
        );
        let found = self.theta.len();
        ensure!(found == params, "the state has {found} parameters, needed {params}");
        Ok(())
    }

    /// Before the first step.
    pub(super) fn at_start(theta: &[T], memory: Memory<T>) -> Self {
        let theta = theta.to_vec();
        let best = Best { loss: f64::INFINITY, iteration: 0, theta: theta.clone() };
        Self { iteration: 0, theta, memory, best }
    }
}

/// The parameters with the least loss at any evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Best<T> {
    /// The loss that chose them: on the samples held out, or else on those of training.
    pub loss: f64,
    /// The steps before them.
    pub iteration: usize,
    /// They.
    pub theta: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_differ_by_their_options() {
        let run = |options: &[(&str, &str)]| Run {
            options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        };
        let own = run(&[("--seed", "1"), ("--loss", "mse")]);
        assert_eq!(own.difference(&own), None);
        let message = own.difference(&run(&[("--seed", "2"), ("--loss", "mse")])).unwrap();
        assert_eq!(message, "--seed: found 2, needed 1");
        let message = own.difference(&run(&[("--seed", "1")])).unwrap();
        assert_eq!(message, "--loss: found nothing, needed mse");
    }
}
