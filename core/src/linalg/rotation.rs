//! Plane rotations of two columns.
//!
//! ```text
//! (x, y) := (c x + s y, c y - s x),   c^2 + s^2 = 1
//! ```

use crate::matrix::MatMut;
use crate::scalar::Real;

/// `c`, `s` and `r >= 0` with `c x + s y = r` and `c y - s x = 0`, without needless overflow or
/// underflow.
#[cfg(feature = "std")]
pub(super) fn annihilate<T: Real>(x: T, y: T) -> (T, T, T) {
    let scale = x.abs().max(y.abs());
    if scale == T::ZERO {
        return (T::ONE, T::ZERO, T::ZERO);
    }
    let (u, v) = (x / scale, y / scale);
    let r = (u * u + v * v).sqrt();
    (u / r, v / r, r * scale)
}

/// `(x, y) := (c x + s y, c y - s x)` for two columns, given `tau = s / (1 + c)`: in this form
/// (Rutishauser 1966) the rounding error is in proportion to the angle, and the many small
/// rotations of a Jacobi iteration keep the columns orthonormal.
#[inline]
pub(super) fn rotate<T: Real>(x: &mut [T], y: &mut [T], s: T, tau: T) {
    for (x, y) in x.iter_mut().zip(y) {
        let (u, v) = (*x, *y);
        *x = u + s * (v - tau * u);
        *y = v - s * (u + tau * v);
    }
}

/// Columns `p < q`, both mutable.
pub(super) fn column_pair<'m, T: Real>(
    m: &'m mut MatMut<'_, T>,
    p: usize,
    q: usize,
) -> Option<(&'m mut [T], &'m mut [T])> {
    let (rows, stride) = (m.rows(), m.stride());
    let (left, right) = m.data().split_at_mut_checked(q * stride)?;
    let start = p * stride;
    Some((left.get_mut(start..start + rows)?, right.get_mut(..rows)?))
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_keeps_lengths_and_annihilates() {
        for (x, y) in [(3.0_f64, 4.0), (0.0, 0.0), (0.0, -2.0), (1e-300, 1e-300), (1e300, -1e300)] {
            let (c, s, r) = annihilate(x, y);
            assert!((c * c + s * s - 1.0).abs() < 1e-15);
            assert!((c * x + s * y - r).abs() <= 1e-15 * r);
            assert!((c * y - s * x).abs() <= 1e-15 * r);
            let (mut u, mut v) = ([x], [y]);
            rotate(&mut u, &mut v, s, s / (1.0 + c));
            assert!((u[0] - r).abs() <= 1e-15 * r && v[0].abs() <= 1e-15 * r);
        }
    }
}
