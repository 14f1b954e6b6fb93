//! `--plot`: matrices as heat maps with their tensors, spectra as densities.

use std::path::Path;

use anyhow::Result;
use ndarray::Array2;

use crate::desktop::array::wide;
use crate::desktop::curvature::{Kind, Part, Spectrum};
use crate::desktop::{Float, Network};
use crate::plot::{Figure, Panel, Scale};

/// The part of the largest density below which a picture shows none: the tails of the kernel.
const FLOOR: f64 = 1e-6;

/// The heading of a picture.
pub const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Hessian => "Hessian",
        Kind::Ggn => "GGN",
        Kind::EmpiricalFisher => "Empirical Fisher",
        Kind::FisherMc => "Monte-Carlo Fisher",
        Kind::Kfac => "K-FAC",
        Kind::Ekfac => "EKFAC",
        Kind::Gradient => "Gradient",
    }
}

/// A matrix of parameters, or a part of it.
///
/// # Errors
/// If the picture cannot be written.
pub fn matrix<T: Float>(
    path: &Path,
    net: &Network<T>,
    heading: &str,
    values: &Array2<T>,
    part: &Part,
) -> Result<()> {
    let (height, width) = values.dim();
    let entry = |i: usize, j: usize| values[(i, j)].to_f64();
    let name = match part {
        Part::Block(..) => format!("{heading}, a block"),
        Part::Lists(..) => format!("{heading}, {height} rows and {width} columns"),
        Part::All => heading.to_owned(),
    };
    let mut panel = Panel::heat_map(name, height, width, entry);
    let tensors = net.tensors();
    panel = match part {
        Part::All => {
            let blocks = tensors.into_iter().map(|tensor| (tensor.name, tensor.range.len()));
            panel.blocks(&blocks.collect::<Vec<_>>())
        }
        Part::Block(rows, cols) => panel
            .y(format!("place in {}", tensors[*rows].name), Scale::Linear)
            .x(format!("place in {}", tensors[*cols].name), Scale::Linear),
        Part::Lists(..) => {
            panel.y("place in --rows", Scale::Linear).x("place in --cols", Scale::Linear)
        }
    };
    // The largest entries, mostly of the output's bias, would pale all others.
    let mut sizes: Vec<f64> = values.iter().map(|v| v.to_f64().abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let largest = sizes.last().copied().unwrap_or(0.0);
    let most = sizes.get(sizes.len() * 99 / 100).copied().unwrap_or(0.0);
    let mut value = "entry";
    if 0.0 < most && most < largest {
        panel = panel.limit(most);
        value = "entry; the largest 1 % are beyond the colours";
    }
    Figure::new("").panel(panel.value(value)).write(path)
}

/// The density of the eigenvalues.
///
/// # Errors
/// If the picture cannot be written.
pub fn spectrum<T: Float>(path: &Path, heading: &str, s: &Spectrum<T>) -> Result<()> {
    let density = wide(&s.density);
    let most = density.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let panel = Panel::spectrum(format!("{heading}, spectral density"))
        .x("eigenvalue", Scale::Linear)
        .y("density", Scale::Log)
        .y_range(FLOOR * most, 3.0 * most)
        .density("Lanczos quadrature", &wide(&s.grid), &density)
        .rug("nodes", &wide(&s.nodes));
    Figure::new("").panel(panel).write(path)
}
