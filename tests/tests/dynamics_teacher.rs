//! The teacher's options, each by what it promises about the data.

use nanocurv::Real;
use nanocurv::dynamics::DynamicsError;
use nanocurv::dynamics::teacher::{Modulation, Scales, Teacher, teacher_scratch};
use nanocurv::linalg::{dot, jacobi_eigh, syrk_nt};
use nanocurv::random::Rng;
use nanocurv_tests::{mat, mat_mut};

struct Sample<T> {
    x: Vec<T>,
    y: Vec<T>,
    beta: Vec<T>,
    map: Vec<T>,
    singular_values: Vec<T>,
}

fn try_sample<T: Real>(
    teacher: &Teacher<'_, T>,
    d: usize,
    n: usize,
    seed: u64,
) -> Result<Sample<T>, DynamicsError> {
    let mut sample = Sample {
        x: vec![T::ZERO; d * n],
        y: vec![T::ZERO; n],
        beta: (0..d).map(|i| T::ONE + T::from_usize(i)).collect(),
        map: vec![T::ZERO; d * d],
        singular_values: vec![T::ZERO; d],
    };
    teacher.sample(
        &mut Rng::seed(seed),
        &mut sample.beta,
        mat_mut(&mut sample.x, d, n),
        &mut sample.y,
        mat_mut(&mut sample.map, d, d),
        &mut sample.singular_values,
        &mut vec![T::ZERO; teacher_scratch(d)],
    )?;
    Ok(sample)
}

fn sample(teacher: &Teacher<'_, f64>, d: usize, n: usize) -> Sample<f64> {
    try_sample(teacher, d, n, 5).unwrap()
}

/// Squared singular values, descending, and the right singular vectors as columns.
fn spectrum(x: &[f64], d: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (mut gram, mut values, mut vectors) = (vec![0.0; d * d], vec![0.0; d], vec![0.0; d * d]);
    syrk_nt(1.0, mat(x, d, x.len() / d), 0.0, mat_mut(&mut gram, d, d)).unwrap();
    jacobi_eigh(mat_mut(&mut gram, d, d), &mut values, mat_mut(&mut vectors, d, d)).unwrap();
    values.reverse();
    (values, vectors.chunks(d).rev().map(<[f64]>::to_vec).collect())
}

const fn levels(kappa: f64) -> Modulation<f64> {
    Modulation { kappa, ones: None, continuous: false, zeros: 0 }
}

#[test]
fn the_modulated_spectrum_has_the_notebooks_levels() {
    let levels = |m: Modulation<f64>, n: usize| {
        let mut f = [-1.0; 5];
        m.singular_values(n, &mut f).map(|()| f)
    };
    let two = Modulation { kappa: 10.0, ones: None, continuous: false, zeros: 0 };
    assert_eq!(levels(two, 9).unwrap(), [10.0, 10.0, 1.0, 1.0, 1.0]);
    assert_eq!(levels(Modulation { kappa: 0.1, ..two }, 9).unwrap(), [1.0, 1.0, 1.0, 0.1, 0.1]);
    let one = Modulation { ones: Some(1), ..two };
    assert_eq!(levels(one, 9).unwrap(), [10.0, 10.0, 10.0, 10.0, 1.0]);
    assert_eq!(levels(Modulation { zeros: 2, ..two }, 9).unwrap(), [10.0, 1.0, 1.0, 0.0, 0.0]);
    // Fewer samples than features: the rest is 0 by itself.
    assert_eq!(levels(two, 3).unwrap(), [10.0, 1.0, 1.0, 0.0, 0.0]);
    let even = Modulation { continuous: true, kappa: 3.0, ..two };
    assert_eq!(levels(even, 9).unwrap(), [3.0, 2.5, 2.0, 1.5, 1.0]);
    let error = levels(Modulation { ones: Some(4), zeros: 2, ..two }, 9).unwrap_err();
    assert_eq!(error, DynamicsError::Domain { needed: "ones <= features - zeros" });
    let error = levels(Modulation { zeros: 6, ..two }, 9).unwrap_err();
    assert_eq!(error, DynamicsError::Domain { needed: "zeros <= features" });
}

#[test]
fn training_inputs_have_the_singular_values_that_are_asked_for() {
    for (d, n, decoupled) in
        [(2, 10, true), (7, 20, false), (7, 7, true), (40, 60, false), (6, 4, true)]
    {
        for kappa in [10.0, 0.1] {
            let modulation = Some(levels(kappa));
            let teacher = Teacher { modulation, decoupled, ..Teacher::default() };
            let s = sample(&teacher, d, n);
            let mut expected = vec![0.0; d];
            levels(kappa).singular_values(n, &mut expected).unwrap();
            assert_eq!(s.singular_values, expected);
            let (lambda, _) = spectrum(&s.x, d);
            for (l, f) in lambda.iter().zip(&expected) {
                assert!((l - f * f).abs() < 1e-11 * kappa.max(1.0).powi(2), "{d} {n}: {l}, {f}");
            }
        }
    }
}

#[test]
fn decoupled_inputs_have_a_diagonal_gram() {
    for modulation in [None, Some(levels(5.0))] {
        let teacher = Teacher { decoupled: true, modulation, ..Teacher::default() };
        let s = sample(&teacher, 6, 15);
        for i in 0..6 {
            for j in 0..6 {
                let entry: f64 = s.x.chunks(6).map(|x| x[i] * x[j]).sum();
                let expected = if i == j { s.singular_values[i].powi(2) } else { 0.0 };
                assert!((entry - expected).abs() < 1e-12 * 25.0, "({i}, {j}): {entry}");
            }
        }
    }
}

#[test]
fn without_a_map_the_inputs_are_the_scaled_draws() {
    let scales = [1.0, 10.0, 0.5];
    let teacher = Teacher { scales: Scales::Each(&scales), ..Teacher::default() };
    let s = sample(&teacher, 3, 4);
    let mut rng = Rng::seed(5);
    for x in s.x.chunks(3) {
        for (x, scale) in x.iter().zip(scales) {
            assert_eq!(*x, scale * rng.normal::<f64>());
        }
    }
    for (x, y) in s.x.chunks(3).zip(&s.y) {
        assert_eq!(*y, dot(x, &[1.0, 2.0, 3.0]));
    }
    let identity: Vec<f64> = (0..9).map(|i| if i % 4 == 0 { 1.0 } else { 0.0 }).collect();
    assert_eq!(s.map, identity);
}

#[test]
fn scales_are_the_notebooks() {
    let scales = |scales, normalized| {
        let teacher = Teacher { scales, normalized, ..Teacher::default() };
        [0, 1, 2, 3, 4].map(|i| teacher.scale(i, 5))
    };
    assert_eq!(scales(Scales::Halves, false), [1.0, 1.0, 0.01, 0.01, 0.01]);
    assert_eq!(scales(Scales::Constant(3.0), false), [3.0; 5]);
    for (found, expected) in
        scales(Scales::Geometric(1.0, 16.0), true).iter().zip([1.0, 2.0, 4.0, 8.0, 16.0])
    {
        assert!((found * 5.0_f64.sqrt() / expected - 1.0_f64).abs() < 1e-14);
    }
}

#[test]
fn test_data_share_the_map_and_have_no_noise() {
    let teacher = Teacher {
        modulation: Some(levels(10.0)),
        noise: (1.0, 1.0),
        scales: Scales::Constant(2.0),
        ..Teacher::default()
    };
    let s = sample(&teacher, 3, 12);
    let (mut x, mut y) = (vec![0.0; 3 * 20_000], vec![0.0; 20_000]);
    let (map, out) = (mat(&s.map, 3, 3), mat_mut(&mut x, 3, 20_000));
    let mut scratch = vec![0.0; teacher_scratch(3)];
    teacher.sample_test(&mut Rng::seed(9), &s.beta, map, out, &mut y, &mut scratch).unwrap();
    assert!(x.chunks(3).zip(&y).all(|(x, y)| (dot(x, &s.beta) - y).abs() < 1e-12));
    // Their covariance is T^T diag(sigma^2) T, not F^2 / n.
    for i in 0..3 {
        for j in 0..3 {
            let covariance: f64 = x.chunks(3).map(|x| x[i] * x[j]).sum::<f64>() / 20_000.0;
            let expected: f64 = 4.0 * dot(map.col(i), map.col(j));
            let spread = 4.0 * (dot(map.col(i), map.col(i)) * dot(map.col(j), map.col(j))).sqrt();
            assert!((covariance - expected).abs() < 0.05 * spread, "({i}, {j})");
        }
    }
}

#[test]
fn half_of_the_samples_get_each_noise_level() {
    // Levels 1 and 0: exactly the rounded-up half is noisy, and not always the first.
    let teacher = Teacher { noise: (1.0, 0.0), ..Teacher::default() };
    let mut first = 0;
    for seed in 0..200 {
        let s: Sample<f64> = try_sample(&teacher, 2, 7, seed).unwrap();
        let noisy: Vec<bool> =
            s.x.chunks(2).zip(&s.y).map(|(x, y)| dot(x, &s.beta) != *y).collect();
        assert_eq!(noisy.iter().filter(|noisy| **noisy).count(), 4);
        first += i32::from(noisy[0]);
    }
    // 4/7 of 200 is 114, with a standard deviation of 7.
    assert!((90..140).contains(&first), "{first}");
}

#[test]
fn coupled_noise_lies_along_the_singular_directions_of_its_level() {
    // Singular values 10, 10, 0.1, 0.1: noise along the first two only.
    let scales = [1.0, 2.0, 3.0, 4.0];
    for decoupled in [false, true] {
        let mut teacher = Teacher {
            scales: Scales::Each(&scales),
            modulation: Some(Modulation { kappa: 0.1, ones: Some(2), continuous: false, zeros: 0 }),
            noise: (3.0, 0.0),
            coupled_noise: true,
            decoupled,
            ..Teacher::default()
        };
        let s = sample(&teacher, 4, 9);
        let noise: Vec<f64> = s.x.chunks(4).zip(&s.y).map(|(x, y)| y - dot(x, &s.beta)).collect();
        // X^T noise in the right singular basis: only along singular values of 1 and more.
        let against: Vec<f64> =
            (0..4).map(|j| s.x.chunks(4).zip(&noise).map(|(x, e)| x[j] * e).sum()).collect();
        let (lambda, vectors) = spectrum(&s.x, 4);
        assert!((lambda[0] - 1.0).abs() < 1e-12 && (lambda[3] - 0.01).abs() < 1e-12);
        let along: Vec<f64> = vectors.iter().map(|v| dot(v, &against)).collect();
        assert!(along[2].abs() < 1e-12 && along[3].abs() < 1e-12, "{along:?}");
        assert!(along[0].abs() + along[1].abs() > 0.1);
        // All of it is there: |noise|^2 = sum of squares along U.
        let explained: f64 = along.iter().zip(&lambda).map(|(a, l)| a * a / l).sum();
        assert!((explained / dot(&noise, &noise) - 1.0).abs() < 1e-10);

        teacher.noise = (0.0, 3.0);
        let s = sample(&teacher, 4, 9);
        let noise: Vec<f64> = s.x.chunks(4).zip(&s.y).map(|(x, y)| y - dot(x, &s.beta)).collect();
        let against: Vec<f64> =
            (0..4).map(|j| s.x.chunks(4).zip(&noise).map(|(x, e)| x[j] * e).sum()).collect();
        let large = vectors[..2].iter().map(|v| dot(v, &against).abs()).fold(0.0, f64::max);
        assert!(large < 1e-11, "{large}");
    }
}

#[test]
fn a_scaled_teacher_cancels_the_modulation_in_the_targets() {
    // y of the modulated data with the scaled teacher = U V^T beta (U beta, decoupled).
    for decoupled in [false, true] {
        let plain = Teacher { modulation: Some(levels(1.0)), decoupled, ..Teacher::default() };
        let scaled = Teacher { modulation: Some(levels(10.0)), scale_beta: true, ..plain };
        let (plain, scaled) = (sample(&plain, 5, 12), sample(&scaled, 5, 12));
        assert!(plain.x.iter().zip(&scaled.x).any(|(a, b)| (a - b).abs() > 0.1));
        for (a, b) in plain.y.iter().zip(&scaled.y) {
            assert!((a - b).abs() < 1e-12, "{a}, {b}");
        }
    }
    // Singular value 0: the teacher's entry is untouched.
    let zeros = Modulation { kappa: 10.0, ones: Some(1), continuous: false, zeros: 1 };
    let teacher = Teacher {
        modulation: Some(zeros),
        decoupled: true,
        scale_beta: true,
        ..Teacher::default()
    };
    let s = sample(&teacher, 3, 12);
    assert!((s.beta[0] - 0.1).abs() < 1e-15, "{:?}", s.beta);
    assert_eq!(s.beta[1..], [2.0, 3.0]);
}

#[test]
fn single_precision_draws_the_same_data() {
    let scales = [1.0_f32, 2.0, 0.5];
    let wide_scales = [1.0, 2.0, 0.5];
    let narrow = Teacher {
        scales: Scales::Each(&scales),
        decoupled: true,
        noise: (1.0, 0.5),
        ..Teacher::default()
    };
    let wide = Teacher {
        scales: Scales::Each(&wide_scales),
        decoupled: true,
        noise: (1.0, 0.5),
        ..Teacher::default()
    };
    let narrow = try_sample(&narrow, 3, 20, 5).unwrap();
    let wide = sample(&wide, 3, 20);
    for (a, b) in narrow.x.iter().zip(&wide.x).chain(narrow.y.iter().zip(&wide.y)) {
        // Eigenvectors of a Gram in f32: EPSILON times the condition of the gap.
        assert!((f64::from(*a) - b).abs() < 1e-4, "{a}, {b}");
    }
}

#[test]
fn the_scratch_is_exact_and_settings_are_checked() {
    let (teacher, d, n) = (Teacher::<f64>::default(), 40, 50);
    let run = |scratch: usize| {
        teacher.sample(
            &mut Rng::seed(1),
            &mut vec![1.0; d],
            mat_mut(&mut vec![0.0; d * n], d, n),
            &mut vec![0.0; n],
            mat_mut(&mut vec![0.0; d * d], d, d),
            &mut vec![0.0; d],
            &mut vec![0.0; scratch],
        )
    };
    run(teacher_scratch(d)).unwrap();
    assert!(matches!(run(teacher_scratch(d) - 1).unwrap_err(), DynamicsError::Scratch(_)));
    let scales = [1.0; 3];
    let wrong = Teacher { scales: Scales::Each(&scales), ..Teacher::default() };
    let error = try_sample(&wrong, 2, 5, 1).err().unwrap();
    assert_eq!(error.to_string(), "scales: needed 2, found 3");
    let wrong = Teacher { scales: Scales::Geometric(0.0, 1.0), ..Teacher::default() };
    let error = try_sample(&wrong, 2, 5, 1).err().unwrap();
    assert_eq!(error.to_string(), "out of the domain: needed ends of the range > 0");
}
