//! Pictures of results: a [`Figure`] is a title over a grid of [`Panel`]s, written as SVG or PNG.
//!
//! Drawn by `plotters`, rasterised by `resvg`, with an embedded font: the same picture on every
//! machine. Colours are Okabe and Ito's, lines differ in dashes and points in shape as well, so
//! that a picture reads in print and by colour-blind readers.

mod axis;
mod blocks;
mod canvas;
mod clip;
mod ends;
mod field;
mod frame;
mod layers;
mod layout;
mod legend;
mod marks;
mod panel;
mod space;
mod style;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, bail};

pub use axis::Scale;
pub use panel::{ArrowLength, Panel};

use crate::io;
use canvas::{Align, Canvas, Lettering};

/// Width of a picture in pixels: what a README shows without shrinking.
const WIDTH: f64 = 960.0;

/// A title over a grid of panels.
///
/// ```no_run
/// use nanocurv_cli::plot::{Figure, Panel, Scale};
/// let (t, risk) = ([1.0, 12.0, 30.0, 491.0], [1.0, 0.2595, 0.31, 0.22]);
/// Figure::new("Double descent")
///     .panel(
///         Panel::lines("Risk")
///             .x("iteration", Scale::Log)
///             .y("excess risk", Scale::Linear)
///             .series("all features", &t, &risk)
///             .mark(12.0, 0.2595, "min 12"),
///     )
///     .write("risk.svg")?;
/// # Ok::<(), anyhow::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Figure {
    title: String,
    panels: Vec<Panel>,
    columns: Option<usize>,
    panel_height: Option<f64>,
}

impl Figure {
    /// A figure without panels; an empty title takes no room.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a panel to the right of the last one, or below if the row is full.
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// Panels in a row, at most four; without it one for a single panel and two otherwise.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns.clamp(1, 4));
        self
    }

    /// Height of a panel in pixels, between 160 and 2000.
    pub fn panel_height(mut self, pixels: f64) -> Self {
        self.panel_height =
            Some(if pixels.is_finite() { pixels.clamp(160.0, 2000.0) } else { 400.0 });
        self
    }

    /// The picture as an SVG document.
    pub fn svg(&self) -> Result<String> {
        let columns = self.columns.unwrap_or(self.panels.len().clamp(1, 2));
        let rows = self.panels.len().div_ceil(columns).max(1);
        let maps = self.panels.iter().any(Panel::is_heat_map);
        let height = self.panel_height.unwrap_or(match columns {
            1 if maps => 640.0,
            1 => 440.0,
            _ if maps => 430.0,
            _ => 370.0,
        });
        // One matrix, whose cells are square, takes no more than it needs.
        let full = match self.panels.as_slice() {
            [panel] => layout::matrix_width(panel, height).unwrap_or(WIDTH).clamp(400.0, WIDTH),
            _ => WIDTH,
        };
        let width = full / columns as f64;
        let top = if self.title.is_empty() { 6.0 } else { 40.0 };
        canvas::svg(
            (full.ceil(), (top + height * rows as f64 + 4.0).ceil()),
            |canvas: &mut Canvas<'_>| {
                if !self.title.is_empty() {
                    let lettering = Lettering::new(style::TITLE, Align::Middle).bold();
                    canvas.text_within(&self.title, (full / 2.0, 22.0), lettering, full - 20.0)?;
                }
                for (k, panel) in self.panels.iter().enumerate() {
                    let corner =
                        (width * (k % columns) as f64, top + height * (k / columns) as f64);
                    layout::draw(canvas, panel, corner, (width, height))?;
                }
                Ok(())
            },
        )
    }

    /// The picture as a PNG, two pixels of it for one of the SVG.
    pub fn png(&self) -> Result<Vec<u8>> {
        canvas::rasterise(&self.svg()?, 2.0)
    }

    /// Writes `.svg` or `.png` by the extension of `path`, to a temporary beside it that is then
    /// renamed, so that an interrupted run leaves no half picture.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        let content = match extension.to_ascii_lowercase().as_str() {
            "svg" => self.svg()?.into_bytes(),
            "png" => self.png()?,
            _ => bail!(
                "{}: a picture is .svg or .png, found {extension:?}; name it with one of these",
                path.display()
            ),
        };
        io::write_atomically(path, |writer| Ok(writer.write_all(&content)?))
    }
}

#[cfg(test)]
mod tests;
