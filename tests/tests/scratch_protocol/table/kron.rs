//! Kronecker algebra.

use crate::{Ledger, noise, positive};
use nanocurv::kron::fit::{Adam, FitShape, SketchFit, Target};
use nanocurv::kron::{self, Damped, Kron, KronLdlt, KronLu, damped, info, product, solve, sum};
use nanocurv_tests::{mat, mat_mut};

pub fn kronecker_algebra(ledger: &Ledger) {
    for ((m, n), (k, l)) in [((2, 3), (4, 5)), ((3, 2), (1, 4)), ((4, 4), (2, 2))] {
        let (a, b) = (noise(m * n, 7), noise(k * l, 8));
        let kron = Kron::new(mat(&a, m, n), mat(&b, k, l));
        let x = noise(m * k * n * l, 9);
        let needed = kron::apply_scratch((m, n), (k, l));
        ledger.scratch("kron::apply::apply_scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..n * l], n * l, 1), vec![0.0; m * k]);
            kron.apply(x, mat_mut(&mut y, m * k, 1), s)
        });
        ledger.scratch("kron::apply::apply_scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..m * k], m * k, 1), vec![0.0; n * l]);
            kron.apply_transpose(x, mat_mut(&mut y, n * l, 1), s)
        });
        ledger.scratch("kron::apply::apply_scratch", needed, |s| {
            let mut y = vec![0.0; m * k];
            let (x, y) = (mat(&x[..n * l], n, l), mat_mut(&mut y, m, k));
            kron.apply_matrix(kron::Order::RowMajor, x, y, s)
        });
        let terms = [kron, kron];
        ledger.scratch("kron::sum::scratch", sum::scratch(&terms), |s| {
            let (x, mut y) = (mat(&x[..n * l], n * l, 1), vec![0.0; m * k]);
            sum::apply(&terms, false, x, mat_mut(&mut y, m * k, 1), s)
        });
        let needed = product::scratch(&[(m, n), (k, l)]);
        let factors = [kron.left, kron.right];
        ledger.scratch("kron::product::scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..n * l], n * l, 1), vec![0.0; m * k]);
            product::apply(&factors, x, mat_mut(&mut y, m * k, 1), s)
        });
        ledger.scratch("kron::product::scratch", needed, |s| {
            let (x, mut y) = (mat(&x[..m * k], m * k, 1), vec![0.0; n * l]);
            product::apply_transpose(&factors, x, mat_mut(&mut y, n * l, 1), s)
        });
        ledger.scratch("kron::nearest::nearest_scratch", kron::nearest_scratch((k, l)), |s| {
            let (mut left, mut right) = (vec![0.0; m * n], vec![0.0; k * l]);
            let (left, right) = (mat_mut(&mut left, m, n), mat_mut(&mut right, k, l));
            kron::nearest(mat(&x, m * k, n * l), &[], left, right, s).map(|_| ())
        });
    }
    for (m, k) in [(3, 2), (2, 3), (35, 2), (1, 34)] {
        let (a, b) = (positive(m, 10), positive(k, 11));
        let kron = Kron::new(mat(&a, m, m), mat(&b, k, k));
        let needed = info::log_determinant_scratch(m, k);
        ledger.scratch("kron::info::log_determinant_scratch", needed, |s| {
            kron.log_determinant(&mut vec![0; m.max(k)], s).map(|_| ())
        });
        ledger.scratch(
            "kron::nearest::project_positive_scratch",
            kron::project_positive_scratch(m),
            |s| kron::project_positive(mat_mut(&mut a.clone(), m, m), s),
        );
        ledger.scratch("kron::solve::memory", solve::memory(m, k), |s| {
            KronLdlt::new(kron, s).map(|_| ())
        });
        ledger.scratch("kron::solve::memory", solve::memory(m, k), |s| {
            KronLu::new(kron, &mut vec![0; solve::pivots(m, k)], s).map(|_| ())
        });
        ledger.hold("kron::solve::pivots", solve::pivots(m, k), 0_usize, |pivots| {
            KronLu::new(kron, pivots, &mut vec![0.0; solve::memory(m, k)]).map(|_| ())
        });
        let mut scratch = vec![0.0; damped::new_scratch(m, k)];
        ledger.scratch("kron::damped::memory", damped::memory(m, k), |s| {
            Damped::new(kron, s, &mut scratch).map(|_| ())
        });
        let mut memory = vec![0.0; damped::memory(m, k)];
        ledger.scratch("kron::damped::new_scratch", damped::new_scratch(m, k), |s| {
            Damped::new(kron, &mut memory, s).map(|_| ())
        });
        let damped = Damped::new(kron, &mut memory, &mut scratch).unwrap();
        let x = noise(m * k, 12);
        ledger.scratch("kron::damped::power_scratch", damped::power_scratch(m, k), |s| {
            let mut y = vec![0.0; m * k];
            damped.solve(1.0, 0.1, mat(&x, m * k, 1), mat_mut(&mut y, m * k, 1), s)
        });
        let shape = FitShape { terms: 2, left: m, right: k, sketches: 3 };
        ledger.scratch("kron::fit::memory", shape.memory(), |s| {
            SketchFit::new(shape, Adam::default(), 1, s).map(|_| ())
        });
        ledger.scratch("kron::fit::scratch", shape.scratch(), |s| {
            let mut memory = vec![0.0; shape.memory()];
            let mut fit = SketchFit::new(shape, Adam::default(), 1, &mut memory).unwrap();
            fit.step(&Target::Sum(&[kron]), s).map(|_| ())
        });
    }
}
