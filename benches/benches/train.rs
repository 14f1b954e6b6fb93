//! K-FAC against 1000 full-batch steps of Adam, on the real sets in `cli/data`.
//!
//! From the same initial weights, what `nanocurv train` does with the options in the table, the
//! others as they are by default; f64. Adam's loss is the least at any of its steps, at the best of
//! [`RATES`]. `cargo bench -p nanocurv-benches --bench train`

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use nanocurv::network::{Activation, Loss, Reduction};
use nanocurv_cli::desktop::network::{Arch, Parameterization};
use nanocurv_cli::desktop::train::{Minimizer, OptimizerKind, OptimizerSettings, Score};
use nanocurv_cli::desktop::{Choice, Data, Network, Targets};
use nanocurv_cli::io::{self, Source};
use rayon::prelude::*;

const RATES: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
const ADAM_STEPS: usize = 1000;
const KFAC_STEPS: usize = 200;
const SEEDS: u64 = 3;

/// A set, and the network that learns it.
struct Problem {
    name: &'static str,
    arch: &'static str,
    loss: Loss,
    samples: Data<f64>,
}

/// The losses before each step and after the last, and the seconds that the steps took.
fn train(
    problem: &Problem,
    seed: u64,
    steps: usize,
    optimizer: &OptimizerSettings,
) -> Result<(Vec<f64>, f64)> {
    let arch: Arch = problem.arch.parse().map_err(anyhow::Error::msg)?;
    let state = arch.initial(true, Parameterization::Standard, seed);
    let net = Network::<f64>::new(problem.arch, state, &[Activation::Tanh])?;
    let loss = (problem.loss, Reduction::Mean);
    let (architecture, samples) = (net.architecture()?, &problem.samples);
    let mut minimizer = Minimizer::new(optimizer, &architecture, loss, samples.len(), seed);
    let mut theta = net.theta.clone();
    let (mut losses, mut seconds) = (Vec::new(), 0.0);
    for step in 0..=steps {
        losses.push(Score::of(&architecture.at(&theta)?, samples, loss)?.loss);
        if step < steps {
            let start = Instant::now();
            minimizer.step(&architecture, &mut theta, samples)?;
            seconds += start.elapsed().as_secs_f64();
        }
    }
    Ok((losses, seconds))
}

fn least(losses: &[f64]) -> f64 {
    losses.iter().copied().fold(f64::INFINITY, f64::min)
}

fn problems() -> Result<[Problem; 2]> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/data/reference/real");
    let source = |name: &str| Source { path: folder.join(name), part: None };
    let labels = |name: &str| -> Result<_> {
        let labels = io::labels(&io::read_array(&source(name))?, &source(name))?;
        Ok(Targets::Labels(labels.into_iter().map(u32::try_from).collect::<Result<_, _>>()?))
    };
    let matrix = |name: &str| io::read_matrix::<f64>(&source(name));
    let diabetes =
        Data::new(matrix("diabetes_x.csv")?, Targets::Values(matrix("diabetes_y.csv")?))?;
    let digits = Data::new(matrix("digits_x.npy")?, labels("digits_y.npy")?)?;
    Ok([
        Problem { name: "diabetes", arch: "10-16-8-1", loss: Loss::Mse, samples: diabetes },
        Problem { name: "digits", arch: "64-32-16-10", loss: Loss::CrossEntropy, samples: digits },
    ])
}

fn main() -> Result<()> {
    println!(
        "{:<24}{:>5}{:>11}{:>8}   {:<9}{:>11}{:>10}{:>8}",
        "", "seed", "Adam 1000", "rate", "", "loss 200", "reached", "time"
    );
    for problem in problems()? {
        for seed in 0..SEEDS {
            let adam: Vec<_> = RATES
                .par_iter()
                .map(|rate| {
                    let adam = OptimizerSettings {
                        learning_rate: Some(*rate),
                        ..OptimizerSettings::new(OptimizerKind::Adam)
                    };
                    let (losses, seconds) = train(&problem, seed, ADAM_STEPS, &adam)?;
                    anyhow::Ok((least(&losses), *rate, seconds))
                })
                .collect::<Result<_>>()?;
            let best = adam.iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("no rates")?;
            for optimizer in [OptimizerKind::Kfac, OptimizerKind::Ekfac] {
                let settings = OptimizerSettings::new(optimizer);
                let (losses, seconds) = train(&problem, seed, KFAC_STEPS, &settings)?;
                let reached = losses.iter().position(|loss| *loss <= best.0);
                println!(
                    "{:<24}{:>5}{:>11.2e}{:>8}   {:<9}{:>11.2e}{:>10}{:>8.2}",
                    format!("{} {}", problem.name, problem.arch),
                    seed,
                    best.0,
                    best.1,
                    optimizer.name(),
                    least(&losses),
                    reached.map_or("-".to_owned(), |step| format!("step {step}")),
                    seconds / best.2,
                );
            }
        }
    }
    println!("\ntime: the 200 steps against Adam's 1000 at its best rate");
    Ok(())
}
