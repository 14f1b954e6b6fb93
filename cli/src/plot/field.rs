//! Vector fields and matrices: what is shown by colour.

use anyhow::Result;

use super::axis::{Axis, Scale, interval};
use super::canvas::Canvas;
use super::frame::{Frame, Point, inside};
use super::panel::{ArrowLength, Layer, Panel};
use super::style::{self, Colour, MISSING, WHITE};

/// Cells along a side of a drawn matrix.
const CELLS: usize = 512;

/// Colours of magnitudes or matrix entries.
pub(super) struct Colours {
    diverging: bool,
    scale: Scale,
    ends: (f64, f64),
}

impl Colours {
    pub fn of(panel: &Panel) -> Option<Self> {
        panel.layers.iter().find_map(|layer| match layer {
            Layer::Cells { values, .. } => Some(Self::of_entries(values, panel.limit)),
            Layer::Arrows { arrows, .. } => {
                let placed = arrows.iter().filter(|a| a[0].is_finite() && a[1].is_finite());
                Some(Self::of_magnitudes(placed.map(|[_, _, u, v]| u.hypot(*v))))
            }
            Layer::Space { arrows, .. } => {
                let speed = |v: &[f64; 3]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
                Some(Self::of_magnitudes(arrows.iter().map(|[_, v]| speed(v))))
            }
            _ => None,
        })
    }

    fn of_entries(values: &[f64], limit: Option<f64>) -> Self {
        let finite = || values.iter().filter_map(|&v| Scale::Linear.map(v));
        let limit = limit.filter(|l| *l > 0.0 && l.is_finite());
        if finite().any(|v| v < 0.0) {
            let most = limit.unwrap_or_else(|| finite().map(f64::abs).fold(0.0, f64::max));
            return Self { diverging: true, scale: Scale::Linear, ends: (-most, most) };
        }
        let (lo, mut hi) = interval(finite(), Scale::Linear, 0.0);
        if let Some(limit) = limit.filter(|&l| l > lo) {
            hi = limit;
        }
        Self { diverging: false, scale: Scale::Linear, ends: (lo.max(0.0), hi) }
    }

    fn of_magnitudes(sizes: impl Iterator<Item = f64>) -> Self {
        let sizes: Vec<f64> =
            sizes.filter_map(|size| Scale::Linear.map(size)).filter(|&size| size > 0.0).collect();
        let (lo, hi) = interval(sizes.iter().copied(), Scale::Linear, 0.0);
        // Speeds near a fixed point span decades.
        if !sizes.is_empty() && lo > 0.0 && hi / lo > 50.0 {
            // Beyond six decades below the fastest, slow is slow.
            return Self {
                diverging: false,
                scale: Scale::Log,
                ends: (lo.log10().max(hi.log10() - 6.0), hi.log10()),
            };
        }
        Self { diverging: false, scale: Scale::Linear, ends: (lo.max(0.0), hi) }
    }

    pub fn at_fraction(&self, fraction: f64) -> Colour {
        style::ramp(self.diverging, fraction)
    }

    pub fn of_value(&self, value: f64) -> Colour {
        let (lo, hi) = self.ends;
        match self.scale.map(value) {
            Some(place) => self.at_fraction((place - lo) / (hi - lo)),
            // A logarithmic scale starts at the slowest; only an arrow without length is below.
            None if value == 0.0 => self.at_fraction(0.0),
            None => MISSING,
        }
    }

    pub fn axis(&self, length: f64, extent: impl Fn(&str) -> f64) -> Axis {
        Axis::new(self.scale, self.ends, length, false, extent)
    }
}

pub(super) fn arrows(
    canvas: &Canvas<'_>,
    frame: &Frame,
    field: &[[f64; 4]],
    length: ArrowLength,
    colours: &Colours,
) -> Result<bool> {
    let usable: Vec<&[f64; 4]> = field
        .iter()
        .filter(|a| {
            frame.place(a[0], a[1]).is_some_and(|at| inside(frame, at))
                && Scale::Linear.map(a[2].hypot(a[3])).is_some()
        })
        .collect();
    let most = usable.iter().map(|a| a[2].hypot(a[3])).fold(0.0, f64::max);
    let spacing = (frame.x.length * frame.y.length / usable.len().max(1) as f64).sqrt();
    let longest = match length {
        ArrowLength::Same => (0.85 * spacing).clamp(4.0, 42.0),
        // Only the few fastest are that long.
        ArrowLength::Magnitude => (1.4 * spacing).clamp(8.0, 60.0),
    };
    for [x, y, u, v] in usable.iter().copied() {
        let Some((px, py)) = frame.place(*x, *y) else { continue };
        let size = u.hypot(*v);
        let colour = colours.of_value(size);
        // Along the axes as drawn, so that arrows touch trajectories.
        let du = u / most * slope(&frame.x, *x);
        let dv = -v / most * slope(&frame.y, *y);
        let pixels = du.hypot(dv);
        let drawn = match length {
            ArrowLength::Same => longest,
            ArrowLength::Magnitude => longest * size / most,
        };
        if !(pixels > 0.0 && pixels.is_finite() && drawn > 1.5) {
            canvas.disc((px, py), 1.3, colour)?;
            continue;
        }
        arrow(canvas, (px, py), (du / pixels, dv / pixels), drawn, colour)?;
    }
    Ok(!usable.is_empty())
}

/// An arrow `drawn` pixels long with its middle at a place, in a direction of length 1.
pub(super) fn arrow(
    canvas: &Canvas<'_>,
    (px, py): Point,
    (dx, dy): Point,
    drawn: f64,
    colour: Colour,
) -> Result<()> {
    let at = |along: f64, aside: f64| (px + along * dx - aside * dy, py + along * dy + aside * dx);
    let (half, head) = (0.5 * drawn, (0.42 * drawn).min(8.0));
    canvas.line(&[at(-half, 0.0), at(half - 0.8 * head, 0.0)], colour, 1.6)?;
    let corners = [at(half, 0.0), at(half - head, 0.4 * head), at(half - head, -0.4 * head)];
    canvas.polygon(&corners, colour, 1.0)
}

/// Pixels a unit of the value is long at `value`.
fn slope(axis: &Axis, value: f64) -> f64 {
    let per_place = axis.length / (axis.end - axis.start);
    match axis.scale {
        Scale::Linear => per_place,
        Scale::Log => per_place / (value * std::f64::consts::LN_10),
    }
}

pub(super) fn cells(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    (rows, columns): (usize, usize),
    values: &[f64],
    colours: &Colours,
) -> Result<bool> {
    if rows == 0 || columns == 0 || values.iter().all(|v| !v.is_finite()) {
        return Ok(false);
    }
    let pool = rows.max(columns).div_ceil(CELLS);
    let shape = (rows.div_ceil(pool), columns.div_ceil(pool));
    let corner = (frame.left, frame.top);
    canvas.cells(shape, corner, (frame.right(), frame.bottom()), |i, j| {
        let mut shown = f64::NAN;
        for i in i * pool..((i + 1) * pool).min(rows) {
            for j in j * pool..((j + 1) * pool).min(columns) {
                let value = values[i * columns + j];
                if value.is_finite() && (shown.is_nan() || value.abs() > shown.abs()) {
                    shown = value;
                }
            }
        }
        colours.of_value(shown)
    })?;
    if frame.x.length / columns as f64 > 14.0 {
        for j in 1..columns {
            let x = frame.across(j as f64 - 0.5);
            canvas.line(&[(x, frame.top), (x, frame.bottom())], WHITE, 0.6)?;
        }
        for i in 1..rows {
            let y = frame.up(i as f64 - 0.5);
            canvas.line(&[(frame.left, y), (frame.right(), y)], WHITE, 0.6)?;
        }
    }
    Ok(true)
}
