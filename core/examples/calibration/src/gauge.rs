//! The gauge: it predicts, it watches itself, and it learns while it has to.
//!
//! ```text
//! every reading      p = f(x) +- s           mean and standard deviation by the factory's posterior
//! with a reference   (y - p)^2 / s^2  -->  monitor           alarm: the sensor is not what it was
//! during an alarm    (x, y) --> memory --> batches --> first layer (frozen) --> K-FAC on the others
//! ```
//! K-FAC starts from the factory's factors and is anchored to the factory's parameters. When the
//! monitor has seen enough references that fit again, learning ends.

use crate::fault::Fault;
use crate::flash::{Chip, PAGE, PAGES};
use crate::pressure::{FACTORS, NOISE, POSTERIOR, Pressure, THETA};
use crate::sensor::{INPUTS, Reading};
use nanocurv::fixed::laplace::{Form, Kronecker, Posterior};
use nanocurv::kfac::{
    Anchor, Factored, Fisher, Inverse, Optimizer, Progress, Report, Schedule, Settings, StepRule,
    factors_len, optimizer_len, optimizer_scratch,
};
use nanocurv::laplace::{novelty, predict_one_scratch};
use nanocurv::network::{AsMat, Back, Loss, Network, Targets, forward_scratch};
use nanocurv::random::Rng;
use nanocurv::store::{Part, PartMut, Slots, StoreError, tag};
use nanocurv::stream::{Drift, Monitor, Replay};
use nanocurv::{Real, SMatrix, fixed, mlp};

mlp! {
    /// What goes on learning: the layers of [`Pressure`] behind its first.
    pub PressureBack: 8 => 8 tanh => 1, back of Pressure
}

/// Samples in the memory.
const HELD: usize = 64;
/// Samples in a step.
const BATCH: usize = 16;
/// Steps with each new sample.
const STEPS: u32 = 8;

/// The factors average about 20 batches, and each step is the quadratic model's best along the new
/// direction and the one before.
const SETTINGS: Settings<f32> = Settings::new(Loss::Mse, StepRule::Quadratic { momentum: true })
    .with_decay(0.95)
    .with_schedule(Schedule::new(0.95, 5).with_bounds(1e-6, 1e8));

/// The damping of the first steps.
const DAMPING: f32 = 0.1;

/// The batches that the factory's factors count for.
const FACTORY: f32 = 5.0;

/// How firmly the parameters are held to the factory's: the precision of a prior around them.
const PRIOR: f32 = 3.0;
/// The same in units of the loss, the mean squared error: times `2 NOISE^2 / HELD`.
const PULL: f32 = 2.0 * NOISE * NOISE * PRIOR / HELD as f32;

/// A drift is a squared error ten times as large; no false alarm in 10^6 references on average, and
/// none from less than three of them.
fn monitor() -> Result<Monitor<f32>, Fault> {
    Ok(Monitor::of_novelty(1, 10.0, 1e6)?.with_patience(3))
}

const SCRATCH: usize = {
    let learn = optimizer_scratch(PressureBack::LAYERS, Inverse::Factored, BATCH);
    let predict = predict_one_scratch(Pressure::LAYERS, Kronecker::STRUCTURE);
    let features = forward_scratch(Pressure::LAYERS, BATCH);
    let most = if learn > predict { learn } else { predict };
    if most > features { most } else { features }
};

/// All the memory that the algorithms use, known before flashing.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Of the whole network; the first layer's never change.
    theta: [f32; Pressure::PARAMS],
    optimizer: [f32; optimizer_len(PressureBack::LAYERS, Inverse::Factored)],
    x: [f32; INPUTS * HELD],
    y: [f32; HELD],
    scratch: [f32; SCRATCH],
}

impl Memory {
    /// Before use, and after a reset.
    pub const ZERO: Self =
        Self { theta: [0.0; _], optimizer: [0.0; _], x: [0.0; _], y: [0.0; _], scratch: [0.0; _] };
}

/// What the gauge says of a reading: the pressure and its standard deviation, in bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The pressure.
    pub mean: f32,
    /// How far off it may be, the reference's own noise included.
    pub deviation: f32,
}

/// The gauge: its memory, and where it stands.
pub struct Gauge<'m> {
    memory: &'m mut Memory,
    progress: Progress<f32>,
    monitor: Monitor<f32>,
    /// The samples that the memory was shown in this alarm.
    seen: u64,
    rng: Rng,
}

impl<'m> Gauge<'m> {
    /// As it leaves the factory.
    ///
    /// # Errors
    /// None for the monitor's constants.
    pub fn new(memory: &'m mut Memory) -> Result<Self, Fault> {
        memory.theta = THETA;
        let progress = Progress::start(DAMPING, SETTINGS.decay);
        Ok(Self { memory, progress, monitor: monitor()?, seen: 0, rng: Rng::seed(2) })
    }

    /// The parameters of the whole network.
    pub const fn theta(&self) -> &[f32; Pressure::PARAMS] {
        &self.memory.theta
    }

    /// The monitor's evidence in percent: 100 where the alarm begins, 0 where it ends.
    pub fn evidence(&self) -> u32 {
        (100.0 * self.monitor.evidence()) as u32
    }

    /// The samples that it has learnt from.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Pressure and standard deviation.
    ///
    /// # Errors
    /// [`Fault::Posterior`] for inputs that are not finite.
    pub fn predict(&mut self, inputs: [f32; INPUTS]) -> Result<Prediction, Fault> {
        let posterior = Posterior::new(Pressure, Kronecker, NOISE, &POSTERIOR)?;
        let (mut mean, mut variance) = (SMatrix::<f32, 1, 1>::zeros(), [0.0]);
        let Memory { theta, scratch, .. } = &mut *self.memory;
        posterior.predict_one(
            theta,
            &SMatrix::from([inputs]),
            &mut mean,
            &mut variance,
            scratch,
        )?;
        let (SMatrix { data, .. }, [variance]) = (mean, variance);
        let [[mean]] = data.0;
        Ok(Prediction { mean, deviation: Real::sqrt(variance + NOISE * NOISE) })
    }

    /// Holds a prediction against the reference, and learns from it during an alarm.
    ///
    /// # Errors
    /// [`Fault`] for readings that are not finite; a step that K-FAC cannot make.
    pub fn compare(&mut self, reading: &Reading) -> Result<(Drift, Option<Report<f32>>), Fault> {
        let Prediction { mean, deviation } = self.predict(reading.inputs)?;
        let drift = self.monitor.update(novelty(reading.pressure, mean, deviation * deviation))?;
        if drift == Drift::Raised {
            self.prepare()?;
        }
        let report = if self.monitor.alarm() { self.learn(reading)? } else { None };
        Ok((drift, report))
    }

    /// The alarm begins: what was kept before is of the sensor as it was.
    fn prepare(&mut self) -> Result<(), Fault> {
        self.seen = 0;
        self.memory.optimizer.fill(0.0);
        let progress = Progress::start(DAMPING, SETTINGS.decay);
        let layers = PressureBack::LAYERS;
        let mut kfac =
            Optimizer::<_, Factored>::new(layers, SETTINGS, progress, &mut self.memory.optimizer)?;
        let (_, back) = FACTORS.split_at(FACTORS.len() - factors_len(layers));
        kfac.start_from(back, FACTORY)?;
        self.progress = kfac.progress;
        Ok(())
    }

    /// Keeps a sample, and makes a few K-FAC steps on batches of the memory.
    fn learn(&mut self, reading: &Reading) -> Result<Option<Report<f32>>, Fault> {
        let Memory { theta, optimizer, x, y, scratch } = &mut *self.memory;
        let mut held = Replay::resume(INPUTS, 1, x, y, self.seen)?;
        held.keep_last(&reading.inputs, &[reading.pressure])?;
        self.seen = held.seen();
        if held.held() < BATCH {
            return Ok(None);
        }
        let mut kfac = Optimizer::<_, Factored>::new(
            PressureBack::LAYERS,
            SETTINGS,
            self.progress,
            optimizer,
        )?
        .with_anchor(Anchor { precision: PULL, theta: PressureBack::part(&THETA) })?;
        let mut last = None;
        for _ in 0..STEPS {
            let (mut x, mut y) = (SMatrix::<f32, INPUTS, BATCH>::zeros(), [0.0; BATCH]);
            held.draw(x.as_mat_mut().data(), &mut y, &mut self.rng)?;
            let mut phi = SMatrix::zeros();
            fixed::features(PressureBack, theta, &x, &mut phi, scratch)?;
            last = Some(kfac.step(
                &PressureBack.architecture()?,
                PressureBack::part_mut(theta),
                phi.as_mat(),
                Targets::Values(nanocurv::Mat::from_array::<1, BATCH, _>(&y)),
                Fisher::TypeTwo,
                scratch,
            )?);
        }
        self.progress = kfac.progress;
        Ok(last)
    }

    /// Writes everything that learns to flash.
    ///
    /// # Errors
    /// [`Fault::Store`]
    pub fn save(&self, flash: &mut Chip) -> Result<u32, Fault> {
        let Memory { theta, optimizer, x, y, .. } = &*self.memory;
        let (seed, drawn) = self.rng.state();
        let record = slots(flash)?.save(
            tag(Pressure::LAYERS),
            &[
                Part::F32(PressureBack::part(theta)),
                Part::F32(optimizer),
                Part::F32(x),
                Part::F32(y),
                Part::F32(&self.monitor.state()),
                Part::U64(&self.progress.to_words()),
                Part::U64(&[self.seen, seed, drawn]),
            ],
        )?;
        Ok(record.length)
    }

    /// Goes on where the newest record stands.
    ///
    /// # Errors
    /// [`Fault::Store`], for instance if there is no record.
    pub fn restore(memory: &'m mut Memory, flash: &mut Chip) -> Result<Self, Fault> {
        let gauge = Self::new(memory)?;
        let (mut watch, mut progress, mut rest) = ([0.0; 2], [0; 5], [0; 3]);
        let Memory { theta, optimizer, x, y, .. } = &mut *gauge.memory;
        slots(flash)?.restore(
            tag(Pressure::LAYERS),
            &mut [
                PartMut::F32(PressureBack::part_mut(theta)),
                PartMut::F32(optimizer),
                PartMut::F32(x),
                PartMut::F32(y),
                PartMut::F32(&mut watch),
                PartMut::U64(&mut progress),
                PartMut::U64(&mut rest),
            ],
        )?;
        let [seen, seed, drawn] = rest;
        let (monitor, rng) = (monitor()?.resume(watch)?, Rng::restore(seed, drawn));
        Ok(Self { monitor, rng, seen, progress: Progress::from_words(progress), ..gauge })
    }
}

/// Two records, a page each.
fn slots(flash: &mut Chip) -> Result<Slots<&mut Chip>, StoreError> {
    Slots::new(flash, 0, PAGE, PAGES)
}
