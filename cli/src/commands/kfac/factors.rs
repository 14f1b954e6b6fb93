//! `nanocurv kfac factors`: `A = mean a a^T`, `G` = the loss-scaled sum of `g g^T`, layer by layer.

use anyhow::Result;

use crate::args::{CheckArgs, DataArgs, LossArgs, NetArgs, OutputArgs, TargetArgs, choice};
use crate::dense::{Difference, factors_of};
use crate::desktop::Float;
use crate::desktop::curvature::{Kind, Problem};
use crate::desktop::kfac::{Fisher, FisherKind, factors};
use crate::desktop::network::tensor_name;
use crate::report::Report;
use crate::session::{Outcome, Session, Verb};

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
    #[arg(long, value_parser = choice::<FisherKind>(), default_value_t, value_name = "KIND")]
    fisher: FisherKind,
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

impl Verb for Args {
    fn validate(&self) -> Result<()> {
        self.out.validate()
    }

    fn run<T: Float>(&self, session: &mut Session) -> Result<Outcome> {
        let tolerance = self.check.tolerance::<T>()?;
        let (net, data) = session.read(|| {
            let net = self.net.read::<T>()?;
            let data = self.data.read_weighted(&self.targets, &net, &self.loss)?;
            anyhow::Ok((net, data))
        })?;
        session.introduce(&net);
        let loss = (self.loss.loss, self.loss.reduction);
        let fisher = Fisher { kind: self.fisher, draws: self.draws.max(1), seed: self.seed };
        let data = if self.fisher == FisherKind::Empirical { data.squared() } else { data };
        let found = session.compute(|_| factors(&net, &data, loss, fisher))?;
        let check = self.check.check.then(|| {
            let problem = Problem { fisher, ..Problem::new(Kind::Kfac, &net, &data, loss) };
            let parts = found.iter().zip(factors_of(&problem));
            // Each factor has its own scale.
            let checks = parts.flat_map(|(layer, (a, g))| {
                [(&layer.a, a), (&layer.g, g)]
                    .map(|(found, part)| Difference::of(found, &part).within(tolerance))
            });
            checks.reduce(|a, b| a.worse(b))
        });
        let mut report = Report::new();
        for layer in found {
            report.array(tensor_name(&layer.prefix, "A"), layer.a);
            report.array(tensor_name(&layer.prefix, "G"), layer.g);
        }
        session.finish(report, &self.out, check.flatten())
    }
}
