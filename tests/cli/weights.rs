//! Class weights, label smoothing, ignored labels and sample weights against PyTorch
//! (`tests/data/weights`, see `tests/data/README.md`).

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use nanocurv_cli::io::npz;
use serde_json::Value;

use crate::{nanocurv, run};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/weights")
}

fn cases() -> Vec<Value> {
    let text = fs::read_to_string(folder().join("cases.json")).unwrap();
    serde_json::from_str::<Vec<Value>>(&text).unwrap()
}

/// The options of a case's loss.
fn options(case: &Value) -> Vec<String> {
    let word = |key: &str| case[key].as_str().unwrap().to_owned();
    let mut words = vec!["--loss".to_owned(), word("loss"), "--reduction".to_owned()];
    words.push(word("reduction"));
    if let Some(weights) = case["class_weights"].as_array() {
        let weights: Vec<_> = weights.iter().map(Value::to_string).collect();
        words.extend(["--class-weights".to_owned(), weights.join(",")]);
    }
    words.extend(["--label-smoothing".to_owned(), case["label_smoothing"].to_string()]);
    if let Some(label) = case["ignore_label"].as_i64() {
        words.extend(["--ignore-label".to_owned(), label.to_string()]);
    }
    words
}

/// A command on a case, with all its data in one file.
fn command(case: &Value, verb: &[&str]) -> Command {
    let mut command = nanocurv();
    command.current_dir(folder()).args(verb).args(["--net", "net.safetensors"]);
    command.args(["--activation", "tanh", "--data", "x.npy"]).args(options(case));
    command.args(["--targets", &format!("{}.npy", case["targets"].as_str().unwrap())]);
    if case["weights"] == true {
        command.args(["--weights", "s.npy"]);
    }
    command
}

fn expected(case: &Value, key: &str) -> Vec<f64> {
    let file = folder().join(format!("{}.npz", case["name"].as_str().unwrap()));
    npz::read(fs::read(file).unwrap(), Some(key)).unwrap().to_vec()
}

fn close(found: &[f64], expected: &[f64], place: &str) {
    assert_eq!(found.len(), expected.len(), "{place}");
    let scale = expected.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-12 * scale, "{place}: {found}, {expected}");
    }
}

fn flat(value: &Value, to: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flat(value, to)),
        value => to.push(value.as_f64().unwrap()),
    }
}

/// The array `key` of a run's JSON.
fn found(stdout: &str, key: &str) -> Vec<f64> {
    let json: Value = serde_json::from_str(stdout).unwrap();
    let mut values = Vec::new();
    flat(&json[key], &mut values);
    values
}

#[test]
fn every_curvature_is_pytorchs() {
    for case in cases() {
        for (kind, key, result) in [
            ("gradient", "gradient", "gradient"),
            ("hessian", "hessian", "hessian"),
            ("ggn", "ggn", "ggn"),
            ("empirical-fisher", "empirical_fisher", "empirical_fisher"),
        ] {
            let mut command = command(&case, &["curvature", kind, "--check", "--format", "json"]);
            let (stdout, _) = run(&mut command, 0);
            let place = format!("{} {kind}", case["name"]);
            close(&found(&stdout, key), &expected(&case, result), &place);
        }
        for kind in ["fisher-mc", "kfac", "ekfac"] {
            run(&mut command(&case, &["curvature", kind, "--check"]), 0);
        }
        let empirical = ["curvature", "kfac", "--fisher", "empirical", "--check"];
        run(&mut command(&case, &empirical), 0);
    }
}

#[test]
fn the_factors_of_kfac_are_their_definition() {
    for case in cases() {
        let mut command = command(&case, &["kfac", "factors", "--format", "json", "--check"]);
        let (stdout, _) = run(&mut command, 0);
        for (key, result) in [("0.A", "A0"), ("0.G", "G0"), ("2.A", "A1"), ("2.G", "G1")] {
            let place = format!("{} {key}", case["name"]);
            close(&found(&stdout, key), &expected(&case, result), &place);
        }
    }
}

#[test]
fn training_starts_at_pytorchs_loss_and_lowers_it() {
    for case in cases() {
        for optimizer in ["sgd", "kfac"] {
            let verb =
                ["train", "--iterations", "30", "--optimizer", optimizer, "--format", "json"];
            let rate = [&[][..], &["--learning-rate", "0.001"]][usize::from(optimizer == "sgd")];
            let (stdout, _) = run(command(&case, &verb).args(rate), 0);
            let losses = found(&stdout, "loss");
            close(&losses[..1], &expected(&case, "loss"), case["name"].as_str().unwrap());
            assert!(losses[30] < losses[0], "{losses:?}");
        }
    }
}

#[test]
fn the_cut_into_batches_changes_nothing() {
    let out = tempfile::tempdir().unwrap();
    let part = |name: &str, from: usize, to: usize| {
        let array = nanocurv_cli::io::npy::read(&fs::read(folder().join(name)).unwrap()).unwrap();
        let cols: usize = array.shape().iter().skip(1).product();
        let rows = array.to_vec::<f64>()[from * cols..to * cols].to_vec();
        let text: Vec<_> = rows
            .chunks(cols)
            .map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
            .collect();
        let path = out.path().join(format!("{from}-{name}.csv"));
        fs::write(&path, text.join("\n")).unwrap();
        path
    };
    for case in cases().into_iter().filter(|case| case["weights"] == true) {
        let targets = format!("{}.npy", case["targets"].as_str().unwrap());
        let mut command = nanocurv();
        command.args(["curvature", "ggn", "--format", "json", "--activation", "tanh", "--net"]);
        command.arg(folder().join("net.safetensors")).args(options(&case));
        for (from, to) in [(0, 3), (3, 7)] {
            command.arg("--data").arg(part("x.npy", from, to));
            command.arg("--targets").arg(part(&targets, from, to));
            command.arg("--weights").arg(part("s.npy", from, to));
        }
        let (stdout, _) = run(&mut command, 0);
        close(&found(&stdout, "ggn"), &expected(&case, "ggn"), case["name"].as_str().unwrap());
    }
}

#[test]
fn twice_the_weight_is_the_sample_twice() {
    let out = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = out.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let x = [write("x1.csv", "1,2\n3,-1\n"), write("x2.csv", "1,2\n3,-1\n3,-1\n")];
    let y = [write("y1.csv", "0\n2\n"), write("y2.csv", "0\n2\n2\n")];
    let s = write("s.csv", "1\n2\n");
    let ggn = |k: usize| {
        let mut command = nanocurv();
        command.current_dir(folder()).args(["curvature", "ggn", "--net", "net.safetensors"]);
        command.args(["--activation", "tanh", "--loss", "cross-entropy", "--format", "json"]);
        command.arg("--data").arg(&x[k]).arg("--targets").arg(&y[k]);
        if k == 0 {
            command.arg("--weights").arg(&s);
        }
        found(&run(&mut command, 0).0, "ggn")
    };
    close(&ggn(0), &ggn(1), "ggn");
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let case = cases().into_iter().find(|c| c["name"] == "all_mean").unwrap();
    let short = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    fs::write(short.path(), "1\n2\n").unwrap();
    let short = short.path().to_str().unwrap();
    let base = || {
        let mut command = nanocurv();
        command.current_dir(folder()).args(["curvature", "ggn", "--net", "net.safetensors"]);
        command.args(["--activation", "tanh", "--data", "x.npy"]);
        command
    };
    let labels = ["--targets", "keep.npy", "--loss", "cross-entropy"];
    let values = ["--targets", "values.npy", "--loss", "mse"];
    for (words, part) in [
        ([&labels[..], &["--class-weights", "1,2"]].concat(), "--class-weights: found 2, needed 3"),
        ([&labels[..], &["--class-weights", "1,-2,1"]].concat(), "number 2: found -2"),
        ([&labels[..], &["--label-smoothing", "2"]].concat(), "--label-smoothing: found 2"),
        ([&labels[..], &["--weights", short]].concat(), "found 2 weights, needed 7"),
        (
            [&labels[..], &["--weights", "s.npy", "--weights", "s.npy"]].concat(),
            "found 2 --weights",
        ),
        ([&values[..], &["--class-weights", "1,2,3"]].concat(), "belongs to --loss cross-entropy"),
        ([&values[..], &["--ignore-label", "-1"]].concat(), "the targets are no labels"),
        (vec!["--targets", "labels.npy", "--loss", "cross-entropy"], "found -100, needed a class"),
    ] {
        let (_, stderr) = run(base().args(&words), 2);
        assert!(stderr.contains(part), "{words:?}: {stderr}");
    }
    let mut command = command(&case, &["curvature", "ggn"]);
    run(&mut command, 0);
}
