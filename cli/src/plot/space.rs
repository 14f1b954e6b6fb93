//! A vector field in three dimensions, in parallel projection: a cube with its axes, arrows from
//! back to front.
//!
//! ```text
//! a, b, c in [-1, 1]: the coordinates across the cube
//! depth = b cos t - a sin t,   X = a cos t + b sin t,   Y = c cos p + depth sin p
//! ```

use anyhow::Result;

use super::axis::short;
use super::canvas::{Align, Canvas, Lettering};
use super::field::{Colours, arrow};
use super::frame::{Frame, Point};
use super::style::{FRAME, GRID, LABEL, NAME};

/// From where the cube is seen: turned by `t`, from above by `p`, both in degrees.
const TURN: f64 = 32.0;
const TILT: f64 = 22.0;

/// Pixels around the cube, for the labels of its axes.
const MARGIN: Point = (70.0, 34.0);

/// The cube on the picture.
struct View {
    middle: Point,
    scale: f64,
    turn: (f64, f64),
    tilt: (f64, f64),
}

impl View {
    fn new(frame: &Frame) -> Self {
        let (turn, tilt) = (TURN.to_radians().sin_cos(), TILT.to_radians().sin_cos());
        let wide = turn.0 + turn.1;
        let tall = tilt.1 + tilt.0 * wide;
        let across = (0.5 * frame.x.length - MARGIN.0) / wide;
        let up = (0.5 * frame.y.length - MARGIN.1) / tall;
        let middle = (frame.left + 0.5 * frame.x.length, frame.top + 0.5 * frame.y.length);
        Self { middle, scale: across.min(up).max(1.0), turn, tilt }
    }

    fn depth(&self, [a, b, _]: [f64; 3]) -> f64 {
        b * self.turn.1 - a * self.turn.0
    }

    /// Pixels to the right and down.
    fn direction(&self, at: [f64; 3]) -> Point {
        let across = at[0] * self.turn.1 + at[1] * self.turn.0;
        let up = at[2] * self.tilt.1 + self.depth(at) * self.tilt.0;
        (self.scale * across, -self.scale * up)
    }

    fn place(&self, at: [f64; 3]) -> Point {
        let (x, y) = self.direction(at);
        (self.middle.0 + x, self.middle.1 + y)
    }
}

/// Draws `arrows`, place and velocity each, on axes that all end at `ends`; whether there were any.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    frame: &Frame,
    names: &[String; 3],
    ends: (f64, f64),
    arrows: &[[[f64; 3]; 2]],
    colours: &Colours,
) -> Result<bool> {
    let view = View::new(frame);
    let unit = |value: f64| 2.0 * (value - ends.0) / (ends.1 - ends.0) - 1.0;
    let mut usable: Vec<_> = arrows
        .iter()
        .filter(|[at, v]| at.iter().chain(v).all(|value| value.is_finite()))
        .map(|[at, v]| (at.map(unit), v))
        .collect();
    usable.sort_by(|(a, _), (b, _)| view.depth(*b).total_cmp(&view.depth(*a)));
    cube(canvas, &view, |[_, b, c]| b > 0.0 || c < 0.0)?;
    let spacing = 2.0 * view.scale / (usable.len() as f64).cbrt().max(1.0);
    let longest = (1.1 * spacing).clamp(4.0, 42.0);
    for (at, velocity) in &usable {
        let speed = velocity.iter().map(|v| v * v).sum::<f64>().sqrt();
        let place = view.place(*at);
        // Seen from the front an arrow is short.
        let (dx, dy) = view.direction(velocity.map(|v| v / speed));
        let length = dx.hypot(dy);
        let drawn = longest * length / view.scale;
        if speed > 0.0 && speed.is_finite() && drawn > 1.5 {
            let along = (dx / length, dy / length);
            arrow(canvas, place, along, drawn, colours.of_value(speed))?;
        } else {
            canvas.disc(place, 1.3, colours.of_value(speed))?;
        }
    }
    axes(canvas, &view, names, ends)?;
    Ok(!usable.is_empty())
}

/// The edges of the cube whose middle is `chosen`.
fn cube(canvas: &Canvas<'_>, view: &View, chosen: impl Fn([f64; 3]) -> bool) -> Result<()> {
    for axis in 0..3 {
        for corner in 0..4_u8 {
            let signs = [corner & 1, corner >> 1].map(|bit| 2.0 * f64::from(bit) - 1.0);
            let mut middle = [0.0; 3];
            middle[(axis + 1) % 3] = signs[0];
            middle[(axis + 2) % 3] = signs[1];
            if chosen(middle) {
                let end = |value: f64| {
                    let mut end = middle;
                    end[axis] = value;
                    view.place(end)
                };
                canvas.line(&[end(-1.0), end(1.0)], GRID, 1.2)?;
            }
        }
    }
    Ok(())
}

/// The three edges that carry the axes, with their ends and names.
fn axes(canvas: &Canvas<'_>, view: &View, names: &[String; 3], ends: (f64, f64)) -> Result<()> {
    // Where each axis starts, and to which side its labels stand.
    let edges = [
        ([-1.0, -1.0, -1.0], (-4.0, 12.0), Align::Middle),
        ([1.0, -1.0, -1.0], (9.0, 6.0), Align::Left),
        ([-1.0, -1.0, -1.0], (-8.0, 0.0), Align::Right),
    ];
    for (axis, ((start, (aside, below), align), name)) in edges.into_iter().zip(names).enumerate() {
        let at = |value: f64| {
            let mut at: [f64; 3] = start;
            at[axis] = value;
            view.place(at)
        };
        canvas.line(&[at(-1.0), at(1.0)], FRAME, 1.2)?;
        // The ends of neighbouring axes do not stand on one another.
        for (value, place) in [(ends.0, at(-0.9)), (ends.1, at(0.92))] {
            let label = (place.0 + aside, place.1 + below);
            canvas.text(&short(value), label, Lettering::new(LABEL, align))?;
        }
        let (x, y) = at(0.0);
        let lettering = Lettering::new(NAME, align).bold();
        canvas.text(name, (x + 1.6 * aside, y + 1.5 * below), lettering)?;
    }
    Ok(())
}
