//! The Kronecker algebra of the core against products that are formed, and against a golden value
//! of exact damping.

use anyhow::{Result, anyhow};
use nanocurv::Mat;
use nanocurv::kron::{Damped, Kron, KronLdlt, damped, info, product, solve};
use nanocurv::random::Rng;

use super::check::Check;
use crate::dense::{Difference, kron as dense};

use crate::desktop::Float;
use crate::desktop::array::{columns, flat, matrix, wide};
use crate::desktop::kron::{Factor, FactorSizes, Operator, Terms, Vectors, nearest};

/// Rows and columns of the left and of the right factor.
type Shapes = ((usize, usize), (usize, usize));

/// Rectangular factors, single rows and columns among them.
const RECTANGULAR: [Shapes; 5] =
    [((3, 2), (4, 5)), ((1, 1), (3, 2)), ((1, 4), (5, 1)), ((6, 6), (2, 2)), ((7, 3), (9, 8))];
/// Rows of square factors.
const SQUARE: [(usize, usize); 4] = [(1, 1), (2, 3), (9, 8), (17, 8)];

/// Every operation in both precisions, one line each.
pub fn checks() -> Vec<Check> {
    let mut checks = of_precision::<f64>("f64");
    checks.extend(of_precision::<f32>("f32"));
    // The golden value has sixteen decimals.
    checks.push(Check::new("kron exact damping = golden value", 1e-13, golden));
    checks
}

fn of_precision<T: Float>(name: &str) -> Vec<Check> {
    let check = |what: &str, measure: fn() -> Result<Difference>| {
        Check::new(format!("kron {what} {name}"), T::TOLERANCE, move || Ok(measure()?.relative()))
    };
    vec![
        check("apply and transpose, sums, P x K", products::<T>),
        check("three factors", three_factors::<T>),
        check("solve, general factors", general::<T>),
        check("solve, positive factors", positive::<T>),
        check("solve, exact damping", exact::<T>),
        check("powers of the damped product", powers::<T>),
        check("trace, determinant, norm", invariants::<T>),
        check("nearest sum = SVD of the rearrangement", nearest_sum::<T>),
    ]
}

fn noise<T: Float>(count: usize, rng: &mut Rng) -> Vec<T> {
    (0..count).map(|_| rng.normal()).collect()
}

fn factor<T: Float>(shape: (usize, usize), values: &[T]) -> Factor<T> {
    Factor::new("example", matrix(shape.0, shape.1, values.to_vec()).view())
}

fn random<T: Float>(shape: (usize, usize), rng: &mut Rng) -> Factor<T> {
    factor(shape, &noise::<T>(shape.0 * shape.1, rng))
}

/// `I + X X^T / 4n`, condition number below 10.
fn well_conditioned<T: Float>(n: usize, rng: &mut Rng) -> Factor<T> {
    let x = noise::<f64>(n * n, rng);
    let mut m = dense::multiply(&x, n, &dense::transpose(&x, n, n), n);
    m.iter_mut().for_each(|v| *v /= 4.0 * n as f64);
    m.iter_mut().step_by(n + 1).for_each(|d| *d += 1.0);
    factor((n, n), &m.into_iter().map(T::of).collect::<Vec<_>>())
}

/// `P x K` noise.
fn vectors<T: Float>(p: usize, k: usize, rng: &mut Rng) -> Vectors<T> {
    Vectors::columns(matrix(p, k, noise(p * k, rng)).view())
}

fn products<T: Float>() -> Result<Difference> {
    let (mut rng, mut worst) = (Rng::seed(1), Difference::default());
    for (left, right) in RECTANGULAR {
        let pairs = (0..2).map(|_| (random::<T>(left, &mut rng), random(right, &mut rng)));
        let terms = Terms::new(pairs.collect())?;
        let (rows, cols) = terms.shape();
        for (transpose, p) in [(false, cols), (true, rows)] {
            let operator = Operator::new(terms.clone(), transpose, None)?;
            let v = vectors::<T>(p, 3, &mut rng);
            let found = v.result_to_matrix(&operator.apply(&v)?)?;
            let needed = dense::multiply(&dense::operator(&operator), p, &wide(&v.to_matrix()), 3);
            worst.add_all(flat(&found), &needed);
        }
    }
    Ok(worst)
}

fn three_factors<T: Float>() -> Result<Difference> {
    let mut rng = Rng::seed(2);
    let shapes = [(3, 2), (2, 4), (5, 3)];
    let factors = shapes.map(|shape| random::<T>(shape, &mut rng));
    let (x, mut y) = (noise::<T>(24, &mut rng), vec![T::ZERO; 30]);
    let mut scratch = vec![T::ZERO; product::scratch(&shapes)];
    let views = factors.iter().map(Factor::view).collect::<Result<Vec<_>, _>>()?;
    product::apply(&views, Mat::column_vector(&x), columns(&mut y, 30, 1)?, &mut scratch)?;
    let [a, b, c] = factors.each_ref().map(|f| wide(&f.to_matrix()));
    let ab = dense::kronecker(&a, (3, 2), &b, (2, 4));
    let g = dense::kronecker(&ab, (6, 8), &c, (5, 3));
    Ok(Difference::between(&y, &dense::multiply(&g, 24, &wide(&x), 1)))
}

/// The worst error of solutions with `K = 2` vectors.
fn solved<T: Float>(operator: &Operator<T>, rng: &mut Rng) -> Result<Difference> {
    let n = operator.terms().square()?;
    let v = vectors::<T>(n, 2, rng);
    let found = v.result_to_matrix(&operator.solve(&v)?)?;
    let (needed, ..) = dense::eliminate(dense::operator(operator), n, wide(&v.to_matrix()), 2);
    Ok(Difference::of(&found, &needed))
}

fn general<T: Float>() -> Result<Difference> {
    let (mut rng, mut worst) = (Rng::seed(3), Difference::default());
    for (m, k) in SQUARE {
        // Not symmetric: two well-conditioned factors multiplied.
        let mut crooked = |n: usize| {
            let mut one = || wide(&well_conditioned::<f64>(n, &mut rng).to_matrix());
            let xy = dense::multiply(&one(), n, &one(), n);
            factor((n, n), &xy.into_iter().map(T::of).collect::<Vec<_>>())
        };
        let terms = Terms::new(vec![(crooked(m), crooked(k))])?;
        for transpose in [false, true] {
            let operator = Operator::new(terms.clone(), transpose, None)?;
            worst = worst.worse(solved(&operator, &mut rng)?);
        }
    }
    Ok(worst)
}

/// A product of two positive definite factors.
fn positive_terms<T: Float>(m: usize, k: usize, rng: &mut Rng) -> Result<Terms<T>> {
    Ok(Terms::new(vec![(well_conditioned(m, rng), well_conditioned(k, rng))])?)
}

fn positive<T: Float>() -> Result<Difference> {
    let (mut rng, mut worst) = (Rng::seed(4), Difference::default());
    for (m, k) in SQUARE {
        let terms = positive_terms::<T>(m, k, &mut rng)?;
        let v = noise::<T>(m * k, &mut rng);
        let (mut memory, mut x) = (vec![T::ZERO; solve::memory(m, k)], v.clone());
        let factors = KronLdlt::new(terms.views()?[0], &mut memory)?;
        factors.solve(columns(&mut x, m * k, 1)?)?;
        let needed = dense::eliminate(dense::sum(&terms, 0.0), m * k, wide(&v), 1).0;
        worst.add_all(&x, &needed);
    }
    Ok(worst)
}

fn exact<T: Float>() -> Result<Difference> {
    let (mut rng, mut worst) = (Rng::seed(5), Difference::default());
    for (m, k) in SQUARE {
        // As the arithmetic has it.
        let damping = T::of(0.3).to_f64();
        let operator = Operator::new(positive_terms::<T>(m, k, &mut rng)?, false, Some(damping))?;
        worst = worst.worse(solved(&operator, &mut rng)?);
    }
    Ok(worst)
}

/// `(G + lambda I)^(-1/3)`, three times, is the inverse.
fn powers<T: Float>() -> Result<Difference> {
    let (mut rng, mut worst) = (Rng::seed(6), Difference::default());
    for (m, k) in SQUARE {
        let terms = positive_terms::<T>(m, k, &mut rng)?;
        let (mut memory, mut scratch) =
            (vec![T::ZERO; damped::memory(m, k)], vec![T::ZERO; damped::new_scratch(m, k)]);
        let factors = Damped::new(terms.views()?[0], &mut memory, &mut scratch)?;
        let mut scratch = vec![T::ZERO; damped::power_scratch(m, k)];
        let v = noise::<T>(m * k, &mut rng);
        let (mut x, third) = (v.clone(), T::of(-1.0 / 3.0));
        for _ in 0..3 {
            let mut y = vec![T::ZERO; m * k];
            let (from, to) = (Mat::column_vector(&x), columns(&mut y, m * k, 1)?);
            factors.power(third, T::ONE, T::of(0.5), from, to, &mut scratch)?;
            x = y;
        }
        let g = dense::sum(&terms, 0.5);
        worst.add_all(&x, &dense::eliminate(g, m * k, wide(&v), 1).0);
    }
    Ok(worst)
}

fn invariants<T: Float>() -> Result<Difference> {
    let (mut rng, mut worst) = (Rng::seed(7), 0.0_f64);
    for (m, k) in SQUARE {
        let terms = positive_terms::<T>(m, k, &mut rng)?;
        let kron = terms.views()?[0];
        let mut scratch = vec![T::ZERO; info::log_determinant_scratch(m, k)];
        let found = kron.log_determinant(&mut vec![0; m.max(k)], &mut scratch)?;
        let g = dense::sum(&terms, 0.0);
        let norm = g.iter().map(|v| v * v).sum::<f64>().sqrt();
        let trace: f64 = g.iter().step_by(m * k + 1).sum();
        let (_, sign, log) = dense::eliminate(g, m * k, Vec::new(), 0);
        for (found, needed) in [
            (kron.trace()?, trace),
            (kron.frobenius()?, norm),
            (found.log, log),
            (found.sign, sign),
        ] {
            worst = worst.max(Difference::between(&[found], &[needed]).relative());
        }
    }
    Ok(Difference::between(&[1.0 + worst], &[1.0]))
}

fn nearest_sum<T: Float>() -> Result<Difference> {
    let mut worst = 0.0_f64;
    for (nl, nr) in [(2, 3), (5, 3), (3, 4)] {
        let mut rng = Rng::seed(8);
        let mut pair = |scale: f64| {
            let mut large = noise::<f64>(nl * nl, &mut rng);
            large.iter_mut().for_each(|v| *v *= scale);
            dense::kronecker(&large, (nl, nl), &noise::<f64>(nr * nr, &mut rng), (nr, nr))
        };
        let (x, y) = (pair(1.0), pair(0.2));
        let g: Vec<T> = x.iter().zip(y).map(|(x, y)| T::of(x + y)).collect();
        let (g, sizes) = (matrix(nl * nr, nl * nr, g), FactorSizes { left: nl, right: nr });
        for (rank, positive) in [(1, false), (2, false), (1, true)] {
            let found = nearest(g.view(), sizes, rank, positive)?;
            let check = dense::check_nearest(&found, &wide(&g), sizes, positive, T::TOLERANCE);
            worst = worst.max(check.relative_error);
        }
    }
    Ok(Difference::between(&[1.0 + worst], &[1.0]))
}

/// `(A0 (x) G0 + 0.3 I)^-1 V` of `reference/seeds/series_blocks.json`.
fn golden() -> Result<f64> {
    let (a, g) = ([2.0, 0.5, 0.5, 1.0], [1.5, -0.2, -0.2, 0.7]);
    let needed = [0.0944438551489246, 1.5415609483408061, 1.5780129626088115, -1.214499353882627];
    let (mut memory, mut scratch) = ([0.0; damped::memory(2, 2)], [0.0; damped::new_scratch(2, 2)]);
    let kron = Kron { left: Mat::new("A", &a, 2, 2)?, right: Mat::new("G", &g, 2, 2)? };
    let factors = Damped::new(kron, &mut memory, &mut scratch).map_err(|e| anyhow!("{e}"))?;
    let (x, mut y) = ([1.0, 2.0, 3.0, -1.0], [0.0; 4]);
    let mut scratch = [0.0; damped::power_scratch(2, 2)];
    let (from, to) = (Mat::column_vector(&x), columns(&mut y, 4, 1)?);
    factors.solve(1.0, 0.3, from, to, &mut scratch)?;
    Ok(Difference::between(&y, &needed).relative())
}
