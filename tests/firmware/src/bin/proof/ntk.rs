//! Tangent kernels and Jacobians.

use nanocurv::Real;
use nanocurv::ntk::*;

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
    );
}
