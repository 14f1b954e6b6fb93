//! The activations of the command line, each with its textbook derivative.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};
use std::fmt;
use std::str::FromStr;

use super::Number;

/// The elementwise function after a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `z`
    Identity,
    /// `max(z, 0)`
    Relu,
    /// `max(z, 0) + 0.01 min(z, 0)`
    LeakyRelu,
    /// `tanh z`
    Tanh,
    /// `1 / (1 + e^-z)`
    Sigmoid,
    /// `ln(1 + e^z)`
    Softplus,
    /// `z sigmoid(z)`
    Silu,
    /// `z Phi(z)` with the normal distribution function `Phi`
    Gelu,
    /// `z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))`
    GeluTanh,
    /// `erf z`
    Erf,
    /// `sin z`
    Sin,
    /// `z` for `z > 0`, else `e^z - 1`
    Elu,
    /// `sqrt(2) max(z, 0)`: keeps the second moment of a centred input
    NormalizedRelu,
}

impl Activation {
    /// All of them with the names of the command line.
    pub const NAMES: [(&'static str, Self); 13] = [
        ("identity", Self::Identity),
        ("relu", Self::Relu),
        ("leaky-relu", Self::LeakyRelu),
        ("tanh", Self::Tanh),
        ("sigmoid", Self::Sigmoid),
        ("softplus", Self::Softplus),
        ("silu", Self::Silu),
        ("gelu", Self::Gelu),
        ("gelu-tanh", Self::GeluTanh),
        ("erf", Self::Erf),
        ("sin", Self::Sin),
        ("elu", Self::Elu),
        ("normalized-relu", Self::NormalizedRelu),
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, a)| *a == self).map_or("", |(name, _)| name)
    }

    /// `phi(z)`
    pub fn value<N: Number>(self, z: N) -> N {
        let n = N::from;
        let positive = z.value() > 0.0;
        match self {
            Self::Identity => z,
            Self::Relu => step(positive, z, n(0.0)),
            Self::LeakyRelu => step(positive, z, n(0.01) * z),
            Self::Tanh => z.tanh(),
            Self::Sigmoid => z.sigmoid(),
            Self::Softplus => z.softplus(),
            Self::Silu => z * z.sigmoid(),
            Self::Gelu => z * normal_distribution(z),
            Self::GeluTanh => n(0.5) * z * (n(1.0) + gelu_inner(z).tanh()),
            Self::Erf => z.erf(),
            Self::Sin => z.sin(),
            Self::Elu => step(positive, z, z.exp_m1()),
            Self::NormalizedRelu => step(positive, n(SQRT_2) * z, n(0.0)),
        }
    }

    /// `phi'(z)`; at a kink the left value, as in PyTorch.
    pub fn derivative<N: Number>(self, z: N) -> N {
        let n = N::from;
        let positive = z.value() > 0.0;
        match self {
            Self::Identity => n(1.0),
            Self::Relu => step(positive, n(1.0), n(0.0)),
            Self::LeakyRelu => step(positive, n(1.0), n(0.01)),
            Self::Tanh => n(1.0) - z.tanh() * z.tanh(),
            Self::Sigmoid => z.sigmoid() * (-z).sigmoid(),
            Self::Softplus => z.sigmoid(),
            Self::Silu => z.sigmoid() * (n(1.0) + z * (-z).sigmoid()),
            Self::Gelu => normal_distribution(z) + z * normal_density(z),
            Self::GeluTanh => {
                let t = gelu_inner(z).tanh();
                let slope = n((2.0 / PI).sqrt()) * (n(1.0) + n(3.0 * 0.044715) * z * z);
                n(0.5) * (n(1.0) + t) + n(0.5) * z * (n(1.0) - t * t) * slope
            }
            Self::Erf => n(std::f64::consts::FRAC_2_SQRT_PI) * (-(z * z)).exp(),
            Self::Sin => z.cos(),
            Self::Elu => step(positive, n(1.0), z.exp()),
            Self::NormalizedRelu => step(positive, n(SQRT_2), n(0.0)),
        }
    }
}

fn step<N>(positive: bool, above: N, below: N) -> N {
    if positive { above } else { below }
}

/// `Phi(z) = (1 + erf(z / sqrt 2)) / 2`
fn normal_distribution<N: Number>(z: N) -> N {
    N::from(0.5) * (N::from(1.0) + (z * N::from(FRAC_1_SQRT_2)).erf())
}

/// `e^(-z^2/2) / sqrt(2 pi)`
fn normal_density<N: Number>(z: N) -> N {
    (N::from(-0.5) * z * z).exp() / N::from((2.0 * PI).sqrt())
}

/// `sqrt(2/pi) (z + 0.044715 z^3)`
fn gelu_inner<N: Number>(z: N) -> N {
    N::from((2.0 / PI).sqrt()) * (z + N::from(0.044715) * z * z * z)
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Activation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, a)| *a).ok_or_else(|| {
            let known: Vec<_> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("unknown activation '{text}'; known are {}", known.join(", "))
        })
    }
}
