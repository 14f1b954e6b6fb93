//! Any network on any two batches: the core against the dense references.

use std::ops::Range;

use nanocurv::Real;
use nanocurv::network::Activation;
use nanocurv::ntk::{Component, Directions, Pairing};
use nanocurv_cli::dense::{self, Reduce};
use nanocurv_tests::kernel;
use nanocurv_tests::net::{Net, to_f64};
use nanocurv_tests::tolerances::assert_close;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A network and two batches.
#[derive(Clone, Debug)]
struct Setting {
    net: Net<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

fn settings() -> impl Strategy<Value = Setting> {
    let widths = prop::collection::vec(1_usize..7, 2..6);
    let activation = prop::sample::select(Activation::ALL);
    let batches = (1_usize..7, 1_usize..7);
    (widths, activation, any::<bool>(), 0..4_u8, batches, any::<u64>()).prop_map(
        |(widths, activation, bias, kind, (n, m), seed)| {
            let net = Net::random(&widths, activation, bias, seed);
            let net = match kind {
                0 => net.ntk_parameterised(1.4, 0.3),
                1 => net.scaled_after_activation(0.7),
                _ => net,
            };
            let (first, second) = (net.inputs(n, seed), net.inputs(m, !seed));
            Setting { net, first, second }
        },
    )
}

/// Everything about a setting in the arithmetic `T`. Kernels are held to the truth together with
/// those of each batch by itself: where two samples' gradients are nearly orthogonal their kernel
/// carries the rounding of the gradients' lengths.
fn agrees<T: Real>(setting: &Setting) {
    let net = setting.net.cast::<T>();
    let cast = |x: &[f64]| -> Vec<T> { x.iter().map(|v| T::of(*v)).collect() };
    let (first, second) = (cast(&setting.first), cast(&setting.second));
    let (mlp, reference, theta) = (net.mlp(), net.reference(), net.theta_f64());
    let (x1, x2) = (net.batch(&first), net.batch(&second));
    let (d1, d2) = (to_f64(&first), to_f64(&second));
    let all = 0..theta.len();

    let jacobian = kernel::jacobian(&mlp, x1);
    let truth = dense::jacobian(&reference, &theta, &d1);
    // f is no larger than its gradient times the parameters, and rounds like them.
    let inputs = reference.inputs();
    let f = d1.chunks(inputs).flat_map(|x| reference.forward(&theta, x));
    let with_outputs: Vec<f64> = truth.iter().copied().chain(f).collect();
    let found: Vec<T> = jacobian.into_iter().chain(kernel::outputs(&mlp, x1)).collect();
    assert_close("outputs and Jacobian", &found, &with_outputs);

    let pairs = [(x1, x1), (x1, x2), (x2, x2)];
    let dense_pairs = [(&d1, &d1), (&d1, &d2), (&d2, &d2)];
    let dense_of = |reduce: Reduce, range: &Range<usize>| -> Vec<f64> {
        dense_pairs
            .iter()
            .flat_map(|(a, b)| dense::ntk(&reference, &theta, a, b, reduce, range.clone()))
            .collect()
    };
    let between = |directions, component| -> Vec<T> {
        let kernel = |x| kernel::between(&mlp, directions, Pairing::Trace, component, x);
        pairs.into_iter().flat_map(kernel).collect()
    };
    let (each, total) = (Directions::Each, Component::Total);
    let found: Vec<T> = pairs.into_iter().flat_map(|x| kernel::full(&mlp, total, x)).collect();
    assert_close("full", &found, &dense_of(Reduce::Full, &all));
    assert_close("trace", &between(each, total), &dense_of(Reduce::Trace, &all));
    assert_close("pseudo", &between(Directions::Pseudo, total), &dense_of(Reduce::Pseudo, &all));
    let k = reference.outputs() - 1;
    let one = between(Directions::Output(k), total);
    assert_close("one output", &one, &dense_of(Reduce::Output(k), &all));
    // All components together: a part that is nothing beside the whole carries the whole's rounding.
    let (mut found, mut truth) = (Vec::new(), Vec::new());
    for (component, tensor) in kernel::components(&mlp).into_iter().zip(reference.tensors()) {
        found.extend(between(each, component));
        truth.extend(dense_of(Reduce::Trace, &tensor.range));
    }
    assert_close("components", &found, &truth);
    let square = dense::ntk(&reference, &theta, &d1, &d1, Reduce::Trace, all);
    assert_close("square", &kernel::trace(&mlp, total, x1), &square);
    let gram = dense::ntk_params(&reference, &theta, &d1);
    assert_close("parameters", &kernel::params_gram(&mlp, x1), &gram);
}

/// The same settings on every run; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` for others.
fn config() -> ProptestConfig {
    let fixed = ProptestConfig { rng_seed: RngSeed::Fixed(20), ..ProptestConfig::with_cases(200) };
    ProptestConfig { failure_persistence: None, ..fixed }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_network_on_any_batches_agrees_with_the_dense_references_in_f64(setting in settings()) {
        agrees::<f64>(&setting);
    }

    #[test]
    fn any_network_on_any_batches_agrees_with_the_dense_references_in_f32(setting in settings()) {
        agrees::<f32>(&setting);
    }
}
