//! Laws of what is measured during a run.

use super::*;
use nanocurv::dynamics::measures::{
    Ranks, alignment, hidden_features, loss_gradient, ranks_scratch, reduced_gradient_norms,
    weight_rank, weight_rank_scratch,
};
use nanocurv::dynamics::one_layer::descend;
use nanocurv::dynamics::standard::{feature_scales, standardize};
use nanocurv::dynamics::train::{kaiming_normal_start, kaiming_uniform_start};
use nanocurv::network::Activation;

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::seed(seed);
    (0..count).map(|_| rng.normal()).collect()
}

fn theta_of(net: &TwoLayer<'_, f64>, d: usize) -> Vec<f64> {
    let mut theta = vec![0.0; two_layer_params(d, net.hidden())];
    net.write_to(&mut theta).unwrap();
    theta
}

/// The gradients are those of differences of the loss, weight by weight.
#[test]
fn gradient_norms_are_those_of_the_loss() {
    for (d, n, h) in [(3, 7, 5), (2, 4, 20), (9, 4, 17)] {
        let (x, y, theta) = (noise(d * n, 1), noise(n, 2), noise(h * d + h, 3));
        let x = mat(&x, d, n);
        let loss = |theta: &[f64]| {
            let mut scratch = vec![0.0; two_layer_scratch(d, h)];
            let net = TwoLayer::new(theta, d, h, &mut scratch).unwrap();
            squared_error(x, &y, net.total())
        };
        let mut squares = [0.0; 2];
        for i in 0..theta.len() {
            let at = |step: f64| {
                let mut moved = theta.clone();
                moved[i] += step;
                loss(&moved)
            };
            // The loss is of degree two in a weight: a central difference is exact.
            squares[usize::from(i >= h * d)] += (at(0.5) - at(-0.5)).powi(2);
        }
        let mut scratch = vec![0.0; two_layer_scratch(d, h)];
        let net = TwoLayer::new(&theta, d, h, &mut scratch).unwrap();
        let mut g = vec![0.0; d];
        let found = loss_gradient(x, &y, net.total(), &mut g).unwrap();
        close("loss", found, loss(&theta), 1e-12 * found);
        let (first, second) = net.gradient_norms(&g).unwrap();
        close("first", first, squares[0].sqrt(), 1e-11 * first);
        close("second", second, squares[1].sqrt(), 1e-11 * second);
    }
}

#[test]
fn the_reductions_gradient_norms_and_rank_are_those_of_the_full_network() {
    let mut rng = Rng::seed(5);
    for (d, n, h) in [(2, 10, 50), (4, 3, 32), (1, 5, 40)] {
        let (x, y) = (noise(d * n, 6), noise(n, 7));
        let x = mat(&x, d, n);
        let mut theta = vec![0.0; two_layer_params(d, h)];
        rank_one_start(&mut rng, (0.3, 0.2), d, h, &mut theta).unwrap();
        let (mut p, mut z) = (vec![0.0; h], vec![0.0; d]);
        let mut u = rank_one(&theta, 1e-13, &mut p, &mut z).unwrap();
        let (s, b) = moments_of(x, &y);
        let rates = Rates { first: 2e-3, second: 1e-3 };
        let mut memory = vec![0.0; two_layer_scratch(d, h)];
        let mut net = TwoLayer::new(&theta, d, h, &mut memory).unwrap();
        let mut memory = vec![0.0; ranks_scratch(d, h)];
        let mut ranks = Ranks::new(d, h, &mut memory).unwrap();
        let mut g = vec![0.0; d];
        for _ in 0..40 {
            loss_gradient(x, &y, net.total(), &mut g).unwrap();
            let (first, second) = net.gradient_norms(&g).unwrap();
            let w: Vec<f64> = z.iter().map(|z| u * z).collect();
            loss_gradient(x, &y, &w, &mut g).unwrap();
            let (by_z, by_u) = reduced_gradient_norms(&z, u, &g);
            let scale = dot(&b, &b).sqrt();
            close("first", first, by_z, 1e-12 * scale);
            close("second", second, by_u, 1e-12 * scale);
            assert_eq!(ranks.first(&net).unwrap(), 1);
            net.train_on_moments(mat(&s, d, d), &b, rates, 25).unwrap();
            reduce(mat(&s, d, d), &b, rates, 25, &mut z, &mut u, &mut vec![0.0; d]).unwrap();
        }
    }
}

/// At every time of a run, whatever the start: full, deficient, one direction, nothing.
#[test]
fn the_rank_that_is_followed_is_the_rank_by_singular_values() {
    for (d, n, h) in [(4, 9, 6), (6, 9, 4), (5, 5, 5), (20, 30, 40), (1, 3, 4), (3, 6, 1)] {
        let (x, y) = (noise(d * n, 8), noise(n, 9));
        let x = mat(&x, d, n);
        for start in 0..5 {
            let mut theta = noise(h * d + h, 10 + start);
            let rows = &mut theta[..h * d];
            match start {
                1 => rows.chunks_mut(d).for_each(|row| row[d - 1] = row[0]),
                2 => rows.fill(0.0),
                // Full, though no Gram could tell.
                3 => rows.chunks_mut(d).for_each(|row| row[0] = row[d - 1] + 1e-10 * row[0]),
                4 => constant_start((0.1, 0.1), d, h, &mut theta).unwrap(),
                _ => {}
            }
            let mut memory = vec![0.0; two_layer_scratch(d, h)];
            let mut net = TwoLayer::new(&theta, d, h, &mut memory).unwrap();
            let mut memory = vec![0.0; ranks_scratch(d, h)];
            let mut ranks = Ranks::new(d, h, &mut memory).unwrap();
            let mut seen = Vec::new();
            for steps in [0, 1, 1, 10, 100, 300] {
                net.train(x, &y, Rates::same(0.03 / (h * n) as f64), steps).unwrap();
                let mut scratch = vec![0.0; weight_rank_scratch(d, h)];
                let theta = theta_of(&net, d);
                let needed = weight_rank(&theta, d, h, &mut scratch).unwrap();
                assert_eq!(ranks.first(&net).unwrap(), needed, "{d}-{h}, start {start}");
                seen.push(needed);
            }
            match start {
                0 | 3 => assert_eq!(seen[0], d.min(h), "{d}-{h}"),
                1 => assert!(seen[0] <= h.min(d.saturating_sub(1).max(1)), "{d}-{h}"),
                2 => assert_eq!(seen[0], 0),
                _ => assert!(seen.iter().all(|rank| *rank == 1), "{seen:?}"),
            }
        }
    }
}

/// Converged from a rank-one start: `W1 = p z^T` with `z = w_min / u` and `w2 = u p^T`. So the
/// first layer is aligned with the input directions as `w_min` is, `|W1 v_i| = |w_min . v_i| / |u|`,
/// and the second with one hidden direction alone, `Z = X z p^T`: `s_1 = |X w_min| / |u|`, `|u|`.
#[test]
fn alignments_of_a_converged_run_are_those_of_its_end_in_closed_form() {
    let (d, n, h) = (3, 12, 20);
    let (x, y) = (noise(d * n, 30), noise(n, 31));
    let view = mat(&x, d, n);
    let mut theta = vec![0.0; two_layer_params(d, h)];
    rank_one_start(&mut Rng::seed(3), (0.2, 0.3), d, h, &mut theta).unwrap();
    let mut memory = vec![0.0; two_layer_scratch(d, h)];
    let mut net = TwoLayer::new(&theta, d, h, &mut memory).unwrap();
    net.train(view, &y, Rates::same(5e-3), 20_000).unwrap();
    let theta = theta_of(&net, d);
    let mut end = vec![0.0; d];
    w_min(view, &y, &mut end, &mut vec![0.0; w_min_scratch(d, n)]).unwrap();
    let u = net.second_norm();

    // The right singular vectors by another route: the eigenvectors of X^T X.
    let (s, _) = moments_of(view, &y);
    let eigen = nalgebra::DMatrix::from_vec(d, d, s).symmetric_eigen();
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let (mut values, mut aligned) = (vec![0.0; d], vec![0.0; d]);
    let layer = mat(&theta[..h * d], d, h);
    let mut inputs = x.clone();
    let rank = alignment(mat_mut(&mut inputs, d, n), layer, &mut values, &mut aligned).unwrap();
    assert_eq!(rank, d);
    for (i, k) in order.into_iter().enumerate() {
        close("value", values[i], eigen.eigenvalues[k].sqrt(), 1e-12);
        let along = dot(eigen.eigenvectors.column(k).as_slice(), &end) / u;
        close("alignment", aligned[i], along.abs(), 1e-10);
    }

    let mut z = vec![0.0; h * n];
    hidden_features(view, &theta, Activation::Identity, mat_mut(&mut z, h, n)).unwrap();
    let (mut values, mut aligned) = (vec![0.0; n], vec![0.0; n]);
    let layer = mat(&theta[h * d..], h, 1);
    alignment(mat_mut(&mut z, h, n), layer, &mut values, &mut aligned).unwrap();
    let outputs: Vec<f64> = x.chunks(d).map(|x| dot(x, &end)).collect();
    close("value", values[0], dot(&outputs, &outputs).sqrt() / u, 1e-10);
    assert!(values[1] < 1e-13);
    close("alignment", aligned[0], u, 1e-10);
}

#[test]
fn hidden_features_go_through_the_activation() {
    let (d, n, h) = (3, 5, 4);
    let (x, theta) = (noise(d * n, 40), noise(h * d + h, 41));
    let mut z = [vec![0.0; h * n], vec![0.0; h * n]];
    for (z, activation) in z.iter_mut().zip([Activation::Identity, Activation::Relu]) {
        hidden_features(mat(&x, d, n), &theta, activation, mat_mut(z, h, n)).unwrap();
    }
    assert!(z[0].iter().any(|z| *z < 0.0));
    assert!(z[0].iter().zip(&z[1]).all(|(plain, relu)| *relu == plain.max(0.0)));
    close("z", z[0][h + 1], dot(&x[d..2 * d], &theta[d..2 * d]), 1e-14);
}

/// In the eigenbasis every weight has its own clock: `w_i(k) = what_i + (w_i(0) - what_i) q_i^k`.
#[test]
fn one_layer_descends_as_in_closed_form_and_says_where_it_diverges() {
    let (lambda, b, start) = ([3.0_f64, 0.4], [1.5, -0.2], [0.3, 0.1]);
    let s = [lambda[0], 0.0, 0.0, lambda[1]];
    let (mut w, rate) = (start, 0.07);
    descend(mat(&s, 2, 2), &b, rate, 37, &mut w, &mut [0.0; 2]).unwrap();
    for i in 0..2 {
        let (end, q) = (b[i] / lambda[i], 1.0 - 2.0 * rate * lambda[i]);
        close("w", w[i], end + (start[i] - end) * q.powi(37), 1e-14);
    }
    let error = descend(mat(&s, 2, 2), &b, 1e3, 1000, &mut w, &mut [0.0; 2]);
    assert!(matches!(error, Err(DynamicsError::Diverged { iteration }) if iteration < 100));
}

#[test]
fn standardised_features_have_mean_0_and_deviation_1_and_constants_are_refused() {
    let data = published();
    let (mut mean, mut deviation) = ([0.0; 2], [0.0; 2]);
    feature_scales(data.x(), &mut mean, &mut deviation).unwrap();
    let mut x = data.x.clone();
    standardize(mat_mut(&mut x, 2, data.n), &mean, &deviation).unwrap();
    for (found, needed) in x.iter().zip(data.standardised()) {
        close("x", *found, needed, 1e-12);
    }
    let constant = [0.1, 1.0, 0.1, 2.0, 0.1, 4.0];
    let error = feature_scales(mat(&constant, 2, 3), &mut mean, &mut deviation);
    assert_eq!(error, Err(DynamicsError::Domain { needed: "features that vary" }));
}

/// Both have the variance `1 / (3 fan_in)`, times the squared scale; the uniform one its bound.
#[test]
fn kaiming_starts_have_their_moments() {
    let (d, h) = (50, 4000);
    let mut theta = vec![0.0_f64; two_layer_params(d, h)];
    let variance = |values: &[f64]| dot(values, values) / values.len() as f64;
    for uniform in [false, true] {
        let (rng, scales) = (&mut Rng::seed(1), (2.0, 0.5));
        if uniform {
            kaiming_uniform_start(rng, scales, d, h, &mut theta).unwrap();
        } else {
            kaiming_normal_start(rng, scales, d, h, &mut theta).unwrap();
        }
        for (weights, fan_in, scale) in
            [(&theta[..h * d], d as f64, 2.0), (&theta[h * d..], h as f64, 0.5)]
        {
            let expected = scale * scale / (3.0 * fan_in);
            close("variance", variance(weights), expected, 0.1 * expected);
            let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
            assert_eq!(largest <= scale / fan_in.sqrt(), uniform);
        }
    }
}

#[test]
fn alignment_refuses_what_does_not_fit() {
    let (mut x, layer, mut values, mut aligned) = ([1.0; 6], [1.0; 4], [0.0; 2], [0.0; 2]);
    let wrong = alignment(mat_mut(&mut x, 3, 2), mat(&layer, 2, 2), &mut values, &mut aligned);
    assert!(matches!(wrong, Err(DynamicsError::Shape(e)) if e.what == "layer rows"));
    let layer = mat(&layer[..3], 3, 1);
    let wrong = alignment(mat_mut(&mut x, 3, 2), layer, &mut values, &mut aligned[..1]);
    assert!(matches!(wrong, Err(DynamicsError::Shape(e)) if e.what == "aligned"));
}
