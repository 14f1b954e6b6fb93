//! `nanocurv export`: a network as a Rust source file, an `mlp!` line and the parameters.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use heck::ToUpperCamelCase;

use crate::args::{Arch, Net, NetArgs, OutputArgs};
use crate::exit::Outcome;
use crate::io;
use crate::report::Report;
use crate::session::Session;

/// Where a line of the file is broken.
const WIDTH: usize = 100;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Result: a Rust source file with the line `mlp! { pub NAME: .. }` and the array \
`THETA` in single precision, PyTorch's order; every number round-trips. Add it to a firmware \
crate as a module. The scales of the ntk parameterization are multiplied into the numbers.

Examples:
  nanocurv export --net net.safetensors --activation tanh --out src/sensor.rs
  nanocurv export --net net.safetensors --activation relu,tanh --name Gauge"
)]
pub struct Args {
    #[command(flatten)]
    net: NetArgs,
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
        let (theta, rounded) = single(&net)?;
        let source = self.source(&name, &net, &theta);
        if rounded > 0 {
            session.note(&format!("{rounded} of {} parameters were rounded to f32", theta.len()));
        }
        let mut report = Report::new();
        report.word("name", &name).word("arch", Arch::of(&net).to_string());
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
                is_type_name(name),
                "--name: found '{name}', needed a Rust type name such as Sensor"
            );
            return Ok(name.clone());
        }
        let path = self.out.as_deref().unwrap_or(&self.net.net);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.to_upper_camel_case();
        if !is_type_name(&name) {
            bail!("{}: no Rust type can be named after it; give --name NAME", path.display());
        }
        Ok(name)
    }

    /// The command that makes this file.
    fn command(&self) -> String {
        let mut command = format!("nanocurv export --net {}", word(&self.net.net));
        if !self.net.activation.is_empty() {
            let _ = write!(command, " --activation {}", self.net.activation.join(","));
        }
        if self.net.parameterization == crate::args::Parameterization::Ntk {
            let (w, b) = (self.net.sigma_w, self.net.sigma_b);
            let _ = write!(command, " --parameterization ntk --sigma-w {w} --sigma-b {b}");
        }
        if let Some(name) = &self.name {
            let _ = write!(command, " --name {name}");
        }
        if let Some(out) = &self.out {
            let _ = write!(command, " --out {}", word(out));
        }
        command
    }

    fn source(&self, name: &str, net: &Net<f64>, theta: &[f32]) -> String {
        let layers = &net.reference.layers;
        let mut text = format!("// Written by nanocurv {}:\n", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(text, "// {}\n", self.command());
        let file = self.net.net.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(text, "nanocurv::mlp! {{");
        let _ = writeln!(text, "    /// The network of `{}`.", file.escape_debug());
        let _ = write!(text, "    pub {name}: {}", net.inputs());
        for (l, layer) in layers.iter().enumerate() {
            let _ = write!(text, " => {}", layer.outputs);
            if l + 1 < layers.len() {
                let _ = write!(text, " {}", layer.activation.name().replace('-', "_"));
            }
        }
        let bias = layers.iter().any(|l| l.bias);
        let _ = writeln!(text, "{}\n}}\n", if bias { "" } else { ", no bias" });
        let _ = writeln!(text, "/// The parameters of [`{name}`] in PyTorch's order.");
        text.push_str("#[rustfmt::skip]\n#[allow(clippy::approx_constant)]\n");
        let count = format!("<{name} as nanocurv::network::Network>::PARAMS");
        let _ = writeln!(text, "pub static THETA: [f32; {count}] = [");
        let mut rest = theta;
        for (tensor, name) in net.reference.tensors().iter().zip(net.tensor_names()) {
            let (own, after) = rest.split_at(tensor.range.len());
            rest = after;
            let _ = writeln!(text, "    // {}", name.escape_debug());
            // A row of weights a line, as far as it fits.
            let outputs = layers[tensor.layer].outputs;
            let row = if tensor.bias { outputs } else { layers[tensor.layer].inputs };
            own.chunks(row).for_each(|row| numbers(&mut text, row));
        }
        text.push_str("];\n");
        text
    }
}

/// One line or more of numbers, each the shortest literal that reads back as the same bits.
fn numbers(text: &mut String, values: &[f32]) {
    let mut line = String::from("   ");
    for value in values {
        let literal = format!(" {value:?},");
        if line.len() + literal.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line.truncate(3);
        }
        line.push_str(&literal);
    }
    let _ = writeln!(text, "{line}");
}

/// The parameters as the standard parameterisation in single precision has them, and how many of
/// them are not what the file holds.
fn single(net: &Net<f64>) -> Result<(Vec<f32>, usize)> {
    let mut theta = Vec::with_capacity(net.theta.len());
    let mut rounded = 0;
    for (tensor, name) in net.reference.tensors().iter().zip(net.tensor_names()) {
        let layer = &net.reference.layers[tensor.layer];
        let scale = if tensor.bias { layer.bias_scale } else { layer.weight_scale };
        for (index, value) in net.theta[tensor.range.clone()].iter().enumerate() {
            let exact = scale * value;
            let single = exact as f32;
            ensure!(
                single.is_finite(),
                "{}: tensor '{name}', index {index}: {exact:e} is beyond the range of f32",
                net.path.display()
            );
            rounded += usize::from(f64::from(single) != exact);
            theta.push(single);
        }
    }
    Ok((theta, rounded))
}

/// Whether Rust takes it as the name of a type: ASCII, and no keyword begins with a capital but
/// `Self`.
fn is_type_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase())
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name != "Self"
}

/// A path as a word for the shell, on one line.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.escape_debug().to_string().replace("\\'", "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_types() {
        for name in ["Sensor", "A", "Net_2"] {
            assert!(is_type_name(name), "{name}");
        }
        for name in ["", "sensor", "Self", "2Net", "A B", "A;", "Ä", "_"] {
            assert!(!is_type_name(name), "{name}");
        }
    }

    #[test]
    fn numbers_read_back_bit_for_bit() {
        let values = [0.1, -0.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, 1.0, 16777216.0, 2.9999998];
        let mut text = String::new();
        numbers(&mut text, &values);
        let found: Vec<f32> = text.split(',').filter_map(|v| v.trim().parse().ok()).collect();
        assert_eq!(found.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), values.map(f32::to_bits));
        assert!(text.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn a_path_stays_one_word_on_one_line() {
        assert_eq!(word(Path::new("a/b-1.rs")), "a/b-1.rs");
        assert_eq!(word(Path::new("a b")), "'a b'");
        assert_eq!(word(Path::new("a\nb")), "'a\\nb'");
    }
}
