//! One or four of something, every operation written out.
//!
//! The compiler unrolls a loop over four at `opt-level = 3` only; written out, the kernels stay
//! in registers at `"s"` too, and in an image that mixes both.

use crate::scalar::Real;

/// How many: [`One`] or [`Four`].
pub(crate) trait Lanes: Sized {
    /// So many.
    const COUNT: usize;
    /// So many `X`.
    type Of<X: Copy>: Copy;
    /// So many slices to write to.
    type Slices<'a, X: 'a>;
    /// `len` values of each of so many columns, the first from the start of `from` and each
    /// `stride` behind the one before.
    fn columns<X>(from: &[X], stride: usize, len: usize) -> Option<Self::Of<&[X]>>;
    /// Such columns to write to, each reaching to the next.
    fn columns_mut<X>(from: &mut [X], stride: usize) -> Option<Self::Slices<'_, X>>;
    /// Writes `x` over the first so many values of each column.
    fn put_columns<X: Copy, M: Lanes>(to: &mut [X], stride: usize, x: Self::Of<M::Of<X>>);
    /// The slices, to read.
    fn shared<'s, X>(slices: &'s Self::Slices<'_, X>) -> Self::Of<&'s [X]>;
    /// `f(0, slice), f(1, slice), ..`
    fn each_slice<X>(slices: &mut Self::Slices<'_, X>, f: impl FnMut(usize, &mut [X]));
    /// `f(0), f(1), ..`
    fn new<X: Copy>(f: impl FnMut(usize) -> X) -> Self::Of<X>;
    /// `f(x)` of each.
    fn map<X: Copy, Y: Copy>(x: Self::Of<X>, f: impl FnMut(X) -> Y) -> Self::Of<Y>;
    /// `f(x, y)` of each pair.
    fn zip<X: Copy, Y: Copy, Z: Copy>(
        x: Self::Of<X>,
        y: Self::Of<Y>,
        f: impl FnMut(X, Y) -> Z,
    ) -> Self::Of<Z>;
    /// Entry k of each of so many columns, up to the shortest.
    fn across<'a, X: Copy>(
        columns: Self::Of<&'a [X]>,
    ) -> impl Iterator<Item = Self::Of<X>> + use<'a, X, Self>;
    /// The first so many.
    fn first<X: Copy>(of: &[X]) -> Option<Self::Of<X>>;
    /// Writes over the first so many.
    fn put<X: Copy>(to: &mut [X], x: Self::Of<X>);
    /// Number `i`, counted modulo so many.
    fn at<X: Copy>(x: &Self::Of<X>, i: usize) -> X;
    /// `f(0, x), f(1, x), ..`
    fn each<X: Copy>(x: Self::Of<X>, f: impl FnMut(usize, X));

    /// `x = C^-1 x`, C unit lower triangular, given by its columns.
    fn forward<T: Real, X: Copy>(
        c: &Self::Of<Self::Of<T>>,
        x: Self::Of<X>,
        subtract: impl Fn(X, T, X) -> X,
    ) -> Self::Of<X>;
    /// `x = C^-T x`
    fn backward<T: Real, X: Copy>(
        c: &Self::Of<Self::Of<T>>,
        x: Self::Of<X>,
        subtract: impl Fn(X, T, X) -> X,
    ) -> Self::Of<X>;
    /// `L D L^T` of a symmetric matrix given by its columns, of which the lower triangle is read;
    /// L below the diagonal and D on it, and 1 / D. A pivot that is not positive stays as it is.
    fn factor<T: Real>(a: Self::Of<Self::Of<T>>) -> (Self::Of<Self::Of<T>>, Self::Of<T>);
}

/// One.
pub(crate) struct One;
/// Four.
pub(crate) struct Four;

impl Lanes for One {
    const COUNT: usize = 1;
    type Of<X: Copy> = [X; 1];
    type Slices<'a, X: 'a> = [&'a mut [X]; 1];
    #[inline(always)]
    fn columns<X>(from: &[X], _: usize, len: usize) -> Option<[&[X]; 1]> {
        Some([from.get(..len)?])
    }
    #[inline(always)]
    fn columns_mut<X>(from: &mut [X], _: usize) -> Option<[&mut [X]; 1]> {
        Some([from])
    }
    #[inline(always)]
    fn put_columns<X: Copy, M: Lanes>(to: &mut [X], _: usize, [x]: [M::Of<X>; 1]) {
        M::put(to, x);
    }
    #[inline(always)]
    fn shared<'s, X>([a]: &'s [&mut [X]; 1]) -> [&'s [X]; 1] {
        [a]
    }
    #[inline(always)]
    fn each_slice<X>([a]: &mut [&mut [X]; 1], mut f: impl FnMut(usize, &mut [X])) {
        f(0, a);
    }
    #[inline(always)]
    fn new<X: Copy>(mut f: impl FnMut(usize) -> X) -> [X; 1] {
        [f(0)]
    }
    #[inline(always)]
    fn map<X: Copy, Y: Copy>([x]: [X; 1], mut f: impl FnMut(X) -> Y) -> [Y; 1] {
        [f(x)]
    }
    #[inline(always)]
    fn zip<X: Copy, Y: Copy, Z: Copy>(
        [x]: [X; 1],
        [y]: [Y; 1],
        mut f: impl FnMut(X, Y) -> Z,
    ) -> [Z; 1] {
        [f(x, y)]
    }
    #[inline(always)]
    fn across<'a, X: Copy>([x]: [&'a [X]; 1]) -> impl Iterator<Item = [X; 1]> + use<'a, X>
    where
        'a: 'a,
    {
        x.iter().map(|x| [*x])
    }
    #[inline(always)]
    fn first<X: Copy>(of: &[X]) -> Option<[X; 1]> {
        of.first_chunk().copied()
    }
    #[inline(always)]
    fn put<X: Copy>(to: &mut [X], x: [X; 1]) {
        if let Some(to) = to.first_chunk_mut() {
            *to = x;
        }
    }
    #[inline(always)]
    fn at<X: Copy>([x]: &[X; 1], _: usize) -> X {
        *x
    }
    #[inline(always)]
    fn each<X: Copy>([x]: [X; 1], mut f: impl FnMut(usize, X)) {
        f(0, x);
    }
    #[inline(always)]
    fn forward<T: Real, X: Copy>(_: &[[T; 1]; 1], x: [X; 1], _: impl Fn(X, T, X) -> X) -> [X; 1] {
        x
    }
    #[inline(always)]
    fn backward<T: Real, X: Copy>(_: &[[T; 1]; 1], x: [X; 1], _: impl Fn(X, T, X) -> X) -> [X; 1] {
        x
    }
    #[inline(always)]
    fn factor<T: Real>(a: [[T; 1]; 1]) -> ([[T; 1]; 1], [T; 1]) {
        let [[d]] = a;
        (a, [T::ONE / d])
    }
}

impl Lanes for Four {
    const COUNT: usize = 4;
    type Of<X: Copy> = [X; 4];
    type Slices<'a, X: 'a> = [&'a mut [X]; 4];
    #[inline(always)]
    fn columns<X>(from: &[X], stride: usize, len: usize) -> Option<[&[X]; 4]> {
        let a = from.get(..len)?;
        let from = from.get(stride..)?;
        let b = from.get(..len)?;
        let from = from.get(stride..)?;
        let c = from.get(..len)?;
        let from = from.get(stride..)?;
        Some([a, b, c, from.get(..len)?])
    }
    #[inline(always)]
    fn columns_mut<X>(from: &mut [X], stride: usize) -> Option<[&mut [X]; 4]> {
        let (a, from) = from.split_at_mut_checked(stride)?;
        let (b, from) = from.split_at_mut_checked(stride)?;
        let (c, from) = from.split_at_mut_checked(stride)?;
        Some([a, b, c, from])
    }
    #[inline(always)]
    fn put_columns<X: Copy, M: Lanes>(to: &mut [X], stride: usize, [a, b, c, d]: [M::Of<X>; 4]) {
        M::put(to, a);
        let Some(to) = to.get_mut(stride..) else { return };
        M::put(to, b);
        let Some(to) = to.get_mut(stride..) else { return };
        M::put(to, c);
        let Some(to) = to.get_mut(stride..) else { return };
        M::put(to, d);
    }
    #[inline(always)]
    fn shared<'s, X>([a, b, c, d]: &'s [&mut [X]; 4]) -> [&'s [X]; 4] {
        [a, b, c, d]
    }
    #[inline(always)]
    fn each_slice<X>([a, b, c, d]: &mut [&mut [X]; 4], mut f: impl FnMut(usize, &mut [X])) {
        f(0, a);
        f(1, b);
        f(2, c);
        f(3, d);
    }
    #[inline(always)]
    fn new<X: Copy>(mut f: impl FnMut(usize) -> X) -> [X; 4] {
        [f(0), f(1), f(2), f(3)]
    }
    #[inline(always)]
    fn map<X: Copy, Y: Copy>([a, b, c, d]: [X; 4], mut f: impl FnMut(X) -> Y) -> [Y; 4] {
        [f(a), f(b), f(c), f(d)]
    }
    #[inline(always)]
    fn zip<X: Copy, Y: Copy, Z: Copy>(
        [a, b, c, d]: [X; 4],
        [p, q, r, s]: [Y; 4],
        mut f: impl FnMut(X, Y) -> Z,
    ) -> [Z; 4] {
        [f(a, p), f(b, q), f(c, r), f(d, s)]
    }
    #[inline(always)]
    fn across<'a, X: Copy>([a, b, c, d]: [&'a [X]; 4]) -> impl Iterator<Item = [X; 4]> + use<'a, X>
    where
        'a: 'a,
    {
        a.iter().zip(b).zip(c).zip(d).map(|(((a, b), c), d)| [*a, *b, *c, *d])
    }
    #[inline(always)]
    fn first<X: Copy>(of: &[X]) -> Option<[X; 4]> {
        of.first_chunk().copied()
    }
    #[inline(always)]
    fn put<X: Copy>(to: &mut [X], x: [X; 4]) {
        if let Some(to) = to.first_chunk_mut() {
            *to = x;
        }
    }
    #[inline(always)]
    fn at<X: Copy>(x: &[X; 4], i: usize) -> X {
        x[i & 3]
    }
    #[inline(always)]
    fn each<X: Copy>([a, b, c, d]: [X; 4], mut f: impl FnMut(usize, X)) {
        f(0, a);
        f(1, b);
        f(2, c);
        f(3, d);
    }
    #[inline(always)]
    fn forward<T: Real, X: Copy>(
        [[_, c10, c20, c30], [_, _, c21, c31], [_, _, _, c32], _]: &[[T; 4]; 4],
        [x0, x1, x2, x3]: [X; 4],
        subtract: impl Fn(X, T, X) -> X,
    ) -> [X; 4] {
        let x1 = subtract(x1, *c10, x0);
        let x2 = subtract(subtract(x2, *c20, x0), *c21, x1);
        let x3 = subtract(subtract(subtract(x3, *c30, x0), *c31, x1), *c32, x2);
        [x0, x1, x2, x3]
    }
    #[inline(always)]
    fn backward<T: Real, X: Copy>(
        [[_, c10, c20, c30], [_, _, c21, c31], [_, _, _, c32], _]: &[[T; 4]; 4],
        [x0, x1, x2, x3]: [X; 4],
        subtract: impl Fn(X, T, X) -> X,
    ) -> [X; 4] {
        let x2 = subtract(x2, *c32, x3);
        let x1 = subtract(subtract(x1, *c31, x3), *c21, x2);
        let x0 = subtract(subtract(subtract(x0, *c30, x3), *c20, x2), *c10, x1);
        [x0, x1, x2, x3]
    }
    #[inline(always)]
    fn factor<T: Real>(
        [[a00, a10, a20, a30], [_, a11, a21, a31], [_, _, a22, a32], [_, _, _, a33]]: [[T; 4]; 4],
    ) -> ([[T; 4]; 4], [T; 4]) {
        let zero = T::ZERO;
        let r0 = T::ONE / a00;
        let (l10, l20, l30) = (a10 * r0, a20 * r0, a30 * r0);
        let (a11, a21, a31) = (a11 - l10 * a10, a21 - l10 * a20, a31 - l10 * a30);
        let (a22, a32, a33) = (a22 - l20 * a20, a32 - l20 * a30, a33 - l30 * a30);
        let r1 = T::ONE / a11;
        let (l21, l31) = (a21 * r1, a31 * r1);
        let (a22, a32, a33) = (a22 - l21 * a21, a32 - l21 * a31, a33 - l31 * a31);
        let r2 = T::ONE / a22;
        let l32 = a32 * r2;
        let a33 = a33 - l32 * a32;
        (
            [
                [a00, l10, l20, l30],
                [zero, a11, l21, l31],
                [zero, zero, a22, l32],
                [zero, zero, zero, a33],
            ],
            [r0, r1, r2, T::ONE / a33],
        )
    }
}
