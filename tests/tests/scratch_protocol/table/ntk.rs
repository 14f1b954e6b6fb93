//! Networks, tapes and tangent kernels.

use crate::{Ledger, networks, noise};
use nanocurv::network::{self, Mlp, Order, forward_scratch};
use nanocurv::ntk::{self, Component, Directions, Pairing};
use nanocurv_tests::{mat, mat_mut};

pub fn networks_and_kernels(ledger: &Ledger) {
    for ((layers, theta), samples) in networks().into_iter().zip([3, 1, 50]) {
        let (net, params, outputs) = (Mlp::new(&layers, &theta).unwrap(), theta.len(), 2);
        let (x, x2) = (noise(3 * samples, 5), noise(3 * 49, 6));
        let (x, x2) = (mat(&x, 3, samples), mat(&x2, 3, 49));
        ledger.scratch("network::tape::forward_scratch", forward_scratch(&layers, samples), |s| {
            let mut f = vec![0.0; outputs * samples];
            network::forward(&net, x, mat_mut(&mut f, outputs, samples), s)
        });
        for order in [Order::Value, Order::First, Order::Second] {
            let needed = network::tape_len(&layers, samples, order);
            ledger.scratch("network::tape::tape_len", needed, |s| {
                network::Tape::record(&net, x, order, s).map(|_| ())
            });
        }
        for directions in [Directions::Each, Directions::Pseudo, Directions::Output(1)] {
            let needed = ntk::tape_len(&layers, directions, samples);
            ledger.scratch("ntk::tape::tape_len", needed, |s| {
                ntk::Tape::record(&net, directions, x, s).map(|_| ())
            });
        }
        let each = Directions::Each;
        let mut storage = vec![0.0; ntk::tape_len(&layers, each, samples)];
        let mut storage2 = vec![0.0; ntk::tape_len(&layers, each, 49)];
        let tape = ntk::Tape::record(&net, each, x, &mut storage).unwrap();
        let tape2 = ntk::Tape::record(&net, each, x2, &mut storage2).unwrap();
        // Where there is no hidden layer nothing is multiplied, and no scratch is looked at.
        if layers.len() > 1 {
            let needed = ntk::tile_scratch(samples, 49);
            ledger.scratch("ntk::tile::tile_scratch", needed, |s| {
                let (trace, total) = (Pairing::Trace, Component::Total);
                let mut k = vec![0.0; samples * 49];
                ntk::tile(&net, (&tape, &tape2), trace, total, mat_mut(&mut k, samples, 49), s)
            });
            let needed = ntk::tile_scratch(samples, samples);
            ledger.scratch("ntk::tile::tile_scratch", needed, |s| {
                let mut k = vec![0.0; samples * samples];
                let k = mat_mut(&mut k, samples, samples);
                ntk::square_tile(&net, &tape, Component::Total, k, s)
            });
        }
        ledger.scratch("ntk::scratch", ntk::scratch(&layers, samples), |s| {
            let mut k = vec![0.0; samples * samples];
            ntk::kernel(&net, x, mat_mut(&mut k, samples, samples), s)
        });
        let needed = ntk::between_scratch(&layers, samples, 49);
        ledger.scratch("ntk::between_scratch", needed, |s| {
            let mut k = vec![0.0; samples * 49];
            ntk::kernel_between(&net, (x, x2), mat_mut(&mut k, samples, 49), s)
        });
        let needed = ntk::jacobian_scratch(&layers, samples);
        ledger.scratch("ntk::jacobian::jacobian_scratch", needed, |s| {
            let mut j = vec![0.0; params * outputs * samples];
            ntk::jacobian(&net, x, mat_mut(&mut j, params, outputs * samples), s)
        });
        let needed = ntk::params_gram_scratch(&layers);
        assert_eq!(ntk::params_gram_chunk(&layers, 1), needed);
        // One value fewer than for two samples still does for one.
        assert!(ntk::params_gram_chunk(&layers, 2) > needed);
        for name in ["ntk::jacobian::params_gram_scratch", "ntk::jacobian::params_gram_chunk"] {
            ledger.scratch(name, needed, |s| {
                let mut gram = vec![0.0; params * params];
                ntk::params_gram(&net, x, mat_mut(&mut gram, params, params), s)
            });
        }
    }
}
