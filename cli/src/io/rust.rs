//! A network as a Rust source file for a microcontroller: an `mlp!` line and the parameters in
//! single precision. The scales of the ntk parameterisation are multiplied into the numbers.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use crate::desktop::Network;

/// Where a line of the file is broken.
const WIDTH: usize = 100;

/// The source: the `mlp!` line and the parameters in single precision. `command` is what makes it,
/// `file` what it is from.
pub fn write(name: &str, net: &Network<f64>, theta: &[f32], command: &str, file: &str) -> String {
    let layers = net.layers();
    let mut text = format!("// Written by nanocurv {}:\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "// {}\n", command);
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
