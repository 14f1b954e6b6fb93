//! The sensor, simulated: a bridge whose output also follows temperature and supply.
//!
//! ```text
//! bridge = offset + offset_t t + (gain + gain_t t) (p + bend p^3) (1 + s / 10)
//! ```
//! p: pressure, t: temperature, s: supply, each scaled to -1 .. 1. On a board the readings come
//! from an ADC and the pressure from the reference that the gauge is held against.

use nanocurv::random::Rng;

/// What the gauge is fed.
pub const INPUTS: usize = 3;

/// A sensor's character.
#[derive(Clone, Copy, Debug)]
pub struct Sensor {
    /// The output at no pressure.
    pub offset: f32,
    /// What temperature adds to it.
    pub offset_t: f32,
    /// The output's change with pressure.
    pub gain: f32,
    /// What temperature adds to it.
    pub gain_t: f32,
    /// How far the output is from a straight line.
    pub bend: f32,
}

impl Sensor {
    /// As it left the factory: what the network was trained on.
    pub const NEW: Self =
        Self { offset: 0.05, offset_t: 0.1, gain: 0.8, gain_t: -0.15, bend: 0.15 };
    /// Years later.
    pub const AGED: Self =
        Self { offset: 0.3, offset_t: -0.05, gain: 0.6, gain_t: 0.1, bend: 0.25 };

    /// Bridge, temperature and supply, and the pressure that the reference shows.
    pub fn read(&self, rng: &mut Rng) -> ([f32; INPUTS], f32) {
        let mut uniform = || 2.0 * rng.uniform::<f32>() - 1.0;
        let (p, t, s, noise) = (uniform(), uniform(), uniform(), 0.005 * uniform());
        let slope = (self.gain + self.gain_t * t) * (1.0 + 0.1 * s);
        let bridge = self.offset + self.offset_t * t + slope * (p + self.bend * p * p * p);
        ([bridge + noise, t, s], p)
    }
}
