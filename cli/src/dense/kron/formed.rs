//! Kronecker products formed entry by entry, and what dense linear algebra says about them.
//! Matrices are row-major.

use crate::dense::svd::spectrum;

/// `G[(i,a), (j,b)] = A[i,j] B[a,b]` for `A: m x n` and `B: k x l`.
pub fn kronecker(a: &[f64], (m, n): (usize, usize), b: &[f64], (k, l): (usize, usize)) -> Vec<f64> {
    let mut g = vec![0.0; m * k * n * l];
    for row in 0..m * k {
        for col in 0..n * l {
            g[row * n * l + col] = a[row / k * n + col / l] * b[row % k * l + col % l];
        }
    }
    g
}

/// `Y = G X` for `G: p x q`, `X: q x k`.
pub fn multiply(g: &[f64], q: usize, x: &[f64], k: usize) -> Vec<f64> {
    let mut y = Vec::with_capacity(g.len() / q.max(1) * k);
    for row in g.chunks(q.max(1)) {
        for col in 0..k {
            y.push(row.iter().zip(x.iter().skip(col).step_by(k.max(1))).map(|(g, x)| g * x).sum());
        }
    }
    y
}

/// The transpose of an `m x n` matrix.
pub fn transpose(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    (0..n * m).map(|i| a[i % m * n + i / m]).collect()
}

/// Gaussian elimination with complete row exchanges: `G^-1 X`, the sign of `det G` and
/// `ln |det G|`.
pub fn eliminate(mut g: Vec<f64>, n: usize, mut x: Vec<f64>, k: usize) -> (Vec<f64>, f64, f64) {
    let (mut sign, mut log) = (1.0, 0.0);
    for i in 0..n {
        let pivot =
            (i..n).max_by(|p, q| g[p * n + i].abs().total_cmp(&g[q * n + i].abs())).unwrap_or(i);
        if pivot != i {
            (0..n).for_each(|c| g.swap(i * n + c, pivot * n + c));
            (0..k).for_each(|c| x.swap(i * k + c, pivot * k + c));
            sign = -sign;
        }
        let d = g[i * n + i];
        sign *= if d == 0.0 { 0.0 } else { d.signum() };
        log += d.abs().ln();
        for r in i + 1..n {
            let f = g[r * n + i] / d;
            if f != 0.0 {
                (i..n).for_each(|c| g[r * n + c] -= f * g[i * n + c]);
                (0..k).for_each(|c| x[r * k + c] -= f * x[i * k + c]);
            }
        }
    }
    for i in (0..n).rev() {
        for c in 0..k {
            let known: f64 = (i + 1..n).map(|j| g[i * n + j] * x[j * k + c]).sum();
            x[i * k + c] = (x[i * k + c] - known) / g[i * n + i];
        }
    }
    (x, sign, log)
}

/// A term `A (x) B`, both row-major.
pub type Term = (Vec<f64>, Vec<f64>);

/// The nearest sum of `rank` Kronecker products of `nl x nl` and `nr x nr` matrices, through the
/// singular value decomposition of the rearrangement `R[(i,j), (a,b)] = G[(i,a), (j,b)]`, formed;
/// and all singular values. Common signs make the left trace positive.
pub fn nearest(g: &[f64], (nl, nr): (usize, usize), rank: usize) -> (Vec<Term>, Vec<f64>) {
    let p = nl * nr;
    let entry = |ij: usize, ab: usize| {
        let ((i, j), (a, b)) = ((ij / nl, ij % nl), (ab / nr, ab % nr));
        g[(i * nr + a) * p + j * nr + b]
    };
    // Few long rows: the vectors that come out belong to the larger factor.
    let swap = nl < nr;
    let (rows, cols) = if swap { (nl * nl, nr * nr) } else { (nr * nr, nl * nl) };
    let at = |r: usize, c: usize| if swap { entry(r, c) } else { entry(c, r) };
    let matrix: Vec<f64> = (0..rows * cols).map(|i| at(i / cols, i % cols)).collect();
    let found = spectrum(&matrix, cols);
    let terms = found.values.iter().zip(&found.rows).take(rank).map(|(sigma, row)| {
        if *sigma <= 1e-14 * found.values[0] {
            return (vec![0.0; nl * nl], vec![0.0; nr * nr]);
        }
        let long: Vec<f64> = row.iter().map(|v| v / sigma.sqrt()).collect();
        let short = multiply(&matrix, cols, row, 1).iter().map(|v| v / sigma.powf(1.5)).collect();
        let (mut a, mut b): Term = if swap { (short, long) } else { (long, short) };
        let trace = |m: &[f64], n: usize| (0..n).map(|i| m[i * n + i]).sum::<f64>();
        let (left, right) = (trace(&a, nl), trace(&b, nr));
        let deciding = if left.abs() > 1e-12 * sigma.sqrt() { left } else { right };
        if deciding < 0.0 {
            a.iter_mut().chain(&mut b).for_each(|v| *v = -*v);
        }
        (a, b)
    });
    (terms.collect(), found.values.clone())
}

/// The nearest positive semidefinite matrix to the symmetric part S: `(S + |S|) / 2`, with
/// `|S| = (S^T S)^(1/2)` from the singular values.
pub fn positive_part(m: &[f64], n: usize) -> Vec<f64> {
    let s: Vec<f64> = m.iter().zip(transpose(m, n, n)).map(|(a, b)| 0.5 * (a + b)).collect();
    let found = spectrum(&s, n);
    let mut sum = s;
    for (sigma, row) in found.values.iter().zip(&found.rows).filter(|(sigma, _)| **sigma > 0.0) {
        for i in 0..n {
            for j in 0..n {
                sum[i * n + j] += row[i] * row[j] / sigma;
            }
        }
    }
    sum.iter().map(|v| 0.5 * v).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dense_product_is_the_one_in_the_books() {
        let g = kronecker(&[1.0, 2.0], (1, 2), &[1.0, 1.0, 0.0, 1.0], (2, 2));
        assert_eq!(g, [1.0, 1.0, 2.0, 2.0, 0.0, 1.0, 0.0, 2.0]);
        assert_eq!(multiply(&g, 4, &[1.0, 2.0, 3.0, 4.0], 1), [17.0, 10.0]);
        assert_eq!(
            transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
    }

    #[test]
    fn elimination_solves_and_finds_the_determinant() {
        let (x, sign, log) = eliminate(vec![0.0, 2.0, 3.0, 4.0], 2, vec![2.0, 7.0], 1);
        assert_eq!((x, sign), (vec![1.0, 1.0], -1.0));
        assert!((log - 6_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn the_nearest_product_of_a_product_is_itself() {
        let (a, b) = ([2.0, 1.0, 1.0, 3.0], [1.0, 0.5, 0.25, 4.0, 1.0, 0.0, 0.0, 1.0, 2.0]);
        for swap in [false, true] {
            let (x, n, y, m) = if swap { (&b[..], 3, &a[..], 2) } else { (&a[..], 2, &b[..], 3) };
            let g = kronecker(x, (n, n), y, (m, m));
            let (terms, sigma) = nearest(&g, (n, m), 2);
            let again = kronecker(&terms[0].0, (n, n), &terms[0].1, (m, m));
            assert!(g.iter().zip(again).all(|(x, y)| (x - y).abs() < 1e-13));
            assert!(sigma[1] < 1e-13 * sigma[0] && terms[1].0.iter().all(|v| *v == 0.0));
        }
    }

    #[test]
    fn the_positive_part_clips_the_spectrum() {
        // Eigenvalues 3 and -1 on (1, 1) and (1, -1).
        let found = positive_part(&[1.0, 2.0, 2.0, 1.0], 2);
        assert!(found.iter().all(|v| (v - 1.5).abs() < 1e-14));
    }
}
