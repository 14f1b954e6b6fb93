//! Scalars, views, scratch, random numbers, errors.

use core::fmt::Display;
use nanocurv::dynamics::DynamicsError;
use nanocurv::error::{LinalgError, NetworkError, NonFiniteError, ScratchError, ShapeError};
use nanocurv::random::Rng;
use nanocurv::scratch::Scratch;
use nanocurv::{Mat, MatMut, Real};

pub fn functions<T: Real>() {
    scalars::<T>();
    matrices::<T>();
    errors();
}

fn scalars<T: Real>() {
    keep!(
        T::from_usize,
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

fn matrices<T: Real>() {
    keep!(
        Mat::<T>::new,
        Mat::<T>::of,
        Mat::<T>::from_array::<2, 3, 6>,
        Mat::<T>::strided,
        Mat::<T>::column_vector,
        Mat::<T>::rows,
        Mat::<T>::cols,
        Mat::<T>::stride,
        Mat::<T>::data,
        Mat::<T>::at,
        Mat::<T>::col,
        Mat::<T>::columns,
        Mat::<T>::columns_from,
        Mat::<T>::block,
        Mat::<T>::diagonal,
        Mat::<T>::columns_range,
        Mat::<T>::check,
    );
    keep!(
        MatMut::<T>::new,
        MatMut::<T>::of,
        MatMut::<T>::from_array::<2, 3, 6>,
        MatMut::<T>::column_vector,
        MatMut::<T>::strided,
        MatMut::<T>::rows,
        MatMut::<T>::cols,
        MatMut::<T>::stride,
        MatMut::<T>::data,
        MatMut::<T>::into_data,
        MatMut::<T>::as_ref,
        MatMut::<T>::into_ref,
        MatMut::<T>::reborrow,
        MatMut::<T>::at,
        MatMut::<T>::set,
        MatMut::<T>::col,
        MatMut::<T>::columns,
        MatMut::<T>::block,
        MatMut::<T>::into_block,
        MatMut::<T>::split_at_col,
        MatMut::<T>::fill,
        MatMut::<T>::scale,
        MatMut::<T>::copy_from,
        MatMut::<T>::add_scaled,
        MatMut::<T>::add_diagonal,
        MatMut::<T>::mirror_lower,
        MatMut::<T>::copy_transposed,
    );
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
