//! `laplace`: fit, predict and sample as a user meets them; the posterior that `export` writes.

use std::path::{Path, PathBuf};

use nanocurv_cli::desktop::Array;
use nanocurv_cli::io::npz;
use serde_json::Value;

use crate::{nanocurv, reference, run};

/// `laplace VERB` on the diabetes net.
fn diabetes(verb: &str) -> assert_cmd::Command {
    let mut command = nanocurv();
    command.args(["laplace", verb, "--activation", "tanh", "--quiet", "--format", "json", "--net"]);
    command.arg(reference("real/diabetes_10-16-8-1_tanh.safetensors"));
    command
}

fn data(command: &mut assert_cmd::Command) -> &mut assert_cmd::Command {
    command.arg("--data").arg(reference("real/diabetes_x.csv"));
    command.arg("--targets").arg(reference("real/diabetes_y.csv"))
}

/// The posterior of the diabetes net in `folder`, and what `fit` said.
fn fitted(folder: &Path, options: &[&str]) -> (PathBuf, Value) {
    let path = folder.join("post.npz");
    let mut command = diabetes("fit");
    data(&mut command).args(["--loss", "mse", "--check"]).args(options).arg("--out").arg(&path);
    (path, json(&mut command))
}

fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_str(&run(command, 0).0).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

#[test]
fn every_structure_fits_predicts_and_samples() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        &["--structure", "full"][..],
        &["--structure", "kron"],
        &["--structure", "kron", "--separate-bias", "--prior-per", "tensor"],
        &["--structure", "ekfac", "--prior-per", "layer"],
        &["--structure", "diagonal", "--prior-precision", "2.5", "--noise", "0.7"],
        &["--structure", "full", "--last-layer"],
        &["--structure", "kron", "--last-layer", "--dtype", "f32"],
    ] {
        let (path, said) = fitted(folder.path(), options);
        let [likelihood, log_det, scatter, evidence] =
            ["log_likelihood", "log_det_ratio", "scatter", "log_marginal_likelihood"]
                .map(|key| number(&said[key]));
        let sum = likelihood - 0.5 * (log_det + scatter);
        assert!((evidence - sum).abs() < 1e-4 * evidence.abs(), "{options:?}: {said}");
        let tuned = !options.contains(&"--noise");
        assert_eq!(said.get("stop").is_some(), tuned);
        if tuned {
            assert_eq!(said["stop"], "converged", "{options:?}");
        } else {
            assert_eq!((number(&said["prior_precision"]), number(&said["noise"])), (2.5, 0.7));
        }
        let mut command = diabetes("predict");
        data(&mut command).arg("--check").arg("--posterior").arg(&path);
        if options.contains(&"f32") {
            command.args(["--dtype", "f32"]);
        }
        let prediction = json(&mut command);
        let coverage = number(&prediction["coverage"]);
        assert!((0.9..=1.0).contains(&coverage), "{options:?}: {coverage}");
        assert!(number(&prediction["novelty"]) > 0.0);
        let std = prediction["std"].as_array().unwrap();
        let covariance = prediction["covariance"].as_array().unwrap();
        for (std, covariance) in std.iter().zip(covariance) {
            let (std, variance) = (number(&std[0]), number(&covariance[0][0]));
            let noise = number(&said["noise"]);
            assert!(variance > 0.0 && (std * std - variance - noise * noise).abs() < 1e-5 * std);
        }
        let mut command = diabetes("sample");
        command.args(["--draws", "3", "--seed", "7", "--posterior"]).arg(&path);
        let once = json(&mut command);
        assert_eq!(once, json(&mut command));
        assert_eq!(once["theta"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn classes_have_probabilities_by_probit_and_by_draws() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("post.npz");
    let digits = |verb: &str| {
        let mut command = nanocurv();
        command.args(["laplace", verb, "--activation", "tanh", "--format", "json", "--quiet"]);
        command.arg("--net").arg(reference("real/digits_64-32-16-10_tanh.safetensors"));
        command.arg("--data").arg(reference("real/digits_x.npy"));
        command.arg("--targets").arg(reference("real/digits_y.npy"));
        command
    };
    let said = json(digits("fit").args(["--loss", "cross-entropy", "--out"]).arg(&path));
    assert!(said.get("noise").is_none());
    let probit = json(digits("predict").arg("--check").arg("--posterior").arg(&path));
    let mut draws = digits("predict");
    draws.args(["--draws", "4000", "--seed", "3", "--posterior"]).arg(&path);
    let draws = json(&mut draws);
    let rows = |value: &Value| -> Vec<Vec<f64>> {
        let row = |row: &Value| row.as_array().unwrap().iter().map(number).collect();
        value["probabilities"].as_array().unwrap().iter().map(row).collect()
    };
    let mut apart = 0.0;
    for (probit, draws) in rows(&probit).iter().zip(rows(&draws)) {
        assert!((probit.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((draws.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        apart += probit.iter().zip(&draws).map(|(p, d)| (p - d).abs()).sum::<f64>();
    }
    // Four thousand draws have a deviation below 0.008; the probit approximates a little worse.
    let apart = apart / (10.0 * rows(&probit).len() as f64);
    assert!(apart < 0.03, "{apart}");
    assert!(number(&probit["accuracy"]) > 0.9 && number(&probit["log_likelihood"]) < 0.0);
}

#[test]
fn pictures_are_drawn_of_bands_and_of_calibration() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = fitted(folder.path(), &[]);
    let picture = folder.path().join("calibration.svg");
    let mut command = diabetes("predict");
    run(data(&mut command).arg("--posterior").arg(&path).arg("--plot").arg(&picture), 0);
    assert!(std::fs::read_to_string(&picture).unwrap().contains("level of the interval"));
    let mut command = diabetes("predict");
    command.arg("--data").arg(reference("real/diabetes_x.csv"));
    let (_, stderr) = run(command.arg("--posterior").arg(&path).arg("--plot").arg(&picture), 2);
    assert!(stderr.contains("--plot") && stderr.contains("--targets"), "{stderr}");
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = fitted(folder.path(), &[]);
    for (options, part) in [
        (&["--prior-precision", "0"][..], "--prior-precision: found 0, needed a positive number"),
        (&["--prior-precision", "many"], "--prior-precision: found 'many'"),
        (&["--prior-precision", "1,2"], "--prior-precision: found 2 numbers, needed 1"),
        (&["--noise", "-1"], "--noise: found -1, needed a positive number"),
        (&["--noise", "1,2"], "--noise: found 2 numbers, needed one"),
        (&["--prior-per", "tensor"], "add --separate-bias"),
        (&["--structure", "full", "--separate-bias"], "--separate-bias belongs to"),
        (&["--out", "post.json"], "post.json"),
    ] {
        let mut command = diabetes("fit");
        let command = data(&mut command).args(["--loss", "mse"]).args(options);
        let (_, stderr) = run(command, 2);
        assert!(stderr.contains(part), "{options:?}: {stderr}");
    }
    // Targets of the wrong kind.
    for (loss, part) in [
        ("cross-entropy", "has one output, needed one for each class"),
        ("bce", "--targets: row 1, column 1: found"),
    ] {
        let mut command = diabetes("fit");
        let (_, stderr) = run(data(&mut command).args(["--loss", loss]), 2);
        assert!(stderr.contains(part), "{stderr}");
    }
    let mut command = diabetes("fit");
    let command = data(&mut command).args(["--loss", "bce", "--noise", "1"]);
    let (_, stderr) = run(command, 2);
    assert!(stderr.contains("--noise belongs to a regression"), "{stderr}");

    // A posterior of other parameters, of another activation, damaged, or none.
    let predict = |net: &str, activation: &str, posterior: &Path| {
        let mut command = nanocurv();
        command.args(["laplace", "predict", "--activation", activation, "--net"]);
        command.arg(reference(net)).arg("--data").arg(reference("real/diabetes_x.csv"));
        command.arg("--posterior").arg(posterior);
        run(&mut command, 2).1
    };
    let net = "real/diabetes_10-16-8-1_tanh.safetensors";
    let stderr = predict(net, "relu", &path);
    assert!(stderr.contains("--posterior: it is of other parameters"), "{stderr}");
    let arrays = npz::read_all(std::fs::read(&path).unwrap()).unwrap();
    let tampered = folder.path().join("tampered.npz");
    let write = |name: &str, value: Option<Array>| {
        let kept = arrays.iter().filter(|(found, _)| found != name);
        let mut all: Vec<_> = kept.map(|(name, array)| (name.as_str(), array)).collect();
        if let Some(value) = &value {
            all.push((name, value));
        }
        npz::write(&mut std::fs::File::create(&tampered).unwrap(), all).unwrap();
        predict(net, "tanh", &tampered)
    };
    let numbers = arrays.iter().find(|(name, _)| name == "posterior").unwrap().1.to_vec::<f64>();
    let mut negative = numbers.clone();
    *negative.last_mut().unwrap() = -1.0;
    for (name, value, part) in [
        ("digest", None, "there is no 'digest' in it; needed what `laplace fit --out` writes"),
        ("digest", Some(Array::from(vec![1_i64, 2, 3, 4])), "it is of other parameters"),
        ("noise", Some(Array::from(vec![0.0])), "'noise': found 0"),
        ("structure", Some(Array::from(vec![9_i64])), "'structure': found 9"),
        ("posterior", Some(Array::from(numbers[1..].to_vec())), "posterior: needed"),
        ("posterior", Some(Array::from(negative)), "is negative"),
        ("posterior", Some(Array::from(vec![f64::NAN; numbers.len()])), "number 0 is NaN"),
    ] {
        let stderr = write(name, value);
        assert!(stderr.contains(part), "{name}: {stderr}");
    }
    let stderr = predict(net, "tanh", &reference("real/digits_x.npy"));
    assert!(stderr.contains("digits_x.npy"), "{stderr}");
    let mut command = diabetes("sample");
    let (_, stderr) = run(command.args(["--draws", "0", "--posterior"]).arg(&path), 2);
    assert!(stderr.contains("--draws"), "{stderr}");
}
