//! Elementwise activations with their first and second derivatives.
//!
//! | name | phi(z) |
//! |---|---|
//! | identity | z |
//! | relu | max(z, 0) |
//! | leaky-relu | z, or 0.01 z where z < 0 |
//! | tanh | tanh z |
//! | sigmoid | s(z) = 1 / (1 + e^-z) |
//! | softplus | ln(1 + e^z) |
//! | silu | z s(z) |
//! | gelu | z (1 + erf(z / sqrt 2)) / 2 |
//! | gelu-tanh | z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2 |
//! | erf | erf z |
//! | sin | sin z |
//! | elu | z, or e^z - 1 where z < 0 |
//! | normalized-relu | sqrt 2 max(z, 0), of unit second moment under N(0, 1) |
//!
//! At a kink the derivative is the one PyTorch takes: that of the flat side.

use crate::scalar::Real;

/// `[phi(z), phi'(z), phi''(z)]` of one activation.
pub trait Formula {
    /// The activation that this computes.
    const ACTIVATION: Activation;
    /// The value and the derivatives at `z`.
    fn jet<T: Real>(z: T) -> [T; 3];
}

/// Where [`evaluate`] reads z and writes what was asked for.
pub struct Jet<'a, T> {
    /// z on entry, phi(z) on return.
    pub value: &'a mut [T],
    /// phi'(z), as far as the slice reaches: leave it empty if it is not needed.
    pub first: &'a mut [T],
    /// phi''(z), likewise.
    pub second: &'a mut [T],
}

impl<T: Real> Jet<'_, T> {
    /// Fills the jet by a formula. One function for all networks that use it.
    #[inline(never)]
    pub fn fill<F: Formula>(self) {
        // Two whole slices: a loop that the host's compiler makes vectors of.
        #[cfg(feature = "std")]
        if self.first.len() == self.value.len() && self.second.is_empty() {
            for (z, first) in self.value.iter_mut().zip(self.first) {
                let [value, slope, _] = F::jet(*z);
                (*z, *first) = (value, slope);
            }
            return;
        }
        let (mut first, mut second) = (self.first.iter_mut(), self.second.iter_mut());
        for z in self.value {
            let [value, slope, bend] = F::jet(*z);
            *z = value;
            if let Some(first) = first.next() {
                *first = slope;
            }
            if let Some(second) = second.next() {
                *second = bend;
            }
        }
    }
}

/// How a network evaluates its activations: [`evaluate`], or the function that `mlp!` writes,
/// which knows only the activations that its network names, so that no others are linked.
pub type Evaluate<T> = fn(Activation, Jet<'_, T>);

macro_rules! activations {
    ($($(#[$doc:meta])* $variant:ident $ident:ident $name:literal: |$z:ident| $jet:expr;)*) => {
        /// The activation of a hidden layer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Activation {
            $($(#[$doc])* $variant,)*
        }

        impl Activation {
            /// All activations.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that the command line and `mlp!` use (there with `_` for `-`).
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The activation of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|a| a.name() == name)
            }
        }

        /// One type for each activation, under the name that `mlp!` uses.
        #[allow(non_camel_case_types)]
        pub mod formula {
            use super::{Activation, Formula};
            use crate::scalar::Real;
            $($(#[$doc])* pub struct $ident;
            impl Formula for $ident {
                const ACTIVATION: Activation = Activation::$variant;
                #[inline(always)]
                fn jet<T: Real>($z: T) -> [T; 3] { $jet }
            })*
        }

        /// Evaluates any activation.
        pub fn evaluate<T: Real>(activation: Activation, jet: Jet<'_, T>) {
            match activation { $(Activation::$variant => jet.fill::<formula::$ident>()),* }
        }
    };
}

activations! {
    /// z
    Identity identity "identity": |z| [z, T::ONE, T::ZERO];
    /// max(z, 0)
    Relu relu "relu": |z| super::rectified(z, T::ONE, T::ZERO);
    /// z, or 0.01 z where z < 0
    LeakyRelu leaky_relu "leaky-relu": |z| super::rectified(z, T::ONE, T::of(0.01));
    /// tanh z
    Tanh tanh "tanh": |z| {
        let a = z.activation_tanh();
        let slope = T::ONE - a * a;
        [a, slope, -T::TWO * a * slope]
    };
    /// 1 / (1 + e^-z)
    Sigmoid sigmoid "sigmoid": |z| super::sigmoid(z);
    /// ln(1 + e^z)
    Softplus softplus "softplus": |z| {
        let [s, slope, _] = super::sigmoid(z);
        [z.max(T::ZERO) + (-z.abs()).exp().ln_1p(), s, slope]
    };
    /// z / (1 + e^-z)
    Silu silu "silu": |z| {
        let [s, slope, _] = super::sigmoid(z);
        [z * s, s + z * slope, slope * (T::TWO + z * (T::ONE - T::TWO * s))]
    };
    /// z (1 + erf(z / sqrt 2)) / 2
    Gelu gelu "gelu": |z| {
        let cdf = T::HALF * (T::ONE + (z * T::of(core::f64::consts::FRAC_1_SQRT_2)).erf());
        // The density is 0 long before z^2 overflows.
        let c = z.max(T::of(-40.0)).min(T::of(40.0));
        let density = (-T::HALF * c * c).exp() * T::of(0.398_942_280_401_432_7);
        [z * cdf, cdf + z * density, density * (T::TWO - c * c)]
    };
    /// z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2
    GeluTanh gelu_tanh "gelu-tanh": |z| {
        let (root, cubic) = (T::of(0.797_884_560_802_865_4), T::of(0.044_715));
        // tanh is 1 long before z^3 overflows.
        let c = z.max(T::of(-40.0)).min(T::of(40.0));
        let t = (root * (c + cubic * c * c * c)).activation_tanh();
        let u1 = root * (T::ONE + T::of(3.0) * cubic * c * c);
        let u2 = root * T::of(6.0) * cubic * c;
        let (gate, slope) = (T::HALF * (T::ONE + t), T::ONE - t * t);
        [
            z * gate,
            gate + T::HALF * c * slope * u1,
            slope * (u1 + T::HALF * c * (u2 - T::TWO * t * u1 * u1)),
        ]
    };
    /// erf z
    Erf erf "erf": |z| {
        let c = z.max(T::of(-40.0)).min(T::of(40.0));
        let slope = T::of(core::f64::consts::FRAC_2_SQRT_PI) * (-c * c).exp();
        [z.erf(), slope, -T::TWO * c * slope]
    };
    /// sin z
    Sin sin "sin": |z| {
        let (s, c) = z.sin_cos();
        [s, c, -s]
    };
    /// z, or e^z - 1 where z < 0
    Elu elu "elu": |z| if z > T::ZERO {
        [z, T::ONE, T::ZERO]
    } else {
        let e = z.exp_m1();
        [e, e + T::ONE, e + T::ONE]
    };
    /// sqrt 2 max(z, 0)
    NormalizedRelu normalized_relu "normalized-relu":
        |z| super::rectified(z, T::of(core::f64::consts::SQRT_2), T::ZERO);
}

/// `right z` where z > 0, else `left z`.
#[inline(always)]
fn rectified<T: Real>(z: T, right: T, left: T) -> [T; 3] {
    let slope = if z > T::ZERO { right } else { left };
    [slope * z, slope, T::ZERO]
}

/// `s = 1 / (1 + e^-z)`; an e^-z that overflows gives 0.
#[inline(always)]
fn sigmoid<T: Real>(z: T) -> [T; 3] {
    let s = T::ONE / (T::ONE + (-z).activation_exp());
    let slope = s * (T::ONE - s);
    [s, slope, slope * (T::ONE - T::TWO * s)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jet(activation: Activation, z: f64) -> [f64; 3] {
        let (mut value, mut first, mut second) = ([z], [0.0], [0.0]);
        evaluate(activation, Jet { value: &mut value, first: &mut first, second: &mut second });
        [value[0], first[0], second[0]]
    }

    #[test]
    fn derivatives_agree_with_central_differences() {
        let h = 1e-5;
        for activation in Activation::ALL.iter().copied() {
            for z in [-3.1, -1.2, -0.3, 0.4, 1.7, 4.2] {
                let [_, slope, bend] = jet(activation, z);
                let (right, left) = (jet(activation, z + h), jet(activation, z - h));
                let difference = |k: usize| (right[k] - left[k]) / (2.0 * h);
                assert!((slope - difference(0)).abs() < 1e-9, "{} at {z}", activation.name());
                assert!((bend - difference(1)).abs() < 1e-9, "{} at {z}", activation.name());
            }
        }
    }

    #[test]
    fn finite_arguments_of_any_size_give_finite_jets_of_bounded_slope() {
        for activation in Activation::ALL.iter().copied() {
            for z in [0.0, 1e-300, 50.0, 800.0, 1e10, 1e200] {
                for z in [z, -z] {
                    for (k, v) in jet(activation, z).into_iter().enumerate() {
                        assert!(v.is_finite(), "{} derivative {k} at {z}: {v}", activation.name());
                    }
                    let single = {
                        let (mut value, mut first, mut second) = ([z as f32], [0.0], [0.0]);
                        let jet = Jet { value: &mut value, first: &mut first, second: &mut second };
                        evaluate(activation, jet);
                        [value[0], first[0], second[0]]
                    };
                    if (z as f32).is_finite() {
                        assert!(
                            single.iter().all(|v| v.is_finite()),
                            "{} at {z}",
                            activation.name()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn names_lead_back_to_their_activation() {
        for a in Activation::ALL.iter().copied() {
            assert_eq!(Activation::from_name(a.name()), Some(a));
        }
        assert_eq!(Activation::from_name("swish"), None);
    }
}
