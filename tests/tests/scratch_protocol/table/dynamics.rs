//! Two-layer linear networks.

use crate::{Ledger, noise, positive};
use nalgebra::{SMatrix, SVector};
use nanocurv::dynamics::flow::{self, Modes};
use nanocurv::dynamics::teacher::{Modulation, Teacher, teacher_scratch};
use nanocurv::dynamics::{Rates, measures, one_layer, optimum, reduction, spectrum, train};
use nanocurv::mlp;
use nanocurv::network::Network;
use nanocurv::random::Rng;
use nanocurv_tests::{mat, mat_mut};

mlp! { Student: 3 => 4 identity => 1, no bias }

pub fn training_dynamics(ledger: &Ledger) {
    let rates = Rates::same(1e-3);
    let needed = reduction::reduce_network_scratch(3, 4);
    ledger.scratch("dynamics::reduction::reduce_network_scratch", needed, |s| {
        let (x, y) = (SMatrix::<f64, 3, 5>::identity(), SVector::<f64, 5>::repeat(1.0));
        nanocurv::fixed::dynamics::reduce_network(
            Student,
            &x,
            &y,
            rates,
            3,
            &mut [0.1; Student::PARAMS],
            s,
        )
    });
    let needed = measures::gradients_scratch(3, 4);
    ledger.scratch("dynamics::measures::gradients_scratch", needed, |s| {
        let (x, y) = (SMatrix::<f64, 3, 5>::identity(), SVector::<f64, 5>::repeat(1.0));
        let theta = [0.1; Student::PARAMS];
        nanocurv::fixed::dynamics::network_gradients(Student, &theta, &x, &y, s).map(|_| ())
    });
    for (d, n, h) in [(1, 4, 2), (3, 5, 4), (5, 3, 2), (34, 36, 3)] {
        let (x, y) = (noise(d * n, 28), noise(n, 29));
        let x = mat(&x, d, n);
        ledger.scratch("dynamics::reduction::reduce_scratch", reduction::reduce_scratch(d), |s| {
            let (gram, b) = (positive(d, 30), noise(d, 31));
            let (mut z, mut u) = (vec![0.1; d], 0.1);
            reduction::reduce(mat(&gram, d, d), &b, rates, 3, &mut z, &mut u, s)
        });
        ledger.scratch("dynamics::optimum::w_min_scratch", optimum::w_min_scratch(d, n), |s| {
            optimum::w_min(x, &y, &mut vec![0.0; d], s)
        });
        let theta = noise(train::two_layer_params(d, h), 32);
        let needed = train::two_layer_scratch(d, h);
        ledger.scratch("dynamics::train::two_layer_scratch", needed, |s| {
            train::TwoLayer::new(&theta, d, h, s)?.train(x, &y, rates, 2)
        });
        let needed = flow::integrate_scratch(d);
        ledger.scratch("dynamics::flow::integrate_scratch", needed, |s| {
            let (lambda, beta, epsilon) = (vec![1.0; d], noise(d, 33), noise(d, 34));
            let modes = Modes::new(&lambda, &beta, &epsilon)?;
            flow::integrate(modes, rates, 1e-2, 3, &mut 0.1, &mut vec![0.1; d], s)
        });
        let needed = measures::weight_rank_scratch(d, h);
        ledger.scratch("dynamics::measures::weight_rank_scratch", needed, |s| {
            measures::weight_rank(&theta, d, h, s).map(|_| ())
        });
        let needed = measures::ranks_scratch(d, h);
        ledger.scratch("dynamics::measures::ranks_scratch", needed, |s| {
            let mut memory = vec![0.0; train::two_layer_scratch(d, h)];
            let mut net = train::TwoLayer::new(&theta, d, h, &mut memory)?;
            let mut ranks = measures::Ranks::new(d, h, s)?;
            for _ in 0..2 {
                assert_eq!(ranks.first(&net)?, d.min(h));
                net.train(x, &y, rates, 1)?;
            }
            Ok::<_, nanocurv::dynamics::DynamicsError>(())
        });
        let needed = one_layer::descend_scratch(d);
        ledger.scratch("dynamics::one_layer::descend_scratch", needed, |s| {
            let (gram, b) = (positive(d, 30), noise(d, 31));
            one_layer::descend(mat(&gram, d, d), &b, 1e-3, 2, &mut vec![0.1; d], s)
        });
        let theta = noise(h * d + h, 35);
        let needed = spectrum::two_layer_grams_scratch(n, h);
        ledger.scratch("dynamics::spectrum::two_layer_grams_scratch", needed, |s| {
            let (mut k1, mut k2) = (vec![0.0; n * n], vec![0.0; n * n]);
            let (k1, k2) = (mat_mut(&mut k1, n, n), mat_mut(&mut k2, n, n));
            spectrum::two_layer_grams(x, &theta, h, k1, k2, s)
        });
        let needed = spectrum::two_layer_spectrum_scratch(n, h);
        ledger.scratch("dynamics::spectrum::two_layer_spectrum_scratch", needed, |s| {
            let (mut values, mut shares) = (vec![0.0; n], vec![0.0; 2 * n]);
            let shares = mat_mut(&mut shares, 2, n);
            spectrum::two_layer_spectrum(x, &theta, h, &mut values, shares, s).map(|_| ())
        });
        let needed = spectrum::jacobian_spectrum_scratch(n);
        ledger.scratch("dynamics::spectrum::jacobian_spectrum_scratch", needed, |s| {
            let (gram, mut values, mut shares) = (positive(n, 37), vec![0.0; n], vec![0.0; n]);
            let (gram, shares) = ([mat(&gram, n, n)], mat_mut(&mut shares, 1, n));
            spectrum::jacobian_spectrum(&gram, &mut values, shares, s).map(|_| ())
        });
        let teacher = Teacher {
            modulation: Some(Modulation { kappa: 0.5, ones: None, continuous: false, zeros: 0 }),
            decoupled: true,
            ..Teacher::default()
        };
        let mut map = vec![0.0; d * d];
        ledger.scratch("dynamics::teacher::teacher_scratch", teacher_scratch(d), |s| {
            teacher.fit(x, mat_mut(&mut map, d, d), &mut vec![0.0; d], s)
        });
        ledger.scratch("dynamics::teacher::teacher_scratch", teacher_scratch(d), |s| {
            let (mut x, mut y) = (vec![0.0; d * n], vec![0.0; n]);
            let (x, map) = (mat_mut(&mut x, d, n), mat(&map, d, d));
            teacher.sample_test(&mut Rng::seed(1), &vec![1.0; d], map, x, &mut y, s)
        });
    }
}
