//! Sine and cosine in single precision, for every finite number, without double precision:
//!
//! ```text
//! x 2/pi = q + f,  |f| <= 1/2    sin x, cos x = +- sin r or +- cos r by q mod 4,  r = f pi/2
//! ```
//! `x = m 2^e` with 24 bits of m. Only the bits of 2/pi from weight 2^(1-e) on reach q mod 4 and f,
//! and 96 of them are enough: no f32 is closer than 2^-30 to a multiple of pi/2. The product is
//! exact, in integers, and r is kept in two floats. Source: M. Payne and R. Hanek, "Radian reduction
//! for trigonometric functions" (1983); polynomials of the Cephes library (S. Moshier).
//!
//! The error is at most 0.9 units in the last place. On a Cortex-M4F a forward pass with sines costs
//! about a quarter more than one with tanh (`tests/firmware/run`).

/// Sine and cosine; NaN of what is not finite.
#[inline]
pub(super) fn sin_cos(x: f32) -> (f32, f32) {
    let magnitude = x.abs();
    if !x.is_finite() {
        return (f32::NAN, f32::NAN);
    }
    let (quadrant, high, low) = if magnitude <= core::f32::consts::FRAC_PI_4 {
        (0, magnitude, 0.0)
    } else {
        reduce(magnitude.to_bits())
    };
    let (sin, cos) = near_zero(high, low);
    let (sin, cos) = match quadrant & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    };
    // Also gives -0 its sign.
    (if x.is_sign_negative() { -sin } else { sin }, cos)
}

/// 2/pi after the point, behind 32 bits of nothing before it.
const TWO_OVER_PI: [u32; 8] =
    [0, 0xa2f9_836e, 0x4e44_1529, 0xfc27_57d1, 0xf534_ddc0, 0xdb62_9599, 0x3c43_9041, 0xfe51_63ab];

/// pi/2 with 31 bits after the point.
const HALF_PI: u64 = 0xc90f_daa2;

/// q mod 4 and r in two floats, of a number above pi/4 by its bits.
#[inline]
fn reduce(bits: u32) -> (u32, f32, f32) {
    let (mantissa, exponent) = (bits & 0x7f_ffff | 0x80_0000, bits >> 23);
    // e = exponent - 150: weight 2^(1-e) stands 30 + e bits behind the first.
    let first = exponent.saturating_sub(120);
    let words = TWO_OVER_PI.get(first as usize / 32..).and_then(|words| words.first_chunk());
    let [a, b, c, d] = *words.unwrap_or(&[0; 4]);
    let window = |a: u32, b: u32| (u64::from(a) << 32 | u64::from(b)) << (first % 32) >> 32;
    let m = u64::from(mantissa);
    // m w mod 2^96, of which the first 64 bits are q mod 4 and 62 bits after the point.
    let low = m * window(c, d);
    let middle = m * window(b, c) + (low >> 32);
    let product = (m * window(a, b)).wrapping_add(middle >> 32) << 32 | middle & 0xffff_ffff;
    let fraction = (product << 2).cast_signed();
    let quadrant = (product >> 62) as u32 + u32::from(fraction < 0);
    // |f| to 32 bits, times pi/2: 24 bits of it and the rest.
    let magnitude = fraction.unsigned_abs();
    let zeros = magnitude.leading_zeros().min(63);
    let leading = magnitude << zeros >> 32;
    let r = ((leading * HALF_PI) >> 32) as u32;
    let unit = f32::from_bits((127 - 31 - zeros) << 23);
    let unit = if fraction < 0 { -unit } else { unit };
    (quadrant, (r & !0xff) as f32 * unit, (r & 0xff) as f32 * unit)
}

/// Of `high + low`, at most pi/4.
#[inline]
fn near_zero(high: f32, low: f32) -> (f32, f32) {
    let z = high * high;
    let s = (-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1;
    let c = (2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2;
    let half = 0.5 * z;
    let sin = high + (low * (1.0 - half) + high * z * s);
    let one = 1.0 - half;
    let cos = one + ((1.0 - one - half) + (z * z * c - high * low));
    (sin, cos)
}

#[cfg(test)]
mod tests {
    use super::sin_cos;

    /// The error in units in the last place of the result.
    fn error(found: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        let next = f32::from_bits(rounded.abs().to_bits() + 1);
        let unit = f64::from(next) - f64::from(rounded.abs());
        (f64::from(found) - exact).abs() / unit
    }

    fn worst(inputs: impl Iterator<Item = f32>) -> f64 {
        let mut worst = 0.0_f64;
        for x in inputs {
            let (sin, cos) = libm::sincos(f64::from(x));
            for (x, sin) in [(x, sin), (-x, -sin)] {
                let found = sin_cos(x);
                assert!(found.0.abs() <= 1.0 && found.1.abs() <= 1.0, "{x}");
                worst = worst.max(error(found.0, sin)).max(error(found.1, cos));
            }
        }
        worst
    }

    #[test]
    fn sine_and_cosine_are_within_a_unit_in_the_last_place_for_every_finite_number() {
        let step = if cfg!(miri) { 999_983 } else { 4_999 };
        let found = worst((0..f32::MAX.to_bits()).step_by(step).map(f32::from_bits));
        assert!(found < 0.9, "{found}");
        // As near to multiples of pi/2 as a number comes.
        let near = (1..if cfg!(miri) { 20 } else { 20_000 }).flat_map(|n| {
            let near = (f64::from(n) * core::f64::consts::FRAC_PI_2) as f32;
            [-1, 0, 1].map(|off: i32| f32::from_bits(near.to_bits().wrapping_add_signed(off)))
        });
        let found = worst(near.chain([16_367_173.0 * 2.0_f32.powi(72), f32::MAX]));
        assert!(found < 0.9, "{found}");
    }

    #[test]
    fn what_is_not_a_number_has_no_sine() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(sin_cos(x).0.is_nan() && sin_cos(x).1.is_nan());
        }
        assert_eq!(sin_cos(-0.0).0.to_bits(), (-0.0_f32).to_bits());
        assert_eq!(sin_cos(f32::from_bits(1)), (f32::from_bits(1), 1.0));
    }
}
