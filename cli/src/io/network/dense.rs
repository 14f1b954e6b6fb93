//! Named tensors as dense layers, whoever wrote them.
//!
//! | from | weight | bias | axes of the weight |
//! |---|---|---|---|
//! | PyTorch, and this program | `PREFIX.weight` | `PREFIX.bias` | (out, in) |
//! | Flax, Keras by path | `PREFIX/kernel` or `PREFIX/kernel:0` | `PREFIX/bias` | (in, out) |
//! | Keras `get_weights()` through `numpy.savez` | `arr_0`, `arr_2`, .. | `arr_1`, .. | (in, out) |
//! | scikit-learn | `coefs_0`, `coefs_1`, .. | `intercepts_0`, .. | (in, out) |

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use ndarray::Array2;

use super::natural::natural;
use crate::desktop::array::{Array, Shape, matrix};
use crate::desktop::network::tensor_name;

/// The arrays of a file with their names; one that cannot be read fails where it is needed.
pub type Tensors = Vec<(String, Result<Array>)>;

/// An array with its name in the file.
type Named = (String, Array);

/// `z = W a + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// What stands before `.weight` in the names of its tensors.
    pub name: String,
    /// What the file calls the weight.
    pub tensor: String,
    /// W, outputs x inputs.
    pub weight: Array2<f64>,
    /// b.
    pub bias: Option<Vec<f64>>,
}

impl Dense {
    /// The width of the input.
    pub fn inputs(&self) -> usize {
        self.weight.ncols()
    }

    /// The width of the output.
    pub fn outputs(&self) -> usize {
        self.weight.nrows()
    }
}

/// The dense layers of a file.
#[derive(Debug, Default)]
pub struct Layers {
    /// In the natural order of their names.
    pub layers: Vec<Dense>,
    /// Whether the names are nothing but numbers of the layers.
    pub numbered: bool,
    /// The tensors that are neither weight nor bias.
    pub passed_over: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// (out, in)
    Weight,
    /// (in, out)
    Kernel,
    Bias,
}

/// What belongs to a normalisation, without which the network is another.
const NORMALISATION: [&str; 5] =
    ["running_mean", "running_var", "moving_mean", "moving_variance", "gamma"];

/// The layers that the tensors are.
///
/// # Errors
/// If they are not dense layers: which tensor.
pub fn layers(tensors: Tensors) -> Result<Layers> {
    let list = tensors.iter().any(|(name, _)| numbered(name, "arr_").is_some());
    if list {
        return of_list(tensors);
    }
    let (mut weights, mut biases) = (BTreeMap::new(), BTreeMap::new());
    let mut found = Layers::default();
    for (name, array) in tensors {
        let Some((prefix, role)) = place(&name)? else {
            found.passed_over.push(name);
            continue;
        };
        let array = finite(&name, array)?;
        let places = if role == Role::Bias { &mut biases } else { &mut weights };
        if let Some((before, ..)) = places.insert(prefix.clone(), (name.clone(), role, array)) {
            bail!("tensors '{before}' and '{name}' are both of layer '{prefix}'; leave one out");
        }
    }
    if let Some((prefix, (name, ..))) = biases.iter().find(|(p, _)| !weights.contains_key(*p)) {
        bail!("tensor '{name}': there is no '{}' to go with it", tensor_name(prefix, "weight"));
    }
    if !biases.is_empty()
        && let Some((prefix, (name, ..))) = weights.iter().find(|(p, _)| !biases.contains_key(*p))
    {
        bail!(
            "tensor '{}' is missing beside '{name}'; either every layer has a bias or none \
             (a zero bias does the same)",
            tensor_name(prefix, "bias")
        );
    }
    for (prefix, (name, role, array)) in weights {
        let bias = biases.remove(&prefix).map(|(name, _, array)| (name, array));
        found.layers.push(dense(prefix, (name, array), role == Role::Kernel, bias)?);
    }
    found.layers.sort_by(|a, b| natural(&a.name, &b.name));
    found.passed_over.sort_by(|a, b| natural(a, b));
    ensure!(
        !found.layers.is_empty(),
        "the file holds no layer; needed PREFIX.weight and PREFIX.bias, PREFIX/kernel and \
         PREFIX/bias, coefs_I and intercepts_I, or arr_I"
    );
    Ok(found)
}

/// `arr_0, arr_1, ..`: kernels (in, out), each followed by its bias if it has one.
fn of_list(mut tensors: Tensors) -> Result<Layers> {
    tensors.sort_by(|a, b| natural(&a.0, &b.0));
    let mut found = Layers { numbered: true, ..Layers::default() };
    let mut pairs: Vec<(Named, Option<Named>)> = Vec::new();
    for (name, array) in tensors {
        if numbered(&name, "arr_").is_none() {
            found.passed_over.push(name);
            continue;
        }
        let array = finite(&name, array)?;
        match (array.shape(), pairs.last_mut()) {
            ([_, _], _) => pairs.push(((name, array), None)),
            ([_], Some((_, bias @ None))) => *bias = Some((name, array)),
            (shape, _) => bail!(
                "array '{name}': found shape {}, needed a kernel (inputs, outputs) or the bias \
                 after one; only networks of dense layers are read (a normalisation is folded \
                 into them where the network comes as .onnx)",
                Shape(shape)
            ),
        }
    }
    if pairs.iter().any(|(_, bias)| bias.is_some())
        && let Some(((name, _), _)) = pairs.iter().find(|(_, bias)| bias.is_none())
    {
        bail!(
            "array '{name}': no bias follows it; either every layer has a bias or none (a zero \
             bias does the same)"
        );
    }
    for (index, (kernel, bias)) in pairs.into_iter().enumerate() {
        found.layers.push(dense(index.to_string(), kernel, true, bias)?);
    }
    Ok(found)
}

/// The layer and the role that a name speaks of, if it is a weight or a bias.
fn place(name: &str) -> Result<Option<(String, Role)>> {
    for (word, role) in [("coefs_", Role::Kernel), ("intercepts_", Role::Bias)] {
        if let Some(number) = numbered(name, word) {
            return Ok(Some((number.to_owned(), role)));
        }
    }
    let path = name.strip_suffix(":0").unwrap_or(name);
    let (prefix, last) = path.rsplit_once(['.', '/']).unwrap_or(("", path));
    let role = match last {
        "weight" => Role::Weight,
        "kernel" => Role::Kernel,
        "bias" => Role::Bias,
        _ if NORMALISATION.contains(&last) => bail!(
            "tensor '{name}' is of a normalisation, and only networks of dense layers are read; \
             export the network to .onnx, which is read with the normalisation folded in"
        ),
        _ if ["weight", "kernel", "bias"].iter().any(|word| last.contains(word)) => bail!(
            "tensor '{name}': the name is neither PREFIX.weight nor PREFIX.bias; only networks \
             of dense layers are read"
        ),
        _ => return Ok(None),
    };
    Ok(Some((prefix.to_owned(), role)))
}

/// Whether a tensor of this name is a weight or a bias.
pub fn is_parameter(name: &str) -> bool {
    !matches!(place(name), Ok(None))
}

/// The number behind `word`.
fn numbered<'a>(name: &'a str, word: &str) -> Option<&'a str> {
    name.strip_prefix(word).filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn finite(name: &str, array: Result<Array>) -> Result<Array> {
    let array = array.with_context(|| format!("tensor '{name}'"))?;
    if let Some(at) = array.first_non_finite() {
        bail!(
            "tensor '{name}', index {}: found {}, needed a finite number",
            Shape(&array.position(at)),
            array.at(at)
        );
    }
    Ok(array)
}

/// One layer; a kernel has its axes the other way round.
fn dense(
    name: String,
    (tensor, weight): Named,
    kernel: bool,
    bias: Option<Named>,
) -> Result<Dense> {
    let axes = if kernel { "(inputs, outputs)" } else { "(outputs, inputs)" };
    let [rows, cols] = *weight.shape() else {
        bail!(
            "tensor '{tensor}': found shape {}, needed {axes}; only networks of dense layers are \
             read (a normalisation is folded into them where the network comes as .onnx)",
            Shape(weight.shape())
        );
    };
    ensure!(
        rows > 0 && cols > 0,
        "tensor '{tensor}': found shape {}, needed at least one input and one output",
        Shape(weight.shape())
    );
    let stored = matrix(rows, cols, weight.to_vec::<f64>());
    let weight = if kernel { stored.t().as_standard_layout().into_owned() } else { stored };
    let outputs = weight.nrows();
    let bias = match bias {
        None => None,
        Some((bias, values)) => {
            ensure!(
                values.shape() == [outputs],
                "tensor '{bias}': found shape {}, needed {}",
                Shape(values.shape()),
                Shape(&[outputs])
            );
            Some(values.to_vec::<f64>())
        }
    };
    Ok(Dense { name, tensor, weight, bias })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize]) -> (String, Result<Array>) {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| i as f64 + 0.5).collect();
        (name.to_owned(), Ok(Array::new(shape, values)))
    }

    #[test]
    fn every_writer_is_understood() {
        for names in [
            ["0.weight", "0.bias", "2.weight", "2.bias"],
            [
                "params/Dense_0/kernel",
                "params/Dense_0/bias",
                "params/Dense_1/kernel",
                "params/Dense_1/bias",
            ],
            ["dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "dense_1/bias:0"],
            ["arr_0", "arr_1", "arr_2", "arr_3"],
            ["coefs_0", "intercepts_0", "coefs_1", "intercepts_1"],
        ] {
            let shape = |outputs, inputs| {
                if names[0].ends_with("weight") { [outputs, inputs] } else { [inputs, outputs] }
            };
            let file = vec![
                tensor(names[2], &shape(1, 3)),
                tensor(names[1], &[3]),
                tensor(names[0], &shape(3, 2)),
                tensor(names[3], &[1]),
            ];
            let found = layers(file).unwrap();
            let sizes: Vec<_> = found.layers.iter().map(|l| (l.inputs(), l.outputs())).collect();
            assert_eq!(sizes, [(2, 3), (3, 1)], "{names:?}");
            let first = &found.layers[0];
            // Row-major as stored: W_12 is the second value, or the fourth of the transpose.
            assert_eq!(first.weight[[0, 1]], if names[0].ends_with("weight") { 1.5 } else { 3.5 });
            assert_eq!(first.bias.as_deref(), Some(&[0.5, 1.5, 2.5][..]));
        }
    }

    #[test]
    fn what_is_neither_weight_nor_bias_is_passed_over_unread() {
        let unreadable = ("0.num_batches".to_owned(), Err(anyhow::anyhow!("an integer")));
        let found = layers(vec![tensor("0.weight", &[3, 2]), unreadable]).unwrap();
        assert_eq!(found.passed_over, ["0.num_batches"]);
        let unreadable = ("0.weight".to_owned(), Err(anyhow::anyhow!("an integer")));
        let error = format!("{:#}", layers(vec![unreadable]).unwrap_err());
        assert_eq!(error, "tensor '0.weight': an integer");
    }

    #[test]
    fn a_layer_of_its_own_has_no_prefix() {
        let found = layers(vec![tensor("weight", &[3, 2]), tensor("bias", &[3])]).unwrap();
        assert_eq!(found.layers[0].name, "");
        assert_eq!(tensor_name("", "weight"), "weight");
    }

    #[test]
    fn an_error_names_the_tensor() {
        let weights = || vec![tensor("0.weight", &[3, 2]), tensor("2.weight", &[1, 3])];
        assert!(layers(weights()).is_ok());
        for (extra, part) in [
            (tensor("0.bias", &[3]), "'2.bias' is missing beside '2.weight'"),
            (tensor("1.bias", &[3]), "there is no '1.weight'"),
            (tensor("4.weight", &[1, 1, 3]), "needed (outputs, inputs)"),
            (tensor("4.kernel", &[3]), "needed (inputs, outputs)"),
            (tensor("4.weight", &[0, 1]), "at least one"),
            (tensor("4.running_mean", &[1]), "'4.running_mean' is of a normalisation"),
            (tensor("rnn.weight_ih_l0", &[1]), "only networks of dense layers"),
            (tensor("0.kernel", &[2, 3]), "both of layer '0'"),
        ] {
            let mut file = weights();
            file.push(extra);
            let error = layers(file).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let file = vec![tensor("0.weight", &[3, 2]), tensor("0.bias", &[2])];
        let error = layers(file).unwrap_err().to_string();
        assert!(error.contains("found shape (2,), needed (3,)"), "{error}");
        assert!(layers(Vec::new()).is_err());
        for (file, part) in [
            (vec![tensor("arr_0", &[3])], "'arr_0': found shape (3,)"),
            (
                vec![tensor("arr_0", &[2, 3]), tensor("arr_1", &[3]), tensor("arr_2", &[3])],
                "'arr_2'",
            ),
            (
                vec![tensor("arr_0", &[2, 3]), tensor("arr_1", &[3]), tensor("arr_2", &[3, 1])],
                "no bias follows",
            ),
        ] {
            let error = layers(file).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
