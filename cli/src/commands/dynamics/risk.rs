//! `nanocurv dynamics risk`: early-stopped linear regression.

use anyhow::{Result, ensure};
use nanocurv::dynamics::risk::{Feature, TurningPoint, excess_risk};

use super::list::{convert, spread};
use super::picture;
use crate::args::{CheckArgs, OutputArgs, PlotArgs};
use crate::dense::{self, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{excess, turn_tolerance, turning_points};
use crate::plot::Figure;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: `k`, `excess` (the risk without the noise's own), \
`turning_points`: kind, k, excess.

Examples:
  nanocurv dynamics risk --sigmas 1,0.15 --thetas 0.45,3 --noise 1 --samples 10 --lr 0.1 --iterations 5000 --plot risk.svg
  nanocurv dynamics risk --sigmas 1,0.15 --thetas 0.45,3 --noise 1 --samples 10 --lr 0.1 --equal-clocks --iterations 5000")]
pub struct Args {
    /// Standard deviations of the features
    #[arg(long, value_name = "s1,..", value_delimiter = ',', num_args = 1, required = true)]
    sigmas: Vec<f64>,
    /// The teacher
    #[arg(
        long,
        value_name = "t1,..",
        value_delimiter = ',',
        num_args = 1,
        required = true,
        allow_hyphen_values = true
    )]
    thetas: Vec<f64>,
    /// Variance of the noise
    #[arg(long, value_name = "S2")]
    noise: f64,
    /// The number of samples
    #[arg(long, value_name = "N")]
    samples: usize,
    /// The rate of all features, or of each
    #[arg(long, value_name = "E[,E2..]", value_delimiter = ',', num_args = 1, required = true)]
    lr: Vec<f64>,
    /// Scale the rates such that all features learn as fast as the fastest
    #[arg(long)]
    equal_clocks: bool,
    /// The last iteration
    #[arg(long, value_name = "K")]
    iterations: usize,
    /// Moves of the curve that count, as part of its largest value [default: 1e-9 in f64, 1e-4 in
    /// f32]: less is rounding
    #[arg(long, value_name = "X")]
    turn_tolerance: Option<f64>,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// The records of turning points.
pub fn records(turns: &[TurningPoint<f64>]) -> Vec<Report> {
    let record = |turn: &TurningPoint<f64>| {
        let mut record = Report::new();
        record.word("kind", turn.kind.to_string());
        record.count("k", turn.index).number("excess", turn.value);
        record
    };
    turns.iter().map(record).collect()
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        self.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let sigmas = convert::<T>("--sigmas", &self.sigmas)?;
        let thetas = spread::<T>("--thetas", &self.thetas, sigmas.len(), "feature")?;
        let rates = spread::<T>("--lr", &self.lr, sigmas.len(), "feature")?;
        let (equal, samples) = (self.equal_clocks, self.samples);
        ensure!(
            !equal || self.lr.len() == 1,
            "--equal-clocks: found {} rates, needed one",
            self.lr.len()
        );
        let (noise, iterations) = ((T::of(self.noise), samples), self.iterations);
        let found =
            session.compute(|_| excess((&sigmas, &thetas, &rates), equal, noise, iterations))?;
        let curve = wide(&found.excess);
        let moves = self.turn_tolerance.unwrap_or(turn_tolerance::<T>());
        ensure!(moves >= 0.0, "--turn-tolerance: found {moves}, needed at least 0");
        let turns = turning_points(&curve, moves);
        if let Some(path) = &self.plot.plot {
            let exact: Vec<Feature<f64>> = (found.features.iter())
                .map(|f| Feature {
                    sigma: f.sigma.to_f64(),
                    theta: f.theta.to_f64(),
                    rate: f.rate.to_f64(),
                })
                .collect();
            let alone = if found.features.len() > 1 && found.features.len() <= 4 {
                found.features.len()
            } else {
                0
            };
            let mut parts = Vec::new();
            for (i, feature) in exact.iter().take(alone).enumerate() {
                let mut part = vec![0.0; curve.len()];
                excess_risk(&[*feature], self.noise, samples, &mut part)?;
                parts.push((format!("feature {} alone", i + 1), part));
            }
            let mut curves: Vec<(&str, &[f64])> = vec![("all features", &curve)];
            curves.extend(parts.iter().map(|(name, part)| (name.as_str(), part.as_slice())));
            let title = format!(
                "Early-stopped regression, {} features, {samples} samples",
                found.features.len()
            );
            // Without noise only the bias is left.
            let mut bias = vec![0.0; curve.len()];
            excess_risk(&exact, 0.0, samples, &mut bias)?;
            let variance: Vec<f64> = curve.iter().zip(&bias).map(|(all, b)| all - b).collect();
            let parts: [(&str, &[f64]); 2] = [("bias", &bias), ("variance", &variance)];
            Figure::new(title)
                .columns(2)
                .panel(picture::excess_risk("Each feature has its own clock", &curves, &turns))
                .panel(picture::excess_risk("Bias falls, variance rises", &parts, &[]))
                .write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check = self.check.check.then(|| {
            let features: Vec<[f64; 3]> = (found.features.iter())
                .map(|f| [f.sigma.to_f64(), f.theta.to_f64(), f.rate.to_f64()])
                .collect();
            let mut difference = Difference::default();
            for (k, found) in curve.iter().enumerate() {
                let reference = dense::dynamics::excess_risk(&features, self.noise, samples, k);
                difference.add(*found, reference);
            }
            difference.within(tolerance)
        });
        let mut report = Report::of("k", (0..curve.len() as i64).collect::<Vec<i64>>());
        report.array("excess", found.excess);
        report.records("turning_points", records(&turns));
        session.finish(report, &self.out, check)
    }
}
