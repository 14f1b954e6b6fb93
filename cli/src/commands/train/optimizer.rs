//! The optimisers of the core behind one call, with what they remember.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use nanocurv::kfac::{
    self, Adam, AdamProgress, Corrected, Damping, Exact, Factored, Fisher, Inverse, MovingAverage,
    Progress, Representation, Schedule, Settings, Sgd, StepRule, accumulate_scratch, adam_len,
    gradient, optimizer_len, optimizer_scratch,
};
use nanocurv::network::{Architecture, Loss, Reduction, layer};

use super::samples::{STEPS, Samples, generator};
use crate::array::Float;

/// The optimiser and its schedule.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Optimizer")]
pub struct OptimizerArgs {
    /// Which optimizer
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub optimizer: Kind,
    /// The length of a step [default: 0.01 for sgd, 0.001 for adam; kfac and ekfac take the
    /// minimum of the quadratic model]
    #[arg(long, value_name = "E")]
    pub learning_rate: Option<f64>,
    /// How much of the last step is taken again [default: 0 with a learning rate; kfac and ekfac
    /// otherwise take the minimum of the quadratic model]
    #[arg(long, value_name = "M")]
    pub momentum: Option<f64>,
    /// kfac, ekfac: the damping that training starts with [default: 0.1]
    #[arg(long, value_name = "L")]
    pub damping: Option<f64>,
    /// kfac: how the damping enters the factors [default: pi]
    #[arg(long, value_enum, value_name = "MODE")]
    pub damping_mode: Option<DampingMode>,
    /// kfac, ekfac: steps from one decision about the damping to the next; 0 keeps it [default: 5]
    #[arg(long, value_name = "N")]
    pub damping_interval: Option<u32>,
    /// kfac, ekfac: the factor per step by which the damping is lowered or raised [default: 0.9]
    #[arg(long, value_name = "F")]
    pub damping_decay: Option<f64>,
    /// kfac, ekfac: the decay of the factors' moving average; 0 takes each batch's own
    /// [default: 0.95]
    #[arg(long, value_name = "F")]
    pub ema: Option<f64>,
    /// kfac, ekfac: steps from one refresh of the inverse to the next [default: 1]
    #[arg(long, value_name = "N")]
    pub refresh: Option<u32>,
    /// kfac, ekfac: the vectors that the output factors are made of [default: type-2]
    #[arg(long, value_enum, value_name = "KIND")]
    pub fisher: Option<FisherKind>,
    /// kfac, ekfac with a learning rate: the largest squared length of a step in the curvature's
    /// norm
    #[arg(long, value_name = "X", requires = "learning_rate")]
    pub clip: Option<f64>,
}

/// Which optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Kronecker-factored curvature
    #[default]
    Kfac,
    /// The same with corrected eigenvalues
    Ekfac,
    /// Gradient descent with momentum
    Sgd,
    /// Adam
    Adam,
}

/// How the damping enters the factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DampingMode {
    /// Split by the factors' traces
    Pi,
    /// Its root on both factors
    Off,
    /// The damping itself on both factors
    Same,
    /// On the product itself
    Exact,
}

/// Which vectors the output factors are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FisherKind {
    /// The columns of a root of the loss's Hessian
    #[value(name = "type-2")]
    TypeTwo,
    /// A draw from the model's own distribution of targets
    Mc,
    /// The gradients of the losses
    Empirical,
    /// None: the output factors are the identity
    ForwardOnly,
}

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
pub struct Engine<T> {
    rule: Rule<T>,
    loss: Loss,
    reduction: Reduction,
    state: Vec<T>,
    scratch: Vec<T>,
    gradient: Vec<T>,
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

impl Kind {
    /// The name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
    }

    fn is_kfac(self) -> bool {
        matches!(self, Self::Kfac | Self::Ekfac)
    }
}

impl OptimizerArgs {
    /// Fails on numbers that no training begins with, and on options of another optimiser.
    ///
    /// # Errors
    /// Naming the option.
    pub fn validate(&self) -> Result<()> {
        let name = self.optimizer.name();
        for (option, given, applies) in [
            ("--damping", self.damping.is_some(), self.optimizer.is_kfac()),
            ("--damping-mode", self.damping_mode.is_some(), self.optimizer == Kind::Kfac),
            ("--damping-interval", self.damping_interval.is_some(), self.optimizer.is_kfac()),
            ("--damping-decay", self.damping_decay.is_some(), self.optimizer.is_kfac()),
            ("--ema", self.ema.is_some(), self.optimizer.is_kfac()),
            ("--refresh", self.refresh.is_some(), self.optimizer.is_kfac()),
            ("--fisher", self.fisher.is_some(), self.optimizer.is_kfac()),
            ("--clip", self.clip.is_some(), self.optimizer.is_kfac()),
            ("--momentum", self.momentum.is_some(), self.optimizer != Kind::Adam),
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
            !self.optimizer.is_kfac()
                || self.momentum.is_none_or(|m| m == 0.0)
                || self.learning_rate.is_some(),
            "--momentum of {name} goes with --learning-rate; without one both follow from the \
             quadratic model (--momentum 0 leaves the last step out)"
        );
        Ok(())
    }

    /// The settings of K-FAC.
    fn settings<T: Float>(&self, loss: Loss, reduction: Reduction) -> Settings<T> {
        let standard = Settings::<T>::standard(loss);
        let schedule = Schedule::<T>::standard();
        Settings {
            reduction,
            damping: match self.damping_mode {
                Some(DampingMode::Same) => Damping::Same,
                Some(DampingMode::Off) => Damping::Off,
                _ => Damping::Pi,
            },
            decay: self.ema.map_or(standard.decay, T::of),
            refresh: self.refresh.unwrap_or(standard.refresh),
            step: match self.learning_rate {
                Some(rate) => StepRule::Fixed {
                    rate: T::of(rate),
                    momentum: T::of(self.momentum.unwrap_or(0.0)),
                    limit: self.clip.map(T::of),
                },
                None => StepRule::Quadratic { momentum: self.momentum.is_none() },
            },
            schedule: (self.damping_interval != Some(0)).then(|| Schedule {
                decay: T::of(self.damping_decay.unwrap_or(super::DAMPING_DECAY)),
                interval: self.damping_interval.unwrap_or(schedule.interval),
                ..schedule
            }),
            ..standard
        }
    }

    /// The optimiser for batches of at most `batch` samples, before its first step.
    pub fn engine<T: Float>(
        &self,
        net: &Architecture<'_, T>,
        loss: Loss,
        reduction: Reduction,
        batch: usize,
        seed: u64,
    ) -> Engine<T> {
        let layers = net.layers();
        let params = layer::params(layers);
        let rate = |standard: f64| T::of(self.learning_rate.unwrap_or(standard));
        let (rule, state, scratch) = match self.optimizer {
            Kind::Sgd => {
                let momentum = T::of(self.momentum.unwrap_or(0.0));
                (
                    Rule::Sgd { rate: rate(0.01), momentum },
                    params,
                    accumulate_scratch(layers, batch),
                )
            }
            Kind::Adam => (
                Rule::Adam { rate: rate(0.001), progress: AdamProgress::START },
                adam_len(params),
                accumulate_scratch(layers, batch),
            ),
            Kind::Kfac | Kind::Ekfac => {
                let inverse = match (self.optimizer, self.damping_mode) {
                    (Kind::Ekfac, _) => Inverse::Corrected,
                    (_, Some(DampingMode::Exact)) => Inverse::Exact,
                    _ => Inverse::Factored,
                };
                let settings = self.settings(loss, reduction);
                let damping = T::of(self.damping.unwrap_or(super::DAMPING));
                let progress = Progress::start(damping, settings.decay);
                let fisher = self.fisher.unwrap_or(FisherKind::TypeTwo);
                (
                    Rule::Kfac { settings, progress, inverse, fisher, seed },
                    optimizer_len(layers, inverse),
                    optimizer_scratch(layers, inverse, batch),
                )
            }
        };
        Engine {
            rule,
            loss,
            reduction,
            state: vec![T::ZERO; state],
            scratch: vec![T::ZERO; scratch],
            gradient: vec![T::ZERO; params],
        }
    }
}

impl<T: Float> Engine<T> {
    /// One step on a batch.
    ///
    /// # Errors
    /// The core's: parameters, gradient or update are no longer finite.
    pub fn step(
        &mut self,
        net: &Architecture<'_, T>,
        theta: &mut [T],
        batch: &Samples<T>,
    ) -> Result<()> {
        let (x, y) = (batch.inputs(), batch.targets());
        let Self { rule, state, scratch, gradient: g, loss, reduction } = self;
        let mut descend = || -> Result<()> {
            let c = loss.scale(*reduction, batch.len(), layer::outputs(net.layers()));
            g.fill(T::ZERO);
            gradient(&net.at(theta)?, x, y, *loss, c, g, scratch)?;
            Ok(())
        };
        match rule {
            Rule::Sgd { rate, momentum } => {
                descend()?;
                Sgd::new(*rate, *momentum, state).step(theta, g)?;
                Ok(())
            }
            Rule::Adam { rate, progress } => {
                descend()?;
                let mut adam = Adam::new(*rate, state);
                adam.progress = *progress;
                adam.step(theta, g)?;
                *progress = adam.progress;
                Ok(())
            }
            Rule::Kfac { settings, progress, inverse, fisher, seed } => {
                let mut rng = generator(*seed, STEPS + u64::from(progress.steps));
                let fisher = match fisher {
                    FisherKind::TypeTwo => Fisher::TypeTwo,
                    FisherKind::Mc => Fisher::MonteCarlo { rng: &mut rng, draws: 1 },
                    FisherKind::Empirical => Fisher::Empirical,
                    FisherKind::ForwardOnly => Fisher::ForwardOnly,
                };
                let step = match inverse {
                    Inverse::Factored => kfac_step::<T, Factored>,
                    Inverse::Exact => kfac_step::<T, Exact>,
                    Inverse::Corrected => kfac_step::<T, Corrected>,
                };
                step(net, *settings, progress, state, theta, batch, fisher, scratch)
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
        let misfit = || {
            ensure!(
                memory.arrays.len() == self.state.len(),
                "the optimizer's state has {} values, needed {}",
                memory.arrays.len(),
                self.state.len()
            );
            Ok(())
        };
        misfit()?;
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
            _ => anyhow::bail!("the optimizer's state is damaged"),
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
    batch: &Samples<T>,
    fisher: Fisher<'_>,
    scratch: &mut [T],
) -> Result<()> {
    let mut optimizer = kfac::Optimizer::<T, R>::new(net.layers(), settings, *progress, state)?;
    optimizer.step(net, theta, batch.inputs(), batch.targets(), fisher, scratch)?;
    *progress = optimizer.progress;
    Ok(())
}
