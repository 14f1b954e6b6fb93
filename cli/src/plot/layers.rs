//! What is inside the frame: lines, points, stems and bars; fields and matrices are in `field`.

use anyhow::Result;

use super::axis::Scale;
use super::canvas::Canvas;
use super::clip::{clip, thin};
use super::field::{self, Colours};
use super::frame::{Frame, Point, inside};
use super::panel::{Layer, Panel};
use super::space;
use super::style::{Look, WHITE};

/// Pixels.
pub(super) const LINE: f64 = 2.0;
pub(super) const DOT: f64 = 3.6;
/// Opacity below a density.
pub(super) const SHADE: f64 = 0.18;

/// A line of at most this many points shows them.
const FEW: usize = 12;

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
            Layer::Band { edges, .. } => band(canvas, frame, edges, look)?,
            Layer::Stems { points, .. } => stems(canvas, frame, points, look)?,
            Layer::Rug { at, .. } => rug(canvas, frame, at, look)?,
            Layer::Bars { bars, .. } => {
                let place = panel.slots.is_some().then_some((group, groups));
                group += 1;
                draw_bars(canvas, frame, bars, place, look, groups > 1)?
            }
            Layer::Stack { heights, .. } => stack(canvas, frame, heights)?,
            Layer::Arrows { arrows, length } => match colours {
                Some(colours) => field::arrows(canvas, frame, arrows, *length, colours)?,
                None => false,
            },
            Layer::Space { names, ends, arrows } => match colours {
                Some(colours) => space::draw(canvas, frame, names, *ends, arrows, colours)?,
                None => false,
            },
            Layer::Cells { rows, columns, values } => match colours {
                Some(colours) => field::cells(canvas, frame, (*rows, *columns), values, colours)?,
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

fn band(canvas: &Canvas<'_>, frame: &Frame, edges: &[(f64, f64, f64)], look: Look) -> Result<bool> {
    let place =
        |(x, low, high): &(f64, f64, f64)| Some((frame.place(*x, *low)?, frame.place(*x, *high)?));
    let mut drawn = false;
    for run in edges.split(|edge| place(edge).is_none()) {
        let pixels: Vec<(Point, Point)> = run.iter().filter_map(place).collect();
        let upper = pixels.iter().map(|(_, high)| *high);
        let lower = pixels.iter().rev().map(|(low, _)| *low);
        let inside = upper
            .chain(lower)
            .map(|(x, y)| (x.clamp(frame.left, frame.right()), y.clamp(frame.top, frame.bottom())));
        if pixels.len() > 1 {
            canvas.polygon(&inside.collect::<Vec<_>>(), look.colour, SHADE)?;
            drawn = true;
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

/// The pixel bars and stems stand on: zero, or the bottom where there is none.
fn base(frame: &Frame) -> f64 {
    match frame.y.scale {
        Scale::Linear => frame.up(0.0).clamp(frame.top, frame.bottom()),
        Scale::Log => frame.bottom(),
    }
}
