//! What arrives sample by sample.

use core::fmt::Display;
use nanocurv::Real;
use nanocurv::stream::*;

pub fn functions<T: Real>() {
    keep!(
        standardizer_len,
        Standardizer::<T>::start,
        Standardizer::<T>::resume,
        Standardizer::<T>::with_forgetting,
        Standardizer::<T>::state,
        Standardizer::<T>::weight,
        Standardizer::<T>::mean,
        Standardizer::<T>::variance,
        Standardizer::<T>::update,
        Standardizer::<T>::standardize,
        Standardizer::<T>::restore,
        Standardizer::<T>::restore_variance,
        Standardizer::<T>::fold_inputs,
        Standardizer::<T>::fold_outputs,
    );
    keep!(
        Replay::<T>::new,
        Replay::<T>::resume,
        Replay::<T>::capacity,
        Replay::<T>::held,
        Replay::<T>::seen,
        Replay::<T>::keep_last,
        Replay::<T>::keep_uniform,
        Replay::<T>::batch,
        Replay::<T>::draw,
        Monitor::<T>::of_novelty,
        Monitor::<T>::of_variance,
        Monitor::<T>::with_patience,
        Monitor::<T>::update,
        Monitor::<T>::alarm,
        Monitor::<T>::evidence,
        Monitor::<T>::reset,
        Monitor::<T>::state,
        Monitor::<T>::resume,
        <StreamError as Display>::fmt,
    );
}
