//! `nanocurv export`: a network as a Rust source file, an `mlp!` line and the parameters.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use heck::ToUpperCamelCase;

use crate::args::{NetArgs, OutputArgs, word};
use crate::io::{self, posterior, rust};
use crate::report::Report;
use crate::session::{Outcome, Session};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: a Rust source file with the line `mlp! { pub NAME: .. }` and the array \
`THETA` in single precision, PyTorch's order; every number round-trips. Add it to a firmware \
crate as a module. The scales of the ntk parameterization are multiplied into the numbers. With \
--posterior also `POSTERIOR`, `POSTERIOR_LAYERS`, `STRUCTURE` and `NOISE`, for \
`nanocurv::laplace::Posterior::from_exported`, and `FACTORS` of the structures that have them, for \
`nanocurv::kfac::Optimizer::start_from`. With --freeze K the line `mlp! { pub NAMEBack: .., back of \
NAME }` names the layers behind the first K, and posterior and factors are of these.

Examples:
  nanocurv export --net net.safetensors --activation tanh --out src/sensor.rs
  nanocurv export --net net.safetensors --activation tanh --posterior post.npz --out src/sensor.rs
  nanocurv export --net net.safetensors --activation tanh --freeze 2 --out src/sensor.rs
  nanocurv export --net net.safetensors --activation relu,tanh --name Gauge"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
    /// Write this posterior beside the parameters: what `laplace fit --out` wrote
    #[arg(long, value_name = "FILE.npz")]
    posterior: Option<PathBuf>,
    /// The first K layers stay as they are: name the others as a network that goes on learning
    #[arg(long, value_name = "K", default_value_t = 0)]
    freeze: usize,
    /// The network's name in Rust [default: FILE's in CamelCase]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write the source to FILE (.rs) instead of printing it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// If the network is unreadable or beyond single precision, or the file cannot be written.
    pub fn run(&self, session: &mut Session) -> Result<Outcome> {
        if let Some(path) = &self.out {
            io::check_destination(path, &["rs"])?;
        }
        let name = self.name()?;
        // Exported is what a microcontroller computes with, whatever --dtype says.
        let net = session.read(|| self.net.read::<f64>())?;
        session.introduce(&net);
        net.check_freeze(self.freeze)?;
        let (theta, rounded) = rust::single(&net)?;
        let file = Path::new(&net.name).file_name().unwrap_or_default().to_string_lossy();
        let mut source = rust::write(&name, &net, &theta, self.freeze, &self.command(), &file);
        if rounded > 0 {
            session.note(&format!("{rounded} of {} parameters were rounded to f32", theta.len()));
        }
        if let Some(path) = &self.posterior {
            let posterior = session.read(|| posterior::load::<f64>(path))?;
            posterior.check(&net)?;
            let behind = posterior.behind(&net, self.freeze)?;
            let what = path.display().to_string();
            let (numbers, rounded) = rust::rounded(&what, &behind.numbers)?;
            let (factors, _) = rust::rounded(&what, &behind.factors)?;
            let arrays = (&numbers[..], &factors[..]);
            source.push_str(&rust::posterior(&name, &posterior, behind.first, arrays));
            session.note(&format!(
                "{rounded} of {} numbers of the posterior were rounded to f32",
                numbers.len()
            ));
        }
        let mut report = Report::new();
        report.word("name", &name).word("arch", net.arch().to_string());
        report.count("parameters", theta.len()).count("rounded", rounded).word("source", &source);
        report.set_text(source.trim_end());
        let Some(path) = &self.out else {
            return session.finish(report, &OutputArgs::default(), None);
        };
        io::write_atomically(path, |writer| {
            Ok(std::io::Write::write_all(writer, source.as_bytes())?)
        })?;
        session.note(&format!("wrote {}", path.display()));
        Ok(Outcome::Done)
    }

    /// The type's name: `--name`, or that of the file to write or else to read.
    fn name(&self) -> Result<String> {
        if let Some(name) = &self.name {
            ensure!(
                rust::is_type_name(name),
                "--name: found '{name}', needed a Rust type name such as Sensor"
            );
            return Ok(name.clone());
        }
        let path = self.out.as_deref().or(self.net.path()).unwrap_or(Path::new("net"));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.to_upper_camel_case();
        if !rust::is_type_name(&name) {
            bail!("{}: no Rust type can be named after it; give --name NAME", path.display());
        }
        Ok(name)
    }

    /// The command that makes this file.
    fn command(&self) -> String {
        let mut command = format!("nanocurv export {}", self.net.words());
        if let Some(posterior) = &self.posterior {
            let _ = write!(command, " --posterior {}", word(posterior));
        }
        if self.freeze > 0 {
            let _ = write!(command, " --freeze {}", self.freeze);
        }
        if let Some(name) = &self.name {
            let _ = write!(command, " --name {name}");
        }
        if let Some(out) = &self.out {
            let _ = write!(command, " --out {}", word(out));
        }
        command
    }
}
