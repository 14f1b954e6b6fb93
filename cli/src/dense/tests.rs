use super::*;

/// A generator good enough for test inputs.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2) + 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count).map(|_| 2.0 * next() - 1.0).collect()
}

/// A net with every activation in turn, scales of all kinds, with and without biases.
fn nets() -> Vec<(Network, Vec<f64>)> {
    let mut nets = Vec::new();
    for (i, (_, activation)) in Activation::NAMES.iter().enumerate() {
        let mut layers = vec![
            Layer::new(3, 4, *activation),
            Layer::new(4, 2, *activation),
            Layer::new(2, 2, Activation::Identity),
        ];
        if i % 2 == 0 {
            for layer in &mut layers {
                layer.weight_scale = 1.2 / (layer.inputs as f64).sqrt();
                layer.bias_scale = 0.3;
                layer.output_scale = 0.7;
            }
        }
        if i % 3 == 0 {
            layers.iter_mut().for_each(|l| l.bias = false);
        }
        let network = Network { layers };
        let theta = noise(network.parameters(), i as u64);
        nets.push((network, theta));
    }
    nets
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let difference = Difference::between(found, expected);
    assert!(difference.relative() <= tolerance, "{what}: {:e}", difference.relative());
}

#[test]
fn the_written_derivatives_are_those_of_dual_numbers() {
    for (name, activation) in Activation::NAMES {
        for z in [-30.0, -2.5, -0.7, -1e-3, 1e-3, 0.4, 1.9, 40.0] {
            let dual = activation.value(Dual::new(z, 1.0));
            assert_close(&[activation.derivative(z)], &[dual.slope], 1e-13, name);
            assert_eq!(activation.value(z), dual.value, "{name}");
            assert!(dual.value.is_finite() && dual.slope.is_finite(), "{name} at {z}");
        }
    }
}

#[test]
fn reverse_mode_agrees_with_forward_mode() {
    let x = noise(9, 100);
    for (network, theta) in nets() {
        let what = network.layers[0].activation.name();
        let forward = jacobian_by_duals(&network, &theta, &x);
        assert_close(&jacobian(&network, &theta, &x), &forward, 1e-13, what);
    }
}

#[test]
fn the_kernels_are_reductions_of_the_full_one() {
    let (x1, x2) = (noise(6, 7), noise(9, 8));
    let (n, m, o) = (2, 3, 2);
    for (network, theta) in nets() {
        let all = 0..network.parameters();
        let full = ntk(&network, &theta, &x1, &x2, Reduce::Full, all.clone());
        let entry = |i: usize, a: usize, j: usize, b: usize| full[((i * o + a) * m + j) * o + b];
        let pairs: Vec<_> = (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).collect();
        let reduced = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            pairs.iter().map(|(i, j)| f(*i, *j)).collect()
        };
        let trace = reduced(&|i, j| entry(i, 0, j, 0) + entry(i, 1, j, 1));
        let pseudo =
            reduced(&|i, j| (0..4).map(|ab| entry(i, ab / 2, j, ab % 2)).sum::<f64>() / 2.0);
        let second = reduced(&|i, j| entry(i, 1, j, 1));
        let diagonal: Vec<f64> =
            pairs.iter().flat_map(|(i, j)| [entry(*i, 0, *j, 0), entry(*i, 1, *j, 1)]).collect();
        let mean: Vec<f64> = trace.iter().map(|v| v / 2.0).collect();
        for (reduce, expected) in [
            (Reduce::Trace, &trace),
            (Reduce::Mean, &mean),
            (Reduce::Pseudo, &pseudo),
            (Reduce::Output(1), &second),
            (Reduce::Diagonal, &diagonal),
        ] {
            let found = ntk(&network, &theta, &x1, &x2, reduce, all.clone());
            assert_close(&found, expected, 1e-13, "reduction");
        }
        let mut sum = vec![0.0; trace.len()];
        for tensor in network.tensors() {
            let part = ntk(&network, &theta, &x1, &x2, Reduce::Trace, tensor.range);
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
        assert_close(&sum, &trace, 1e-13, "sum of components");
    }
}

#[test]
fn both_gram_matrices_have_the_same_trace() {
    let x = noise(9, 3);
    for (network, theta) in nets() {
        let samples = ntk(&network, &theta, &x, &x, Reduce::Trace, 0..network.parameters());
        let params = ntk_params(&network, &theta, &x);
        let trace = |m: &[f64], n: usize| (0..n).map(|i| m[i * n + i]).sum::<f64>();
        let (a, b) = (trace(&samples, 3), trace(&params, network.parameters()));
        assert_close(&[a], &[b], 1e-13, "trace");
    }
}

#[test]
fn gradient_and_hessian_are_derivatives_of_the_loss() {
    let x = noise(9, 5);
    let soft = Targets::Values(vec![0.2, 0.8, 0.5, 0.5, 0.9, 0.1]);
    let labels = Targets::Labels(vec![0, 1, 1]);
    for (index, (network, theta)) in nets().into_iter().enumerate() {
        for (loss, y) in [
            (Loss::Mse, &soft),
            (Loss::CrossEntropy, &soft),
            (Loss::CrossEntropy, &labels),
            (Loss::Bce, &soft),
        ] {
            let reduction = if index % 2 == 0 { Reduction::Mean } else { Reduction::Sum };
            let found = gradient(&network, &theta, &x, y, loss, reduction);
            let by_duals: Vec<f64> = (0..theta.len())
                .map(|p| {
                    let mut dual: Vec<Dual> = theta.iter().map(|t| Dual::from(*t)).collect();
                    dual[p].slope = 1.0;
                    loss.total(reduction, &network, &dual, &x, y).slope
                })
                .collect();
            assert_close(&found, &by_duals, 1e-13, "gradient");
            let hessian = hessian(&network, &theta, &x, y, loss, reduction);
            let p = theta.len();
            let transposed: Vec<f64> = (0..p * p).map(|i| hessian[i % p * p + i / p]).collect();
            assert_close(&hessian, &transposed, 1e-13, "symmetry of the Hessian");
        }
    }
}

#[test]
fn the_ggn_is_the_hessian_of_a_linear_network() {
    let network = Network { layers: vec![Layer::new(3, 2, Activation::Identity)] };
    let (theta, x) = (noise(8, 1), noise(9, 2));
    let y = Targets::Labels(vec![1, 0, 1]);
    let (loss, mean) = (Loss::CrossEntropy, Reduction::Mean);
    let found = ggn(&network, &theta, &x, &y, loss, mean);
    assert_close(&found, &hessian(&network, &theta, &x, &y, loss, mean), 1e-13, "ggn");
}
