//! Random numbers that are the same on every machine, with and without `std`: [`Rng`], a small
//! seedable generator of uniform and normal values, signs, indices and permutations.
//!
//! ```text
//! s <- 6364136223846793005 s + (2 * 54 + 1),   one 32-bit word = rotate(xorshift(s))     (PCG32, XSH-RR)
//! uniform  u = floor(2^53 (word0, word1) / 2^64) / 2^53   in f64, its first 24 bits in f32
//! normal   n = a sqrt(-2 ln q / q),   q = a^2 + b^2 in (0, 1),   a, b = 2 u - 1     (Marsaglia's polar method)
//! ```
//! Source: M. O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms
//! for random number generation" (2014), by the `rand_pcg` crate; G. Marsaglia and T. Bray, SIAM
//! Review 6 (1964); D. Lemire, "Fast random integer generation in an interval" (2019).
//!
//! An f32 draw takes as many words as an f64 draw, so that one seed gives the same data in both,
//! rounded; nothing in it runs in double precision.

use crate::scalar::Real;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// The stream of the published PCG demonstration, so that `seed(42)` reproduces its words.
const STREAM: u64 = 54;

/// A seedable generator of 32-bit words (PCG32, period 2^64).
///
/// ```
/// use nanocurv::random::Rng;
///
/// let mut rng = Rng::seed(42);
/// assert_eq!(rng.next_u32(), 0xa15c_02b7);
/// let x: f32 = rng.normal();
///
/// // Two plain integers keep its place.
/// let (seed, drawn) = rng.state();
/// let mut again = Rng::restore(seed, drawn);
/// assert_eq!(rng.next_u64(), again.next_u64());
/// # assert!(x.is_finite());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    generator: Pcg32,
    seed: u64,
    drawn: u64,
}

impl Rng {
    /// The generator of `seed`, at its start.
    #[must_use]
    pub fn seed(seed: u64) -> Self {
        Self { generator: Pcg32::new(seed, STREAM), seed, drawn: 0 }
    }

    /// The seed and the number of 32-bit words drawn since: all that [`Rng::restore`] needs.
    #[must_use]
    pub const fn state(&self) -> (u64, u64) {
        (self.seed, self.drawn)
    }

    /// The generator of `seed` after `drawn` words, in at most 64 steps.
    #[must_use]
    pub fn restore(seed: u64, drawn: u64) -> Self {
        let mut rng = Self::seed(seed);
        rng.generator.advance(drawn);
        rng.drawn = drawn;
        rng
    }

    /// The next word.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.drawn = self.drawn.wrapping_add(1);
        self.generator.next_u32()
    }

    /// The next two words, the first one in the upper half.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        high << 32 | u64::from(self.next_u32())
    }

    /// Uniform in `[0, 1)`: a multiple of 2^-53 in f64; in f32 the same number's first 24 bits.
    /// Takes two words in either precision.
    #[inline]
    pub fn uniform<T: Real>(&mut self) -> T {
        let (first, second) = (self.next_u32(), self.next_u32());
        // Known at compile time: an f32 image holds the first branch only.
        if T::EPSILON > T::of(1e-10) {
            T::from_usize((first >> 8) as usize) * T::of(1.0 / (1_u64 << 24) as f64)
        } else {
            // 27 + 26 bits, so that a 32-bit `usize` carries each.
            let low = (first & 31) << 21 | second >> 11;
            T::from_usize((first >> 5) as usize) * T::of(1.0 / (1_u64 << 27) as f64)
                + T::from_usize(low as usize) * T::of(1.0 / (1_u64 << 53) as f64)
        }
    }

    /// Normal of mean 0 and variance 1. Takes four words, and four more for each rejected pair (one
    /// in five). Precisions may differ in a rejection once in about 2^24 draws.
    pub fn normal<T: Real>(&mut self) -> T {
        loop {
            let a = T::TWO * self.uniform::<T>() - T::ONE;
            let b = T::TWO * self.uniform::<T>() - T::ONE;
            let q = a * a + b * b;
            if q > T::ZERO && q < T::ONE {
                return a * (-T::TWO * q.ln() / q).sqrt();
            }
        }
    }

    /// +1 or -1 with equal probability (Rademacher). Takes one word, of which it uses the top bit.
    #[inline]
    pub fn sign<T: Real>(&mut self) -> T {
        if self.next_u32() >> 31 == 0 { T::ONE } else { -T::ONE }
    }

    /// Uniform in `0..n`, without bias, by Lemire's method; 0 if `n` is 0. Takes one word for
    /// `n < 2^32` and two for more, and as many again for each rejection (fewer than one in two, for
    /// small `n` next to none).
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        match u32::try_from(n) {
            Ok(n) => self.below_u32(n) as usize,
            Err(_) => self.below_u64(n as u64) as usize,
        }
    }

    fn below_u32(&mut self, n: u32) -> u32 {
        // Words whose low product is under 2^32 mod n are one too many for their result.
        let excess = n.wrapping_neg().checked_rem(n).unwrap_or(0);
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= excess {
                return (product >> 32) as u32;
            }
        }
    }

    fn below_u64(&mut self, n: u64) -> u64 {
        let excess = n.wrapping_neg().checked_rem(n).unwrap_or(0);
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= excess {
                return (product >> 64) as u64;
            }
        }
    }

    /// All orders of `items` with equal probability (Fisher and Yates, from the end).
    pub fn shuffle<X>(&mut self, items: &mut [X]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            if let Some((head, tail)) = items.split_at_mut_checked(last)
                && let (Some(a), Some(b)) = (head.get_mut(other), tail.first_mut())
            {
                core::mem::swap(a, b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of `pcg32-demo` of the reference C library: seed 42, stream 54, round 1.
    #[test]
    fn the_words_are_those_of_the_published_demonstration() {
        let mut rng = Rng::seed(42);
        let words = core::array::from_fn(|_| rng.next_u32());
        let published =
            [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e];
        assert_eq!(words, published);
        assert_eq!(Rng::seed(42).next_u64(), 0xa15c_02b7_7b47_f409);
    }

    #[test]
    fn draws_are_the_same_numbers_for_ever() {
        let mut rng = Rng::seed(7);
        let uniform: [f64; 3] = core::array::from_fn(|_| rng.uniform());
        let normal: [f64; 3] = core::array::from_fn(|_| rng.normal());
        let below: [usize; 8] = core::array::from_fn(|_| rng.below(10));
        let sign: [f64; 8] = core::array::from_fn(|_| rng.sign());
        let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
        rng.shuffle(&mut order);
        // Computed apart, with Python's integers.
        assert_eq!(uniform, [0.6419178106409137, 0.09978896326301767, 0.723331114391437]);
        let golden = [1.325966017233155, -0.40348502893173327, -0.34582744824748246];
        assert!(normal.iter().zip(golden).all(|(x, g)| (x - g).abs() < 1e-15), "{normal:?}");
        assert_eq!(below, [1, 2, 2, 4, 5, 7, 2, 9]);
        assert_eq!(sign, [-1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0]);
        assert_eq!(order, [7, 2, 4, 5, 1, 3, 6, 0]);
    }

    #[test]
    fn uniform_is_the_top_53_bits_and_f32_the_top_24() {
        let (mut words, mut wide, mut narrow) = (Rng::seed(3), Rng::seed(3), Rng::seed(3));
        for _ in 0..1000 {
            let bits = words.next_u64() >> 11;
            let u: f64 = wide.uniform();
            assert_eq!(u, bits as f64 / (1_u64 << 53) as f64);
            let v: f32 = narrow.uniform();
            assert_eq!(f64::from(v), (bits >> 29) as f64 / (1_u64 << 24) as f64);
            assert!((0.0..1.0).contains(&u) && (0.0..1.0).contains(&v));
        }
    }

    #[test]
    fn both_precisions_see_the_same_normals() {
        let (mut wide, mut narrow) = (Rng::seed(5), Rng::seed(5));
        for _ in 0..1000 {
            let (x, y): (f64, f32) = (wide.normal(), narrow.normal());
            assert!((x - f64::from(y)).abs() < 1e-4, "{x} and {y}");
        }
        assert_eq!(wide.state(), narrow.state());
    }

    /// Standard errors of 10^5 draws: mean 0.0032, variance 0.0045, third moment 0.012, fourth 0.031.
    #[test]
    fn normal_has_the_moments_of_a_normal() {
        let mut rng = Rng::seed(11);
        let n = 100_000;
        let mut moments = [0.0; 4];
        for _ in 0..n {
            let x: f64 = rng.normal();
            for (k, m) in moments.iter_mut().enumerate() {
                *m += x.powi(k as i32 + 1) / f64::from(n);
            }
        }
        for (m, (expected, error)) in
            moments.iter().zip([(0.0, 0.0032), (1.0, 0.0045), (0.0, 0.012), (3.0, 0.031)])
        {
            assert!((m - expected).abs() < 4.0 * error, "{moments:?}");
        }
    }

    #[test]
    fn a_restored_generator_goes_on_where_it_stopped() {
        let mut rng = Rng::seed(9);
        for _ in 0..100 {
            rng.normal::<f64>();
        }
        let (seed, drawn) = rng.state();
        let mut again = Rng::restore(seed, drawn);
        assert_eq!(rng, again);
        assert_eq!(rng.next_u64(), again.next_u64());
    }

    #[test]
    fn below_is_in_range_and_even() {
        let mut rng = Rng::seed(1);
        let mut counts = [0_i32; 6];
        for _ in 0..60_000 {
            counts[rng.below(6)] += 1;
        }
        // Standard deviation of a count: 91.
        assert!(counts.iter().all(|c| (c - 10_000).abs() < 400), "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        #[cfg(target_pointer_width = "64")]
        assert!((0..100).all(|_| rng.below(1 << 40) < 1 << 40));
    }

    #[test]
    fn below_rejects_what_would_be_a_bias() {
        // n = 3 * 2^30: without rejection the residues mod 3 of the word would get 2 : 1 : 1.
        let mut rng = Rng::seed(2);
        let mut thirds = [0_i32; 3];
        for _ in 0..30_000 {
            thirds[rng.below(3 << 30) % 3] += 1;
        }
        assert!(thirds.iter().all(|c| (c - 10_000).abs() < 400), "{thirds:?}");
    }

    #[test]
    fn shuffle_makes_every_order_equally_often() {
        let mut rng = Rng::seed(4);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            rng.shuffle(&mut items);
            *counts.entry(items).or_insert(0_i32) += 1;
        }
        assert_eq!(counts.len(), 24);
        // Standard deviation of a count: 31.
        assert!(counts.values().all(|c| (c - 1000).abs() < 160), "{counts:?}");
    }
}
