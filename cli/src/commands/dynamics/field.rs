//! `nanocurv dynamics field`: velocities of the (u, z) flow on a plane.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use nanocurv::dynamics::field::{Plane, grid_point};
use nanocurv::dynamics::flow::Modes;

use super::curves::to_f64;
use super::list::{convert, pair, spread};
use crate::args::{CheckArgs, Dtype, OutputArgs, PlotArgs};
use crate::array::{Array, Float, zeros};
use crate::check::{Check, Difference};
use crate::dense;
use crate::exit::Outcome;
use crate::plot::{ArrowLength, Figure, Panel, Scale};
use crate::report::Report;
use crate::session::Session;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Equal rates, without the factor 2 of the sum of squares.
Result: `x`, `y` (the grid's coordinates), `dx`, `dy` (G x G, a row per y) and `dr`, the velocity of
the risk |beta - w|^2.

Example:
  nanocurv dynamics field --plane z1-z2 --fixed 1 --beta 1,1 --lambda 100,1 --epsilon 5,0 --range -2,2 --plot field.svg")]
pub struct Args {
    /// The coordinates that span the plane; total and risk: the total weights w1, w2
    #[arg(long, value_enum, value_name = "PLANE")]
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

/// `--plane`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlaneName {
    /// u and z1
    #[value(name = "u-z1")]
    UZ1,
    /// z1 and z2
    #[value(name = "z1-z2")]
    Z1Z2,
    /// The total weights w1 = u z1 and w2 = u z2
    Total,
    /// As total, and how fast the risk changes
    Risk,
}

impl PlaneName {
    const fn axes(self) -> (&'static str, &'static str) {
        match self {
            Self::UZ1 => ("u", "z₁"),
            Self::Z1Z2 => ("z₁", "z₂"),
            Self::Total | Self::Risk => ("w₁ = u z₁", "w₂ = u z₂"),
        }
    }

    const fn plane(self) -> Plane {
        match self {
            Self::UZ1 => Plane::UZ,
            Self::Z1Z2 => Plane::ZZ,
            Self::Total | Self::Risk => Plane::Total,
        }
    }
}

/// A field on a grid: five times `G x G` numbers, a row per y.
pub struct Field<T> {
    pub axis: Vec<T>,
    pub dx: Vec<T>,
    pub dy: Vec<T>,
    pub dr: Vec<T>,
}

impl<T: Float> Field<T> {
    /// The arrows of `plane`.
    ///
    /// # Errors
    /// The core's.
    pub fn new(
        plane: Plane,
        modes: Modes<'_, T>,
        fixed: &[T],
        (low, high): (T, T),
        grid: usize,
    ) -> Result<Self> {
        let axis: Vec<T> = (0..grid).map(|i| grid_point(low, high, grid, i)).collect();
        let mut field = Self { axis, dx: Vec::new(), dy: Vec::new(), dr: Vec::new() };
        let mut z = zeros::<T>(&[modes.lambda.len()])?;
        for y in &field.axis {
            for x in &field.axis {
                let arrow = plane.arrow(modes, fixed, *x, *y, &mut z)?;
                field.dx.push(arrow.across);
                field.dy.push(arrow.upward);
                field.dr.push(arrow.risk);
            }
        }
        Ok(field)
    }

    /// The coordinates of every arrow.
    fn places(&self) -> (Vec<f64>, Vec<f64>) {
        let axis = to_f64(&self.axis);
        axis.iter().flat_map(|y| axis.iter().map(move |x| (*x, *y))).unzip()
    }

    /// The field as arrows.
    pub fn panel(&self, heading: &str, (x_name, y_name): (&str, &str)) -> Panel {
        let (x, y) = self.places();
        Panel::quiver(heading)
            .x(x_name, Scale::Linear)
            .y(y_name, Scale::Linear)
            .value("speed")
            .arrows(&x, &y, &to_f64(&self.dx), &to_f64(&self.dy), ArrowLength::Same)
    }
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
        let lambda = convert::<T>("--lambda", &self.lambda)?;
        let d = lambda.len();
        let beta = spread::<T>("--beta", &self.beta, d, "eigenvalue of --lambda")?;
        let epsilon = spread::<T>("--epsilon", &self.epsilon, d, "eigenvalue of --lambda")?;
        let modes = Modes::new(&lambda, &beta, &epsilon).context("--lambda, --beta, --epsilon")?;
        let plane = self.plane.plane();
        let fixed = convert::<T>("--fixed", &self.fixed)?;
        let needed = plane.fixed(d);
        ensure!(
            fixed.len() == needed,
            "--fixed: found {} numbers, needed {needed} on this plane with {d} modes",
            fixed.len()
        );
        let (low, high) = pair::<T>("--range", &self.range)?;
        ensure!(low < high, "--range: found {low},{high}, needed the lower end first");
        ensure!(self.grid > 1, "--grid: found {}, needed at least 2", self.grid);
        let field = session
            .compute(|| Field::new(plane, modes, &fixed, (low, high), self.grid))
            .context("--plane")?;
        if let Some(path) = &self.plot.plot {
            self.draw(&field)?.write(path)?;
            session.note(&format!("wrote {}", path.display()));
        }
        let check =
            self.check.check.then(|| self.check(&field, [&lambda, &beta, &epsilon], tolerance));
        let square = |values: Vec<T>| Array::new(&[self.grid, self.grid], values);
        let mut report = Report::of("x", Array::vector(field.axis.clone()));
        report
            .array("y", Array::vector(field.axis))
            .array("dx", square(field.dx))
            .array("dy", square(field.dy))
            .array("dr", square(field.dr));
        session.finish(report, &self.out, check)
    }

    /// Against the derivatives of the loss on data that have these modes.
    fn check<T: Float>(&self, field: &Field<T>, modes: [&Vec<T>; 3], tolerance: f64) -> Check {
        let modes = modes.map(|values| to_f64(values));
        let [lambda, beta, epsilon] = modes.each_ref().map(Vec::as_slice);
        let (fixed, others) = self.fixed.split_first().map_or((0.0, &[][..]), |(u, o)| (*u, o));
        let (mut arrows, mut risks) = (Difference::default(), Difference::default());
        let (x, y) = field.places();
        for (i, (x, y)) in x.into_iter().zip(y).enumerate() {
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
            arrows.add(field.dx[i].to_f64(), across);
            arrows.add(field.dy[i].to_f64(), upward);
            let risk = beta.iter().zip(&z).zip(&dw).map(|((b, z), dw)| -2.0 * (b - u * z) * dw);
            risks.add(field.dr[i].to_f64(), risk.sum());
        }
        arrows.within(tolerance).worse(risks.within(tolerance))
    }

    fn draw<T: Float>(&self, field: &Field<T>) -> Result<Figure> {
        let join = |v: &[f64]| v.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let what = match (self.plane, self.fixed.as_slice()) {
            (PlaneName::UZ1, [_]) => "z₂",
            (PlaneName::UZ1, _) => "z₂, ..",
            (_, [_]) => "u",
            _ => "u, ..",
        };
        let title =
            format!("Gradient flow at {what} = {}: λ = {}", join(&self.fixed), join(&self.lambda));
        let mut figure =
            Figure::new(title).columns(2).panel(field.panel("Velocity", self.plane.axes()));
        if self.plane != PlaneName::Total {
            let (x, y) = field.places();
            let chosen = |rises: bool| -> (Vec<f64>, Vec<f64>) {
                let places = x.iter().zip(&y).zip(&field.dr);
                places.filter(|(_, r)| (**r > T::ZERO) == rises).map(|((x, y), _)| (*x, *y)).unzip()
            };
            let ((fall_x, fall_y), (rise_x, rise_y)) = (chosen(false), chosen(true));
            let (across, upward) = self.plane.axes();
            figure = figure.panel(
                Panel::scatter("What training does to the risk |β - w|²")
                    .x(across, Scale::Linear)
                    .y(upward, Scale::Linear)
                    .points("lowers it", &fall_x, &fall_y)
                    .points("raises it", &rise_x, &rise_y),
            );
        }
        Ok(figure)
    }
}
