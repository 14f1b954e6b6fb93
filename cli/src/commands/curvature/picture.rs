//! `--plot`: matrices as heat maps with their tensors, spectra as densities.

use anyhow::Result;

use super::estimate::Found;
use super::{Args, Part, Problem};
use crate::array::Float;
use crate::plot::{Figure, Panel, Scale};

/// The part of the largest density below which a picture shows none: the tails of the kernel.
const FLOOR: f64 = 1e-6;

impl Args {
    pub(super) fn plot_matrix<T: Float>(
        &self,
        problem: &Problem<T>,
        heading: &str,
        values: &[T],
        part: &Part,
        width: usize,
    ) -> Result<()> {
        let Some(path) = &self.plot.plot else { return Ok(()) };
        let height = values.len() / width.max(1);
        let entry = |i: usize, j: usize| values[i * width + j].to_f64();
        let name = match part {
            Part::Block(..) => format!("{heading}, a block"),
            Part::Lists => format!("{heading}, {height} rows and {width} columns"),
            Part::All => heading.to_owned(),
        };
        let mut panel = Panel::heat_map(name, height, width, entry);
        let tensors = problem.net.reference.tensors();
        let names = problem.net.tensor_names();
        panel = match part {
            Part::All => {
                let sizes = tensors.iter().map(|t| t.range.len());
                panel.blocks(&names.into_iter().zip(sizes).collect::<Vec<_>>())
            }
            Part::Block(rows, cols) => panel
                .y(format!("place in {}", names[*rows]), Scale::Linear)
                .x(format!("place in {}", names[*cols]), Scale::Linear),
            Part::Lists => {
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

    pub(super) fn plot_estimate<T: Float>(&self, found: &Found<T>) -> Result<()> {
        let (Some(path), Found::Spectrum(s)) = (&self.plot.plot, found) else { return Ok(()) };
        let wide = |v: &[T]| v.iter().map(|v| v.to_f64()).collect::<Vec<_>>();
        let density = wide(&s.density);
        let most = density.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let panel = Panel::spectrum(format!("{}, spectral density", self.kind.title()))
            .x("eigenvalue", Scale::Linear)
            .y("density", Scale::Log)
            .y_range(FLOOR * most, 3.0 * most)
            .density("Lanczos quadrature", &wide(&s.grid), &density)
            .rug("nodes", &wide(&s.nodes));
        Figure::new("").panel(panel).write(path)
    }
}
