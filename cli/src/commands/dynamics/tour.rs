//! `nanocurv dynamics tour`: double descent end to end.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use nanocurv::dynamics::risk::TurningPoint;

use super::picture;
use super::risk::records;
use crate::args::OutputArgs;
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{
    Average, HIDDEN, ITERATIONS, SAMPLES, Tour, Training, VISIBLE, geometric, tour,
};
use crate::io;
use crate::plot::{Figure, Panel, Scale};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

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

fn risk_panel<T: Float>(training: &Training<T>) -> Panel {
    // About as many marks in every decade.
    let marks = geometric(1.0, ITERATIONS as f64, 16);
    let every: Vec<usize> = (marks.iter())
        .map(|mark| training.reduced.t.partition_point(|t| (*t as f64) < *mark))
        .filter(|i| *i < training.reduced.t.len())
        .collect();
    let t: Vec<f64> = every.iter().map(|i| training.reduced.t[*i] as f64).collect();
    let risk: Vec<f64> = every.iter().map(|i| training.reduced.risk[*i].to_f64()).collect();
    picture::loss_and_risk("Two layers: two descents", &training.problem, &training.full, VISIBLE)
        .points("risk by theory (u, z)", &t, &risk)
        // The risk fills the frame; the loss leaves it on its way to 0.
        .y_range(0.05, 200.0)
}

/// The flow of the total weight where training ends, and the way there.
fn field_panel<T: Float>(training: &Training<T>) -> Result<Panel> {
    let beta = training.problem.beta.as_deref().unwrap_or_default();
    let (w1, w2) =
        (picture::column(&training.full.total, 0, 2), picture::column(&training.full.total, 1, 2));
    let (end, beta) = (wide(&training.end), wide(beta));
    let axes = ("w₁ (fast)", "w₂ (slow)");
    Ok(picture::field(&training.field()?, "Flow of the total weight", axes)
        .series("training", &w1, &w2)
        .points("teacher", &beta[..1], &beta[1..])
        .points("least squares", &end[..1], &end[1..]))
}

/// Averages over data for a few numbers of samples.
fn ensemble_panel<T: Float>(tour: &Tour<T>) -> Panel {
    let mut panel = Panel::lines("Random data: samples per input")
        .x("time (units of 1 / rate)", Scale::Log)
        .y("risk", Scale::Linear)
        .y_range(0.0, 2.0);
    for (alpha, average) in &tour.averages {
        panel = panel.series(format!("{alpha} per input"), &tour.times, &wide(&average.risk));
    }
    panel
}

fn figure<T: Float>(tour: &Tour<T>) -> Result<Figure> {
    let training = &tour.training;
    let curves: [(&str, &[f64]); 2] =
        [("one rate", &tour.same.curve), ("equal clocks", &tour.equal.curve)];
    let heading = "Regression: two clocks, two descents";
    Ok(Figure::new("Epoch-wise double descent, from regression to two linear layers")
        .columns(2)
        .panel(picture::excess_risk(heading, &curves, &tour.same.turns))
        .panel(risk_panel(training))
        .panel(picture::weight_errors(&training.full))
        .panel(field_panel(training)?)
        .panel(picture::shares("Jacobian after training", &training.spectra[1]))
        .panel(ensemble_panel(tour)))
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        io::check_destination(&self.plot, &["svg", "png"])
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tour = session.compute(|watch| tour::<T>(watch))?;
        figure(&tour)?.write(&self.plot)?;
        session.note(&format!("wrote {}", self.plot.display()));
        let [_, end] = &tour.training.spectra;
        let mut report = Report::new();
        report
            .records("regression", records(&tour.same.turns))
            .records("equal_clocks", records(&tour.equal.turns))
            .records("network", records(&tour.trained))
            .number("theory_difference", tour.training.difference())
            .array("singular_values", end.values.clone())
            .array("shares", end.shares.clone());
        let rows = tour.averages.iter().map(|(alpha, average)| {
            let mut row = Report::new();
            row.number("alpha", *alpha)
                .number("best_time", average.best_time)
                .number("best_risk", average.best_risk)
                .unbounded("limit", average.limit);
            row
        });
        report.records("ensemble", rows.collect());
        report.set_text(self.text(&tour)?);
        session.finish(report, &self.out, None)
    }
}

impl Args {
    fn text<T: Float>(&self, tour: &Tour<T>) -> Result<String> {
        let training = &tour.training;
        let mut text = String::new();
        let list = |turns: &[TurningPoint<f64>]| {
            let turns = turns.iter().map(|t| format!("{} at {} ({:.6})", t.kind, t.index, t.value));
            turns.collect::<Vec<_>>().join(", ")
        };
        writeln!(text, "1. Linear regression with two features, stopped early (excess risk)")?;
        writeln!(text, "   one rate:      {}", list(&tour.same.turns))?;
        writeln!(text, "   equal clocks:  {}", list(&tour.equal.turns))?;
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
        writeln!(text, "   test risk:     {}", list(&tour.trained))?;
        let last = training.full.risk.last().map_or(f64::NAN, |r| r.to_f64());
        writeln!(text, "   at the end:    {last:.6}")?;
        writeln!(
            text,
            "   the exact (u, z) reduction differs by at most {:.1e} in any weight",
            training.difference()
        )?;
        for (when, spectrum) in ["start", "end"].into_iter().zip(&training.spectra) {
            for (value, share) in spectrum.values.iter().zip(spectrum.shares.rows()) {
                writeln!(
                    text,
                    "   Jacobian, {when}: singular value {value:.6}, layer shares {:.4} and {:.4}",
                    share[0], share[1]
                )?;
            }
        }
        writeln!(text)?;
        writeln!(text, "3. Averaged over random data (signal-to-noise ratio 5)")?;
        for (alpha, average) in &tour.averages {
            let Average { best_time, best_risk, limit, .. } = average;
            writeln!(
                text,
                "   {alpha} samples per input: best risk {best_risk:.6} at time {best_time:.3}, \
                 trained for ever {limit:.4}"
            )?;
        }
        write!(text, "\nThe picture: {}", self.plot.display())?;
        Ok(text)
    }
}
