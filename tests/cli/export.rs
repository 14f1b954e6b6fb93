//! `export`: what is written compiles, and holds the bits of the file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nanocurv_cli::desktop::Array;
use nanocurv_cli::io::{network, safetensors};
use serde_json::Value;

use crate::{nanocurv, reference, run};

/// `export` of `net`.
fn export(net: &Path, activation: &str) -> assert_cmd::Command {
    let mut command = nanocurv();
    command.args(["export", "--activation", activation, "--net"]).arg(net);
    command
}

/// A net of one input, `values.len()` hidden units without biases, and one output: its first
/// tensor holds the values.
fn net_with(values: &[f32], folder: &Path) -> PathBuf {
    let n = values.len();
    let path = folder.join("values.safetensors");
    let tensors = [
        ("0.weight".to_owned(), Array::new(&[n, 1], values.to_vec())),
        ("2.weight".to_owned(), Array::new(&[1, n], vec![1.0_f32; n])),
    ];
    std::fs::write(&path, safetensors::write(&tensors).unwrap()).unwrap();
    path
}

/// The parameters of a file as bits in single precision.
fn bits(net: &Path) -> Vec<u32> {
    network::read(net, &[]).unwrap().state.theta.iter().map(|t| (*t as f32).to_bits()).collect()
}

/// A crate that has the exported networks as modules and prints their bits, built and run: the
/// round trip is exact, and a network of every activation is one that `mlp!` takes.
#[test]
fn exported_networks_compile_and_hold_the_bits_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    std::fs::create_dir(&source).unwrap();
    let special = [0.1, -0.0, 1e-45, f32::MIN_POSITIVE, f32::MAX, 2.999_999_8, 16_777_216.0];
    let mut nets = vec![
        (net_with(&special, folder.path()), "relu"),
        (reference("classifier/net.safetensors"), "tanh"),
        (reference("nobias_relu/net.safetensors"), "relu"),
    ];
    let names = [
        "identity",
        "relu",
        "leaky-relu",
        "tanh",
        "sigmoid",
        "softplus",
        "silu",
        "gelu",
        "gelu-tanh",
        "erf",
        "sin",
        "elu",
        "normalized-relu",
    ];
    nets.extend(names.map(|name| (reference("tanh_scalar/net.safetensors"), name)));
    let (mut modules, mut prints, mut expected) = (String::new(), String::new(), String::new());
    for (index, (net, activation)) in nets.iter().enumerate() {
        let file = source.join(format!("n{index}.rs"));
        run(export(net, activation).args(["--name", "Net", "--out"]).arg(&file), 0);
        let _ = writeln!(modules, "mod n{index};");
        let _ = writeln!(
            prints,
            "println!(\"{{}} {{:?}}\", n{index}::Net::LAYERS.len(), n{index}::THETA.map(f32::to_bits));"
        );
        let layers = network::read(net, &[]).unwrap().state.layers.len();
        let _ = writeln!(expected, "{layers} {:?}", bits(net));
    }
    let program = format!("{modules}use nanocurv::network::Network;\nfn main() {{ {prints} }}");
    std::fs::write(source.join("main.rs"), program).unwrap();
    assert_eq!(build_and_run(folder.path(), "networks"), expected);
}

/// What the program in `src/main.rs` of a crate in `folder` prints. Crates share what they build
/// of the library, and have names of their own.
pub fn build_and_run(folder: &Path, name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\nname = \"exported-{name}\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
             nanocurv = {{ path = {:?} }}\n",
            root.join("core")
        ),
    )
    .unwrap();
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported"))
        .env("RUSTFLAGS", "-D warnings -A dead_code")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Posteriors of every structure, of all layers or the last, of either parameterisation: on the
/// other side they say what `laplace predict` says, in single precision.
#[test]
fn exported_posteriors_predict_what_the_program_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    std::fs::create_dir(&source).unwrap();
    let (mut modules, mut prints, mut expected) = (String::new(), String::new(), Vec::new());
    let ntk = ["--parameterization", "ntk", "--sigma-w", "1.4", "--sigma-b", "0.5"];
    for (index, options) in [
        &["--structure", "full"][..],
        &["--structure", "kron"],
        &["--structure", "ekfac", "--separate-bias"],
        &["--structure", "diagonal"],
        &["--structure", "full", "--last-layer"],
    ]
    .into_iter()
    .enumerate()
    .flat_map(|(n, options)| [(2 * n, (options, &[][..])), (2 * n + 1, (options, &ntk[..]))])
    {
        let (structure, scales) = options;
        let net = |command: &mut assert_cmd::Command| {
            command
                .args(["--activation", "silu", "--quiet", "--net"])
                .args([reference("lap_two_outputs/net.safetensors")]);
            command.args(scales);
        };
        let post = folder.path().join("post.npz");
        let mut fit = nanocurv();
        fit.args(["laplace", "fit", "--loss", "mse", "--noise", "0.5", "--prior-precision", "2"]);
        net(&mut fit);
        fit.arg("--data").arg(reference("lap_two_outputs/x.npy"));
        fit.arg("--targets").arg(reference("lap_two_outputs/y.npy"));
        run(fit.args(structure).arg("--out").arg(&post), 0);
        let mut predict = nanocurv();
        predict.args(["laplace", "predict", "--format", "json", "--posterior"]).arg(&post);
        net(&mut predict);
        predict.arg("--data").arg(reference("lap_two_outputs/xtest.npy"));
        let said: Value = serde_json::from_str(&run(&mut predict, 0).0).unwrap();
        let row = |key: &str| said[key][0].as_array().unwrap().clone();
        expected.extend(row("mean").iter().map(|v| v.as_f64().unwrap()));
        let covariance = row("covariance");
        let values = covariance.iter().flat_map(|row| row.as_array().unwrap());
        expected.extend(values.map(|v| v.as_f64().unwrap()));

        let file = source.join(format!("n{index}.rs"));
        let mut export = nanocurv();
        export.args(["export", "--name", "Net", "--posterior"]).arg(&post);
        net(&mut export);
        run(export.arg("--out").arg(&file), 0);
        let _ = writeln!(modules, "mod n{index};");
        let _ = writeln!(prints, "said!(n{index});");
    }
    let bytes = std::fs::read(reference("lap_two_outputs/xtest.npy")).unwrap();
    let x = nanocurv_cli::io::npy::read(&bytes).unwrap().to_vec::<f32>();
    let program = format!(
        "{modules}
        use nanocurv::laplace::{{Posterior, predict_scratch}};
        use nanocurv::network::{{self, Network, forward_scratch}};
        use nanocurv::{{Mat, MatMut}};
        const X: [f32; 3] = {:?};
        macro_rules! said {{ ($net:ident) => {{{{
            use $net::*;
            let posterior =
                Posterior::from_exported(POSTERIOR_LAYERS, STRUCTURE, NOISE, &POSTERIOR).unwrap();
            let net = Net.at(&THETA).unwrap();
            let first = Net::LAYERS.len() - POSTERIOR_LAYERS.len();
            let x = Mat::new(\"x\", &X, 3, 1).unwrap();
            let mut scratch = [0.0; 1000];
            let mut features = [0.0; 5];
            let (back, x) = if first == 0 {{ (net, x) }} else {{
                let to = MatMut::new(\"features\", &mut features, 5, 1).unwrap();
                let scratch = &mut scratch[..forward_scratch(Net::LAYERS, 1)];
                network::features(&net, first, x, to, scratch).unwrap();
                (net.back(first).unwrap(), Mat::new(\"features\", &features, 5, 1).unwrap())
            }};
            let (mut mean, mut covariance) = ([0.0; 2], [0.0; 4]);
            let scratch = &mut scratch[..predict_scratch(POSTERIOR_LAYERS, STRUCTURE, 1)];
            let to = MatMut::new(\"mean\", &mut mean, 2, 1).unwrap();
            posterior.predict(&back, x, to, &mut covariance, scratch).unwrap();
            for v in mean.iter().chain(&covariance) {{ println!(\"{{v}}\"); }}
        }}}} }}
        fn main() {{ {prints} }}",
        &x[..3]
    );
    std::fs::write(source.join("main.rs"), program).unwrap();
    let found = build_and_run(folder.path(), "posteriors");
    let found: Vec<f64> = found.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    let pairs = found.chunks(6).zip(expected.chunks(6)).enumerate();
    for (index, (found, expected)) in pairs {
        let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5 * largest, "{index}: {found} {expected}");
        }
    }
}

#[test]
fn the_source_names_its_origin_and_keeps_its_width() {
    let net = reference("classifier/net.safetensors");
    let (source, stderr) = run(&mut export(&net, "tanh"), 0);
    assert!(source.contains("// nanocurv export --net ") && source.contains("--activation tanh"));
    assert!(source.contains("/// The network of `net.safetensors`."));
    assert!(source.contains("pub Net: "), "{source}");
    assert!(stderr.contains("rounded to f32"), "{stderr}");
    let long = |line: &&str| line.len() > 100 && !line.starts_with("// nanocurv export");
    assert_eq!(source.lines().find(long), None);
    let (again, _) = run(export(&net, "tanh").args(["--quiet", "--name", "Gauge"]), 0);
    assert!(again.contains("pub Gauge: ") && again.contains("[`Gauge`]"));
    let (json, _) = run(export(&net, "tanh").args(["--format", "json"]), 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["source"].as_str().unwrap().trim_end(), source.trim_end());
    assert_eq!(json["parameters"], bits(&net).len());
}

#[test]
fn the_type_is_named_after_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pressure-sensor_2.rs");
    let net = reference("classifier/net.safetensors");
    let (stdout, _) = run(export(&net, "tanh").arg("--out").arg(&file), 0);
    assert_eq!(stdout, "");
    assert!(std::fs::read_to_string(&file).unwrap().contains("pub PressureSensor2: "));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn scales_of_the_ntk_parameterization_are_in_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let net = net_with(&[0.5, -2.0, 3.0, 1.0], folder.path());
    let mut command = export(&net, "tanh");
    command.args(["--parameterization", "ntk", "--sigma-w", "3"]);
    let (source, _) = run(&mut command, 0);
    // s_1 = 3, s_2 = 3 / sqrt 4.
    assert!(source.contains("    1.5,\n    -6.0,\n    9.0,\n    3.0,\n"), "{source}");
    assert!(source.contains("    1.5, 1.5, 1.5, 1.5,\n"), "{source}");
    assert!(source.contains("--parameterization ntk --sigma-w 3"), "{source}");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let net = reference("classifier/net.safetensors");
    let large = folder.path().join("large.safetensors");
    let tensors = [("0.weight".to_owned(), Array::new(&[1, 2], vec![1.0, 1e300_f64]))];
    std::fs::write(&large, safetensors::write(&tensors).unwrap()).unwrap();
    for (command, part) in [
        (export(&net, "tanh").args(["--name", "not a name"]), "needed a Rust type name"),
        (export(&net, "tanh").args(["--name", "Self"]), "needed a Rust type name"),
        (export(&net, "tanh").args(["--out", "net.txt"]), "extension is none of .rs"),
        (export(&net, "tanh").args(["--out", "no-such-folder/net.rs"]), "there is no folder"),
        (export(&net, "tanh").arg("--out").arg(folder.path().join("1.rs")), "give --name"),
        (&mut export(&net, "tan"), "--activation"),
        (&mut export(&large, "tanh"), "'0.weight', index 1"),
        (&mut export(Path::new("no-such.safetensors"), "tanh"), "no-such.safetensors"),
    ] {
        let (stdout, stderr) = run(command, 2);
        assert!(stderr.contains(part), "{stderr}");
        assert_eq!(stdout, "");
    }
}
