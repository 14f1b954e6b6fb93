//! Where the parts of a panel stand, from top to bottom: heading, legend, mark labels, frame, tick
//! labels, axis name; to the left of the frame the vertical axis, to the right the colour bar.
//! Nothing but the data is inside the frame, so that no label hides a curve.

use anyhow::Result;

use super::axis::Axis;
use super::blocks::BLOCK;
use super::canvas::{Align, Canvas, Lettering, cut, text_width};
use super::field::Colours;
use super::frame::{Frame, Point};
use super::panel::{AxisSpec, Panel};
use super::style::{FRAME, GRID, HEADING, LABEL, NAME};
use super::{blocks, ends, layers, legend, marks};

/// Pixels.
pub(super) const ROW: f64 = 18.0;
const TICK: f64 = 5.0;
const BAR: f64 = 13.0;
const SLOT: f64 = 80.0;

fn wide(label: &str) -> f64 {
    text_width(label, LABEL, false) + 9.0
}

fn tall(_: &str) -> f64 {
    LABEL + 5.0
}

fn widest<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    labels.map(|label| text_width(label, LABEL, false)).fold(0.0, f64::max)
}

fn tick_labels(axis: &Axis) -> impl Iterator<Item = &str> {
    axis.ticks.iter().map(|tick| tick.label.as_str())
}

/// The width that a matrix alone fills at this height; none for other panels.
pub(super) fn matrix_width(panel: &Panel, height: f64) -> Option<f64> {
    let (rows, columns) = panel.matrix_shape()?;
    let labels = if panel.blocks.is_empty() { 50.0 } else { block_room(panel) };
    let below = if panel.blocks.is_empty() { TICK + 5.0 + LABEL } else { labels };
    let ratio = (rows.max(1) as f64 / columns.max(1) as f64).clamp(0.25, 4.0);
    let frame = (height - 40.0 - below - name_room(&panel.x)).max(40.0) / ratio;
    Some(8.0 + name_room(&panel.y) + labels + frame + 14.0 + BAR + TICK + 64.0 + ROW + 10.0)
}

fn name_room(spec: &AxisSpec) -> f64 {
    if spec.name.is_empty() { 0.0 } else { ROW }
}

fn block_room(panel: &Panel) -> f64 {
    widest(panel.blocks.iter().map(|b| b.0.as_str())).min(BLOCK) + 24.0
}

/// Draws `panel` into the rectangle at `corner`.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    corner: Point,
    (width, height): (f64, f64),
) -> Result<()> {
    let (x0, mut top) = (corner.0 + 8.0, corner.1 + 4.0);
    let (far, low) = (corner.0 + width - 10.0, corner.1 + height - 8.0);
    let heading = !panel.heading.is_empty();
    let heading_at = top + 9.0;
    if heading {
        top += 24.0;
    }

    let map = panel.is_heat_map();
    let blocks = map && !panel.blocks.is_empty();
    let [x_ends, y_ends] = ends::of(panel);
    let colours = Colours::of(panel);

    let block_room = block_room(panel);
    let vertical = |length| Axis::new(panel.y.scale, y_ends, length, map || panel.counts, tall);
    let horizontal = |length: f64| match &panel.slots {
        Some(names) => {
            let room = (length / names.len().max(1) as f64 - 9.0).max(SLOT);
            let names: Vec<String> = names.iter().map(|name| cut(name, room)).collect();
            Axis::slots(&names, length, wide)
        }
        None => Axis::new(panel.x.scale, x_ends, length, map, wide),
    };

    // The label widths of the vertical axis need its length and the rows of mark labels need the
    // width of the frame: one guess, then the real one.
    let guess = vertical((low - top - 3.0 * ROW).max(40.0));
    let y_labels = if blocks { block_room } else { widest(tick_labels(&guess)) + TICK + 5.0 };
    let y_name = if guess.exponent != 0 { ROW } else { name_room(&panel.y) };
    let left = x0 + y_name + y_labels;
    let bar = colours.as_ref().map(|c| c.axis((low - top - 3.0 * ROW).max(40.0), tall));
    let right = far
        - match &bar {
            Some(axis) => {
                let name = if axis.name(&panel.value).is_empty() { 0.0 } else { ROW };
                14.0 + BAR + TICK + 4.0 + widest(tick_labels(axis)) + name
            }
            None => 12.0,
        };

    let entries = legend::entries(panel, far - left);
    let rows = legend::rows(&entries, left, far);
    let legend_top = top;
    top += ROW * rows.len() as f64;
    if !rows.is_empty() {
        top += 4.0;
    }

    let mut frame_width = (right - left).max(40.0);
    let mut x = horizontal(frame_width);
    let marks = marks::labels(panel, &x, left, far);
    let mark_rows = marks.iter().map(|m| m.row + 1).max().unwrap_or(0);
    top += 16.0 * mark_rows as f64 + 4.0;

    let x_labels = if blocks { block_room } else { TICK + 5.0 + LABEL };
    let x_name = if x.exponent != 0 { ROW } else { name_room(&panel.x) };
    let mut frame_height = (low - x_labels - x_name - top).max(40.0);

    if let Some((rows, columns)) = panel.matrix_shape() {
        // Square cells, unless the matrix is so long that they could not be seen.
        let ratio = (rows.max(1) as f64 / columns.max(1) as f64).clamp(0.25, 4.0);
        frame_width = frame_width.min(frame_height / ratio);
        frame_height = frame_height.min(frame_width * ratio);
        x = horizontal(frame_width);
    }
    let mut y = vertical(frame_height);
    if blocks || panel.is_space() {
        for axis in [&mut x, &mut y] {
            axis.ticks.clear();
            axis.minor.clear();
        }
    }
    let frame = Frame { left, top, x, y };

    if heading {
        let lettering = Lettering::new(HEADING, Align::Left).bold();
        let x = left.min(x0 + 60.0);
        canvas.text_within(&panel.heading, (x, heading_at), lettering, far - x)?;
    }
    for (row, entries) in rows.iter().enumerate() {
        let y = legend_top + ROW * row as f64 + 0.5 * ROW;
        for (entry, x) in entries {
            entry.swatch.draw(canvas, (*x, y))?;
            let lettering = Lettering::new(LABEL, Align::Left);
            canvas.text(&entry.name, (x + entry.swatch.width() + 6.0, y), lettering)?;
        }
    }

    grid(canvas, &frame, panel)?;
    let drawn = layers::draw(canvas, panel, &frame, colours.as_ref())?;
    if !drawn {
        let middle = (0.5 * (frame.left + frame.right()), 0.5 * (frame.top + frame.bottom()));
        let lettering = Lettering { colour: FRAME, ..Lettering::new(NAME, Align::Middle) };
        canvas.text("no values to draw", middle, lettering)?;
    }
    if blocks {
        blocks::draw(canvas, &frame, panel)?;
    }
    canvas.outline((left, top), (frame.right(), frame.bottom()), FRAME, 1.0)?;
    axes(canvas, &frame, panel, x0, x_labels)?;
    marks::draw(canvas, &frame, panel, &marks)?;
    if let Some(colours) = &colours {
        colour_bar(canvas, &frame, colours, &panel.value)?;
    }
    Ok(())
}

fn grid(canvas: &Canvas<'_>, frame: &Frame, panel: &Panel) -> Result<()> {
    if panel.is_heat_map() {
        return Ok(());
    }
    if panel.slots.is_none() {
        for tick in &frame.x.ticks {
            let x = frame.across(tick.at);
            canvas.line(&[(x, frame.top), (x, frame.bottom())], GRID, 0.8)?;
        }
    }
    for tick in &frame.y.ticks {
        let y = frame.up(tick.at);
        canvas.line(&[(frame.left, y), (frame.right(), y)], GRID, 0.8)?;
    }
    Ok(())
}

fn axes(canvas: &Canvas<'_>, frame: &Frame, panel: &Panel, x0: f64, x_labels: f64) -> Result<()> {
    let bottom = frame.bottom();
    for tick in &frame.x.ticks {
        let x = frame.across(tick.at);
        canvas.line(&[(x, bottom), (x, bottom + TICK)], FRAME, 1.0)?;
        let at = (x, bottom + TICK + 3.0 + 0.5 * LABEL);
        canvas.text(&tick.label, at, Lettering::new(LABEL, Align::Middle))?;
    }
    for &at in &frame.x.minor {
        let x = frame.across(at);
        canvas.line(&[(x, bottom), (x, bottom + 0.5 * TICK)], FRAME, 0.7)?;
    }
    for tick in &frame.y.ticks {
        let y = frame.up(tick.at);
        canvas.line(&[(frame.left - TICK, y), (frame.left, y)], FRAME, 1.0)?;
        let lettering = Lettering::new(LABEL, Align::Right);
        canvas.text(&tick.label, (frame.left - TICK - 3.0, y), lettering)?;
    }
    for &at in &frame.y.minor {
        let y = frame.up(at);
        canvas.line(&[(frame.left - 0.5 * TICK, y), (frame.left, y)], FRAME, 0.7)?;
    }
    let lettering = Lettering::new(NAME, Align::Middle);
    let middle = 0.5 * (frame.left + frame.right());
    let below = bottom + x_labels + 0.5 * ROW + 1.0;
    let name = frame.x.name(&panel.x.name);
    canvas.text_within(&name, (middle, below), lettering, frame.x.length)?;
    let middle = 0.5 * (frame.top + bottom);
    let name = frame.y.name(&panel.y.name);
    let at = (x0 + 0.5 * ROW - 2.0, middle);
    canvas.text_within(&name, at, lettering.upright(), frame.y.length)
}

fn colour_bar(canvas: &mut Canvas<'_>, frame: &Frame, colours: &Colours, name: &str) -> Result<()> {
    let (left, top, bottom) = (frame.right() + 14.0, frame.top, frame.bottom());
    let right = left + BAR;
    let steps = 128;
    canvas.cells((steps, 1), (left, top), (right, bottom), |i, _| {
        colours.at_fraction(1.0 - i as f64 / (steps - 1) as f64)
    })?;
    canvas.outline((left, top), (right, bottom), FRAME, 0.8)?;
    let axis = colours.axis(frame.y.length, tall);
    for tick in &axis.ticks {
        let y = bottom - axis.place(tick.at);
        canvas.line(&[(right, y), (right + 0.8 * TICK, y)], FRAME, 1.0)?;
        canvas.text(&tick.label, (right + TICK + 3.0, y), Lettering::new(LABEL, Align::Left))?;
    }
    let x = right + TICK + 5.0 + widest(tick_labels(&axis)) + 0.5 * ROW;
    let lettering = Lettering::new(NAME, Align::Middle).upright();
    canvas.text_within(&axis.name(name), (x, 0.5 * (top + bottom)), lettering, axis.length)
}
