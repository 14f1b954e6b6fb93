//! How a network is trained.

use nanocurv::kfac::{Damping, Schedule, Settings, StepRule};
use nanocurv::network::{Loss, Reduction};

use crate::desktop::array::Float;
use crate::desktop::choice::{Choice, choices};
use crate::desktop::error::{Result, ensure};
use crate::desktop::kfac::FisherKind;

/// The damping that K-FAC starts with, and the factor per step by which it moves. Small networks
/// on whole data sets bear less damping, and sooner, than the paper's large ones: of the start
/// 0.01 to 10 and the factor 0.8 to 0.95, on the digits and diabetes sets, these are in the middle
/// of where a run of 200 steps hardly depends on them.
pub(super) const DAMPING: f64 = 0.1;
const DAMPING_DECAY: f64 = 0.9;

choices! {
    /// Which optimizer.
    #[derive(Default)]
    pub enum OptimizerKind {
        /// Kronecker-factored curvature
        #[default]
        Kfac = "kfac",
        /// The same with corrected eigenvalues
        Ekfac = "ekfac",
        /// Gradient descent with momentum
        Sgd = "sgd",
        /// Adam
        Adam = "adam",
    }
}

impl OptimizerKind {
    /// Whether it is a K-FAC.
    pub fn is_kfac(self) -> bool {
        matches!(self, Self::Kfac | Self::Ekfac)
    }
}

choices! {
    /// How the damping enters the factors.
    pub enum TrainDamping {
        /// Split by the factors' traces
        Pi = "pi",
        /// Its root on both factors
        Off = "off",
        /// The damping itself on both factors
        Same = "same",
        /// On the product itself
        Exact = "exact",
    }
}

/// The optimiser and its schedule; what is not given is as the optimiser has it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OptimizerSettings {
    /// Which optimizer.
    pub optimizer: OptimizerKind,
    /// The length of a step: 0.01 for sgd, 0.001 for adam; K-FAC takes the minimum of its
    /// quadratic model.
    pub learning_rate: Option<f64>,
    /// How much of the last step is taken again.
    pub momentum: Option<f64>,
    /// The damping that K-FAC starts with: 0.1.
    pub damping: Option<f64>,
    /// How the damping enters the factors: by pi.
    pub damping_mode: Option<TrainDamping>,
    /// Steps from one decision about the damping to the next; 0 keeps it: 5.
    pub damping_interval: Option<u32>,
    /// The factor per step by which the damping is lowered or raised: 0.9.
    pub damping_decay: Option<f64>,
    /// The decay of the factors' moving average; 0 takes each batch's own: 0.95.
    pub ema: Option<f64>,
    /// Steps from one refresh of the inverse to the next: 1.
    pub refresh: Option<u32>,
    /// The vectors that the output factors are made of: type-2.
    pub fisher: Option<FisherKind>,
    /// With a learning rate, the largest squared length of a K-FAC step in the curvature's norm.
    pub clip: Option<f64>,
}

impl OptimizerSettings {
    /// The optimiser with its default settings.
    pub fn new(optimizer: OptimizerKind) -> Self {
        Self { optimizer, ..Self::default() }
    }

    /// Fails on numbers that no training begins with, and on options of another optimiser.
    ///
    /// # Errors
    /// Naming the option.
    pub fn validate(&self) -> Result<()> {
        let name = self.optimizer.name();
        for (option, given, applies) in [
            ("--damping", self.damping.is_some(), self.optimizer.is_kfac()),
            ("--damping-mode", self.damping_mode.is_some(), self.optimizer == OptimizerKind::Kfac),
            ("--damping-interval", self.damping_interval.is_some(), self.optimizer.is_kfac()),
            ("--damping-decay", self.damping_decay.is_some(), self.optimizer.is_kfac()),
            ("--ema", self.ema.is_some(), self.optimizer.is_kfac()),
            ("--refresh", self.refresh.is_some(), self.optimizer.is_kfac()),
            ("--fisher", self.fisher.is_some(), self.optimizer.is_kfac()),
            ("--clip", self.clip.is_some(), self.optimizer.is_kfac()),
            ("--momentum", self.momentum.is_some(), self.optimizer != OptimizerKind::Adam),
        ] {
            ensure!(applies || !given, "{option} is no option of --optimizer {name}; leave it out");
        }
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let share = |x: f64| (0.0..1.0).contains(&x);
        for (option, value, holds, needed) in [
            (
                "--learning-rate",
                self.learning_rate,
                positive as fn(f64) -> bool,
                "a positive number",
            ),
            ("--damping", self.damping, positive, "a positive number"),
            ("--clip", self.clip, positive, "a positive number"),
            ("--momentum", self.momentum, share, "a number from 0 to below 1"),
            ("--ema", self.ema, share, "a number from 0 to below 1"),
            (
                "--damping-decay",
                self.damping_decay,
                |x| x > 0.0 && x < 1.0,
                "a number between 0 and 1",
            ),
        ] {
            if let Some(value) = value {
                ensure!(holds(value), "{option}: found {value}, needed {needed}");
            }
        }
        ensure!(self.refresh != Some(0), "--refresh: found 0, needed at least 1");
        ensure!(
            self.clip.is_none() || self.learning_rate.is_some(),
            "--clip goes with --learning-rate"
        );
        ensure!(
            !self.optimizer.is_kfac()
                || self.momentum.is_none_or(|m| m == 0.0)
                || self.learning_rate.is_some(),
            "--momentum of {name} goes with --learning-rate; without one both follow from the \
             quadratic model (--momentum 0 leaves the last step out)"
        );
        Ok(())
    }

    /// The settings of K-FAC.
    pub(super) fn kfac<T: Float>(&self, loss: Loss, reduction: Reduction) -> Settings<T> {
        let standard = Settings::<T>::standard(loss);
        let settings = standard
            .with_reduction(reduction)
            .with_damping(match self.damping_mode {
                Some(TrainDamping::Same) => Damping::Same,
                Some(TrainDamping::Off) => Damping::Off,
                _ => Damping::Pi,
            })
            .with_decay(self.ema.map_or(standard.decay, T::of))
            .with_refresh(self.refresh.unwrap_or(standard.refresh))
            .with_step(match self.learning_rate {
                Some(rate) => StepRule::Fixed {
                    rate: T::of(rate),
                    momentum: T::of(self.momentum.unwrap_or(0.0)),
                    limit: self.clip.map(T::of),
                },
                None => StepRule::Quadratic { momentum: self.momentum.is_none() },
            });
        if self.damping_interval == Some(0) {
            return settings.with_constant_lambda();
        }
        let paper = Schedule::<T>::standard();
        let decay = T::of(self.damping_decay.unwrap_or(DAMPING_DECAY));
        let interval = self.damping_interval.unwrap_or(paper.interval);
        let schedule = Schedule::new(decay, interval).with_bounds(paper.min, paper.max);
        // Here a forward pass more is cheap, and no step is kept that raises its batch's loss.
        let minimum = self.learning_rate.is_none();
        settings.with_schedule(if minimum { schedule.with_measure(1) } else { schedule })
    }
}

/// The units that the parameters a training begins with are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Those of the data: what an earlier training left.
    Raw,
    /// Mean 0, deviation 1: new ones.
    Standard,
}

/// A training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainSettings {
    /// The loss and how its terms are added up.
    pub loss: (Loss, Reduction),
    /// The optimiser.
    pub optimizer: OptimizerSettings,
    /// Steps in all, those of a resumed run included.
    pub iterations: usize,
    /// Samples in a step, drawn anew every epoch; all of them unless given.
    pub batch_size: Option<usize>,
    /// The share of samples that is held out, in random choice, to measure the loss on.
    pub validation: Option<f64>,
    /// What batches and draws follow from.
    pub seed: u64,
    /// Steps from one measurement of the loss to the next; an epoch unless given.
    pub every: Option<usize>,
    /// The first layers, which stay as they are.
    pub freeze: usize,
    /// Whether to learn in standardised units, folded into the result, and which those are that
    /// the network begins in.
    pub standardize: Option<Units>,
    /// The precision D of the pull to the parameters that training begins with:
    /// `D/2 |theta - theta_0|^2` is part of the loss.
    pub anchor: Option<f64>,
}

impl TrainSettings {
    /// `iterations` full-batch steps of K-FAC with its default settings.
    pub fn new(loss: (Loss, Reduction), iterations: usize) -> Self {
        Self {
            loss,
            optimizer: OptimizerSettings::default(),
            iterations,
            batch_size: None,
            validation: None,
            seed: 0,
            every: None,
            freeze: 0,
            standardize: None,
            anchor: None,
        }
    }

    /// Fails on numbers that no training begins with.
    ///
    /// # Errors
    /// Naming the option.
    pub fn validate(&self) -> Result<()> {
        self.optimizer.validate()?;
        for (option, value) in [("--batch-size", self.batch_size), ("--every", self.every)] {
            ensure!(value != Some(0), "{option}: found 0, needed at least 1");
        }
        if let Some(anchor) = self.anchor {
            let positive = anchor > 0.0 && anchor.is_finite();
            ensure!(positive, "--anchor: found {anchor}, needed a positive number");
        }
        if let Some(share) = self.validation {
            ensure!(
                share > 0.0 && share < 1.0,
                "--validation: found {share}, needed a fraction between 0 and 1"
            );
        }
        Ok(())
    }

    /// Whether the parameters that a run begins with matter after its first step.
    pub(super) fn keeps_start(&self) -> bool {
        self.freeze > 0 || self.anchor.is_some()
    }

    /// What to do about a divergence.
    pub(super) fn advice(&self) -> &'static str {
        match (self.optimizer.optimizer.is_kfac(), self.optimizer.learning_rate) {
            (true, None) => "raise --damping, or scale the data",
            _ => "lower --learning-rate, or scale the data",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_training_begins_with_is_refused() {
        let kfac = OptimizerSettings::default();
        assert!(kfac.validate().is_ok());
        for (settings, part) in [
            (OptimizerSettings { ema: Some(1.0), ..kfac }, "--ema: found 1"),
            (OptimizerSettings { damping: Some(f64::NAN), ..kfac }, "--damping: found NaN"),
            (OptimizerSettings { momentum: Some(0.5), ..kfac }, "goes with --learning-rate"),
            (OptimizerSettings { clip: Some(0.5), ..kfac }, "--clip goes with --learning-rate"),
            (
                OptimizerSettings {
                    refresh: Some(2),
                    ..OptimizerSettings::new(OptimizerKind::Sgd)
                },
                "--refresh is no option of --optimizer sgd",
            ),
        ] {
            let message = settings.validate().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
