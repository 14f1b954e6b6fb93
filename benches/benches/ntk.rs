//! The layerwise kernel against the floor and the dense Jacobian route.
//!
//! The floor is the time in which the library's GEMM alone makes the same multiply-accumulates in
//! 256 x 256 tiles, of the lower triangle, on the same threads. The dense route forms J, P x N,
//! and multiplies it with itself by the same library, tiles and threads.
//! `cargo bench -p nanocurv-benches --bench ntk [-- 4096]`

use std::hint::black_box;

use nalgebra::DMatrix;
use nanocurv::Mat;
use nanocurv::linalg::gemm_tn;
use nanocurv::network::{Activation, Layer, Mlp, layer};
use nanocurv::ntk::{Component, jacobian, jacobian_scratch};
use nanocurv::random::Rng;
use nanocurv_benches::{mat, mat_mut, peak_memory, random, time};
use nanocurv_cli::desktop::kernel::{Reduce, tiles};
use nanocurv_cli::desktop::watch::Work;
use nanocurv_cli::desktop::{Float, UNWATCHED};
use rayon::prelude::*;

const TILE: usize = 256;

fn network(widths: &[usize]) -> Vec<Layer> {
    let last = widths.len() - 2;
    let activation = |l| if l == last { Activation::Identity } else { Activation::Tanh };
    widths.windows(2).enumerate().map(|(l, w)| Layer::new(w[0], w[1], activation(l))).collect()
}

/// `A^T A` of every matrix, lower tiles only, thrown away tile by tile or kept in `to`.
fn grams<T: Float>(of: &[Mat<'_, T>], n: usize, mut to: Option<&mut [T]>) {
    let blocks = n.div_ceil(TILE);
    let tiles = |j: usize, stripe: Option<&mut [T]>, tile: &mut Vec<T>| {
        let cols = TILE.min(n - j * TILE);
        tile.resize(TILE * TILE, T::ZERO);
        let mut stripe = stripe.map(|s| mat_mut(s, n, cols));
        for i in j..blocks {
            let rows = TILE.min(n - i * TILE);
            for a in of {
                let (left, right) =
                    (a.columns_range(i * TILE, rows), a.columns_range(j * TILE, cols));
                let c = match &mut stripe {
                    Some(stripe) => stripe.block(i * TILE, 0, rows, cols),
                    None => mat_mut(&mut tile[..rows * cols], rows, cols),
                };
                gemm_tn(T::ONE, left, right, T::ZERO, c).unwrap();
            }
        }
        black_box(tile);
    };
    match &mut to {
        Some(to) => to
            .chunks_mut(n * TILE)
            .enumerate()
            .par_bridge()
            .for_each_init(Vec::new, |tile, (j, stripe)| tiles(j, Some(stripe), tile)),
        None => (0..blocks).par_bridge().for_each_init(Vec::new, |tile, j| tiles(j, None, tile)),
    }
}

fn run<T: Float + nalgebra::Scalar>(precision: &str, widths: &[usize], n: usize) {
    let layers = network(widths);
    let mut rng = Rng::seed(7);
    let scale = T::of(0.1);
    let theta: Vec<T> = (0..layer::params(&layers)).map(|_| scale * rng.normal()).collect();
    let x = random::<T>(widths[0], n, &mut rng);
    let net = Mlp::new(&layers, &theta).unwrap();
    let kernel = || {
        let (reduce, total) = (Reduce::Trace, [Component::Total]);
        let work = Work::new(UNWATCHED, "kernel", tiles::steps(n));
        tiles::kernels(&net, (&x).into(), None, reduce, &total, &work).unwrap()
    };
    let before = peak_memory();
    let ours = time(|| {
        black_box(kernel());
    });
    // Unless an earlier run's peak hides this one's.
    let memory = peak_memory()
        .filter(|peak| Some(*peak) > before)
        .map(|peak| peak as f64 / (n * n * size_of::<T>()) as f64);

    // Inputs of every layer and signals of every hidden layer, as wide as they are.
    let inputs = layers.iter().map(|l| l.inputs);
    let signals = layers.iter().take(layers.len() - 1).map(|l| l.outputs);
    let factors: Vec<DMatrix<T>> =
        inputs.chain(signals).map(|width| random(width, n, &mut rng)).collect();
    let views: Vec<Mat<'_, T>> = factors.iter().map(Mat::from).collect();
    let floor = time(|| grams(&views, n, None));

    let p = theta.len();
    let dense = (n * p <= 1 << 26).then(|| {
        let (mut j, mut k) = (vec![T::ZERO; p * n], vec![T::ZERO; n * n]);
        time(|| {
            j.par_chunks_mut(p * TILE).enumerate().for_each(|(block, j)| {
                let cols = TILE.min(n - block * TILE);
                let x = Mat::from(&x).columns_range(block * TILE, cols);
                let mut scratch = vec![T::ZERO; jacobian_scratch(&layers, cols)];
                jacobian(&net, x, mat_mut(j, p, cols), &mut scratch).unwrap();
            });
            grams(&[mat(&j, p, n)], n, Some(&mut k));
            mat_mut(&mut k, n, n).mirror_lower();
            black_box(&mut k);
        })
    });
    let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
    let dense = dense.map_or(String::new(), |d| format!("{:7.1} x faster than dense", d / ours));
    let memory = memory.map_or(String::new(), |m| format!("{m:5.2} x the result at its peak"));
    let (name, ms) = (widths.join("-"), ours * 1e3);
    println!(
        "{precision} {name:20} N {n:5} {ms:9.2} ms {:6.2} x floor  {memory} {dense}",
        ours / floor
    );
}

fn main() {
    let only = std::env::args().skip(1).find(|a| a != "--bench");
    println!("{} threads", rayon::current_num_threads());
    // The largest in f32 first: its peak of memory is the process's.
    let sizes: [(&[usize], usize); 3] =
        [(&[64, 256, 256, 256, 1], 4096), (&[32, 128, 128, 1], 1024), (&[16, 64, 64, 1], 256)];
    for (widths, n) in sizes {
        if only.as_ref().is_none_or(|o| n.to_string() == *o) {
            run::<f32>("f32", widths, n);
            run::<f64>("f64", widths, n);
        }
    }
}
