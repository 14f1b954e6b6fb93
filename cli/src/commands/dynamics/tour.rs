//! `nanocurv dynamics tour`: double descent end to end.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use nanocurv::dynamics::Rates;
use nanocurv::dynamics::ensemble::Ensemble;
use nanocurv::dynamics::field::Plane;
use nanocurv::dynamics::flow::Modes;
use nanocurv::dynamics::risk::{Feature, TurningPoint, equal_clocks, excess_risk};
use nanocurv::dynamics::teacher::{Modulation, Teacher};
use nanocurv::dynamics::train::{TwoLayer, constant_start, two_layer_params, two_layer_scratch};
use nanocurv::linalg::dot;

use super::curves::{self, to_f64, tolerance, turning_points};
use super::data::Sample;
use super::field::Field;
use super::list::geometric;
use super::problem::{Problem, Record, Risk, Trajectory, geometric_times};
use super::theory::Reduced;
use super::train::Full;
use super::{jacobian, risk};
use crate::args::{Dtype, OutputArgs};
use crate::array::{Array, Float, zeros};
use crate::exit::Outcome;
use crate::io;
use crate::plot::{Figure, Panel, Scale};
use crate::progress::Progress;
use crate::report::Report;
use crate::session::Session;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  nanocurv dynamics tour --plot tour.svg")]
pub struct Args {
    /// Where to draw it: .svg or .png
    #[arg(long, value_name = "FILE", default_value = "tour.svg", help_heading = "Output")]
    plot: PathBuf,
    #[command(flatten)]
    out: OutputArgs,
}

/// The published pair of features: one fast, one slow.
const SIGMAS: [f64; 2] = [1.0, 0.15];
const THETAS: [f64; 2] = [0.45, 3.0];
const RATE: f64 = 0.1;
const SAMPLES: usize = 10;

/// The network's data: singular values 1 and 0.1, noise along the first.
const SEED: u64 = 27;
const NOISE: f64 = 0.2;
const HIDDEN: usize = 50;
const ITERATIONS: u64 = 20_000;

/// Turns of the network's risk that can be seen, as part of its largest value.
const VISIBLE: f64 = 1e-4;

const ALPHAS: [f64; 3] = [0.5, 1.0, 2.0];

/// Excess risk of regression: at one rate, and with equal clocks.
struct Regression<T> {
    same: Vec<T>,
    equal: Vec<T>,
}

impl<T: Float> Regression<T> {
    fn new() -> Result<Self> {
        let curve = |rates: [T; 2]| {
            let features = [0, 1].map(|i| Feature {
                sigma: T::of(SIGMAS[i]),
                theta: T::of(THETAS[i]),
                rate: rates[i],
            });
            let mut excess = vec![T::ZERO; 5001];
            excess_risk(&features, T::ONE, SAMPLES, &mut excess)?;
            anyhow::Ok(excess)
        };
        let mut rates = [T::of(RATE); 2];
        let same = curve(rates)?;
        equal_clocks(T::of(RATE), &SIGMAS.map(T::of), &mut rates)?;
        Ok(Self { same, equal: curve(rates)? })
    }
}

/// A network on data of a teacher, by gradient descent and by the reduction.
struct Training<T> {
    problem: Problem<T>,
    full: Record<T>,
    reduced: Record<T>,
    end: Vec<T>,
    /// Of `X^T X`.
    lambda: Vec<T>,
    /// The noise along the left singular vectors.
    epsilon: Vec<T>,
    /// Singular values and shares at the start and at the end.
    spectra: [(Vec<T>, Vec<[T; 2]>); 2],
}

impl<T: Float> Training<T> {
    fn new(progress: &Progress) -> Result<Self> {
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
        let mut theta = zeros::<T>(&[two_layer_params(2, HIDDEN)])?;
        constant_start((T::of(0.01), T::of(0.01)), 2, HIDDEN, &mut theta)?;
        let lambda: Vec<T> = data.singular_values.iter().map(|s| *s * *s).collect();
        // X is decoupled: its right singular vectors are the axes.
        let noise: Vec<T> =
            (data.x.values.chunks(2).zip(&data.y)).map(|(x, y)| *y - dot(x, &data.beta)).collect();
        let epsilon = (data.singular_values.iter().enumerate())
            .map(|(i, s)| {
                let along = data.x.values.chunks(2).zip(&noise).map(|(x, e)| x[i] * *e);
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
        };
        let (mut full, mut reduced) = (Record::default(), Record::default());
        Full::follow(&problem, &mut full, progress)?;
        Reduced::follow(&problem, &mut reduced, progress)?;
        let mut scratch = zeros::<T>(&[two_layer_scratch(2, HIDDEN)])?;
        let mut net = TwoLayer::new(&problem.theta, 2, HIDDEN, &mut scratch)?;
        net.train(problem.x.batch(), &problem.y, problem.rates, ITERATIONS)?;
        let mut trained = problem.theta.clone();
        net.write_to(&mut trained)?;
        let spectrum = |theta: &[T]| jacobian::spectrum(problem.x.batch(), theta, HIDDEN);
        let spectra = [spectrum(&problem.theta)?, spectrum(&trained)?];
        let end = problem.w_min()?;
        Ok(Self { problem, full, reduced, end, lambda, epsilon, spectra })
    }

    /// The largest difference of a weight between the two ways.
    fn difference(&self) -> f64 {
        let pairs = self.full.total.iter().zip(&self.reduced.total);
        pairs.map(|(a, b)| (a.to_f64() - b.to_f64()).abs()).fold(0.0, f64::max)
    }

    fn risk_panel(&self) -> Panel {
        // About as many marks in every decade.
        let marks = geometric(1.0, ITERATIONS as f64, 16);
        let every: Vec<usize> = (marks.iter())
            .map(|mark| self.reduced.t.partition_point(|t| (*t as f64) < *mark))
            .filter(|i| *i < self.reduced.t.len())
            .collect();
        let t: Vec<f64> = every.iter().map(|i| self.reduced.t[*i] as f64).collect();
        let risk: Vec<f64> = every.iter().map(|i| self.reduced.risk[*i].to_f64()).collect();
        curves::loss_and_risk("Two layers: two descents", &self.problem, &self.full, VISIBLE)
            .points("risk by theory (u, z)", &t, &risk)
            // The risk fills the frame; the loss leaves it on its way to 0.
            .y_range(0.05, 200.0)
    }

    /// The flow of the total weight where training ends, and the way there.
    fn field_panel(&self) -> Result<Panel> {
        let beta = self.problem.beta.clone().unwrap_or_default();
        let modes = Modes::new(&self.lambda, &beta, &self.epsilon)?;
        let u = self.reduced.u.last().copied().unwrap_or(T::ONE);
        let field = Field::new(Plane::Total, modes, &[u], (T::ZERO, T::of(1.5)), 16)?;
        let (w1, w2) =
            (curves::column(&self.full.total, 0, 2), curves::column(&self.full.total, 1, 2));
        let (end, beta) = (to_f64(&self.end), to_f64(&beta));
        Ok(field
            .panel("Flow of the total weight", ("w₁ (fast)", "w₂ (slow)"))
            .series("training", &w1, &w2)
            .points("teacher", &beta[..1], &beta[1..])
            .points("least squares", &end[..1], &end[1..]))
    }
}

/// Averages over data for a few numbers of samples.
fn ensemble_panel<T: Float>(rows: &mut Vec<(f64, f64, f64, f64)>) -> Result<Panel> {
    let times = geometric(0.05, 1000.0, 120);
    let mut panel = Panel::lines("Random data: samples per input")
        .x("time (units of 1 / rate)", Scale::Log)
        .y("risk", Scale::Linear)
        .y_range(0.0, 2.0);
    for alpha in ALPHAS {
        let problem = Ensemble::new(T::of(alpha), T::of(5.0), T::ZERO)?;
        let risk: Vec<f64> = times.iter().map(|t| problem.risk(T::of(*t)).to_f64()).collect();
        panel = panel.series(format!("{alpha} per input"), &times, &risk);
        let (time, best) = problem.best_stop();
        rows.push((alpha, time.to_f64(), best.to_f64(), problem.limit().to_f64()));
    }
    Ok(panel)
}

impl Args {
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        io::check_destination(&self.plot, &["svg", "png"])?;
        let progress = session.progress("training", 2 * ITERATIONS as usize);
        let mut averages = Vec::new();
        let (regression, training, ensemble) = session.compute(|| {
            let regression = Regression::<T>::new()?;
            let training = Training::<T>::new(&progress)?;
            anyhow::Ok((regression, training, ensemble_panel::<T>(&mut averages)?))
        })?;
        drop(progress);

        let (same, equal) = (to_f64(&regression.same), to_f64(&regression.equal));
        let turns = turning_points(&same, tolerance::<T>());
        let equal_turns = turning_points(&equal, tolerance::<T>());
        let risk_curve = to_f64(&training.full.risk);
        let trained: Vec<TurningPoint<f64>> = turning_points(&risk_curve, VISIBLE)
            .into_iter()
            .map(|turn| TurningPoint { index: training.full.t[turn.index] as usize, ..turn })
            .collect();
        let [_, (values, shares)] = &training.spectra;
        let figure = Figure::new("Epoch-wise double descent, from regression to two linear layers")
            .columns(2)
            .panel(risk::panel(
                "Regression: two clocks, two descents",
                &[("one rate", &same), ("equal clocks", &equal)],
                &turns,
            ))
            .panel(training.risk_panel())
            .panel(curves::weight_errors(&training.full))
            .panel(training.field_panel()?)
            .panel(jacobian::panel("Jacobian after training", values, shares))
            .panel(ensemble);
        figure.write(&self.plot)?;
        session.note(&format!("wrote {}", self.plot.display()));

        let at = |r: &mut Report, k: usize| {
            r.count("k", k);
        };
        let mut report = Report::new();
        report
            .records("regression", risk::records(&turns, at))
            .records("equal_clocks", risk::records(&equal_turns, at))
            .records("network", risk::records(&trained, at))
            .number("theory_difference", training.difference())
            .array("singular_values", Array::vector(values.clone()))
            .array(
                "shares",
                Array::new(&[shares.len(), 2], shares.iter().flatten().copied().collect()),
            );
        let rows = averages.iter().map(|(alpha, best_time, best_risk, limit)| {
            let mut row = Report::new();
            row.number("alpha", *alpha)
                .number("best_time", *best_time)
                .number("best_risk", *best_risk)
                .number("limit", *limit);
            row
        });
        report.records("ensemble", rows.collect());
        report.set_text(self.text(&training, [&turns, &equal_turns, &trained], &averages)?);
        session.finish(report, &self.out, None)
    }

    fn text<T: Float>(
        &self,
        training: &Training<T>,
        [turns, equal, trained]: [&Vec<TurningPoint<f64>>; 3],
        averages: &[(f64, f64, f64, f64)],
    ) -> Result<String> {
        let mut text = String::new();
        let list = |turns: &[TurningPoint<f64>]| {
            let turns = turns.iter().map(|t| format!("{} at {} ({:.6})", t.kind, t.index, t.value));
            turns.collect::<Vec<_>>().join(", ")
        };
        writeln!(text, "1. Linear regression with two features, stopped early (excess risk)")?;
        writeln!(text, "   one rate:      {}", list(turns))?;
        writeln!(text, "   equal clocks:  {}", list(equal))?;
        writeln!(
            text,
            "   Each feature overfits at its own time; the second descent is the slow one still"
        )?;
        writeln!(text, "   learning. Rates that make the features equally fast remove it.")?;
        writeln!(text)?;
        writeln!(text, "2. Two linear layers, 2-{HIDDEN}-1, on {SAMPLES} samples of a teacher")?;
        writeln!(
            text,
            "   singular values 1 and 0.1, noise along the first; {ITERATIONS} iterations of \
             gradient descent"
        )?;
        writeln!(text, "   test risk:     {}", list(trained))?;
        let last = training.full.risk.last().map_or(f64::NAN, |r| r.to_f64());
        writeln!(text, "   at the end:    {last:.6}")?;
        writeln!(
            text,
            "   the exact (u, z) reduction differs by at most {:.1e} in any weight",
            training.difference()
        )?;
        let [(start, start_shares), (end, end_shares)] = &training.spectra;
        for (when, values, shares) in [("start", start, start_shares), ("end", end, end_shares)] {
            for (value, [first, second]) in values.iter().zip(shares) {
                writeln!(
                    text,
                    "   Jacobian, {when}: singular value {value:.6}, layer shares {first:.4} and \
                     {second:.4}"
                )?;
            }
        }
        writeln!(text)?;
        writeln!(text, "3. Averaged over random data (signal-to-noise ratio 5)")?;
        for (alpha, time, best, limit) in averages {
            writeln!(
                text,
                "   {alpha} samples per input: best risk {best:.6} at time {time:.3}, trained for \
                 ever {limit:.4}"
            )?;
        }
        write!(text, "\nThe picture: {}", self.plot.display())?;
        Ok(text)
    }
}
