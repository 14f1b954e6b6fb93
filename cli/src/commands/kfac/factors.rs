//! `nanocurv kfac factors`: `A = mean a a^T`, `G` = the loss-scaled sum of `g g^T`, layer by layer.

use anyhow::{Context, Result};
use clap::ValueEnum;
use nanocurv::kfac::{self, Weights};
use nanocurv::network::{Loss as CoreLoss, Reduction as CoreReduction, Targets as CoreTargets};
use nanocurv::random::Rng;
use nanocurv::{Mat, MatMut};

use crate::args::{
    CheckArgs, Data, DataArgs, Dtype, LossArgs, Net, NetArgs, OutputArgs, TargetArgs, Targets,
};
use crate::array::{Array, Float, zeros};
use crate::check::Difference;
use crate::dense;
use crate::exit::Outcome;
use crate::report::Report;
use crate::session::Session;

/// Samples that are in memory at a time.
const CHUNK: usize = 512;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Result: arrays `PREFIX.A` and `PREFIX.G` for every layer. In PyTorch's \
order the block of a layer is G (x) A, the bias the last input.

Example:
  nanocurv kfac factors --net net.safetensors --activation tanh --data x.npy --targets y.npy \\
      --loss cross-entropy --out factors.npz --check")]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    loss: LossArgs,
    /// Which vectors G is made of
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    fisher: Fisher,
    /// Draws per sample of --fisher mc
    #[arg(long, value_name = "K", default_value_t = 1)]
    draws: u32,
    /// Seed of the draws
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    check: CheckArgs,
}

/// Which vectors are pulled back to the layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Fisher {
    /// Columns of a root of the loss Hessian: the GGN
    #[default]
    #[value(name = "type-2")]
    TypeTwo,
    /// Draws from the model's own distribution
    Mc,
    /// The gradients of the losses
    Empirical,
    /// None: G is the identity
    ForwardOnly,
}

/// The loss as the core knows it.
pub fn core_loss(loss: dense::Loss, reduction: dense::Reduction) -> (CoreLoss, CoreReduction) {
    let loss = match loss {
        dense::Loss::Mse => CoreLoss::Mse,
        dense::Loss::CrossEntropy => CoreLoss::CrossEntropy,
        dense::Loss::Bce => CoreLoss::Bce,
    };
    let reduction = match reduction {
        dense::Reduction::Mean => CoreReduction::Mean,
        dense::Reduction::Sum => CoreReduction::Sum,
    };
    (loss, reduction)
}

/// Class labels as the core takes them.
pub fn core_labels<T: Float>(targets: &Targets<T>) -> Vec<u32> {
    match targets {
        Targets::Values(_) => Vec::new(),
        Targets::Labels(labels) => labels.iter().map(|l| *l as u32).collect(),
    }
}

/// The targets as the core takes them.
pub fn core_targets<'a, T: Float>(
    targets: &'a Targets<T>,
    labels: &'a [u32],
) -> CoreTargets<'a, T> {
    match targets {
        Targets::Values(y) => CoreTargets::Values(y.batch()),
        Targets::Labels(_) => CoreTargets::Labels(labels),
    }
}

/// The factors of all layers over all the data, laid out as `kfac::Factors` reads them.
///
/// # Errors
/// If network and data do not fit together.
pub fn accumulate<T: Float>(
    net: &Net<T>,
    x: Mat<'_, T>,
    targets: &Targets<T>,
    (loss, reduction): (dense::Loss, dense::Reduction),
    fisher: (Fisher, u32, u64),
) -> Result<Vec<T>> {
    let mlp = net.mlp()?;
    let (loss, reduction) = core_loss(loss, reduction);
    let labels = core_labels(targets);
    let targets = core_targets(targets, &labels);
    let weights = Weights::batch(loss, reduction, x.cols(), mlp.outputs());
    let mut factors = zeros::<T>(&[kfac::factors_len(mlp.layers())])?;
    let chunk = CHUNK.min(x.cols());
    let mut scratch = zeros::<T>(&[kfac::accumulate_scratch(mlp.layers(), chunk)])?;
    let (kind, draws, seed) = fisher;
    let mut rng = Rng::seed(seed);
    for from in (0..x.cols()).step_by(chunk.max(1)) {
        let samples = chunk.min(x.cols() - from);
        let fisher = match kind {
            Fisher::TypeTwo => kfac::Fisher::TypeTwo,
            Fisher::Mc => kfac::Fisher::MonteCarlo { rng: &mut rng, draws },
            Fisher::Empirical => kfac::Fisher::Empirical,
            Fisher::ForwardOnly => kfac::Fisher::ForwardOnly,
        };
        kfac::accumulate(
            &mlp,
            x.columns_range(from, samples),
            targets.range(from, samples),
            loss,
            fisher,
            weights,
            &mut factors,
            &mut scratch,
        )
        .context("--data, --targets")?;
    }
    Ok(factors)
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the inputs are unreadable or inconsistent, or the result cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        match session.global.dtype {
            Dtype::F32 => self.run_as::<f32>(session),
            Dtype::F64 => self.run_as::<f64>(session),
        }
    }

    fn run_as<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        self.out.validate()?;
        let tolerance = self.check.tolerance::<T>()?;
        let (net, data, targets) = session.read(|| {
            let net = self.net.read::<T>()?;
            let data = self.data.read(&net)?;
            let targets = self.targets.read(&self.data, &data, &net, &self.loss)?;
            anyhow::Ok((net, data, targets))
        })?;
        let fisher = (self.fisher, self.draws.max(1), self.seed);
        let factors = session.compute(|| {
            accumulate(&net, data.x.batch(), &targets, self.loss.reference(), fisher)
        })?;
        let check = if self.check.check {
            let reference = self.reference(&net, &data, &targets)?;
            let parts = reference.iter().flat_map(|(a, g)| [a, g]);
            let mut rest = factors.as_slice();
            // Each factor has its own scale.
            let checks = parts.map(|part| {
                let (found, after) = rest.split_at(part.len());
                rest = after;
                Difference::between(found, part).within(tolerance)
            });
            checks.reduce(|a, b| a.worse(b))
        } else {
            None
        };
        let mut report = Report::new();
        let mut rest = factors.as_slice();
        for shape in &net.shapes {
            for (letter, n) in [("A", shape.inputs + usize::from(shape.bias)), ("G", shape.outputs)]
            {
                let (factor, after) = rest.split_at(n * n);
                rest = after;
                let array = Array::new(&[n, n], factor.to_vec());
                report.array(format!("{}.{letter}", shape.prefix), array);
            }
        }
        session.finish(report, &self.out, check)
    }

    fn reference<T: Float>(
        &self,
        net: &Net<T>,
        data: &Data<T>,
        targets: &Targets<T>,
    ) -> Result<Vec<(Vec<f64>, Vec<f64>)>> {
        let (theta, x) = (net.theta_f64(), data.x.to_f64());
        let fisher = match self.fisher {
            Fisher::TypeTwo => dense::kfac::Fisher::TypeTwo,
            Fisher::Empirical => dense::kfac::Fisher::Empirical,
            Fisher::ForwardOnly => dense::kfac::Fisher::ForwardOnly,
            Fisher::Mc => dense::kfac::Fisher::Drawn(self.draws(net, &x, targets)?),
        };
        let y = targets.reference();
        let loss = self.loss.reference();
        Ok(dense::kfac::kfac_factors(&net.reference, &theta, &x, &y, loss, &fisher))
    }

    /// The draws of the computation, `draws x N x O`: the same generator at the dense outputs.
    fn draws<T: Float>(&self, net: &Net<T>, x: &[f64], targets: &Targets<T>) -> Result<Vec<f64>> {
        let (inputs, outputs, theta) = (net.inputs(), net.outputs(), net.theta_f64());
        let samples = x.len() / inputs;
        let mut rng = Rng::seed(self.seed);
        let labels = core_labels(targets);
        let values: Vec<f64> = match targets {
            Targets::Values(y) => y.to_f64(),
            Targets::Labels(_) => Vec::new(),
        };
        let targets = match targets {
            Targets::Values(_) => CoreTargets::Values(Mat::of(&values, outputs, samples)),
            Targets::Labels(_) => CoreTargets::Labels(&labels),
        };
        let (loss, _) = self.loss.reference();
        let (loss, _) = core_loss(loss, dense::Reduction::Sum);
        let count = self.draws.max(1) as usize;
        let mut draws = vec![0.0; count * samples * outputs];
        for from in (0..samples).step_by(CHUNK) {
            let n = CHUNK.min(samples - from);
            let x = &x[from * inputs..(from + n) * inputs];
            let f: Vec<f64> =
                x.chunks(inputs).flat_map(|x| net.reference.forward(&theta, x)).collect();
            for draw in draws.chunks_mut(samples * outputs) {
                let to = &mut draw[from * outputs..(from + n) * outputs];
                let to = MatMut::of(to, outputs, n);
                loss.draw(Mat::of(&f, outputs, n), targets.range(from, n), &mut rng, to)?;
            }
        }
        Ok(draws)
    }
}
