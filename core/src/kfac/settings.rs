//! What is chosen for K-FAC training, where it stands, and how a step went.

use super::average::MovingAverage;
use super::damping::Damping;
use super::schedule::Schedule;
use crate::network::{Loss, Reduction};
use crate::scalar::Real;

/// How the damped inverse is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inverse {
    /// Damped factors as L D L^T: the fastest.
    Factored,
    /// The factors' eigenbases, damped exactly.
    Exact,
    /// EKFAC.
    Corrected,
}

/// A representation named by a type, so that a firmware links no other.
pub trait Representation {
    /// Which.
    const INVERSE: Inverse;
}

macro_rules! representation {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Representation for $name {
            const INVERSE: Inverse = Inverse::$name;
        })*
    };
}
representation! {
    /// [`Inverse::Factored`]
    Factored
    /// [`Inverse::Exact`]
    Exact
    /// [`Inverse::Corrected`]
    Corrected
}

/// How long a step is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StepRule<T> {
    /// `-rate Delta + momentum d0`.
    Fixed {
        /// The learning rate.
        rate: T,
        /// mu
        momentum: T,
        /// The largest `rate^2 Delta.g`, the squared length of the step in the Fisher's norm.
        limit: Option<T>,
    },
    /// The minimum of the quadratic model, along Delta alone or with the update before.
    Quadratic {
        /// Whether the update before is a second direction.
        momentum: bool,
    },
}

/// What is chosen once: begin with [`Settings::new`] or [`Settings::standard`] and name what differs.
///
/// ```
/// use nanocurv::kfac::{Schedule, Settings, StepRule};
/// use nanocurv::network::Loss;
///
/// const SETTINGS: Settings<f32> = Settings::new(Loss::Mse, StepRule::Quadratic { momentum: true })
///     .with_decay(0.95)
///     .with_schedule(Schedule::new(0.95, 5).with_bounds(1e-8, 1e8));
/// assert_eq!(SETTINGS, Settings::standard(Loss::Mse));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings<T> {
    /// The loss.
    pub loss: Loss,
    /// Its reduction over a batch.
    pub reduction: Reduction,
    /// How lambda is split; for [`Factored`].
    pub damping: Damping,
    /// The decay of the factors' moving average; 0 uses each batch's own.
    pub decay: T,
    /// The steps from one refresh of the inverse to the next, at least 1.
    pub refresh: u32,
    /// The rule of the step's length.
    pub step: StepRule<T>,
    /// How lambda follows the reduction ratio, if it does.
    pub schedule: Option<Schedule<T>>,
}

impl<T: Real> Settings<T> {
    /// The mean over a batch, pi damping of a constant lambda, each batch's own factors, a refresh
    /// each step.
    pub const fn new(loss: Loss, step: StepRule<T>) -> Self {
        Self {
            loss,
            reduction: Reduction::Mean,
            damping: Damping::Pi,
            decay: T::ZERO,
            refresh: 1,
            step,
            schedule: None,
        }
    }

    /// Those of the paper: the quadratic model's step with momentum, decay 0.95, its schedule.
    pub fn standard(loss: Loss) -> Self {
        Self::new(loss, StepRule::Quadratic { momentum: true })
            .with_decay(T::of(0.95))
            .with_schedule(Schedule::standard())
    }

    /// With this reduction of the loss over a batch.
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// With lambda split in this way.
    pub const fn with_damping(self, damping: Damping) -> Self {
        Self { damping, ..self }
    }

    /// With this decay of the factors' moving average.
    pub const fn with_decay(self, decay: T) -> Self {
        Self { decay, ..self }
    }

    /// With so many steps from one refresh of the inverse to the next.
    pub const fn with_refresh(self, refresh: u32) -> Self {
        Self { refresh, ..self }
    }

    /// With this rule of the step's length.
    pub const fn with_step(self, step: StepRule<T>) -> Self {
        Self { step, ..self }
    }

    /// With a lambda that follows the reduction ratio.
    pub const fn with_schedule(self, schedule: Schedule<T>) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// With a constant lambda.
    pub const fn with_constant_lambda(self) -> Self {
        Self { schedule: None, ..self }
    }
}

/// What of the state is no array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress<T> {
    /// lambda.
    pub damping: T,
    /// The weight of the factors' average.
    pub average: MovingAverage<T>,
    /// The steps made.
    pub steps: u32,
}

impl<T: Real> Progress<T> {
    /// Before the first step.
    pub const fn start(damping: T, decay: T) -> Self {
        Self { damping, average: MovingAverage::new(decay), steps: 0 }
    }

    /// Its bits, for a [record](crate::store) beside the state and the parameters.
    pub fn to_words(&self) -> [u64; 5] {
        let MovingAverage { decay, weight, count } = self.average;
        let (count, steps) = (count.into(), self.steps.into());
        [self.damping.to_word(), decay.to_word(), weight.to_word(), count, steps]
    }

    /// What [`Progress::to_words`] was taken from.
    pub fn from_words(words: [u64; 5]) -> Self {
        let [damping, decay, weight, count, steps] = words;
        let (decay, weight) = (T::from_word(decay), T::from_word(weight));
        let average = MovingAverage { decay, weight, count: count as u32 };
        Self { damping: T::from_word(damping), average, steps: steps as u32 }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report<T> {
    /// The batch's loss before the step.
    pub loss: T,
    /// The change of the loss that the quadratic model, without damping, predicts; NaN where it
    /// was not asked.
    pub predicted: T,
    /// The reduction ratio; NaN where it was not measured.
    pub ratio: T,
    /// The coefficients of Delta and of the update before.
    pub coefficients: (T, T),
    /// lambda for the next step.
    pub damping: T,
    /// Whether the parameters moved. They do not where no damping gives a step that the loss
    /// agrees on.
    pub moved: bool,
    /// How often the damping was raised within the step.
    pub raises: u32,
}
