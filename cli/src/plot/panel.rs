//! What a panel holds: axes, layers and marks, put together by a chain of calls.

use super::axis::Scale;

/// Name, scale and optional ends of one axis.
#[derive(Clone, Debug, Default)]
pub(super) struct AxisSpec {
    pub name: String,
    pub scale: Scale,
    pub range: Option<(f64, f64)>,
}

#[derive(Clone, Debug)]
pub(super) enum Layer {
    /// A line through points; `filled` shades down to the bottom.
    Line {
        name: String,
        points: Vec<(f64, f64)>,
        filled: bool,
    },
    Points {
        name: String,
        points: Vec<(f64, f64)>,
    },
    /// The area between two lines: place, lower, upper.
    Band {
        name: String,
        edges: Vec<(f64, f64, f64)>,
    },
    /// Base, then vector, both in the units of the axes.
    Arrows {
        arrows: Vec<[f64; 4]>,
        length: ArrowLength,
    },
    /// Place and velocity in three dimensions, on axes with the same ends.
    Space {
        names: [String; 3],
        ends: (f64, f64),
        arrows: Vec<[[f64; 3]; 2]>,
    },
    /// From, to, height.
    Bars {
        name: String,
        bars: Vec<(f64, f64, f64)>,
    },
    Stems {
        name: String,
        points: Vec<(f64, f64)>,
    },
    /// Short lines on the horizontal axis.
    Rug {
        name: String,
        at: Vec<f64>,
    },
    /// One bar per slot, made of one segment per name: `heights[slot][name]`.
    Stack {
        names: Vec<String>,
        heights: Vec<Vec<f64>>,
    },
    /// Row-major values; row 0 is the top.
    Cells {
        rows: usize,
        columns: usize,
        values: Vec<f64>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub x: f64,
    pub y: Option<f64>,
    pub label: String,
}

/// How long the arrows of a vector field are drawn; the colour always shows the magnitude.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArrowLength {
    /// All the same: directions can be read where the field is slow.
    #[default]
    Same,
    /// Proportional to the magnitude, the longest filling the spacing of the grid.
    Magnitude,
}

/// One coordinate system of a [`Figure`](super::Figure): a heading, two axes, and layers on them.
///
/// The constructors name the usual kinds; layers combine freely, for example trajectories
/// ([`series`](Self::series)) over a field ([`arrows`](Self::arrows)). Values that are not finite
/// are skipped (a line breaks there), as are values that are not positive on a logarithmic axis;
/// empty input draws an empty frame that says so.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub(super) heading: String,
    pub(super) x: AxisSpec,
    pub(super) y: AxisSpec,
    pub(super) layers: Vec<Layer>,
    pub(super) marks: Vec<Mark>,
    pub(super) levels: Vec<(f64, String)>,
    pub(super) slots: Option<Vec<String>>,
    pub(super) blocks: Vec<(String, usize)>,
    pub(super) value: String,
    pub(super) limit: Option<f64>,
    /// Heights are counts.
    pub(super) counts: bool,
}

fn pairs(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    x.iter().copied().zip(y.iter().copied()).collect()
}

impl Panel {
    fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// Curves: losses, risks, norms over time. Add [`series`](Self::series) and
    /// [`mark`](Self::mark)s.
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel, Scale};
    /// let (t, risk) = ([1.0, 10.0, 100.0], [1.0, 0.26, 0.4]);
    /// let panel = Panel::lines("Risk")
    ///     .x("iteration", Scale::Log)
    ///     .y("excess risk", Scale::Linear)
    ///     .series("all features", &t, &risk)
    ///     .mark(10.0, 0.26, "minimum, k = 10");
    /// assert!(Figure::new("Double descent").panel(panel).svg()?.contains("minimum, k = 10"));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn lines(heading: impl Into<String>) -> Self {
        Self::new(heading)
    }

    /// Points: one quantity against another. Add [`points`](Self::points).
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel, Scale};
    /// let panel = Panel::scatter("Jacobian by layer")
    ///     .x("share of layer 1", Scale::Linear)
    ///     .y("singular value", Scale::Log)
    ///     .points("after 10⁴ steps", &[0.72, 0.99], &[15.17, 1.12]);
    /// Figure::new("").panel(panel).svg()?;
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn scatter(heading: impl Into<String>) -> Self {
        Self::new(heading)
    }

    /// A vector field. Add [`arrows`](Self::arrows), and trajectories as
    /// [`series`](Self::series).
    ///
    /// ```
    /// use nanocurv_cli::plot::{ArrowLength, Figure, Panel, Scale};
    /// let panel = Panel::quiver("Flow")
    ///     .x("u", Scale::Linear)
    ///     .y("z₁", Scale::Linear)
    ///     .value("speed")
    ///     .arrows(&[0.0, 1.0], &[0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0], ArrowLength::Same);
    /// Figure::new("").panel(panel).svg()?;
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn quiver(heading: impl Into<String>) -> Self {
        Self::new(heading)
    }

    /// A vector field in three dimensions, in projection: `arrows` are places and velocities, on
    /// axes that all run from `low` to `high`.
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel};
    /// let arrows = [[[0.0, 0.5, 1.0], [1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]];
    /// let panel = Panel::space("Flow", ["u", "z₁", "z₂"], (0.0, 1.0), &arrows).value("speed");
    /// assert!(Figure::new("").panel(panel).svg()?.contains("z₂"));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn space(
        heading: impl Into<String>,
        names: [&str; 3],
        (low, high): (f64, f64),
        arrows: &[[[f64; 3]; 2]],
    ) -> Self {
        let mut panel = Self::new(heading);
        let names = names.map(str::to_owned);
        panel.layers.push(Layer::Space { names, ends: (low, high), arrows: arrows.to_vec() });
        panel
    }

    /// A matrix of `rows x columns`, entry `(i, j)` given by `entry`, row 0 at the top. Colours
    /// are centred at zero if some entry is negative and run from the least to the largest
    /// otherwise; entries that are not finite are grey. Beyond 512 rows or columns a cell shows
    /// the entry of largest magnitude among those it stands for.
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel};
    /// let panel = Panel::heat_map("Hessian", 6, 6, |i, j| i as f64 - j as f64)
    ///     .blocks(&[("W1", 4), ("b1", 2)])
    ///     .value("second derivative");
    /// assert!(Figure::new("").panel(panel).svg()?.contains("W1"));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn heat_map(
        heading: impl Into<String>,
        rows: usize,
        columns: usize,
        entry: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let values = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
        let values = values.map(|(i, j)| entry(i, j)).collect();
        let mut panel = Self::new(heading);
        panel.layers.push(Layer::Cells { rows, columns, values });
        panel
    }

    /// Bars over named slots. Add [`bars`](Self::bars), several times for groups side by side.
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel};
    /// let panel = Panel::bar_chart("Layer norms", &["W1", "W2"])
    ///     .bars("start", &[0.1, 0.2])
    ///     .bars("end", &[1.3, 0.9]);
    /// Figure::new("").panel(panel).svg()?;
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn bar_chart(heading: impl Into<String>, slots: &[impl AsRef<str>]) -> Self {
        let mut panel = Self::new(heading);
        panel.slots = Some(slots.iter().map(|s| s.as_ref().to_owned()).collect());
        panel
    }

    /// A histogram. Add [`histogram_of`](Self::histogram_of).
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel, Scale};
    /// let panel = Panel::histogram("Eigenvalues")
    ///     .x("eigenvalue", Scale::Linear)
    ///     .y("count", Scale::Linear)
    ///     .histogram_of("Hessian", &[0.1, 0.2, 0.2, 3.0], 10);
    /// Figure::new("").panel(panel).svg()?;
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn histogram(heading: impl Into<String>) -> Self {
        Self::new(heading)
    }

    /// A spectrum: add the smoothed [`density`](Self::density), [`stems`](Self::stems) for single
    /// eigenvalues with weights, [`rug`](Self::rug) for eigenvalues alone.
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel, Scale};
    /// let panel = Panel::spectrum("Hessian spectrum")
    ///     .x("eigenvalue", Scale::Linear)
    ///     .y("density", Scale::Linear)
    ///     .density("Lanczos, 10 probes", &[-1.0, 0.0, 1.0], &[0.0, 2.0, 0.1])
    ///     .stems("Ritz values", &[0.9], &[0.3])
    ///     .rug("exact", &[-0.1, 0.0, 0.1]);
    /// Figure::new("").panel(panel).svg()?;
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn spectrum(heading: impl Into<String>) -> Self {
        Self::new(heading)
    }

    /// One stacked bar per singular value, one segment per layer: `shares[i][l]` is the share of
    /// layer `l` in singular value `i`. Bars end at 1 if the shares are parts of a whole, such as
    /// the squared norms of the layer's part of a singular vector.
    ///
    /// ```
    /// use nanocurv_cli::plot::{Figure, Panel};
    /// let shares = [vec![0.52, 0.48], vec![0.98, 0.02]];
    /// let panel = Panel::shares("Jacobian", &[15.17, 1.12], &["layer 1", "layer 2"], &shares);
    /// assert!(Figure::new("").panel(panel).svg()?.contains("15.2"));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn shares(
        heading: impl Into<String>,
        singular_values: &[f64],
        layers: &[impl AsRef<str>],
        shares: &[Vec<f64>],
    ) -> Self {
        let mut panel = Self::new(heading)
            .x("singular value, by rank", Scale::Linear)
            .y("squared share of layer", Scale::Linear);
        panel.slots = Some(singular_values.iter().map(|&s| super::axis::short(s)).collect());
        panel.layers.push(Layer::Stack {
            names: layers.iter().map(|l| l.as_ref().to_owned()).collect(),
            heights: shares.iter().take(singular_values.len()).cloned().collect(),
        });
        panel
    }

    /// Names the horizontal axis, with its unit if it has one, and says how it is laid out.
    pub fn x(mut self, name: impl Into<String>, scale: Scale) -> Self {
        (self.x.name, self.x.scale) = (name.into(), scale);
        self
    }

    /// Names the vertical axis, with its unit if it has one, and says how it is laid out.
    pub fn y(mut self, name: impl Into<String>, scale: Scale) -> Self {
        (self.y.name, self.y.scale) = (name.into(), scale);
        self
    }

    /// Fixes the ends of the horizontal axis; what lies beyond is cut off.
    pub fn x_range(mut self, from: f64, to: f64) -> Self {
        self.x.range = Some((from, to));
        self
    }

    /// Fixes the ends of the vertical axis; what lies beyond is cut off.
    pub fn y_range(mut self, from: f64, to: f64) -> Self {
        self.y.range = Some((from, to));
        self
    }

    /// A line through `(x[i], y[i])`, up to the end of the shorter of the two; few points also
    /// get markers.
    pub fn series(mut self, name: impl Into<String>, x: &[f64], y: &[f64]) -> Self {
        let points = pairs(x, y);
        self.layers.push(Layer::Line { name: name.into(), points, filled: false });
        self
    }

    /// Points at `(x[i], y[i])`.
    pub fn points(mut self, name: impl Into<String>, x: &[f64], y: &[f64]) -> Self {
        self.layers.push(Layer::Points { name: name.into(), points: pairs(x, y) });
        self
    }

    /// The area between `(x[i], low[i])` and `(x[i], high[i])`.
    pub fn band(mut self, name: impl Into<String>, x: &[f64], low: &[f64], high: &[f64]) -> Self {
        let edges = x.iter().zip(low).zip(high).map(|((x, low), high)| (*x, *low, *high)).collect();
        self.layers.push(Layer::Band { name: name.into(), edges });
        self
    }

    /// Arrows centred on `(x[i], y[i])` in the direction `(u[i], v[i])`, coloured by magnitude; the
    /// colour bar is named by [`value`](Self::value).
    pub fn arrows(
        mut self,
        x: &[f64],
        y: &[f64],
        u: &[f64],
        v: &[f64],
        length: ArrowLength,
    ) -> Self {
        let arrows = pairs(x, y).into_iter().zip(pairs(u, v)).map(|((x, y), (u, v))| [x, y, u, v]);
        self.layers.push(Layer::Arrows { arrows: arrows.collect(), length });
        self
    }

    /// One bar per slot of [`bar_chart`](Self::bar_chart).
    pub fn bars(mut self, name: impl Into<String>, heights: &[f64]) -> Self {
        let bars = heights.iter().enumerate().map(|(i, &h)| (i as f64 - 0.4, i as f64 + 0.4, h));
        self.layers.push(Layer::Bars { name: name.into(), bars: bars.collect() });
        self
    }

    /// Counts of `values` in `bins` intervals of equal length on the horizontal axis as it is laid
    /// out so far: call [`x`](Self::x) first for intervals of equal ratio.
    pub fn histogram_of(mut self, name: impl Into<String>, values: &[f64], bins: usize) -> Self {
        let scale = self.x.scale;
        let mapped: Vec<f64> = values.iter().filter_map(|&v| scale.map(v)).collect();
        let bins = bins.max(1);
        self.counts = true;
        let mut bars = Vec::new();
        if !mapped.is_empty() {
            let (lo, hi) = super::axis::interval(mapped.iter().copied(), scale, 0.0);
            let mut counts = vec![0.0; bins];
            for v in mapped {
                counts[(((v - lo) / (hi - lo) * bins as f64) as usize).min(bins - 1)] += 1.0;
            }
            let edge = |k: usize| {
                let at = lo + (hi - lo) * k as f64 / bins as f64;
                if scale == Scale::Log { 10f64.powf(at) } else { at }
            };
            bars = counts.iter().enumerate().map(|(k, &n)| (edge(k), edge(k + 1), n)).collect();
        }
        self.layers.push(Layer::Bars { name: name.into(), bars });
        self
    }

    /// A density over a grid, shaded.
    pub fn density(mut self, name: impl Into<String>, grid: &[f64], density: &[f64]) -> Self {
        let points = pairs(grid, density);
        self.layers.push(Layer::Line { name: name.into(), points, filled: true });
        self
    }

    /// A vertical line from the bottom to each `(x[i], height[i])`.
    pub fn stems(mut self, name: impl Into<String>, x: &[f64], height: &[f64]) -> Self {
        self.layers.push(Layer::Stems { name: name.into(), points: pairs(x, height) });
        self
    }

    /// A short line on the horizontal axis at each `x[i]`.
    pub fn rug(mut self, name: impl Into<String>, x: &[f64]) -> Self {
        self.layers.push(Layer::Rug { name: name.into(), at: x.to_vec() });
        self
    }

    /// Marks the point `(x, y)` with a dot, and its `x` with a line that leads to the label above
    /// the frame.
    pub fn mark(mut self, x: f64, y: f64, label: impl Into<String>) -> Self {
        self.marks.push(Mark { x, y: Some(y), label: label.into() });
        self
    }

    /// A vertical line at `x` with a label above the frame.
    pub fn vertical(mut self, x: f64, label: impl Into<String>) -> Self {
        self.marks.push(Mark { x, y: None, label: label.into() });
        self
    }

    /// A horizontal line at `y`, named in the legend.
    pub fn horizontal(mut self, y: f64, label: impl Into<String>) -> Self {
        self.levels.push((y, label.into()));
        self
    }

    /// Consecutive blocks of rows and columns of a heat map, by name and size: lines between them,
    /// names beside them.
    pub fn blocks(mut self, blocks: &[(impl AsRef<str>, usize)]) -> Self {
        self.blocks = blocks.iter().map(|(name, n)| (name.as_ref().to_owned(), *n)).collect();
        self
    }

    /// Names what the colours of a heat map or of arrows show, with its unit if it has one.
    pub fn value(mut self, name: impl Into<String>) -> Self {
        self.value = name.into();
        self
    }

    /// Colours of a heat map are saturated at this magnitude, so that a few large entries do not
    /// pale the others.
    pub fn limit(mut self, magnitude: f64) -> Self {
        self.limit = Some(magnitude);
        self
    }
}
