//! The proof that no public function of the core can panic: each is in this image, for f32 and
//! f64, behind a pointer that the compiler cannot see through, and the image links.
//!
//! `tests/tests/firmware_proof.rs` checks that none is missing.
#![no_std]
#![no_main]

use core::hint::black_box;
use nanocurv::error::{LinalgError, NonFiniteError, ScratchError, ShapeError};
use nanocurv::linalg::*;
use nanocurv::random::Rng;
use nanocurv::scratch::Scratch;
use nanocurv::{Mat, MatMut, Real};
use nanocurv_firmware::cases::{Agreement, Memory, task};

nanocurv_firmware::image!([task("proof", &[], 0, proof, Agreement::Exact)]);

#[inline(never)]
fn proof(memory: &mut Memory) -> Option<&[f32]> {
    scalars::<f32>();
    scalars::<f64>();
    matrices::<f32>();
    matrices::<f64>();
    linalg::<f32>();
    linalg::<f64>();
    memory.output.get(..0)
}

/// Keeps functions in the image, for any arguments.
macro_rules! keep {
    ($($function:expr),* $(,)?) => {
        $(black_box($function as *const ());)*
    };
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
        Mat::<T>::columns_range,
        Mat::<T>::check,
    );
    keep!(
        MatMut::<T>::new,
        MatMut::<T>::of,
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
        MatMut::<T>::columns_array::<4>,
        MatMut::<T>::block,
        MatMut::<T>::split_at_col,
        MatMut::<T>::fill,
        MatMut::<T>::scale,
        MatMut::<T>::copy_from,
        MatMut::<T>::add_scaled,
        MatMut::<T>::add_diagonal,
        MatMut::<T>::mirror_lower,
    );
    keep!(
        Scratch::<T>::new,
        Scratch::<T>::take,
        Scratch::<T>::matrix,
        Scratch::<T>::rest,
        ShapeError::check,
        NonFiniteError::check::<T>,
    );
}

fn linalg<T: Real>() {
    keep!(
        dot::<T>,
        axpy::<T>,
        gemm::<T>,
        gemm_tn::<T>,
        gemm_nt::<T>,
        syrk_tn::<T>,
        syrk_nt::<T>,
        hadamard_of_grams::<T, LinalgError>,
        hadamard_of_grams_scratch,
    );
    keep!(
        ldlt::<T>,
        ldlt_solve::<T>,
        ldlt_solve_right::<T>,
        ldlt_inverse::<T>,
        ldlt_inverse_scratch,
        ldlt_logdet::<T>,
        solve_lower::<T>,
        solve_lower_right::<T>,
        solve_lower_transpose::<T>,
        solve_lower_transpose_right::<T>,
    );
    keep!(
        lu::<T>,
        lu_solve::<T>,
        lu_solve_transpose::<T>,
        lu_log_determinant::<T>,
        eigh::<T>,
        jacobi_eigh::<T>,
        eigh_scratch,
    );
}
