//! The file that training leaves: a network that PyTorch loads, and in its metadata what a run
//! needs to go on bit for bit.
//!
//! ```text
//! tensors   0.weight, 0.bias, 2.weight, ..       what load_state_dict takes, and nothing else
//! metadata  nanocurv.run   = what the run was, JSON
//!           nanocurv.state = base64 of a .safetensors file with the tensors
//!                            theta, best, arrays, numbers (in the run's arithmetic),
//!                            best_loss, iterations (done, best), counts (F64)
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::network::tensors;
use super::safetensors::{self, read, write};
use crate::desktop::train::{Best, Checkpoint, Memory, Run};
use crate::desktop::{Array, Float, Network};

const RUN: &str = "nanocurv.run";
const STATE: &str = "nanocurv.state";

/// Writes a network file with parameters `theta`.
///
/// # Errors
/// If the disk fails.
pub fn save<T: Float>(
    path: &Path,
    net: &Network<T>,
    theta: &[T],
    checkpoint: &Checkpoint<T>,
    run: &Run,
) -> Result<()> {
    let metadata = HashMap::from([
        (RUN.to_owned(), serde_json::to_string(run)?),
        (STATE.to_owned(), BASE64_STANDARD.encode(to_bytes(checkpoint)?)),
    ]);
    let bytes = safetensors::write_with(&tensors(&net.shapes, theta), Some(metadata))?;
    super::write_atomically(path, |writer| Ok(std::io::Write::write_all(writer, &bytes)?))
}

/// Reads where the run stands that left `path`.
///
/// # Errors
/// If it is no such file, or its run is not `run`.
pub fn load<T: Float>(path: &Path, run: &Run) -> Result<Checkpoint<T>> {
    std::fs::read(path)
        .map_err(|e| anyhow!("the file cannot be read: {e}"))
        .and_then(|bytes| parse(&bytes, run))
        .with_context(|| path.display().to_string())
}

/// The checkpoint in the bytes of a network file that `run` left.
///
/// # Errors
/// If there is none, or it is of another run.
pub fn parse<T: Float>(bytes: &[u8], run: &Run) -> Result<Checkpoint<T>> {
    let metadata = safetensors::metadata(bytes)?;
    let entry = |key: &str| {
        metadata.get(key).with_context(|| {
            "there is no state of a training in it; needed what `train --out` writes".to_owned()
        })
    };
    let theirs: Run = serde_json::from_str(entry(RUN)?).context("its options are damaged")?;
    if let Some(difference) = run.difference(&theirs) {
        bail!("is of another run, {difference}; give the options of that run");
    }
    let state = BASE64_STANDARD.decode(entry(STATE)?).context("its state is damaged")?;
    from_bytes(&state).context("its state is damaged")
}

fn to_bytes<T: Float>(checkpoint: &Checkpoint<T>) -> Result<Vec<u8>> {
    // Counts and iterations are far below 2^53.
    let counts = checkpoint.memory.counts.iter().map(|c| f64::from(*c)).collect::<Vec<_>>();
    let iterations = vec![checkpoint.iteration as f64, checkpoint.best.iteration as f64];
    let tensors = [
        ("theta", Array::from(checkpoint.theta.clone())),
        ("best", Array::from(checkpoint.best.theta.clone())),
        ("arrays", Array::from(checkpoint.memory.arrays.clone())),
        ("numbers", Array::from(checkpoint.memory.numbers.clone())),
        ("best_loss", Array::from(vec![checkpoint.best.loss])),
        ("iterations", Array::from(iterations)),
        ("counts", Array::from(counts)),
    ];
    write(&tensors.map(|(name, array)| (name.to_owned(), array)))
}

/// The state alone, as it stands in the metadata.
///
/// # Errors
/// If the bytes are no such state.
pub fn from_bytes<T: Float>(bytes: &[u8]) -> Result<Checkpoint<T>> {
    let mut tensors: BTreeMap<_, _> = read(bytes)?.into_iter().collect();
    let mut take =
        |name: &str| tensors.remove(name).with_context(|| format!("there is no tensor '{name}'"));
    let (theta, best) = (take("theta")?.to_vec::<T>(), take("best")?.to_vec::<T>());
    ensure!(best.len() == theta.len(), "the best parameters are not as many as the last");
    let count = |x: f64| {
        let whole = x >= 0.0 && x.fract() == 0.0 && x <= f64::from(u32::MAX);
        ensure!(whole, "found {x}, needed a count");
        Ok(x as u32)
    };
    let memory = Memory {
        arrays: take("arrays")?.to_vec(),
        numbers: take("numbers")?.to_vec(),
        counts: take("counts")?.to_vec().into_iter().map(count).collect::<Result<_>>()?,
    };
    let [loss] = take("best_loss")?.to_vec::<f64>()[..] else { bail!("tensor 'best_loss'") };
    let [done, at] = take("iterations")?.to_vec::<f64>()[..] else { bail!("tensor 'iterations'") };
    let best = Best { loss, iteration: count(at)? as usize, theta: best };
    Ok(Checkpoint { iteration: count(done)? as usize, theta, memory, best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_keeps_every_bit() {
        let checkpoint = Checkpoint::<f32> {
            iteration: 7,
            theta: vec![0.1, -0.0, 1e-45],
            memory: Memory { arrays: vec![3.3; 5], numbers: vec![0.95], counts: vec![u32::MAX, 0] },
            best: Best { loss: 0.1 + 0.2, iteration: 6, theta: vec![1.0, 2.0, 3.0] },
        };
        let bytes = to_bytes(&checkpoint).unwrap();
        let found = from_bytes::<f32>(&bytes).unwrap();
        assert_eq!(found, checkpoint);
        assert!(found.theta[1].is_sign_negative());
        let empty = Checkpoint { memory: Memory::default(), ..checkpoint };
        assert_eq!(from_bytes::<f32>(&to_bytes(&empty).unwrap()).unwrap(), empty);
        for cut in 0..bytes.len() {
            assert!(from_bytes::<f32>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
