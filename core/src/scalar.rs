//! The precision: every algorithm takes f32 or f64 as its [`Real`], which is also the only door to
//! `exp`, `tanh`, `sqrt` and their kin.
//!
//! Every function comes from `libm`, with and without `std`, so that the same source gives the
//! same bits on the host and on the target; but in f32 sine and cosine, which libm computes in f64,
//! the square root, which takes it a table, and the activations' tanh, which is made for loops.
//! `f32::sqrt` and friends of the standard library are never called, and neither is a fused
//! multiply-add (212 instructions in software on thumbv7em).

use core::fmt::{Debug, Display};
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

mod root;
mod sine;
mod tanh;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real number: `f32` (what a microcontroller runs) or `f64` (what a reference runs).
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + crate::linalg::Kernels
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// 1/2
    const HALF: Self;
    /// 2
    const TWO: Self;
    /// The gap between 1 and the next number.
    const EPSILON: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;
    /// The largest finite number.
    const MAX: Self;
    /// Not a number.
    const NAN: Self;

    /// A literal in this precision. Meant for constants: folded at compile time, so that an f32
    /// image holds no double-precision code.
    fn of(x: f64) -> Self;
    /// A count in this precision.
    fn from_usize(n: usize) -> Self;
    /// The value in f64. For the desktop: on a target without a double-precision unit it links
    /// software conversion.
    fn to_f64(self) -> f64;
    /// The bits, in the lower half of the word where they are 32: what [`store`](crate::store)
    /// keeps of a number that stands alone.
    fn to_word(self) -> u64;
    /// The number of these bits.
    fn from_word(word: u64) -> Self;
    /// `|x|`
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// `|x|` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// The square root, correctly rounded (54 instructions on thumbv7em).
    fn sqrt(self) -> Self;
    /// `e^x`
    fn exp(self) -> Self;
    /// `e^x - 1`
    fn exp_m1(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + x)`
    fn ln_1p(self) -> Self;
    /// `x^p`
    fn powf(self, p: Self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The inverse hyperbolic tangent.
    fn atanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// The sine and the cosine. In f32 made of integer and `+ - x` operations only, hence the same
    /// bits everywhere, and within 0.9 units in the last place for every finite number.
    fn sin_cos(self) -> (Self, Self);

    /// `e^x` for activations: [`Real::exp`], or in f32, where the `micromath` feature is on,
    /// micromath's approximation of it: within 0.24 % from -87 to 88, constant beyond.
    #[inline(always)]
    fn activation_exp(self) -> Self {
        self.exp()
    }
    /// `tanh` for activations, made of integer and `+ - x /` operations only and hence the same
    /// bits everywhere: in f64 within 3 units in the last place and without a branch; in f32 a
    /// rational approximation within 6 units in the last place, at a third of libm's
    /// instructions; or, where the `micromath` feature is on, one over
    /// micromath's `exp`, within 0.0011 of the value, never beyond 1.
    #[inline(always)]
    fn activation_tanh(self) -> Self {
        self.tanh()
    }

    /// The smaller of two numbers (the second if the first is NaN).
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
    /// The larger of two numbers (the second if the first is NaN).
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    /// `x * x`
    #[inline(always)]
    fn squared(self) -> Self {
        self * self
    }
    /// `x^n` by repeated squaring.
    fn powi(self, mut n: u32) -> Self {
        let (mut base, mut power) = (self, Self::ONE);
        while n > 0 {
            if n & 1 == 1 {
                power *= base;
            }
            base *= base;
            n >>= 1;
        }
        power
    }

    /// A large product by the host's GEMM library; see `linalg::gemm`.
    #[cfg(feature = "std")]
    #[doc(hidden)]
    fn library_gemm(
        product: crate::linalg::library::Product<'_, Self>,
        c: crate::matrix::MatMut<'_, Self>,
    );

    /// Steps of two-layer training in the host's registers; see `dynamics::train`.
    #[cfg(feature = "std")]
    #[doc(hidden)]
    fn two_layer_steps(steps: crate::dynamics::host::Steps<'_, Self>) -> u64;
}

macro_rules! real {
    ($t:ident, $sqrt:path, $exp:ident, $expm1:ident, $log:ident, $log1p:ident, $pow:ident,
     $tanh:ident, $atanh:ident, $erf:ident, $sincos:path; $($approximate:tt)*) => {
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const HALF: Self = 0.5;
            const TWO: Self = 2.0;
            const EPSILON: Self = $t::EPSILON;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;
            const MAX: Self = $t::MAX;
            const NAN: Self = $t::NAN;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn from_usize(n: usize) -> Self {
                n as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn to_word(self) -> u64 {
                self.to_bits().into()
            }
            #[inline(always)]
            fn from_word(word: u64) -> Self {
                $t::from_bits(word as _)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                $t::copysign(self, sign)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $sqrt(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                libm::$exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                libm::$expm1(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                libm::$log(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                libm::$log1p(self)
            }
            #[inline(always)]
            fn powf(self, p: Self) -> Self {
                libm::$pow(self, p)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                libm::$tanh(self)
            }
            #[inline(always)]
            fn atanh(self) -> Self {
                libm::$atanh(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                libm::$erf(self)
            }
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                $sincos(self)
            }
            $($approximate)*

            #[cfg(feature = "std")]
            #[inline]
            fn library_gemm(
                product: crate::linalg::library::Product<'_, Self>,
                c: crate::matrix::MatMut<'_, Self>,
            ) {
                crate::linalg::library::$t(product, c);
            }

            #[cfg(feature = "std")]
            fn two_layer_steps(steps: crate::dynamics::host::Steps<'_, Self>) -> u64 {
                steps.run()
            }
        }
    };
}

real!(f64, libm::sqrt, exp, expm1, log, log1p, pow, tanh, atanh, erf, libm::sincos;
    #[inline(always)]
    fn activation_tanh(self) -> Self {
        tanh::tanh(self)
    }
);
real!(f32, root::sqrt, expf, expm1f, logf, log1pf, powf, tanhf, atanhf, erff, sine::sin_cos;
    #[cfg(feature = "micromath")]
    #[inline(always)]
    fn activation_exp(self) -> Self {
        approximate_exp(self)
    }
    #[cfg(not(feature = "micromath"))]
    #[inline(always)]
    fn activation_tanh(self) -> Self {
        rational_tanh(self)
    }
    #[cfg(feature = "micromath")]
    #[inline(always)]
    fn activation_tanh(self) -> Self {
        // tanh z = 1 - 2 / (e^2z + 1): no cancellation that an approximate exp would not have.
        1.0 - 2.0 / (approximate_exp(2.0 * self) + 1.0)
    }
);

/// micromath's `exp` where it is one: from 88.7 on it is not a number, and of NaN it is infinite.
#[cfg(feature = "micromath")]
#[inline(always)]
fn approximate_exp(x: f32) -> f32 {
    if x.is_nan() { x } else { micromath::F32Ext::exp(x.clamp(-87.0, 88.0)) }
}

/// `x P(x^2) / Q(x^2)`, both of degree 4, fitted to the least relative error over |x| <= 9.02,
/// where tanh rounds to 1: 2.1e-8 before rounding, at most 6 units in the last place after it.
/// Up to 8.1 it never exceeds 1, and from there on 1 is at most 4 units away.
#[cfg(not(feature = "micromath"))]
#[inline(always)]
fn rational_tanh(x: f32) -> f32 {
    let y = x * x;
    // NaN is not beyond and stays NaN.
    if y > 8.1 * 8.1 {
        return 1.0_f32.copysign(x);
    }
    let p = 1.331_917_5e-8 * y + 2.058_356_8e-5;
    let p = (p * y + 3.494_040_3e-3) * y + 1.337_972_3e-1;
    let q = 7.762_065e-7 * y + 3.283_101_8e-4;
    let q = (q * y + 2.587_109_6e-2) * y + 4.671_304e-1;
    x * ((p * y + 1.0) / (q * y + 1.0))
}

#[cfg(all(test, not(feature = "micromath")))]
mod tests {
    use super::Real;

    #[test]
    fn the_rational_tanh_is_within_six_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        let near_the_limit = 0x40c0_0000..0x4110_0000_u32;
        for bits in (0..0x4200_0000_u32).step_by(997).chain(near_the_limit.step_by(7)) {
            let x = f32::from_bits(bits);
            let exact = libm::tanh(f64::from(x));
            let unit =
                f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
            for (x, exact) in [(x, exact), (-x, -exact)] {
                let found = x.activation_tanh();
                assert!(found.abs() <= 1.0);
                worst = worst.max((f64::from(found) - exact).abs() / unit);
            }
        }
        assert!(worst < 6.0, "{worst}");
        assert!(f32::NAN.activation_tanh().is_nan());
        assert_eq!(f32::MAX.activation_tanh(), 1.0);
    }
}

#[cfg(all(test, feature = "micromath"))]
mod approximation_tests {
    use super::Real;

    #[test]
    fn approximate_activations_are_as_near_as_documented() {
        let (mut exp, mut tanh) = (0.0_f64, 0.0_f64);
        for i in -88_000..=88_000 {
            let x = i as f32 / 1000.0;
            let exact = libm::exp(f64::from(x));
            if x >= -87.0 {
                exp = exp.max((f64::from(x.activation_exp()) / exact - 1.0).abs());
            }
            let found = x.activation_tanh();
            assert!(found.abs() <= 1.0);
            tanh = tanh.max((f64::from(found) - libm::tanh(f64::from(x))).abs());
        }
        assert!(exp < 0.0024, "{exp}");
        assert!(tanh < 0.0011, "{tanh}");
    }

    #[test]
    fn approximate_activations_are_finite_where_the_input_is() {
        for x in [88.7, 89.0, 1e4, f32::MAX, f32::INFINITY] {
            for x in [x, -x] {
                assert!(x.activation_exp().is_finite(), "{x}");
                assert_eq!(x.activation_tanh(), 1.0_f32.copysign(x), "{x}");
            }
        }
        assert!(f32::NAN.activation_exp().is_nan() && f32::NAN.activation_tanh().is_nan());
        // Factorisations and losses never approximate.
        assert_eq!(Real::exp(1.0_f32), libm::expf(1.0));
        assert_eq!(1.0_f64.activation_exp(), libm::exp(1.0));
    }
}
