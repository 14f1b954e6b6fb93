//! What must hold for any bytes at all: a reader returns a value or an error, a factorisation a
//! finite result or an error, and nothing panics.
//!
//! This file is compiled twice: into the fuzz targets, and into `tests/tests/fuzz.rs`, which runs
//! them for seconds on mutated files and on special bit patterns.

use std::path::Path;

use clap::Parser;
use nanocurv::kron::{Damped, Kron, KronLdlt, KronLu, damped, solve};
use nanocurv::linalg::{
    eigh, eigh_scratch, jacobi_eigh, ldlt, ldlt_inverse, ldlt_inverse_scratch, ldlt_logdet,
    ldlt_solve, lu, lu_log_determinant, lu_solve,
};
use nanocurv::network::Activation;
use nanocurv::{Mat, MatMut, Real};
use nanocurv_cli::commands::Cli;
use nanocurv_cli::desktop::Array;
use nanocurv_cli::desktop::laplace::digest;
use nanocurv_cli::desktop::network::{Arch, Network, Parameterization};
use nanocurv_cli::io::posterior::parse as state_of_posterior;
use nanocurv_cli::io::{self, Source, checkpoint as state, csv, network, npy, npz, safetensors};

/// A target takes any bytes.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const TARGETS: [(&str, Target); 12] = [
    ("npy", npy),
    ("npz", npz),
    ("csv", csv),
    ("safetensors", safetensors),
    ("network", network),
    ("checkpoint", checkpoint),
    ("posterior", posterior),
    ("command_line", command_line),
    ("ldlt", ldlt_target),
    ("lu", lu_target),
    ("eigen", eigen),
    ("kron", kron),
];

fn mat<T: Real>(data: &[T], rows: usize, cols: usize) -> Mat<'_, T> {
    Mat::new("data", data, rows, cols).unwrap()
}

fn mat_mut<T: Real>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::new("data", data, rows, cols).unwrap()
}

/// What every reader does with an array afterwards.
fn array(array: Array) {
    let source = Source { path: "fuzz.npy".into(), part: None };
    let _ = io::labels(&array, &source);
    let _ = io::matrix::<f32>(array.clone(), &source);
    let _ = io::matrix::<f64>(array, &source);
}

/// `.npy`
pub fn npy(data: &[u8]) {
    let _ = npy::read(data).map(array);
}

/// `.npz`
pub fn npz(data: &[u8]) {
    let _ = npz::read(data.to_vec(), None).map(array);
    let _ = npz::read(data.to_vec(), Some("x")).map(array);
    let _ = npz::read_all(data.to_vec());
}

/// `.csv`
pub fn csv(data: &[u8]) {
    let _ = csv::read(data, None).map(array);
    let _ = csv::read(data, Some("a,0-1")).map(array);
}

/// `.safetensors`
pub fn safetensors(data: &[u8]) {
    let _ = safetensors::read(data);
    let _ = safetensors::metadata(data);
}

/// A network in every format.
pub fn network(data: &[u8]) {
    for name in ["net.safetensors", "net.npz", "net.onnx"] {
        let _ = network::parse(Path::new(name), &[], || Ok(data.to_vec()));
    }
}

/// The state of a training, and the metadata around it.
pub fn checkpoint(data: &[u8]) {
    let _ = state::from_bytes::<f32>(data);
    let _ = state::parse::<f64>(data, &Default::default());
}

/// A posterior, and what the network that it claims to be of predicts with it.
pub fn posterior(data: &[u8]) {
    let Ok(mut read) = state_of_posterior::<f64>(data.to_vec()) else { return };
    let arch = "1-2-1".parse::<Arch>().unwrap();
    let state = arch.initial(true, Parameterization::Standard, 0);
    let net = Network::<f64>::new("net", state, &[Activation::Tanh]).unwrap();
    read.digest = digest(&net);
    let x = ndarray::Array2::from_elem((3, 1), 0.5);
    if let Ok(prediction) = read.predict(&net, x.view(), None) {
        assert!(prediction.covariance.iter().all(|v| *v >= 0.0 || v.is_nan()));
    }
    let _ = read.sample(&net, 1, 0);
}

/// The arguments, one a line: lists of indices, sizes, architectures, file names.
pub fn command_line(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = Cli::try_parse_from(std::iter::once("nanocurv").chain(text.lines()));
}

/// A real number of any bits.
trait Bits: Real {
    fn of_bits(bytes: [u8; 8]) -> Self;
}

impl Bits for f32 {
    fn of_bits([a, b, c, d, ..]: [u8; 8]) -> Self {
        Self::from_bits(u32::from_le_bytes([a, b, c, d]))
    }
}

impl Bits for f64 {
    fn of_bits(bytes: [u8; 8]) -> Self {
        Self::from_bits(u64::from_le_bytes(bytes))
    }
}

/// A size up to `largest` and that many values, zeros where the bytes end.
fn square<T: Bits>(data: &[u8], largest: usize) -> (usize, Vec<T>) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let n = 1 + usize::from(*first) % largest;
    let width = size_of::<T>();
    let mut values = rest.chunks(width).map(|chunk| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        T::of_bits(bytes)
    });
    (n, (0..n * n).map(|_| values.next().unwrap_or(T::ZERO)).collect())
}

/// The symmetric matrix with the lower triangle of `a`.
fn symmetric<T: Real>(mut a: Vec<T>, n: usize) -> Vec<T> {
    for j in 0..n {
        for i in 0..j {
            a[j * n + i] = a[i * n + j];
        }
    }
    a
}

fn assert_finite<T: Real>(what: &str, values: &[T]) {
    assert!(values.iter().all(|v| v.is_finite()), "{what}: {values:?}");
}

fn lower<T: Real>(a: &[T], n: usize) -> Vec<T> {
    (0..n).flat_map(|j| a[j * n + j..(j + 1) * n].to_vec()).collect()
}

/// `L D L^T`, what is solved with it, and the inverse.
pub fn ldlt_target(data: &[u8]) {
    fn run<T: Bits>(data: &[u8]) {
        let (n, a) = square::<T>(data, 12);
        let mut l = a.clone();
        if ldlt(mat_mut(&mut l, n, n)).is_ok() {
            assert_finite("L and D", &lower(&l, n));
            let mut x = vec![T::ONE; n];
            ldlt_solve(mat(&l, n, n), mat_mut(&mut x, n, 1)).unwrap();
            let _ = ldlt_logdet(mat(&l, n, n));
        }
        let (mut inverse, mut scratch) = (a, vec![T::ZERO; ldlt_inverse_scratch(n)]);
        let _ = ldlt_inverse(mat_mut(&mut inverse, n, n), &mut scratch);
    }
    run::<f32>(data);
    run::<f64>(data);
}

/// LU, and what is solved with it.
pub fn lu_target(data: &[u8]) {
    fn run<T: Bits>(data: &[u8]) {
        let (n, mut a) = square::<T>(data, 20);
        let mut pivots = vec![0; n];
        if lu(mat_mut(&mut a, n, n), &mut pivots).is_ok() {
            assert_finite("L and U", &a);
            let mut x = vec![T::ONE; n];
            lu_solve(mat(&a, n, n), &pivots, mat_mut(&mut x, n, 1)).unwrap();
            let _ = lu_log_determinant(mat(&a, n, n), &pivots);
        }
    }
    run::<f32>(data);
    run::<f64>(data);
}

/// Both eigenvalue methods.
pub fn eigen(data: &[u8]) {
    fn run<T: Bits>(data: &[u8]) {
        // Above 32 the host's method.
        let (n, a) = square::<T>(data, 36);
        let (mut values, mut vectors) = (vec![T::ZERO; n], vec![T::ZERO; n * n]);
        let mut scratch = vec![T::ZERO; eigh_scratch(n)];
        let (mut first, mut second) = (a.clone(), a);
        let to = mat_mut(&mut vectors, n, n);
        if eigh(mat_mut(&mut first, n, n), &mut values, to, &mut scratch).is_ok() {
            assert_finite("eigenvalues", &values);
            assert_finite("eigenvectors", &vectors);
        }
        let to = mat_mut(&mut vectors, n, n);
        if jacobi_eigh(mat_mut(&mut second, n, n), &mut values, to).is_ok() {
            assert_finite("eigenvalues by Jacobi", &values);
            assert_finite("eigenvectors by Jacobi", &vectors);
        }
    }
    run::<f32>(data);
    run::<f64>(data);
}

/// The three factorisations of a Kronecker product.
pub fn kron(data: &[u8]) {
    fn run<T: Bits>(data: &[u8]) {
        let (left, right) = data.split_at(data.len() / 2);
        let ((m, a), (k, b)) = (square::<T>(left, 5), square::<T>(right, 5));
        for (a, b) in [(symmetric(a.clone(), m), symmetric(b.clone(), k)), (a, b)] {
            let kron = Kron::new(mat(&a, m, m), mat(&b, k, k));
            let mut memory = vec![T::ZERO; damped::memory(m, k).max(solve::memory(m, k))];
            let mut scratch =
                vec![T::ZERO; damped::new_scratch(m, k).max(damped::power_scratch(m, k))];
            let (x, mut y) = (vec![T::ONE; m * k], vec![T::ZERO; m * k]);
            let mut pivots = vec![0; solve::pivots(m, k)];
            if let Ok(lu) = KronLu::new(kron, &mut pivots, &mut memory) {
                let _ = lu.solve(mat_mut(&mut y, m * k, 1));
                let _ = lu.log_determinant();
            }
            if let Ok(ldlt) = KronLdlt::new(kron, &mut memory) {
                let _ = ldlt.solve(mat_mut(&mut y, m * k, 1));
            }
            if let Ok(damped) = Damped::new(kron, &mut memory, &mut scratch) {
                assert_finite("eigenvalues of the left factor", damped.left().0);
                assert_finite("eigenvalues of the right factor", damped.right().0);
                let (x, y) = (Mat::column_vector(&x), mat_mut(&mut y, m * k, 1));
                let _ = damped.solve(T::ONE, T::HALF, x, y, &mut scratch);
            }
        }
    }
    run::<f32>(data);
    run::<f64>(data);
}
