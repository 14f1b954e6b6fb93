//! `nanocurv dynamics risk`: early-stopped linear regression.

use anyhow::{Context, Result, ensure};
use nanocurv::dynamics::risk::{Feature, TurningPoint, equal_clocks, excess_risk};

use super::curves::{self, short, to_f64, turning_points};
use super::list::{convert, spread};
use crate::args::{CheckArgs, Dtype, OutputArgs, PlotArgs};
use crate::array::{Array, Float, zeros};
use crate::check::Difference;
use crate::dense;
use crate::exit::Outcome;
use crate::plot::{Figure, Panel, Scale};
use crate::report::Report;
use crate::session::Session;

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

/// The records of turning points; `at` names their place.
pub fn records(turns: &[TurningPoint<f64>], at: impl Fn(&mut Report, usize)) -> Vec<Report> {
    let record = |turn: &TurningPoint<f64>| {
        let mut record = Report::new();
        record.word("kind", turn.kind.to_string());
        at(&mut record, turn.index);
        record.number("excess", turn.value);
        record
    };
    turns.iter().map(record).collect()
}

/// Excess risk over iterations, with its turning points marked.
pub fn panel(heading: &str, curves: &[(&str, &[f64])], turns: &[TurningPoint<f64>]) -> Panel {
    let longest = curves.iter().map(|(_, c)| c.len()).max().unwrap_or(0);
    let k: Vec<f64> = (0..longest).map(|k| k as f64).collect();
    let mut panel =
        Panel::lines(heading).x("iteration k", Scale::Log).y("excess risk", Scale::Linear);
    for (name, curve) in curves {
        let (k, curve) = thinned(&k, curve);
        panel = panel.series(*name, &k, &curve);
    }
    for turn in turns {
        let k = turn.index as f64;
        panel = panel.mark(k, turn.value, format!("{} {k}", short(turn.kind)));
    }
    panel
}

/// About a thousand points of equal ratio: a picture of 20 000 is 1 MB.
fn thinned(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let end = y.len().saturating_sub(1) as u64;
    let kept = super::problem::geometric_times(end, 1000);
    kept.iter().filter_map(|i| Some((x.get(*i as usize)?, y.get(*i as usize)?))).unzip()
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
        self.plot.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        let sigmas = convert::<T>("--sigmas", &self.sigmas)?;
        let thetas = spread::<T>("--thetas", &self.thetas, sigmas.len(), "feature")?;
        let mut rates = spread::<T>("--lr", &self.lr, sigmas.len(), "feature")?;
        if self.equal_clocks {
            ensure!(
                self.lr.len() == 1,
                "--equal-clocks: found {} rates, needed one",
                self.lr.len()
            );
            equal_clocks(T::of(self.lr[0]), &sigmas, &mut rates).context("--equal-clocks")?;
        }
        let features: Vec<Feature<T>> = (sigmas.iter().zip(&thetas).zip(&rates))
            .map(|((sigma, theta), rate)| Feature { sigma: *sigma, theta: *theta, rate: *rate })
            .collect();
        let (noise, samples) = (T::of(self.noise), self.samples);
        let excess = session.compute(|| {
            let mut excess = zeros::<T>(&[self.iterations.saturating_add(1)])?;
            excess_risk(&features, noise, samples, &mut excess)?;
            anyhow::Ok(excess)
        })?;
        let curve = to_f64(&excess);
        let moves = self.turn_tolerance.unwrap_or(curves::tolerance::<T>());
        ensure!(moves >= 0.0, "--turn-tolerance: found {moves}, needed at least 0");
        let turns = turning_points(&curve, moves);
        if let Some(path) = &self.plot.plot {
            let exact: Vec<Feature<f64>> = (features.iter())
                .map(|f| Feature {
                    sigma: f.sigma.to_f64(),
                    theta: f.theta.to_f64(),
                    rate: f.rate.to_f64(),
                })
                .collect();
            let alone = if features.len() > 1 && features.len() <= 4 { features.len() } else { 0 };
            let mut parts = Vec::new();
            for (i, feature) in exact.iter().take(alone).enumerate() {
                let mut part = vec![0.0; curve.len()];
                excess_risk(&[*feature], self.noise, samples, &mut part)?;
                parts.push((format!("feature {} alone", i + 1), part));
            }
            let mut curves: Vec<(&str, &[f64])> = vec![("all features", &curve)];
            curves.extend(parts.iter().map(|(name, part)| (name.as_str(), part.as_slice())));
            let title =
                format!("Early-stopped regression, {} features, {samples} samples", features.len());
            // Without noise only the bias is left.
            let mut bias = vec![0.0; curve.len()];
            excess_risk(&exact, 0.0, samples, &mut bias)?;
            let variance: Vec<f64> = curve.iter().zip(&bias).map(|(all, b)| all - b).collect();
            let parts: [(&str, &[f64]); 2] = [("bias", &bias), ("variance", &variance)];
            Figure::new(title)
                .columns(2)
                .panel(panel("Each feature has its own clock", &curves, &turns))
                .panel(panel("Bias falls, variance rises", &parts, &[]))
                .write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check = self.check.check.then(|| {
            let features: Vec<[f64; 3]> = (features.iter())
                .map(|f| [f.sigma.to_f64(), f.theta.to_f64(), f.rate.to_f64()])
                .collect();
            let mut difference = Difference::default();
            for (k, found) in curve.iter().enumerate() {
                let reference = dense::dynamics::excess_risk(&features, self.noise, samples, k);
                difference.add(*found, reference);
            }
            difference.within(tolerance)
        });
        let mut report =
            Report::of("k", Array::vector((0..excess.len() as i64).collect::<Vec<i64>>()));
        report.array("excess", Array::vector(excess));
        report.records(
            "turning_points",
            records(&turns, |r, k| {
                r.count("k", k);
            }),
        );
        session.finish(report, &self.out, check)
    }
}
