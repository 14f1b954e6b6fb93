//! `.onnx`: a graph that is a chain of dense layers with activations between.
//!
//! Dense layers are `Gemm`, or `MatMul` and `Add`; what scales and shifts ([`fold`]: `Sub`, `Div`,
//! `Mul`, `Add` by constants, batch normalisation as it is evaluated) is folded into them;
//! `Identity`, `Flatten` and `Dropout` pass; a last `Softmax` or `Sigmoid` is left out, because the
//! loss has it. Everything else is refused by its name.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, anyhow, bail, ensure};
use prost::Message;

mod constant;
mod elementwise;
mod fold;
mod node;
mod proto;
#[cfg(test)]
mod tests;

use super::dense::Dense;
use super::file::{NetworkFile, state_dict};
use crate::desktop::network::Link;
use constant::Constant;
use fold::{Affine, Chain};
use node::{ACTIVATIONS, activation, described, float, integer, leading, operator, result};
use proto::{Graph, Model, Node};

/// The network in the bytes of an ONNX model.
///
/// # Errors
/// If they are none, or its graph is not such a chain: which node.
pub fn read(bytes: &[u8]) -> Result<NetworkFile> {
    let model = Model::decode(bytes).map_err(|e| {
        anyhow!("is not a readable .onnx file ({e}); write it with torch.onnx.export or onnx.save")
    })?;
    let graph = model.graph.ok_or_else(|| anyhow!("is not a readable .onnx file: no graph"))?;
    Walk::new(&graph)?.run()
}

/// The way through the graph, from its input to its output.
struct Walk<'a> {
    graph: &'a Graph,
    /// The nodes that lead to the output.
    nodes: Vec<&'a Node>,
    constants: HashMap<&'a str, Constant>,
    /// Names of constants that cannot be read, with the reason.
    unreadable: HashMap<&'a str, String>,
    /// The weights that a layer has.
    taken: HashSet<&'a str>,
    chain: Chain,
    folded: Vec<&'a str>,
    link: Option<Link>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph) -> Result<Self> {
        let mut walk = Self {
            graph,
            nodes: leading(graph),
            constants: HashMap::new(),
            unreadable: HashMap::new(),
            taken: HashSet::new(),
            chain: Chain::default(),
            folded: Vec::new(),
            link: None,
        };
        for tensor in &graph.initializer {
            walk.keep(&tensor.name, Constant::of(tensor));
        }
        for node in &graph.node {
            if let ([output], Some(constant)) = (node.output.as_slice(), walk.constant_of(node)) {
                walk.keep(output, constant);
            }
        }
        Ok(walk)
    }

    fn keep(&mut self, name: &'a str, constant: Result<Constant>) {
        match constant {
            Ok(constant) => {
                self.constants.insert(name, constant);
            }
            Err(error) => {
                self.unreadable.insert(name, format!("{error:#}"));
            }
        }
    }

    /// What a node that has no input but constants gives, if it is one of those that move them.
    fn constant_of(&self, node: &Node) -> Option<Result<Constant>> {
        let first = || node.input.first().and_then(|name| self.constants.get(name.as_str()));
        match operator(node) {
            "Constant" => {
                let [attribute] = node.attribute.as_slice() else { return None };
                Some(match (attribute.name.as_str(), &attribute.t) {
                    ("value", Some(tensor)) => Constant::of(tensor),
                    ("value_float", _) => Ok(Constant::scalar(f64::from(attribute.f?))),
                    ("value_floats", _) => Ok(Constant {
                        shape: vec![attribute.floats.len()],
                        values: attribute.floats.iter().map(|v| f64::from(*v)).collect(),
                    }),
                    (other, _) => Err(anyhow!("a constant by '{other}' is not read")),
                })
            }
            "Identity" => first().cloned().map(Ok),
            "Transpose" => {
                let matrix = first()?.as_matrix(true)?;
                let shape = vec![matrix.nrows(), matrix.ncols()];
                Some(Ok(Constant { shape, values: matrix.into_iter().collect() }))
            }
            _ => None,
        }
    }

    /// Whether a name stands for a constant, be it readable or not.
    fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name) || self.unreadable.contains_key(name)
    }

    fn constant(&self, name: &str) -> Result<&Constant> {
        if let Some(reason) = self.unreadable.get(name) {
            bail!("tensor '{name}': {reason}");
        }
        self.constants.get(name).ok_or_else(|| {
            anyhow!("input '{name}' is not a constant, and only chains of dense layers are read")
        })
    }

    fn run(mut self) -> Result<NetworkFile> {
        let mut value = self.input()?;
        let output = self.output()?;
        // No longer way goes through so many nodes without a circle.
        for _ in 0..=self.nodes.len() {
            let users: Vec<&Node> =
                self.nodes.iter().copied().filter(|n| n.input.iter().any(|i| i == value)).collect();
            let uses = users.iter().flat_map(|n| &n.input).filter(|i| *i == value).count();
            value = match users.as_slice() {
                [] if value == output => return self.finish(),
                [] => bail!("the graph's input does not lead to its output '{output}'"),
                _ if value == output => {
                    bail!("the graph's output '{output}' goes on to {}", described(users[0]))
                }
                [node] if uses == 1 => {
                    self.node(node, value, output).with_context(|| described(node))?;
                    result(node)?
                }
                _ => self.piece(value)?,
            };
        }
        bail!("the graph goes in a circle")
    }

    /// The one input that is not a weight.
    fn input(&self) -> Result<&'a str> {
        let names = self.graph.input.iter().map(|input| input.name.as_str());
        let names: Vec<_> = names.filter(|name| !self.is_constant(name)).collect();
        match names.as_slice() {
            [one] => Ok(one),
            names => {
                bail!("the graph has {} inputs ({}), needed one", names.len(), names.join(", "))
            }
        }
    }

    fn output(&self) -> Result<&'a str> {
        let names: Vec<_> = self.graph.output.iter().map(|output| output.name.as_str()).collect();
        match names.as_slice() {
            [one] => Ok(one),
            names => {
                bail!("the graph has {} outputs ({}), needed one", names.len(), names.join(", "))
            }
        }
    }

    /// One node that takes `value`.
    fn node(&mut self, node: &'a Node, value: &str, output: &str) -> Result<()> {
        let domain = &node.domain;
        ensure!(
            domain.is_empty() || domain == "ai.onnx",
            "its operator is of '{domain}', and only ONNX's own are read"
        );
        let last = self.chain.ends_in_a_layer() && node.output.iter().any(|o| o == output);
        match operator(node) {
            "Gemm" => self.gemm(node, value),
            "MatMul" => self.matmul(node, value),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(node, value),
            "BatchNormalization" => self.batch_normalization(node, value),
            "Identity" => Ok(()),
            "Flatten" => {
                let axis = integer(node, "axis", 1);
                ensure!(axis == 1, "found axis {axis}, needed 1: samples stay rows");
                Ok(())
            }
            "Dropout" => {
                let training = node.input.get(2).filter(|name| !name.is_empty());
                ensure!(training.is_none(), "is told to train; export the network in eval mode");
                Ok(())
            }
            "Softmax" if last => {
                let axis = integer(node, "axis", -1);
                ensure!(matches!(axis, 1 | -1), "found axis {axis}, needed -1: over the classes");
                self.link = Some(Link::Softmax);
                Ok(())
            }
            "Sigmoid" if last => {
                self.link = Some(Link::Sigmoid);
                Ok(())
            }
            _ => match activation(node)? {
                Some(_) if last => bail!(
                    "the last layer is linear here; leave the activation out, or make it part of \
                     what comes after"
                ),
                Some(activation) => self.chain.activate(activation),
                None => bail!(
                    "this operator is not read; networks are chains of Gemm or MatMul and Add \
                     with {} between",
                    ACTIVATIONS.map(|a| a.0).join(", ")
                ),
            },
        }
    }

    /// `alpha A B + beta C`.
    fn gemm(&mut self, node: &'a Node, value: &str) -> Result<()> {
        let [a, b, rest @ ..] = node.input.as_slice() else { bail!("found fewer than two inputs") };
        ensure!(a == value && b != value, "needed the data as its first input");
        ensure!(integer(node, "transA", 0) == 0, "found transA, which makes samples columns");
        let (alpha, beta) = (float(node, "alpha", 1.0), float(node, "beta", 1.0));
        let weight = self.weight(b, integer(node, "transB", 0) == 0)?;
        let weight = if alpha == 1.0 { weight } else { weight * alpha };
        let outputs = weight.nrows();
        let bias = match rest.first().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => {
                let row = self.constant(name)?.as_row();
                let row = row.ok_or_else(|| anyhow!("tensor '{name}' is no row"))?;
                let entry =
                    |i: usize| row.get(if row.len() == 1 { 0 } else { i }).map(|b| beta * b);
                let bias: Option<Vec<f64>> = (0..outputs).map(entry).collect();
                let bias = bias.filter(|_| row.len() == 1 || row.len() == outputs);
                Some(bias.ok_or_else(|| {
                    anyhow!("tensor '{name}': found {} numbers, needed {outputs}", row.len())
                })?)
            }
        };
        self.chain.layer(b, weight, bias)
    }

    fn matmul(&mut self, node: &'a Node, value: &str) -> Result<()> {
        let [a, b] = node.input.as_slice() else { bail!("found other than two inputs") };
        ensure!(a == value, "needed the data as its first input");
        let weight = self.weight(b, true)?;
        self.chain.layer(b, weight, None)
    }

    /// A weight that no other layer has, as outputs x inputs.
    fn weight(&mut self, name: &'a str, kernel: bool) -> Result<ndarray::Array2<f64>> {
        let found = self.constant(name)?;
        let weight = found.as_matrix(kernel).ok_or_else(|| {
            anyhow!("tensor '{name}': found {} axes, needed a matrix", found.shape.len())
        })?;
        ensure!(
            self.taken.insert(name),
            "tensor '{name}' is the weight of two layers: a network that shares weights is another \
             than one that does not, and only the latter is read"
        );
        Ok(weight)
    }

    /// `x + t`, `x - t`, `t - x`, `s x`, `x / s`.
    fn arithmetic(&mut self, node: &'a Node, value: &str) -> Result<()> {
        let [a, b] = node.input.as_slice() else { bail!("found other than two inputs") };
        let first = a == value;
        let name = if first { b } else { a };
        let row = self.constant(name)?.as_row();
        let row =
            row.ok_or_else(|| anyhow!("tensor '{name}' is no row, the same for every sample"))?;
        let row = row.to_vec();
        let operator = operator(node);
        let after_a_layer = self.chain.ends_in_a_layer();
        let affine = match (operator, first) {
            ("Add", _) => Affine::shifting(row),
            ("Sub", true) => Affine::shifting(row.into_iter().map(|t| -t).collect()),
            ("Sub", false) => Affine { scale: vec![-1.0], shift: row },
            ("Mul", _) => Affine::scaling(row),
            ("Div", true) => {
                if let Some(at) = row.iter().position(|s| !s.recip().is_finite()) {
                    bail!("tensor '{name}', number {at}: found {}, a divisor", row[at]);
                }
                Affine::scaling(row.into_iter().map(f64::recip).collect())
            }
            _ => bail!("divides by the data"),
        };
        // The bias of a MatMul is no folding.
        if !(after_a_layer && operator == "Add") {
            self.folded.push(operator);
        }
        self.chain.affine(affine)
    }

    /// `scale (x - mean) / sqrt(var + epsilon) + shift`.
    fn batch_normalization(&mut self, node: &'a Node, value: &str) -> Result<()> {
        ensure!(integer(node, "training_mode", 0) == 0, "is in training; export in eval mode");
        let [x, scale, shift, mean, var] = node.input.as_slice() else {
            bail!("found {} inputs, needed 5", node.input.len())
        };
        ensure!(x == value, "needed the data as its first input");
        let epsilon = float(node, "epsilon", f64::from(1e-5_f32));
        let row = |name: &str| -> Result<Vec<f64>> {
            let row = self.constant(name)?.as_row();
            Ok(row.ok_or_else(|| anyhow!("tensor '{name}' is no row"))?.to_vec())
        };
        let (scale, shift, mean, var) = (row(scale)?, row(shift)?, row(mean)?, row(var)?);
        ensure!(
            [&shift, &mean, &var].iter().all(|v| v.len() == scale.len()),
            "its tensors differ in length"
        );
        let scale: Vec<f64> =
            scale.iter().zip(&var).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        ensure!(scale.iter().all(|s| s.is_finite()), "its variance is not positive");
        let entries = shift.iter().zip(scale.iter().zip(&mean));
        let shift = entries.map(|(t, (s, m))| t - s * m).collect();
        self.folded.push("BatchNormalization");
        self.chain.affine(Affine { scale, shift })
    }

    /// A piece of the graph between `value`, which several nodes take, and where their ways meet
    /// again: an activation that is spelled out. Gives the name of the value after it.
    fn piece(&mut self, value: &'a str) -> Result<&'a str> {
        let uses = |name: &str| {
            self.nodes.iter().copied().flat_map(|n| &n.input).filter(|i| *i == name).count()
        };
        let mut open = HashMap::from([(value, (elementwise::points(), uses(value)))]);
        let mut names = Vec::new();
        for node in self.nodes.clone() {
            if !node.input.iter().any(|name| open.contains_key(name.as_str())) {
                continue;
            }
            names.push(operator(node));
            let f = self
                .elementwise(node, &open)
                .with_context(|| format!("{}: '{value}' goes to several nodes", described(node)))?;
            for name in &node.input {
                if let Some((_, left)) = open.get_mut(name.as_str()) {
                    *left -= 1;
                }
            }
            open.retain(|_, (_, left)| *left > 0);
            let output = result(node)?;
            open.insert(output, (f, uses(output)));
            if let (1, Some((f, _))) = (open.len(), open.get(output)) {
                let (activation, factor) = elementwise::recognised(f).ok_or_else(|| {
                    anyhow!("{} together are none of the activations", names.join(", "))
                })?;
                self.chain.activate(activation).with_context(|| described(node))?;
                if factor != 1.0 {
                    self.chain.affine(Affine::scaling(vec![factor]))?;
                }
                return Ok(output);
            }
        }
        bail!("'{value}' goes to several nodes whose ways do not meet again")
    }

    fn elementwise(
        &self,
        node: &Node,
        open: &HashMap<&str, (Vec<f64>, usize)>,
    ) -> Result<Vec<f64>> {
        let argument = |name: &String| -> Result<Vec<f64>> {
            if let Some((points, _)) = open.get(name.as_str()) {
                return Ok(points.clone());
            }
            let number = self.constant(name)?.as_scalar();
            Ok(vec![number.ok_or_else(|| anyhow!("tensor '{name}' is not a single number"))?])
        };
        let arguments = node.input.iter().map(argument).collect::<Result<Vec<_>>>()?;
        let values = match arguments.as_slice() {
            [x] => elementwise::unary(operator(node), x),
            [x, y] => elementwise::binary(operator(node), x, y),
            _ => None,
        };
        values.ok_or_else(|| anyhow!("only chains of dense layers are read"))
    }

    fn finish(self) -> Result<NetworkFile> {
        ensure!(
            self.chain.ends_in_a_layer(),
            "the graph ends without a dense layer; the last layer is linear here"
        );
        let mut notes = Vec::new();
        if !self.folded.is_empty() {
            notes.push(format!("folded into the layers: {}", self.folded.join(", ")));
        }
        if let Some(link) = self.link {
            let reason = "the outputs are the numbers before it, as the losses take them";
            notes.push(format!("left out the {link} after the last layer: {reason}"));
        }
        let mut layers = self.chain.layers;
        if layers.iter().any(|l| l.bias.is_some()) && layers.iter().any(|l| l.bias.is_none()) {
            notes.push("layers without a bias have one of zeros, as others have one".to_owned());
            for layer in &mut layers {
                layer.bias.get_or_insert_with(|| vec![0.0; layer.weight.nrows()]);
            }
        }
        let hidden = layers.len() - 1;
        let activations = layers.iter().take(hidden).filter_map(|l| l.activation).collect();
        let names = names(layers.iter().map(|l| l.tensor.as_str()));
        let layers = names.into_iter().zip(layers);
        let layers = layers.map(|(name, layer)| Dense {
            name,
            tensor: layer.tensor,
            weight: layer.weight,
            bias: layer.bias,
        });
        let state = state_dict(layers.collect());
        if let Some(at) = state.theta.iter().position(|t| !t.is_finite()) {
            bail!("parameter {at} is {} after folding, needed a finite number", state.theta[at]);
        }
        Ok(NetworkFile {
            state,
            activations: Some(activations),
            link: self.link,
            order: None,
            notes,
        })
    }
}

/// `net.0` where the weights are called `net.0.weight`; else the numbers of the layers.
fn names<'a>(weights: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let prefixes: Option<Vec<String>> =
        weights.clone().map(|name| name.strip_suffix(".weight").map(str::to_owned)).collect();
    prefixes.unwrap_or_else(|| weights.enumerate().map(|(i, _)| i.to_string()).collect())
}
