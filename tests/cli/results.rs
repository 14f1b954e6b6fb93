//! What comes out: layouts, formats, files.

use std::path::Path;

use serde_json::Value;

use crate::{nanocurv, ntk, reference, run};

/// The numbers of nested lists, and their shape.
fn flat(value: &Value) -> (Vec<usize>, Vec<f64>) {
    match value.as_array() {
        None => (Vec::new(), vec![value.as_f64().unwrap()]),
        Some(items) => {
            let inner: Vec<_> = items.iter().map(flat).collect();
            let mut shape = vec![items.len()];
            shape.extend(inner.first().map(|(shape, _)| shape.clone()).unwrap_or_default());
            (shape, inner.into_iter().flat_map(|(_, values)| values).collect())
        }
    }
}

/// A float64 array in C order, as NumPy wrote it.
fn npy(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let array = nanocurv_cli::io::npy::read(&std::fs::read(path).unwrap()).unwrap();
    (array.shape().to_vec(), array.to_vec())
}

fn assert_close(found: &[f64], expected: &[f64]) {
    let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-12 * largest, "{f} instead of {e}");
    }
}

#[test]
fn kernels_have_the_layout_of_pytorch() {
    for (output, file) in [("full", "ntk_full"), ("trace", "ntk_trace")] {
        let mut command = ntk("classifier", "tanh", &reference("classifier/x1.npy"));
        command.arg("--data").arg(reference("classifier/x2.npy"));
        command.args(["--output", output, "--format", "json"]);
        let json: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
        let (shape, found) = flat(&json["ntk"]);
        let (expected_shape, expected) =
            npy(&reference(&format!("classifier/expected/{file}.npy")));
        assert_eq!(shape, expected_shape);
        assert_close(&found, &expected);
    }
    let mut command = ntk("classifier", "tanh", &reference("classifier/x1.npy"));
    command.arg("--data").arg(reference("classifier/x2.npy"));
    command.arg("--data2").arg(reference("classifier/xcross.npy")).args(["--format", "json"]);
    let json: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
    let (shape, found) = flat(&json["ntk"]);
    assert_eq!(shape, [10, 4]);
    assert_close(&found, &npy(&reference("classifier/expected/ntk_cross_trace.npy")).1);
}

#[test]
fn the_reductions_follow_from_the_full_kernel() {
    let x = reference("classifier/x1.npy");
    let result = |output: &str| {
        let mut command = ntk("classifier", "tanh", &x);
        command.args(["--output", output, "--format", "json"]);
        let json: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
        flat(&json["ntk"])
    };
    let (n, o) = (7, 4);
    let (_, full) = result("full");
    let entry = |i: usize, a: usize, j: usize, b: usize| full[((i * o + a) * n + j) * o + b];
    let each = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        (0..n * n).map(|ij| f(ij / n, ij % n)).collect()
    };
    let trace = |i, j| (0..o).map(|a| entry(i, a, j, a)).sum::<f64>();
    assert_close(&result("trace").1, &each(&trace));
    assert_close(&result("mean").1, &each(&|i, j| trace(i, j) / o as f64));
    assert_close(&result("3").1, &each(&|i, j| entry(i, 3, j, 3)));
    let all = |i, j| (0..o * o).map(|ab| entry(i, ab / o, j, ab % o)).sum::<f64>() / o as f64;
    assert_close(&result("pseudo").1, &each(&all));
    let (shape, diagonal) = result("diagonal");
    assert_eq!(shape, [n, n, o]);
    let expected: Vec<f64> =
        (0..n * n * o).map(|k| entry(k / (n * o), k % o, k / o % n, k % o)).collect();
    assert_close(&diagonal, &expected);
    // The default is the trace.
    let mut command = ntk("classifier", "tanh", &x);
    let json: Value = serde_json::from_str(&run(command.args(["--format", "json"]), 0).0).unwrap();
    assert_close(&flat(&json["ntk"]).1, &each(&trace));
}

#[test]
fn the_smaller_gram_matrix_is_chosen() {
    // 28 rows of J against 64 parameters; 64 rows against 20.
    for (case, activation, copies, shape) in
        [("classifier", "tanh", 1, vec![7, 7]), ("nobias_relu", "relu", 2, vec![20, 20])]
    {
        let x = reference(&format!("{case}/x1.npy"));
        let mut command = ntk(case, activation, &x);
        for _ in 1..copies {
            command.arg("--data").arg(&x);
        }
        command.args(["--gram", "minima", "--check", "--format", "json"]);
        let json: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
        assert_eq!(flat(&json["ntk"]).0, shape, "{case}");
        assert_eq!(json["check"]["passed"], Value::Bool(true));
    }
    let mut command = ntk("classifier", "tanh", &reference("classifier/x1.npy"));
    command.arg("--data").arg(reference("classifier/x2.npy"));
    command.args(["--gram", "params", "--format", "json"]);
    let json: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
    assert_close(&flat(&json["ntk"]).1, &npy(&reference("classifier/expected/ntk_params.npy")).1);
}

#[test]
fn components_go_to_an_npz_under_the_names_of_the_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("k.npz");
    let mut command = ntk("classifier", "tanh", &reference("classifier/x1.npy"));
    command.arg("--data").arg(reference("classifier/x2.npy"));
    command.arg("--components").arg("--out").arg(&out);
    let (stdout, _) = run(&mut command, 0);
    assert_eq!(stdout, "");
    let arrays = nanocurv_cli::io::npz::read_all(std::fs::read(&out).unwrap()).unwrap();
    let names: Vec<_> = arrays.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias", "total"]);
    for (name, array) in &arrays {
        let file = match name.as_str() {
            "total" => "classifier/expected/ntk_trace.npy".to_owned(),
            tensor => format!("classifier/expected/ntk_trace_{tensor}.npy"),
        };
        assert_close(&array.to_vec(), &npy(&reference(&file)).1);
    }
    // ... and are data again.
    let mut read = nanocurv();
    read.args(["ntk", "--activation", "tanh", "--net"])
        .arg(reference("tanh_scalar/net.safetensors"));
    read.arg("--data").arg(format!("{}:total", out.display()));
    let (_, stderr) = run(&mut read, 2);
    assert!(stderr.contains("found 10 columns, needed 4"), "{stderr}");
}

#[test]
fn a_result_is_the_same_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let x = reference("tanh_scalar/x1.npy");
    for dtype in ["f32", "f64"] {
        let (json, _) =
            run(ntk("tanh_scalar", "tanh", &x).args(["--format", "json", "--dtype", dtype]), 0);
        let json: Value = serde_json::from_str(&json).unwrap();
        // f32 is printed with the digits that f32 needs: read it as such.
        let narrow = |v: f64| if dtype == "f32" { f64::from(v as f32) } else { v };
        let (_, expected) = flat(&json["ntk"]);
        let expected: Vec<f64> = expected.into_iter().map(narrow).collect();

        let (csv, _) =
            run(ntk("tanh_scalar", "tanh", &x).args(["--format", "csv", "--dtype", dtype]), 0);
        let cells = csv.lines().flat_map(|line| line.split(','));
        let cells: Vec<f64> = cells.map(|c| narrow(c.parse().unwrap())).collect();
        assert_eq!(cells, expected);

        for extension in ["npy", "npz", "csv", "json"] {
            let out = folder.path().join(format!("k.{extension}"));
            let mut command = ntk("tanh_scalar", "tanh", &x);
            run(command.args(["--dtype", dtype, "--quiet", "--out"]).arg(&out), 0);
            if extension == "json" {
                let file: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
                assert_eq!(file, json);
                continue;
            }
            let source = out.to_str().unwrap().parse().unwrap();
            let found: Vec<f64> = nanocurv_cli::io::read_array(&source).unwrap().to_vec();
            assert_eq!(found.into_iter().map(narrow).collect::<Vec<_>>(), expected, "{extension}");
        }
    }
}

#[test]
fn the_ntk_parameterization_scales_weights_and_biases() {
    let mut command = ntk("classifier", "tanh", &reference("classifier/x1.npy"));
    command.args(["--parameterization", "ntk", "--sigma-w", "1.4", "--sigma-b", "0.1"]);
    let (stdout, _) = run(command.args(["--check", "--components"]), 0);
    assert!(stdout.contains("passed"));
}

#[test]
fn real_networks_and_data_pass_the_check() {
    let mut digits = nanocurv();
    digits.args(["ntk", "--activation", "tanh", "--check", "--dtype", "f32", "--net"]);
    digits.arg(reference("real/digits_64-32-16-10_tanh.safetensors"));
    digits.arg("--data").arg(reference("real/digits_x.npy"));
    run(&mut digits, 0);
    let mut diabetes = nanocurv();
    diabetes.args(["jacobian", "--activation", "tanh", "--check", "--format", "csv", "--net"]);
    diabetes.arg(reference("real/diabetes_10-16-8-1_tanh.safetensors"));
    diabetes.arg("--data").arg(reference("real/diabetes_x.csv"));
    let (stdout, stderr) = run(&mut diabetes, 0);
    assert_eq!(stdout.lines().next().unwrap().split(',').count(), 10 * 16 + 16 + 16 * 8 + 8 + 9);
    assert!(stderr.contains("passed"), "stdout is for a machine: {stderr}");
}

#[test]
fn the_spectrum_of_the_jacobian_stops_at_its_rank() {
    // 12 rows of J, but the last layer's bias sees every sample alike.
    let mut command = nanocurv();
    command.args(["jacobian", "--svd", "--check", "--activation", "relu,sigmoid", "--net"]);
    command.arg(reference("seed_tutorial/net.safetensors"));
    command.arg("--data").arg(reference("seed_tutorial/x1.npy")).args(["--format", "json"]);
    let json: Value = serde_json::from_str(&run(&mut command, 0).0).unwrap();
    let (_, values) = flat(&json["singular_values"]);
    let (shape, shares) = flat(&json["shares"]);
    assert!(values.is_sorted_by(|a, b| a >= b) && values.iter().all(|v| *v > 0.0));
    assert_eq!(shape, [values.len(), 3]);
    for row in shares.chunks(3) {
        assert!((row.iter().map(|s| s * s).sum::<f64>() - 1.0).abs() < 1e-12);
    }
    let (_, jacobian) = npy(&reference("seed_tutorial/expected/jacobian.npy"));
    let frobenius: f64 = jacobian.iter().take(4 * 3 * 88).map(|v| v * v).sum();
    let sum: f64 = values.iter().map(|v| v * v).sum();
    assert!((sum - frobenius).abs() < 1e-10 * frobenius);
}
