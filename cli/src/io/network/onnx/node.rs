//! Nodes of a graph: what they are called, take, give and are set to.

use std::collections::HashSet;

use anyhow::{Result, anyhow, ensure};
use nanocurv::network::Activation;

use super::proto::{Attribute, Graph, Node};

/// The nodes of a graph on whose results its outputs depend, in its order.
pub fn leading(graph: &Graph) -> Vec<&Node> {
    let outputs = graph.output.iter().map(|output| output.name.as_str());
    let mut needed: HashSet<&str> = outputs.collect();
    // Nodes come after those that they need.
    let mut nodes: Vec<_> = graph.node.iter().rev().collect();
    nodes.retain(|node| {
        let leads = node.output.iter().any(|name| needed.contains(name.as_str()));
        if leads {
            needed.extend(node.input.iter().map(String::as_str));
        }
        leads
    });
    nodes.reverse();
    nodes
}

/// ONNX's activations that are ours as they are.
pub const ACTIVATIONS: [(&str, Activation); 9] = [
    ("Relu", Activation::Relu),
    ("LeakyRelu", Activation::LeakyRelu),
    ("Tanh", Activation::Tanh),
    ("Sigmoid", Activation::Sigmoid),
    ("Softplus", Activation::Softplus),
    ("Gelu", Activation::Gelu),
    ("Erf", Activation::Erf),
    ("Sin", Activation::Sin),
    ("Elu", Activation::Elu),
];

/// The activation that a node is, with the constants that ours has.
pub fn activation(node: &Node) -> Result<Option<Activation>> {
    let operator = operator(node);
    let alpha = |default: f32, needed: f32| {
        let found = attribute(node, "alpha").and_then(|a| a.f).unwrap_or(default);
        ensure!(found == needed, "found alpha {found}, needed {needed}, which is ours");
        Ok(())
    };
    match operator {
        "LeakyRelu" => alpha(0.01, 0.01)?,
        "Elu" => alpha(1.0, 1.0)?,
        "Gelu" => {
            let kind = attribute(node, "approximate");
            if kind.is_some_and(|a| a.s == b"tanh") {
                return Ok(Some(Activation::GeluTanh));
            }
        }
        _ => {}
    }
    Ok(ACTIVATIONS.iter().find(|(name, _)| *name == operator).map(|(_, activation)| *activation))
}

pub fn operator(node: &Node) -> &str {
    &node.op_type
}

/// `node 'h0' (Cos)`, by its name or else its result.
pub fn described(node: &Node) -> String {
    let own = Some(&node.name).filter(|name| !name.is_empty());
    let name = own.or(node.output.first()).map_or("", String::as_str);
    format!("node '{name}' ({})", operator(node))
}

/// The first result of a node; what else there is (a mask) leads nowhere.
pub fn result(node: &Node) -> Result<&str> {
    let name = node.output.first().map(String::as_str).filter(|name| !name.is_empty());
    name.ok_or_else(|| anyhow!("{}: has no result", described(node)))
}

pub fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|a| a.name == name)
}

pub fn integer(node: &Node, name: &str, default: i64) -> i64 {
    attribute(node, name).and_then(|a| a.i).unwrap_or(default)
}

pub fn float(node: &Node, name: &str, default: f64) -> f64 {
    attribute(node, name).and_then(|a| a.f).map_or(default, f64::from)
}
