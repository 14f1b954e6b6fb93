//! A digest of a network, by which a posterior knows whose it is.

use sha2::{Digest as _, Sha256};

use crate::desktop::array::Float;
use crate::desktop::network::Network;

/// SHA-256 as four numbers, most significant byte first.
pub type Digest = [i64; 4];

/// The digest of a network's widths, biases, activations, scales and parameters. Parameters are
/// taken in single precision, so that it is the same whatever they are computed with.
pub fn digest<T: Float>(net: &Network<T>) -> Digest {
    let mut hash = Sha256::new();
    for (layer, (weight, bias)) in net.layers().iter().zip(net.factors()) {
        let sizes = [layer.inputs as u64, layer.outputs as u64, u64::from(layer.bias)];
        sizes.iter().for_each(|size| hash.update(size.to_le_bytes()));
        hash.update(layer.activation.name());
        [weight, bias].iter().for_each(|s| hash.update(s.to_le_bytes()));
    }
    net.theta.iter().for_each(|t| hash.update((t.to_f64() as f32).to_le_bytes()));
    let bytes = hash.finalize();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = i64::from_be_bytes(*bytes);
    }
    words
}
