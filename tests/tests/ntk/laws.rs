//! What holds for the tangent kernel of any network.

use nanocurv::Mat;
use nanocurv::error::NetworkError;
use nanocurv::network::{Activation, Layer, Scale};
use nanocurv::ntk::{Component, Directions, Pairing, Tape, tape_len, tile};
use nanocurv_tests::kernel::{self, components};
use nanocurv_tests::net::Net;
use nanocurv_tests::tolerances::{DEFAULT, assert_close};
use nanocurv_tests::{mat, mat_mut};

const TOTAL: Component = Component::Total;

/// Networks of every activation, shapes with widths of one, with and without biases, in every
/// parameterisation; and five samples for each.
fn nets() -> Vec<(Net<f64>, Vec<f64>)> {
    let shapes: [&[usize]; 5] = [&[3, 4, 1], &[2, 5, 3, 2], &[4, 1, 1, 3], &[1, 2, 2, 1], &[3, 2]];
    let mut nets = Vec::new();
    for (i, activation) in Activation::ALL.iter().copied().enumerate() {
        for (k, widths) in shapes.into_iter().enumerate() {
            let net = Net::random(widths, activation, (i + k) % 3 != 0, (i * 5 + k) as u64);
            let net = match (i + 2 * k) % 3 {
                0 => net,
                1 => net.ntk_parameterised(1.4, 0.3),
                _ => net.scaled_after_activation(0.7),
            };
            let x = net.inputs(5, i as u64);
            nets.push((net, x));
        }
    }
    nets
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_kernel_of_one_batch_is_symmetric_bit_for_bit() {
    for (net, x) in nets() {
        let k = kernel::trace(&net.mlp(), TOTAL, net.batch(&x));
        (0..25).for_each(|at| assert_eq!(k[at / 5 * 5 + at % 5], k[at % 5 * 5 + at / 5]));
    }
}

#[test]
fn the_full_kernel_is_symmetric_in_sample_and_output_together() {
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let size = 5 * mlp.outputs();
        let k = kernel::full(&mlp, TOTAL, (x, x));
        let transposed: Vec<f64> =
            (0..size * size).map(|i| k[i % size * size + i / size]).collect();
        assert_close("K^T", &k, &transposed);
    }
}

#[test]
fn the_kernel_is_positive_semidefinite() {
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        for component in components(&mlp).into_iter().chain([TOTAL]) {
            let size = 5 * mlp.outputs();
            let values = kernel::eigenvalues(&kernel::full(&mlp, component, (x, x)), size);
            let (least, largest) = (values[0], values[size - 1]);
            assert!(largest >= 0.0 && least >= -DEFAULT.f64 * largest, "{component:?}: {values:?}");
        }
    }
}

#[test]
fn the_components_add_up_to_the_total() {
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let mut sum = vec![0.0; 25];
        for component in components(&mlp) {
            let part = kernel::trace(&mlp, component, x);
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        }
        assert_close("total", &kernel::trace(&mlp, TOTAL, x), &sum);
    }
}

#[test]
fn the_kernel_times_u_is_the_jacobian_times_its_transpose_times_u() {
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let (size, params) = (5 * mlp.outputs(), mlp.params());
        let k = kernel::full(&mlp, TOTAL, (x, x));
        let j = kernel::jacobian(&mlp, x);
        let u: Vec<f64> = (0..size).map(|i| (1.3 * i as f64).sin() + 0.2).collect();
        let back: Vec<f64> =
            (0..params).map(|p| (0..size).map(|i| j[i * params + p] * u[i]).sum()).collect();
        let truth: Vec<f64> = j.chunks(params).map(|row| dot(row, &back)).collect();
        let found: Vec<f64> = k.chunks(size).map(|row| dot(row, &u)).collect();
        assert_close("K u", &found, &truth);
    }
}

#[test]
fn the_trace_of_the_kernel_is_the_squared_norm_of_the_jacobian() {
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let j = kernel::jacobian(&mlp, x);
        let k = kernel::trace(&mlp, TOTAL, x);
        assert_close("trace", &[(0..5).map(|i| k[i * 6]).sum::<f64>()], &[dot(&j, &j)]);
    }
}

#[test]
fn the_reductions_are_those_of_the_full_kernel() {
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let (n, o) = (5, mlp.outputs());
        let k = kernel::full(&mlp, TOTAL, (x, x));
        let entry = |i: usize, a: usize, j: usize, b: usize| k[((i * o + a) * n + j) * o + b];
        let reduce = |of: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..n * n).map(|at| of(at / n, at % n)).collect()
        };
        let trace = reduce(&|i, j| (0..o).map(|a| entry(i, a, j, a)).sum());
        assert_close("trace", &kernel::trace(&mlp, TOTAL, x), &trace);
        let pseudo = reduce(&|i, j| {
            let all = (0..o * o).map(|ab| entry(i, ab / o, j, ab % o));
            all.sum::<f64>() / o as f64
        });
        assert_close("pseudo", &kernel::square(&mlp, Directions::Pseudo, TOTAL, x), &pseudo);
        for a in 0..o {
            let one = reduce(&|i, j| entry(i, a, j, a));
            assert_close("one", &kernel::square(&mlp, Directions::Output(a), TOTAL, x), &one);
        }
    }
}

/// Samples at which no hidden unit is closer than 0.001 to its kink. One that is dead and without a
/// bias stays at it whichever parameter is moved.
fn away_from_kinks(net: &Net<f64>) -> Vec<f64> {
    let mut samples = Vec::new();
    for x in net.inputs(4000, 77).chunks(net.layers[0].inputs) {
        let closest = (1..net.layers.len()).map(|depth| {
            // z_depth is the output of the network that ends there.
            let mut layers = net.layers[..depth].to_vec();
            layers[depth - 1].activation = Activation::Identity;
            let theta = net.theta[..layers.iter().map(Layer::params).sum()].to_vec();
            let scales = net.scales[..depth].to_vec();
            let cut = Net { layers, theta, scales, after: Vec::new() };
            let z = kernel::outputs(&cut.mlp(), net.batch(x));
            let alive = z.iter().filter(|z| **z != 0.0);
            alive.fold(f64::INFINITY, |m, z| m.min(z.abs()))
        });
        if closest.fold(f64::INFINITY, f64::min) > 0.001 {
            samples.extend(x);
        }
        if samples.len() == 2 * x.len() {
            break;
        }
    }
    assert!(!samples.is_empty());
    samples
}

#[test]
fn the_jacobian_agrees_with_finite_differences() {
    // Five points: the error of order h^4 and the rounding over h are both below the default.
    let h = 4e-4;
    for (net, _) in nets() {
        let x = away_from_kinks(&net);
        let x = net.batch(&x);
        let size = x.cols() * net.mlp().outputs();
        let mut differences = vec![0.0; size * net.theta.len()];
        for p in 0..net.theta.len() {
            let f = |step: f64| {
                let mut moved = net.clone();
                moved.theta[p] += step;
                kernel::outputs(&moved.mlp(), x)
            };
            let (a, b, c, d) = (f(-2.0 * h), f(-h), f(h), f(2.0 * h));
            for i in 0..size {
                differences[i * net.theta.len() + p] =
                    (a[i] - 8.0 * b[i] + 8.0 * c[i] - d[i]) / (12.0 * h);
            }
        }
        let what = format!("{:?}", net.layers);
        assert_close(&what, &kernel::jacobian(&net.mlp(), x), &differences);
    }
}

/// The activations with phi(c z) = c phi(z) for c > 0.
const HOMOGENEOUS: [Activation; 4] =
    [Activation::Relu, Activation::LeakyRelu, Activation::NormalizedRelu, Activation::Identity];

#[test]
fn a_homogeneous_network_without_biases_is_its_gradient_times_each_weight() {
    for activation in HOMOGENEOUS {
        let net = Net::<f64>::random(&[3, 6, 5, 2], activation, false, 5);
        let x = net.inputs(4, 6);
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let (f, j) = (kernel::outputs(&mlp, x), kernel::jacobian(&mlp, x));
        for dense in mlp.dense() {
            let tensor = dense.offset..dense.offset + dense.layer.params();
            let found: Vec<f64> = j
                .chunks(mlp.params())
                .map(|row| dot(&row[tensor.clone()], &net.theta[tensor.clone()]))
                .collect();
            assert_close("<W_l, dF/dW_l>", &found, &f);
        }
    }
}

#[test]
fn the_kernel_of_a_homogeneous_network_scales_with_the_weights() {
    for activation in HOMOGENEOUS {
        for depth in 1..5 {
            let widths: Vec<usize> = [3, 6, 5, 4, 2].into_iter().take(depth + 1).collect();
            let net = Net::<f64>::random(&widths, activation, false, 7);
            let x = net.inputs(4, 8);
            let c = 1.7_f64;
            let mut scaled = net.clone();
            scaled.theta.iter_mut().for_each(|t| *t *= c);
            let before = kernel::trace(&net.mlp(), TOTAL, net.batch(&x));
            let factor = c.powi(2 * (depth as i32 - 1));
            let truth: Vec<f64> = before.iter().map(|k| factor * k).collect();
            assert_close(
                "c^(2 (L - 1))",
                &kernel::trace(&scaled.mlp(), TOTAL, net.batch(&x)),
                &truth,
            );
        }
    }
}

#[test]
fn one_linear_layer_has_the_gram_of_its_inputs() {
    let (s, t) = (0.6, 1.9);
    for outputs in [1, 3] {
        let mut net = Net::<f64>::random(&[4, outputs], Activation::Identity, true, 9);
        net.scales = vec![Scale { weight: s, bias: t }];
        let x = net.inputs(5, 10);
        let (mlp, batch) = (net.mlp(), net.batch(&x));
        let k = kernel::full(&mlp, TOTAL, (batch, batch));
        let size = 5 * outputs;
        let truth: Vec<f64> = (0..size * size)
            .map(|at| {
                let ((i, a), (j, b)) = ((at / size / outputs, at / size % outputs), {
                    let col = at % size;
                    (col / outputs, col % outputs)
                });
                let gram = s * s * dot(batch.col(i), batch.col(j)) + t * t;
                if a == b { gram } else { 0.0 }
            })
            .collect();
        assert_close("s^2 X X^T + t^2 1 1^T", &k, &truth);
    }
}

#[test]
fn the_biases_of_an_identity_network_add_the_same_to_every_pair() {
    let net = Net::<f64>::random(&[3, 4, 5, 2], Activation::Identity, true, 11);
    let x = net.inputs(6, 12);
    let mlp = net.mlp();
    for l in 0..3 {
        let k = kernel::full(&mlp, Component::Bias(l), (net.batch(&x), net.batch(&x)));
        let corner = |at: usize| k[at / 12 % 2 * 12 + at % 2];
        let truth: Vec<f64> = (0..144).map(corner).collect();
        assert_close("bias", &k, &truth);
    }
}

/// The same function with the scales inside the weights.
fn absorbed(net: &Net<f64>) -> Net<f64> {
    let mut standard = Net::new(net.layers.clone(), net.theta.clone());
    for dense in net.mlp().dense() {
        let own = &mut standard.theta[dense.offset..][..dense.layer.params()];
        let (weights, bias) = own.split_at_mut(dense.layer.inputs * dense.layer.outputs);
        weights.iter_mut().for_each(|w| *w *= dense.scale.weight);
        bias.iter_mut().for_each(|b| *b *= dense.scale.bias);
    }
    standard
}

#[test]
fn scales_are_those_of_the_same_network_with_the_scales_in_its_weights() {
    for activation in [Activation::Tanh, Activation::Relu, Activation::Gelu] {
        for bias in [true, false] {
            let net = Net::<f64>::random(&[3, 5, 4, 2], activation, bias, 13);
            let mut three = net.clone();
            for (l, scale) in three.scales.iter_mut().enumerate() {
                *scale = Scale { weight: 0.5 + 0.4 * l as f64, bias: 1.3 - 0.4 * l as f64 };
            }
            let scaled = [
                net.clone().ntk_parameterised(1.5, 0.2),
                net.clone().scaled_after_activation(0.6),
                net.ntk_parameterised(1.5, 0.2).scaled_after_activation(0.6),
                three,
            ];
            for net in scaled {
                let standard = absorbed(&net);
                let (mlp, same, x) = (net.mlp(), standard.mlp(), net.inputs(4, 14));
                let x = net.batch(&x);
                assert_close("f", &kernel::outputs(&mlp, x), &kernel::outputs(&same, x));
                for dense in mlp.dense() {
                    let (l, scale) = (dense.index, dense.scale);
                    let parts = [
                        (Component::Weights(l), scale.weight),
                        (Component::Bias(l), dense.bias_input()),
                    ];
                    for (component, scale) in parts {
                        let k = kernel::full(&mlp, component, (x, x));
                        let mut truth = kernel::full(&same, component, (x, x));
                        truth.iter_mut().for_each(|k| *k *= scale * scale);
                        assert_close(&format!("{component:?}"), &k, &truth);
                    }
                }
            }
        }
    }
}

#[test]
fn the_grams_of_samples_and_of_parameters_share_their_spectrum() {
    let mut sides = [0; 2];
    for (net, x) in nets() {
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let (size, params) = (5 * mlp.outputs(), mlp.params());
        sides[usize::from(size < params)] += 1;
        let mut samples = kernel::eigenvalues(&kernel::full(&mlp, TOTAL, (x, x)), size);
        let mut of_params = kernel::eigenvalues(&kernel::params_gram(&mlp, x), params);
        samples.reverse();
        of_params.reverse();
        // What the larger has beyond the smaller is zero.
        let longest = size.max(params);
        samples.resize(longest, 0.0);
        of_params.resize(longest, 0.0);
        assert_close("spectrum", &of_params, &samples);
    }
    assert!(sides.iter().all(|count| *count > 3), "both ways round: {sides:?}");
}

#[test]
fn a_large_batch_is_its_tiles_side_by_side() {
    let net = Net::<f64>::random(&[3, 7, 6, 2], Activation::Tanh, true, 15);
    let x = net.inputs(61, 16);
    let (mlp, x) = (net.mlp(), net.batch(&x));
    let whole = kernel::trace(&mlp, TOTAL, x);
    let mut tiles = vec![0.0; 61 * 61];
    for (row, col) in (0..7).flat_map(|row| (0..7).map(move |col| (9 * row, 9 * col))) {
        let (rows, cols) = (9.min(61 - row), 9.min(61 - col));
        let batches = (x.columns_range(row, rows), x.columns_range(col, cols));
        let tile = kernel::between(&mlp, Directions::Each, Pairing::Trace, TOTAL, batches);
        for (at, v) in tile.into_iter().enumerate() {
            tiles[(row + at / cols) * 61 + col + at % cols] = v;
        }
    }
    assert_close("tiles", &whole, &tiles);
    let between = kernel::between(&mlp, Directions::Each, Pairing::Trace, TOTAL, (x, x));
    assert_close("two batches", &between, &tiles);
}

#[test]
fn what_stands_between_the_columns_of_a_batch_does_not_matter() {
    let net = Net::<f64>::random(&[3, 4, 2], Activation::Tanh, true, 20);
    let x = net.inputs(4, 21);
    let mut wide = vec![f64::NAN; 5 * 4];
    for (wide, x) in wide.chunks_mut(5).zip(x.chunks(3)) {
        wide[1..4].copy_from_slice(x);
    }
    let (mlp, batch) = (net.mlp(), mat(&wide, 5, 4).block(1, 0, 3, 4));
    let (x, total) = (net.batch(&x), Component::Total);
    assert_eq!(kernel::outputs(&mlp, batch), kernel::outputs(&mlp, x));
    assert_eq!(kernel::jacobian(&mlp, batch), kernel::jacobian(&mlp, x));
    assert_eq!(kernel::trace(&mlp, total, batch), kernel::trace(&mlp, total, x));
    assert_eq!(kernel::full(&mlp, total, (batch, x)), kernel::full(&mlp, total, (x, batch)));
}

#[test]
fn tapes_that_do_not_belong_together_are_refused() {
    for widths in [&[2, 3, 2][..], &[2, 2]] {
        let net = Net::<f64>::random(widths, Activation::Tanh, true, 17);
        let x = net.inputs(2, 18);
        let (mlp, x) = (net.mlp(), net.batch(&x));
        let layers = mlp.layers();
        let compare = |first: Directions, second: Directions, pairing: Pairing| {
            let mut one = vec![0.0; tape_len(layers, first, 2)];
            let mut two = vec![0.0; tape_len(layers, second, 2)];
            let rows = Tape::record(&mlp, first, x, &mut one).unwrap();
            let cols = Tape::record(&mlp, second, x, &mut two).unwrap();
            let k = &mut [0.0; 4];
            tile(&mlp, (&rows, &cols), pairing, TOTAL, mat_mut(k, 2, 2), &mut [])
        };
        use Directions::{Each, Output, Pseudo};
        assert!(compare(Each, Each, Pairing::Pair(0, 1)).is_ok());
        assert!(compare(Output(1), Output(1), Pairing::Trace).is_ok());
        for (first, second) in [(Each, Pseudo), (Output(0), Output(1)), (Pseudo, Output(0))] {
            let error = compare(first, second, Pairing::Trace).unwrap_err();
            assert_eq!(error, NetworkError::Directions, "{first:?} {second:?}");
        }
        for pairing in [Pairing::Pair(2, 0), Pairing::Pair(0, 2)] {
            assert!(compare(Each, Each, pairing).is_err(), "{pairing:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error_with_a_name() {
    let net = Net::<f64>::random(&[2, 3, 1], Activation::Tanh, true, 19);
    let mlp = net.mlp();
    let mut storage = vec![0.0; tape_len(mlp.layers(), Directions::Each, 2)];
    let mut record = |x: Mat<'_, f64>, directions| {
        Tape::record(&mlp, directions, x, &mut storage).map(|_| ()).unwrap_err().to_string()
    };
    let each = Directions::Each;
    assert_eq!(record(mat(&[0.0; 6], 3, 2), each), "x: needed 2, found 3");
    assert_eq!(record(mat(&[], 2, 0), each), "the batch holds no samples");
    let nan = [0.0, 1.0, 2.0, f64::NAN];
    let message = record(mat(&nan, 2, 2), each);
    assert!(message.starts_with('x') && message.contains('3'), "{message}");
    let message = record(mat(&[0.0; 4], 2, 2), Directions::Output(1));
    assert_eq!(message, "output 1 is out of range: the network has 1");
}
