//! The structured Hessian against P operator products and against the floor; Hessian products
//! against gradients; blocks against the whole.
//!
//! The floor is the time in which the library's GEMM makes the same number of
//! multiply-accumulates (N P^2 / 2 of the products, and the units' tangent passes) in
//! 256 x 256 x 256 products, on the same threads and in the same run.
//! `cargo bench -p nanocurv-benches --bench curvature`

use nanocurv::Real;
use nanocurv::curvature::{
    Batch, Ggn, Hessian, LinearOperator, Risk, Tensor, block, dense, dense_scratch, gradient,
    gradient_scratch, to_dense, to_dense_scratch,
};
use nanocurv::linalg::gemm;
use nanocurv::network::{Activation, Layer, Loss, Mlp, Reduction, layer};
use nanocurv::random::Rng;
use nanocurv_benches::{mat, mat_mut, time};
use nanocurv_cli::desktop::curvature;
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// Seconds per multiply-accumulate of the library's GEMM on all threads of the pool.
fn floor_rate<T: Real>() -> f64 {
    const SIDE: usize = 256;
    let threads = rayon::current_num_threads();
    let a = normal::<T>(SIDE * SIDE, 1);
    let mut c = vec![T::ZERO; SIDE * SIDE * threads];
    let seconds = time(|| {
        c.par_chunks_mut(SIDE * SIDE).with_max_len(1).for_each(|c| {
            let a = mat(&a, SIDE, SIDE);
            for _ in 0..4 {
                gemm(T::ONE, a, a, T::ZERO, mat_mut(c, SIDE, SIDE)).unwrap();
            }
        });
        black_box(&mut c);
    });
    seconds / (4 * threads * SIDE * SIDE * SIDE) as f64
}

fn normal<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut rng = Rng::seed(seed);
    (0..len).map(|_| rng.normal()).collect()
}

fn chain(widths: &[usize]) -> Vec<Layer> {
    let mut layers: Vec<_> =
        widths.windows(2).map(|w| Layer::new(w[0], w[1], Activation::Tanh)).collect();
    layers.last_mut().unwrap().activation = Activation::Identity;
    layers
}

/// Multiply-accumulates of the structured route for one sample.
fn structured_work(layers: &[Layer]) -> usize {
    let mut work = 0;
    let mut behind = 0;
    for layer in layers.iter().rev() {
        let own = layer.params();
        // Lower triangle of the layer's own block, the rows behind it, and the units' passes.
        work += own * own.div_ceil(2) + own * behind + 2 * layer.outputs * behind;
        behind += own;
    }
    work
}

fn line(name: &str, seconds: f64, rest: &str) {
    println!("{name:58} {:10.1} us  {rest}", seconds * 1e6);
}

fn run<T: Real>(precision: &str, widths: &[usize], samples: usize, operator_columns: bool) {
    let layers = chain(widths);
    let (p, threads) = (layer::params(&layers), rayon::current_num_threads());
    let theta: Vec<T> = normal::<T>(p, 2).into_iter().map(|t| t * <T as Real>::of(0.3)).collect();
    let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
    let (x, y) = (normal::<T>(inputs * samples, 3), normal::<T>(outputs * samples, 4));
    let batches = [Batch::values(mat(&x, inputs, samples), mat(&y, outputs, samples))];
    let net = Mlp::new(&layers, &theta).unwrap();
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let (hessian, ggn) = (Hessian::new(risk), Ggn::new(risk));
    let name = |what: &str| format!("{precision} {widths:?} N {samples} P {p} {what}");

    // One product and one gradient, on one thread.
    let v = normal::<T>(p, 5);
    let mut out = vec![T::ZERO; p];
    let mut scratch = vec![T::ZERO; gradient_scratch(&layers, risk.tile())];
    let of_gradient = time(|| {
        black_box(gradient(&risk, &mut out, &mut scratch).unwrap());
    });
    line(&name("gradient, 1 thread"), of_gradient, "");
    let mut product = |what: &str, operator: &dyn LinearOperator<T>| {
        let mut scratch = vec![T::ZERO; operator.scratch()];
        let seconds = time(|| {
            operator.apply(&v, &mut out, &mut scratch).unwrap();
            black_box(&mut out);
        });
        let times = seconds / of_gradient;
        line(
            &name(&format!("{what} product, 1 thread")),
            seconds,
            &format!("{times:.2} x gradient"),
        );
    };
    product("hessian", &hessian);
    product("ggn", &ggn);
    if p > 4000 {
        return;
    }

    let floor = (structured_work(&layers) * samples) as f64 * floor_rate::<T>();
    let mut h = vec![T::ZERO; p * p];
    let of_dense = time(|| {
        curvature::dense(&hessian, &mut h).unwrap();
        black_box(&mut h);
    });
    let note = format!("{:.2} x floor ({:.1} us)", of_dense / floor, floor * 1e6);
    line(&name(&format!("hessian, {threads} threads")), of_dense, &note);
    let of_ggn = time(|| {
        curvature::dense(&ggn, &mut h).unwrap();
        black_box(&mut h);
    });
    line(
        &name(&format!("ggn, {threads} threads")),
        of_ggn,
        &format!("{:.2} x floor", of_ggn / floor),
    );

    let mut scratch = vec![T::ZERO; dense_scratch(&layers, risk.tile(), true)];
    let single = time(|| {
        dense(&hessian, mat_mut(&mut h, p, p), &mut scratch).unwrap();
        black_box(&mut h);
    });
    line(&name("hessian, 1 thread"), single, "");
    if operator_columns {
        let mut columns = vec![T::ZERO; to_dense_scratch(p, hessian.scratch())];
        let start = Instant::now();
        to_dense(&hessian, mat_mut(&mut h, p, p), &mut columns).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let times = format!("{:.1} x the structured route", seconds / of_dense);
        line(&name("P operator columns, 1 thread"), seconds, &times);
    }
    // Blocks: time over their share of the entries that the matrix takes, its lower triangle.
    for (rows, cols) in [(1, 0), (2, 0), (2, 1), (1, 1), (0, 1)] {
        let (r, c) = (Tensor::Weight(rows), Tensor::Weight(cols));
        let (height, width) = (r.range(&layers).unwrap().len(), c.range(&layers).unwrap().len());
        let seconds = time(|| {
            let out = mat_mut(&mut h[..height * width], height, width);
            block(&hessian, r, c, out, &mut scratch).unwrap();
        });
        let entries = (height * width) as f64;
        let share = entries / (p * (p + 1) / 2) as f64;
        let note = format!(
            "{height} x {width}: {:.2} ns/entry, {:.1} % of the triangle's entries in {:.1} % of its time on 1 thread",
            seconds / entries * 1e9,
            100.0 * share,
            100.0 * seconds / single
        );
        line(&name(&format!("block W{rows} W{cols}, 1 thread")), seconds, &note);
    }
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    run::<f64>("f64", &[10, 32, 32, 3], 128, true);
    run::<f32>("f32", &[10, 32, 32, 3], 128, true);
    run::<f64>("f64", &[64, 100, 100, 30], 256, false);
    run::<f32>("f32", &[64, 100, 100, 30], 256, false);
}
