//! What is inside the frame: the ends the data asks for, and the drawing of each kind of layer.

use anyhow::Result;

use super::axis::{Axis, Scale, interval};
use super::canvas::{Canvas, Point};
use super::layout::{Frame, axis_ends};
use super::panel::{ArrowLength, Layer, Panel};
use super::style::{self, Colour, Look, MISSING, WHITE};

/// Pixels.
pub(super) const LINE: f64 = 2.0;
pub(super) const DOT: f64 = 3.6;
/// Opacity below a density.
pub(super) const SHADE: f64 = 0.18;

/// A line of more points than this is thinned to what its pixels show.
const MANY: usize = 2000;
/// A line of at most this many points shows them.
const FEW: usize = 12;
/// Cells along a side of a drawn matrix.
const CELLS: usize = 512;

impl Panel {
    pub(super) fn matrix_shape(&self) -> Option<(usize, usize)> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Cells { rows, columns, .. } => Some((*rows, *columns)),
            _ => None,
        })
    }

    pub(super) fn is_heat_map(&self) -> bool {
        self.matrix_shape().is_some()
    }
}

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
            Layer::Arrows { arrows, .. } => Some(Self::of_magnitudes(arrows)),
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

    fn of_magnitudes(arrows: &[[f64; 4]]) -> Self {
        let sizes: Vec<f64> = arrows
            .iter()
            .filter(|a| a[0].is_finite() && a[1].is_finite())
            .filter_map(|[_, _, u, v]| Scale::Linear.map(u.hypot(*v)))
            .filter(|&size| size > 0.0)
            .collect();
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

    fn of_value(&self, value: f64) -> Colour {
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

/// The mapped ends of both axes.
pub(super) fn ends(panel: &Panel) -> [(f64, f64); 2] {
    if let Some((rows, columns)) = panel.matrix_shape() {
        // Row 0 is at the top.
        return [(-0.5, columns.max(1) as f64 - 0.5), (rows.max(1) as f64 - 0.5, -0.5)];
    }
    let (sx, sy) = (panel.x.scale, panel.y.scale);
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    let mut base = false;
    let mut whole = false;
    let mut field = false;
    for layer in &panel.layers {
        match layer {
            Layer::Line { points, filled, .. } => {
                both(points, sx, sy, &mut xs, &mut ys);
                base |= filled;
            }
            Layer::Points { points, .. } => both(points, sx, sy, &mut xs, &mut ys),
            Layer::Stems { points, .. } => {
                both(points, sx, sy, &mut xs, &mut ys);
                base = true;
            }
            Layer::Arrows { arrows, .. } => {
                let bases: Vec<_> = arrows.iter().map(|a| (a[0], a[1])).collect();
                both(&bases, sx, sy, &mut xs, &mut ys);
                field = true;
            }
            Layer::Bars { bars, .. } => {
                for (from, to, height) in bars {
                    xs.extend(sx.map(*from).into_iter().chain(sx.map(*to)));
                    ys.extend(sy.map(*height));
                }
                base = true;
            }
            Layer::Rug { at, .. } => xs.extend(at.iter().filter_map(|&x| sx.map(x))),
            Layer::Stack { heights, .. } => {
                let sum = |h: &Vec<f64>| -> f64 { h.iter().filter(|h| **h > 0.0).sum() };
                let sums: Vec<f64> = heights.iter().map(sum).collect();
                whole = sums.iter().all(|s| *s <= 1.0 + 1e-6);
                ys.extend(sums.into_iter().filter_map(|s| sy.map(s)));
                base = true;
            }
            Layer::Cells { .. } => {}
        }
    }
    for mark in &panel.marks {
        xs.extend(sx.map(mark.x));
        ys.extend(mark.y.and_then(|y| sy.map(y)));
    }
    ys.extend(panel.levels.iter().filter_map(|(y, _)| sy.map(*y)));

    let pad = if field { 0.06 } else { 0.02 };
    let x_ends = axis_ends(&panel.x, &xs, pad);
    if base && sy == Scale::Linear {
        ys.push(0.0);
    }
    let mut y_ends = axis_ends(&panel.y, &ys, 0.05);
    if base && sy == Scale::Linear && panel.y.range.is_none() {
        // Bars stand on the frame unless some hang below zero.
        if ys.iter().all(|&y| y >= 0.0) {
            y_ends.0 = 0.0;
        }
        if whole {
            y_ends = (0.0, 1.0);
        }
    }
    [x_ends, y_ends]
}

fn both(points: &[(f64, f64)], sx: Scale, sy: Scale, xs: &mut Vec<f64>, ys: &mut Vec<f64>) {
    for (x, y) in points {
        if let (Some(x), Some(y)) = (sx.map(*x), sy.map(*y)) {
            xs.push(x);
            ys.push(y);
        }
    }
}

/// How each layer looks; fields and matrices do not count.
pub(super) fn looks(panel: &Panel) -> Vec<Look> {
    let field = |layer: &Layer| matches!(layer, Layer::Arrows { .. } | Layer::Cells { .. });
    let over = panel.layers.iter().any(field);
    let mut next = 0;
    let look = |layer: &Layer| {
        let look = if over { Look::over_field(next) } else { Look::new(next) };
        next += usize::from(!field(layer));
        look
    };
    panel.layers.iter().map(look).collect()
}

/// Draws every layer; whether there was anything to draw.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    frame: &Frame,
    colours: Option<&Colours>,
) -> Result<bool> {
    let mut drawn = false;
    let groups = panel.layers.iter().filter(|l| matches!(l, Layer::Bars { .. })).count();
    let mut group = 0;
    for (layer, look) in panel.layers.iter().zip(looks(panel)) {
        drawn |= match layer {
            Layer::Line { points, filled, .. } => line(canvas, frame, points, *filled, look)?,
            Layer::Points { points, .. } => dots(canvas, frame, points, look)?,
            Layer::Stems { points, .. } => stems(canvas, frame, points, look)?,
            Layer::Rug { at, .. } => rug(canvas, frame, at, look)?,
            Layer::Bars { bars, .. } => {
                let place = panel.slots.is_some().then_some((group, groups));
                group += 1;
                draw_bars(canvas, frame, bars, place, look, groups > 1)?
            }
            Layer::Stack { heights, .. } => stack(canvas, frame, heights)?,
            Layer::Arrows { arrows, length } => match colours {
                Some(colours) => draw_arrows(canvas, frame, arrows, *length, colours)?,
                None => false,
            },
            Layer::Cells { rows, columns, values } => match colours {
                Some(colours) => cells(canvas, frame, (*rows, *columns), values, colours)?,
                None => false,
            },
        };
    }
    Ok(drawn || panel.marks.iter().any(|m| frame.x.scale.map(m.x).is_some()))
}

fn line(
    canvas: &Canvas<'_>,
    frame: &Frame,
    points: &[(f64, f64)],
    filled: bool,
    look: Look,
) -> Result<bool> {
    let colour = look.colour;
    let mut drawn = false;
    // A value that is not finite breaks the line: a straight piece across it would be invented.
    for run in points.split(|(x, y)| frame.place(*x, *y).is_none()) {
        let pixels: Vec<Point> = run.iter().filter_map(|(x, y)| frame.place(*x, *y)).collect();
        drawn |= !pixels.is_empty();
        let pixels = thin(pixels);
        if filled && let (Some(first), Some(last)) = (pixels.first(), pixels.last()) {
            let base = base(frame);
            let mut area = vec![(first.0, base)];
            area.extend(&pixels);
            area.push((last.0, base));
            let inside = area.into_iter().map(|(x, y)| {
                (x.clamp(frame.left, frame.right()), y.clamp(frame.top, frame.bottom()))
            });
            canvas.polygon(&inside.collect::<Vec<_>>(), colour, SHADE)?;
        }
        // Dashes of a line that fills an area would be seen by nobody and make a large file.
        let parts = clip(&pixels, frame);
        let steps = parts.iter().flat_map(|part| part.windows(2));
        let length: f64 = steps.map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
        let dense = length > 20.0 * (frame.x.length + frame.y.length);
        let (width, dash) = if dense { (1.0, [].as_slice()) } else { (LINE, look.dash) };
        for part in parts {
            if look.edged {
                canvas.line(&part, WHITE, width + 2.4)?;
            }
            canvas.dashed(&part, colour, width, dash)?;
        }
        if run.len() == 1 || (points.len() <= FEW && !filled) {
            for at in pixels.into_iter().filter(|&at| inside(frame, at)) {
                canvas.marker(at, look.marker, DOT, colour)?;
            }
        }
    }
    Ok(drawn)
}

fn dots(canvas: &Canvas<'_>, frame: &Frame, points: &[(f64, f64)], look: Look) -> Result<bool> {
    let pixels: Vec<Point> = points.iter().filter_map(|(x, y)| frame.place(*x, *y)).collect();
    let radius = if pixels.len() > 400 { 2.2 } else { DOT };
    for &at in pixels.iter().filter(|&&at| inside(frame, at)) {
        canvas.marker(at, look.marker, radius, look.colour)?;
    }
    Ok(!pixels.is_empty())
}

pub(super) fn stem(canvas: &Canvas<'_>, foot: Point, head: Point, look: Look) -> Result<()> {
    let colour = look.colour;
    canvas.line(&[foot, head], colour, 1.3)?;
    canvas.marker(head, look.marker, 0.9 * DOT, colour)
}

fn stems(canvas: &Canvas<'_>, frame: &Frame, points: &[(f64, f64)], look: Look) -> Result<bool> {
    let base = base(frame);
    let heads: Vec<Point> = points.iter().filter_map(|(x, y)| frame.place(*x, *y)).collect();
    for &(x, y) in heads.iter().filter(|(x, _)| (frame.left..=frame.right()).contains(x)) {
        if inside(frame, (x, y)) {
            stem(canvas, (x, base), (x, y), look)?;
        } else {
            let cut = y.clamp(frame.top, frame.bottom());
            canvas.line(&[(x, base), (x, cut)], look.colour, 1.3)?;
        }
    }
    Ok(!heads.is_empty())
}

fn rug(canvas: &Canvas<'_>, frame: &Frame, at: &[f64], look: Look) -> Result<bool> {
    let places: Vec<f64> =
        at.iter().filter_map(|&x| frame.x.scale.map(x)).map(|x| frame.across(x)).collect();
    let bottom = frame.bottom();
    for &x in places.iter().filter(|x| (frame.left..=frame.right()).contains(*x)) {
        canvas.line(&[(x, bottom), (x, bottom - 9.0)], look.colour, 1.2)?;
    }
    Ok(!places.is_empty())
}

fn draw_bars(
    canvas: &Canvas<'_>,
    frame: &Frame,
    bars: &[(f64, f64, f64)],
    group: Option<(usize, usize)>,
    look: Look,
    overlaid: bool,
) -> Result<bool> {
    let (colour, base) = (look.colour, base(frame));
    let mut drawn = false;
    for &(from, to, height) in bars {
        let (mut from, mut to) = (from, to);
        if let Some((k, n)) = group {
            let width = (to - from) / n.max(1) as f64;
            from += k as f64 * width;
            to = from + 0.94 * width;
        }
        let (Some((x0, y)), Some((x1, _))) = (frame.place(from, height), frame.place(to, height))
        else {
            continue;
        };
        drawn = true;
        if y == base || x1 < frame.left || x0 > frame.right() {
            continue;
        }
        let (x0, x1) = (x0.max(frame.left), x1.min(frame.right()));
        let y = y.clamp(frame.top, frame.bottom());
        let opacity = if overlaid && group.is_none() { 0.45 } else { 0.9 };
        canvas.rectangle((x0, y.min(base)), (x1, y.max(base)), colour, opacity)?;
        if group.is_none() {
            canvas.outline((x0, y.min(base)), (x1, y.max(base)), colour, 1.0)?;
        }
    }
    Ok(drawn)
}

fn stack(canvas: &Canvas<'_>, frame: &Frame, heights: &[Vec<f64>]) -> Result<bool> {
    let mut drawn = false;
    // With many bars the gaps between them go first.
    let half = if frame.x.length / heights.len().max(1) as f64 > 6.0 { 0.42 } else { 0.5 };
    for (slot, parts) in heights.iter().enumerate() {
        let (x0, x1) = (frame.across(slot as f64 - half), frame.across(slot as f64 + half));
        let mut sum = 0.0;
        for (l, &part) in parts.iter().enumerate() {
            if !(part > 0.0 && part < 1e300) {
                continue;
            }
            let (from, to) = (sum, sum + part);
            sum = to;
            let y = |v: f64| match frame.y.scale.map(v) {
                Some(place) => frame.up(place).clamp(frame.top, frame.bottom()),
                None => frame.bottom(),
            };
            let (y0, y1) = (y(from), y(to));
            canvas.rectangle((x0, y1), (x1, y0), Look::new(l).colour, 0.9)?;
            canvas.line(&[(x0, y1), (x1, y1)], WHITE, 1.0)?;
            drawn = true;
        }
    }
    Ok(drawn)
}

fn draw_arrows(
    canvas: &Canvas<'_>,
    frame: &Frame,
    arrows: &[[f64; 4]],
    length: ArrowLength,
    colours: &Colours,
) -> Result<bool> {
    let usable: Vec<&[f64; 4]> = arrows
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
        let (dx, dy) = (du / pixels, dv / pixels);
        let at =
            |along: f64, aside: f64| (px + along * dx - aside * dy, py + along * dy + aside * dx);
        let (half, head) = (0.5 * drawn, (0.42 * drawn).min(8.0));
        canvas.line(&[at(-half, 0.0), at(half - 0.8 * head, 0.0)], colour, 1.6)?;
        let corners = [at(half, 0.0), at(half - head, 0.4 * head), at(half - head, -0.4 * head)];
        canvas.polygon(&corners, colour, 1.0)?;
    }
    Ok(!usable.is_empty())
}

/// Pixels a unit of the value is long at `value`.
fn slope(axis: &Axis, value: f64) -> f64 {
    let per_place = axis.length / (axis.end - axis.start);
    match axis.scale {
        Scale::Linear => per_place,
        Scale::Log => per_place / (value * std::f64::consts::LN_10),
    }
}

fn cells(
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

/// The pixel bars and stems stand on: zero, or the bottom where there is none.
fn base(frame: &Frame) -> f64 {
    match frame.y.scale {
        Scale::Linear => frame.up(0.0).clamp(frame.top, frame.bottom()),
        Scale::Log => frame.bottom(),
    }
}

fn inside(frame: &Frame, (x, y): Point) -> bool {
    let room = 0.5;
    x >= frame.left - room
        && x <= frame.right() + room
        && y >= frame.top - room
        && y <= frame.bottom() + room
}

/// Keeps, of each half pixel column, the first, least, greatest and last point: what is seen of a
/// curve does not change. Curves that turn back stay as they are.
fn thin(pixels: Vec<Point>) -> Vec<Point> {
    let turns_back = pixels.windows(2).any(|p| p[1].0 < p[0].0);
    if pixels.len() <= MANY || turns_back {
        return pixels;
    }
    let column = |p: &Point| (p.0 * 2.0).floor();
    let mut kept = Vec::new();
    for run in pixels.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let (least, greatest) = (run.iter().min_by(by_height), run.iter().max_by(by_height));
        let corners = [run.first(), least, greatest, run.last()];
        let mut corners: Vec<Point> = corners.into_iter().flatten().copied().collect();
        corners[1..3].sort_by(|a, b| a.0.total_cmp(&b.0));
        corners.dedup();
        kept.extend(corners);
    }
    kept
}

/// The parts of a line inside the frame (Liang and Barsky, 1984, segment by segment).
fn clip(points: &[Point], frame: &Frame) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut joined = false;
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let (dx, dy) = (x1 - x0, y1 - y0);
        let edges = [
            (-dx, x0 - frame.left),
            (dx, frame.right() - x0),
            (-dy, y0 - frame.top),
            (dy, frame.bottom() - y0),
        ];
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (p, q) in edges {
            if p == 0.0 && q < 0.0 {
                to = -1.0;
            } else if p < 0.0 {
                from = from.max(q / p);
            } else if p > 0.0 {
                to = to.min(q / p);
            }
        }
        if from > to || !dx.is_finite() || !dy.is_finite() {
            joined = false;
            continue;
        }
        let (start, end) = ((x0 + from * dx, y0 + from * dy), (x0 + to * dx, y0 + to * dy));
        match parts.last_mut() {
            Some(part) if joined && from == 0.0 => part.push(end),
            _ => parts.push(vec![start, end]),
        }
        joined = to == 1.0;
    }
    parts
}
