//! Kronecker products and solves against nalgebra's dense route and against the floor.
//!
//! The floor is the time in which the library's GEMM makes the same number of
//! multiply-accumulates in 256 x 256 x 256 products, on the same thread and in the same run.
//! `cargo bench -p nanocurv-benches --bench kron [-- 513x256]`

use nalgebra::{ComplexField, DMatrix};
use nanocurv::kron::{Damped, Kron, KronLdlt, KronLu, apply_scratch, damped, solve};
use nanocurv::linalg::gemm;
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut, Real};
use nanocurv_benches::{random, time};
use std::hint::black_box;

fn positive<T: Real + ComplexField>(n: usize, rng: &mut Rng) -> DMatrix<T> {
    let a = random::<T>(n, 2 * n, rng);
    let mut gram = DMatrix::from_element(n, n, T::ZERO);
    let scale = T::ONE / <T as Real>::from_usize(2 * n);
    gemm(scale, (&a).into(), (&a.transpose()).into(), T::ZERO, (&mut gram).into()).unwrap();
    gram
}

/// Seconds per multiply-accumulate of the library's GEMM.
fn floor_rate<T: Real + ComplexField>(rng: &mut Rng) -> f64 {
    let n = 256;
    let (a, b) = (random::<T>(n, n, rng), random::<T>(n, n, rng));
    let mut c = a.clone();
    time(|| {
        gemm(T::ONE, (&a).into(), (&b).into(), T::ZERO, (&mut c).into()).unwrap();
        black_box(&mut c);
    }) / (n * n * n) as f64
}

fn line(name: &str, seconds: f64, floor: f64, dense: Option<f64>) {
    let dense = dense.map_or(String::new(), |d| format!("{:9.1} x nalgebra dense", d / seconds));
    println!("{name:44} {:10.1} us {:7.2} x floor {dense}", seconds * 1e6, seconds / floor);
}

fn run<T: Real + ComplexField<RealField = T>>(precision: &str) {
    let mut rng = Rng::seed(1);
    let rate = floor_rate::<T>(&mut rng);
    println!("{precision}: GEMM makes {:.1} GFLOP/s", 2e-9 / rate);
    let only = std::env::args().nth(1).filter(|a| a != "--bench");
    for (m, k) in [(17, 8), (65, 64), (513, 256)] {
        if only.as_ref().is_some_and(|o| !format!("{m}x{k}").contains(o)) {
            continue;
        }
        let (a, b) = (positive::<T>(m, &mut rng), positive::<T>(k, &mut rng));
        let (x, mut y) = (random::<T>(m * k, 1, &mut rng), random::<T>(m * k, 1, &mut rng));
        let kron = Kron::new(&a, &b);
        let product = (m * k * (m + k)) as f64 * rate;
        let factor = |n: usize| (n * n * n) as f64 * rate;
        let name = |what: &str| format!("{precision} {m} x {k} {what}");

        let dense =
            (m * k <= 1100 || (m * k <= 4200 && T::EPSILON > <T as Real>::of(1e-10))).then(|| {
                let multiply = time(|| {
                    black_box(a.kronecker(&b) * &x);
                });
                let solve = time(|| {
                    black_box(a.kronecker(&b).cholesky().map(|c| c.solve(&x)));
                });
                (multiply, solve)
            });

        let mut scratch = vec![T::ZERO; apply_scratch((m, m), (k, k))];
        let seconds = time(|| {
            kron.apply((&x).into(), (&mut y).into(), &mut scratch).unwrap();
            black_box(&mut y);
        });
        line(&name("apply"), seconds, product, dense.map(|d| d.0));

        let mut memory = vec![T::ZERO; solve::memory(m, k)];
        let seconds = time(|| {
            y.copy_from(&x);
            let factors = KronLdlt::new(kron, &mut memory).unwrap();
            factors.solve((&mut y).into()).unwrap();
            black_box(&mut y);
        });
        let floor = product + (factor(m) + factor(k)) / 6.0;
        line(&name("factor and solve (LDL^T)"), seconds, floor, dense.map(|d| d.1));

        let factors = KronLdlt::new(kron, &mut memory).unwrap();
        let seconds = time(|| {
            y.copy_from(&x);
            factors.solve((&mut y).into()).unwrap();
            black_box(&mut y);
        });
        line(&name("solve (LDL^T)"), seconds, product, None);

        let mut pivots = vec![0; solve::pivots(m, k)];
        let seconds = time(|| {
            y.copy_from(&x);
            let factors = KronLu::new(kron, &mut pivots, &mut memory).unwrap();
            factors.solve((&mut y).into()).unwrap();
            black_box(&mut y);
        });
        let floor = product + (factor(m) + factor(k)) / 3.0;
        line(&name("factor and solve (LU)"), seconds, floor, dense.map(|d| d.1));

        let mut memory = vec![T::ZERO; damped::memory(m, k)];
        let mut scratch = vec![T::ZERO; damped::new_scratch(m, k)];
        let decompose = time(|| {
            black_box(Damped::new(kron, &mut memory, &mut scratch).unwrap());
        });
        let yardstick = time(|| {
            black_box((a.clone().symmetric_eigen(), b.clone().symmetric_eigen()));
        });
        println!(
            "{:44} {:10.1} us {:9.1} x nalgebra's symmetric_eigen",
            name("eigendecompositions"),
            decompose * 1e6,
            yardstick / decompose
        );
        let factors = Damped::new(kron, &mut memory, &mut scratch).unwrap();
        let mut scratch = vec![T::ZERO; damped::power_scratch(m, k)];
        let damping = <T as Real>::of(0.1);
        let seconds = time(|| {
            let (x, y): (Mat<'_, T>, MatMut<'_, T>) = ((&x).into(), (&mut y).into());
            factors.solve(T::ONE, damping, x, y, &mut scratch).unwrap();
        });
        line(&name("solve with exact damping"), seconds, 2.0 * product, None);
    }
}

fn main() {
    run::<f64>("f64");
    run::<f32>("f32");
}
