//! What every picture must satisfy, on the gallery.

mod pictures;

use pictures::*;

use super::canvas::text_width;
use super::*;

/// A text of the picture: its content and its box in pixels.
struct Text {
    content: String,
    from: (f64, f64),
    to: (f64, f64),
}

fn number(node: roxmltree::Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|a| a.parse().ok()).expect(name)
}

fn texts(svg: &str) -> Vec<Text> {
    let document = roxmltree::Document::parse(svg).expect("well-formed");
    let nodes = document.descendants().filter(|n| n.has_tag_name("text"));
    let text = |node: roxmltree::Node<'_, '_>| {
        let content = node.text().unwrap_or("").trim().to_owned();
        let (x, y) = (number(node, "x") / 10.0, number(node, "y") / 10.0);
        let size = number(node, "font-size") / 10.0;
        // Embedded metrics are those of a wide font; the boxes are a little smaller.
        let width = 0.93 * text_width(&content, size, node.attribute("font-weight").is_some());
        let before = match node.attribute("text-anchor") {
            Some("middle") => 0.5 * width,
            Some("end") => width,
            _ => 0.0,
        };
        let half = 0.4 * size;
        if node.attribute("transform").is_some_and(|t| t.starts_with("rotate(270")) {
            Text { content, from: (x - half, y + before - width), to: (x + half, y + before) }
        } else {
            Text { content, from: (x - before, y - half), to: (x - before + width, y + half) }
        }
    };
    nodes.map(text).collect()
}

#[test]
fn every_kind_is_well_formed_and_says_what_it_was_told() {
    let expected: [(&str, &[&str]); 8] = [
        ("risk", &["excess risk", "min, k = 12", "max, k = 30", "weak features", "10⁵", "limit"]),
        ("training", &["loss (×10⁻⁴)", "step", "20000", "validation"]),
        ("fields", &["u", "z₁", "speed", "trajectory"]),
        ("space", &["u", "z₁", "z₂", "speed", "−2"]),
        ("hessian", &["W1", "b3", "∂²L / ∂θᵢ∂θⱼ", "Θ", "sample"]),
        ("spectra", &["Lanczos, 10 probes", "Ritz values", "exact", "count"]),
        ("jacobian", &["layer 3", "15.2", "singular value", "W2", "−0.5"]),
        ("crowded", &["Many series, marks and decades <&\">", "event 7", "at the end"]),
    ];
    let gallery = gallery();
    for (name, labels) in expected {
        let figure = &gallery.iter().find(|(n, _)| *n == name).expect(name).1;
        let texts = texts(&figure.svg().expect(name));
        for label in labels {
            assert!(texts.iter().any(|t| t.content == *label), "{name}: no text {label:?}");
        }
    }
}

#[test]
fn no_two_texts_overlap_and_none_leaves_the_picture() {
    for (name, figure) in gallery() {
        let svg = figure.svg().expect(name);
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let root = document.root_element();
        let size = (number(root, "width"), number(root, "height"));
        let texts = texts(&svg);
        for (k, a) in texts.iter().enumerate() {
            let inside = a.from.0 >= 0.0 && a.from.1 >= 0.0 && a.to.0 <= size.0 && a.to.1 <= size.1;
            assert!(inside, "{name}: {:?} leaves the picture", a.content);
            for b in &texts[..k] {
                let apart = a.from.0 >= b.to.0
                    || b.from.0 >= a.to.0
                    || a.from.1 >= b.to.1
                    || b.from.1 >= a.to.1;
                assert!(apart, "{name}: {:?} overlaps {:?}", a.content, b.content);
            }
        }
    }
}

#[test]
fn every_coordinate_is_a_number_inside_the_picture() {
    for (name, figure) in gallery() {
        let svg = figure.svg().expect(name);
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let root = document.root_element();
        let most = 10.0 * number(root, "width").max(number(root, "height"));
        let names = ["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "points"];
        for node in root.children().filter(|n| n.is_element()) {
            for value in names.iter().filter_map(|name| node.attribute(*name)) {
                for part in value.split([' ', ',']).filter(|p| !p.is_empty()) {
                    let number: f64 = part.parse().unwrap_or(f64::NAN);
                    assert!((-1.0..=most).contains(&number), "{name}: {part} in {node:?}");
                }
            }
        }
    }
}

#[test]
fn figures_and_panels_without_content_are_drawn() {
    let svg = odd().svg().expect("odd input");
    // Nothing, no rows, no shares.
    assert_eq!(texts(&svg).iter().filter(|t| t.content == "no values to draw").count(), 3);
    assert!(roxmltree::Document::parse(&Figure::default().svg().expect("empty")).is_ok());
}

#[test]
fn a_log_axis_drops_what_is_not_positive_and_a_line_breaks_there() {
    let panel = |y: [f64; 4]| {
        let panel = Panel::lines("").y("y", Scale::Log).series("", &[1.0, 2.0, 3.0, 4.0], &y);
        let svg = Figure::new("").panel(panel).svg().expect("drawn");
        svg.matches("stroke=\"#0072B2\"").count()
    };
    assert_eq!(panel([1.0, 2.0, 3.0, 4.0]), 1);
    assert_eq!(panel([1.0, 2.0, 0.0, 4.0]), 1, "two points, a hole, one point");
    assert_eq!(panel([0.0, -1.0, f64::NAN, 4.0]), 0, "one point has a marker and no line");
}

#[test]
fn a_long_noisy_curve_keeps_its_extremes_and_stays_small() {
    let t = range(100_000, 0.0, 1.0);
    let mut y: Vec<f64> = (0..t.len()).map(noise).collect();
    y[31_415] = 50.0;
    let panel = |y: &[f64]| Panel::lines("").series("", &t, y);
    let svg = Figure::new("").panel(panel(&y)).svg().expect("drawn");
    assert!(svg.len() < 120_000, "{} bytes", svg.len());
    let document = roxmltree::Document::parse(&svg).expect("well-formed");
    let curve = document.descendants().filter(|n| n.attribute("stroke") == Some("#0072B2"));
    let points: String = curve.filter_map(|n| n.attribute("points")).collect();
    let heights =
        points.split_whitespace().filter_map(|p| p.split_once(',')?.1.parse::<i32>().ok());
    let (mut heights, all): (Vec<i32>, usize) = (heights.clone().collect(), heights.count());
    heights.sort_unstable();
    assert!(all > 3000);
    // One spike, far above the rest.
    assert!(heights[1] - heights[0] > 2000, "{:?}", &heights[..2]);
}

#[test]
fn arrows_point_along_the_field() {
    let panel = Panel::quiver("").arrows(
        &[0.0, 1.0],
        &[0.0, 1.0],
        &[1.0, 1.0],
        &[0.0, 0.0],
        ArrowLength::Same,
    );
    let svg = Figure::new("").panel(panel).svg().expect("drawn");
    let document = roxmltree::Document::parse(&svg).expect("well-formed");
    let heads: Vec<Vec<(f64, f64)>> = document
        .descendants()
        .filter(|n| n.has_tag_name("polygon"))
        .filter_map(|n| n.attribute("points"))
        .map(|points| {
            let pair = |p: &str| {
                let (x, y) = p.split_once(',')?;
                Some((x.parse().ok()?, y.parse().ok()?))
            };
            points.split_whitespace().filter_map(pair).collect()
        })
        .collect();
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert!(head[0].0 > head[1].0 && head[0].0 > head[2].0, "the tip is to the right");
        assert!((head[0].1 - 0.5 * (head[1].1 + head[2].1)).abs() <= 1.0, "and level");
    }
}

#[test]
fn a_png_is_the_svg_at_twice_its_size() {
    let png = training().png().expect("rasterised");
    let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).expect("a PNG");
    assert_eq!((pixels.width(), pixels.height()), (1920, 968));
    let white = pixels.pixels().iter().filter(|p| p.red() == 255 && p.blue() == 255).count();
    let dark = pixels.pixels().iter().filter(|p| p.red() < 60 && p.blue() < 60).count();
    assert!(pixels.pixels().iter().all(|p| p.alpha() == 255));
    assert!(white > pixels.pixels().len() / 2);
    assert!(dark > 1000, "text is drawn: {dark} dark pixels");
}

#[test]
fn matrix_entries_have_the_colour_of_their_sign_and_no_entry_is_lost() {
    // One negative entry among 2000 x 2000, above the drawn resolution.
    let entry = |i, j| if (i, j) == (0, 1999) { -5.0 } else { f64::from(i > 999) };
    let panel = |rows, entry: &dyn Fn(usize, usize) -> f64| {
        let png = Figure::new("").panel(Panel::heat_map("", rows, rows, entry)).png().expect("PNG");
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).expect("a PNG");
        let count = |(r, g, b)| {
            let same = |p: &&resvg::tiny_skia::PremultipliedColorU8| {
                (p.red(), p.green(), p.blue()) == (r, g, b)
            };
            pixels.pixels().iter().filter(same).count()
        };
        // Least, greatest, missing.
        [count((33, 102, 172)), count((178, 24, 43)), count(style::MISSING)]
    };
    let [least, _, _] = panel(2000, &entry);
    assert!(least > 0);
    let signs = |i: usize, _| [-1.0, 1.0, f64::NAN][i];
    for count in panel(3, &signs) {
        assert!(count > 50_000, "a third of the matrix, not {count} pixels");
    }
}

#[test]
fn long_names_are_cut_and_control_characters_are_not_written() {
    let svg = wordy().svg().expect("drawn");
    let texts = texts(&svg);
    assert!(texts.iter().any(|t| t.content.ends_with('…')));
    assert!(texts.iter().any(|t| t.content == "bell   and break"));
}

#[test]
fn write_goes_by_extension_and_leaves_no_temporary() {
    let folder = tempfile::tempdir().expect("a folder");
    let figure = training();
    for name in ["a.svg", "a.PNG"] {
        figure.write(folder.path().join(name)).expect(name);
    }
    let error = figure.write(folder.path().join("a.jpg")).expect_err("no JPEG").to_string();
    assert!(error.contains("a.jpg") && error.contains(".svg or .png"), "{error}");
    assert!(figure.write(folder.path().join("missing/a.svg")).is_err());
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    assert_eq!(names, ["a.PNG", "a.svg"]);
    let svg = std::fs::read_to_string(folder.path().join("a.svg")).expect("readable");
    assert_eq!(svg, figure.svg().expect("drawn"));
}

/// Writes the pictures for looking at: `cargo test -p nanocurv-cli gallery -- --ignored`.
#[test]
#[ignore = "writes pictures for people"]
fn gallery_for_the_eye() {
    let folder = std::env::temp_dir().join("nanocurv-gallery");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, figure) in gallery() {
        figure.write(folder.join(format!("{name}.svg"))).expect(name);
        figure.write(folder.join(format!("{name}.png"))).expect(name);
    }
    println!("{}", folder.display());
}
