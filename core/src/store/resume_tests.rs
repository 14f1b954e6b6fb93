//! The law of it all: a device that learns, stopped anywhere and started again from its record, goes
//! on bit for bit.

use super::*;
use crate::Mat;
use crate::kfac::{
    Adam, AdamProgress, Factored, Fisher, Inverse, Optimizer, Progress, Settings, adam_len,
    optimizer_len, optimizer_scratch,
};
use crate::laplace::{Stream, stream_len, stream_scratch};
use crate::mlp;
use crate::network::{Layer, Loss, Network, Targets};
use crate::random::Rng;
use crate::stream::{Monitor, Replay, Standardizer, standardizer_len};

mlp! { Net: 2 => 3 tanh => 1 }
const LAST: &Layer = &Net::LAYERS[1];
const BATCH: usize = 4;
const HELD: usize = 8;

/// Everything that learns.
#[derive(Clone, Debug, PartialEq)]
struct Device {
    theta: [f32; Net::PARAMS],
    optimizer: [f32; optimizer_len(Net::LAYERS, Inverse::Factored)],
    progress: Progress<f32>,
    moments: [f64; adam_len(2)],
    own: [f64; 2],
    powers: AdamProgress<f64>,
    posterior: [f32; stream_len(LAST)],
    inputs: [f32; standardizer_len(2)],
    x: [f32; 2 * HELD],
    y: [f32; HELD],
    seen: u64,
    monitor: [f32; 2],
    rng: Rng,
}

impl Device {
    fn start() -> Self {
        let mut device = Self {
            theta: core::array::from_fn(|i| (0.8 * i as f32).sin() * 0.5),
            optimizer: [0.0; _],
            progress: Progress::start(1.0, 0.95),
            moments: [0.0; _],
            own: [1.0, -2.0],
            powers: AdamProgress::START,
            posterior: [0.0; _],
            inputs: [0.0; _],
            x: [0.0; _],
            y: [0.0; _],
            seen: 0,
            monitor: [0.0; 2],
            rng: Rng::seed(43),
        };
        Stream::start(LAST, 1.0, 0.1, &mut device.posterior).unwrap();
        device
    }

    /// A sample of the world is taken in, and a batch from the memory trained on.
    fn step(&mut self) {
        let rng = &mut self.rng;
        let mut inputs = Standardizer::resume(2, &mut self.inputs).unwrap();
        let mut memory = Replay::resume(2, 1, &mut self.x, &mut self.y, self.seen).unwrap();
        for _ in 0..BATCH {
            let raw = [1000.0 + 10.0 * rng.normal::<f32>(), rng.normal()];
            inputs.update(&raw).unwrap();
            let mut z = raw;
            inputs.standardize(&mut z).unwrap();
            memory.keep_uniform(&z, &[z[0] * z[1]], rng).unwrap();
        }
        self.seen = memory.seen();
        let (mut x, mut y) = ([0.0; 2 * BATCH], [0.0; BATCH]);
        memory.draw(&mut x, &mut y, rng).unwrap();

        let net = Net.architecture().unwrap();
        let settings = Settings::standard(Loss::Mse);
        let mut optimizer = Optimizer::<_, Factored>::new(
            net.layers(),
            settings,
            self.progress,
            &mut self.optimizer,
        )
        .unwrap();
        let mut scratch = [0.0; optimizer_scratch(Net::LAYERS, Inverse::Factored, BATCH)];
        let (batch, targets) = (Mat::of(&x, 2, BATCH), Targets::Values(Mat::of(&y, 1, BATCH)));
        optimizer
            .step(&net, &mut self.theta, batch, targets, Fisher::TypeTwo, &mut scratch)
            .unwrap();
        self.progress = optimizer.progress;

        let mut posterior = Stream::resume(LAST, 0.1, &mut self.posterior).unwrap();
        let own = &mut self.theta[Net::PARAMS - LAST.params()..];
        let features = [0.3, x[0], x[1]];
        let seen =
            posterior.update(&features, &y[..1], own, &mut [0.0; stream_scratch(LAST)]).unwrap();
        let monitor = Monitor::of_novelty(1, 4.0, 1e3).unwrap();
        let mut monitor = monitor.resume(self.monitor).unwrap();
        monitor.update(seen.novelty).unwrap();
        self.monitor = monitor.state();

        let mut adam = Adam::new(0.01, &mut self.moments);
        adam.progress = self.powers;
        let gradient = self.own.map(|v| v - f64::from(y[1]));
        adam.step(&mut self.own, &gradient).unwrap();
        self.powers = adam.progress;
    }

    fn save(&self, bytes: &mut [u8]) {
        let mut slots = Slots::new(bytes, 0, 1024, 2).unwrap();
        let (seed, drawn) = self.rng.state();
        let rest = [seed, drawn, self.seen];
        let parts = [
            Part::F32(&self.theta),
            Part::F32(&self.optimizer),
            Part::U64(&self.progress.to_words()),
            Part::F64(&self.moments),
            Part::F64(&self.own),
            Part::U64(&self.powers.to_words()),
            Part::F32(&self.posterior),
            Part::F32(&self.inputs),
            Part::F32(&self.x),
            Part::F32(&self.y),
            Part::F32(&self.monitor),
            Part::U64(&rest),
        ];
        slots.save(tag(Net::LAYERS), &parts).unwrap();
    }

    fn restore(bytes: &mut [u8]) -> Self {
        let mut slots = Slots::new(bytes, 0, 1024, 2).unwrap();
        let mut device = Self::start();
        let (mut progress, mut powers, mut rest) = ([0; 5], [0; 2], [0; 3]);
        let mut parts = [
            PartMut::F32(&mut device.theta),
            PartMut::F32(&mut device.optimizer),
            PartMut::U64(&mut progress),
            PartMut::F64(&mut device.moments),
            PartMut::F64(&mut device.own),
            PartMut::U64(&mut powers),
            PartMut::F32(&mut device.posterior),
            PartMut::F32(&mut device.inputs),
            PartMut::F32(&mut device.x),
            PartMut::F32(&mut device.y),
            PartMut::F32(&mut device.monitor),
            PartMut::U64(&mut rest),
        ];
        slots.restore(tag(Net::LAYERS), &mut parts).unwrap();
        let [seed, drawn, seen] = rest;
        Self {
            progress: Progress::from_words(progress),
            powers: AdamProgress::from_words(powers),
            rng: Rng::restore(seed, drawn),
            seen,
            ..device
        }
    }
}

#[test]
fn resumed_training_is_the_uninterrupted_one_bit_for_bit() {
    let mut whole = Device::start();
    (0..20).for_each(|_| whole.step());
    for stop in [0, 1, 10, 19] {
        let (mut device, mut bytes) = (Device::start(), [0xff; 2048]);
        (0..stop).for_each(|_| device.step());
        device.save(&mut bytes);
        let saved = device;
        let mut device = Device::restore(&mut bytes);
        assert_eq!(device, saved, "at {stop}");
        (stop..20).for_each(|_| device.step());
        // Equality of numbers would take -0 for 0.
        assert_eq!(device.theta.map(f32::to_bits), whole.theta.map(f32::to_bits), "from {stop}");
        assert_eq!(device, whole, "from {stop}");
    }
    assert_ne!(whole.theta, Device::start().theta);
}
