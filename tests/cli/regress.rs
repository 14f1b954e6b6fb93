//! `regress`: both solvers agree, with each other and with the posterior; bad input.

use serde_json::Value;

use crate::{nanocurv, reference, run};

/// The regression case of two outputs.
fn regress(noise: &str) -> assert_cmd::Command {
    let mut command = nanocurv();
    command.args(["regress", "--activation", "silu", "--noise", noise, "--quiet", "--net"]);
    command.arg(reference("lap_two_outputs/net.safetensors"));
    command.arg("--data").arg(reference("lap_two_outputs/x.npy"));
    command.arg("--targets").arg(reference("lap_two_outputs/y.npy"));
    command.arg("--predict").arg(reference("lap_two_outputs/xtest.npy"));
    command
}

fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_str(&run(command.args(["--format", "json"]), 0).0).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn apart(a: &Value, b: &Value) -> f64 {
    let (a, b) = (numbers(a), numbers(b));
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0_f64, |m, b| m.max(b.abs()));
    a.iter().zip(&b).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / largest
}

#[test]
fn both_solvers_give_the_mean_in_either_precision() {
    for (dtype, tolerance) in [("f64", 1e-8), ("f32", 1e-4)] {
        let options = ["--check", "--prior-precision", "2", "--dtype", dtype];
        let dense = json(regress("0.5").args(options));
        let cg = json(regress("0.5").args(options).args(["--solver", "cg", "--tolerance", "1e-4"]));
        assert!(apart(&cg["mean"], &dense["mean"]) < tolerance);
        assert_eq!(cg["stop"], "converged");
        assert!(cg.get("covariance").is_none() && dense.get("stop").is_none());
    }
}

#[test]
fn the_covariance_is_the_full_posteriors() {
    let folder = tempfile::tempdir().unwrap();
    let post = folder.path().join("post.npz");
    let laplace = |verb: &str| {
        let mut command = nanocurv();
        command.args(["laplace", verb, "--activation", "silu", "--quiet", "--net"]);
        command.arg(reference("lap_two_outputs/net.safetensors"));
        command
    };
    let mut fit = laplace("fit");
    fit.arg("--data").arg(reference("lap_two_outputs/x.npy"));
    fit.arg("--targets").arg(reference("lap_two_outputs/y.npy"));
    fit.args(["--loss", "mse", "--structure", "full", "--noise", "0.5", "--prior-precision", "2"]);
    run(fit.arg("--out").arg(&post), 0);
    let mut predict = laplace("predict");
    predict.arg("--data").arg(reference("lap_two_outputs/xtest.npy"));
    let posterior = json(predict.arg("--posterior").arg(&post));
    let process = json(regress("0.5").args(["--prior-precision", "2"]));
    assert!(apart(&process["covariance"], &posterior["covariance"]) < 1e-10);
}

#[test]
fn bad_input_is_refused_with_its_place() {
    for (noise, options, part) in [
        ("0", &[][..], "--noise: found 0, needed a positive number"),
        ("-1", &[], "--noise: found -1"),
        ("inf", &[], "--noise: found inf"),
        ("1e-200", &[], "--noise: found"),
        ("1", &["--prior-precision", "0"], "--prior-precision: found 0"),
        ("1", &["--residual", "0.1"], "--residual belongs to --solver cg"),
        ("1", &["--iterations", "3"], "--iterations belongs to --solver cg"),
        ("1", &["--solver", "cg", "--residual", "2"], "--residual: found 2"),
        ("1", &["--solver", "cg", "--iterations", "0"], "--iterations: found 0"),
    ] {
        let (_, stderr) = run(regress(noise).args(options), 2);
        assert!(stderr.contains(part), "{noise} {options:?}: {stderr}");
    }
    let mut command = nanocurv();
    command.args(["regress", "--activation", "silu", "--noise", "1", "--net"]);
    command.arg(reference("lap_two_outputs/net.safetensors"));
    command.arg("--data").arg(reference("lap_two_outputs/x.npy"));
    command.arg("--targets").arg(reference("lap_two_outputs/y.npy"));
    let (_, stderr) = run(command.arg("--predict").arg(reference("lap_regression/x.npy")), 2);
    assert!(stderr.contains("lap_regression/x.npy: found 2 columns, needed 3"), "{stderr}");
    // Too few steps are no failure, but are said.
    let mut few = regress("1");
    let (stdout, stderr) = run(few.args(["--solver", "cg", "--iterations", "1"]), 0);
    assert!(stdout.contains("iteration limit"), "{stdout} {stderr}");
}
