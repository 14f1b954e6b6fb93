//! What the benches share: the clock, the floor, random matrices.
//!
//! Every bench prints ratios within one run, for machines differ and are noisy.

use std::time::Instant;

use nalgebra::{DMatrix, Scalar};
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut, Real};

/// The least time of several runs, in seconds.
pub fn time(mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    f();
    let once = start.elapsed().as_secs_f64().max(1e-7);
    let inner = (2e-4 / once).ceil().max(1.0) as usize;
    let outer = (0.4 / (once * inner as f64)).clamp(3.0, 200.0) as usize;
    (0..outer)
        .map(|_| {
            let start = Instant::now();
            (0..inner).for_each(|_| f());
            start.elapsed().as_secs_f64() / inner as f64
        })
        .fold(f64::MAX, f64::min)
}

/// Standard normal entries.
pub fn random<T: Real + Scalar>(rows: usize, cols: usize, rng: &mut Rng) -> DMatrix<T> {
    DMatrix::from_fn(rows, cols, |_, _| rng.normal())
}

/// `data` as `rows x cols`, columns one after the other.
pub fn mat<T: Real>(data: &[T], rows: usize, cols: usize) -> Mat<'_, T> {
    Mat::new("data", data, rows, cols).expect("the bench knows its sizes")
}

/// [`mat`], to write to.
pub fn mat_mut<T: Real>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::new("data", data, rows, cols).expect("the bench knows its sizes")
}

/// The largest memory that the process has held, in bytes, where the system says so.
pub fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1024)
}
