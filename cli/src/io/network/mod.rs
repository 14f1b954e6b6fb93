//! Networks as people have them: a file of named tensors, or a graph.
//!
//! The layers of a file come out as dense layers in order (`dense`, `order`, `onnx`); the
//! flat parameters are PyTorch's `W_1, b_1, W_2, ...`, every weight row-major.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::{npz, read_bytes, safetensors};
use crate::desktop::array::{Array, Float};
use crate::desktop::network::{LayerShape, tensor_name};

mod dense;
mod file;
mod natural;
mod onnx;
mod order;

pub use file::NetworkFile;

use dense::Tensors;

/// Reads `.safetensors`, `.npz` or `.onnx`; the layers are in the order of `layers`, or in their
/// own if it is empty.
///
/// # Errors
/// If the file cannot be read or is not a chain of dense layers: which tensor or node.
pub fn read(path: &Path, layers: &[String]) -> Result<NetworkFile> {
    parse(path, layers, || read_bytes(path)).with_context(|| path.display().to_string())
}

/// As [`read`] for a file whose content is known.
///
/// # Errors
/// As there.
pub fn parse(
    path: &Path,
    layers: &[String],
    bytes: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<NetworkFile> {
    match super::extension(path).as_str() {
        "safetensors" => {
            let bytes = bytes()?;
            let tensors = safetensors::read_each(&bytes)?;
            refuse_aliases(&bytes, &tensors)?;
            assemble(tensors, layers)
        }
        "npz" => assemble(npz::read_each(bytes()?)?, layers),
        "onnx" => {
            ensure!(layers.is_empty(), "its graph is the order of the layers; leave --layers out");
            onnx::read(&bytes()?)
        }
        "pt" | "pth" | "bin" => bail!(
            "is a pickle, which is not read; write it with \
             safetensors.torch.save_file(net.state_dict(), FILE)"
        ),
        "h5" | "hdf5" | "keras" => bail!(
            "is of Keras, which is not read; write it with \
             numpy.savez(FILE, *model.get_weights())"
        ),
        "pkl" | "pickle" | "joblib" => bail!(
            "is a pickle, which is not read; write it with numpy.savez(FILE, \
             **{{f'coefs_{{i}}': w for i, w in enumerate(mlp.coefs_)}}, \
             **{{f'intercepts_{{i}}': b for i, b in enumerate(mlp.intercepts_)}})"
        ),
        "msgpack" => bail!(
            "is of Flax, which is not read; write it with numpy.savez(FILE, \
             **flax.traverse_util.flatten_dict(params, sep='/'))"
        ),
        _ => bail!("needed a .safetensors, .npz or .onnx file with the network"),
    }
}

/// `save_model` writes a tensor that two layers share once, and its second name into the metadata.
fn refuse_aliases(bytes: &[u8], tensors: &Tensors) -> Result<()> {
    let holds = |name: &str| tensors.iter().any(|(n, _)| n == name);
    let mut metadata: Vec<_> = safetensors::metadata(bytes)?.into_iter().collect();
    metadata.sort();
    for (alias, kept) in metadata {
        if holds(&kept) && !holds(&alias) && dense::is_parameter(&alias) {
            bail!(
                "tensor '{alias}' is no tensor of its own but shares '{kept}', says the metadata: \
                 two layers with one weight are another network than two with their own, and only \
                 these are read; to have them as such, write copies: safetensors.torch.save_file(\
                 {{k: v.clone() for k, v in net.state_dict().items()}}, FILE)"
            );
        }
    }
    Ok(())
}

/// The network that the tensors are.
pub(crate) fn assemble(tensors: Tensors, wanted: &[String]) -> Result<NetworkFile> {
    let mut found = dense::layers(tensors)?;
    let passed_over = std::mem::take(&mut found.passed_over);
    let ordered = order::ordered(found, wanted)?;
    let mut notes = Vec::new();
    if !passed_over.is_empty() {
        notes.push(format!("passed over, neither weight nor bias: {}", passed_over.join(", ")));
    }
    if !ordered.left_out.is_empty() {
        notes.push(format!("left out, not in --layers: {}", ordered.left_out.join(", ")));
    }
    let state = file::state_dict(ordered.layers);
    Ok(NetworkFile { order: ordered.order, notes, ..NetworkFile::from(state) })
}

/// The state dictionary of a network: the inverse of [`read`], for results that are networks.
pub fn tensors<T: Float>(layers: &[LayerShape], theta: &[T]) -> Vec<(String, Array)> {
    let mut rest = theta;
    let mut tensors = Vec::new();
    for layer in layers {
        let mut take = |count: usize| {
            let (own, after) = rest.split_at(count.min(rest.len()));
            rest = after;
            own.to_vec()
        };
        let weight = take(layer.outputs * layer.inputs);
        tensors.push((
            tensor_name(&layer.prefix, "weight"),
            Array::new(&[layer.outputs, layer.inputs], weight),
        ));
        if layer.bias {
            let bias = take(layer.outputs);
            tensors.push((tensor_name(&layer.prefix, "bias"), Array::from(bias)));
        }
    }
    tensors
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn tensor(name: &str, shape: &[usize]) -> (String, Array) {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| i as f64 + 0.5).collect();
        (name.to_owned(), Array::new(shape, values))
    }

    fn parsed(tensors: &[(String, Array)], words: &[(&str, &str)]) -> Result<NetworkFile> {
        let words: HashMap<_, _> =
            words.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let bytes = safetensors::write_with(tensors, Some(words))?;
        parse("net.safetensors".as_ref(), &[], || Ok(bytes))
    }

    #[test]
    fn a_state_dict_survives_the_round_trip() {
        let file = [
            tensor("10.weight", &[1, 3]),
            tensor("2.bias", &[3]),
            tensor("2.weight", &[3, 2]),
            tensor("10.bias", &[1]),
        ];
        let net = parsed(&file, &[]).unwrap();
        let written = tensors(&net.state.layers, &net.state.theta);
        let names: Vec<_> = written.iter().map(|t| t.0.as_str()).collect();
        assert_eq!(names, ["2.weight", "2.bias", "10.weight", "10.bias"]);
        assert_eq!(net.state.theta.len(), 13);
        assert_eq!(parsed(&written, &[]).unwrap(), net);
        let alone = [tensor("weight", &[3, 2]), tensor("bias", &[3])];
        let net = parsed(&alone, &[]).unwrap();
        assert_eq!(tensors(&net.state.layers, &net.state.theta), alone);
    }

    #[test]
    fn a_shared_weight_is_refused_and_other_words_are_not() {
        let file = [tensor("a.weight", &[3, 3])];
        let error = parsed(&file, &[("b.weight", "a.weight")]).unwrap_err().to_string();
        assert!(error.contains("'b.weight'") && error.contains("'a.weight'"), "{error}");
        for words in [("format", "pt"), ("b.buffer", "a.weight"), ("a.weight", "a.weight")] {
            assert!(parsed(&file, &[words]).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn what_is_passed_over_is_named() {
        let step = ("step".to_owned(), Array::new(&[], vec![3_i64]));
        let net = parsed(&[tensor("0.weight", &[3, 2]), step], &[]).unwrap();
        assert_eq!(net.notes, ["passed over, neither weight nor bias: step"]);
    }

    #[test]
    fn another_format_gets_the_line_that_writes_one() {
        for (name, part) in [
            ("net.pt", "safetensors.torch.save_file("),
            ("net.keras", "*model.get_weights()"),
            ("net.joblib", "coefs_{i}"),
            ("net.msgpack", "flatten_dict"),
            ("net.tflite", ".onnx"),
        ] {
            let error = parse(name.as_ref(), &[], || Ok(Vec::new())).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
