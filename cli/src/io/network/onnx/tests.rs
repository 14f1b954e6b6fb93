//! Graphs as exporters write them, made here node by node.

use nanocurv::network::Activation;
use prost::Message;

use super::proto::{Attribute, DataType, Graph, Model, Node, Tensor, ValueInfo};
use super::read;
use crate::io::network::file::NetworkFile;

fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        op_type: operator.to_owned(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..Node::default()
    }
}

fn with(mut node: Node, attributes: &[(&str, i64)]) -> Node {
    for (name, i) in attributes {
        let name = (*name).to_owned();
        node.attribute.push(Attribute { name, i: Some(*i), ..Attribute::default() });
    }
    node
}

fn floating(mut node: Node, name: &str, f: f32) -> Node {
    let name = name.to_owned();
    node.attribute.push(Attribute { name, f: Some(f), ..Attribute::default() });
    node
}

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    Tensor {
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        float_data: values.to_vec(),
        name: name.to_owned(),
        ..Tensor::default()
    }
}

fn value(name: &str) -> ValueInfo {
    ValueInfo { name: name.to_owned() }
}

/// What every graph here may use: `w (3, 2)`, `v (1, 3)`, biases, rows and numbers.
fn constants() -> Vec<Tensor> {
    vec![
        tensor("w", &[3, 2], &[1.0, -2.0, 0.5, 3.0, -1.5, 0.25]),
        tensor("v", &[1, 3], &[2.0, -1.0, 0.5]),
        tensor("k", &[2, 3], &[1.0, 0.5, -1.5, -2.0, 3.0, 0.25]),
        tensor("b", &[3], &[0.1, 0.2, -0.3]),
        tensor("c", &[1], &[0.7]),
        tensor("row", &[1, 3], &[2.0, 4.0, -0.5]),
        tensor("pair", &[2], &[2.0, -1.0]),
        tensor("square", &[3, 3], &[1.0; 9]),
        tensor("var", &[3], &[4.0, 1.0, 0.25]),
        tensor("half", &[], &[0.5]),
        tensor("one", &[], &[1.0]),
        tensor("two", &[], &[2.0]),
        tensor("three", &[], &[3.0]),
        tensor("zero", &[], &[0.0]),
        tensor("root", &[], &[std::f32::consts::SQRT_2]),
        tensor("cubic", &[], &[0.044_715]),
        tensor("slope", &[], &[0.797_884_6]),
    ]
}

fn graph(nodes: Vec<Node>) -> Graph {
    Graph {
        node: nodes,
        initializer: constants(),
        input: vec![value("x")],
        output: vec![value("y")],
    }
}

fn bytes(graph: Graph) -> Vec<u8> {
    Model { graph: Some(graph) }.encode_to_vec()
}

fn parsed(nodes: Vec<Node>) -> anyhow::Result<NetworkFile> {
    read(&bytes(graph(nodes)))
}

/// `h = W x + b`, the nodes, `y = V a + c`.
fn between(middle: Vec<Node>) -> Vec<Node> {
    let first = with(node("Gemm", &["x", "w", "b"], "h"), &[("transB", 1)]);
    let last = with(node("Gemm", &["a", "v", "c"], "y"), &[("transB", 1)]);
    [vec![first], middle, vec![last]].concat()
}

const THETA: [f64; 13] = [1.0, -2.0, 0.5, 3.0, -1.5, 0.25, 0.1, 0.2, -0.3, 2.0, -1.0, 0.5, 0.7];

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    }
}

#[test]
fn activations_by_name_or_spelled_out_are_read() {
    let erf = |x: &str| {
        vec![
            node("Div", &[x, "root"], "1"),
            node("Erf", &["1"], "2"),
            node("Add", &["2", "one"], "3"),
        ]
    };
    let tanh = vec![
        node("Pow", &["h", "three"], "1"),
        node("Mul", &["1", "cubic"], "2"),
        node("Add", &["h", "2"], "3"),
        node("Mul", &["3", "slope"], "4"),
        node("Tanh", &["4"], "5"),
        node("Add", &["5", "one"], "6"),
        node("Mul", &["h", "6"], "7"),
        node("Mul", &["7", "half"], "a"),
    ];
    let halved =
        [vec![node("Mul", &["h", "half"], "0")], erf("h"), vec![node("Mul", &["0", "3"], "a")]];
    let halved_after =
        [erf("h"), vec![node("Mul", &["h", "3"], "4"), node("Mul", &["4", "half"], "a")]];
    let mut approximate = node("Gelu", &["h"], "a");
    approximate.attribute.push(Attribute {
        name: "approximate".to_owned(),
        s: b"tanh".to_vec(),
        ..Attribute::default()
    });
    for (middle, expected) in [
        (vec![node("Relu", &["h"], "a")], Activation::Relu),
        (vec![node("Softplus", &["h"], "a")], Activation::Softplus),
        (vec![node("LeakyRelu", &["h"], "a")], Activation::LeakyRelu),
        (vec![floating(node("Elu", &["h"], "a"), "alpha", 1.0)], Activation::Elu),
        (vec![node("Gelu", &["h"], "a")], Activation::Gelu),
        (vec![approximate], Activation::GeluTanh),
        (vec![node("Sigmoid", &["h"], "s"), node("Mul", &["h", "s"], "a")], Activation::Silu),
        (halved.concat(), Activation::Gelu),
        (halved_after.concat(), Activation::Gelu),
        (tanh, Activation::GeluTanh),
        (
            vec![
                node("Identity", &["h"], "i"),
                node("Tanh", &["i"], "t"),
                node("Dropout", &["t"], "d"),
                with(node("Flatten", &["d"], "a"), &[("axis", 1)]),
            ],
            Activation::Tanh,
        ),
    ] {
        let found = parsed(between(middle)).unwrap();
        assert_eq!(found.activations, Some(vec![expected]));
        close(&found.state.theta, &THETA);
    }
}

#[test]
fn weights_lie_either_way_round_and_may_be_scaled() {
    let tail = || {
        vec![
            node("Tanh", &["h"], "a"),
            node("MatMul", &["a", "u"], "m"),
            node("Add", &["m", "c"], "y"),
        ]
    };
    let transpose = node("Transpose", &["v"], "u");
    let first = [
        vec![with(node("Gemm", &["x", "w", "b"], "h"), &[("transB", 1)])],
        vec![node("Gemm", &["x", "k", "b"], "h")],
        vec![node("MatMul", &["x", "k"], "n"), node("Add", &["b", "n"], "h")],
        vec![
            floating(floating(node("Gemm", &["x", "k", "b"], "n"), "alpha", 2.0), "beta", 2.0),
            node("Mul", &["half", "n"], "h"),
        ],
        vec![
            node("MatMul", &["x", "k"], "n"),
            node("Sub", &["b", "n"], "o"),
            node("Sub", &["o", "b"], "p"),
            node("Sub", &["b", "p"], "h"),
        ],
        vec![
            node("Sub", &["x", "pair"], "c1"),
            node("Add", &["c1", "pair"], "c2"),
            node("Div", &["c2", "pair"], "c3"),
            node("Mul", &["c3", "pair"], "c4"),
            node("Gemm", &["c4", "k", "b"], "h"),
        ],
    ];
    for nodes in first {
        let found = parsed([vec![transpose.clone()], nodes, tail()].concat()).unwrap();
        close(&found.state.theta, &THETA);
        assert_eq!(found.activations, Some(vec![Activation::Tanh]));
    }
}

#[test]
fn what_scales_after_an_activation_goes_into_the_next_layer() {
    let found = parsed(between(vec![
        node("Relu", &["h"], "r"),
        node("Mul", &["r", "row"], "s"),
        node("Add", &["s", "row"], "a"),
    ]))
    .unwrap();
    let mut expected = THETA;
    // V diag(row), c + V row.
    expected[9..].copy_from_slice(&[4.0, -4.0, -0.25, 0.7 + 4.0 - 4.0 - 0.25]);
    close(&found.state.theta, &expected);
    assert_eq!(found.notes, ["folded into the layers: Mul, Add"]);
    // A node whose result nobody needs changes nothing.
    let idle = parsed(between(vec![node("Relu", &["h"], "a"), node("Tanh", &["h"], "z")])).unwrap();
    close(&idle.state.theta, &THETA);
}

#[test]
fn a_normalisation_is_folded_as_it_is_evaluated() {
    let norm = |input| node("BatchNormalization", &[input, "row", "b", "b", "var"], "n");
    let scale: Vec<f64> = [(2.0, 4.0), (4.0, 1.0), (-0.5, 0.25)]
        .map(|(s, v): (f64, f64)| s / (v + 1e-5).sqrt())
        .to_vec();
    let b = [0.1, 0.2, -0.3];
    // Before the activation: into the layer before it.
    let found = parsed(between(vec![norm("h"), node("Tanh", &["n"], "a")])).unwrap();
    let mut expected = THETA;
    for k in 0..3 {
        expected[2 * k] *= scale[k];
        expected[2 * k + 1] *= scale[k];
        expected[6 + k] = scale[k] * (b[k] - b[k]) + b[k];
    }
    close(&found.state.theta, &expected);
    // After it: into the layer after it.
    let mut after = vec![node("Tanh", &["h"], "t"), norm("t")];
    after.push(node("Identity", &["n"], "a"));
    let found = parsed(between(after)).unwrap();
    let mut expected = THETA;
    for k in 0..3 {
        expected[12] += THETA[9 + k] * (b[k] - scale[k] * b[k]);
        expected[9 + k] *= scale[k];
    }
    close(&found.state.theta, &expected);
}

#[test]
fn a_last_sigmoid_is_left_out_and_said() {
    let first = with(node("Gemm", &["x", "w", "b"], "h"), &[("transB", 1)]);
    let found = parsed(vec![first, node("Sigmoid", &["h"], "y")]).unwrap();
    assert_eq!(found.activations, Some(Vec::new()));
    assert!(found.notes[0].contains("left out the sigmoid"), "{:?}", found.notes);
}

#[test]
fn a_layer_without_a_bias_gets_zeros_where_others_have_one() {
    let nodes = vec![
        node("MatMul", &["x", "k"], "h"),
        node("Relu", &["h"], "a"),
        with(node("Gemm", &["a", "v", "c"], "y"), &[("transB", 1)]),
    ];
    let found = parsed(nodes).unwrap();
    assert_eq!(found.state.theta[6..9], [0.0; 3]);
    assert!(found.notes[0].contains("one of zeros"), "{:?}", found.notes);
}

#[test]
fn other_graphs_are_refused_by_the_name_of_what_is_not_read() {
    let gemm = |a: &str, w: &str, y: &str| with(node("Gemm", &[a, w], y), &[("transB", 1)]);
    for (nodes, part) in [
        (between(vec![node("Cos", &["h"], "a")]), "node 'a' (Cos): this operator is not read"),
        (between(vec![floating(node("LeakyRelu", &["h"], "a"), "alpha", 0.2)]), "found alpha 0.2"),
        (
            between(vec![node("Relu", &["h"], "r"), node("Tanh", &["r"], "a")]),
            "(Tanh): an activation needs",
        ),
        (
            between(vec![node("Relu", &["h"], "r"), node("Add", &["r", "h"], "a")]),
            "none of the activations",
        ),
        (
            between(vec![
                node("Relu", &["h"], "r"),
                gemm("r", "square", "m"),
                node("Add", &["m", "h"], "a"),
            ]),
            "node 'm' (Gemm): 'h' goes to several nodes",
        ),
        (
            between(vec![
                node("Relu", &["h"], "r"),
                gemm("r", "square", "m"),
                gemm("m", "square", "a"),
            ]),
            "'square' is the weight of two layers",
        ),
        (between(vec![node("Div", &["one", "h"], "a")]), "divides by the data"),
        (between(vec![node("Div", &["h", "zero"], "a")]), "'zero', number 0: found 0, a divisor"),
        (between(vec![node("Add", &["h", "square"], "a")]), "'square' is no row"),
        (between(vec![node("Add", &["h", "pair"], "a")]), "found 2 numbers, needed 3"),
        (
            between(vec![node("Relu", &["h"], "r"), node("Mul", &["r", "pair"], "a")]),
            "found 2 numbers, needed 3",
        ),
        (between(vec![with(node("Flatten", &["h"], "a"), &[("axis", 0)])]), "axis 0"),
        (
            between(vec![with(
                node("BatchNormalization", &["h", "b", "b", "b", "var"], "a"),
                &[("training_mode", 1)],
            )]),
            "in training",
        ),
        (vec![gemm("x", "w", "h"), node("Tanh", &["h"], "y")], "the last layer is linear"),
        (
            vec![gemm("x", "w", "h"), node("Relu", &["h"], "r"), node("Mul", &["r", "two"], "y")],
            "ends without a dense layer",
        ),
        (
            vec![
                gemm("x", "w", "h"),
                node("Softmax", &["h"], "s"),
                node("Mul", &["s", "two"], "y"),
            ],
            "(Softmax): this operator",
        ),
        (vec![node("Relu", &["x"], "h"), gemm("h", "w", "y")], "an activation needs"),
        (vec![gemm("x", "v", "h"), gemm("h", "w", "y")], "'w' takes 2 inputs, there are 1"),
        (vec![gemm("x", "b", "y")], "found 1 axes, needed a matrix"),
        (vec![gemm("x", "h", "y")], "'h' is not a constant"),
        (vec![node("MatMul", &["w", "x"], "y")], "the data as its first input"),
        (vec![gemm("x", "w", "h")], "does not lead to its output"),
    ] {
        let error = format!("{:#}", parsed(nodes).unwrap_err());
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn graphs_with_other_ends_or_numbers_elsewhere_are_refused() {
    let good = || graph(between(vec![node("Relu", &["h"], "a")]));
    assert!(read(&bytes(good())).is_ok());
    let mut two = good();
    two.input.push(value("z"));
    let mut outputs = good();
    outputs.output.push(value("h"));
    let mut elsewhere = good();
    elsewhere.initializer[0].data_location = 1;
    let mut short = good();
    short.initializer[0].float_data.pop();
    let mut endless = good();
    endless.initializer[0].float_data[3] = f32::INFINITY;
    let mut whole = good();
    whole.initializer[0].data_type = DataType::Int64 as i32;
    let mut foreign = good();
    foreign.node[1].domain = "com.microsoft".to_owned();
    for (graph, part) in [
        (two, "2 inputs (x, z), needed one"),
        (outputs, "2 outputs (y, h), needed one"),
        (elsewhere, "tensor 'w': its numbers are in a file beside"),
        (short, "tensor 'w': found 5 numbers"),
        (endless, "tensor 'w': number 3 is inf"),
        (whole, "tensor 'w': found numbers of type Int64"),
        (foreign, "node 'a' (Relu): its operator is of 'com.microsoft'"),
    ] {
        let error = format!("{:#}", read(&bytes(graph)).unwrap_err());
        assert!(error.contains(part), "{part}: {error}");
    }
    let bytes = bytes(good());
    for cut in 0..bytes.len() {
        let _ = read(&bytes[..cut]);
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 8, 0x7f, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            // An error or another network, but no panic.
            let _ = read(&damaged);
        }
    }
}
