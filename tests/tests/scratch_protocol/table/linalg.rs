//! Dense kernels.

use crate::{Ledger, noise, positive};
use nanocurv::linalg::{self, eigh_scratch};
use nanocurv_tests::{mat, mat_mut};

pub fn linear_algebra(ledger: &Ledger) {
    for n in [1, 5, 40] {
        let a = positive(n, 2);
        let matrix = || a.clone();
        ledger.scratch("linalg::eigen::eigh_scratch", eigh_scratch(n), |s| {
            let (mut a, mut values, mut vectors) = (matrix(), vec![0.0; n], vec![0.0; n * n]);
            let (a, vectors) = (mat_mut(&mut a, n, n), mat_mut(&mut vectors, n, n));
            linalg::eigh(a, &mut values, vectors, s).map(|_| ())
        });
        let needed = linalg::ldlt_inverse_scratch(n);
        ledger.scratch("linalg::ldlt::ldlt_inverse_scratch", needed, |s| {
            linalg::ldlt_inverse(mat_mut(&mut matrix(), n, n), s)
        });
        ledger.scratch("linalg::stacked::len", linalg::Stacked::<f64>::len(n, 3), |s| {
            let mut stack = linalg::Stacked::new(s, n, 3)?;
            stack.a().copy_from(mat(&a, n, n));
            stack.b().fill(1.0);
            stack.solve()
        });
    }
    for (n, m) in [(4, 3), (48, 48), (50, 60)] {
        let (s1, s2) = (noise(2 * n, 3), noise(2 * m, 4));
        let (s1, s2) = (mat(&s1, 2, n), mat(&s2, 2, m));
        let needed = linalg::hadamard_of_grams_scratch(n, m);
        ledger.scratch("linalg::hadamard::hadamard_of_grams_scratch", needed, |scratch| {
            let mut k = vec![0.0; n * m];
            let k = mat_mut(&mut k, n, m);
            let (s, x) = ((s1, s2), (s1, s2));
            let grams = linalg::Grams { s, x, scale: 1.0, shift: 1.0, symmetric: false };
            linalg::hadamard_of_grams::<_, nanocurv::error::LinalgError>(&grams, k, scratch)
        });
    }
}
