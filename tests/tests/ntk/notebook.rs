//! The source notebook: `2-3-3-1` (or `-2`) with its recovered weights, three samples. Which of
//! its printed numbers belong together:
//!
//! | set | weights | biases | prints |
//! |---|---|---|---|
//! | A | of the net with biases | left out of the forward pass | 3.973685 |
//! | B | of the net with biases | yes | 54.521683, of which the weights 45.40515 |
//! | C | of the net without | none | 4.1859617 = 2.875438 + 0.742250 + 0.568274 |
//!
//! and one that belongs to nothing: 160.76213, from a function that adds wrong bias terms.

use nanocurv::network::{Activation, Layer};
use nanocurv::ntk::Component;
use nanocurv_cli::dense;
use nanocurv_tests::kernel::{self, components};
use nanocurv_tests::net::Net;
use nanocurv_tests::tolerances::{PRINTED, Worst, assert_close};
use serde_json::Value;

const TOTAL: Component = Component::Total;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../cli/data/reference/seeds/ntk_layerwise.json"))
        .unwrap()
}

fn setup(bias: bool, outputs: usize) -> String {
    format!("bias={},out={outputs}", if bias { "True" } else { "False" })
}

/// The numbers of nested lists.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// The weights of a set-up, with the biases or without, and the three samples.
fn notebook(setup: &str, activation: Activation, bias: bool) -> (Net<f64>, Vec<f64>) {
    let json = fixture();
    let weights = &json[format!("weights {setup}")];
    let (w, b) = (weights["W"].as_array().unwrap(), weights["b"].as_array().unwrap());
    let (mut layers, mut theta) = (Vec::new(), Vec::new());
    for (l, (w, b)) in w.iter().zip(b).enumerate() {
        let outputs = w.as_array().unwrap().len();
        let activation = if l == 2 { Activation::Identity } else { activation };
        let inputs = flat(w).len() / outputs;
        layers.push(Layer::new(inputs, outputs, activation).with_bias(bias));
        theta.extend(flat(w));
        if bias {
            theta.extend(flat(b));
        }
    }
    (Net::new(layers, theta), flat(&weights["X"]))
}

/// The upper triangle of a 3 x 3 kernel, row by row.
fn triangle(k: &[f64]) -> [f64; 6] {
    [k[0], k[1], k[2], k[4], k[5], k[8]]
}

/// The kernel of all weights without the biases.
fn weights_only(net: &Net<f64>, x: &[f64]) -> Vec<f64> {
    let mlp = net.mlp();
    let mut sum = vec![0.0; 9];
    for l in 0..3 {
        let part = kernel::trace(&mlp, Component::Weights(l), net.batch(x));
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    sum
}

#[test]
fn every_component_of_every_setup_is_that_of_autograd() {
    let json = fixture();
    let mut compared = 0;
    for (bias, outputs) in [(true, 1), (true, 2), (false, 1), (false, 2)] {
        for activation in [Activation::Identity, Activation::Tanh, Activation::Relu] {
            let setup = setup(bias, outputs);
            let (net, x) = notebook(&setup, activation, bias);
            let (mlp, x) = (net.mlp(), net.batch(&x));
            let name = format!("{setup},act={}", activation.name());
            let expected = &json[&name];
            for component in components(&mlp).into_iter().chain([TOTAL]) {
                let truth = match component {
                    Component::Weights(l) => &expected["components"][format!("w{}", l + 1)],
                    Component::Bias(l) => &expected["components"][format!("b{}", l + 1)],
                    Component::Total => &expected["total"],
                };
                // The fixture has the axes (N, M, O, O).
                let (found, o) = (kernel::full(&mlp, component, (x, x)), outputs);
                let found: Vec<f64> = (0..9 * o * o)
                    .map(|at| (at / (3 * o * o), at / (o * o) % 3, at / o % o, at % o))
                    .map(|(i, j, a, b)| found[((i * o + a) * 3 + j) * o + b])
                    .collect();
                assert_close(&format!("{name} {component:?}"), &found, &flat(truth));
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 3 * (7 + 7 + 4 + 4));
}

#[test]
fn the_printed_sets_are_met_to_their_print() {
    let mut printed = Worst::of::<f64>(PRINTED);
    let identity = Activation::Identity;
    // A: the weights of the net with biases, the biases left out of the forward pass.
    let (a, x) = notebook(&setup(true, 1), identity, false);
    let grams = [0, 1, 2].map(|l| kernel::trace(&a.mlp(), Component::Weights(l), a.batch(&x))[0]);
    printed.add("A by layer", &grams, &[1.1859366, 0.9833354, 1.8044131]);
    printed.add("A", &kernel::trace(&a.mlp(), TOTAL, a.batch(&x))[..1], &[3.973685]);
    // B: with biases.
    let (b, x) = notebook(&setup(true, 1), identity, true);
    let total = kernel::trace(&b.mlp(), TOTAL, b.batch(&x));
    let easy = [54.521683, 86.76405, 94.73182, 178.16164, 160.77267, 191.78003];
    printed.add("B", &triangle(&total), &easy);
    let autograd = [45.40515, 77.647514, 85.615295, 169.0451, 151.65613, 182.66347];
    printed.add("B, weights only", &triangle(&weights_only(&b, &x)), &autograd);
    // C: the net that has none.
    let (c, x) = notebook(&setup(false, 1), identity, false);
    let grams = [0, 1, 2].map(|l| kernel::trace(&c.mlp(), Component::Weights(l), c.batch(&x))[0]);
    printed.add("C by layer", &grams, &[2.875438, 0.742250, 0.568274]);
    printed.needs_its_exception();

    let total = kernel::trace(&c.mlp(), TOTAL, c.batch(&x));
    let recomputed =
        [4.1859616824, 11.4264248127, 21.1316519574, 242.6132455640, -8.0467786275, 127.1121975439];
    assert_close("C", &triangle(&total), &recomputed);
}

#[test]
fn the_corner_with_biases_is_54_and_the_notebooks_160_is_wrong() {
    const PRINTED_BY_THE_FUNCTION: f64 = 160.76213;
    let (net, x) = notebook(&setup(true, 1), Activation::Identity, true);
    let mlp = net.mlp();
    let corner = kernel::trace(&mlp, TOTAL, net.batch(&x))[0];
    assert_close("corner", &[corner], &[54.521_688_633_126]);

    // The dense Jacobian, formed by another route, says the same.
    let j = dense::jacobian(&net.reference(), &net.theta, &x);
    let row = &j[..mlp.params()];
    assert_close("|J_1|^2", &[row.iter().map(|v| v * v).sum::<f64>()], &[corner]);

    // So does the sum written out: with identity activations the signal of a layer is the product
    // of the weights behind it, so the biases add |W3 W2|^2 + |W3|^2 + 1 whatever the sample.
    let w3 = &net.theta[21..24];
    let w2 = &net.theta[9..18];
    let pulled = [0, 1, 2].map(|i| (0..3).map(|o| w3[o] * w2[o * 3 + i]).sum::<f64>());
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
    let biases = norm(&pulled) + norm(w3) + 1.0;
    assert_close("the biases by hand", &[biases], &[9.116_534_684_5]);
    let weights = weights_only(&net, &x);
    let total = kernel::trace(&mlp, TOTAL, net.batch(&x));
    for (total, weights) in total.iter().zip(&weights) {
        assert_close("weights and biases", &[weights + biases], &[*total]);
    }

    // The function that printed 160.76 has the weights right: it is off by the same amount for
    // every pair of samples, as only bias terms are. They would have to be 115.357 in place of
    // 9.117. But 9.117 is all there is: a bias enters through its layer's output alone, so that
    // moving each one gives its derivative exactly (f is linear in it), and the sum of their
    // squares is what the biases add.
    let excess = PRINTED_BY_THE_FUNCTION - weights[0];
    assert!((excess - 115.35698).abs() < 1e-4, "{excess}");
    let f = |theta: &[f64]| net.reference().forward::<f64>(theta, &x[..2])[0];
    let moved: f64 = (0..net.theta.len())
        .filter(|p| matches!(p, 6..9 | 18..21 | 24))
        .map(|p| {
            let mut theta = net.theta.clone();
            theta[p] += 1.0;
            (f(&theta) - f(&net.theta)).powi(2)
        })
        .sum();
    assert_close("the biases by moving them", &[moved], &[biases]);
    assert!(excess > 12.0 * moved, "no more than {moved} can come from the biases, not {excess}");
}

#[test]
fn the_full_kernel_is_laid_out_sample_output_sample_output() {
    let (net, x) = notebook(&setup(true, 2), Activation::Tanh, true);
    let (mlp, x) = (net.mlp(), net.batch(&x));
    let (n, o) = (3, 2);
    let k = kernel::full(&mlp, TOTAL, (x, x));
    let block = |i: usize, j: usize| {
        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| k[((i * o + a) * n + j) * o + b])
    };
    let corner = [3.4699347313, -0.1522117117, -0.1522117117, 4.1603543043];
    assert_close("(0, 0)", &block(0, 0), &corner);
    // Between two samples the outputs' block is not symmetric: a swapped layout shows here.
    let beside = [3.5178630366, -0.0943116645, -0.0894507123, 4.0614158355];
    assert_close("(0, 1)", &block(0, 1), &beside);
    let [p, q, r, s] = block(0, 1);
    assert_eq!(block(1, 0), [p, r, q, s]);
    assert!((q - r).abs() > 4e-3);

    use nanocurv::ntk::Directions;
    let mean = kernel::trace(&mlp, TOTAL, x)[0] / 2.0;
    let pseudo = kernel::square(&mlp, Directions::Pseudo, TOTAL, x)[0];
    assert_close("mean and pseudo", &[mean, pseudo], &[3.8151445178, 3.6629328061]);
}

#[test]
fn tanh_and_relu_with_the_weights_of_set_b() {
    let kernel_of = |activation| {
        let (net, x) = notebook(&setup(true, 1), activation, true);
        triangle(&kernel::trace(&net.mlp(), TOTAL, net.batch(&x)))
    };
    let [a, b, c, d, _, f] = kernel_of(Activation::Tanh);
    let tanh = [8.2540514252, 4.5994498563, 2.5208884556, 5.5869094697, 3.7187266661];
    assert_close("tanh", &[a, b, c, d, f], &tanh);
    let [a, b, c, _, _, f] = kernel_of(Activation::Relu);
    let relu = [1.6091274198, 1.6091274198, 2.3379904797, 5.3925377368];
    assert_close("relu", &[a, b, c, f], &relu);
}
