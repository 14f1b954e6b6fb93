//! Double descent end to end: regression with two clocks, two linear layers, averages over data.

use nanocurv::dynamics::Rates;
use nanocurv::dynamics::field::Plane;
use nanocurv::dynamics::flow::Modes;
use nanocurv::dynamics::risk::TurningPoint;
use nanocurv::dynamics::teacher::{Modulation, Teacher};
use nanocurv::dynamics::train::{TwoLayer, two_layer_scratch};
use nanocurv::linalg::dot;
use ndarray::Array2;

use super::ensemble::{Average, average};
use super::field::{Field, Slice};
use super::grid::{geometric, geometric_times};
use super::problem::{Init, Problem, Risk, start};
use super::record::Record;
use super::risk::{excess, turn_tolerance, turning_points};
use super::run::{Route, run};
use super::spectrum::{LayerSpectrum, layer_spectrum};
use super::teacher::Sample;
use crate::desktop::array::{Float, wide, zeros};
use crate::desktop::error::Result;
use crate::desktop::watch::Watch;

/// The published pair of features: one fast, one slow.
const SIGMAS: [f64; 2] = [1.0, 0.15];
const THETAS: [f64; 2] = [0.45, 3.0];
const RATE: f64 = 0.1;
/// Training samples, of the regression and of the network.
pub const SAMPLES: usize = 10;

/// The network's data: singular values 1 and 0.1, noise along the first.
const SEED: u64 = 27;
const NOISE: f64 = 0.2;
/// The hidden units.
pub const HIDDEN: usize = 50;
/// Iterations of gradient descent.
pub const ITERATIONS: u64 = 20_000;

/// Turns of the network's risk that can be seen, as part of its largest value.
pub const VISIBLE: f64 = 1e-4;

const ALPHAS: [f64; 3] = [0.5, 1.0, 2.0];

/// A curve and its turning points.
#[derive(Clone, Debug)]
pub struct Turns {
    /// The curve.
    pub curve: Vec<f64>,
    /// Where it turns; the index is the iteration.
    pub turns: Vec<TurningPoint<f64>>,
}

/// All that the tour shows.
#[derive(Clone, Debug)]
pub struct Tour<T> {
    /// Excess risk of regression at one rate.
    pub same: Turns,
    /// The same with equal clocks.
    pub equal: Turns,
    /// A network on data of a teacher.
    pub training: Training<T>,
    /// Where its risk turns.
    pub trained: Vec<TurningPoint<f64>>,
    /// Averages over random data by samples per input, at the same times.
    pub averages: Vec<(f64, Average<T>)>,
    /// The times of the averages.
    pub times: Vec<f64>,
}

/// A network on data of a teacher, by gradient descent and by the reduction.
#[derive(Clone, Debug)]
pub struct Training<T> {
    /// Data, start, rates and times.
    pub problem: Problem<T>,
    /// By gradient descent.
    pub full: Record<T>,
    /// By the reduction.
    pub reduced: Record<T>,
    /// Where training ends.
    pub end: Vec<T>,
    /// Of `X^T X`.
    lambda: Vec<T>,
    /// The noise along the left singular vectors.
    epsilon: Vec<T>,
    /// Of the Jacobian at the start and at the end.
    pub spectra: [LayerSpectrum<T>; 2],
}

/// The tour's computations.
///
/// # Errors
/// If the watch stops them.
pub fn tour<T: Float>(watch: Watch<'_>) -> Result<Tour<T>> {
    let regression = |equal| {
        let (sigmas, thetas) = (SIGMAS.map(T::of), THETAS.map(T::of));
        let rates = [T::of(RATE); 2];
        let curve = excess((&sigmas, &thetas, &rates), equal, (T::ONE, SAMPLES), 5000)?;
        let curve = wide(&curve.excess);
        let turns = turning_points(&curve, turn_tolerance::<T>());
        Ok::<_, crate::desktop::Error>(Turns { curve, turns })
    };
    let (same, equal) = (regression(false)?, regression(true)?);
    let training = Training::<T>::new(watch)?;
    let trained = turning_points(&wide(&training.full.risk), VISIBLE)
        .into_iter()
        .map(|turn| TurningPoint { index: training.full.t[turn.index] as usize, ..turn })
        .collect();
    let times = geometric(0.05, 1000.0, 120);
    let at: Vec<T> = times.iter().map(|t| T::of(*t)).collect();
    let averages = ALPHAS
        .iter()
        .map(|alpha| Ok((*alpha, average(T::of(*alpha), T::of(5.0), T::ZERO, &at)?)))
        .collect::<Result<_>>()?;
    Ok(Tour { same, equal, training, trained, averages, times })
}

/// The rows of a matrix.
fn rows<T: Float>(m: &Array2<T>) -> impl Iterator<Item = &[T]> {
    m.rows().into_iter().filter_map(|row| row.to_slice())
}

impl<T: Float> Training<T> {
    fn new(watch: Watch<'_>) -> Result<Self> {
        let teacher = Teacher {
            modulation: Some(Modulation {
                kappa: T::of(0.1),
                ones: Some(1),
                continuous: false,
                zeros: 0,
            }),
            decoupled: true,
            noise: (T::of(NOISE), T::ZERO),
            coupled_noise: true,
            ..Teacher::default()
        };
        let data = Sample::draw(&teacher, SEED, Some(vec![T::ONE; 2]), (2, SAMPLES, 1000))?;
        let theta = start(Init::Constant, (T::of(0.01), T::of(0.01)), 2, HIDDEN, 0)?;
        let lambda: Vec<T> = data.singular_values.iter().map(|s| *s * *s).collect();
        // X is decoupled: its right singular vectors are the axes.
        let noise: Vec<T> =
            (rows(&data.x).zip(&data.y)).map(|(x, y)| *y - dot(x, &data.beta)).collect();
        let epsilon = (data.singular_values.iter().enumerate())
            .map(|(i, s)| {
                let along = rows(&data.x).zip(&noise).map(|(x, e)| x[i] * *e);
                along.fold(T::ZERO, |a, b| a + b) / *s
            })
            .collect();
        let problem = Problem {
            x: data.x,
            y: data.y,
            test: Some((data.x_test, data.y_test)),
            beta: Some(data.beta),
            hidden: HIDDEN,
            theta,
            rates: Rates::same(T::of(0.05)),
            times: geometric_times(ITERATIONS, 400),
            risk: Risk::L2,
            measures: None,
        };
        let full = run(&problem, Route::Training, watch)?;
        let reduced = run(&problem, Route::Theory, watch)?;
        let mut scratch = zeros::<T>(&[two_layer_scratch(2, HIDDEN)])?;
        let mut net = TwoLayer::new(&problem.theta, 2, HIDDEN, &mut scratch)?;
        net.train(problem.inputs()?, &problem.y, problem.rates, ITERATIONS)?;
        let mut trained = problem.theta.clone();
        net.write_to(&mut trained)?;
        let spectrum = |theta: &[T]| layer_spectrum(problem.x.view(), theta, HIDDEN);
        let spectra = [spectrum(&problem.theta)?, spectrum(&trained)?];
        let end = problem.w_min()?;
        Ok(Self { problem, full, reduced, end, lambda, epsilon, spectra })
    }

    /// The largest difference of a weight between the two ways.
    pub fn difference(&self) -> f64 {
        let pairs = self.full.total.iter().zip(&self.reduced.total);
        pairs.map(|(a, b)| (a.to_f64() - b.to_f64()).abs()).fold(0.0, f64::max)
    }

    /// The flow of the total weight where training ends.
    ///
    /// # Errors
    /// None: the modes are those of the data.
    pub fn field(&self) -> Result<Field<T>> {
        let beta = self.problem.beta.clone().unwrap_or_default();
        let modes = Modes::new(&self.lambda, &beta, &self.epsilon)?;
        let u = self.reduced.u.last().copied().unwrap_or(T::ONE);
        Field::new(Slice::Plane(Plane::Total), modes, &[u], (T::ZERO, T::of(1.5)), 16)
    }
}
