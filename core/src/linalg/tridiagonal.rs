//! Symmetric eigendecomposition of large matrices, for the host.
//!
//! ```text
//! A = Q T Q^T    Householder reflections, Q = H_0 H_1 ..., H_k = I - tau_k v_k v_k^T
//! T = Z L Z^T    implicit QR with Wilkinson's shift; V = Q Z
//! ```
//! Golub & Van Loan, sections 8.3.1 and 8.3.3. `4/3 n^3` multiply-accumulates for T, `2/3 n^3`
//! for Q and about `3 n^3` for the rotations, which are collected and applied to panels of rows
//! that stay in the first-level cache.

use super::eigen::{EighInfo, eigh_scratch, sort_ascending};
use super::rotation::annihilate;
use crate::error::LinalgError;
use crate::matrix::MatMut;
use crate::scalar::Real;
use crate::scratch::{Carve, Scratch};

/// Rows of the eigenvector matrix that are rotated together.
const PANEL: usize = 16;
/// QR sweeps that are applied together.
const BATCH: usize = 16;
// Reflections' factors, off-diagonal, a panel of rows, the rotations of a batch of sweeps.
const _: () = assert!(eigh_scratch(100) == (2 + PANEL + 2 * BATCH) * 100);

/// Sizes are checked by the caller.
pub(super) fn eigh<T: Real>(
    mut a: MatMut<'_, T>,
    values: &mut [T],
    mut vectors: MatMut<'_, T>,
    workspace: &mut [T],
) -> Result<EighInfo, LinalgError> {
    let n = a.rows();
    let mut workspace = Scratch::new(workspace, eigh_scratch(n))?;
    let (tau, e) = (workspace.take(n)?, workspace.take(n)?);

    // Squares of entries must neither overflow nor vanish.
    let largest = a
        .as_ref()
        .columns()
        .enumerate()
        .flat_map(|(j, col)| col.iter().skip(j))
        .fold(T::ZERO, |m, v| m.max(v.abs()));
    let far = largest > T::MAX.sqrt() * T::EPSILON || largest * T::EPSILON < T::MIN_POSITIVE.sqrt();
    let unit = if far && largest > T::ZERO { largest } else { T::ONE };
    if unit != T::ONE {
        a.columns().flatten().for_each(|v| *v /= unit);
    }

    reduce(&mut a, values, e, tau);
    form_q(&a, tau, &mut vectors);
    let rest = workspace.rest();
    let iterations = iterate(values, e, largest / unit, &mut vectors, rest)?;
    values.iter_mut().for_each(|v| *v *= unit);
    sort_ascending(values, &mut vectors);
    Ok(EighInfo { iterations })
}

/// `sum x_i y_i` in eight chains, so that the compiler may use vector registers.
fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let (xs, x_rest) = x.as_chunks::<8>();
    let (ys, y_rest) = y.as_chunks::<8>();
    let mut sums = [T::ZERO; 8];
    for (x, y) in xs.iter().zip(ys) {
        for ((s, x), y) in sums.iter_mut().zip(x).zip(y) {
            *s += *x * *y;
        }
    }
    let rest = x_rest.iter().zip(y_rest).fold(T::ZERO, |s, (x, y)| s + *x * *y);
    sums.iter().fold(rest, |s, v| s + *v)
}

fn axpy<T: Real>(alpha: T, x: &[T], y: &mut [T]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * *x);
}

/// T: diagonal `d`, off-diagonal `e`. The reflection vectors stay below the diagonal of `a`,
/// their leading 1 included, their factors in `tau`.
fn reduce<T: Real>(a: &mut MatMut<'_, T>, d: &mut [T], e: &mut [T], tau: &mut [T]) {
    let n = a.rows();
    e.fill(T::ZERO);
    for k in 0..n {
        if let Some(d) = d.get_mut(k) {
            *d = a.at(k, k);
        }
        if k + 1 >= n {
            break;
        }
        let (mut left, mut right) = a.reborrow().split_at_col(k + 1);
        let Some(v) = left.col(k).get_mut(k + 1..) else { break };
        let (factor, entry) = reflector(v);
        if let (Some(t), Some(e)) = (tau.get_mut(k), e.get_mut(k)) {
            (*t, *e) = (factor, entry);
        }
        if factor == T::ZERO {
            continue;
        }
        let mut rest = right.block(k + 1, 0, n - k - 1, n - k - 1);
        // w = tau A v - (tau^2 v^T A v / 2) v; the values not yet used hold it.
        let Some(w) = tau.get_mut(k + 1..) else { break };
        symmetric_product(&mut rest, v, w);
        w.iter_mut().for_each(|w| *w *= factor);
        let half = T::HALF * factor * dot(w, v);
        axpy(-half, v, w);
        // A := A - v w^T - w v^T, the lower triangle.
        for (j, col) in rest.columns().enumerate() {
            let (Some(col), Some(v), Some(w)) = (col.get_mut(j..), v.get(j..), w.get(j..)) else {
                break;
            };
            let (Some(vj), Some(wj)) = (v.first(), w.first()) else { break };
            for ((a, v), w) in col.iter_mut().zip(v).zip(w) {
                *a -= *v * *wj + *w * *vj;
            }
        }
    }
}

/// Turns `x` into the reflection vector `v` (`v_0 = 1`) of `H x = (entry, 0, ...)`; returns
/// `(tau, entry)`.
fn reflector<T: Real>(x: &mut [T]) -> (T, T) {
    let Some((first, rest)) = x.split_first_mut() else { return (T::ZERO, T::ZERO) };
    let alpha = *first;
    *first = T::ONE;
    let tail = dot(rest, rest);
    if tail == T::ZERO {
        return (T::ZERO, alpha);
    }
    let entry = -(alpha * alpha + tail).sqrt().copysign(alpha);
    let scale = T::ONE / (alpha - entry);
    rest.iter_mut().for_each(|v| *v *= scale);
    ((entry - alpha) / entry, entry)
}

/// `w = A v` from the lower triangle, one pass over it.
fn symmetric_product<T: Real>(a: &mut MatMut<'_, T>, v: &[T], w: &mut [T]) {
    w.fill(T::ZERO);
    for (j, col) in a.columns().enumerate() {
        let (Some((diagonal, below)), Some((vj, v)), Some((wj, w))) = (
            col.get(j..).and_then(|c| c.split_first()),
            v.get(j..).and_then(|v| v.split_first()),
            w.get_mut(j..).and_then(|w| w.split_first_mut()),
        ) else {
            break;
        };
        *wj += *diagonal * *vj + dot(below, v);
        axpy(*vj, below, w);
    }
}

/// `Q = H_0 H_1 ...`, from the last reflection to the first, each on the block it touches.
fn form_q<T: Real>(a: &MatMut<'_, T>, tau: &[T], q: &mut MatMut<'_, T>) {
    let n = a.rows();
    q.fill(T::ZERO);
    q.add_diagonal(T::ONE);
    for k in (0..n.saturating_sub(1)).rev() {
        let v = a.as_ref().col(k).part(k + 1..);
        let factor = tau.get(k).copied().unwrap_or(T::ZERO);
        for col in q.block(k + 1, k + 1, n - k - 1, n - k - 1).columns() {
            let projection = factor * dot(v, col);
            axpy(-projection, v, col);
        }
    }
}

/// One QR sweep: the rotations of columns `low..=high`.
#[derive(Clone, Copy, Default)]
struct Sweep {
    low: usize,
    high: usize,
}

/// Implicit QR on `d`, `e`; returns the number of sweeps.
fn iterate<T: Real>(
    d: &mut [T],
    e: &mut [T],
    norm: T,
    vectors: &mut MatMut<'_, T>,
    workspace: &mut [T],
) -> Result<u32, LinalgError> {
    let n = d.len();
    let bound = 30_usize.saturating_mul(n);
    let negligible = norm * T::EPSILON * T::EPSILON;
    let (panel, rotations) = workspace.cut_mut(PANEL * n);
    let mut batch = [Sweep::default(); BATCH];
    let mut waiting = 0;
    let mut sweeps = 0;
    let mut high = n.saturating_sub(1);
    while high > 0 {
        // The last block that has not split: low..=high.
        let mut low = high;
        while low > 0 {
            let (x, y) = (read(d, low - 1).abs(), read(d, low).abs());
            if read(e, low - 1).abs() <= (T::EPSILON * (x + y)).max(negligible) {
                break;
            }
            low -= 1;
        }
        if low == high {
            high -= 1;
            continue;
        }
        if sweeps == bound {
            return Err(LinalgError::NotConverged { iterations: crate::error::size(sweeps) });
        }
        if let (Some(slot), Some(row)) =
            (batch.get_mut(waiting), rotations.chunks_exact_mut((2 * n).max(1)).nth(waiting))
        {
            *slot = Sweep { low, high };
            qr_sweep(d, e, low, high, row);
        }
        sweeps += 1;
        waiting += 1;
        if waiting == BATCH {
            apply(&batch, rotations, n, vectors, panel);
            waiting = 0;
        }
    }
    apply(batch.part(..waiting), rotations, n, vectors, panel);
    Ok(crate::error::size(sweeps))
}

fn read<T: Real>(x: &[T], i: usize) -> T {
    x.get(i).copied().unwrap_or(T::ZERO)
}

fn write<T: Real>(x: &mut [T], i: usize, value: T) {
    if let Some(x) = x.get_mut(i) {
        *x = value;
    }
}

/// One implicit QR sweep over the block `low..=high`; its rotations `(c, s)` go to `rotations`.
fn qr_sweep<T: Real>(d: &mut [T], e: &mut [T], low: usize, high: usize, rotations: &mut [T]) {
    // Wilkinson's shift: the eigenvalue of the trailing 2 x 2 block nearer to its last entry.
    let last = read(e, high - 1);
    let ratio = T::HALF * (read(d, high - 1) - read(d, high)) / last;
    let root = (ratio * ratio + T::ONE).sqrt().copysign(ratio);
    let shift = read(d, high) - last / (ratio + root);

    let (mut x, mut y) = (read(d, low) - shift, read(e, low));
    for (k, rotation) in (low..high).zip(rotations.as_chunks_mut::<2>().0) {
        let (c, s, r) = annihilate(x, y);
        if k > low {
            write(e, k - 1, r);
        }
        // T := G T G^T on rows and columns k, k + 1.
        let (dk, ek, dn) = (read(d, k), read(e, k), read(d, k + 1));
        let (top, top_right) = (c * dk + s * ek, c * ek + s * dn);
        let (bottom_left, bottom) = (c * ek - s * dk, c * dn - s * ek);
        write(d, k, c * top + s * top_right);
        write(e, k, c * top_right - s * top);
        write(d, k + 1, c * bottom - s * bottom_left);
        // The bulge moves down.
        x = read(e, k);
        if k + 1 < high {
            let next = read(e, k + 1);
            y = s * next;
            write(e, k + 1, c * next);
        }
        *rotation = [c, s];
    }
}

/// `V := V G_1 G_2 ...` for a batch of sweeps, a panel of rows at a time.
fn apply<T: Real>(
    sweeps: &[Sweep],
    rotations: &[T],
    n: usize,
    vectors: &mut MatMut<'_, T>,
    panel: &mut [T],
) {
    let panel = panel.as_chunks_mut::<PANEL>().0;
    for first in (0..n).step_by(PANEL) {
        let rows = PANEL.min(n - first);
        for (to, from) in panel.iter_mut().zip(vectors.as_ref().block(first, 0, rows, n).columns())
        {
            to.iter_mut().zip(from).for_each(|(t, f)| *t = *f);
        }
        for (sweep, row) in sweeps.iter().zip(rotations.chunks_exact((2 * n).max(1))) {
            let columns = panel.part_mut(sweep.low..=sweep.high);
            rotate_panel(columns, row.as_chunks::<2>().0);
        }
        for (from, to) in panel.iter().zip(vectors.block(first, 0, rows, n).columns()) {
            to.iter_mut().zip(from).for_each(|(t, f)| *t = *f);
        }
    }
}

/// Rotates each column with its successor; the one in hand stays in registers.
fn rotate_panel<T: Real>(columns: &mut [[T; PANEL]], rotations: &[[T; 2]]) {
    let mut columns = columns.iter_mut();
    let Some(mut place) = columns.next() else { return };
    let mut hand = *place;
    for (next, [c, s]) in columns.zip(rotations) {
        for ((place, hand), next) in place.iter_mut().zip(&mut hand).zip(next.iter()) {
            let (u, v) = (*hand, *next);
            *place = *c * u + *s * v;
            *hand = *c * v - *s * u;
        }
        place = next;
    }
    *place = hand;
}
