//! The sensor, simulated: a pressure bridge whose output also follows temperature and supply.
//!
//! ```text
//! bridge = supply (offset + offset_t t + (gain + gain_t t) (z + bend z^3)) + noise
//! z = pressure / 5 - 1,   t = (temperature - 20) / 40
//! ```
//! bridge in mV, supply in V, pressure in bar, temperature in degrees C: raw units throughout. On a
//! board the readings come from an ADC, and now and then a pressure from the reference that the
//! gauge is held against.

use nanocurv::random::Rng;

/// What the gauge is fed: bridge, temperature, supply.
pub const INPUTS: usize = 3;

/// What is measured at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Bridge in mV, temperature in degrees C, supply in V.
    pub inputs: [f32; INPUTS],
    /// What the reference shows, in bar.
    pub pressure: f32,
}

/// A sensor's character, in mV per V.
#[derive(Clone, Copy, Debug)]
pub struct Sensor {
    /// The output at 5 bar.
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

    /// A reading at 0 to 10 bar, -20 to 60 degrees C and 4.5 to 5.5 V.
    pub fn read(&self, rng: &mut Rng) -> Reading {
        let mut uniform = || 2.0 * rng.uniform::<f32>() - 1.0;
        let (z, t, supply, noise) =
            (uniform(), uniform(), 5.0 + 0.5 * uniform(), 0.025 * uniform());
        let slope = self.gain + self.gain_t * t;
        let output = self.offset + self.offset_t * t + slope * (z + self.bend * z * z * z);
        Reading {
            inputs: [supply * output + noise, 20.0 + 40.0 * t, supply],
            pressure: 5.0 * (z + 1.0),
        }
    }
}
