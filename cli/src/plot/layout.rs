//! Where the parts of a panel stand, from top to bottom: heading, legend, mark labels, frame, tick
//! labels, axis name; to the left of the frame the vertical axis, to the right the colour bar.
//! Nothing but the data is inside the frame, so that no label hides a curve.

use anyhow::Result;

use super::axis::{Axis, Scale, interval};
use super::canvas::{Align, Canvas, Lettering, Point, fitting, text_width};
use super::layers::{self, Colours};
use super::panel::{AxisSpec, Layer, Panel};
use super::style::{BLACK, FRAME, GRID, HEADING, LABEL, Look, NAME, WHITE};

/// Pixels.
const ROW: f64 = 18.0;
const TICK: f64 = 5.0;
const BAR: f64 = 13.0;
/// The longest name of a block and of a slot.
const BLOCK: f64 = 110.0;
const SLOT: f64 = 80.0;

/// The rectangle of the data and the axes that lead into it.
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub x: Axis,
    pub y: Axis,
}

impl Frame {
    pub fn right(&self) -> f64 {
        self.left + self.x.length
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.y.length
    }

    pub fn across(&self, mapped: f64) -> f64 {
        self.left + self.x.place(mapped)
    }

    pub fn up(&self, mapped: f64) -> f64 {
        self.bottom() - self.y.place(mapped)
    }

    /// The pixel of a point; `None` if it has none on these axes.
    pub fn place(&self, x: f64, y: f64) -> Option<Point> {
        Some((self.across(self.x.scale.map(x)?), self.up(self.y.scale.map(y)?)))
    }
}

fn wide(label: &str) -> f64 {
    text_width(label, LABEL, false) + 9.0
}

fn tall(_: &str) -> f64 {
    LABEL + 5.0
}

/// A label in at most `room` pixels.
fn cut(label: &str, room: f64) -> String {
    fitting(label, Lettering::new(LABEL, Align::Left), room, 1.0).0
}

fn widest<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    labels.map(|label| text_width(label, LABEL, false)).fold(0.0, f64::max)
}

fn tick_labels(axis: &Axis) -> impl Iterator<Item = &str> {
    axis.ticks.iter().map(|tick| tick.label.as_str())
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
    let [x_ends, y_ends] = layers::ends(panel);
    let colours = Colours::of(panel);

    let name_room = |spec: &AxisSpec| if spec.name.is_empty() { 0.0 } else { ROW };
    let block_room = widest(panel.blocks.iter().map(|b| b.0.as_str())).min(BLOCK) + 24.0;
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

    let entries = legend(panel, far - left);
    let rows = legend_rows(&entries, left, far);
    let legend_top = top;
    top += ROW * rows.len() as f64;
    if !rows.is_empty() {
        top += 4.0;
    }

    let mut frame_width = (right - left).max(40.0);
    let mut x = horizontal(frame_width);
    let marks = mark_labels(panel, &x, left, far);
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
    if blocks {
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
        block_lines(canvas, &frame, panel)?;
    }
    canvas.outline((left, top), (frame.right(), frame.bottom()), FRAME, 1.0)?;
    axes(canvas, &frame, panel, x0, x_labels)?;
    draw_marks(canvas, &frame, panel, &marks)?;
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

/// Lines between blocks and their names, moved apart where blocks are thinner than a line of text.
fn block_lines(canvas: &Canvas<'_>, frame: &Frame, panel: &Panel) -> Result<()> {
    let mut from = 0;
    let mut middles = Vec::new();
    for (name, size) in panel.blocks.iter().filter(|b| b.1 > 0) {
        let to = from + size;
        middles.push((cut(name, BLOCK), 0.5 * (from + to) as f64 - 0.5));
        let edge = to as f64 - 0.5;
        let (x, y) = (frame.across(edge), frame.up(edge));
        if x < frame.right() - 0.5 {
            canvas.line(&[(x, frame.top), (x, frame.bottom())], BLACK, 0.8)?;
        }
        if y < frame.bottom() - 0.5 {
            canvas.line(&[(frame.left, y), (frame.right(), y)], BLACK, 0.8)?;
        }
        from = to;
    }
    let names = middles.iter().map(|m| m.0.as_str());
    let rows: Vec<f64> = middles.iter().map(|m| frame.up(m.1)).collect();
    let spread = apart(&rows, LABEL + 2.0, frame.top, frame.bottom());
    for ((name, y), to) in names.clone().zip(rows).zip(spread) {
        let left = frame.left;
        canvas.line(
            &[(left, y), (left - 4.0, y), (left - 13.0, to), (left - 16.0, to)],
            FRAME,
            0.8,
        )?;
        canvas.text(name, (left - 19.0, to), Lettering::new(LABEL, Align::Right))?;
    }
    let columns: Vec<f64> = middles.iter().map(|m| frame.across(m.1)).collect();
    let spread = apart(&columns, LABEL + 2.0, frame.left, frame.right());
    for ((name, x), to) in names.zip(columns).zip(spread) {
        let low = frame.bottom();
        canvas.line(&[(x, low), (x, low + 4.0), (to, low + 13.0), (to, low + 16.0)], FRAME, 0.8)?;
        canvas.text(name, (to, low + 19.0), Lettering::new(LABEL, Align::Right).upright())?;
    }
    Ok(())
}

/// Moves increasing places apart to `gap` and back between the ends, as far as there is room.
fn apart(places: &[f64], gap: f64, lo: f64, hi: f64) -> Vec<f64> {
    let gap = gap.min((hi - lo) / places.len().max(1) as f64);
    let mut moved = places.to_vec();
    // Each pass moves touching neighbours away from each other by half of what is missing.
    for _ in 0..200 {
        for k in 1..moved.len() {
            let missing = gap - (moved[k] - moved[k - 1]);
            if missing > 0.0 {
                moved[k - 1] -= 0.5 * missing;
                moved[k] += 0.5 * missing;
            }
        }
    }
    let mut least = lo + 0.5 * gap;
    for place in &mut moved {
        *place = place.max(least);
        least = *place + gap;
    }
    let mut most = hi - 0.5 * gap;
    for place in moved.iter_mut().rev() {
        *place = place.min(most);
        most = *place - gap;
    }
    moved
}

#[derive(Clone, Copy, Debug)]
enum Swatch {
    Line(Look),
    Area(Look),
    Points(Look),
    Bar(Look),
    Stem(Look),
    Rug(Look),
    Level,
}

impl Swatch {
    fn width(self) -> f64 {
        match self {
            Self::Line(_) | Self::Area(_) | Self::Level => 28.0,
            Self::Rug(_) => 20.0,
            Self::Points(_) | Self::Bar(_) | Self::Stem(_) => 14.0,
        }
    }

    fn draw(self, canvas: &Canvas<'_>, (x, y): Point) -> Result<()> {
        let (end, middle) = (x + self.width(), x + 0.5 * self.width());
        match self {
            Self::Line(look) => {
                canvas.dashed(&[(x, y), (end, y)], look.colour, layers::LINE, look.dash)
            }
            Self::Area(look) => {
                let (top, bottom) = (y - 4.0, y + 5.0);
                canvas.rectangle((x, top), (end, bottom), look.colour, layers::SHADE)?;
                canvas.dashed(&[(x, top), (end, top)], look.colour, layers::LINE, look.dash)
            }
            Self::Points(look) => canvas.marker((middle, y), look.marker, layers::DOT, look.colour),
            Self::Bar(look) => canvas.rectangle((x, y - 5.0), (end, y + 5.0), look.colour, 0.9),
            Self::Stem(look) => layers::stem(canvas, (middle, y + 6.0), (middle, y - 4.0), look),
            Self::Rug(look) => (0..4).try_for_each(|k| {
                let x = x + 2.0 + 5.0 * f64::from(k);
                canvas.line(&[(x, y - 4.0), (x, y + 5.0)], look.colour, 1.2)
            }),
            Self::Level => canvas.line(&[(x, y), (end, y)], FRAME, 1.0),
        }
    }
}

struct Entry {
    swatch: Swatch,
    name: String,
}

fn legend(panel: &Panel, room: f64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |swatch: Swatch, name: &str| {
        if !name.is_empty() {
            let name = cut(name, room - swatch.width() - 6.0);
            entries.push(Entry { swatch, name });
        }
    };
    for (layer, look) in panel.layers.iter().zip(layers::looks(panel)) {
        match layer {
            Layer::Line { name, filled: false, .. } => add(Swatch::Line(look), name),
            Layer::Line { name, filled: true, .. } => add(Swatch::Area(look), name),
            Layer::Points { name, .. } => add(Swatch::Points(look), name),
            Layer::Bars { name, .. } => add(Swatch::Bar(look), name),
            Layer::Stems { name, .. } => add(Swatch::Stem(look), name),
            Layer::Rug { name, .. } => add(Swatch::Rug(look), name),
            Layer::Stack { names, .. } => {
                names.iter().enumerate().for_each(|(l, name)| add(Swatch::Bar(Look::new(l)), name));
            }
            Layer::Arrows { .. } | Layer::Cells { .. } => {}
        }
    }
    panel.levels.iter().for_each(|(_, name)| add(Swatch::Level, name));
    entries
}

/// Entries in lines of text that end before `far`, each with its place.
fn legend_rows(entries: &[Entry], left: f64, far: f64) -> Vec<Vec<(&Entry, f64)>> {
    let mut rows: Vec<Vec<(&Entry, f64)>> = Vec::new();
    let mut x = f64::INFINITY;
    for entry in entries {
        let width = entry.swatch.width() + 6.0 + text_width(&entry.name, LABEL, false);
        if x + width > far {
            rows.push(Vec::new());
            x = left;
        }
        if let Some(row) = rows.last_mut() {
            row.push((entry, x));
        }
        x += width + 18.0;
    }
    rows
}

struct MarkLabel {
    mark: usize,
    text: String,
    x: f64,
    row: usize,
    /// The label stands left of its line, because there is no room on the right.
    flipped: bool,
    extent: (f64, f64),
}

/// Rows for the labels above the frame, such that labels touch neither each other nor the lines
/// that lead to others.
fn mark_labels(panel: &Panel, axis: &Axis, left: f64, far: f64) -> Vec<MarkLabel> {
    let visible = |place: &f64| (-0.5..=axis.length + 0.5).contains(place);
    let places = panel.marks.iter().enumerate().filter_map(|(mark, m)| {
        let place = Some(axis.place(axis.scale.map(m.x)?)).filter(visible)?;
        Some((mark, left + place))
    });
    let mut places: Vec<(usize, f64)> = places.collect();
    // From right to left, a label never stands on the line of one before it.
    places.sort_by(|a, b| b.1.total_cmp(&a.1));
    // One of the two sides has half of the room.
    let text = |mark: usize| cut(&panel.marks[mark].label, 0.5 * (far - left) - 8.0);
    let set = places.into_iter().map(|(mark, x)| {
        let text = text(mark);
        let width = text_width(&text, LABEL, false);
        (mark, x, text, width, x + 4.0 + width > far)
    });
    // Those without room on the right stand left of their lines and come last, over the others.
    let (flipped, straight): (Vec<_>, Vec<_>) = set.partition(|label| label.4);
    let mut labels: Vec<MarkLabel> = Vec::new();
    for (mark, x, text, width, flipped) in straight.into_iter().chain(flipped.into_iter().rev()) {
        let extent = if flipped { (x - 4.0 - width, x - 4.0) } else { (x + 4.0, x + 4.0 + width) };
        let free = |row: usize| {
            labels.iter().all(|other| {
                let apart = extent.0 > other.extent.1 + 6.0 || other.extent.0 > extent.1 + 6.0;
                let crossed = other.row > row && extent.0 < other.x && other.x < extent.1;
                let crosses = other.row < row && other.extent.0 < x && x < other.extent.1;
                (other.row != row || apart) && !crossed && !crosses
            })
        };
        let next = labels.iter().map(|other| other.row + 1).max().unwrap_or(0);
        let row = (0..next).find(|&row| free(row)).unwrap_or(next);
        labels.push(MarkLabel { mark, text, x, row, flipped, extent });
    }
    labels
}

fn draw_marks(
    canvas: &Canvas<'_>,
    frame: &Frame,
    panel: &Panel,
    labels: &[MarkLabel],
) -> Result<()> {
    for &(level, _) in &panel.levels {
        let Some(y) = frame.y.scale.map(level).map(|m| frame.up(m)) else { continue };
        if y >= frame.top && y <= frame.bottom() {
            canvas.line(&[(frame.left, y), (frame.right(), y)], FRAME, 1.0)?;
        }
    }
    let height = |label: &MarkLabel| frame.top - 16.0 * (label.row as f64 + 0.5) - 2.0;
    for label in labels {
        let mark = &panel.marks[label.mark];
        let y = height(label);
        let line = [(label.x, frame.bottom()), (label.x, y - 6.0)];
        canvas.dashed(&line, FRAME, 1.0, &[2.0, 3.0])?;
        if let Some((_, at)) = mark.y.and_then(|y| frame.place(mark.x, y))
            && at >= frame.top - 0.5
            && at <= frame.bottom() + 0.5
        {
            canvas.disc((label.x, at), 5.0, WHITE)?;
            canvas.disc((label.x, at), 3.8, BLACK)?;
        }
    }
    // Over the lines: where marks are crowded, a line may pass behind the label of another.
    for label in labels {
        let y = height(label);
        let (x, align) = if label.flipped {
            (label.x - 4.0, Align::Right)
        } else {
            (label.x + 4.0, Align::Left)
        };
        canvas.text(&label.text, (x, y), Lettering::new(LABEL, align))?;
    }
    Ok(())
}

/// The ends of an axis over mapped values: the given ones if they can be drawn, else the data's.
pub(super) fn axis_ends(spec: &AxisSpec, values: &[f64], pad: f64) -> (f64, f64) {
    let scale: Scale = spec.scale;
    if let Some((from, to)) = spec.range
        && let (Some(a), Some(b)) = (scale.map(from), scale.map(to))
        && a < b
    {
        return interval([a, b].into_iter(), scale, 0.0);
    }
    interval(values.iter().copied(), scale, pad)
}
