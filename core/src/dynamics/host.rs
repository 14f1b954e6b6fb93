//! The iterations of two-layer training in the host's vector registers, behind the `std` feature.
//!
//! ```text
//! a   = W1 g                 first sweep over the weights of a group of hidden units
//! w2' = w2 + eta2 a
//! W1' = W1 + eta1 w2 g^T     second sweep, which also sums up W1'^T w2' for the next step
//! ```
//! A group is two blocks of [`LANES`] units: as many independent chains as the multiply-add units
//! of a processor keep busy. With one or two features a group's weights stay in registers between
//! the sweeps, and so does everything that is not a weight.
//!
//! Multiply-adds are fused where the processor does that: the last bits are not the target's.
//! Networks of fewer than [`HOST_FROM`] hidden units have them, see [`super::train`].

use super::train::{LANES, Lanes, Source};
use crate::scalar::Real;
use crate::scratch::Carve;
use pulp::{Simd, WithSimd};

/// The number of hidden units from which the host's registers are filled: one group.
pub(super) const HOST_FROM: usize = 2 * LANES;

/// `f` with loops of the host's vectors, where the compiler makes them of its loops.
#[inline(always)]
pub(super) fn in_vectors<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// What the steps work on; see [`super::train::TwoLayer`].
#[derive(Debug)]
pub struct Steps<'n, T> {
    pub(super) first: &'n mut [Lanes<T>],
    pub(super) second: &'n mut [Lanes<T>],
    pub(super) sums: &'n mut [Lanes<T>],
    pub(super) total: &'n mut [T],
    pub(super) gradient: &'n mut [T],
    pub(super) source: Source<'n, T>,
    pub(super) eta1: T,
    pub(super) eta2: T,
    pub(super) iterations: u64,
}

/// The vectors of `T` on the processor `S`.
trait Vectors<S: Simd>: Real {
    type Vector: Copy + core::fmt::Debug;
    const LANES: usize;
    fn cast(values: &mut [Self]) -> &mut [Self::Vector];
    fn splat(simd: S, value: Self) -> Self::Vector;
    fn times(simd: S, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn plus(simd: S, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a b + c`
    fn mul_add(simd: S, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    fn sum(simd: S, a: Self::Vector) -> Self;
}

macro_rules! vectors {
    ($t:ident, $vector:ident, $lanes:ident, $cast:ident, $splat:ident, $mul:ident, $add:ident,
     $mul_add:ident, $sum:ident) => {
        impl<S: Simd> Vectors<S> for $t {
            type Vector = S::$vector;
            const LANES: usize = S::$lanes;
            #[inline(always)]
            fn cast(values: &mut [Self]) -> &mut [Self::Vector] {
                S::$cast(values).0
            }
            #[inline(always)]
            fn splat(simd: S, value: Self) -> Self::Vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn times(simd: S, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn plus(simd: S, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn mul_add(simd: S, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn sum(simd: S, a: Self::Vector) -> Self {
                simd.$sum(a)
            }
        }

        impl Steps<'_, $t> {
            /// Returns how many steps were made: all, or those up to the first result that is not
            /// finite.
            pub(crate) fn run(self) -> u64 {
                pulp::Arch::new().dispatch(self)
            }
        }

        impl WithSimd for Steps<'_, $t> {
            type Output = u64;
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> u64 {
                // V vectors hold the lanes of a block.
                match LANES / <$t as Vectors<S>>::LANES {
                    1 => run::<S, $t, 1>(simd, self),
                    2 => run::<S, $t, 2>(simd, self),
                    4 => run::<S, $t, 4>(simd, self),
                    _ => run::<S, $t, LANES>(simd, self),
                }
            }
        }
    };
}
vectors!(
    f32,
    f32s,
    F32_LANES,
    as_mut_simd_f32s,
    splat_f32s,
    mul_f32s,
    add_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s
);
vectors!(
    f64,
    f64s,
    F64_LANES,
    as_mut_simd_f64s,
    splat_f64s,
    mul_f64s,
    add_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s
);

#[inline(always)]
fn run<S: Simd, T: Vectors<S>, const V: usize>(simd: S, steps: Steps<'_, T>) -> u64 {
    match (steps.total.len(), steps.source) {
        (1, Source::Moments { .. }) => in_registers::<S, T, V, 1>(simd, steps),
        (2, Source::Moments { .. }) => in_registers::<S, T, V, 2>(simd, steps),
        _ => in_sweeps::<S, T, V>(simd, steps),
    }
}

/// Whether all values are finite: `0 w` is NaN as soon as one is not.
#[inline(always)]
pub(super) fn finite<T: Real>(values: &[T]) -> bool {
    values.iter().fold(T::ZERO, |sum, w| sum + T::ZERO * *w) == T::ZERO
}

/// One or two features, by moments.
#[inline(always)]
fn in_registers<S: Simd, T: Vectors<S>, const V: usize, const D: usize>(
    simd: S,
    steps: Steps<'_, T>,
) -> u64 {
    let Steps { first, second, total, source, eta1, eta2, iterations, .. } = steps;
    let first = T::cast(first.as_flattened_mut()).as_chunks_mut::<V>().0.as_chunks_mut::<D>().0;
    let second = T::cast(second.as_flattened_mut()).as_chunks_mut::<V>().0;
    let (mut s, mut b, mut w) = ([[T::ZERO; D]; D], [T::ZERO; D], [T::ZERO; D]);
    if let Source::Moments { s: from, b: correlation } = source {
        for (column, from) in s.iter_mut().zip(from.columns()) {
            column.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        b.iter_mut().zip(correlation).for_each(|(to, from)| *to = *from);
    }
    w.iter_mut().zip(total.iter()).for_each(|(to, from)| *to = *from);
    // eta (b - S w) of each layer, its coefficients in all lanes.
    let scaled = |eta: T| {
        let s = s.map(|column| column.map(|s| T::splat(simd, -(eta * s))));
        (s, b.map(|b| T::splat(simd, eta * b)))
    };
    let ((s1, b1), (s2, b2)) = (scaled(eta1), scaled(eta2));
    let mut made = 0;
    while made < iterations {
        let (mut pull, mut gain) = (b1, b2);
        for ((s1, s2), w) in s1.iter().zip(&s2).zip(w) {
            let w = T::splat(simd, w);
            for (((pull, gain), s1), s2) in pull.iter_mut().zip(&mut gain).zip(s1).zip(s2) {
                (*pull, *gain) = (T::mul_add(simd, *s1, w, *pull), T::mul_add(simd, *s2, w, *gain));
            }
        }
        let mut sums = [[T::splat(simd, T::ZERO); V]; D];
        for (w1, w2) in first.iter_mut().zip(second.iter_mut()) {
            let (old, mut new) = (*w2, *w2);
            for (w1, gain) in w1.iter().zip(&gain) {
                for (new, w1) in new.iter_mut().zip(w1) {
                    *new = T::mul_add(simd, *gain, *w1, *new);
                }
            }
            for ((w1, pull), sums) in w1.iter_mut().zip(&pull).zip(&mut sums) {
                for (((w1, old), new), sum) in w1.iter_mut().zip(&old).zip(&new).zip(sums) {
                    *w1 = T::mul_add(simd, *pull, *old, *w1);
                    *sum = T::mul_add(simd, *w1, *new, *sum);
                }
            }
            *w2 = new;
        }
        for (w, sums) in w.iter_mut().zip(&sums) {
            *w = T::sum(simd, total_of::<S, T, V>(simd, sums));
        }
        made += 1;
        if !finite(&w) {
            break;
        }
    }
    total.iter_mut().zip(w).for_each(|(to, from)| *to = from);
    made
}

#[inline(always)]
fn total_of<S: Simd, T: Vectors<S>, const V: usize>(
    simd: S,
    vectors: &[T::Vector; V],
) -> T::Vector {
    vectors.iter().copied().reduce(|a, b| T::plus(simd, a, b)).unwrap_or(T::splat(simd, T::ZERO))
}

/// Any number of features.
#[inline(always)]
fn in_sweeps<S: Simd, T: Vectors<S>, const V: usize>(simd: S, steps: Steps<'_, T>) -> u64 {
    let Steps { first, second, sums, total, gradient, source, eta1, eta2, iterations } = steps;
    let d = total.len().max(1);
    let first = T::cast(first.as_flattened_mut()).as_chunks_mut::<V>().0;
    let second = T::cast(second.as_flattened_mut()).as_chunks_mut::<V>().0;
    // One vector a feature is enough: the lanes of a block are added up as they come.
    let sums = T::cast(sums.as_flattened_mut()).part_mut(..d);
    let rates = (T::splat(simd, eta1), T::splat(simd, eta2));
    let mut made = 0;
    while made < iterations {
        source.gradient(total, gradient);
        sums.fill(T::splat(simd, T::ZERO));
        let (groups, rest) = second.as_chunks_mut::<2>();
        let mut blocks = first.chunks_exact_mut(d);
        for w2 in groups {
            let (Some(x), Some(y)) = (blocks.next(), blocks.next()) else { break };
            let rows = x.iter().zip(y.iter()).map(<[_; 2]>::from);
            let (pull, new) = step::<S, T, V, 2>(simd, rates, gradient, rows, w2);
            let rows = x.iter_mut().zip(y).map(<[_; 2]>::from);
            update::<S, T, V, 2>(simd, gradient, &pull, &new, rows, sums);
            *w2 = new;
        }
        for (w2, x) in rest.iter_mut().zip(blocks) {
            let one = core::slice::from_mut(w2).as_chunks_mut::<1>().0;
            let Some(w2) = one.first_mut() else { break };
            let rows = x.iter().map(|x| [x]);
            let (pull, new) = step::<S, T, V, 1>(simd, rates, gradient, rows, w2);
            update::<S, T, V, 1>(simd, gradient, &pull, &new, x.iter_mut().map(|x| [x]), sums);
            *w2 = new;
        }
        total.iter_mut().zip(sums.iter()).for_each(|(w, sum)| *w = T::sum(simd, *sum));
        made += 1;
        if !finite(total) {
            break;
        }
    }
    made
}

type Group<S, T, const V: usize, const K: usize> = [[<T as Vectors<S>>::Vector; V]; K];

/// `eta1 w2` and `w2 + eta2 W1 g` of a group.
#[inline(always)]
fn step<'r, S: Simd, T: Vectors<S>, const V: usize, const K: usize>(
    simd: S,
    (eta1, eta2): (T::Vector, T::Vector),
    gradient: &[T],
    mut rows: impl Iterator<Item = [&'r [T::Vector; V]; K]>,
    w2: &Group<S, T, V, K>,
) -> (Group<S, T, V, K>, Group<S, T, V, K>)
where
    T::Vector: 'r,
{
    let zero = T::splat(simd, T::ZERO);
    // Two features at a time: twice as many chains.
    let (mut even, mut odd) = ([[zero; V]; K], [[zero; V]; K]);
    let (pairs, last) = gradient.as_chunks::<2>();
    let add = |to: &mut Group<S, T, V, K>, g: T, rows: [&[T::Vector; V]; K]| {
        let g = T::splat(simd, g);
        for (to, row) in to.iter_mut().zip(rows) {
            to.iter_mut().zip(row).for_each(|(to, w1)| *to = T::mul_add(simd, g, *w1, *to));
        }
    };
    for [g, h] in pairs {
        let (Some(x), Some(y)) = (rows.next(), rows.next()) else { break };
        add(&mut even, *g, x);
        add(&mut odd, *h, y);
    }
    for (g, x) in last.iter().zip(rows) {
        add(&mut even, *g, x);
    }
    // Loops in place of `map`: its closures are compiled for any processor.
    let (mut pull, mut new) = (*w2, *w2);
    for ((pull, new), (even, odd)) in pull.iter_mut().zip(&mut new).zip(even.iter().zip(&odd)) {
        for ((pull, new), (even, odd)) in pull.iter_mut().zip(new).zip(even.iter().zip(odd)) {
            *pull = T::times(simd, eta1, *pull);
            *new = T::mul_add(simd, eta2, T::plus(simd, *even, *odd), *new);
        }
    }
    (pull, new)
}

/// `W1 + eta1 w2 g^T`, and what it adds to the next total weight.
#[inline(always)]
fn update<'r, S: Simd, T: Vectors<S>, const V: usize, const K: usize>(
    simd: S,
    gradient: &[T],
    pull: &Group<S, T, V, K>,
    new: &Group<S, T, V, K>,
    rows: impl Iterator<Item = [&'r mut [T::Vector; V]; K]>,
    sums: &mut [T::Vector],
) where
    T::Vector: 'r,
{
    for ((g, sum), rows) in gradient.iter().zip(sums).zip(rows) {
        let (g, mut all) = (T::splat(simd, *g), *sum);
        for ((row, pull), new) in rows.into_iter().zip(pull).zip(new) {
            for ((w1, pull), new) in row.iter_mut().zip(pull).zip(new) {
                *w1 = T::mul_add(simd, g, *pull, *w1);
                all = T::mul_add(simd, *w1, *new, all);
            }
        }
        *sum = all;
    }
}
