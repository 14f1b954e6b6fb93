//! The back of a network: what goes on learning behind a front that stays as it is.
//!
//! ```text
//! phi = x_K, what the first K layers make of the input       features
//! f   = the other layers at phi                              the back: a network of its own
//! ```
//! Every algorithm runs on the back alone, with the features as its inputs and its own parameters,
//! the last of the whole network's. Instructions and memory are those of the back, plus one forward
//! pass through the front.

use super::layer::Layer;
use super::typed::Network;
use crate::scalar::Real;
use crate::scratch::Carve;

/// A network that [`mlp!`](crate::mlp) named as the back of another one.
///
/// ```
/// use nanocurv::kfac::{Damping, natural_gradient_scratch};
/// use nanocurv::network::{Back, Loss, Network, Reduction, forward_scratch};
/// use nanocurv::{SMatrix, fixed, mlp};
///
/// mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
/// mlp! { Head: 8 => 1, back of Sensor }
///
/// static THETA: [f32; Sensor::PARAMS] = [0.1; _]; // stays in flash
/// let mut theta: [f32; Head::PARAMS] = [0.0; _]; // what learns
/// theta.iter_mut().zip(Head::part(&THETA)).for_each(|(own, whole)| *own = *whole);
///
/// let x = SMatrix::<f32, 4, 8>::from_fn(|i, j| (i * 3 + j) as f32 * 0.1 - 1.0);
/// let y = SMatrix::<f32, 1, 8>::repeat(0.5);
/// let mut phi = SMatrix::<f32, 8, 8>::zeros();
/// let mut scratch = [0.0; forward_scratch(Sensor::LAYERS, 8)];
/// fixed::features(Head, &THETA, &x, &mut phi, &mut scratch)?;
///
/// let problem = fixed::Problem::values(Head, &theta, &phi, &y, (Loss::Mse, Reduction::Mean));
/// let (mut step, mut scratch) = ([0.0; _], [0.0; natural_gradient_scratch(Head::LAYERS, 8)]);
/// problem.natural_gradient(0.1, Damping::Pi, &mut step, &mut scratch)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Layers that are not the last of the other network do not compile:
///
/// ```compile_fail
/// # use nanocurv::mlp;
/// mlp! { Sensor: 4 => 8 tanh => 8 tanh => 1 }
/// mlp! { Head: 8 => 2, back of Sensor }
/// ```
pub trait Back: Network {
    /// The network that it is the back of.
    type Whole: Network;

    /// The index of its first layer in the whole network: how many layers are before it.
    const FIRST: usize = <Self::Whole as Network>::LAYERS.len() - Self::LAYERS.len();

    /// Its parameters within those of the whole network.
    fn part<T: Real>(whole: &<Self::Whole as Network>::Theta<T>) -> &[T] {
        whole.as_ref().part(<Self::Whole as Network>::PARAMS - Self::PARAMS..)
    }

    /// Its parameters within those of the whole network, to write to.
    fn part_mut<T: Real>(whole: &mut <Self::Whole as Network>::Theta<T>) -> &mut [T] {
        whole.as_mut().part_mut(<Self::Whole as Network>::PARAMS - Self::PARAMS..)
    }
}

/// Whether `back` are the last of the `whole` layers, but not all of them; for `mlp!`.
#[doc(hidden)]
pub const fn is_back(whole: &[Layer], back: &[Layer]) -> bool {
    if back.len() >= whole.len() {
        return false;
    }
    let (_, last) = whole.split_at(whole.len() - back.len());
    let mut l = 0;
    while l < back.len() {
        let (a, b) = (last[l], back[l]);
        let same = a.inputs == b.inputs && a.outputs == b.outputs && a.bias == b.bias;
        if !same || a.activation as u8 != b.activation as u8 {
            return false;
        }
        l += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp;

    mlp! { Whole: 2 => 3 tanh => 4 relu => 1 }
    mlp! { Two: 3 => 4 relu => 1, back of Whole }
    mlp! { One: 4 => 1, back of Whole }
    mlp! { Plain: 3 => 4 relu => 1, no bias }

    #[test]
    fn a_back_has_the_last_parameters() {
        assert_eq!((Two::FIRST, One::FIRST), (1, 2));
        let mut theta: [f64; Whole::PARAMS] = core::array::from_fn(|i| i as f64);
        assert_eq!(Two::part(&theta), &theta[9..]);
        assert_eq!(One::part(&theta), &theta[25..]);
        One::part_mut(&mut theta).fill(-1.0);
        assert!(theta[24] == 24.0 && theta[25..] == [-1.0; 5]);
    }

    #[test]
    fn other_layers_are_no_back() {
        assert!(is_back(Whole::LAYERS, Two::LAYERS) && is_back(Whole::LAYERS, One::LAYERS));
        let whole = Whole::LAYERS;
        for other in [whole, Plain::LAYERS, &whole[..1], &whole[1..2]] {
            assert!(!is_back(whole, other));
        }
    }
}
