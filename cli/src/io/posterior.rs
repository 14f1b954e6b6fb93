//! The file of a posterior, `.npz`: what `laplace fit` leaves, and `predict`, `sample` and `export`
//! take.
//!
//! ```text
//! posterior              the numbers, in the order of nanocurv::laplace::Posterior
//! structure, loss        which, counted from 0: full, kron, ekfac, diagonal; mse, cross-entropy, bce
//! separate_bias, last_layer  1 or 0
//! factors                K-FAC's, of structures kron and ekfac (absent in older files)
//! noise                  the standard deviation of an observation
//! digest                 SHA-256 of the network, as four integers
//! ```
//! Beside them, for readers, the prior precisions and the evidence with its parts.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

use super::npz;
use crate::desktop::laplace::{Fitted, Posterior, StructureKind};
use crate::desktop::{Array, Choice, Float};
use nanocurv::network::Loss;

/// Writes a posterior.
///
/// # Errors
/// If the disk fails.
pub fn save<T: Float>(path: &Path, fitted: &Fitted<T>) -> Result<()> {
    let Fitted { posterior, prior_precision, evidence, .. } = fitted;
    let number = |value: f64| Array::new(&[], vec![value]);
    let count = |value: usize| Array::new(&[], vec![value as i64]);
    let arrays = [
        ("structure", count(index(posterior.structure))),
        ("loss", count(index(posterior.loss))),
        ("separate_bias", count(usize::from(posterior.separate_bias))),
        ("last_layer", count(usize::from(posterior.last_layer))),
        ("noise", number(posterior.noise)),
        ("digest", Array::from(posterior.digest.to_vec())),
        ("posterior", Array::from(posterior.data.clone())),
        ("factors", Array::from(posterior.factors.clone())),
        ("prior_precision", Array::from(prior_precision.clone())),
        ("log_likelihood", number(evidence.log_likelihood)),
        ("log_det_ratio", number(evidence.log_det_ratio)),
        ("scatter", number(evidence.scatter)),
        ("log_marginal_likelihood", number(evidence.log_marginal_likelihood)),
        ("effective_parameters", number(evidence.effective_parameters)),
    ];
    super::write_atomically(path, |writer| {
        npz::write(writer, arrays.iter().map(|(name, array)| (*name, array)))
    })
}

/// The place of a choice among all.
fn index<C: Choice>(choice: C) -> usize {
    C::ALL.iter().position(|other| *other == choice).unwrap_or_default()
}

/// Reads a posterior, in any arithmetic.
///
/// # Errors
/// If the file cannot be read or is no posterior.
pub fn load<T: Float>(path: &Path) -> Result<Posterior<T>> {
    super::read_bytes(path).and_then(parse).with_context(|| path.display().to_string())
}

/// The posterior in the bytes of a file.
///
/// # Errors
/// If there is none.
pub fn parse<T: Float>(bytes: Vec<u8>) -> Result<Posterior<T>> {
    let arrays = npz::read_all(bytes)?;
    let array = |name: &str| {
        let found = arrays.iter().find(|(found, _)| found == name).map(|(_, array)| array);
        found.ok_or_else(|| {
            anyhow!("there is no '{name}' in it; needed what `laplace fit --out` writes")
        })
    };
    let number = |name: &str| -> Result<f64> {
        let array = array(name)?;
        ensure!(array.len() == 1, "'{name}': found {} numbers, needed one", array.len());
        Ok(array.at(0))
    };
    let digest: [i64; 4] = match array("digest")? {
        Array::I64(words) => words.iter().copied().collect::<Vec<_>>().try_into().ok(),
        _ => None,
    }
    .context("'digest': needed four integers")?;
    let data = array("posterior")?;
    if let Some(index) = data.first_non_finite() {
        anyhow::bail!("'posterior': number {index} is {}, needed a finite one", data.at(index));
    }
    let factors = array("factors").ok();
    if let Some(index) = factors.and_then(Array::first_non_finite) {
        anyhow::bail!("'factors': number {index} is not finite");
    }
    let noise = number("noise")?;
    ensure!(noise > 0.0 && noise.is_finite(), "'noise': found {noise}, needed a positive number");
    Ok(Posterior {
        loss: choice::<Loss>("loss", number("loss")?)?,
        structure: choice::<StructureKind>("structure", number("structure")?)?,
        separate_bias: number("separate_bias")? != 0.0,
        last_layer: number("last_layer")? != 0.0,
        noise,
        digest,
        data: data.to_vec(),
        factors: factors.map(Array::to_vec).unwrap_or_default(),
    })
}

fn choice<C: Choice>(name: &str, index: f64) -> Result<C> {
    let found = C::ALL.iter().enumerate().find(|(at, _)| *at as f64 == index);
    let last = C::ALL.len() - 1;
    found
        .map(|(_, choice)| *choice)
        .with_context(|| format!("'{name}': found {index}, needed a whole number from 0 to {last}"))
}
