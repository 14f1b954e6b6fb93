//! `nanocurv curvature`: the loss's curvature, whole or in part: matrix, product, inverse, estimate.

use std::path::Path;

use anyhow::{Result, ensure};
use nanocurv::Mat;
use nanocurv::curvature::{Dense, spectral_density};

use crate::args::{
    CheckArgs, DataArgs, LossArgs, NetArgs, OutputArgs, PlotArgs, TargetArgs, choice,
};
use crate::dense::{Check, Difference, Reference};
use crate::desktop::array::wide;
use crate::desktop::curvature::{
    Curvature, Estimated, Kind, Part, Problem, Property, density_grid, estimate, gradient,
};
use crate::desktop::{Choice, Data, Float, Network};
use crate::io::{self, Source};
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

mod options;
mod picture;

use options::{Estimate, EstimateArgs, FisherArgs, InverseArgs, PartArgs};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: one array named as the curvature, (P,P), or (P) for the gradient, \
or of the block or rows and columns asked for; with --vector `product`, with --inverse `inverse` \
(with both `solution`); with --estimate trace `trace`, `standard_error`, `matvecs`, with diagonal \
`diagonal`, `standard_error`, `matvecs`, with spectrum `nodes`, `weights`, `grid`, `density`, \
`matvecs`.

Examples:
  nanocurv curvature hessian --net net.safetensors --activation tanh --data x.npy \\
      --targets y.npy --loss mse --out h.npy --plot h.svg --check
  nanocurv curvature ggn --net net.safetensors --activation relu --data x1.npy --data x2.npy \\
      --targets y1.npy --targets y2.npy --loss cross-entropy --block 0.weight,2.weight
  nanocurv curvature hessian ... --rows 0,13,42 --cols 1,2,3
  nanocurv curvature ggn ... --inverse --damping 0.1 --solver cg --vector g.npy
  nanocurv curvature hessian ... --estimate spectrum --matvecs 200 --seed 1 --plot s.svg"
)]
pub struct Args {
    /// Which curvature
    #[arg(value_parser = choice::<Kind>(), value_name = "CURVATURE")]
    kind: Kind,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    loss: LossArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Multiply with (or, with --inverse, solve for) this vector (P) or these columns (P x K)
    #[arg(long, value_name = "FILE")]
    vector: Option<Source>,
    #[command(flatten)]
    inverse: InverseArgs,
    #[command(flatten)]
    fisher: FisherArgs,
    #[command(flatten)]
    estimate: EstimateArgs,
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
        self.plot.validate()?;
        let part = self.part.given();
        let (inverse, estimate) = (self.inverse.inverse, self.estimate.estimate.is_some());
        let refuse = |given: bool, what: &str| {
            ensure!(!given, "{what} do not go together; leave one out");
            anyhow::Ok(())
        };
        refuse(inverse && part, "--inverse and --block or --rows")?;
        refuse(inverse && estimate, "--inverse and --estimate")?;
        refuse(self.vector.is_some() && estimate, "--vector and --estimate")?;
        if self.kind == Kind::Gradient {
            let matrix = part || inverse || estimate || self.vector.is_some();
            refuse(matrix, "the gradient, which is a vector, and options of a matrix")?;
        }
        self.fisher.validate(self.kind)?;
        self.inverse.validate(self.kind)?;
        self.estimate.validate()?;
        if self.plot.plot.is_some() {
            let drawn = match self.estimate.estimate {
                Some(which) => which == Estimate::Spectrum,
                None => self.vector.is_none() && self.kind != Kind::Gradient,
            };
            ensure!(drawn, "--plot draws matrices and spectra; this result is neither");
        }
        Ok(())
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let (net, data, vector) = session.read(|| {
            let net = self.net.read::<T>()?;
            let data = self.data.read_weighted(&self.targets, &net, &self.loss)?;
            let vector = self.vector.as_ref().map(io::read_vectors::<T>).transpose()?;
            anyhow::Ok((net, data, vector))
        })?;
        session.introduce(&net);
        let part = self.part.of(&net)?;
        let data = match self.problem(&net, &data).is_of_gradients() {
            true => data.squared(),
            false => data,
        };
        let problem = self.problem(&net, &data);
        if self.kind == Kind::Gradient {
            return self.gradient(session, &problem);
        }
        let curvature = session.compute(|_| Curvature::new(problem))?;
        if let Some(property) = self.estimate.property() {
            return self.estimate(session, &curvature, &problem, &part, property);
        }
        let lists = part.indices(&net);
        let check = |found: &mut dyn Iterator<Item = &T>,
                     expected: &dyn Fn(&Reference) -> Vec<f64>| {
            self.check(found, || expected(&Reference::new(&problem)))
        };
        let (settings, name) =
            (self.inverse.settings(), self.vector.as_ref().map(Source::to_string));
        let name = name.as_deref().unwrap_or_default();
        let (key, result, check) = match (&vector, self.inverse.inverse) {
            (Some(v), inverse) => {
                let (wide, k) = (wide(v), v.shape().get(1).copied().unwrap_or(1));
                let v = v.view();
                if inverse {
                    let found = session.compute(|_| curvature.solve(&settings, name, v))?;
                    let check = check(&mut found.iter(), &|r| r.solutions(&settings, &wide, k))?;
                    ("solution".to_owned(), found, check)
                } else {
                    let found = session.compute(|_| curvature.product(&part, name, v))?;
                    let expected = |r: &Reference| r.products(lists.as_ref(), &wide, k);
                    let check = check(&mut found.iter(), &expected)?;
                    ("product".to_owned(), found, check)
                }
            }
            (None, true) => {
                let found = session.compute(|_| curvature.inverse(&settings))?;
                let check = check(&mut found.iter(), &|r| r.inverse(&settings))?;
                let heading = format!("{}, damped inverse", picture::title(self.kind));
                self.draw(|path| picture::matrix(path, &net, &heading, &found, &Part::All))?;
                ("inverse".to_owned(), found.into_dyn(), check)
            }
            (None, false) => {
                let found = session.compute(|_| curvature.matrix(&part))?;
                let check = check(&mut found.iter(), &|r| r.part(lists.as_ref()))?;
                let heading = picture::title(self.kind);
                self.draw(|path| picture::matrix(path, &net, heading, &found, &part))?;
                (self.kind.name().replace('-', "_"), found.into_dyn(), check)
            }
        };
        session.finish(Report::of(&key, result), &self.out, check)
    }
}

impl Args {
    fn problem<'a, T: Float>(&self, net: &'a Network<T>, data: &'a Data<T>) -> Problem<'a, T> {
        Problem {
            fisher: self.fisher.fisher(self.estimate.seed),
            separate_bias: self.fisher.separate_bias(),
            ..Problem::new(self.kind, net, data, (self.loss.loss, self.loss.reduction))
        }
    }

    /// Holds a result against the reference, if that was asked for.
    fn check<T: Float>(
        &self,
        found: &mut dyn Iterator<Item = &T>,
        expected: impl FnOnce() -> Vec<f64>,
    ) -> Result<Option<Check>> {
        let tolerance = self.check.tolerance::<T>()?;
        Ok(self.check.check.then(|| Difference::of(found, &expected()).within(tolerance)))
    }

    /// Draws the picture, if it was asked for.
    fn draw(&self, draw: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.plot.plot.as_deref().map_or(Ok(()), draw)
    }

    fn gradient<T: Float>(
        &self,
        session: &mut Session,
        problem: &Problem<'_, T>,
    ) -> Result<Outcome> {
        let found = session.compute(|_| gradient(problem.net, problem.data, problem.loss))?;
        let check = self.check(&mut found.iter(), || Reference::new(problem).gradient())?;
        session.finish(Report::of("gradient", found), &self.out, check)
    }

    fn estimate<T: Float>(
        &self,
        session: &mut Session,
        curvature: &Curvature<'_, T>,
        problem: &Problem<'_, T>,
        part: &Part,
        property: Property,
    ) -> Result<Outcome> {
        let (matvecs, seed) = (self.estimate.matvecs(), self.estimate.seed);
        let lists = part.indices(problem.net);
        let operator = curvature.operator(lists.as_ref())?;
        let found = session.compute(|_| estimate(&operator, property, matvecs, seed))?;
        let check = if self.check.check {
            // The same estimate, with the same random vectors, of the dense reference. Rows for
            // columns: the core's columns are the rows of the transpose.
            let swapped = lists.clone().map(|(rows, cols)| (cols, rows));
            let matrix = Reference::new(problem).part(swapped.as_ref());
            let n = matrix.len().isqrt();
            let dense = Dense::new(Mat::new("matrix", &matrix, n, n)?)?;
            let expected = estimate(&dense, property, matvecs, seed)?;
            Some(compare(&found, &expected)?.within(self.check.tolerance::<T>()?))
        } else {
            None
        };
        if let Estimated::Spectrum(spectrum) = &found {
            self.draw(|path| picture::spectrum(path, picture::title(self.kind), spectrum))?;
        }
        session.finish(report(found), &self.out, check)
    }
}

fn compare<T: Float>(found: &Estimated<T>, expected: &Estimated<f64>) -> Result<Difference> {
    Ok(match (found, expected) {
        (Estimated::Trace(found), Estimated::Trace(expected)) => {
            Difference::between(&[found.value], &[expected.value])
        }
        (Estimated::Diagonal { diagonal, .. }, Estimated::Diagonal { diagonal: expected, .. }) => {
            Difference::of(diagonal, &wide(expected))
        }
        (Estimated::Spectrum(found), Estimated::Spectrum(expected)) => {
            // The density on the grid of the result: nodes of no weight may differ.
            let (grid, width) = density_grid(&found.nodes.to_vec());
            let mut density = vec![0.0; grid.len()];
            let (nodes, weights) = (wide(&expected.nodes), wide(&expected.weights));
            spectral_density(&nodes, &weights, width.to_f64(), &wide(&grid), &mut density)?;
            Difference::of(&found.density, &density)
        }
        _ => Difference::between(&[f64::NAN], &[0.0]),
    })
}

fn report<T: Float>(found: Estimated<T>) -> Report {
    let mut report = Report::new();
    match found {
        Estimated::Trace(e) => report
            .number("trace", e.value.to_f64())
            .number("standard_error", e.standard_error.to_f64())
            .count("matvecs", e.products),
        Estimated::Diagonal { diagonal, error, matvecs } => report
            .array("diagonal", diagonal)
            .array("standard_error", error)
            .count("matvecs", matvecs),
        Estimated::Spectrum(s) => report
            .array("nodes", s.nodes)
            .array("weights", s.weights)
            .array("grid", s.grid)
            .array("density", s.density)
            .count("matvecs", s.matvecs),
    };
    report
}
