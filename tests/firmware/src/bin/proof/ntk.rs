//! Tangent kernels and Jacobians.

use nanocurv::ntk::*;
use nanocurv::{Real, mlp};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
const SQUARE: usize = scratch(<Net as nanocurv::network::Network>::LAYERS, 7);
const BETWEEN: usize = between_scratch(<Net as nanocurv::network::Network>::LAYERS, 7, 5);

pub fn functions<T: Real>() {
    keep!(
        Directions::count,
        tape_len,
        Tape::<T>::record,
        Tape::<T>::batch,
        Tape::<T>::directions,
        Tape::<T>::input,
        Tape::<T>::signals,
        Tape::<T>::signal,
        tile_scratch,
        tile::<T>,
        square_tile::<T>,
        scratch,
        kernel::<T>,
        between_scratch,
        kernel_between::<T>,
        jacobian_scratch,
        jacobian::<T>,
        params_gram_scratch,
        params_gram_chunk,
        params_gram::<T>,
        ntk::<Net, T, 7, SQUARE>,
        ntk_between::<Net, T, 7, 5, BETWEEN>,
    );
}
