//! Bad input ends with 2 and a message that names file, place, found and needed; never with a
//! panic, never with an allocation that a header asks for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{nanocurv, ntk, reference, run};

/// An `.npy` file with this header dictionary and data.
fn npy(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dictionary.len() as u16).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(data);
    bytes
}

fn dictionary(kind: &str, fortran: bool, shape: &str) -> String {
    let fortran = if fortran { "True" } else { "False" };
    format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

fn f64s(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A `.safetensors` file with this header and data.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// One F32 tensor after the other, all values 0.5.
fn network(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        ));
    }
    let data: Vec<u8> = (0..end / 4).flat_map(|_| 0.5_f32.to_le_bytes()).collect();
    safetensors(&format!("{{{}}}", entries.join(",")), &data)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn bad_data_is_refused_with_its_place() {
    let row = f64s(&[1.0, 2.0, 3.0, 4.0]);
    let good = dictionary("<f8", false, "(1, 4)");
    let short = npy(&good, &row[..31]);
    let with_nan =
        npy(&dictionary("<f8", false, "(2, 4)"), &f64s(&[1., 2., 3., 4., 5., 6., f64::NAN, 8.]));
    let huge_header = {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::MAX.to_le_bytes());
        bytes
    };
    let nested = npy(&format!("{}{}", "(".repeat(4000), ")".repeat(4000)), &[]);
    let table: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.npy", vec![], &["numpy.save"]),
        ("not.npy", b"PK\x03\x04 something else".to_vec(), &["numpy.save"]),
        ("magic.npy", b"\x93NUMPY".to_vec(), &["ends within its header"]),
        (
            "version.npy",
            npy(&good, &row).iter().enumerate().map(|(i, b)| if i == 6 { 9 } else { *b }).collect(),
            &["version.npy"],
        ),
        ("header.npy", huge_header, &["4294967295 bytes"]),
        ("nested.npy", nested, &["nested"]),
        ("short.npy", short, &["4 values of 8 bytes", "holds 31 bytes"]),
        ("dict.npy", npy("[1, 2, 3]\n", &row), &["does not say the shape"]),
        ("negative.npy", npy(&dictionary("<f8", false, "(-1, 4)"), &row), &["no possible array"]),
        (
            "overflow.npy",
            npy(&dictionary("<f8", false, "(4611686018427387904, 4)"), &row),
            &["no possible array"],
        ),
        (
            "overflow2.npy",
            npy(&dictionary("<f8", false, "(9223372036854775807, 9223372036854775807, 0)"), &row),
            &["no possible array"],
        ),
        (
            "overflow3.npy",
            npy(&dictionary("<f8", false, "(99999999999999999999999, 4)"), &row),
            &["no possible array"],
        ),
        (
            "large.npy",
            npy(&dictionary("<f8", false, "(100000000000, 4)"), &row),
            &["400000000000 values", "holds 32 bytes"],
        ),
        ("none.npy", npy(&dictionary("<f8", false, "(0, 4)"), &[]), &["(0, 4)", "no values"]),
        (
            "cube.npy",
            npy(&dictionary("<f8", false, "(1, 2, 2)"), &row),
            &["(1, 2, 2)", "needed a matrix"],
        ),
        ("complex.npy", npy(&dictionary("<c16", false, "(1, 2)"), &row), &["<c16", "astype"]),
        ("text.npy", npy(&dictionary("<U4", false, "(1, 2)"), &row), &["<U4", "astype"]),
        ("object.npy", npy(&dictionary("|O", false, "(1, 2)"), &row), &["object.npy"]),
        (
            "record.npy",
            npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4,), }\n", &row),
            &["structured"],
        ),
        ("nan.npy", with_nan, &["row 2, column 3", "found NaN", "finite"]),
        (
            "wide.npy",
            npy(&dictionary("<f8", false, "(2, 2)"), &row),
            &["found 2 columns, needed 4", "net.safetensors"],
        ),
        (
            "tall.npy",
            npy(&dictionary("<f8", false, "(4, 1)"), &row),
            &["found 1 columns, needed 4", "transpose"],
        ),
        ("ragged.csv", b"1,2,3,4\n1,2,3\n".to_vec(), &["line 2", "found 3 columns, needed 4"]),
        ("word.csv", b"a,b,c,d\n1,2,x,4\n".to_vec(), &["line 2 (row 1), column 3", "found 'x'"]),
        ("nan.csv", b"1,2,nan,4\n".to_vec(), &["line 1 (row 1), column 3", "finite"]),
        ("empty.csv", b"".to_vec(), &["no numbers"]),
        ("binary.csv", vec![0xff, 0xfe, 0, 1], &["byte 1", "UTF-8"]),
        ("broken.npz", b"PK\x05\x06 and nothing".to_vec(), &["numpy.savez"]),
        ("x.parquet", row.clone(), &["extension"]),
        ("x", row.clone(), &["extension"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, parts) in table {
        let path = write(folder.path(), name, &bytes);
        let (stdout, stderr) = run(&mut ntk("tanh_scalar", "tanh", &path), 2);
        assert_eq!(stdout, "", "{name}");
        assert!(stderr.contains(path.to_str().unwrap()), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{name}: '{part}' is not in: {stderr}");
        }
    }
    let (_, stderr) = run(&mut ntk("tanh_scalar", "tanh", &folder.path().join("gone.npy")), 2);
    assert!(stderr.contains("gone.npy") && stderr.contains("cannot be read"), "{stderr}");
    let (_, stderr) = run(&mut ntk("tanh_scalar", "tanh", folder.path()), 2);
    assert!(stderr.contains("extension"), "{stderr}");
}

/// A tensor's name and shape after a change; `None` leaves it out.
type Change<'a> = &'a dyn Fn(&str, &[usize]) -> Option<(String, Vec<usize>)>;

#[test]
fn a_bad_network_is_refused_with_its_tensor() {
    let good: &[(&str, &[usize])] =
        &[("0.weight", &[8, 4]), ("0.bias", &[8]), ("2.weight", &[1, 8]), ("2.bias", &[1])];
    let whole = network(good);
    let with = |change: Change<'_>| {
        let tensors: Vec<_> = good.iter().filter_map(|(n, s)| change(n, s)).collect();
        let borrowed: Vec<_> = tensors.iter().map(|(n, s)| (n.as_str(), s.as_slice())).collect();
        network(&borrowed)
    };
    let same = |n: &str, s: &[usize]| Some((n.to_owned(), s.to_vec()));
    let one = |header: &str| safetensors(header, &[0; 32]);
    let table: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.safetensors", vec![], &["save_file"]),
        ("cut.safetensors", whole[..whole.len() - 5].to_vec(), &["save_file"]),
        ("long.safetensors", u64::MAX.to_le_bytes().to_vec(), &["save_file"]),
        ("header.safetensors", safetensors("{\"a\":", &[]), &["save_file"]),
        (
            "overflow.safetensors",
            one(
                r#"{"0.weight":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,32]}}"#,
            ),
            &["save_file"],
        ),
        (
            "offsets.safetensors",
            one(
                r#"{"0.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,18446744073709551615]}}"#,
            ),
            &["save_file"],
        ),
        (
            "integers.safetensors",
            one(r#"{"0.weight":{"dtype":"I32","shape":[2,4],"data_offsets":[0,32]}}"#),
            &["'0.weight'", "I32", "F32"],
        ),
        ("none.safetensors", safetensors("{}", &[]), &["holds no layer"]),
        (
            "missing.safetensors",
            with(&|n, s| if n == "2.bias" { None } else { same(n, s) }),
            &["'2.bias' is missing"],
        ),
        (
            "chain.safetensors",
            with(&|n, s| same(n, if n == "2.weight" { &[1, 7] } else { s })),
            &["'2.weight'", "found 7 inputs, needed 8"],
        ),
        (
            "bias.safetensors",
            with(&|n, s| same(n, if n == "0.bias" { &[7] } else { s })),
            &["'0.bias'", "found shape (7,), needed (8,)"],
        ),
        (
            "conv.safetensors",
            with(&|n, s| same(n, if n == "0.weight" { &[8, 4, 3, 3] } else { s })),
            &["'0.weight'", "(8, 4, 3, 3)"],
        ),
        (
            "norm.safetensors",
            with(&|n, s| same(if n == "0.bias" { "1.running_mean" } else { n }, s)),
            &["'1.running_mean'"],
        ),
        ("net.pt", whole.clone(), &["pickle", "save_file"]),
        ("net.onnx", whole.clone(), &["torch.onnx.export"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, parts) in table {
        let path = write(folder.path(), name, &bytes);
        let mut command = nanocurv();
        command.args(["ntk", "--activation", "tanh", "--net"]).arg(&path);
        command.arg("--data").arg(reference("tanh_scalar/x1.npy"));
        let (_, stderr) = run(&mut command, 2);
        assert!(stderr.contains(path.to_str().unwrap()), "{name}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{name}: '{part}' is not in: {stderr}");
        }
    }
    let path = write(folder.path(), "good.safetensors", &whole);
    let mut command = nanocurv();
    command.args(["ntk", "--activation", "tanh", "--check", "--net"]).arg(&path);
    command.arg("--data").arg(reference("tanh_scalar/x1.npy"));
    run(&mut command, 0);
}

#[test]
fn activations_are_known_and_as_many_as_hidden_layers() {
    let x = reference("tanh_scalar/x1.npy");
    let (_, stderr) = run(&mut ntk("tanh_scalar", "swish", &x), 2);
    assert!(stderr.contains("unknown activation 'swish'"), "{stderr}");
    assert!(stderr.contains("normalized-relu") && stderr.contains("gelu-tanh"), "{stderr}");
    let (_, stderr) = run(&mut ntk("tanh_scalar", "tanh,relu,tanh", &x), 2);
    assert!(stderr.contains("found 3 names, needed 2"), "{stderr}");
    let mut command = nanocurv();
    command.arg("ntk").arg("--net").arg(reference("tanh_scalar/net.safetensors"));
    let (_, stderr) = run(command.arg("--data").arg(&x), 2);
    assert!(stderr.contains("2 hidden layers") && stderr.contains("--activation"), "{stderr}");
    for name in [
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
    ] {
        let both = format!("{name},tanh");
        for activation in [name, &both] {
            run(ntk("tanh_scalar", activation, &x).arg("--check"), 0);
            run(ntk("tanh_scalar", activation, &x).args(["--check", "--dtype", "f32"]), 0);
        }
    }
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let x = reference("classifier/x1.npy");
    let table: [(&[&str], &str); 9] = [
        (&["--output", "4"], "needed 0 to 3"),
        (&["--output", "every"], "full, trace, mean"),
        (&["--gram", "params", "--components"], "--components"),
        (&["--gram", "params", "--output", "full"], "--output"),
        (&["--components", "--out", "k.npy"], ".npz"),
        (&["--out", "k.txt"], ".npy, .npz, .csv, .json"),
        (&["--out", "no/such/folder/k.npy"], "no/such/folder"),
        (&["--sigma-w", "2"], "--parameterization ntk"),
        (&["--parameterization", "ntk", "--sigma-w", "inf"], "finite"),
    ];
    for (options, part) in table {
        let (_, stderr) = run(ntk("classifier", "tanh", &x).args(options), 2);
        assert!(stderr.contains(part), "{options:?}: {stderr}");
    }
}

#[test]
fn the_same_data_in_every_format_give_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [[0.5, -1.0, 2.0, 0.25], [1.5, 0.75, -0.125, 1.0], [0.0, 2.5, 1.0, -3.0]];
    let flat: Vec<f64> = rows.iter().flatten().copied().collect();
    let columns: Vec<f64> = (0..4).flat_map(|j| rows.map(|row| row[j])).collect();
    let singles: Vec<u8> = flat.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect();
    let big: Vec<u8> = flat.iter().flat_map(|v| v.to_be_bytes()).collect();
    let text = |delimiter: &str| {
        let lines = rows.map(|row| row.map(|v| v.to_string()).join(delimiter));
        lines.join("\n")
    };
    let header = format!("a;b;c;d\n{}\n", text(";"));
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("c.npy", npy(&dictionary("<f8", false, "(3, 4)"), &f64s(&flat))),
        ("fortran.npy", npy(&dictionary("<f8", true, "(3, 4)"), &f64s(&columns))),
        ("single.npy", npy(&dictionary("<f4", false, "(3, 4)"), &singles)),
        ("big.npy", npy(&dictionary(">f8", false, "(3, 4)"), &big)),
        ("comma.csv", text(",").into_bytes()),
        ("semicolon.csv", header.into_bytes()),
        ("tab.csv", text("\t").into_bytes()),
    ];
    let mut results = Vec::new();
    for (name, bytes) in files {
        let path = write(folder.path(), name, &bytes);
        let (stdout, _) = run(ntk("tanh_scalar", "tanh", &path).args(["--format", "csv"]), 0);
        results.push((name, stdout));
    }
    for (name, result) in &results {
        assert_eq!(*result, results[0].1, "{name}");
    }
}
