//! Temporal blocks.

use super::*;

pub(super) struct Dynamics {
    a0: DMatrix<f64>,
    a1: DMatrix<f64>,
    g0: DMatrix<f64>,
    g1: DMatrix<f64>,
}

impl Dynamics {
    /// Covariances of stable processes; reversible ones have symmetric C1.
    pub(super) fn new(n: usize, m: usize, reversible: bool, seed: u64) -> Self {
        let side = |n: usize, seed: u64| {
            let c0 = positive(n, seed);
            let root = matrix_power(&c0, 0.5);
            let mut r = random(n, n, seed + 1);
            if reversible {
                r = (&r + r.transpose()) * 0.5;
            }
            let norm = r.clone().svd(false, false).singular_values[0];
            (c0, &root * r * &root * (0.8 / norm))
        };
        let ((a0, a1), (g0, g1)) = (side(n, seed), side(m, seed + 10));
        Self { a0, a1, g0, g1 }
    }

    pub(super) fn series(&self, steps: usize) -> Series<'_, f64> {
        let (a, g) = ((&self.a0, &self.a1), (&self.g0, &self.g1));
        Series::new((a.0.into(), a.1.into()), (g.0.into(), g.1.into()), steps).unwrap()
    }

    fn solve(&self, option: SeriesOption, steps: usize, v: &DMatrix<f64>) -> DMatrix<f64> {
        let (n, m) = v.shape();
        let (mut w, mut scratch) = (v.clone(), vec![f64::NAN; series_scratch(n, m)]);
        self.series(steps).solve(option, 0.3, (&mut w).into(), &mut scratch).unwrap();
        w
    }

    /// `Psi` and `V0` of the definitions, on columns of V one after the other.
    fn dense(&self, steps: usize, symmetric: bool) -> (DMatrix<f64>, DMatrix<f64>) {
        let split = self.series(steps).split(0.3).unwrap();
        let part = |c0: &DMatrix<f64>, c1: &DMatrix<f64>, d: f64| {
            let c0 = c0 + DMatrix::identity(c0.nrows(), c0.nrows()) * d;
            // Forward in time for option 2's P = C1^T C0^-1 as the definition has it.
            let c1 = if symmetric { (c1 + c1.transpose()) * 0.5 } else { c1.transpose() };
            (c1 * c0.clone().try_inverse().unwrap(), c0)
        };
        let (pa, a0) = part(&self.a0, &self.a1, split.input);
        let (pg, g0) = part(&self.g0, &self.g1, split.output);
        (pg.kronecker(&pa), g0.kronecker(&a0))
    }
}

#[test]
fn the_golden_values_of_the_series_blocks() {
    let m = |v: [f64; 4]| DMatrix::from_row_slice(2, 2, &v);
    let d = Dynamics {
        a0: m([2.0, 0.5, 0.5, 1.0]),
        a1: m([0.8, 0.1, 0.3, 0.2]),
        g0: m([1.5, -0.2, -0.2, 0.7]),
        g1: m([0.4, 0.05, -0.1, 0.3]),
    };
    let v = m([1.0, 2.0, 3.0, -1.0]);
    let one = [0.0146723658957107, 0.2636437907710927, 0.2895151594449923, -0.2401581079932681];
    close(&d.solve(SeriesOption::One, 4, &v), &m(one), 1e-14, "option 1");
    let two = [0.0104351348856794, 0.2488083544163006, 0.2838740705608765, -0.2358428371907129];
    close(&d.solve(SeriesOption::Two, 4, &v), &m(two), 1e-14, "option 2");
    let series = d.series(4);
    let block = series.independent();
    let split = series.split(0.3).unwrap();
    let (mut w, mut scratch) = (v.clone(), [0.0; 100]);
    block.solve(split, (&mut w).into(), &mut scratch).unwrap();
    let inverse = [0.0258441910275368, 0.3042483166498799, 0.3021573078117332, -0.251196609656259];
    close(&w, &m(inverse), 1e-14, "independence");
    w.copy_from(&v);
    block.apply(split, (&mut w).into(), &mut scratch).unwrap();
    let multiply = [23.19041575982343, 12.418336189636793, 31.195551233104613, -4.7629655875737615];
    close(&w, &m(multiply), 1e-14, "multiply");
    let block = Kronecker::new((&d.a0).into(), (&d.g0).into()).unwrap();
    w.copy_from(&v);
    block.solve_exact(0.3, (&mut w).into(), &mut scratch).unwrap();
    let exact = [0.0944438551489246, 1.5415609483408061, 1.5780129626088115, -1.214499353882627];
    close(&w, &m(exact), 1e-14, "exact");

    let mut storage = [0.0; series_len(2, 2)];
    let mut factor = |option| {
        let f = series.factor(option, split, &mut storage, &mut scratch).unwrap();
        [f.input.values[0], f.input.values[1], f.output.values[0], f.output.values[1]]
    };
    let golden = |found: [f64; 4], expected: [f64; 4]| {
        found.iter().zip(expected).for_each(|(f, e)| assert!((f - e).abs() < 1e-14));
    };
    golden(
        factor(SeriesOption::One),
        [0.1233225545892061, 0.3460775816973534, 0.2278126881304109, 0.3314503737277182],
    );
    golden(
        factor(SeriesOption::Two),
        [0.0171036558769469, 0.1249876843904445, 0.0548046156309502, 0.1140693492622744],
    );
}

#[test]
fn option_one_is_the_inverse_of_the_block_toeplitz_sum() {
    for (n, m) in [(1, 1), (3, 2), (5, 3)] {
        for reversible in [true, false] {
            let d = Dynamics::new(n, m, reversible, 40);
            let v = random(n, m, 60);
            for steps in [1, 2, 6, 33] {
                let (psi, v0) = d.dense(steps, true);
                let mut sum = DMatrix::identity(n * m, n * m) * steps as f64;
                let mut power = DMatrix::identity(n * m, n * m);
                for lag in 1..steps {
                    power = &psi * power;
                    sum += &power * (2.0 * (steps - lag) as f64);
                }
                let w = d.solve(SeriesOption::One, steps, &v);
                close(&on(&(sum * v0), &w), &v, 1e-9, &std::format!("{n} x {m}, T = {steps}"));
            }
        }
    }
}

#[test]
fn option_two_is_the_inverse_of_the_infinite_sum() {
    for (n, m) in [(1, 1), (3, 2), (5, 3)] {
        for reversible in [true, false] {
            let d = Dynamics::new(n, m, reversible, 70);
            let v = random(n, m, 80);
            for steps in [1, 2, 6, 33] {
                let (psi, v0) = d.dense(steps, false);
                let (mut sum, mut term) = (v0.clone(), v0.clone());
                for _ in 0..200 {
                    term = &psi * term;
                    sum += &term + term.transpose();
                }
                let f = sum * steps as f64;
                let w = d.solve(SeriesOption::Two, steps, &v);
                close(&on(&f, &w), &v, 1e-9, &std::format!("{n} x {m}, T = {steps}"));
            }
        }
    }
}

/// Toeplitz for finite T, time by time: what option 1 sums for reversible dynamics.
#[test]
fn option_one_is_exact_for_reversible_dynamics_summed_step_by_step() {
    let d = Dynamics::new(3, 2, true, 90);
    let steps = 6;
    let (psi, v0) = d.dense(steps, false);
    let mut sum = DMatrix::zeros(6, 6);
    for t in 0..steps {
        for s in 0..steps {
            let lag = (0..t.abs_diff(s)).fold(DMatrix::identity(6, 6), |p, _| &psi * p) * &v0;
            sum += if t >= s { lag } else { lag.transpose() };
        }
    }
    let v = random(3, 2, 91);
    close(&on(&sum, &d.solve(SeriesOption::One, steps, &v)), &v, 1e-10, "Toeplitz");
}

#[test]
fn without_correlation_or_with_one_step_all_options_are_independence() {
    let mut d = Dynamics::new(4, 3, false, 100);
    let v = random(4, 3, 101);
    let independent = |d: &Dynamics, steps| {
        let series = d.series(steps);
        let mut w = v.clone();
        let split = series.split(0.3).unwrap();
        series.independent().solve(split, (&mut w).into(), &mut [0.0; 16]).unwrap();
        w
    };
    close(&d.solve(SeriesOption::One, 1, &v), &independent(&d, 1), 1e-12, "T = 1");
    d.a1.fill(0.0);
    d.g1.fill(0.0);
    for option in [SeriesOption::One, SeriesOption::Two] {
        close(&d.solve(option, 5, &v), &independent(&d, 5), 1e-12, "C1 = 0");
    }
}

#[test]
fn the_sum_over_steps_is_right_where_its_closed_form_cancels() {
    for steps in [1, 2, 3, 6, 33, 100] {
        for x in [-1.0, -0.7, -0.3, 0.0, 0.2, 0.49, 0.5, 0.9, 1.0 - 1e-6, 1.0 - 1e-10, 1.0] {
            let mut direct = steps as f64;
            for lag in 1..steps {
                direct += 2.0 * (steps - lag) as f64 * f64::powi(x, lag as i32);
            }
            let found = sum_over_steps(steps, x);
            assert!((found - direct).abs() <= 1e-12 * (steps * steps) as f64, "{steps} {x}");
        }
        let expected = if steps % 2 == 0 { 0.0 } else { 1.0 };
        assert_eq!(sum_over_steps(steps, -1.0), expected);
    }
}

#[test]
fn covariances_of_a_series_are_their_sums_over_steps_and_sequences() {
    let (steps, sequences, n) = (4, 3, 2);
    let z = random(n, steps * sequences, 110);
    let (mut c0, mut c1) = (DMatrix::zeros(n, n), DMatrix::zeros(n, n));
    let (mut d0, mut d1) = (c0.clone(), c1.clone());
    for s in 0..sequences {
        for t in 0..steps {
            let now = z.column(t * sequences + s);
            d0 += now * now.transpose() / 12.0;
            if t + 1 < steps {
                d1 += z.column((t + 1) * sequences + s) * now.transpose() / 12.0;
            }
        }
    }
    series_covariances((&z).into(), steps, 0.0, 1.0, (&mut c0).into(), (&mut c1).into()).unwrap();
    close(&c0, &d0, 1e-14, "C0");
    close(&c1, &d1, 1e-14, "C1");
    let (c0, c1) = ((&mut c0).into(), (&mut c1).into());
    assert!(series_covariances((&z).into(), 5, 0.0, 1.0, c0, c1).is_err());
}
