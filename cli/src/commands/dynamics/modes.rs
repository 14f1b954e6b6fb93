//! `nanocurv dynamics modes`: one decoupled mode in closed form.

use anyhow::Result;
use nanocurv::dynamics::modes::Mode;

use super::list::convert;
use crate::args::{CheckArgs, OutputArgs, PlotArgs};
use crate::dense::{self, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::mode_weights;
use crate::plot::{Figure, Panel, Scale};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "w' = sqrt(c^2 + r^2 w^2) (s - lambda w): c the imbalance of the layers, r = 2 sqrt(eta1 eta2).
Result: `t`, `w`; with --approximation also the published approximation.

Example:
  nanocurv dynamics modes --c 0.3 --r 2 --s 1.2 --lambda 0.7 --w0 0.05 --times 0,0.5,1,2,4"
)]
pub struct Args {
    /// The imbalance eta2 a^2 - eta1 b^2; 0: the logistic curve
    #[arg(long, allow_negative_numbers = true)]
    c: f64,
    /// The coupling 2 sqrt(eta1 eta2); 0: linear regression
    #[arg(long)]
    r: f64,
    /// The input-output value
    #[arg(long, allow_negative_numbers = true)]
    s: f64,
    /// The eigenvalue of the inputs
    #[arg(long)]
    lambda: f64,
    /// The weight at time 0
    #[arg(long, allow_negative_numbers = true)]
    w0: f64,
    /// The times
    #[arg(long, value_name = "t1,..", value_delimiter = ',', num_args = 1, required = true)]
    times: Vec<f64>,
    /// Also the approximation |w'| = (c + r w)(s - lambda w)
    #[arg(long)]
    approximation: bool,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// The points of a drawn curve, less one.
const POINTS: usize = 400;

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        self.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let parameters = convert::<T>(
            "--c, --r, --s, --lambda, --w0",
            &[self.c, self.r, self.s, self.lambda, self.w0],
        )?;
        let [c, r, s, lambda, w0] = parameters[..] else { unreachable!("five in, five out") };
        let times = convert::<T>("--times", &self.times)?;
        let mode = Mode { c, r, s, lambda };
        let w = session.compute(|_| mode_weights(&mode, w0, &times))?;
        let approximation: Vec<T> = times.iter().map(|t| mode.approximation(w0, *t)).collect();
        if let Some(path) = &self.plot.plot {
            // The curve itself, and the times that were asked for.
            let end = self.times.iter().copied().fold(0.0, f64::max);
            let fine: Vec<f64> = (0..=POINTS).map(|i| end * i as f64 / POINTS as f64).collect();
            let exact = Mode { c: self.c, r: self.r, s: self.s, lambda: self.lambda };
            let curve = |w: &dyn Fn(f64) -> f64| fine.iter().map(|t| w(*t)).collect::<Vec<_>>();
            let closed = curve(&|t| exact.weight(self.w0, t));
            let mut panel = Panel::lines("").x("time", Scale::Linear).y("w", Scale::Linear);
            panel = panel.series("closed form", &fine, &closed);
            if self.approximation {
                let near = curve(&|t| exact.approximation(self.w0, t));
                panel = panel.series("approximation", &fine, &near);
            }
            panel = panel.points("times asked for", &wide(&times), &wide(&w));
            if self.lambda > 0.0 {
                panel = panel.horizontal(self.s / self.lambda, "s / λ");
            }
            let title = format!(
                "A mode: c = {}, r = {}, s = {}, λ = {}",
                self.c, self.r, self.s, self.lambda
            );
            Figure::new(title).panel(panel).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check = self.check.check.then(|| {
            let parameters = [self.c, self.r, self.s, self.lambda];
            let mut difference = Difference::default();
            for (w, t) in w.iter().zip(&self.times) {
                difference.add(w.to_f64(), dense::dynamics::mode(parameters, self.w0, *t));
            }
            difference.within(tolerance)
        });
        let mut report = Report::of("t", times);
        report.array("w", w);
        if self.approximation {
            report.array("approximation", approximation);
        }
        session.finish(report, &self.out, check)
    }
}
