//! Large kernels: tiles of the core's algorithm, in parallel.
//!
//! Each batch is cut into blocks of 256 samples with a tape of their own; the result is cut
//! into stripes, one block of the first batch against all blocks of the second, which threads
//! take one after the other, the longest first. Of a symmetric result the lower tiles are
//! computed and mirrored in place. Held are the result, the tapes, and a tile for each thread.

use nanocurv::error::NetworkError;
use nanocurv::network::Mlp;
use nanocurv::ntk::{
    Component, Directions, Pairing, Tape, square_tile, tape_len, tile, tile_scratch,
};
use nanocurv::{Mat, MatMut};
use rayon::prelude::*;

use super::parts::Reduce;
use crate::desktop::array::{Float, columns, zeros};
use crate::desktop::error::{Context, Error, OUT_OF_RANGE, Result};
use crate::desktop::watch::Work;

/// Samples in a block.
const BLOCK: usize = 256;

/// The tapes of a batch, one a block.
struct Tapes<'t, T> {
    blocks: Vec<Tape<'t, T>>,
    samples: usize,
}

impl<'t, T: Float> Tapes<'t, T> {
    fn record(
        mlp: &Mlp<'t, T>,
        directions: Directions,
        x: Mat<'t, T>,
        storage: &'t mut [T],
    ) -> Result<Self> {
        let samples = x.cols();
        let blocks = storage
            .par_chunks_mut(tape_len(mlp.layers(), directions, BLOCK).max(1))
            .enumerate()
            .map(|(block, storage)| {
                let from = block * BLOCK;
                let x = x.columns_range(from, BLOCK.min(samples - from));
                Tape::record(mlp, directions, x, storage)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { blocks, samples })
    }

    /// Values to store the tapes of `samples` samples in. A network without hidden layers has
    /// nothing to store, but its blocks are still told apart by their chunk.
    fn storage(mlp: &Mlp<'_, T>, directions: Directions, samples: usize) -> Result<Vec<T>> {
        let len = tape_len(mlp.layers(), directions, samples);
        zeros(&[len.max(samples.div_ceil(BLOCK))])
    }
}

/// The kernel's arrays, one per component, row-major, of a batch with itself or with another.
///
/// # Errors
/// If a batch does not fit the network, or memory runs out.
pub fn kernels<T: Float>(
    mlp: &Mlp<'_, T>,
    x1: Mat<'_, T>,
    x2: Option<Mat<'_, T>>,
    reduce: Reduce,
    components: &[Component],
    work: &Work<'_>,
) -> Result<Vec<Vec<T>>> {
    let directions = match reduce {
        Reduce::Output(k) => Directions::Output(k),
        Reduce::Pseudo => Directions::Pseudo,
        _ => Directions::Each,
    };
    let mut storage1 = Tapes::storage(mlp, directions, x1.cols())?;
    let rows = Tapes::record(mlp, directions, x1, &mut storage1).context("--data")?;
    let mut storage2 = match x2 {
        Some(x2) => Tapes::storage(mlp, directions, x2.cols())?,
        None => Vec::new(),
    };
    let cols = match x2 {
        Some(x2) => Some(Tapes::record(mlp, directions, x2, &mut storage2).context("--data2")?),
        None => None,
    };
    let kernel = |component| Kernel { mlp, rows: &rows, cols: cols.as_ref(), reduce, component };
    components.iter().map(|component| kernel(*component).compute(work)).collect()
}

/// The number of steps of work in one component of [`kernels`].
pub fn steps(samples: usize) -> usize {
    samples.div_ceil(BLOCK)
}

struct Kernel<'a, 't, T> {
    mlp: &'a Mlp<'t, T>,
    rows: &'a Tapes<'t, T>,
    cols: Option<&'a Tapes<'t, T>>,
    reduce: Reduce,
    component: Component,
}

impl<T: Float> Kernel<'_, '_, T> {
    fn compute(&self, work: &Work<'_>) -> Result<Vec<T>> {
        let (n, cols) = (self.rows.samples, self.cols.unwrap_or(self.rows));
        let (m, o) = (cols.samples, self.mlp.outputs());
        let entries = match self.reduce {
            Reduce::Full => o * o,
            Reduce::Diagonal => o,
            _ => 1,
        };
        let mut kernel = zeros::<T>(&[n, m, entries])?;
        // Row-major N x M is column-major M x N: the core sees the batches the other way round.
        let stripes = kernel.chunks_mut(BLOCK * m * entries).zip(&self.rows.blocks).enumerate();
        stripes.par_bridge().try_for_each_init(Vec::new, |scratch, (index, (stripe, row))| {
            self.stripe(index, row, stripe, scratch)?;
            work.advance(1)
        })?;
        if self.mirrored() {
            mirror(columns(&mut kernel, n, n)?);
        }
        if self.reduce == Reduce::Mean {
            let count = T::from_usize(o);
            kernel.par_iter_mut().for_each(|v| *v /= count);
        }
        Ok(kernel)
    }

    /// Whether only the tiles on and below the diagonal are computed.
    fn mirrored(&self) -> bool {
        self.cols.is_none() && !matches!(self.reduce, Reduce::Full | Reduce::Diagonal)
    }

    /// One block of the first batch against the second.
    fn stripe(
        &self,
        index: usize,
        row: &Tape<'_, T>,
        stripe: &mut [T],
        scratch: &mut Vec<T>,
    ) -> Result<()> {
        let cols = self.cols.unwrap_or(self.rows);
        let (n, m, o) = (row.batch(), cols.samples, self.mlp.outputs());
        let entries = match self.reduce {
            Reduce::Full | Reduce::Diagonal => BLOCK * BLOCK,
            _ => 0,
        };
        scratch.resize(entries + tile_scratch(BLOCK, BLOCK), T::ZERO);
        let (block, scratch) = scratch.split_at_mut(entries);
        let from = if self.mirrored() { index } else { 0 };
        for (at, col) in cols.blocks.iter().enumerate().skip(from) {
            let (start, len) = (at * BLOCK, col.batch());
            let mut tile_of = |pairing, k: MatMut<'_, T>| {
                let computed = match pairing {
                    Pairing::Trace if self.cols.is_none() && at == index => {
                        square_tile(self.mlp, col, self.component, k, scratch)
                    }
                    _ => tile(self.mlp, (col, row), pairing, self.component, k, scratch),
                };
                computed.map_err(|error| match error {
                    NetworkError::NonFinite(e) => {
                        let place = e.index as usize;
                        let (i, j) = (place / len, place % len);
                        let (i, j) = (index * BLOCK + i, start + j);
                        Error::Numeric(format!(
                            "the kernel of samples {i} and {j} is not finite: {OUT_OF_RANGE}"
                        ))
                    }
                    other => other.into(),
                })
            };
            match self.reduce {
                Reduce::Full => {
                    for (a, b) in (0..o).flat_map(|a| (0..o).map(move |b| (a, b))) {
                        let block = &mut block[..len * n];
                        tile_of(Pairing::Pair(b, a), columns(block, len, n)?)?;
                        for (i, values) in block.chunks(len).enumerate() {
                            let to = &mut stripe[((i * o + a) * m + start) * o..][..len * o];
                            to.chunks_mut(o).zip(values).for_each(|(to, v)| to[b] = *v);
                        }
                    }
                }
                Reduce::Diagonal => {
                    for a in 0..o {
                        let block = &mut block[..len * n];
                        tile_of(Pairing::Pair(a, a), columns(block, len, n)?)?;
                        for (i, values) in block.chunks(len).enumerate() {
                            let to = &mut stripe[(i * m + start) * o..][..len * o];
                            to.chunks_mut(o).zip(values).for_each(|(to, v)| to[a] = *v);
                        }
                    }
                }
                _ => {
                    let mut k = columns(stripe, m, n)?;
                    tile_of(Pairing::Trace, k.block(start, 0, len, n))?;
                }
            }
        }
        Ok(())
    }
}

/// Copies the lower triangle over the upper one but for the diagonal tiles, which are symmetric;
/// halves of the columns in parallel.
fn mirror<T: Float>(k: MatMut<'_, T>) {
    let n = k.rows();
    if n <= BLOCK {
        return;
    }
    let middle = n.div_ceil(BLOCK) / 2 * BLOCK;
    let (mut left, mut right) = k.split_at_col(middle);
    let lower = left.as_ref().block(middle, 0, n - middle, middle);
    transpose(lower, right.block(0, 0, middle, n - middle));
    rayon::join(
        || mirror(left.block(0, 0, middle, middle)),
        || mirror(right.block(middle, 0, n - middle, n - middle)),
    );
}

/// `to = from^T`, halves of its columns in parallel, by squares through a copy: where columns are
/// a power of two apart, a square's own lines would drive each other out of the cache.
fn transpose<T: Float>(from: Mat<'_, T>, mut to: MatMut<'_, T>) {
    const SQUARE: usize = 32;
    if to.cols() > BLOCK {
        let middle = to.cols() / 2;
        let (left, right) = to.split_at_col(middle);
        let upper = from.block(0, 0, middle, from.cols());
        let lower = from.block(middle, 0, from.rows() - middle, from.cols());
        rayon::join(|| transpose(upper, left), || transpose(lower, right));
        return;
    }
    let mut square = [[T::ZERO; SQUARE]; SQUARE];
    for j in (0..from.cols()).step_by(SQUARE) {
        for i in (0..from.rows()).step_by(SQUARE) {
            let (rows, cols) = (SQUARE.min(from.rows() - i), SQUARE.min(from.cols() - j));
            for (copy, from) in square.iter_mut().zip(from.block(i, j, rows, cols).columns()) {
                copy[..rows].copy_from_slice(from);
            }
            for (r, to) in to.block(j, i, cols, rows).columns().enumerate() {
                to.iter_mut().zip(&square).for_each(|(to, copy)| *to = copy[r]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirrored_matrix_is_symmetric_and_keeps_its_lower_tiles() {
        for n in [1, 5, 256, 257, 700, 1300] {
            let mut k: Vec<f64> = (0..n * n).map(|i| (i as f64).sin()).collect();
            let before = k.clone();
            mirror(columns(&mut k, n, n).unwrap());
            for j in 0..n {
                for i in 0..n {
                    // Of a diagonal tile all is kept.
                    let at = if i / BLOCK >= j / BLOCK { i + j * n } else { j + i * n };
                    assert_eq!(k[i + j * n], before[at]);
                }
            }
        }
    }
}
