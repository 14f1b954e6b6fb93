//! The fuzz targets for seconds, on any toolchain: real files and special numbers, mutated.
//! `tests/fuzz/run` runs the same targets with coverage for as long as one likes.
//!
//! `FUZZ_SECONDS=60 cargo test --test fuzz` takes more than the half second per target.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use nanocurv::network::{Activation, Loss};
use nanocurv::random::Rng;
use nanocurv_cli::desktop::laplace::{LaplaceSettings, StructureKind, fit};
use nanocurv_cli::desktop::network::{Arch, Network, Parameterization};
use nanocurv_cli::desktop::{Array, Data, Targets, UNWATCHED};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where comparisons, exponents and roundings change.
const SPECIAL: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    3.0,
    1e-45,
    1e-38,
    1e-30,
    1e19,
    3e38,
    -3e38,
    1e154,
    1e308,
    f64::INFINITY,
    f64::NAN,
];

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a target starts from.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/data");
    let of = |extension| -> Vec<Vec<u8>> {
        files(&folder, extension).iter().map(|path| std::fs::read(path).unwrap()).collect()
    };
    let mut seeds = match target {
        "npy" => of("npy"),
        "csv" => of("csv"),
        "safetensors" => of("safetensors"),
        "network" => {
            let people = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/files");
            let mut seeds = of("safetensors");
            for extension in ["npz", "onnx", "safetensors"] {
                let files = files(&people, extension);
                seeds.extend(files.iter().map(|path| std::fs::read(path).unwrap()));
            }
            seeds
        }
        "npz" => vec![npz()],
        "checkpoint" => vec![
            include_bytes!("../../core/examples/calibration/desktop/pressure.safetensors").to_vec(),
        ],
        "posterior" => [StructureKind::Full, StructureKind::Kron, StructureKind::Diagonal]
            .map(posterior)
            .into(),
        "command_line" => [
            "ntk\n--net\nn.npz\n--activation\ntanh\n--data\nd.npz:x\n--output\nfull",
            "curvature\nggn\n--net\nn.npz\n--data\nx\n--targets\ny\n--loss\nmse\n--rows\n0,13,42",
            "kron\nfit\n--left\na.npy\n--right\nb.npy\n--shape\n2,3\n--sketches\n4\n--seed\n1",
            "plan\n--arch\n4-8-8-1\n--activation\ntanh\n--ram\n64k\n--flash\n256k\n--batch\n8",
            "dynamics\nrisk\n--sigmas\n1,0.5\n--thetas\n1,1\n--noise\n0.1\n--lr\n0.1,0.2",
            "train\n--arch\n4-8-1\n--optimizer\nadam\n--loss\nbce\n--iterations\n10\n--ema\n0.5",
        ]
        .map(|text| text.as_bytes().to_vec())
        .into(),
        _ => numbers(),
    };
    // Large files say little more than small ones, and slowly.
    seeds.retain(|seed| seed.len() < 50_000);
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

fn npz() -> Vec<u8> {
    let arrays = [
        ("x", Array::new(&[2, 2], vec![1.0_f64, 2.0, 3.0, 4.0])),
        ("0.weight", Array::new(&[1, 2], vec![1.0_f32, 2.0])),
    ];
    let mut bytes = std::io::Cursor::new(Vec::new());
    let arrays = arrays.iter().map(|(name, array)| (*name, array));
    nanocurv_cli::io::npz::write(&mut bytes, arrays).unwrap();
    bytes.into_inner()
}

/// The file of a posterior of the network that the target has.
fn posterior(structure: StructureKind) -> Vec<u8> {
    let arch = "1-2-1".parse::<Arch>().unwrap();
    let state = arch.initial(true, Parameterization::Standard, 0);
    let net = Network::<f64>::new("net", state, &[Activation::Tanh]).unwrap();
    let x = Array2::from_shape_fn((5, 1), |(n, _)| n as f64);
    let data = Data::new(x.clone(), Targets::Values(x)).unwrap();
    let settings = LaplaceSettings { structure, ..LaplaceSettings::new(Loss::Mse) };
    let fitted = fit(&net, &data, &settings, UNWATCHED).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("post.npz");
    nanocurv_cli::io::posterior::save(&path, &fitted).unwrap();
    std::fs::read(path).unwrap()
}

/// Matrices of special numbers in either precision.
fn numbers() -> Vec<Vec<u8>> {
    let mut rng = Rng::seed(0);
    let mut seeds = Vec::new();
    for n in 0..40_u8 {
        for single in [true, false] {
            let mut seed = vec![n];
            for _ in 0..1600 {
                let value = match rng.below(4) {
                    0 => SPECIAL[rng.below(SPECIAL.len())],
                    1 => rng.normal::<f64>() * 10.0_f64.powi(rng.below(80) as i32 - 40),
                    _ => rng.normal(),
                };
                if single {
                    seed.extend((value as f32).to_le_bytes());
                } else {
                    seed.extend(value.to_le_bytes());
                }
            }
            seeds.push(seed);
        }
    }
    seeds
}

/// A few changes at random places.
fn mutate(data: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.below(6) {
        let at = rng.below(data.len().max(1));
        match rng.below(7) {
            0 => data.truncate(at),
            1 => data.insert(at.min(data.len()), rng.next_u32() as u8),
            2 if at < data.len() => {
                data.remove(at);
            }
            3 => {
                // A number of either width.
                let value = SPECIAL[rng.below(SPECIAL.len())];
                let single = (value as f32).to_le_bytes();
                let bytes = if rng.below(2) == 0 { &single[..] } else { &value.to_le_bytes() };
                data.iter_mut().skip(at / 4 * 4 + 1).zip(bytes).for_each(|(d, b)| *d = *b);
            }
            4 => {
                // A part again, elsewhere.
                let part: Vec<u8> = data.iter().skip(at).take(rng.below(32)).copied().collect();
                let to = rng.below(data.len() + 1);
                data.splice(to..to, part);
            }
            5 => data.iter_mut().skip(at).take(8).for_each(|d| *d = rng.next_u32() as u8),
            _ => data.iter_mut().skip(at).take(1).for_each(|d| *d ^= 1 << rng.below(8)),
        }
    }
}

#[test]
fn no_bytes_make_a_reader_or_a_factorisation_panic() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(0.5);
    for (name, target) in targets::TARGETS {
        let (seeds, mut rng, start) = (seeds(name), Rng::seed(0), Instant::now());
        let mut runs = 0;
        while start.elapsed() < Duration::from_secs_f64(seconds) || runs < seeds.len() {
            let mut data = seeds[runs % seeds.len()].clone();
            if runs >= seeds.len() {
                mutate(&mut data, &mut rng);
            }
            let run = std::panic::catch_unwind(|| target(&data));
            assert!(run.is_ok(), "{name}, run {runs}, on {data:02x?}");
            runs += 1;
        }
        println!("{name}: {runs} runs");
    }
}
