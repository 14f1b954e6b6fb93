//! A network from the names and shapes of a PyTorch `state_dict`.
//!
//! Tensors are `<prefix>.weight` (`[out, in]`) and `<prefix>.bias` (`[out]`); the layers follow
//! the prefixes in natural order (`0 2 10`, `d1 d2 d3`), and the flat parameters are PyTorch's
//! `W_1, b_1, W_2, ...`, every weight row-major.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{npz, read_bytes, safetensors};
use crate::desktop::array::{Array, Float, Shape};
use crate::desktop::network::{LayerShape, StateDict};

/// Reads `.safetensors` or `.npz`.
///
/// # Errors
/// If the file cannot be read or its tensors are not a chain of dense layers: which tensor.
pub fn read(path: &Path) -> Result<StateDict> {
    parse(path, || read_bytes(path)).with_context(|| path.display().to_string())
}

/// As [`read`] for a file whose content is known.
///
/// # Errors
/// As there.
pub fn parse(path: &Path, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<StateDict> {
    let tensors = match super::extension(path).as_str() {
        "safetensors" => safetensors::read(&bytes()?)?,
        "npz" => npz::read_all(bytes()?)?,
        "pt" | "pth" | "bin" => bail!(
            "is a pickle, which is not read; write it with \
             safetensors.torch.save_file(net.state_dict(), FILE)"
        ),
        _ => bail!("needed a .safetensors or .npz file with the network"),
    };
    for (name, array) in &tensors {
        if let Some(at) = array.first_non_finite() {
            bail!(
                "tensor '{name}', index {}: found {}, needed a finite number",
                Shape(&array.position(at)),
                array.at(at)
            );
        }
    }
    assemble(tensors)
}

/// The chain of layers that the tensors are.
pub(crate) fn assemble(tensors: Vec<(String, Array)>) -> Result<StateDict> {
    let mut weights = BTreeMap::new();
    let mut biases = BTreeMap::new();
    for (name, array) in tensors {
        let Some((prefix, kind)) = name.rsplit_once('.') else {
            bail!("tensor '{name}': the name is neither PREFIX.weight nor PREFIX.bias");
        };
        match kind {
            "weight" => weights.insert(prefix.to_owned(), array),
            "bias" => biases.insert(prefix.to_owned(), array),
            _ => bail!(
                "tensor '{name}': the name is neither PREFIX.weight nor PREFIX.bias; \
                 only networks of dense layers are read"
            ),
        };
    }
    if let Some(prefix) = biases.keys().find(|p| !weights.contains_key(*p)) {
        bail!("tensor '{prefix}.bias': there is no '{prefix}.weight' to go with it");
    }
    let mut prefixes: Vec<String> = weights.keys().cloned().collect();
    prefixes.sort_by(|a, b| natural(a, b));
    ensure!(!prefixes.is_empty(), "the file holds no tensors; needed PREFIX.weight, PREFIX.bias");
    if !biases.is_empty()
        && let Some(prefix) = prefixes.iter().find(|p| !biases.contains_key(*p))
    {
        bail!(
            "tensor '{prefix}.bias' is missing; either every layer has a bias or none \
             (a zero bias does the same)"
        );
    }
    let mut layers: Vec<LayerShape> = Vec::new();
    let mut theta = Vec::new();
    for prefix in prefixes {
        let weight = weights.remove(&prefix).ok_or_else(|| anyhow!("tensor '{prefix}.weight'"))?;
        let [outputs, inputs] = *weight.shape() else {
            bail!(
                "tensor '{prefix}.weight': found shape {}, needed (outputs, inputs); \
                 only networks of dense layers are read",
                Shape(weight.shape())
            );
        };
        ensure!(
            outputs > 0 && inputs > 0,
            "tensor '{prefix}.weight': found shape {}, needed at least one input and one output",
            Shape(weight.shape())
        );
        if let Some(before) = layers.last() {
            ensure!(
                before.outputs == inputs,
                "tensor '{prefix}.weight': found {inputs} inputs, needed {} as layer '{}' has \
                 outputs; layers follow the natural order of their names",
                before.outputs,
                before.prefix
            );
        }
        theta.extend(weight.to_vec::<f64>());
        let bias = biases.remove(&prefix);
        if let Some(bias) = &bias {
            ensure!(
                bias.shape() == [outputs],
                "tensor '{prefix}.bias': found shape {}, needed {}",
                Shape(bias.shape()),
                Shape(&[outputs])
            );
            theta.extend(bias.to_vec::<f64>());
        }
        layers.push(LayerShape { prefix, inputs, outputs, bias: bias.is_some() });
    }
    Ok(StateDict { layers, theta })
}

/// Natural order: runs of digits compare as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let (x, y) = (without_zeros(&a[..m]), without_zeros(&b[..n]));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then(m.cmp(&n));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[m..], &b[n..]);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((x, rest_a)), Some((y, rest_b))) if x == y => (a, b) = (rest_a, rest_b),
            (x, y) => return x.map(|x| x.0).cmp(&y.map(|y| y.0)),
        }
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    &digits[zeros..]
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
            format!("{}.weight", layer.prefix),
            Array::new(&[layer.outputs, layer.inputs], weight),
        ));
        if layer.bias {
            tensors.push((format!("{}.bias", layer.prefix), Array::from(take(layer.outputs))));
        }
    }
    tensors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize]) -> (String, Array) {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| i as f64 + 0.5).collect();
        (name.to_owned(), Array::new(shape, values))
    }

    #[test]
    fn prefixes_follow_their_numbers() {
        let mut names = ["10", "d2", "0", "2", "net.10", "d10", "net.9", "d1", "02"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["0", "2", "02", "10", "d1", "d2", "d10", "net.9", "net.10"]);
    }

    #[test]
    fn a_state_dict_survives_the_round_trip() {
        let file = vec![
            tensor("10.weight", &[1, 3]),
            tensor("2.bias", &[3]),
            tensor("2.weight", &[3, 2]),
            tensor("10.bias", &[1]),
        ];
        let net = assemble(file).unwrap();
        let names: Vec<_> = tensors(&net.layers, &net.theta).into_iter().map(|t| t.0).collect();
        assert_eq!(names, ["2.weight", "2.bias", "10.weight", "10.bias"]);
        assert_eq!(net.theta.len(), 13);
        assert_eq!(assemble(tensors(&net.layers, &net.theta)).unwrap(), net);
    }

    #[test]
    fn an_error_names_the_tensor() {
        let weights = || vec![tensor("0.weight", &[3, 2]), tensor("2.weight", &[1, 3])];
        assert!(assemble(weights()).is_ok());
        for (extra, part) in [
            (tensor("0.bias", &[3]), "'2.bias' is missing"),
            (tensor("1.bias", &[3]), "there is no '1.weight'"),
            (tensor("4.weight", &[1, 2]), "found 2 inputs, needed 1"),
            (tensor("4.weight", &[1, 1, 3]), "needed (outputs, inputs)"),
            (tensor("4.weight", &[0, 1]), "at least one"),
            (tensor("4.running_mean", &[1]), "only networks of dense layers"),
            (tensor("w", &[1]), "'w'"),
        ] {
            let mut file = weights();
            file.push(extra);
            let error = assemble(file).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let file = vec![tensor("0.weight", &[3, 2]), tensor("0.bias", &[2])];
        let error = assemble(file).unwrap_err().to_string();
        assert!(error.contains("found shape (2,), needed (3,)"), "{error}");
        assert!(assemble(Vec::new()).is_err());
    }
}
