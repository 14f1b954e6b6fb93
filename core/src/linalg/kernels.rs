//! The kernels of each precision, compiled once and in this crate.
//!
//! A generic function is compiled in the crate that calls it, at that crate's optimisation
//! level. These methods are not generic once `T` is named, so a firmware can build `nanocurv` at
//! `opt-level = 3` (the kernels) and the rest, the algorithms included, at `"s"`.

use super::gemm::Of;
use super::hadamard::Grams;
use super::tile::Part;
use super::{gemm, hadamard, invert, ldlt, stacked, triangular, vector};
use crate::error::LinalgError;
use crate::matrix::{Mat, MatMut};

macro_rules! kernels {
    ($($name:ident ($($arg:ident: $arg_type:ty),*) $(-> $result:ty)? = $path:path;)*) => {
        /// The kernels behind `linalg`'s functions; shapes are checked there.
        pub trait Kernels: Sized {
            $(#[doc(hidden)]
            fn $name($($arg: $arg_type),*) $(-> $result)?;)*
        }
        kernels!(@impl f32 $($name ($($arg: $arg_type),*) $(-> $result)? = $path;)*);
        kernels!(@impl f64 $($name ($($arg: $arg_type),*) $(-> $result)? = $path;)*);
    };
    (@impl $t:ident $($name:ident ($($arg:ident: $arg_type:ty),*) $(-> $result:ty)? = $path:path;)*) => {
        impl Kernels for $t {
            $(fn $name($($arg: $arg_type),*) $(-> $result)? {
                $path($($arg),*)
            })*
        }
    };
}

kernels! {
    product(of: Of, alpha: Self, a: Mat<'_, Self>, b: Mat<'_, Self>, c: MatMut<'_, Self>, part: Part) = gemm::product;
    add_product(of: Of, alpha_beta: (Self, Self), a: Mat<'_, Self>, b: Mat<'_, Self>, c: MatMut<'_, Self>, part: Part) = gemm::add_product;
    hadamard_product(alpha: Self, a: Mat<'_, Self>, b: Mat<'_, Self>, c: MatMut<'_, Self>) = gemm::hadamard_product;
    ldlt(a: MatMut<'_, Self>) -> Result<(), LinalgError> = ldlt::factor;
    solve_lower(l: Mat<'_, Self>, b: MatMut<'_, Self>) = triangular::lower;
    solve_lower_transpose(l: Mat<'_, Self>, b: MatMut<'_, Self>) = triangular::lower_transpose;
    solve_diagonal_lower_transpose(l: Mat<'_, Self>, b: MatMut<'_, Self>) = triangular::diagonal_lower_transpose;
    solve_lower_diagonal_right(l: Mat<'_, Self>, b: MatMut<'_, Self>) = triangular::lower_diagonal_right;
    solve_lower_right(l: Mat<'_, Self>, b: MatMut<'_, Self>) = triangular::lower_right;
    solve_lower_transpose_right(l: Mat<'_, Self>, b: MatMut<'_, Self>) = triangular::lower_transpose_right;
    solve_stacked(values: &mut [Self], n: usize, height: usize) -> Result<(), LinalgError> = stacked::solve;
    transpose_times(alpha: Self, a: Mat<'_, Self>, x: &[Self], y: &mut [Self]) = vector::transpose_times;
    finite(values: &[Self]) -> bool = super::finite;
    invert_lower(l: MatMut<'_, Self>, reciprocal: &[Self]) = invert::invert;
    hadamard(grams: &Grams<'_, Self>, k: MatMut<'_, Self>) = hadamard::tiled;
}
