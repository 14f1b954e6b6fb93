//! The posterior: does it hold what it promises, and what does it cost?
//!
//! ```text
//! coverage   a network trained with Adam on 80 % of a set, its posterior fitted to them: the share
//!            of the other 20 % within the 95 % interval, and the mean of (y - f)^2 / std^2
//! digits     fit (Kronecker, prior precision by evidence) and probit predictions of 256 samples,
//!            beside one pass of gradients over them, and beside the dense posterior
//! regress    conjugate gradients on 16-64-64-1: time and peak memory by the number of samples
//! ```
//! `cargo bench -p nanocurv-benches --bench laplace`

use std::path::{Path, PathBuf};

use anyhow::Result;
use nanocurv::network::{Activation, Loss, Reduction};
use nanocurv::random::Rng;
use nanocurv_benches::{peak_memory, time};
use nanocurv_cli::dense;
use nanocurv_cli::desktop::laplace::{LaplaceSettings, Score, StructureKind, fit};
use nanocurv_cli::desktop::network::{Arch, Parameterization, activations};
use nanocurv_cli::desktop::regress::{RegressSettings, RegressSolver, regress};
use nanocurv_cli::desktop::train::{OptimizerKind, OptimizerSettings, TrainSettings, Units, train};
use nanocurv_cli::desktop::{Choice, Data, Network, Targets, UNWATCHED};
use nanocurv_cli::io::{self, Source};
use ndarray::Array2;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> Result<Array2<f64>> {
    io::read_matrix(&Source { path: root().join(path), part: None })
}

fn fresh(arch: &str, seed: u64) -> Result<Network<f64>> {
    let parsed: Arch = arch.parse().map_err(anyhow::Error::msg)?;
    let state = parsed.initial(true, Parameterization::Standard, seed);
    Ok(Network::new(arch, state, &[Activation::Tanh])?)
}

/// Coverage of samples that neither the network nor its posterior has seen.
fn coverage() -> Result<()> {
    println!(
        "{:<14}{:>12}{:>10}{:>10}{:>10}",
        "held out", "structure", "coverage", "novelty", "noise"
    );
    for (name, arch, x, y) in [
        (
            "diabetes",
            "10-16-8-1",
            "cli/data/reference/real/diabetes_x.csv",
            "cli/data/reference/real/diabetes_y.csv",
        ),
        (
            "calibration",
            "3-8-8-1",
            "core/examples/calibration/desktop/x.csv",
            "core/examples/calibration/desktop/y.csv",
        ),
    ] {
        let data = Data::new(read(x)?, Targets::Values(read(y)?))?;
        let mut order: Vec<usize> = (0..data.len()).collect();
        Rng::seed(1).shuffle(&mut order);
        let (held_out, trained) = order.split_at(data.len() / 5);
        let (train_set, test_set) = (data.select(trained), data.select(held_out));
        let settings = TrainSettings {
            optimizer: OptimizerSettings::new(OptimizerKind::Adam),
            standardize: Some(Units::Standard),
            ..TrainSettings::new((Loss::Mse, Reduction::Mean), 1000)
        };
        let mut net = fresh(arch, 0)?;
        net.theta = train(&net, &train_set, &settings, None, UNWATCHED)?.theta;
        for structure in StructureKind::ALL {
            let settings =
                LaplaceSettings { structure: *structure, ..LaplaceSettings::new(Loss::Mse) };
            let fitted = fit(&net, &train_set, &settings, UNWATCHED)?;
            let prediction = fitted.posterior.predict(&net, test_set.x.view(), None)?;
            let score = fitted.posterior.score(&prediction, &test_set.targets)?;
            if let Score::Regression { coverage, novelty, .. } = score {
                let (structure, noise) = (structure.name(), fitted.posterior.noise);
                println!("{name:<14}{structure:>12}{coverage:>10.3}{novelty:>10.3}{noise:>10.4}");
            }
        }
    }
    Ok(())
}

fn digits() -> Result<()> {
    let folder = "cli/data/reference/real";
    let path = root().join(folder).join("digits_64-32-16-10_tanh.safetensors");
    let net = Network::<f64>::new(
        "digits",
        io::network::read(&path, &[])?.state,
        &activations(&["tanh"])?,
    )?;
    let labels = read(&format!("{folder}/digits_y.npy"))?;
    let labels = Targets::Labels(labels.iter().map(|label| *label as u32).collect());
    let data = Data::new(read(&format!("{folder}/digits_x.npy"))?, labels)?;
    let settings = LaplaceSettings::new(Loss::CrossEntropy);
    let fitted = fit(&net, &data, &settings, UNWATCHED)?;
    let fitting = time(|| drop(fit(&net, &data, &settings, UNWATCHED)));
    let predicting = time(|| drop(fitted.posterior.predict(&net, data.x.view(), None)));
    let mlp = net.mlp()?;
    let (inputs, targets) = (data.inputs()?, data.targets.core()?);
    let mut gradient = vec![0.0; net.params()];
    let mut scratch = vec![0.0; nanocurv::kfac::accumulate_scratch(mlp.layers(), data.len())];
    let pass = time(|| {
        let loss = Loss::CrossEntropy;
        let (gradient, scratch) = (&mut gradient, &mut scratch);
        nanocurv::kfac::gradient(&mlp, inputs, targets, loss, 1.0, gradient, scratch).unwrap();
    });
    let start = std::time::Instant::now();
    let precisions = vec![fitted.prior_precision[0]; net.params()];
    let (posterior, _) = dense::laplace::fit(&net, &data, &fitted.posterior, &precisions);
    let x: Vec<f64> = data.x.iter().copied().collect();
    let (_, covariance) = posterior.predict(&x);
    let dense = start.elapsed().as_secs_f64();
    let both = fitting + predicting;
    println!("\ndigits 64-32-16-10, 256 samples, f64");
    println!("fit {:.2} ms, predict {:.2} ms", 1e3 * fitting, 1e3 * predicting);
    println!("{:.1} times one pass of gradients", both / pass);
    println!(
        "{:.0} times faster than the dense posterior ({} covariances)",
        dense / both,
        covariance.len()
    );
    Ok(())
}

fn regression() -> Result<()> {
    println!("\nregress --solver cg, 16-64-64-1, 10 steps, f64");
    println!("{:>9}{:>10}{:>14}{:>14}", "samples", "seconds", "us a sample", "peak memory");
    let net = fresh("16-64-64-1", 0)?;
    let mut rng = Rng::seed(2);
    for samples in [50_000, 100_000, 200_000] {
        let x = Array2::from_shape_fn((samples, 16), |_| rng.normal::<f64>());
        let y = Array2::from_shape_fn((samples, 1), |(n, _)| {
            x.row(n).iter().take(4).sum::<f64>().sin()
        });
        let data = Data::new(x, Targets::Values(y))?;
        let test = Array2::from_shape_fn((100, 16), |_| rng.normal::<f64>());
        let settings = RegressSettings {
            solver: RegressSolver::Cg,
            iterations: 10,
            tolerance: Some(1e-15),
            ..RegressSettings::new(0.1)
        };
        let start = std::time::Instant::now();
        regress(&net, &data, test.view(), &settings, UNWATCHED)?;
        let seconds = start.elapsed().as_secs_f64();
        let memory = peak_memory().map_or("-".to_owned(), |b| format!("{} MB", b / 1_000_000));
        println!("{samples:>9}{seconds:>10.2}{:>14.2}{memory:>14}", 1e6 * seconds / samples as f64);
    }
    Ok(())
}

fn main() -> Result<()> {
    coverage()?;
    // Before the dense posterior: the peak of memory is that of the whole run so far.
    regression()?;
    digits()
}
