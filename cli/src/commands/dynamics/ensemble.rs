//! `nanocurv dynamics ensemble`: the teacher-student risk over random data.

use anyhow::Result;
use nanocurv::dynamics::ensemble::Ensemble;

use super::list::convert;
use crate::args::{CheckArgs, OutputArgs, PlotArgs};
use crate::dense::{self, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{average, geometric};
use crate::plot::{Figure, Panel, Scale};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Inputs of variance 1 / inputs, risk over the teacher's variance, gradient flow.
Result: `t`, `risk`, `limit` (of training for ever), `best_time`, `best_risk`.

Example:
  nanocurv dynamics ensemble --alpha 0.9 --snr 5 --times 0,1,10,100 --plot ensemble.svg"
)]
pub struct Args {
    /// Samples per input
    #[arg(long, value_name = "A")]
    alpha: f64,
    /// Variance of the teacher's output over that of the noise
    #[arg(long, value_name = "S")]
    snr: f64,
    /// Variance of the weights at the start over the teacher's
    #[arg(long, value_name = "I", default_value_t = 0.0)]
    inr: f64,
    /// The times, in units of 1 / rate [default: 200 of equal ratio from 0.01 to 1000]
    #[arg(long, value_name = "t1,..", value_delimiter = ',', num_args = 1)]
    times: Vec<f64>,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        self.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let times =
            if self.times.is_empty() { geometric(0.01, 1000.0, 200) } else { self.times.clone() };
        let times = convert::<T>("--times", &times)?;
        let (alpha, snr, inr) = (T::of(self.alpha), T::of(self.snr), T::of(self.inr));
        let found = session.compute(|_| average(alpha, snr, inr, &times))?;
        if let Some(path) = &self.plot.plot {
            let exact = Ensemble { alpha: self.alpha, snr: self.snr, inr: self.inr };
            let end = wide(&times).into_iter().fold(1000.0, f64::max);
            let fine = geometric(0.01, end, 300);
            let curve: Vec<f64> = fine.iter().map(|t| exact.risk(*t)).collect();
            let mut panel = Panel::lines("Stopped early")
                .x("time (units of 1 / rate)", Scale::Log)
                .y("risk (of the teacher's variance)", Scale::Linear)
                .series("average over data", &fine, &curve);
            if !self.times.is_empty() {
                panel = panel.points("times asked for", &wide(&times), &wide(&found.risk));
            }
            panel =
                panel.mark(found.best_time, found.best_risk, format!("min {:.3}", found.best_time));
            if found.limit.is_finite() {
                panel = panel.horizontal(found.limit, "trained for ever");
            }
            let title =
                format!("Teacher and student: {} samples per input, SNR {}", self.alpha, self.snr);
            Figure::new(title)
                .columns(2)
                .panel(panel)
                .panel(self.by_samples(exact, found.best_time))
                .write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check = self.check.check.then(|| {
            let parameters = [self.alpha, self.snr, self.inr];
            let mut difference = Difference::default();
            for (risk, t) in found.risk.iter().zip(&times) {
                difference.add(risk.to_f64(), dense::dynamics::ensemble(parameters, t.to_f64()));
            }
            difference.within(tolerance)
        });
        let mut report = Report::of("t", times);
        report
            .array("risk", found.risk)
            .unbounded("limit", found.limit)
            .number("best_time", found.best_time)
            .number("best_risk", found.best_risk);
        session.finish(report, &self.out, check)
    }
}

impl Args {
    /// The best risk and the last one against the number of samples.
    fn by_samples(&self, exact: Ensemble<f64>, best_time: f64) -> Panel {
        let of = |alpha: f64| Ensemble { alpha, ..exact };
        let alphas = geometric(0.1, 10.0, 60);
        // The minimum is flat, and long times are costly: a few of them around it will do.
        let middle = best_time.clamp(0.1, 10.0);
        let times = geometric(middle / 8.0, 3.0 * middle, 14);
        let best_of =
            |alpha: f64| times.iter().map(|t| of(alpha).risk(*t)).fold(f64::INFINITY, f64::min);
        let best: Vec<f64> = alphas.iter().map(|a| best_of(*a)).collect();
        // Infinite at one sample per input: no point there.
        let last: Vec<f64> = alphas.iter().map(|a| of(*a).limit()).collect();
        let top = 2.0 * exact.start();
        Panel::lines("More samples")
            .x("samples per input", Scale::Log)
            .y("risk (of the teacher's variance)", Scale::Linear)
            .y_range(0.0, top)
            .series("stopped at its best", &alphas, &best)
            .series("trained for ever", &alphas, &last)
            .mark(self.alpha, best_of(self.alpha), format!("here {}", self.alpha))
    }
}
