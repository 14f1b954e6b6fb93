//! Marked places, whose labels stand in rows above the frame, and levels.

use anyhow::Result;

use super::axis::Axis;
use super::canvas::{Align, Canvas, Lettering, cut, text_width};
use super::frame::Frame;
use super::panel::Panel;
use super::style::{BLACK, FRAME, LABEL, WHITE};

pub(super) struct MarkLabel {
    mark: usize,
    text: String,
    x: f64,
    pub row: usize,
    /// The label stands left of its line, because there is no room on the right.
    flipped: bool,
    extent: (f64, f64),
}

/// Rows for the labels above the frame, such that labels touch neither each other nor the lines
/// that lead to others.
pub(super) fn labels(panel: &Panel, axis: &Axis, left: f64, far: f64) -> Vec<MarkLabel> {
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

pub(super) fn draw(
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
        let (from, to) = label.extent;
        canvas.rectangle((from - 1.0, y - 7.0), (to + 1.0, y + 7.0), WHITE, 1.0)?;
        let (x, align) = if label.flipped {
            (label.x - 4.0, Align::Right)
        } else {
            (label.x + 4.0, Align::Left)
        };
        canvas.text(&label.text, (x, y), Lettering::new(LABEL, align))?;
    }
    Ok(())
}
