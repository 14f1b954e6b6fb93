//! What the Kronecker algebra must satisfy, against nalgebra's dense `kronecker`.

mod nearest_sums;

use super::*;
use crate::matrix::MatMut;
use crate::random::Rng;
use nalgebra::{DMatrix, DVector};
use std::vec;
use std::vec::Vec;

const SHAPES: [((usize, usize), (usize, usize)); 9] = [
    ((1, 1), (1, 1)),
    ((2, 2), (3, 3)),
    ((3, 2), (1, 4)),
    ((1, 5), (4, 1)),
    ((4, 3), (2, 5)),
    ((6, 6), (6, 6)),
    ((2, 7), (7, 2)),
    ((17, 17), (8, 8)),
    ((33, 20), (21, 40)),
];

fn random(rows: usize, cols: usize, rng: &mut Rng) -> DMatrix<f64> {
    DMatrix::from_fn(rows, cols, |_, _| rng.normal())
}

fn positive(n: usize, rng: &mut Rng) -> DMatrix<f64> {
    let a = random(n, n + 2, rng);
    &a * a.transpose() / n as f64 + DMatrix::identity(n, n) * 0.1
}

fn symmetric(n: usize, rng: &mut Rng) -> DMatrix<f64> {
    let a = random(n, n, rng);
    &a + a.transpose()
}

#[track_caller]
fn close(found: &DMatrix<f64>, needed: &DMatrix<f64>, tolerance: f64) {
    let error = (found - needed).amax() / needed.amax().max(1e-300);
    assert!(error <= tolerance, "relative error {error:e} of {:?}", needed.shape());
}

fn vec_row_major(x: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_column_slice(x.len(), 1, x.transpose().as_slice())
}

#[test]
fn kron_apply_agrees_with_the_dense_product() {
    let mut rng = Rng::seed(1);
    for (l, r) in SHAPES {
        let (a, b) = (random(l.0, l.1, &mut rng), random(r.0, r.1, &mut rng));
        let dense = a.kronecker(&b);
        let kron = Kron::new(&a, &b);
        let mut scratch = vec![f64::NAN; apply_scratch(l, r)];
        for k in [0, 1, 2, 5] {
            let x = random(dense.ncols(), k, &mut rng);
            let mut y = DMatrix::from_element(dense.nrows(), k, f64::NAN);
            kron.apply((&x).into(), (&mut y).into(), &mut scratch).unwrap();
            if k > 0 {
                close(&y, &(&dense * &x), 1e-12);
                let mut z = DMatrix::from_element(dense.ncols(), k, f64::NAN);
                kron.apply_transpose((&y).into(), (&mut z).into(), &mut scratch).unwrap();
                close(&z, &(dense.transpose() * &y), 1e-12);
            }
        }
    }
}

#[test]
fn both_vec_identities_hold() {
    let mut rng = Rng::seed(2);
    for (l, r) in SHAPES {
        let (a, b) = (random(l.0, l.1, &mut rng), random(r.0, r.1, &mut rng));
        let (kron, dense) = (Kron::new(&a, &b), a.kronecker(&b));
        let mut scratch = vec![f64::NAN; apply_scratch(l, r)];

        // (A (x) B) vec_r(X) = vec_r(A X B^T)
        let x = random(l.1, r.1, &mut rng);
        let mut y = DMatrix::zeros(l.0, r.0);
        kron.apply_matrix(Order::RowMajor, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
        close(&y, &(&a * &x * b.transpose()), 1e-12);
        close(&vec_row_major(&y), &(&dense * vec_row_major(&x)), 1e-12);

        // (A (x) B) vec_c(X) = vec_c(B X A^T)
        let x = random(r.1, l.1, &mut rng);
        let mut y = DMatrix::zeros(r.0, l.0);
        kron.apply_matrix(Order::ColumnStacking, (&x).into(), (&mut y).into(), &mut scratch)
            .unwrap();
        close(&y, &(&b * &x * a.transpose()), 1e-12);
        let stacked = DMatrix::from_column_slice(x.len(), 1, x.as_slice());
        close(&DMatrix::from_column_slice(y.len(), 1, y.as_slice()), &(dense * stacked), 1e-12);
    }
}

/// The notebook's trap: for V of shape P x K in row-major memory, `V.reshape(K, nl, nr)` is not
/// the stack of its reshaped columns; the columns must be made contiguous first.
#[test]
fn a_reshaped_matrix_is_not_its_reshaped_columns() {
    let (nl, nr, k) = (3, 2, 2);
    let p = nl * nr;
    let mut rng = Rng::seed(3);
    let (a, b) = (random(nl, nl, &mut rng), random(nr, nr, &mut rng));
    let v = random(p, k, &mut rng);
    let expected = a.kronecker(&b) * &v;

    let mut scratch = vec![0.0; apply_scratch((nl, nl), (nr, nr))];
    let mut y = DMatrix::zeros(p, k);
    Kron::new(&a, &b).apply((&v).into(), (&mut y).into(), &mut scratch).unwrap();
    close(&y, &expected, 1e-13);

    // The wrong way: the row-major memory of V cut into K pieces.
    let memory: Vec<f64> = v.transpose().as_slice().to_vec();
    let trapped = Mat::new("v", &memory, p, k).unwrap();
    Kron::new(&a, &b).apply(trapped, (&mut y).into(), &mut scratch).unwrap();
    assert!((&y - &expected).amax() > 0.1, "the trap would go unseen");
}

#[test]
fn sums_and_the_dense_matrix_agree() {
    let mut rng = Rng::seed(4);
    for (l, r) in SHAPES {
        let pairs: Vec<_> =
            (0..3).map(|_| (random(l.0, l.1, &mut rng), random(r.0, r.1, &mut rng))).collect();
        let terms: Vec<_> = pairs.iter().map(|(a, b)| Kron::new(a, b)).collect();
        let expected: DMatrix<f64> = pairs.iter().map(|(a, b)| a.kronecker(b)).sum();
        let mut dense = DMatrix::from_element(expected.nrows(), expected.ncols(), f64::NAN);
        dense::dense(&terms, (&mut dense).into()).unwrap();
        close(&dense, &expected, 1e-14);

        let x = random(dense.ncols(), 2, &mut rng);
        let mut y = DMatrix::zeros(dense.nrows(), 2);
        let mut scratch = vec![0.0; sum::scratch(&terms)];
        sum::apply(&terms, false, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
        close(&y, &(&dense * x), 1e-12);
        let mut z = DMatrix::zeros(dense.ncols(), 2);
        sum::apply(&terms, true, (&y).into(), (&mut z).into(), &mut scratch).unwrap();
        close(&z, &(dense.transpose() * y), 1e-12);

        let norm = sum::frobenius(&terms).unwrap();
        assert!((norm - dense.norm()).abs() <= 1e-12 * norm);
        let norm = terms[0].frobenius().unwrap();
        assert!((norm - pairs[0].0.kronecker(&pairs[0].1).norm()).abs() <= 1e-12 * norm);
        if l.0 == l.1 && r.0 == r.1 {
            let trace = sum::trace(&terms).unwrap();
            assert!((trace - dense.trace()).abs() <= 1e-12 * norm);
            let mut diagonal = vec![0.0; dense.nrows()];
            dense::diagonal(&terms, &mut diagonal).unwrap();
            let needed = DMatrix::from_column_slice(dense.nrows(), 1, dense.diagonal().as_slice());
            close(&DMatrix::from_vec(dense.nrows(), 1, diagonal), &needed, 1e-14);
        }
    }
}

#[test]
fn determinants_follow_from_the_factors() {
    let mut rng = Rng::seed(5);
    for (m, k) in [(1, 1), (1, 3), (2, 3), (3, 2), (3, 3), (4, 2)] {
        let (a, b) = (random(m, m, &mut rng), random(k, k, &mut rng));
        let det = a.kronecker(&b).determinant();
        let mut scratch = vec![0.0; info::log_determinant_scratch(m, k)];
        let kron = Kron::new(&a, &b);
        let found = kron.log_determinant(&mut [0; 4], &mut scratch).unwrap();
        assert!((found.determinant() - det).abs() < 1e-10 * det.abs(), "{m} x {k}");
        let (mut pivots, mut memory) =
            (vec![0; solve::pivots(m, k)], vec![0.0; solve::memory(m, k)]);
        let lu = KronLu::new(kron, &mut pivots, &mut memory).unwrap();
        assert_eq!(lu.log_determinant(), found);

        let (a, b) = (positive(m, &mut rng), positive(k, &mut rng));
        let mut memory = vec![0.0; solve::memory(m, k)];
        let ldlt = KronLdlt::new(Kron::new(&a, &b), &mut memory).unwrap();
        let log = a.kronecker(&b).determinant().ln();
        assert!((ldlt.log_determinant().log - log).abs() < 1e-9 * log.abs().max(1.0));
    }
    let singular = DMatrix::from_element(2, 2, 1.0);
    let kron = Kron::new(&singular, &singular);
    let found = kron.log_determinant(&mut [0; 2], &mut [0.0; 4]).unwrap();
    assert_eq!((found.sign, found.determinant()), (0.0, 0.0));
}

#[test]
fn solves_undo_the_product() {
    let mut rng = Rng::seed(6);
    for (m, k) in [(1, 1), (1, 4), (5, 1), (3, 4), (6, 6), (17, 8), (40, 35)] {
        let (a, b) = (random(m, m, &mut rng), random(k, k, &mut rng));
        let (mut pivots, mut memory) =
            (vec![0; solve::pivots(m, k)], vec![0.0; solve::memory(m, k)]);
        let lu = KronLu::new(Kron::new(&a, &b), &mut pivots, &mut memory).unwrap();
        let (dense, y) = (a.kronecker(&b), random(m * k, 3, &mut rng));
        let mut x = &dense * &y;
        lu.solve((&mut x).into()).unwrap();
        close(&x, &y, 1e-8);
        let mut x = dense.transpose() * &y;
        lu.solve_transpose((&mut x).into()).unwrap();
        close(&x, &y, 1e-8);
        let y = random(m, k, &mut rng);
        let mut x = &a * &y * b.transpose();
        lu.solve_matrix((&mut x).into()).unwrap();
        close(&x, &y, 1e-8);

        let (a, b) = (positive(m, &mut rng), positive(k, &mut rng));
        let mut memory = vec![0.0; solve::memory(m, k)];
        let ldlt = KronLdlt::new(Kron::new(&a, &b), &mut memory).unwrap();
        let y = random(m * k, 3, &mut rng);
        let mut x = a.kronecker(&b) * &y;
        ldlt.solve((&mut x).into()).unwrap();
        close(&x, &y, 1e-10);
        let y = random(m, k, &mut rng);
        let mut x = &a * &y * &b;
        ldlt.solve_matrix((&mut x).into()).unwrap();
        close(&x, &y, 1e-10);
    }
}

/// `A^p` by nalgebra.
fn dense_power(a: DMatrix<f64>, p: f64) -> DMatrix<f64> {
    let e = a.symmetric_eigen();
    let values = e.eigenvalues.map(|v| v.powf(p));
    &e.eigenvectors * DMatrix::from_diagonal(&values) * e.eigenvectors.transpose()
}

#[test]
fn damped_powers_agree_with_the_dense_ones() {
    let mut rng = Rng::seed(7);
    for (m, k) in [(1, 1), (1, 4), (5, 1), (3, 4), (9, 8), (34, 3)] {
        let (a, b) = (positive(m, &mut rng), positive(k, &mut rng));
        let (mut memory, mut scratch) =
            (vec![0.0; damped::memory(m, k)], vec![0.0; damped::new_scratch(m, k)]);
        let damped = Damped::new(Kron::new(&a, &b), &mut memory, &mut scratch).unwrap();
        let mut scratch = vec![0.0; damped::power_scratch(m, k)];
        let x = random(m * k, 2, &mut rng);
        let dense = a.kronecker(&b) * 1.5 + DMatrix::identity(m * k, m * k) * 0.3;
        for p in [1.0, -1.0, 0.5, -0.5, 2.0, -0.25, 0.0] {
            let needed = dense_power(dense.clone(), p) * &x;
            // Twice: a query must not change what the next one sees.
            for _ in 0..2 {
                let mut y = DMatrix::from_element(m * k, 2, f64::NAN);
                damped.power(p, 1.5, 0.3, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
                close(&y, &needed, 1e-10);
            }
            let x = DMatrix::from_row_slice(m, k, x.column(0).as_slice());
            let mut y = DMatrix::zeros(m, k);
            damped.power_matrix(p, 1.5, 0.3, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
            close(&vec_row_major(&y), &needed.columns(0, 1).into(), 1e-10);
        }
        let log = damped.log_determinant(1.5, 0.3).unwrap();
        let needed: f64 = dense.symmetric_eigen().eigenvalues.iter().map(|v| v.ln()).sum();
        assert!((log - needed).abs() < 1e-10 * needed.abs().max(1.0));
    }
}

#[test]
fn indefinite_factors_are_inverted_and_not_raised_to_fractions() {
    let mut rng = Rng::seed(8);
    let (a, b) = (symmetric(4, &mut rng), symmetric(3, &mut rng));
    let (mut memory, mut scratch) =
        (vec![0.0; damped::memory(4, 3)], vec![0.0; damped::new_scratch(4, 3)]);
    let damped = Damped::new(Kron::new(&a, &b), &mut memory, &mut scratch).unwrap();
    let mut scratch = vec![0.0; damped::power_scratch(4, 3)];
    let (x, mut y) = (random(12, 1, &mut rng), DMatrix::zeros(12, 1));
    damped.solve(1.0, 0.1, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
    let dense = a.kronecker(&b) + DMatrix::identity(12, 12) * 0.1;
    close(&(dense * &y), &x, 1e-10);
    let root = damped.power(0.5, 1.0, 0.1, (&x).into(), (&mut y).into(), &mut scratch);
    assert!(matches!(root, Err(KronError::Singular { .. })));
}

#[test]
fn a_singular_product_needs_damping() {
    let (a, b) = (DMatrix::from_element(3, 3, 1.0), DMatrix::<f64>::identity(2, 2));
    let (mut memory, mut scratch) =
        (vec![0.0; damped::memory(3, 2)], vec![0.0; damped::new_scratch(3, 2)]);
    let damped = Damped::new(Kron::new(&a, &b), &mut memory, &mut scratch).unwrap();
    let mut scratch = vec![0.0; damped::power_scratch(3, 2)];
    let (x, mut y) = (DMatrix::from_element(6, 1, 1.0), DMatrix::zeros(6, 1));
    let undamped = damped.solve(1.0, 0.0, (&x).into(), (&mut y).into(), &mut scratch);
    assert!(matches!(undamped, Err(KronError::Singular { left: 0, .. })));
    damped.solve(1.0, 1e-9, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
    // The condition number, 3e9, times 1e-16.
    close(&y, &DMatrix::from_element(6, 1, 1.0 / (3.0 + 1e-9)), 1e-5);
}

#[test]
fn three_factors_act_as_their_dense_product() {
    let mut rng = Rng::seed(9);
    for shapes in [
        vec![(2, 3)],
        vec![(2, 3), (4, 1)],
        vec![(3, 2), (4, 3), (2, 5)],
        vec![(2, 2), (1, 3), (3, 1), (2, 4)],
        vec![(9, 8), (7, 9), (8, 6)],
    ] {
        let factors: Vec<_> = shapes.iter().map(|(m, n)| random(*m, *n, &mut rng)).collect();
        let dense = factors
            .iter()
            .fold(DMatrix::from_element(1, 1, 1.0), |product, f| product.kronecker(f));
        let views: Vec<Mat<'_, f64>> = factors.iter().map(Into::into).collect();
        assert_eq!(product::shape(&views), dense.shape());
        let mut scratch = vec![f64::NAN; product::scratch(&shapes)];
        let x = random(dense.ncols(), 2, &mut rng);
        let mut y = DMatrix::zeros(dense.nrows(), 2);
        product::apply(&views, (&x).into(), (&mut y).into(), &mut scratch).unwrap();
        close(&y, &(&dense * x), 1e-12);
        let mut z = DMatrix::zeros(dense.ncols(), 2);
        product::apply_transpose(&views, (&y).into(), (&mut z).into(), &mut scratch).unwrap();
        close(&z, &(dense.transpose() * y), 1e-12);
    }
}

#[test]
fn exactly_the_scratch_asked_for_is_enough() {
    let mut rng = Rng::seed(17);
    let short =
        |e: Result<(), KronError>| assert!(matches!(e, Err(KronError::Scratch(_))), "{e:?}");
    for (l, r) in SHAPES {
        let (a, b) = (random(l.0, l.1, &mut rng), random(r.0, r.1, &mut rng));
        let kron = Kron::new(&a, &b);
        let needed = apply_scratch(l, r);
        let x = random(kron.cols(), 1, &mut rng);
        let mut y = DMatrix::zeros(kron.rows(), 1);
        short(kron.apply((&x).into(), (&mut y).into(), &mut vec![0.0; needed - 1]));
        kron.apply((&x).into(), (&mut y).into(), &mut vec![0.0; needed]).unwrap();
        let mut z = DMatrix::zeros(kron.cols(), 1);
        short(kron.apply_transpose((&y).into(), (&mut z).into(), &mut vec![0.0; needed - 1]));
        let views = [kron.left, kron.right];
        let needed = product::scratch(&[l, r]);
        for n in [needed - 1, needed] {
            let forward = product::apply(&views, (&x).into(), (&mut y).into(), &mut vec![0.0; n]);
            let backward =
                product::apply_transpose(&views, (&y).into(), (&mut z).into(), &mut vec![0.0; n]);
            assert_eq!((forward.is_ok(), backward.is_ok()), (n == needed, n == needed));
        }
    }
    for (m, k) in [(2, 3), (35, 2)] {
        let (a, b) = (positive(m, &mut rng), positive(k, &mut rng));
        let kron = Kron::new(&a, &b);
        for (missing_memory, missing_scratch) in [(0, 0), (1, 0), (0, 1)] {
            let ok = missing_memory + missing_scratch == 0;
            let memory = solve::memory(m, k) - missing_memory;
            let pivots = solve::pivots(m, k) - missing_scratch;
            let (mut p, mut s) = (vec![0; pivots], vec![0.0; memory]);
            assert_eq!(KronLu::new(kron, &mut p, &mut s).is_ok(), ok);
            if missing_scratch == 0 {
                assert_eq!(KronLdlt::new(kron, &mut s).is_ok(), ok);
            }
            let mut s = vec![0.0; damped::memory(m, k) - missing_memory];
            let mut t = vec![0.0; damped::new_scratch(m, k) - missing_scratch];
            assert_eq!(Damped::new(kron, &mut s, &mut t).is_ok(), ok);
        }
        let (mut s, mut t) =
            (vec![0.0; damped::memory(m, k)], vec![0.0; damped::new_scratch(m, k)]);
        let damped = Damped::new(kron, &mut s, &mut t).unwrap();
        let (x, mut y) = (random(m * k, 1, &mut rng), DMatrix::zeros(m * k, 1));
        let n = damped::power_scratch(m, k);
        short(damped.solve(1.0, 1.0, (&x).into(), (&mut y).into(), &mut vec![0.0; n - 1]));
        damped.solve(1.0, 1.0, (&x).into(), (&mut y).into(), &mut vec![0.0; n]).unwrap();

        let g = a.kronecker(&b);
        let (mut l, mut r) = (a.clone(), b.clone());
        for (n, ok) in [(k * k, true), (k * k - 1, false)] {
            let found =
                nearest((&g).into(), &[], (&mut l).into(), (&mut r).into(), &mut vec![0.0; n]);
            assert_eq!(found.is_ok(), ok);
        }
        let n = project_positive_scratch(m);
        assert!(project_positive((&mut l).into(), &mut vec![0.0; n]).is_ok());
        assert!(project_positive((&mut l).into(), &mut vec![0.0; n - 1]).is_err());
        let n = info::log_determinant_scratch(m, k);
        let mut pivots = vec![0; m.max(k)];
        assert!(kron.log_determinant(&mut pivots, &mut vec![0.0; n]).is_ok());
        assert!(kron.log_determinant(&mut pivots, &mut vec![0.0; n - 1]).is_err());
        assert!(kron.log_determinant(&mut pivots[1..], &mut vec![0.0; n]).is_err());
    }
    let shape = nearest_sums::fit_shape();
    let g = symmetric(6, &mut rng);
    for (missing_memory, missing_scratch) in [(0, 0), (1, 0), (0, 1)] {
        let mut memory = vec![0.0; shape.memory() - missing_memory];
        let mut scratch = vec![0.0; shape.scratch() - missing_scratch];
        let done = fit::SketchFit::new(shape, fit::Adam::default(), 0, &mut memory)
            .and_then(|mut f| f.step(&fit::Target::Dense((&g).into()), &mut scratch));
        assert_eq!(done.is_ok(), missing_memory + missing_scratch == 0);
    }
}

#[test]
fn errors_name_the_factor_and_the_place() {
    let (a, b) = (DMatrix::<f64>::identity(2, 2), DMatrix::from_element(3, 3, 1.0));
    let kron = Kron::new(&a, &b);
    let (mut pivots, mut memory) = ([0; 5], [0.0; 13]);
    let singular = KronLu::new(kron, &mut pivots, &mut memory).unwrap_err();
    assert_eq!(singular, KronError::Right(LinalgError::Singular { pivot: 1 }));
    let indefinite = KronLdlt::new(kron, &mut memory).unwrap_err();
    assert_eq!(indefinite, KronError::Right(LinalgError::NotPositive { pivot: 1 }));
    let mut crooked = a.clone();
    crooked[(0, 1)] = 0.5;
    let e = KronLdlt::new(Kron::new(&crooked, &b), &mut memory).unwrap_err();
    assert_eq!(e, KronError::Left(LinalgError::NotSymmetric { row: 1, col: 0 }));

    let mut bad = a.clone();
    bad[(1, 0)] = f64::NAN;
    let kron = Kron::new(&bad, &b);
    let (x, mut y) = (DVector::from_element(6, 1.0), DVector::from_element(6, 0.0));
    let apply = |kron: Kron<'_, f64>, x: &[f64], y: &mut [f64]| {
        kron.apply(Mat::column_vector(x), MatMut::of(y, 6, 1), &mut [0.0; 9])
    };
    let e = apply(kron, x.as_slice(), y.as_mut_slice()).unwrap_err();
    assert_eq!(e, NonFiniteError { what: "left", index: 1 }.into());
    let e = apply(Kron::new(&a, &b), &[f64::INFINITY; 6], y.as_mut_slice()).unwrap_err();
    assert_eq!(e, NonFiniteError { what: "x", index: 0 }.into());
    let e = apply(Kron::new(&a, &b), &[1.0; 5], y.as_mut_slice()).unwrap_err();
    assert_eq!(e, ShapeError { what: "x rows", needed: 6, found: 5 }.into());
    let none: [Kron<'_, f64>; 0] = [];
    assert_eq!(sum::shape(&none), Err(KronError::Empty));
}

#[test]
fn single_precision_is_as_accurate_as_it_can_be() {
    let mut rng = Rng::seed(18);
    let (a, b) = (positive(9, &mut rng), positive(8, &mut rng));
    let (a32, b32) = (a.map(|v| v as f32), b.map(|v| v as f32));
    let x = random(72, 1, &mut rng);
    let x32 = x.map(|v| v as f32);
    let wide = |m: &DMatrix<f32>| m.map(f64::from);

    let mut y = DMatrix::zeros(72, 1);
    let mut scratch = vec![0.0; apply_scratch((9, 9), (8, 8))];
    Kron::new(&a32, &b32).apply((&x32).into(), (&mut y).into(), &mut scratch).unwrap();
    close(&wide(&y), &(a.kronecker(&b) * &x), 1e-5);

    let (mut memory, mut scratch) =
        (vec![0.0; damped::memory(9, 8)], vec![0.0; damped::new_scratch(9, 8)]);
    let damped = Damped::new(Kron::new(&a32, &b32), &mut memory, &mut scratch).unwrap();
    let mut scratch = vec![0.0; damped::power_scratch(9, 8)];
    damped.solve(1.0, 0.3, (&x32).into(), (&mut y).into(), &mut scratch).unwrap();
    let dense = a.kronecker(&b) + DMatrix::identity(72, 72) * 0.3;
    // The condition number, about 100, times 1e-7.
    close(&wide(&y), &dense.lu().solve(&x).unwrap(), 1e-4);
}
