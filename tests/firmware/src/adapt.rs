//! What a drifted sensor's network can learn by, on the same readings: the methods that an engineer
//! would pick, and K-FAC.
//!
//! ```text
//! error(n) = mean over 128 other readings of (f(x; theta after n samples) - p)^2
//! ```
//! The aged sensor, the network 3-8-8-1 and its weights are those of the calibration program
//! (`core/examples/calibration`), and so are K-FAC's rule and schedule. Readings come in batches of 8;
//! recursive least squares takes them one by one.

#[path = "../../../core/examples/calibration/src/pressure.rs"]
#[allow(dead_code)] // the posterior
mod pressure;
#[path = "../../../core/examples/calibration/src/sensor.rs"]
pub mod sensor;

use nanocurv::kfac::{
    Adam, AdamProgress, Factored, Fisher, Inverse, Optimizer, Progress, Schedule, Settings, Sgd,
    StepRule, accumulate_scratch, adam_len, gradient, optimizer_len, optimizer_scratch,
};
use nanocurv::laplace::{Stream, stream_len, stream_scratch};
use nanocurv::network::{Back, Loss, Network, Targets, features, forward, forward_scratch};
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut, mlp};
use pressure::{Pressure, THETA};
use sensor::{INPUTS, Reading, Sensor};

mlp! {
    /// What K-FAC trains behind the frozen first layer.
    pub Behind: 8 => 8 tanh => 1, back of Pressure
}
mlp! {
    /// What recursive least squares trains.
    pub Head: 8 => 1, back of Pressure
}

/// Readings of a batch.
pub const BATCH: usize = 8;
/// Batches after which the error is taken.
pub const MARKS: [usize; 3] = [6, 25, 125];
/// Batches of readings that are judged by.
const JUDGED: usize = 16;
/// SGD's and Adam's learning rates, of which the best after all batches is taken.
pub const RATES: [f32; 12] =
    [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1];
/// Prior precisions of recursive least squares, likewise, at a noise of 1.
pub const RIDGES: [f32; 8] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];

const SETTINGS: Settings<f32> = Settings::new(Loss::Mse, StepRule::Quadratic { momentum: true })
    .with_decay(0.95)
    .with_schedule(Schedule::new(0.95, 5).with_bounds(1e-6, 1e8));
const DAMPING: f32 = 0.1;

const P: usize = Pressure::PARAMS;
const FACTORED: Inverse = Inverse::Factored;
const ALL_STATE: usize = optimizer_len(Pressure::LAYERS, FACTORED);
const ALL_SCRATCH: usize = optimizer_scratch(Pressure::LAYERS, FACTORED, BATCH);
const BACK_STATE: usize = optimizer_len(Behind::LAYERS, FACTORED);
const BACK_SCRATCH: usize = optimizer_scratch(Behind::LAYERS, FACTORED, BATCH);
const RLS_STATE: usize = stream_len(&Head::LAYERS[0]);
const RLS_SCRATCH: usize = stream_scratch(&Head::LAYERS[0]);
const FORWARD: usize = forward_scratch(Pressure::LAYERS, BATCH);
const FORWARD_ONE: usize = forward_scratch(Pressure::LAYERS, 1);
const GRADIENT: usize = accumulate_scratch(Pressure::LAYERS, BATCH);

/// A way to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// None.
    Nothing,
    /// Gradient descent with momentum 0.9, at a rate.
    Sgd(f32),
    /// Adam at a rate.
    Adam(f32),
    /// Recursive least squares on the last layer, from a prior precision.
    Rls(f32),
    /// K-FAC on every layer.
    Kfac,
    /// K-FAC on the last two layers.
    KfacBehind,
}

impl Method {
    /// What of the memory its learning takes, in bytes: parameters, state, gradient, scratch and
    /// the batch.
    pub const fn bytes(self) -> usize {
        let batch = BATCH * (INPUTS + 1);
        let values = match self {
            Self::Nothing => FORWARD_ONE,
            Self::Sgd(_) => 3 * P + GRADIENT + batch,
            Self::Adam(_) => 2 * P + adam_len(P) + GRADIENT + batch,
            Self::Rls(_) => Head::PARAMS + RLS_STATE + 8 + larger(FORWARD_ONE, RLS_SCRATCH),
            Self::Kfac => P + ALL_STATE + ALL_SCRATCH + batch,
            Self::KfacBehind => {
                let scratch = larger(FORWARD, BACK_SCRATCH);
                Behind::PARAMS + BACK_STATE + 8 * BATCH + scratch + batch
            }
        };
        4 * values
    }
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Where a method's learning stands, with room for every one.
pub struct Memory {
    theta: [f32; P],
    state: [f32; ALL_STATE],
    gradient: [f32; P],
    phi: [f32; 8 * BATCH],
    scratch: [f32; larger(ALL_SCRATCH, GRADIENT)],
    progress: Progress<f32>,
    adam: AdamProgress<f32>,
}

/// Readings with the reference's pressures.
pub struct Readings {
    x: [f32; INPUTS * BATCH],
    y: [f32; BATCH],
}

impl Readings {
    fn take(sensor: &Sensor, rng: &mut Rng) -> Self {
        let mut readings = Self { x: [0.0; _], y: [0.0; _] };
        for (x, y) in readings.x.as_chunks_mut().0.iter_mut().zip(&mut readings.y) {
            let Reading { inputs, pressure } = sensor.read(rng);
            (*x, *y) = (inputs, pressure);
        }
        readings
    }

    fn x(&self) -> Mat<'_, f32> {
        Mat::from_array::<INPUTS, BATCH, _>(&self.x)
    }

    fn y(&self) -> Targets<'_, f32> {
        Targets::Values(Mat::from_array::<1, BATCH, _>(&self.y))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// As the desktop trained the network.
    pub fn new() -> Self {
        let progress = Progress::start(DAMPING, SETTINGS.decay);
        let (state, scratch) = ([0.0; _], [0.0; _]);
        let (gradient, phi, adam) = ([0.0; _], [0.0; _], AdamProgress::START);
        Self { theta: THETA, state, gradient, phi, scratch, progress, adam }
    }

    /// Before the first batch.
    fn restart(&mut self, method: Method) -> Option<()> {
        self.theta = THETA;
        self.state.fill(0.0);
        self.progress = Progress::start(DAMPING, SETTINGS.decay);
        self.adam = AdamProgress::START;
        if let Method::Rls(ridge) = method {
            let state = self.state.get_mut(..RLS_STATE)?;
            Stream::start(&Head::LAYERS[0], ridge, 1.0, state).ok()?;
        }
        Some(())
    }

    /// Learns from a batch; `None` where the method has left the numbers.
    pub fn learn(&mut self, method: Method, readings: &Readings) -> Option<()> {
        match method {
            Method::Nothing => Some(()),
            Method::Sgd(_) | Method::Adam(_) => self.descend(method, readings),
            Method::Rls(_) => self.least_squares(readings),
            Method::Kfac => {
                let net = Pressure.architecture().ok()?;
                let mut optimizer = Optimizer::<_, Factored>::new(
                    Pressure::LAYERS,
                    SETTINGS,
                    self.progress,
                    &mut self.state,
                )
                .ok()?;
                let (x, y) = (readings.x(), readings.y());
                let fisher = Fisher::TypeTwo;
                optimizer.step(&net, &mut self.theta, x, y, fisher, &mut self.scratch).ok()?;
                self.progress = optimizer.progress;
                Some(())
            }
            Method::KfacBehind => self.behind(readings),
        }
    }

    fn descend(&mut self, method: Method, readings: &Readings) -> Option<()> {
        self.gradient.fill(0.0);
        let c = 1.0 / BATCH as f32;
        let net = Pressure.at(&self.theta).ok()?;
        let (x, y) = (readings.x(), readings.y());
        gradient(&net, x, y, Loss::Mse, c, &mut self.gradient, &mut self.scratch).ok()?;
        match method {
            Method::Adam(rate) => {
                let mut adam = Adam::new(rate, self.state.get_mut(..adam_len(P))?);
                adam.progress = self.adam;
                adam.step(&mut self.theta, &self.gradient).ok()?;
                self.adam = adam.progress;
                Some(())
            }
            Method::Sgd(rate) => {
                let mut sgd = Sgd::new(rate, 0.9, self.state.get_mut(..P)?);
                sgd.step(&mut self.theta, &self.gradient).ok()
            }
            _ => None,
        }
    }

    fn least_squares(&mut self, readings: &Readings) -> Option<()> {
        for (x, y) in readings.x.as_chunks::<INPUTS>().0.iter().zip(&readings.y) {
            let x = Mat::from_array::<INPUTS, 1, _>(x);
            let phi = self.phi.first_chunk_mut::<8>()?;
            let net = Pressure.at(&self.theta).ok()?;
            let to = MatMut::from_array::<8, 1, _>(phi);
            features(&net, Head::FIRST, x, to, &mut self.scratch).ok()?;
            let state = self.state.get_mut(..RLS_STATE)?;
            let mut stream = Stream::resume(&Head::LAYERS[0], 1.0, state).ok()?;
            let theta = Head::part_mut(&mut self.theta);
            stream.update(phi, &[*y], theta, &mut self.scratch).ok()?;
        }
        Some(())
    }

    fn behind(&mut self, readings: &Readings) -> Option<()> {
        let net = Pressure.at(&self.theta).ok()?;
        let to = MatMut::from_array::<8, BATCH, _>(&mut self.phi);
        features(&net, Behind::FIRST, readings.x(), to, &mut self.scratch).ok()?;
        let state = self.state.get_mut(..BACK_STATE)?;
        let mut optimizer =
            Optimizer::<_, Factored>::new(Behind::LAYERS, SETTINGS, self.progress, state).ok()?;
        let theta = Behind::part_mut(&mut self.theta);
        let x = Mat::from_array::<8, BATCH, _>(&self.phi);
        let net = Behind.architecture().ok()?;
        let fisher = Fisher::TypeTwo;
        optimizer.step(&net, theta, x, readings.y(), fisher, &mut self.scratch).ok()?;
        self.progress = optimizer.progress;
        Some(())
    }

    /// The mean squared error on readings that nothing is learnt from.
    fn judge(&mut self, sensor: &Sensor) -> Option<f32> {
        let (mut rng, mut sum) = (Rng::seed(1), 0.0);
        for _ in 0..JUDGED {
            let readings = Readings::take(sensor, &mut rng);
            let mut f = [0.0; BATCH];
            let to = MatMut::from_array::<1, BATCH, _>(&mut f);
            forward(&Pressure.at(&self.theta).ok()?, readings.x(), to, &mut self.scratch).ok()?;
            let f = Mat::from_array::<1, BATCH, _>(&f);
            sum += Loss::Mse.value(f, readings.y()).ok()?;
        }
        Some(sum / (JUDGED * BATCH) as f32)
    }
}

/// The errors on the aged sensor at [`MARKS`] and, in the end, on a new one; infinite where the
/// method left the numbers. `learn` is [`Memory::learn`], or counts it.
pub fn errors(
    memory: &mut Memory,
    method: Method,
    seed: u64,
    mut learn: impl FnMut(&mut Memory, &Readings) -> Option<()>,
) -> [f32; 4] {
    let mut found = [f32::INFINITY; 4];
    let mut rng = Rng::seed(seed);
    let mut run = || {
        memory.restart(method)?;
        for batch in 1..=MARKS[2] {
            learn(memory, &Readings::take(&Sensor::AGED, &mut rng))?;
            for (to, _) in found.iter_mut().zip(MARKS).filter(|(_, mark)| *mark == batch) {
                *to = memory.judge(&Sensor::AGED)?;
            }
        }
        found[3] = memory.judge(&Sensor::NEW)?;
        Some(())
    };
    let _ = run();
    found.map(|error| if error.is_finite() { error } else { f32::INFINITY })
}

/// The seeds of the streams; the first is the calibration program's.
pub const SEEDS: core::ops::Range<u64> = 2..11;

/// The medians over the [`SEEDS`] of [`errors`].
pub fn medians(memory: &mut Memory, method: Method) -> [f32; 4] {
    let mut all = [[0.0; 9]; 4];
    for (s, seed) in SEEDS.enumerate() {
        let found = errors(memory, method, seed, |memory, x| memory.learn(method, x));
        for (of_mark, error) in all.iter_mut().zip(found) {
            of_mark[s] = error;
        }
    }
    all.map(|mut of_mark| {
        of_mark.sort_unstable_by(f32::total_cmp);
        of_mark[4]
    })
}

/// The choice with the least median error after all batches.
pub fn best(memory: &mut Memory, choices: impl Iterator<Item = Method>) -> Option<Method> {
    let judged = choices.map(|method| (medians(memory, method)[2], method));
    judged.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, method)| method)
}
