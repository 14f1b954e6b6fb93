//! Networks and tables as people have them (`tests/data/files`, described by `cases.json` there):
//! what each must come out as, or why it is refused.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use nanocurv_cli::dense;
use nanocurv_cli::desktop::Network;
use nanocurv_cli::desktop::network::activations;
use nanocurv_cli::io::{network, npy, read_matrix};
use serde_json::Value;

use crate::{nanocurv, run};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/files")
}

fn cases() -> Vec<Value> {
    let text = fs::read_to_string(folder().join("cases.json")).unwrap();
    serde_json::from_str::<Vec<Value>>(&text).unwrap()
}

fn text<'a>(case: &'a Value, key: &str) -> Option<&'a str> {
    case[key].as_str()
}

/// `ntk` on a case's network and data, without `--layers`.
fn ntk(case: &Value) -> Command {
    let mut command = nanocurv();
    command.current_dir(folder()).arg("ntk");
    command.args(["--net", text(case, "net").unwrap(), "--data", text(case, "data").unwrap()]);
    if let Some(names) = text(case, "activation") {
        command.args(["--activation", names]);
    }
    command
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * scale, "{name} {i}: {found}, {expected}");
    }
}

fn array(name: &str) -> Vec<f64> {
    npy::read(&fs::read(folder().join(name)).unwrap()).unwrap().to_vec()
}

#[test]
fn every_file_gives_its_kernel() {
    let out = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for case in cases() {
        let (name, path) = (text(&case, "name").unwrap(), out.path().join("k.npy"));
        let Some(expected) = text(&case, "ntk") else { continue };
        let mut command = ntk(&case);
        if let Some(layers) = text(&case, "layers") {
            command.args(["--layers", layers]);
        }
        run(command.arg("--out").arg(&path), 0);
        let found = npy::read(&fs::read(&path).unwrap()).unwrap().to_vec::<f64>();
        close(&found, &array(expected), case["tolerance"].as_f64().unwrap_or(1e-9), name);
        checked += 1;
    }
    assert_eq!(checked, 18);
}

#[test]
fn every_network_gives_its_outputs() {
    for case in cases() {
        let Some(expected) = text(&case, "outputs") else { continue };
        let layers: Vec<String> =
            text(&case, "layers").iter().flat_map(|l| l.split(',').map(str::to_owned)).collect();
        let path = folder().join(text(&case, "net").unwrap());
        let file = network::read(&path, &layers).unwrap();
        let names: Vec<_> = text(&case, "activation").into_iter().collect();
        let said = activations(&names).unwrap();
        let hidden = file.activations.unwrap_or(said);
        let net = Network::<f64>::new("net", file.state, &hidden).unwrap();
        let source = folder().join(text(&case, "data").unwrap());
        let x = read_matrix::<f64>(&source.to_str().unwrap().parse().unwrap()).unwrap();
        let witness = dense::Network::of(&net);
        let found: Vec<f64> = x
            .rows()
            .into_iter()
            .flat_map(|row| witness.forward::<f64>(&net.theta, &row.to_vec()))
            .collect();
        let tolerance = case["tolerance"].as_f64().unwrap_or(1e-9);
        close(&found, &array(expected), tolerance, text(&case, "name").unwrap());
    }
}

#[test]
fn targets_are_chosen_as_the_data_are() {
    let case = cases().into_iter().find(|c| c["name"] == "named.csv").unwrap();
    let source = folder().join(text(&case, "targets").unwrap());
    let y = read_matrix::<f64>(&source.to_str().unwrap().parse().unwrap()).unwrap();
    close(&y.into_raw_vec_and_offset().0, &array("table_y.npy"), 0.0, "targets");
    let mut command = nanocurv();
    command.current_dir(folder()).args(["curvature", "gradient", "--net", "table.safetensors"]);
    command.args(["--activation", "tanh", "--data", "named.csv:temp,humidity", "--loss", "mse"]);
    run(command.args(["--targets", "named.csv:target"]), 0);
}

#[test]
fn what_is_not_read_is_refused_by_its_name() {
    for (case, parts) in [
        ("onnx_refused", &["onnx_refused.onnx: ", "(Cos)"][..]),
        ("ambiguous", &["--layers encoder,decoder", "--layers decoder,encoder"]),
    ] {
        let case = cases().into_iter().find(|c| c["name"] == case).unwrap();
        let (_, stderr) = run(&mut ntk(&case), 2);
        for part in parts {
            assert!(stderr.contains(part), "{stderr}");
        }
    }
}

#[test]
fn how_a_file_was_read_is_said() {
    for (name, note) in [
        ("chain", "layers: encoder, decoder (the only order in which the widths fit)"),
        ("buffers", "passed over, neither weight nor bias: scaler.n_seen, step"),
        ("onnx_softmax", "left out the softmax after the last layer"),
        ("onnx_scaler", "folded into the layers: Sub, Div"),
    ] {
        let case = cases().into_iter().find(|c| c["name"] == name).unwrap();
        let (stdout, stderr) = run(&mut ntk(&case), 0);
        assert!(stderr.contains(note), "{stderr}");
        assert_eq!(stdout.starts_with("layers: "), name == "chain", "{stdout}");
        let (stdout, stderr) = run(ntk(&case).args(["--quiet", "--format", "json"]), 0);
        assert!(stderr.is_empty() && stdout.starts_with('{'), "{stderr}{stdout}");
    }
    for case in cases().iter().filter(|c| c["name"].as_str().unwrap().starts_with("keras")) {
        let (stdout, stderr) = run(&mut ntk(case), 0);
        assert!(stderr.is_empty() && stdout.starts_with("ntk"), "{stderr}");
    }
}

#[test]
fn every_command_says_how_it_read_the_network() {
    let rest = ["--activation", "silu", "--data", "buffers_x.npy"];
    let y = ["--targets", "buffers_outputs.npy", "--loss", "mse"];
    let out = tempfile::tempdir().unwrap();
    let posterior = out.path().join("post.npz");
    let posterior = posterior.to_str().unwrap();
    for words in [
        [&["ntk"][..], &rest].concat(),
        [&["jacobian"][..], &rest].concat(),
        [&["curvature", "ggn"][..], &rest, &y].concat(),
        [&["kfac", "factors"][..], &rest, &y].concat(),
        [&["train", "--iterations", "1"][..], &rest, &y].concat(),
        [&["laplace", "fit", "--out", posterior][..], &rest, &y].concat(),
        [&["laplace", "predict", "--posterior", posterior][..], &rest].concat(),
        [&["laplace", "sample", "--draws", "1", "--posterior", posterior][..], &rest[..2]].concat(),
        [&["regress", "--noise", "1", "--predict", "buffers_x.npy"][..], &rest, &y[..2]].concat(),
        [&["plan"][..], &rest[..2]].concat(),
        [&["export"][..], &rest[..2]].concat(),
    ] {
        let mut command = nanocurv();
        command.current_dir(folder()).args(&words).args(["--net", "buffers.safetensors"]);
        let (_, stderr) = run(&mut command, 0);
        assert!(stderr.contains("passed over"), "{words:?}: {stderr}");
    }
}

#[test]
fn an_activation_that_contradicts_the_file_is_refused() {
    let case = cases().into_iter().find(|c| c["name"] == "onnx_gemm").unwrap();
    run(ntk(&case).args(["--activation", "tanh,relu"]), 0);
    let (_, stderr) = run(ntk(&case).args(["--activation", "tanh"]), 2);
    assert!(stderr.contains("onnx_gemm.onnx has tanh,relu; leave the option out"), "{stderr}");
    let (_, stderr) = run(ntk(&case).args(["--layers", "0,1"]), 2);
    assert!(stderr.contains("its graph is the order"), "{stderr}");
}

#[test]
fn a_softmax_that_was_left_out_goes_with_its_loss_alone() {
    let mut words = vec!["curvature", "gradient", "--net", "onnx_softmax.onnx"];
    words.extend(["--data", "onnx_softmax_x.npy", "--targets", "onnx_softmax_outputs.npy"]);
    let command = |loss: &str| {
        let mut command = nanocurv();
        command.current_dir(folder()).args(&words).args(["--loss", loss]);
        command
    };
    run(&mut command("cross-entropy"), 0);
    let (_, stderr) = run(&mut command("mse"), 2);
    assert!(stderr.contains("ends in a softmax, which only --loss cross-entropy has"), "{stderr}");
}

#[test]
fn the_index_of_pandas_is_named() {
    let case = cases().into_iter().find(|c| c["name"] == "pandas.csv").unwrap();
    let mut command = nanocurv();
    command.current_dir(folder()).args(["ntk", "--net", text(&case, "net").unwrap()]);
    let (_, stderr) = run(command.args(["--activation", "tanh", "--data", "pandas.csv"]), 2);
    assert!(stderr.contains("pandas.csv: the first column has no name"), "{stderr}");
    assert!(stderr.contains("FILE:temp,humidity,target"), "{stderr}");
}

#[test]
fn parameters_come_in_flat_order_too() {
    let out = tempfile::tempdir().unwrap();
    let file = network::read(&folder().join("table.safetensors"), &[]).unwrap();
    let write = |name: &str, theta: &[f64]| {
        let path = out.path().join(name);
        let bytes = theta.iter().flat_map(|t| (*t as f32).to_le_bytes()).collect::<Vec<_>>();
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut theta = file.state.theta;
    let same = write("theta.bin", &theta);
    let other = write("short.bin", &theta[1..]);
    let torn = out.path().join("torn.bin");
    fs::write(&torn, [0; 7]).unwrap();
    theta[0] = f64::NAN;
    let nan = write("nan.bin", &theta);
    let ntk = |net: &[&str], theta: &Path| {
        let mut command = nanocurv();
        command.current_dir(folder()).arg("ntk").args(net).arg("--theta").arg(theta);
        command.args(["--activation", "tanh", "--data", "range.csv:0-1", "--format", "json"]);
        command
    };
    let net = ["--net", "table.safetensors"];
    let kernel = |stdout: &str| {
        let json: Value = serde_json::from_str(stdout).unwrap();
        let rows = json["ntk"].as_array().unwrap().iter();
        rows.flat_map(|r| r.as_array().unwrap()).map(|v| v.as_f64().unwrap()).collect::<Vec<_>>()
    };
    for net in [&net[..], &["--arch", "2-4-1"]] {
        let (stdout, _) = run(&mut ntk(net, &same), 0);
        // The parameters went through f32.
        close(&kernel(&stdout), &array("table_ntk.npy"), 1e-6, "theta");
    }
    for (path, part) in [
        (&other, "found 16 parameters, needed 17, as table.safetensors (2-4-1) has"),
        (&torn, "found 7 bytes, needed four for each parameter"),
        (&nan, "parameter 0 is NaN"),
    ] {
        let (_, stderr) = run(&mut ntk(&net, path), 2);
        assert!(stderr.contains(part), "{stderr}");
    }
    let mut command = nanocurv();
    command.current_dir(folder()).args(["ntk", "--arch", "2-4-1", "--activation", "tanh"]);
    let (_, stderr) = run(command.args(["--data", "range.csv:0-1"]), 2);
    assert!(stderr.contains("give them with --theta FILE"), "{stderr}");
}
