//! Singular values and right singular vectors by one-sided Jacobi rotations (Hestenes 1958): the
//! rows of J are rotated in pairs until they are orthogonal; their norms are then the singular
//! values and their directions the right singular vectors. No Gram matrix is formed.

/// What one-sided Jacobi finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// The singular values, descending.
    pub values: Vec<f64>,
    /// The right singular vectors times their singular values, a row each.
    pub rows: Vec<Vec<f64>>,
}

impl Spectrum {
    /// How many singular values are above `floor` times the largest.
    pub fn rank(&self, floor: f64) -> usize {
        let largest = self.values.first().copied().unwrap_or(0.0);
        self.values.iter().filter(|value| **value > floor * largest).count()
    }

    /// `|W v|` over the right singular vectors down to `rank`, for a `layer` of rows.
    pub fn alignment(&self, layer: &[Vec<f64>], rank: usize) -> Vec<f64> {
        let of = |(row, value): (&Vec<f64>, &f64)| {
            let along = |w: &Vec<f64>| w.iter().zip(row).map(|(w, v)| w * v / value).sum::<f64>();
            layer.iter().map(|w| along(w).powi(2)).sum::<f64>().sqrt()
        };
        self.rows.iter().zip(&self.values).take(rank).map(of).collect()
    }

    /// Whether singular value `i` is apart from its neighbours by `gap` times the largest: its
    /// vector is then known to `EPSILON / gap`.
    pub fn apart(&self, i: usize, gap: f64) -> bool {
        let at = |i: usize| self.values.get(i).copied().unwrap_or(0.0);
        let above = if i == 0 { f64::INFINITY } else { at(i - 1) - at(i) };
        above.min(at(i) - at(i + 1)) > gap * at(0)
    }
}

/// The spectrum of a matrix whose rows have `columns` entries.
pub fn spectrum(matrix: &[f64], columns: usize) -> Spectrum {
    let mut rows: Vec<Vec<f64>> = matrix.chunks(columns.max(1)).map(<[f64]>::to_vec).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let largest = rows.iter().map(|r| dot(r, r)).fold(0.0, f64::max);
    // Ten sweeps are plenty: convergence is quadratic once the rows are nearly orthogonal.
    for _ in 0..60 {
        let mut rotated = false;
        for i in 0..rows.len() {
            for j in i + 1..rows.len() {
                let (head, tail) = rows.split_at_mut(j);
                let (p, q) = (&mut head[i], &mut tail[0]);
                let (a, b, c) = (dot(p, p), dot(q, q), dot(p, q));
                if c.abs() <= 1e-15 * (a * b).sqrt() || c.abs() <= 1e-30 * largest {
                    continue;
                }
                rotated = true;
                let zeta = (b - a) / (2.0 * c);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cos = 1.0 / t.hypot(1.0);
                let sin = cos * t;
                for (p, q) in p.iter_mut().zip(q.iter_mut()) {
                    (*p, *q) = (cos * *p - sin * *q, sin * *p + cos * *q);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    rows.sort_by(|a, b| dot(b, b).total_cmp(&dot(a, a)));
    Spectrum { values: rows.iter().map(|r| dot(r, r).sqrt()).collect(), rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_of_rotations_and_a_diagonal_is_taken_apart() {
        // [3 0; 0 1] rotated by 30 degrees from the left and 45 from the right.
        let (c, s, h) = (0.75_f64.sqrt(), 0.5, 0.5_f64.sqrt());
        let a =
            [3.0 * c * h + s * h, 3.0 * c * h - s * h, 3.0 * s * h - c * h, 3.0 * s * h + c * h];
        let found = spectrum(&a, 2);
        assert!((found.values[0] - 3.0).abs() < 1e-14 && (found.values[1] - 1.0).abs() < 1e-14);
        assert!((found.rows[0][0].abs() - 3.0 * h).abs() < 1e-14);
    }
}
