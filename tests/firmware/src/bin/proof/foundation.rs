//! Scalars, scratch, random numbers, errors.

use core::fmt::Display;
use nanocurv::Real;
use nanocurv::dynamics::DynamicsError;
use nanocurv::error::{LinalgError, NetworkError, NonFiniteError, ScratchError, ShapeError};
use nanocurv::random::Rng;
use nanocurv::scratch::Scratch;

pub fn functions<T: Real>() {
    scalars::<T>();
    memory::<T>();
    errors();
}

fn scalars<T: Real>() {
    keep!(
        T::from_usize,
        T::to_word,
        T::from_word,
        T::abs,
        T::is_finite,
        T::copysign,
        T::sqrt,
        T::exp,
        T::exp_m1,
        T::ln,
        T::ln_1p,
        T::powf,
        T::tanh,
        T::atanh,
        T::erf,
        T::sin_cos,
        T::activation_exp,
        T::activation_tanh,
        T::min,
        T::max,
        T::squared,
        T::powi,
    );
    keep!(
        Rng::seed,
        Rng::state,
        Rng::restore,
        Rng::next_u32,
        Rng::next_u64,
        Rng::uniform::<T>,
        Rng::normal::<T>,
        Rng::sign::<T>,
        Rng::below,
        Rng::shuffle::<T>,
    );
}

fn memory<T: Real>() {
    keep!(
        Scratch::<T>::new,
        Scratch::<T>::take,
        Scratch::<T>::matrix,
        Scratch::<T>::rest,
        ShapeError::check,
        NonFiniteError::check::<T>,
        NonFiniteError::check_matrix::<T>,
    );
}

fn errors() {
    keep!(
        <ShapeError as Display>::fmt,
        <ScratchError as Display>::fmt,
        <NonFiniteError as Display>::fmt,
        <LinalgError as Display>::fmt,
        <NetworkError as Display>::fmt,
        <DynamicsError as Display>::fmt,
    );
}
