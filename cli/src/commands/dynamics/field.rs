//! `nanocurv dynamics field`: velocities of the (u, z) flow on a plane.

use anyhow::{Context, Result};
use nanocurv::dynamics::flow::Modes;

use super::list::{convert, pair, spread};
use super::picture;
use crate::args::{CheckArgs, OutputArgs, PlotArgs, choice};
use crate::dense::{self, Check, Difference};
use crate::desktop::Float;
use crate::desktop::array::wide;
use crate::desktop::dynamics::{Field, PlaneName};
use crate::plot::{Figure, Panel, Scale};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Equal rates, without the factor 2 of the sum of squares.
Result: `x`, `y` (the grid's coordinates), `dx`, `dy` (G x G, a row per y) and `dr`, the velocity of
the risk |beta - w|^2.

Example:
  nanocurv dynamics field --plane z1-z2 --fixed 1 --beta 1,1 --lambda 100,1 --epsilon 5,0 --range -2,2 --plot field.svg")]
pub struct Args {
    /// The coordinates that span the plane; total and risk: the total weights w1, w2
    #[arg(long, value_parser = choice::<PlaneName>(), value_name = "PLANE")]
    plane: PlaneName,
    /// What is fixed: z2 (and further z) on u-z1, else u (and further z or w)
    #[arg(
        long,
        value_name = "V",
        value_delimiter = ',',
        num_args = 1,
        required = true,
        allow_hyphen_values = true
    )]
    fixed: Vec<f64>,
    /// The teacher in the eigenbasis
    #[arg(
        long,
        value_name = "b1,..",
        value_delimiter = ',',
        num_args = 1,
        required = true,
        allow_hyphen_values = true
    )]
    beta: Vec<f64>,
    /// The eigenvalues of X^T X
    #[arg(long, value_name = "l1,..", value_delimiter = ',', num_args = 1, required = true)]
    lambda: Vec<f64>,
    /// The noise along the left singular vectors
    #[arg(
        long,
        value_name = "e1,..",
        value_delimiter = ',',
        num_args = 1,
        default_value = "0",
        allow_hyphen_values = true
    )]
    epsilon: Vec<f64>,
    /// The ends of both axes
    #[arg(
        long,
        value_name = "LO,HI",
        value_delimiter = ',',
        num_args = 1,
        default_value = "-10,10",
        allow_hyphen_values = true
    )]
    range: Vec<f64>,
    /// Points on each axis
    #[arg(long, value_name = "G", default_value_t = 20)]
    grid: usize,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    plot: PlotArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// The names of a plane's axes.
const fn axes(plane: PlaneName) -> (&'static str, &'static str) {
    match plane {
        PlaneName::UZ1 => ("u", "z₁"),
        PlaneName::Z1Z2 => ("z₁", "z₂"),
        PlaneName::Total | PlaneName::Risk => ("w₁ = u z₁", "w₂ = u z₂"),
    }
}

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()?;
        self.plot.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let lambda = convert::<T>("--lambda", &self.lambda)?;
        let d = lambda.len();
        let beta = spread::<T>("--beta", &self.beta, d, "eigenvalue of --lambda")?;
        let epsilon = spread::<T>("--epsilon", &self.epsilon, d, "eigenvalue of --lambda")?;
        let modes = Modes::new(&lambda, &beta, &epsilon).context("--lambda, --beta, --epsilon")?;
        let fixed = convert::<T>("--fixed", &self.fixed)?;
        let (range, plane) = (pair::<T>("--range", &self.range)?, self.plane.plane());
        let field = session.compute(|_| Field::new(plane, modes, &fixed, range, self.grid))?;
        if let Some(path) = &self.plot.plot {
            self.draw(&field).write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check =
            self.check.check.then(|| self.check(&field, [&lambda, &beta, &epsilon], tolerance));
        let mut report = Report::of("x", field.axis.clone());
        report.array("y", field.axis).array("dx", field.dx).array("dy", field.dy);
        report.array("dr", field.dr);
        session.finish(report, &self.out, check)
    }
}

impl Args {
    /// Against the derivatives of the loss on data that have these modes.
    fn check<T: Float>(&self, field: &Field<T>, modes: [&Vec<T>; 3], tolerance: f64) -> Check {
        let modes = modes.map(|values| wide(values));
        let [lambda, beta, epsilon] = modes.each_ref().map(Vec::as_slice);
        let (fixed, others) = self.fixed.split_first().map_or((0.0, &[][..]), |(u, o)| (*u, o));
        let (mut arrows, mut risks) = (Difference::default(), Difference::default());
        let (x, y) = field.places();
        let found = field.dx.iter().zip(&field.dy).zip(&field.dr);
        for ((x, y), ((dx, dy), dr)) in x.into_iter().zip(y).zip(found) {
            let (u, z): (f64, Vec<f64>) = match self.plane {
                PlaneName::UZ1 => (x, [y].into_iter().chain(self.fixed.iter().copied()).collect()),
                PlaneName::Z1Z2 => (fixed, [x, y].iter().chain(others).copied().collect()),
                PlaneName::Total | PlaneName::Risk => {
                    (fixed, [x, y].iter().chain(others).map(|w| w / fixed).collect())
                }
            };
            let (du, dz) = dense::dynamics::velocity([lambda, beta, epsilon], u, &z);
            let dw: Vec<f64> = z.iter().zip(&dz).map(|(z, dz)| du * z + u * dz).collect();
            let (across, upward) = match self.plane {
                PlaneName::UZ1 => (du, dz[0]),
                PlaneName::Z1Z2 => (dz[0], dz[1]),
                PlaneName::Total | PlaneName::Risk => (dw[0], dw[1]),
            };
            arrows.add(dx.to_f64(), across);
            arrows.add(dy.to_f64(), upward);
            let risk = beta.iter().zip(&z).zip(&dw).map(|((b, z), dw)| -2.0 * (b - u * z) * dw);
            risks.add(dr.to_f64(), risk.sum());
        }
        arrows.within(tolerance).worse(risks.within(tolerance))
    }

    fn draw<T: Float>(&self, field: &Field<T>) -> Figure {
        let join = |v: &[f64]| v.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let what = match (self.plane, self.fixed.as_slice()) {
            (PlaneName::UZ1, [_]) => "z₂",
            (PlaneName::UZ1, _) => "z₂, ..",
            (_, [_]) => "u",
            _ => "u, ..",
        };
        let title =
            format!("Gradient flow at {what} = {}: λ = {}", join(&self.fixed), join(&self.lambda));
        let mut figure = Figure::new(title).columns(2).panel(picture::field(
            field,
            "Velocity",
            axes(self.plane),
        ));
        if self.plane != PlaneName::Total {
            let (x, y) = field.places();
            let chosen = |rises: bool| -> (Vec<f64>, Vec<f64>) {
                let places = x.iter().zip(&y).zip(&field.dr);
                places.filter(|(_, r)| (**r > T::ZERO) == rises).map(|((x, y), _)| (*x, *y)).unzip()
            };
            let ((fall_x, fall_y), (rise_x, rise_y)) = (chosen(false), chosen(true));
            let (across, upward) = axes(self.plane);
            figure = figure.panel(
                Panel::scatter("What training does to the risk |β - w|²")
                    .x(across, Scale::Linear)
                    .y(upward, Scale::Linear)
                    .points("lowers it", &fall_x, &fall_y)
                    .points("raises it", &rise_x, &rise_y),
            );
        }
        figure
    }
}
