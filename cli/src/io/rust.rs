//! A network as a Rust source file for a microcontroller: an `mlp!` line and the parameters in
//! single precision. The scales of the ntk parameterisation are multiplied into the numbers.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use crate::desktop::laplace::{Posterior, StructureKind};
use crate::desktop::{Float, Network};
use nanocurv::network::Layer;

/// Where a line of the file is broken.
const WIDTH: usize = 100;

/// The source: the `mlp!` line and the parameters in single precision; with a `freeze` above 0, also
/// the layers behind so many as a network of their own. `command` is what makes it, `file` what it
/// is from.
pub fn write(
    name: &str,
    net: &Network<f64>,
    theta: &[f32],
    freeze: usize,
    command: &str,
    file: &str,
) -> String {
    let layers = net.layers();
    let mut text = format!("// Written by nanocurv {}:\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "// {}\n", command);
    let doc = format!("The network of `{}`.", file.escape_debug());
    named(&mut text, &doc, name, layers, "");
    if freeze > 0 {
        let doc =
            format!("What goes on learning: the layers of [`{name}`] behind the first {freeze}.");
        named(&mut text, &doc, &back_of(name), &layers[freeze..], &format!(", back of {name}"));
    }
    let _ = writeln!(text, "/// The parameters of [`{name}`] in PyTorch's order.");
    text.push_str("#[rustfmt::skip]\n#[allow(clippy::approx_constant)]\n");
    let count = format!("<{name} as nanocurv::network::Network>::PARAMS");
    let _ = writeln!(text, "pub static THETA: [f32; {count}] = [");
    let mut rest = theta;
    for tensor in net.tensors() {
        let (own, after) = rest.split_at(tensor.range.len());
        rest = after;
        let _ = writeln!(text, "    // {}", tensor.name.escape_debug());
        // A row of weights a line, as far as it fits.
        let outputs = layers[tensor.layer].outputs;
        let row = if tensor.bias { outputs } else { layers[tensor.layer].inputs };
        own.chunks(row).for_each(|row| numbers(&mut text, row));
    }
    text.push_str("];\n");
    text
}

/// The name of what learns behind a front that stays.
fn back_of(name: &str) -> String {
    format!("{name}Back")
}

/// An `mlp!` line with its comment; `more` stands behind the widths.
fn named(text: &mut String, doc: &str, name: &str, layers: &[Layer], more: &str) {
    let inputs = layers.first().map_or(0, |l| l.inputs);
    let _ = write!(text, "nanocurv::mlp! {{\n    /// {doc}\n    pub {name}: {inputs}");
    for (l, layer) in layers.iter().enumerate() {
        let _ = write!(text, " => {}", layer.outputs);
        if l + 1 < layers.len() {
            let _ = write!(text, " {}", layer.activation.name().replace('-', "_"));
        }
    }
    let bias = layers.iter().any(|l| l.bias);
    let _ = writeln!(text, "{}{more}\n}}\n", if bias { "" } else { ", no bias" });
}

/// The source of a posterior of the network `name` behind its first layers, of which there are
/// `first`, behind that network's own source; `numbers` and `factors` are
/// [`Posterior::standard`](crate::desktop::laplace::Posterior::standard) and its factors in single
/// precision.
pub fn posterior<T: Float>(
    name: &str,
    posterior: &Posterior<T>,
    first: usize,
    (numbers, factors): (&[f32], &[f32]),
) -> String {
    let bias = if posterior.separate_bias { "Separate" } else { "Joint" };
    let structure = match posterior.structure {
        StructureKind::Full => "Full".to_owned(),
        StructureKind::Kron => format!("Kronecker(nanocurv::kfac::Bias::{bias})"),
        StructureKind::Ekfac => format!("Ekfac(nanocurv::kfac::Bias::{bias})"),
        StructureKind::Diagonal => "Diagonal".to_owned(),
    };
    let network = format!("<{name} as nanocurv::network::Network>");
    let (of, layers) = if first > 0 {
        (
            format!("those of [`{name}`] behind the first {first}"),
            format!("{network}::LAYERS.split_at({first}).1"),
        )
    } else {
        (format!("all of [`{name}`]"), format!("{network}::LAYERS"))
    };
    let mut text = format!("\n/// The layers that [`POSTERIOR`] is over: {of}.\n");
    let _ = writeln!(
        text,
        "pub const POSTERIOR_LAYERS: &[nanocurv::network::Layer] =\n    {layers};\n"
    );
    let _ = writeln!(text, "/// What [`POSTERIOR`] knows of the curvature.");
    let _ = writeln!(text, "pub const STRUCTURE: nanocurv::laplace::Structure =");
    let _ = writeln!(text, "    nanocurv::laplace::Structure::{structure};\n");
    let _ = writeln!(text, "/// The standard deviation of an observation; 1 for classes.");
    let _ = writeln!(text, "pub const NOISE: f32 = {:?};\n", posterior.noise as f32);
    let doc = "The posterior of the parameters: what\n/// `nanocurv::laplace::Posterior::from_exported` takes.";
    let count = "nanocurv::laplace::posterior_len(POSTERIOR_LAYERS, STRUCTURE)";
    array(&mut text, doc, "POSTERIOR", count, numbers);
    if !factors.is_empty() {
        let doc = "K-FAC's factors of [`POSTERIOR_LAYERS`] at the data of the fit, of the mean loss: what\n\
                   /// `nanocurv::kfac::Optimizer::start_from` takes.";
        text.push('\n');
        let count = "nanocurv::kfac::factors_len(POSTERIOR_LAYERS)";
        array(&mut text, doc, "FACTORS", count, factors);
    }
    text
}

/// An array with its comment.
fn array(text: &mut String, doc: &str, name: &str, count: &str, values: &[f32]) {
    let _ = writeln!(text, "/// {doc}");
    text.push_str("#[rustfmt::skip]\n#[allow(clippy::approx_constant)]\n");
    let _ = writeln!(text, "pub static {name}: [f32; {count}] = [");
    values.chunks(8).for_each(|row| numbers(text, row));
    text.push_str("];\n");
}

/// Numbers in single precision, and how many of them are not what they were.
///
/// # Errors
/// If one is beyond single precision.
pub fn rounded(what: &str, values: &[f64]) -> Result<(Vec<f32>, usize)> {
    let mut count = 0;
    let mut single = Vec::with_capacity(values.len());
    for (index, exact) in values.iter().enumerate() {
        let value = *exact as f32;
        ensure!(value.is_finite(), "{what}: number {index}: {exact:e} is beyond the range of f32");
        count += usize::from(f64::from(value) != *exact);
        single.push(value);
    }
    Ok((single, count))
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
///
/// # Errors
/// If one is beyond single precision.
pub fn single(net: &Network<f64>) -> Result<(Vec<f32>, usize)> {
    let mut theta = Vec::with_capacity(net.theta.len());
    let mut rounded = 0;
    for tensor in net.tensors() {
        let (weights, bias) = net.factors()[tensor.layer];
        let scale = if tensor.bias { bias } else { weights };
        for (index, value) in net.theta[tensor.range].iter().enumerate() {
            let exact = scale * value;
            let single = exact as f32;
            ensure!(
                single.is_finite(),
                "{}: tensor '{}', index {index}: {exact:e} is beyond the range of f32",
                net.name,
                tensor.name
            );
            rounded += usize::from(f64::from(single) != exact);
            theta.push(single);
        }
    }
    Ok((theta, rounded))
}

/// Whether Rust takes it as the name of a type: ASCII, and no keyword begins with a capital but
/// `Self`.
pub fn is_type_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase())
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name != "Self"
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
}
