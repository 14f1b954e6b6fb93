//! `--plot`: matrices as heat maps with their tensors, spectra as densities.

use anyhow::Result;

use super::estimate::Found;
use super::{Args, Part, Problem};
use crate::array::Float;
use crate::plot::{Figure, Panel, Scale};

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
            Part::Block(..) => format!("{heading}, block {}", self.part.block.join(", ")),
            Part::Lists => format!("{heading}, {height} rows and {width} columns"),
            Part::All => heading.to_owned(),
        };
        let mut panel = Panel::heat_map(name.replace('_', " "), height, width, entry);
        if let Part::All = part {
            let names = problem.net.tensor_names();
            let tensors = problem.net.reference.tensors();
            let blocks: Vec<_> =
                names.into_iter().zip(tensors.iter().map(|t| t.range.len())).collect();
            panel = panel.blocks(&blocks);
        }
        // The largest entries, mostly of the output's bias, would pale all others.
        let mut sizes: Vec<f64> = values.iter().map(|v| v.to_f64().abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let most = sizes.get(sizes.len() * 99 / 100).copied().unwrap_or(0.0);
        if most > 0.0 {
            panel = panel.limit(most);
        }
        Figure::new("").panel(panel.value("entry")).write(path)
    }

    pub(super) fn plot_estimate<T: Float>(&self, found: &Found<T>) -> Result<()> {
        let (Some(path), Found::Spectrum(s)) = (&self.plot.plot, found) else { return Ok(()) };
        let wide = |v: &[T]| v.iter().map(|v| v.to_f64()).collect::<Vec<_>>();
        let panel =
            Panel::spectrum(format!("Spectral density, {}", self.kind.key().replace('_', " ")))
                .x("eigenvalue", Scale::Linear)
                .y("density", Scale::Log)
                .density("Lanczos quadrature", &wide(&s.grid), &wide(&s.density))
                .rug("nodes", &wide(&s.nodes));
        Figure::new("").panel(panel).write(path)
    }
}
