//! The typed front: a network whose sizes the compiler knows.

use super::activation::{Activation, Jet};
use super::architecture::Architecture;
use super::layer::Layer;
use super::mlp::Mlp;
use crate::error::NetworkError;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Real;
use nalgebra::SMatrix;

/// A matrix or array of known size that can be viewed.
pub trait AsMat<T> {
    /// The view.
    fn as_mat(&self) -> Mat<'_, T>;
    /// The view to write to.
    fn as_mat_mut(&mut self) -> MatMut<'_, T>;
}

impl<T: Real, const R: usize, const C: usize> AsMat<T> for SMatrix<T, R, C> {
    #[inline(always)]
    fn as_mat(&self) -> Mat<'_, T> {
        self.into()
    }
    #[inline(always)]
    fn as_mat_mut(&mut self) -> MatMut<'_, T> {
        self.into()
    }
}

/// A network named by [`mlp!`](crate::mlp): its sizes are part of the type, so that a batch of the
/// wrong width does not compile (`expected 4, found 5`), and wrong widths between layers cannot be
/// written, for each is named once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the name of a network",
    label = "needed a network",
    note = "name one with its widths and activations: `mlp! {{ {Self}: 4 => 8 tanh => 1 }}`"
)]
pub trait Network: Copy {
    /// The number of inputs.
    const INPUTS: usize;
    /// The number of outputs.
    const OUTPUTS: usize;
    /// The layers.
    const LAYERS: &'static [Layer];
    /// The number of parameters.
    const PARAMS: usize;
    /// `[T; PARAMS]`, in PyTorch's order.
    type Theta<T: Real>: AsRef<[T]> + AsMut<[T]>;
    /// A batch of inputs, one column a sample.
    type Inputs<T: Real, const B: usize>: AsMat<T>;
    /// A batch of outputs, one column a sample.
    type Outputs<T: Real, const B: usize>: AsMat<T>;

    /// Evaluates the activations that the network names, and links no others.
    fn evaluate<T: Real>(activation: Activation, jet: Jet<'_, T>);

    /// The network at parameters `theta`, for every algorithm on [`Mlp`].
    ///
    /// # Errors
    /// [`NetworkError::NonFinite`] if a parameter is not finite.
    #[inline]
    fn at<T: Real>(self, theta: &Self::Theta<T>) -> Result<Mlp<'_, T>, NetworkError> {
        Mlp::with_evaluate(Self::LAYERS, theta.as_ref(), Self::evaluate)
    }

    /// The network without parameters, for training.
    ///
    /// # Errors
    /// None for a network that `mlp!` named.
    #[inline]
    fn architecture<T: Real>(self) -> Result<Architecture<'static, T>, NetworkError> {
        Architecture::with_evaluate(Self::LAYERS, Self::evaluate)
    }
}

/// Names a network: widths and activations, each width once, the output linear.
///
/// ```
/// use nanocurv::{mlp, network::Network};
///
/// mlp! {
///     /// Calibrates the pressure sensor.
///     pub Sensor: 4 => 8 tanh => 8 relu => 1
/// }
/// mlp! { Plain: 4 => 8 tanh => 2, no bias }
///
/// assert_eq!(Sensor::PARAMS, 4 * 8 + 8 + 8 * 8 + 8 + 8 + 1);
/// assert_eq!(Plain::PARAMS, 4 * 8 + 8 * 2);
/// ```
///
/// The activations are those of [`Activation`](crate::network::Activation), with `_` for `-`. What
/// goes on learning behind a front that does not is a network too: `mlp! { Head: 8 => 1, back of
/// Sensor }`, a [`Back`](crate::network::Back).
#[macro_export]
macro_rules! mlp {
    ($(#[$meta:meta])* $vis:vis $name:ident : $inputs:literal
        $(=> $width:literal $($activation:ident)?)+ $(, no $bias:ident)? $(, back of $whole:ty)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        $crate::mlp!(@network $name [$($bias)?] [$inputs] $($width [$($activation)?])+);

        const _: () =
            match $crate::network::layer::check(<$name as $crate::network::Network>::LAYERS) {
                Err($crate::error::NetworkError::OutputActivation) => {
                    panic!("mlp!: the output is linear, write no activation behind the last width")
                }
                Err(_) => panic!("mlp!: every width is at least 1"),
                Ok(()) => {}
            };

        $($crate::mlp!(@back $name $whole);)?
    };
    (@back $name:ident $whole:ty) => {
        impl $crate::network::Back for $name {
            type Whole = $whole;
        }

        const _: () = assert!(
            $crate::network::is_back(
                <$whole as $crate::network::Network>::LAYERS,
                <$name as $crate::network::Network>::LAYERS
            ),
            "mlp!: write the last layers of the network behind `back of`, with its activations"
        );
    };
    (@network $name:ident $bias:tt [$inputs:literal] $($width:literal [$($activation:ident)?])+) => {
        impl $crate::network::Network for $name {
            const INPUTS: usize = $inputs;
            const OUTPUTS: usize = $crate::network::layer::outputs(Self::LAYERS);
            const LAYERS: &'static [$crate::network::Layer] =
                &$crate::network::chain([$($width),+], $inputs, $crate::mlp!(@bias $bias), [
                    $($crate::mlp!(@activation $($activation)?)),+
                ]);
            const PARAMS: usize = $crate::network::layer::params(Self::LAYERS);
            type Theta<T: $crate::Real> = [T; <$name as $crate::network::Network>::PARAMS];
            type Inputs<T: $crate::Real, const B: usize> = $crate::SMatrix<T, $inputs, B>;
            type Outputs<T: $crate::Real, const B: usize> =
                $crate::SMatrix<T, { <$name as $crate::network::Network>::OUTPUTS }, B>;

            #[allow(unused_variables)] // without a hidden layer
            fn evaluate<T: $crate::Real>(
                activation: $crate::network::Activation,
                jet: $crate::network::Jet<'_, T>,
            ) {
                $($(
                    if activation as u8 == $crate::mlp!(@activation $activation) as u8 {
                        return jet.fill::<$crate::network::formula::$activation>();
                    }
                )?)+
                jet.fill::<$crate::network::formula::identity>();
            }
        }
    };
    (@bias []) => { true };
    (@bias [bias]) => { false };
    (@activation) => { $crate::network::Activation::Identity };
    (@activation $activation:ident) => {
        <$crate::network::formula::$activation as $crate::network::Formula>::ACTIVATION
    };
}

/// The layers of widths `inputs => widths[0] => ..`, for `mlp!`.
#[doc(hidden)]
pub const fn chain<const L: usize>(
    widths: [usize; L],
    inputs: usize,
    bias: bool,
    activations: [Activation; L],
) -> [Layer; L] {
    let mut layers = [Layer { inputs, outputs: 0, bias, activation: Activation::Identity }; L];
    let mut l = 0;
    while l < L {
        if l > 0 {
            layers[l].inputs = widths[l - 1];
        }
        layers[l].outputs = widths[l];
        layers[l].activation = activations[l];
        l += 1;
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::tape::{forward, forward_scratch};

    mlp! { Tiny: 2 => 3 tanh => 2 leaky_relu => 1 }
    mlp! { NoBias: 2 => 3 relu => 2, no bias }

    #[test]
    fn a_named_network_is_the_run_time_one() {
        assert_eq!((Tiny::INPUTS, Tiny::OUTPUTS, Tiny::PARAMS), (2, 1, 9 + 8 + 3));
        assert_eq!(NoBias::PARAMS, 12);
        assert!(NoBias::LAYERS.iter().all(|l| !l.bias));
        let theta: [f64; Tiny::PARAMS] = core::array::from_fn(|i| (i as f64 * 0.37).sin());
        let x = SMatrix::<f64, 2, 3>::new(0.1, -0.4, 0.9, 0.7, 0.2, -1.0);
        let (mut typed, mut run_time) = (SMatrix::<f64, 1, 3>::zeros(), [0.0; 3]);
        let mut scratch = [0.0; forward_scratch(Tiny::LAYERS, 3)];
        let net = Tiny.at(&theta).unwrap();
        forward(&net, x.as_mat(), typed.as_mat_mut(), &mut scratch).unwrap();
        let net = Mlp::new(Tiny::LAYERS, &theta).unwrap();
        forward(&net, x.as_mat(), MatMut::of(&mut run_time, 1, 3), &mut scratch).unwrap();
        assert_eq!(typed.as_slice(), run_time);
    }
}
