//! `nanocurv dynamics field`: velocities of the (u, z) flow on a plane.

use anyhow::{Context, Result};
use nanocurv::dynamics::flow::Modes;

use super::list::{convert, pair, spread};
use super::{field_check, picture};
use crate::args::{CheckArgs, OutputArgs, PlotArgs, choice};
use crate::desktop::Float;
use crate::desktop::dynamics::{Field, PlaneName, Slice, Space};
use crate::plot::{Figure, Panel, Scale};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Equal rates, without the factor 2 of the sum of squares.
Result: `x`, `y` (the coordinates of the grid in the order of the plane's name), `dx`, `dy` (G x G, a
row per y) and `dr`, the velocity of the risk |beta - w|^2.
total-z1, total-z2: over u and the other z; the arrows stand at `w1`, `w2` (G x G). risk-z1, risk-z2:
likewise, at `z` and `risk`, with their velocities `dx` and `dy`. u-z1-z2: also `z` and `dz`; all are
G x G x G, at [k, i, j] that of z2 = z[k], z1 = y[i], u = x[j].

Example:
  nanocurv dynamics field --plane z1-z2 --fixed 1 --beta 1,1 --lambda 100,1 --epsilon 5,0 --range -2,2 --plot field.svg
  nanocurv dynamics field --plane u-z1-z2 --beta 1,1 --lambda 100,1 --epsilon 5,0 --range -2,2 --grid 10 --plot space.svg")]
pub struct Args {
    /// The coordinates that span the plane, or what its arrows show
    #[arg(long, value_parser = choice::<PlaneName>(), value_name = "PLANE")]
    plane: PlaneName,
    /// What is fixed: the z that is not shown on u-z1 and u-z2, the one named by total-z1, total-z2,
    /// risk-z1 and risk-z2, else u; then further z (or w)
    #[arg(long, value_name = "V", value_delimiter = ',', num_args = 1, allow_hyphen_values = true)]
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

/// The names of the axes that a plane's arrows stand on.
const fn axes(plane: PlaneName) -> (&'static str, &'static str) {
    match plane {
        PlaneName::UZ1 => ("u", "z₁"),
        PlaneName::UZ2 | PlaneName::UZ1Z2 => ("u", "z₂"),
        PlaneName::Z1Z2 | PlaneName::UZ => ("z₁", "z₂"),
        PlaneName::Total | PlaneName::Risk | PlaneName::TotalZ1 | PlaneName::TotalZ2 => {
            ("w₁ = u z₁", "w₂ = u z₂")
        }
        PlaneName::RiskZ1 => ("z₂", "risk |β - w|²"),
        PlaneName::RiskZ2 => ("z₁", "risk |β - w|²"),
    }
}

/// What the arrows of a plane are.
const fn shown(plane: PlaneName) -> &'static str {
    match plane {
        PlaneName::UZ | PlaneName::Total | PlaneName::TotalZ1 | PlaneName::TotalZ2 => {
            "Velocity of the total weights"
        }
        PlaneName::RiskZ1 | PlaneName::RiskZ2 => "Velocity of weight and risk",
        _ => "Velocity",
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
        let range = pair::<T>("--range", &self.range)?;
        let slice = self.plane.slice();
        let (report, figure, check);
        if slice == Slice::Space {
            let space = session.compute(|_| Space::new(modes, &fixed, range, self.grid))?;
            figure = self.plot.plot.is_some().then(|| self.draw_space(&space));
            check = self.check.check.then(|| {
                field_check::space(&space, &self.fixed, [&lambda, &beta, &epsilon], tolerance)
            });
            report = report_space(space);
        } else {
            let field = session.compute(|_| Field::new(slice, modes, &fixed, range, self.grid))?;
            figure = self.plot.plot.is_some().then(|| self.draw(&field));
            check = self.check.check.then(|| {
                let modes = [&lambda, &beta, &epsilon];
                field_check::plane(&field, self.plane, &self.fixed, modes, tolerance)
            });
            report = self.report(field);
        }
        if let (Some(path), Some(figure)) = (&self.plot.plot, figure) {
            figure.write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        session.finish(report, &self.out, check)
    }
}

fn report_space<T: Float>(space: Space<T>) -> Report {
    let mut report = Report::of("x", space.axis.clone());
    report.array("y", space.axis.clone()).array("z", space.axis);
    for (key, velocity) in ["dx", "dy", "dz"].into_iter().zip(space.velocities) {
        report.array(key, velocity);
    }
    report.array("dr", space.dr);
    report
}

impl Args {
    fn report<T: Float>(&self, field: Field<T>) -> Report {
        let mut report = Report::of("x", field.axis.clone());
        report.array("y", field.axis);
        if let Some(places) = field.at {
            let names = match self.plane {
                PlaneName::RiskZ1 | PlaneName::RiskZ2 => ["z", "risk"],
                _ => ["w1", "w2"],
            };
            for (name, place) in names.into_iter().zip(places) {
                report.array(name, place);
            }
        }
        report.array("dx", field.dx).array("dy", field.dy).array("dr", field.dr);
        report
    }

    fn title(&self) -> String {
        let join = |v: &[f64]| v.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let lambda = join(&self.lambda);
        let first = match self.plane {
            PlaneName::UZ1 | PlaneName::TotalZ2 | PlaneName::RiskZ2 => "z₂",
            PlaneName::UZ2 | PlaneName::TotalZ1 | PlaneName::RiskZ1 => "z₁",
            PlaneName::UZ1Z2 => "z₃",
            _ => "u",
        };
        let more = if self.fixed.len() > 1 { ", .." } else { "" };
        match self.fixed.as_slice() {
            [] => format!("Gradient flow: λ = {lambda}"),
            fixed => format!("Gradient flow at {first}{more} = {}: λ = {lambda}", join(fixed)),
        }
    }

    fn draw<T: Float>(&self, field: &Field<T>) -> Figure {
        let (across, upward) = axes(self.plane);
        let mut velocity = picture::field(field, shown(self.plane), (across, upward));
        let by_risk = matches!(self.plane, PlaneName::RiskZ1 | PlaneName::RiskZ2);
        if by_risk {
            velocity = velocity.y(upward, Scale::Log);
        }
        let mut figure = Figure::new(self.title()).panel(velocity);
        if self.plane != PlaneName::Total && !by_risk {
            let (x, y) = field.places();
            let chosen = |rises: bool| -> (Vec<f64>, Vec<f64>) {
                let places = x.iter().zip(&y).zip(&field.dr);
                places.filter(|(_, r)| (**r > T::ZERO) == rises).map(|((x, y), _)| (*x, *y)).unzip()
            };
            let ((fall_x, fall_y), (rise_x, rise_y)) = (chosen(false), chosen(true));
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

    fn draw_space<T: Float>(&self, space: &Space<T>) -> Figure {
        let panel = picture::space(space, "Velocity", ["u", "z₁", "z₂"]);
        Figure::new(self.title()).panel_height(640.0).panel(panel)
    }
}
