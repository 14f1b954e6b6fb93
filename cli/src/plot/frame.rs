//! Where a panel's data stands on the picture.

use super::axis::Axis;

/// A place in pixels, from the upper left corner.
pub(super) type Point = (f64, f64);

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

pub(super) fn inside(frame: &Frame, (x, y): Point) -> bool {
    let room = 0.5;
    x >= frame.left - room
        && x <= frame.right() + room
        && y >= frame.top - room
        && y <= frame.bottom() + room
}
