//! The optimisers of the core behind one call, with what they remember.

use nanocurv::kfac::{
    self, Adam, AdamProgress, Anchor, Corrected, Exact, Factored, Fisher, Inverse, MovingAverage,
    Progress, Representation, Settings, Sgd, accumulate_scratch, adam_len, gradient, optimizer_len,
    optimizer_scratch,
};
use nanocurv::network::{Architecture, Loss, Reduction, layer};

use super::samples::{STEPS, generator};
use super::settings::{DAMPING, OptimizerKind, OptimizerSettings, TrainDamping};
use crate::desktop::array::Float;
use crate::desktop::data::Data;
use crate::desktop::error::{Result, bail, ensure};
use crate::desktop::kfac::FisherKind;

/// What an optimiser remembers from step to step: what a resumed run must have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory<T> {
    /// Averages, inverses, velocities.
    pub arrays: Vec<T>,
    /// Damping, weights of averages, powers.
    pub numbers: Vec<T>,
    /// Counts.
    pub counts: Vec<u32>,
}

/// An optimiser at work.
#[derive(Debug)]
pub struct Minimizer<T> {
    rule: Rule<T>,
    loss: Loss,
    reduction: Reduction,
    state: Vec<T>,
    scratch: Vec<T>,
    gradient: Vec<T>,
    /// The pull's precision and where to.
    anchor: (T, Vec<T>),
}

/// The optimisers with what of their state is no array.
#[derive(Debug)]
enum Rule<T> {
    Kfac {
        settings: Settings<T>,
        progress: Progress<T>,
        inverse: Inverse,
        fisher: FisherKind,
        seed: u64,
    },
    Sgd {
        rate: T,
        momentum: T,
    },
    Adam {
        rate: T,
        progress: AdamProgress<T>,
    },
}

impl<T: Float> Minimizer<T> {
    /// The optimiser for batches of at most `batch` samples, before its first step.
    pub fn new(
        settings: &OptimizerSettings,
        net: &Architecture<'_, T>,
        (loss, reduction): (Loss, Reduction),
        batch: usize,
        seed: u64,
    ) -> Self {
        let layers = net.layers();
        let params = layer::params(layers);
        let rate = |standard: f64| T::of(settings.learning_rate.unwrap_or(standard));
        let (rule, state, scratch) = match settings.optimizer {
            OptimizerKind::Sgd => {
                let momentum = T::of(settings.momentum.unwrap_or(0.0));
                (
                    Rule::Sgd { rate: rate(0.01), momentum },
                    params,
                    accumulate_scratch(layers, batch),
                )
            }
            OptimizerKind::Adam => (
                Rule::Adam { rate: rate(0.001), progress: AdamProgress::START },
                adam_len(params),
                accumulate_scratch(layers, batch),
            ),
            OptimizerKind::Kfac | OptimizerKind::Ekfac => {
                let inverse = match (settings.optimizer, settings.damping_mode) {
                    (OptimizerKind::Ekfac, _) => Inverse::Corrected,
                    (_, Some(TrainDamping::Exact)) => Inverse::Exact,
                    _ => Inverse::Factored,
                };
                let kfac = settings.kfac(loss, reduction);
                let damping = T::of(settings.damping.unwrap_or(DAMPING));
                let damping = kfac.schedule.map_or(damping, |schedule| schedule.clamp(damping));
                let progress = Progress::start(damping, kfac.decay);
                let fisher = settings.fisher.unwrap_or(FisherKind::TypeTwo);
                (
                    Rule::Kfac { settings: kfac, progress, inverse, fisher, seed },
                    optimizer_len(layers, inverse),
                    optimizer_scratch(layers, inverse, batch),
                )
            }
        };
        Self {
            rule,
            loss,
            reduction,
            state: vec![T::ZERO; state],
            scratch: vec![T::ZERO; scratch],
            gradient: vec![T::ZERO; params],
            anchor: (T::ZERO, Vec::new()),
        }
    }

    /// Pulls to these parameters: see [`nanocurv::kfac::Anchor`].
    pub fn anchor(&mut self, precision: T, theta: Vec<T>) {
        self.anchor = (precision, theta);
    }

    /// One step on a batch; whether K-FAC had to raise its damping within it.
    ///
    /// # Errors
    /// The core's: parameters, gradient or update are no longer finite.
    pub fn step(
        &mut self,
        net: &Architecture<'_, T>,
        theta: &mut [T],
        batch: &Data<T>,
    ) -> Result<bool> {
        let (x, y) = (batch.inputs()?, batch.targets.core()?);
        let Self { rule, state, scratch, gradient: g, loss, reduction, anchor } = self;
        let anchor = Anchor { precision: anchor.0, theta: &anchor.1 };
        let mut descend = || -> Result<()> {
            let c = loss.scale(*reduction, batch.len(), layer::outputs(net.layers()));
            g.fill(T::ZERO);
            gradient(&net.at(theta)?, x, y, *loss, c, g, scratch)?;
            anchor.add_gradient(theta, g);
            Ok(())
        };
        match rule {
            Rule::Sgd { rate, momentum } => {
                descend()?;
                Sgd::new(*rate, *momentum, state).step(theta, g)?;
                Ok(false)
            }
            Rule::Adam { rate, progress } => {
                descend()?;
                let mut adam = Adam::new(*rate, state);
                adam.progress = *progress;
                adam.step(theta, g)?;
                *progress = adam.progress;
                Ok(false)
            }
            Rule::Kfac { settings, progress, inverse, fisher, seed } => {
                let mut rng = generator(*seed, STEPS + u64::from(progress.steps));
                let fisher = fisher.core(&mut rng, 1);
                let step = match inverse {
                    Inverse::Factored => kfac_step::<T, Factored>,
                    Inverse::Exact => kfac_step::<T, Exact>,
                    Inverse::Corrected => kfac_step::<T, Corrected>,
                };
                step(net, *settings, progress, state, theta, batch, (fisher, anchor), scratch)
            }
        }
    }

    /// The damping of the next step; NaN if there is none.
    pub fn damping(&self) -> f64 {
        match &self.rule {
            Rule::Kfac { progress, .. } => progress.damping.to_f64(),
            _ => f64::NAN,
        }
    }

    /// What it remembers.
    pub fn memory(&self) -> Memory<T> {
        let (numbers, counts) = match &self.rule {
            Rule::Sgd { .. } => (Vec::new(), Vec::new()),
            Rule::Adam { progress, .. } => (vec![progress.power1, progress.power2], Vec::new()),
            Rule::Kfac { progress: p, .. } => {
                (vec![p.damping, p.average.weight], vec![p.average.count, p.steps])
            }
        };
        Memory { arrays: self.state.clone(), numbers, counts }
    }

    /// Goes on with what another run remembers.
    ///
    /// # Errors
    /// If it is not of such an optimiser.
    pub fn restore(&mut self, memory: Memory<T>) -> Result<()> {
        let (found, needed) = (memory.arrays.len(), self.state.len());
        ensure!(found == needed, "the optimizer's state has {found} values, needed {needed}");
        match (&mut self.rule, memory.numbers.as_slice(), memory.counts.as_slice()) {
            (Rule::Sgd { .. }, [], []) => {}
            (Rule::Adam { progress, .. }, [power1, power2], []) => {
                *progress = AdamProgress { power1: *power1, power2: *power2 };
            }
            (Rule::Kfac { progress, settings, .. }, [damping, weight], [count, steps]) => {
                let average =
                    MovingAverage { decay: settings.decay, weight: *weight, count: *count };
                *progress = Progress { damping: *damping, average, steps: *steps };
            }
            _ => bail!("the optimizer's state is damaged"),
        }
        self.state = memory.arrays;
        Ok(())
    }
}

fn kfac_step<T: Float, R: Representation>(
    net: &Architecture<'_, T>,
    settings: Settings<T>,
    progress: &mut Progress<T>,
    state: &mut [T],
    theta: &mut [T],
    batch: &Data<T>,
    (fisher, anchor): (Fisher<'_>, Anchor<'_, T>),
    scratch: &mut [T],
) -> Result<bool> {
    let mut optimizer = kfac::Optimizer::<T, R>::new(net.layers(), settings, *progress, state)?;
    if anchor.precision != T::ZERO {
        optimizer = optimizer.with_anchor(anchor)?;
    }
    let (x, y) = (batch.inputs()?, batch.targets.core()?);
    let report = optimizer.step(net, theta, x, y, fisher, scratch)?;
    *progress = optimizer.progress;
    Ok(report.raises > 0)
}
