//! The gauge: its network, what it learns from, and the whole program but input and output.

use crate::pressure::{Pressure, THETA};
use crate::sensor::{INPUTS, Sensor};
use nanocurv::kfac::{
    Factored, Fisher, Inverse, KfacError, Optimizer, Progress, Report, Schedule, Settings,
    StepRule, optimizer_len, optimizer_scratch,
};
use nanocurv::network::{Loss, Network, Targets, forward, forward_scratch};
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut};

/// Readings in a step.
pub const BATCH: usize = 8;
/// Steps.
pub const STEPS: u32 = 50;
/// Batches of readings that the gauge is judged by, and never learns from.
const JUDGED: usize = 16;

/// How it learns: the factors average about 20 batches, and each step is the quadratic model's best
/// along the new direction and the one before.
const SETTINGS: Settings<f32> = Settings::new(Loss::Mse, StepRule::Quadratic { momentum: true })
    .with_decay(0.95)
    .with_schedule(Schedule::new(0.95, 5).with_bounds(1e-8, 1e8));

/// The damping of the first steps.
const DAMPING: f32 = 0.1;

/// All the memory that the algorithms use: less than 7 kB, known before flashing.
pub struct Memory {
    theta: [f32; Pressure::PARAMS],
    state: [f32; optimizer_len(Pressure::LAYERS, Inverse::Factored)],
    scratch: [f32; optimizer_scratch(Pressure::LAYERS, Inverse::Factored, BATCH)],
}

impl Memory {
    /// Before use.
    pub const ZERO: Self = Self { theta: [0.0; _], state: [0.0; _], scratch: [0.0; _] };
}

/// The gauge: its network, and where its learning stands.
pub struct Gauge<'m> {
    memory: &'m mut Memory,
    progress: Progress<f32>,
}

/// Readings with the reference's pressures.
struct Readings {
    inputs: [f32; INPUTS * BATCH],
    pressures: [f32; BATCH],
}

impl Readings {
    fn take(sensor: &Sensor, rng: &mut Rng) -> Self {
        let mut readings = Self { inputs: [0.0; INPUTS * BATCH], pressures: [0.0; BATCH] };
        let (samples, _) = readings.inputs.as_chunks_mut();
        for (sample, pressure) in samples.iter_mut().zip(&mut readings.pressures) {
            (*sample, *pressure) = sensor.read(rng);
        }
        readings
    }

    fn inputs(&self) -> Mat<'_, f32> {
        Mat::from_array::<INPUTS, BATCH, _>(&self.inputs)
    }

    fn pressures(&self) -> Mat<'_, f32> {
        Mat::from_array::<1, BATCH, _>(&self.pressures)
    }
}

impl<'m> Gauge<'m> {
    /// As the desktop trained it.
    pub fn new(memory: &'m mut Memory) -> Self {
        memory.theta = THETA;
        memory.state.fill(0.0);
        Self { memory, progress: Progress::start(DAMPING, SETTINGS.decay) }
    }

    /// The mean squared error.
    fn error(&mut self, readings: &Readings) -> Result<f32, KfacError> {
        let net = Pressure.at(&self.memory.theta)?;
        let mut f = [0.0; BATCH];
        let scratch = self.memory.scratch.get_mut(..forward_scratch(Pressure::LAYERS, BATCH));
        forward(
            &net,
            readings.inputs(),
            MatMut::from_array::<1, BATCH, _>(&mut f),
            scratch.unwrap_or_default(),
        )?;
        let targets = Targets::Values(readings.pressures());
        Ok(Loss::Mse.value(Mat::from_array::<1, BATCH, _>(&f), targets)? / BATCH as f32)
    }

    /// The mean squared error on readings that nothing is learnt from.
    pub fn judge(&mut self, sensor: &Sensor) -> Result<f32, KfacError> {
        let mut rng = Rng::seed(1);
        let mut sum = 0.0;
        for _ in 0..JUDGED {
            sum += self.error(&Readings::take(sensor, &mut rng))?;
        }
        Ok(sum / JUDGED as f32)
    }

    /// One K-FAC step on the next readings.
    pub fn learn(&mut self, sensor: &Sensor, rng: &mut Rng) -> Result<Report<f32>, KfacError> {
        let readings = Readings::take(sensor, rng);
        let mut optimizer = Optimizer::<_, Factored>::new(
            Pressure::LAYERS,
            SETTINGS,
            self.progress,
            &mut self.memory.state,
        )?;
        let report = optimizer.step(
            &Pressure.architecture()?,
            &mut self.memory.theta,
            readings.inputs(),
            Targets::Values(readings.pressures()),
            Fisher::TypeTwo,
            &mut self.memory.scratch,
        )?;
        self.progress = optimizer.progress;
        Ok(report)
    }
}

/// What the program tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The error of the weights as they were trained, on a new and on the aged sensor.
    Start { new: f32, aged: f32 },
    /// A step, the loss of its batch before it, and the damping after it.
    Step { step: u32, loss: f32, damping: f32 },
    /// The error on the aged sensor in the end, and by how much it is less.
    End { aged: f32, times: f32 },
}

/// The program. Returns by how much the error is less in the end.
pub fn run(memory: &mut Memory, mut tell: impl FnMut(Event)) -> Result<f32, KfacError> {
    let mut gauge = Gauge::new(memory);
    let before = gauge.judge(&Sensor::AGED)?;
    tell(Event::Start { new: gauge.judge(&Sensor::NEW)?, aged: before });
    let mut rng = Rng::seed(2);
    for step in 0..STEPS {
        let Report { loss, damping, .. } = gauge.learn(&Sensor::AGED, &mut rng)?;
        if step % 5 == 0 {
            tell(Event::Step { step, loss, damping });
        }
    }
    let aged = gauge.judge(&Sensor::AGED)?;
    let times = before / aged;
    tell(Event::End { aged, times });
    Ok(times)
}
