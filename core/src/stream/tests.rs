//! The laws of the standardiser, the memory and the monitor.

use super::*;
use crate::laplace::novelty;
use crate::mlp;
use crate::network::{Activation, Layer, Mlp, Network, forward, forward_scratch, layer};
use crate::random::Rng;
use crate::{Mat, MatMut};
use std::vec;
use std::vec::Vec;

/// Mean and variance of the columns in two passes, weighted by `rho^age`.
fn two_passes(samples: &[Vec<f64>], rho: f64, i: usize) -> (f64, f64) {
    let age = |n: usize| rho.powi((samples.len() - 1 - n) as i32);
    let total: f64 = (0..samples.len()).map(age).sum();
    let mean = samples.iter().enumerate().map(|(n, x)| age(n) * x[i]).sum::<f64>() / total;
    let square = |n: usize| age(n) * (samples[n][i] - mean).powi(2);
    (mean, (0..samples.len()).map(square).sum::<f64>() / total)
}

fn samples(count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = Rng::seed(seed);
    let of = |rng: &mut Rng| {
        let x = rng.normal::<f64>();
        vec![1e5 + 3.0 * x, 1e-4 * rng.normal::<f64>(), x * x]
    };
    (0..count).map(|_| of(&mut rng)).collect()
}

#[test]
fn the_running_moments_are_those_of_two_passes() {
    for rho in [1.0, 0.99, 0.5] {
        let samples = samples(500, 3);
        let mut state = [0.0; standardizer_len(3)];
        let mut moments = Standardizer::start(3, &mut state).unwrap().with_forgetting(rho).unwrap();
        for n in 1..=samples.len() {
            moments.update(&samples[n - 1]).unwrap();
            if ![1, 2, 10, 500].contains(&n) {
                continue;
            }
            for i in 0..3 {
                let (mean, variance) = two_passes(&samples[..n], rho, i);
                let scale = 1e-13 * (mean.abs() + variance.sqrt());
                assert!((moments.mean()[i] - mean).abs() <= scale, "{rho} {n} {i}");
                // A mean that is off by its last bits moves d by as much.
                let scale = 1e-12 * variance + 10.0 * variance.sqrt() * scale;
                assert!((moments.variance()[i] - variance).abs() <= scale, "{rho} {n} {i}");
            }
        }
    }
}

#[test]
fn single_precision_far_from_zero_and_after_2_to_the_24_samples() {
    let mut state = [0.0_f32; standardizer_len(1)];
    let mut moments = Standardizer::start(1, &mut state).unwrap();
    let mut rng = Rng::seed(5);
    for _ in 0..10_000 {
        moments.update(&[1000.0 + rng.normal::<f32>()]).unwrap();
    }
    assert!(
        (moments.mean()[0] - 1000.0).abs() < 0.05 && (moments.variance()[0] - 1.0).abs() < 0.05
    );
    let mut state = [16_777_216.0, 0.0, 1.0];
    let mut moments = Standardizer::resume(1, &mut state).unwrap();
    for n in 0..100_000 {
        moments.update(&[if n % 2 == 0 { 1.0 } else { -1.0_f32 }]).unwrap();
    }
    assert_eq!(moments.weight(), 16_777_216.0);
    assert!((moments.variance()[0] - 1.0).abs() < 1e-3);
}

#[test]
fn standardised_and_restored_is_the_same_and_constants_are_left() {
    let mut state = [0.0; standardizer_len(3)];
    let mut moments = Standardizer::start(3, &mut state).unwrap();
    for x in samples(50, 7) {
        moments.update(&[x[0], 4.5, x[2]]).unwrap();
    }
    assert_eq!((moments.mean()[1], moments.variance()[1]), (4.5, 0.0));
    let x = [1e5 + 1.0, 4.5, 0.3, 1e5 - 2.0, 5.5, 0.1];
    let mut z = x;
    moments.standardize(&mut z).unwrap();
    assert_eq!((z[1], z[4]), (0.0, 1.0));
    let expected = (x[0] - moments.mean()[0]) / moments.variance()[0].sqrt();
    assert!((z[0] - expected).abs() < 1e-12);
    moments.restore(&mut z).unwrap();
    assert!(z.iter().zip(x).all(|(z, x)| (z - x).abs() < 1e-10), "{z:?}");
    let mut variance = [1.0, 1.0, 2.0];
    moments.restore_variance(&mut variance).unwrap();
    let expected = [moments.variance()[0], 1.0, 2.0 * moments.variance()[2]];
    assert!(variance.iter().zip(expected).all(|(v, e)| (v - e).abs() <= 1e-14 * e));
    assert!(moments.standardize(&mut [0.0; 4]).is_err());
}

#[test]
fn what_cannot_be_taken_in_changes_nothing() {
    let mut state = [0.0_f32; standardizer_len(2)];
    let mut moments = Standardizer::start(2, &mut state).unwrap();
    moments.update(&[1.0, 2.0]).unwrap();
    let before = moments.state().to_vec();
    for wrong in [[f32::NAN, 0.0], [0.0, f32::INFINITY], [0.0, 1e20]] {
        assert!(matches!(moments.update(&wrong), Err(StreamError::NonFinite(_))));
    }
    assert!(matches!(moments.update(&[1.0]), Err(StreamError::Shape(_))));
    assert_eq!(moments.state(), before);
    assert_eq!(moments.with_forgetting(0.0).unwrap_err(), StreamError::Forgetting);
    let negative = Standardizer::resume(1, &mut [1.0, -1.0, -1.0_f32]).unwrap_err();
    assert_eq!(negative, StreamError::Negative { index: 2 });
}

const ONE: &[Layer] = &[Layer::new(3, 2, Activation::Identity)];
mlp! { Net: 3 => 4 tanh => 2 }
mlp! { Plain: 3 => 4 tanh => 2, no bias }

fn outputs(layers: &[Layer], theta: &[f64], x: &[f64]) -> [f64; 2] {
    let mut f = [0.0; 2];
    let mut scratch = vec![0.0; forward_scratch(layers, 1)];
    let net = Mlp::new(layers, theta).unwrap();
    forward(&net, Mat::of(x, 3, 1), MatMut::of(&mut f, 2, 1), &mut scratch).unwrap();
    f
}

fn folded(layers: &[Layer]) {
    let (mut of_x, mut of_y) = ([0.0; standardizer_len(3)], [0.0; standardizer_len(2)]);
    let mut inputs = Standardizer::start(3, &mut of_x).unwrap();
    let mut targets = Standardizer::start(2, &mut of_y).unwrap();
    let samples = samples(40, 11);
    for x in &samples {
        inputs.update(x).unwrap();
        targets.update(&[7.0 * x[2] - 1.0, x[1]]).unwrap();
    }
    let mut rng = Rng::seed(13);
    let count = layer::params(layers);
    let theta: Vec<f64> = (0..count).map(|_| rng.normal()).collect();
    let mut own = theta.clone();
    inputs.fold_inputs(layers, &mut own).unwrap();
    targets.fold_outputs(layers, &mut own).unwrap();
    for x in &samples {
        let mut z = x.clone();
        inputs.standardize(&mut z).unwrap();
        let mut expected = outputs(layers, &theta, &z);
        targets.restore(&mut expected).unwrap();
        let found = outputs(layers, &own, x);
        for i in 0..2 {
            // The bias holds W m, which is m / s as large: 1e5 / 3.
            let scale = targets.variance()[i].sqrt();
            assert!((found[i] - expected[i]).abs() < 1e-9 * scale, "{found:?} {expected:?}");
        }
    }
}

#[test]
fn the_folded_network_takes_and_gives_raw_units() {
    folded(Net::LAYERS);
    folded(ONE);
}

#[test]
fn folding_that_cannot_be_is_refused_and_changes_nothing() {
    let mut state = [3.0, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0];
    let inputs = Standardizer::resume(3, &mut state).unwrap();
    let theta = [0.5; Plain::PARAMS];
    let mut own = theta;
    let wrong = inputs.fold_inputs(Plain::LAYERS, &mut own);
    assert_eq!((wrong, own), (Err(StreamError::NoBias { layer: 0 }), theta));
    let mut state = [3.0, 0.0, 0.0, 0.0, 4.0, 1.0, 1.0];
    let inputs = Standardizer::resume(3, &mut state).unwrap();
    inputs.fold_inputs(Plain::LAYERS, &mut own).unwrap();
    assert_eq!((own[0], own[1], own[3]), (0.25, 0.5, 0.25));

    let (theta, mut state) = ([1e300; 8], [3.0, 0.0, 0.0, 1e300, 1.0]);
    let targets = Standardizer::resume(2, &mut state).unwrap();
    let mut own = theta;
    assert!(matches!(targets.fold_outputs(ONE, &mut own), Err(StreamError::NonFinite(_))));
    assert_eq!(own, theta);
    assert!(matches!(targets.fold_inputs(ONE, &mut own), Err(StreamError::Shape(_))));
}

#[test]
fn the_ring_holds_the_last_samples() {
    let (mut x, mut y) = ([0.0; 2 * 5], [0.0; 5]);
    let mut memory = Replay::new(2, 1, &mut x, &mut y).unwrap();
    for n in 0..23 {
        let v = f64::from(n);
        memory.keep_last(&[v, 2.0 * v], &[3.0 * v]).unwrap();
        let (x, y) = memory.batch();
        let mut found: Vec<f64> = (0..x.cols()).map(|j| x.at(0, j)).collect();
        assert!(
            (0..x.cols()).all(|j| x.at(1, j) == 2.0 * found[j] && y.at(0, j) == 3.0 * found[j])
        );
        found.sort_by(f64::total_cmp);
        let expected: Vec<f64> = ((n - 4).max(0)..=n).map(f64::from).collect();
        assert_eq!(found, expected);
    }
    assert_eq!((memory.held(), memory.capacity(), memory.seen()), (5, 5, 23));
}

/// `sum (o - e)^2 / e` over bins of equal expectation, within five of its standard deviations.
fn assert_uniform(counts: &[u32], expected: f64) {
    let chi: f64 = counts.iter().map(|o| (f64::from(*o) - expected).powi(2) / expected).sum();
    let bins = counts.len() as f64;
    assert!((chi - bins).abs() < 5.0 * (2.0 * bins).sqrt(), "{chi} of {bins}: {counts:?}");
}

#[test]
fn the_reservoir_holds_every_sample_with_equal_probability() {
    const SHOWN: usize = 40;
    let (mut counts, mut rng) = ([0_u32; SHOWN], Rng::seed(17));
    for _ in 0..20_000 {
        let (mut x, mut y) = ([0.0; 4], [0.0; 4]);
        let mut memory = Replay::new(1, 1, &mut x, &mut y).unwrap();
        for n in 0..SHOWN {
            memory.keep_uniform(&[n as f32], &[-(n as f32)], &mut rng).unwrap();
        }
        let (x, y) = memory.batch();
        for j in 0..4 {
            assert_eq!(x.at(0, j), -y.at(0, j));
            counts[x.at(0, j) as usize] += 1;
        }
    }
    // Inclusions are a little less spread than the counts of independent bins: 1 - 4/40.
    assert_uniform(&counts, 20_000.0 * 4.0 / SHOWN as f64);
}

#[test]
fn draws_are_uniform_and_without_repeats() {
    let (mut x, mut y) = ([0.0; 8], [0.0; 8]);
    let mut memory = Replay::new(1, 1, &mut x, &mut y).unwrap();
    let (mut counts, mut rng) = ([0_u32; 6], Rng::seed(19));
    (0..6).for_each(|n| memory.keep_last(&[f64::from(n)], &[f64::from(-n)]).unwrap());
    for _ in 0..10_000 {
        let (mut x, mut y) = ([0.0; 3], [0.0; 3]);
        memory.draw(&mut x, &mut y, &mut rng).unwrap();
        assert!(x[0] < x[1] && x[1] < x[2] && x.iter().zip(y).all(|(x, y)| *x == -y));
        x.iter().for_each(|x| counts[*x as usize] += 1);
    }
    assert_uniform(&counts, 5_000.0);
    memory.draw(&mut [0.0; 6], &mut [0.0; 6], &mut rng).unwrap();
    let error = memory.draw(&mut [0.0; 7], &mut [0.0; 7], &mut rng).unwrap_err();
    assert!(matches!(error, StreamError::Shape(e) if (e.needed, e.found) == (7, 6)));
}

#[test]
fn a_memory_refuses_what_is_no_sample() {
    assert!(Replay::new(2, 1, &mut [0.0_f32; 5], &mut [0.0; 2]).is_err());
    assert!(Replay::new(2, 1, &mut [0.0_f32; 4], &mut [0.0; 3]).is_err());
    assert!(Replay::new(2, 1, &mut [0.0_f32; 0], &mut [0.0; 0]).is_err());
    let (mut x, mut y) = ([0.0_f32; 4], [0.0; 2]);
    let mut memory = Replay::new(2, 1, &mut x, &mut y).unwrap();
    assert!(memory.keep_last(&[1.0], &[1.0]).is_err());
    assert!(memory.keep_last(&[1.0, f32::NAN], &[1.0]).is_err());
    assert!(memory.keep_uniform(&[1.0, 1.0], &[f32::NAN], &mut Rng::seed(1)).is_err());
    assert_eq!((memory.seen(), memory.batch().0.cols()), (0, 0));
}

/// The alarms raised in so many values.
fn raised(monitor: &mut Monitor<f64>, count: usize, mut value: impl FnMut() -> f64) -> usize {
    (0..count).filter(|_| monitor.update(value()).unwrap() == Drift::Raised).count()
}

#[test]
fn false_alarms_are_no_more_frequent_than_stated() {
    for (outputs, ratio, between) in [(1, 10.0, 1e3), (1, 2.0, 1e3), (3, 4.0, 1e3), (1, 4.0, 1e2)] {
        let (mut monitor, mut rng) =
            (Monitor::of_novelty(outputs, ratio, between).unwrap(), Rng::seed(23));
        let count = 400_000;
        let alarms = raised(&mut monitor, count, || {
            let squares = (0..outputs).map(|_| novelty(rng.normal(), 0.0, 1.0)).sum::<f64>();
            squares / outputs as f64
        });
        assert!(alarms as f64 <= count as f64 / between, "{outputs} {ratio}: {alarms}");
        // Nor is the monitor deaf.
        assert!(alarms as f64 >= 0.02 * count as f64 / between, "{outputs} {ratio}: {alarms}");
    }
    let mut monitor = Monitor::of_variance(0.99, 0.01, 0.5, 1e3).unwrap();
    let mut rng = Rng::seed(29);
    let alarms = raised(&mut monitor, 400_000, || rng.uniform());
    assert!((8..=400).contains(&alarms), "{alarms}");
}

#[test]
fn a_shift_by_three_deviations_is_found_within_ten_samples() {
    let mut rng = Rng::seed(31);
    let mut total = 0;
    for _ in 0..2000 {
        let mut monitor = Monitor::of_novelty(1, 10.0, 1e4).unwrap().with_patience(2);
        raised(&mut monitor, 20, || rng.normal::<f64>().powi(2));
        let mut after = 0;
        while !monitor.alarm() {
            after += 1;
            monitor.update((3.0 + rng.normal::<f64>()).powi(2)).unwrap();
        }
        assert!(after <= 10, "{after}");
        total += after;
    }
    // Wald: E after <= (h + most) / E l, l as the monitor takes it, at most h / 2.
    let h = 1e4_f64.ln();
    let ratio = |z: f64| (0.45 * z * z - 0.5 * 10_f64.ln()).min(0.5 * h);
    let each = (0..100_000).map(|_| ratio(3.0 + rng.normal::<f64>())).sum::<f64>() / 1e5;
    let mean = f64::from(total) / 2000.0;
    assert!(mean <= 1.5 * h / each, "{mean} of {}", 1.5 * h / each);
}

#[test]
fn a_drift_without_targets_is_found_by_the_variance() {
    let mut rng = Rng::seed(37);
    for _ in 0..500 {
        let mut monitor = Monitor::of_variance(2.0, 0.01, 0.5, 1e4).unwrap();
        let found = (0..40).position(|_| {
            let variance = if rng.uniform::<f64>() < 0.7 { 3.0 } else { 1.0 };
            monitor.update(variance).unwrap() == Drift::Raised
        });
        assert!(found.is_some());
    }
}

#[test]
fn the_alarm_does_not_flicker_at_the_edge() {
    let (mut monitor, mut rng) = (Monitor::of_novelty(1, 10.0, 1e3).unwrap(), Rng::seed(41));
    // No drift either way: E l = 0.
    let edge = 10_f64.ln() / 0.9;
    let (mut changes, mut threshold, mut above, mut average) = (0, 0, false, edge);
    for _ in 0..20_000 {
        let e = edge * rng.normal::<f64>().powi(2);
        let before = monitor.alarm();
        monitor.update(e).unwrap();
        changes += u32::from(monitor.alarm() != before);
        average += 0.1 * (e - average);
        threshold += u32::from((average > edge) != above);
        above = average > edge;
    }
    // A level of the average alone changes sides as often as not.
    assert!(changes > 0 && threshold > 3 * changes, "{changes} {threshold}");
    // From the alarm back takes h / base of the quietest samples, and as many again for the next.
    monitor.reset();
    while !monitor.alarm() {
        monitor.update(100.0).unwrap();
    }
    let quiet = (1..).find(|_| monitor.update(0.0).unwrap() == Drift::Cleared).unwrap();
    assert_eq!(quiet, (1e3_f64.ln() / (0.5 * 10_f64.ln())).ceil() as i32);
}

#[test]
fn one_outlier_is_no_drift_where_patience_is_asked() {
    for patience in 1..=6 {
        let mut monitor = Monitor::of_novelty(1, 4.0_f32, 1e5).unwrap().with_patience(patience);
        let after = (1..).find(|_| monitor.update(1e30).unwrap() == Drift::Raised).unwrap();
        assert_eq!(after, patience);
    }
}

#[test]
fn a_monitor_refuses_what_makes_no_sense_and_goes_on_where_it_stood() {
    assert!(Monitor::of_novelty(0, 2.0, 10.0).is_err());
    assert!(Monitor::of_novelty(1, 1.0, 10.0).is_err());
    assert!(Monitor::of_novelty(1, f64::NAN, 10.0).is_err());
    assert!(Monitor::of_novelty(1, 2.0, 1.0).is_err());
    assert!(Monitor::of_variance(1.0, 0.5, 0.5, 10.0).is_err());
    assert!(Monitor::of_variance(f64::NAN, 0.1, 0.5, 10.0).is_err());
    let start = Monitor::of_novelty(1, 4.0, 1e3).unwrap();
    let mut monitor = start;
    for e in [3.0, 5.0, 0.5, 20.0] {
        monitor.update(e).unwrap();
        assert_eq!(start.resume(monitor.state()), Ok(monitor));
    }
    assert!(monitor.alarm());
    let before = monitor;
    assert!(monitor.update(f64::NAN).is_err() && monitor.update(f64::INFINITY).is_err());
    assert_eq!(monitor, before);
    assert!(start.resume([1e3, 0.0]).is_err() && start.resume([0.0, 0.5]).is_err());
}
