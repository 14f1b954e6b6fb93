//! Copies the lower triangle of a large square matrix over the upper one, in blocks that stay in
//! cache, on all threads.

use nanocurv::Real;

/// The largest block that is copied in one go.
const BLOCK: usize = 64;

/// `out`: n x n, column-major.
pub fn mirror_lower<T: Real>(n: usize, out: &mut [T]) {
    triangle(n, 0, n, out);
}

/// Columns `from..from + width` in `columns`: the triangle of these rows.
fn triangle<T: Real>(n: usize, from: usize, width: usize, columns: &mut [T]) {
    if width <= BLOCK {
        for j in 1..width {
            let (left, right) = columns.split_at_mut(j * n);
            for i in 0..j {
                right[from + i] = left[i * n + from + j];
            }
        }
        return;
    }
    let half = (width / 2).next_multiple_of(BLOCK).min(width - 1);
    let (left, right) = columns.split_at_mut(half * n);
    square(n, (from, half), (from + half, width - half), left, right);
    rayon::join(|| triangle(n, from, half, left), || triangle(n, from + half, width - half, right));
}

/// Rows `r` of the columns `c` are columns `r` of the rows `c`; `left` starts at column r.0,
/// `right` at c.0.
fn square<T: Real>(n: usize, r: (usize, usize), c: (usize, usize), left: &[T], right: &mut [T]) {
    if c.1 > BLOCK {
        let half = (c.1 / 2).next_multiple_of(BLOCK).min(c.1 - 1);
        let (first, second) = right.split_at_mut(half * n);
        rayon::join(
            || square(n, r, (c.0, half), left, first),
            || square(n, r, (c.0 + half, c.1 - half), left, second),
        );
        return;
    }
    for start in (0..r.1).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(r.1);
        for (j, column) in right.chunks_mut(n).enumerate() {
            let to = &mut column[r.0 + rows.start..r.0 + rows.end];
            for (to, i) in to.iter_mut().zip(rows.clone()) {
                *to = left[i * n + c.0 + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_mirror_image_is_the_transpose() {
        for n in [1, 2, 63, 64, 65, 200, 321] {
            let mut m: Vec<f64> = (0..n * n).map(|e| e as f64).collect();
            super::mirror_lower(n, &mut m);
            for j in 0..n {
                for i in 0..n {
                    assert_eq!(m[i + j * n], (i.max(j) + i.min(j) * n) as f64);
                }
            }
        }
    }
}
