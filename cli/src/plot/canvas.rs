//! Primitives in pixels over the SVG backend of `plotters`, and rasterising by `resvg`.
//!
//! `plotters` rounds coordinates to integers, at which smooth curves show steps: a picture is
//! therefore drawn at [`UNITS`] units a pixel and the view box brings it back to size. A PNG is the
//! same SVG rasterised with an embedded font, so that the two never differ and no font of the
//! system is asked for.

use std::sync::{Arc, Once};

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, register_font};
use resvg::{tiny_skia, usvg};

use super::clip::dashes;
use super::frame::Point;
use super::style::{Colour, LABEL, Marker};

/// Drawing units a pixel.
pub(super) const UNITS: f64 = 10.0;
const FAMILY: &str = "sans-serif";
/// `plotters` writes `font-size = size / 1.24`.
const FONT_SCALE: f64 = 1.24;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// How a text is set; its place is the middle of its height.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lettering {
    pub size: f64,
    pub colour: Colour,
    pub align: Align,
    pub bold: bool,
    /// Reads from bottom to top.
    pub upright: bool,
}

impl Lettering {
    pub fn new(size: f64, align: Align) -> Self {
        Self { size, colour: super::style::TEXT, align, bold: false, upright: false }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn upright(self) -> Self {
        Self { upright: true, ..self }
    }
}

/// Pixels a text takes at most, in the embedded font, which is a wide one.
pub(super) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    prepare_fonts();
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    // Not `into_font().style(..)`, which keeps the metrics of the regular face.
    let font = FontDesc::new(FontFamily::from(FAMILY), size * FONT_SCALE * UNITS, style);
    match font.box_size(text) {
        Ok((width, _)) => f64::from(width) / UNITS,
        Err(_) => 0.7 * size * text.chars().count() as f64,
    }
}

/// The text and its size such that it takes at most `room` pixels: down to `least` of the size,
/// then cut.
pub(super) fn fitting(text: &str, lettering: Lettering, room: f64, least: f64) -> (String, f64) {
    let Lettering { size, bold, .. } = lettering;
    let width = text_width(text, size, bold);
    if width <= room {
        return (text.to_owned(), size);
    }
    let smaller = (size * room / width).max(least * size);
    let mut cut: Vec<char> = text.chars().collect();
    let mut shown = text.to_owned();
    while cut.len() > 1 && text_width(&shown, smaller, bold) > room {
        cut.pop();
        shown = cut.iter().chain(&['…']).collect();
    }
    (shown, smaller)
}

/// A label in at most `room` pixels.
pub(super) fn cut(label: &str, room: f64) -> String {
    fitting(label, Lettering::new(LABEL, Align::Left), room, 1.0).0
}

fn prepare_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A refused font leaves `text_width` its estimate.
        let _ = register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold());
    });
}

pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    images: Vec<String>,
}

fn units((x, y): Point) -> (i32, i32) {
    // Casts saturate; callers clip to the frame before.
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

fn filled((r, g, b): Colour, opacity: f64) -> ShapeStyle {
    RGBColor(r, g, b).mix(opacity).filled()
}

fn stroked((r, g, b): Colour, width: f64) -> ShapeStyle {
    RGBColor(r, g, b).stroke_width((width * UNITS).round() as u32)
}

impl Canvas<'_> {
    fn draw(&self, element: &impl for<'b> DrawableIn<'b>) -> Result<()> {
        element.draw_in(&self.area)
    }

    pub fn line(&self, points: &[Point], colour: Colour, width: f64) -> Result<()> {
        let points: Vec<_> = points.iter().copied().map(units).collect();
        self.draw(&PathElement::new(points, stroked(colour, width)))
    }

    /// A line in dashes; without a pattern it is solid.
    pub fn dashed(
        &self,
        points: &[Point],
        colour: Colour,
        width: f64,
        pattern: &[f64],
    ) -> Result<()> {
        if pattern.is_empty() {
            return self.line(points, colour, width);
        }
        dashes(points, pattern).iter().try_for_each(|part| self.line(part, colour, width))
    }

    pub fn polygon(&self, points: &[Point], colour: Colour, opacity: f64) -> Result<()> {
        let points: Vec<_> = points.iter().copied().map(units).collect();
        self.draw(&Polygon::new(points, filled(colour, opacity)))
    }

    pub fn rectangle(&self, from: Point, to: Point, colour: Colour, opacity: f64) -> Result<()> {
        self.draw(&Rectangle::new([units(from), units(to)], filled(colour, opacity)))
    }

    pub fn outline(&self, from: Point, to: Point, colour: Colour, width: f64) -> Result<()> {
        let (a, b) = ((to.0, from.1), (from.0, to.1));
        self.line(&[from, a, to, b, from, a], colour, width)
    }

    pub fn disc(&self, at: Point, radius: f64, colour: Colour) -> Result<()> {
        self.draw(&Circle::new(units(at), radius * UNITS, filled(colour, 1.0)))
    }

    pub fn marker(&self, at: Point, shape: Marker, radius: f64, colour: Colour) -> Result<()> {
        let (x, y) = at;
        let r = radius;
        match shape {
            Marker::Circle => self.disc(at, r, colour),
            Marker::Square => {
                let r = 0.88 * r;
                self.rectangle((x - r, y - r), (x + r, y + r), colour, 1.0)
            }
            Marker::Triangle => {
                let r = 1.2 * r;
                let corners =
                    [(x, y - r), (x + 0.87 * r, y + 0.5 * r), (x - 0.87 * r, y + 0.5 * r)];
                self.polygon(&corners, colour, 1.0)
            }
            Marker::Diamond => {
                let r = 1.25 * r;
                self.polygon(&[(x, y - r), (x + r, y), (x, y + r), (x - r, y)], colour, 1.0)
            }
            Marker::Cross => {
                self.line(&[(x - r, y - r), (x + r, y + r)], colour, 0.55 * r)?;
                self.line(&[(x - r, y + r), (x + r, y - r)], colour, 0.55 * r)
            }
        }
    }

    pub fn text(&self, text: &str, at: Point, lettering: Lettering) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        // XML has no control characters, not even escaped.
        let text = text.replace(char::is_control, " ");
        let (r, g, b) = lettering.colour;
        let across = match lettering.align {
            Align::Left => HPos::Left,
            Align::Middle => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if lettering.upright { FontTransform::Rotate270 } else { FontTransform::None };
        let font = (FAMILY, lettering.size * FONT_SCALE * UNITS)
            .into_font()
            .style(style)
            .transform(turn)
            .color(&RGBColor(r, g, b))
            .pos(Pos::new(across, VPos::Center));
        self.draw(&Text::new(text, units(at), font))
    }

    /// A text in at most `room` pixels: smaller if need be, then cut.
    pub fn text_within(
        &self,
        text: &str,
        at: Point,
        lettering: Lettering,
        room: f64,
    ) -> Result<()> {
        let (text, size) = fitting(text, lettering, room, 0.8);
        self.text(&text, at, Lettering { size, ..lettering })
    }

    /// A raster of `columns x rows` coloured cells under everything else that is drawn.
    ///
    /// A matrix of some hundred rows would be tens of thousands of rectangles; as an embedded PNG
    /// it is some kilobytes. Cells are magnified so that viewers that smooth do not blur them.
    pub fn cells(
        &mut self,
        (rows, columns): (usize, usize),
        from: Point,
        to: Point,
        mut colour: impl FnMut(usize, usize) -> Colour,
    ) -> Result<()> {
        let magnify = (1024 / rows.max(columns).max(1)).clamp(1, 16);
        let (width, height) = (columns * magnify, rows * magnify);
        let mut pixels = tiny_skia::Pixmap::new(width as u32, height as u32)
            .with_context(|| format!("a raster of {rows} x {columns} cells"))?;
        let colours: Vec<Colour> =
            (0..rows * columns).map(|k| colour(k / columns, k % columns)).collect();
        for (k, pixel) in pixels.pixels_mut().iter_mut().enumerate() {
            let (i, j) = (k / width / magnify, k % width / magnify);
            let (r, g, b) = colours[i * columns + j];
            *pixel = tiny_skia::ColorU8::from_rgba(r, g, b, 255).premultiply();
        }
        let png = base64::engine::general_purpose::STANDARD.encode(pixels.encode_png()?);
        let ((x0, y0), (x1, y1)) = (units(from), units(to));
        self.images.push(format!(
            "<image x=\"{x0}\" y=\"{y0}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" xlink:href=\"data:image/png;base64,{png}\"/>\n",
            x1 - x0,
            y1 - y0,
        ));
        Ok(())
    }
}

/// What the SVG drawing area takes, without naming the element's own type parameters.
trait DrawableIn<'b> {
    fn draw_in(&self, area: &DrawingArea<SVGBackend<'b>, Shift>) -> Result<()>;
}

impl<'b, E> DrawableIn<'b> for E
where
    for<'e> &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
    E: plotters::element::Drawable<SVGBackend<'b>>,
{
    fn draw_in(&self, area: &DrawingArea<SVGBackend<'b>, Shift>) -> Result<()> {
        area.draw(self).map_err(|error| anyhow!("drawing: {error}"))
    }
}

/// The SVG document of `width x height` pixels that `paint` draws.
pub(super) fn svg(
    (width, height): (f64, f64),
    paint: impl FnOnce(&mut Canvas<'_>) -> Result<()>,
) -> Result<String> {
    prepare_fonts();
    let size = ((width * UNITS) as u32, (height * UNITS) as u32);
    let mut body = String::new();
    let images = {
        let area = SVGBackend::with_string(&mut body, size).into_drawing_area();
        let mut canvas = Canvas { area, images: Vec::new() };
        paint(&mut canvas)?;
        canvas.area.present().map_err(|error| anyhow!("drawing: {error}"))?;
        canvas.images
    };
    // The backend's own opening tag says the size in units; ours says it in pixels.
    let (_, elements) = body.split_once(">\n").context("the SVG has no opening tag")?;
    let elements = elements.replace(" opacity=\"1\"", "");
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" stroke-linejoin=\"round\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n{}{elements}",
        size.0,
        size.1,
        images.concat(),
    ))
}

/// The SVG as a PNG, `scale` pixels of it for one of the picture.
pub(super) fn rasterise(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = usvg::Options { fontdb: Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).context("reading the picture's SVG")?;
    let size = tree.size();
    let (width, height) = ((size.width() * scale) as u32, (size.height() * scale) as u32);
    let mut pixels = tiny_skia::Pixmap::new(width, height)
        .with_context(|| format!("a picture of {width} x {height} pixels"))?;
    let transform = tiny_skia::Transform::from_scale(scale, scale);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    pixels.encode_png().context("encoding the PNG")
}
