use super::canvas::text_width;
use super::*;

fn range(n: usize, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|i| from + (to - from) * i as f64 / (n - 1).max(1) as f64).collect()
}

fn powers(n: usize, from: f64, to: f64) -> Vec<f64> {
    range(n, from, to).into_iter().map(|e| 10f64.powf(e)).collect()
}

/// Deterministic values in `[-1, 1)` that look random.
fn noise(k: usize) -> f64 {
    let x = (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn risk() -> Figure {
    let t = powers(300, 0.0, 5.0);
    let of = |f: &dyn Fn(f64) -> f64| -> Vec<f64> { t.iter().map(|&t| f(t)).collect() };
    let bump = |t: f64, at: f64, width: f64| (-((t / at).ln() / width).powi(2)).exp();
    let risk = of(&|t| 0.26 + 0.7 * (-t / 4.0).exp() + 0.25 * bump(t, 60.0, 1.0));
    let loss = of(&|t| 0.8 * (-t / 5.0).exp() + 0.05 * (-t / 500.0).exp() + 1e-4);
    let strong = of(&|t| 1.0 - 0.9 * (1.0 - (-t / 5.0).exp()));
    let weak = of(&|t| 0.4 + 0.5 * (1.0 - (-t / 80.0).exp()));
    let first = of(&|t| 0.2 + 1.2 * (1.0 - (-t / 20.0).exp()));
    let second = of(&|t| 0.1 + 1.5 * (1.0 - (-t / 30.0).exp()));
    Figure::new("Double descent over time: two eigenvalues, published setup")
        .panel(
            Panel::lines("Risk")
                .x("iteration", Scale::Log)
                .y("excess risk", Scale::Linear)
                .series("theory", &t, &risk)
                .series("trained network", &t, &risk.iter().map(|r| r + 0.02).collect::<Vec<_>>())
                .horizontal(0.26, "limit")
                .mark(12.0, 0.2950, "min, k = 12")
                .mark(30.0, 0.4150, "max, k = 30")
                .mark(491.0, 0.2630, "min, k = 491"),
        )
        .panel(
            Panel::lines("Training loss")
                .x("iteration", Scale::Log)
                .y("loss (mean squared)", Scale::Log)
                .series("loss", &t, &loss),
        )
        .panel(
            Panel::lines("Weight error by group")
                .x("iteration", Scale::Log)
                .y("‖w − w*‖²", Scale::Linear)
                .series("strong features", &t, &strong)
                .series("weak features", &t, &weak)
                .series("all features, a long name that takes its room", &t, &first),
        )
        .panel(
            Panel::lines("Layer norms")
                .x("iteration", Scale::Log)
                .y("Frobenius norm", Scale::Linear)
                .series("W1", &t, &first)
                .series("W2", &t, &second),
        )
}

fn training() -> Figure {
    let t = range(20_000, 0.0, 19_999.0);
    let decay = |t: f64, k: usize| 1e-5 * (1.0 + 9.0 * (-t / 3000.0).exp() + 0.5 * noise(k));
    let loss: Vec<f64> = t.iter().enumerate().map(|(k, &t)| decay(t, k)).collect();
    let at: Vec<f64> = range(11, 0.0, 19_999.0);
    let validation: Vec<f64> = at.iter().map(|&t| decay(t, 7) + 1e-5).collect();
    Figure::new("Training with kfac").panel(
        Panel::lines("")
            .x("step", Scale::Linear)
            .y("loss", Scale::Linear)
            .series("training (batch 32)", &t, &loss)
            .series("validation", &at, &validation),
    )
}

fn fields() -> Figure {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..17 {
        for j in 0..17 {
            x.push(-2.0 + 0.25 * i as f64);
            y.push(-2.0 + 0.25 * j as f64);
        }
    }
    let u: Vec<f64> = x.iter().zip(&y).map(|(u, z)| z * (1.0 - u * z)).collect();
    let v: Vec<f64> = x.iter().zip(&y).map(|(u, z)| u * (1.0 - u * z)).collect();
    let path: Vec<f64> = range(50, 0.1, 1.0);
    let panel = |heading: &str, length| {
        Panel::quiver(heading)
            .x("u", Scale::Linear)
            .y("z₁", Scale::Linear)
            .value("speed")
            .arrows(&x, &y, &u, &v, length)
    };
    Figure::new("Velocity in the (u, z) plane")
        .panel(panel("Directions", ArrowLength::Same).series(
            "trajectory",
            &path,
            &path.iter().map(|p| 0.2 + 0.8 * p).collect::<Vec<_>>(),
        ))
        .panel(panel("Scaled", ArrowLength::Magnitude))
}

fn hessian() -> Figure {
    let entry = |i: usize, j: usize| {
        let (a, b) = (i.min(j), i.max(j));
        noise(a * 131 + b) * (-(a as f64) / 60.0).exp() * (-(b as f64 - a as f64) / 40.0).exp()
    };
    let kernel = |i: usize, j: usize| 3.0 + (-((i as f64 - j as f64) / 3.0).powi(2)).exp();
    Figure::new("Matrices")
        .panel(
            Panel::heat_map("Hessian of 4-8-8-1", 121, 121, entry)
                .blocks(&[("W1", 32), ("b1", 8), ("W2", 64), ("b2", 8), ("W3", 8), ("b3", 1)])
                .value("∂²L / ∂θᵢ∂θⱼ"),
        )
        .panel(
            Panel::heat_map("Tangent kernel", 12, 12, kernel)
                .x("sample", Scale::Linear)
                .y("sample", Scale::Linear)
                .value("Θ"),
        )
}

fn spectra() -> Figure {
    let grid = range(400, -1.0, 6.0);
    let peak = |x: f64, at: f64, w: f64| (-((x - at) / w).powi(2)).exp() / w;
    let density: Vec<f64> =
        grid.iter().map(|&x| peak(x, 0.0, 0.1) + 0.1 * peak(x, 3.0, 0.4) + 1e-4).collect();
    let eigenvalues: Vec<f64> = (0..200).map(|k| noise(k) * 0.4 + 0.1).collect();
    let positive: Vec<f64> = (0..500).map(|k| 10f64.powf(-2.0 + 2.0 * noise(k))).collect();
    Figure::new("Spectra")
        .columns(2)
        .panel(
            Panel::spectrum("Hessian")
                .x("eigenvalue", Scale::Linear)
                .y("density", Scale::Linear)
                .density("Lanczos, 10 probes", &grid, &density)
                .stems("Ritz values", &[2.5, 3.0, 5.5], &[1.0, 2.0, 0.8])
                .rug("exact", &eigenvalues),
        )
        .panel(
            Panel::spectrum("Hessian, logarithmic")
                .x("eigenvalue", Scale::Linear)
                .y("density", Scale::Log)
                .density("Lanczos", &grid, &density)
                .stems("Ritz values", &[2.5, 3.0, 5.5], &[1.0, 2.0, 0.8]),
        )
        .panel(
            Panel::histogram("Eigenvalues")
                .x("eigenvalue", Scale::Log)
                .y("count", Scale::Linear)
                .histogram_of("Fisher", &positive, 24),
        )
        .panel(
            Panel::histogram("Two of them")
                .x("value", Scale::Linear)
                .y("count", Scale::Linear)
                .histogram_of("first", &eigenvalues, 20)
                .histogram_of("second", &(0..200).map(|k| noise(k + 999)).collect::<Vec<_>>(), 20),
        )
}

fn jacobian() -> Figure {
    let sigma: Vec<f64> = (0..24).map(|i| 15.17 * 0.7f64.powi(i)).collect();
    let shares: Vec<Vec<f64>> = (0..24)
        .map(|i| {
            let a = 0.5 + 0.4 * (i as f64 / 4.0).sin();
            vec![a, (1.0 - a) * 0.6, (1.0 - a) * 0.4]
        })
        .collect();
    let share = |l: usize| shares.iter().map(|s| s[l]).collect::<Vec<_>>();
    Figure::new("Jacobian by layer")
        .panel(Panel::shares("Shares", &sigma, &["layer 1", "layer 2", "layer 3"], &shares))
        .panel(
            Panel::scatter("Singular value against share")
                .x("share of the squared norm", Scale::Linear)
                .y("singular value", Scale::Log)
                .points("layer 1", &share(0), &sigma)
                .points("layer 2", &share(1), &sigma)
                .points("layer 3", &share(2), &sigma),
        )
        .panel(
            Panel::bar_chart("Layer norms", &["W1", "W2", "W3"])
                .y("Frobenius norm", Scale::Linear)
                .bars("start", &[0.1, 0.2, 0.4])
                .bars("after 10⁴ steps", &[1.3, 0.9, 0.5]),
        )
        .panel(Panel::scatter("Signs").x("step", Scale::Linear).y("cosine", Scale::Linear).points(
            "between gradients",
            &range(40, 0.0, 39.0),
            &(0..40).map(noise).collect::<Vec<_>>(),
        ))
}

fn crowded() -> Figure {
    let t = powers(50, 0.0, 9.0);
    let mut panel = Panel::lines("Many series, marks and decades <&\">")
        .x("time (s)", Scale::Log)
        .y("x", Scale::Log);
    for k in 0..9 {
        let y: Vec<f64> = t.iter().map(|t| t.powf(-0.1 * k as f64)).collect();
        panel = panel.series(format!("exponent −0.{k}"), &t, &y);
    }
    for k in 0..8 {
        panel = panel.vertical(10f64.powf(1.0 + 0.3 * k as f64), format!("event {k}"));
    }
    Figure::new("").panel(panel.mark(9e8, 0.5, "at the end"))
}

fn wordy() -> Figure {
    let long = "a name without end ".repeat(30);
    let panel = Panel::lines(&long)
        .x(&long, Scale::Linear)
        .y(&long, Scale::Linear)
        .series(&long, &[0.0, 1.0], &[0.0, 1.0])
        .mark(0.0, 0.0, "bell \u{7} and\nbreak");
    let names = |k: usize| (0..k).map(|i| format!("{i} {long}")).collect::<Vec<_>>();
    let sizes: Vec<(String, usize)> = names(3).into_iter().map(|name| (name, 4)).collect();
    Figure::new(&long)
        .panel(panel.vertical(0.45, &long).vertical(0.55, &long))
        .panel(Panel::bar_chart("", &names(5)).bars(&long, &[1.0; 5]))
        .panel(Panel::heat_map("", 12, 12, |i, j| (i + j) as f64).blocks(&sizes).value(&long))
}

fn odd() -> Figure {
    let nan = f64::NAN;
    Figure::new("Odd input")
        .columns(3)
        .panel(Panel::lines("Nothing").x("t", Scale::Log).y("y", Scale::Log))
        .panel(Panel::lines("Constant").x("t", Scale::Linear).y("y", Scale::Linear).series(
            "c",
            &[0.0, 1.0, 2.0],
            &[0.3; 3],
        ))
        .panel(Panel::lines("One point").x("t", Scale::Log).series("p", &[3.0], &[-2e-7]))
        .panel(Panel::lines("Holes").x("t", Scale::Linear).y("y", Scale::Log).series(
            "h",
            &[0., 1., 2., nan, 4., 5., 6., 7.],
            &[1., 2., nan, 3., 4., -1., 5., f64::INFINITY],
        ))
        .panel(Panel::heat_map("Holes", 2, 3, |i, j| if i == j { nan } else { -1.0 }))
        .panel(Panel::heat_map("No rows", 0, 0, |_, _| 0.0).blocks(&[("a", 0)]))
        .panel(Panel::quiver("Still").arrows(
            &[0.0, nan, 1.0],
            &[0.0, 1.0, 1.0],
            &[0.0, 1.0, 0.0],
            &[0.0; 3],
            ArrowLength::Magnitude,
        ))
        .panel(Panel::histogram("Same").histogram_of("v", &[2.0, 2.0, nan], 0))
        .panel(Panel::shares("No shares", &[], &["a"], &[]))
        .panel(Panel::heat_map("Zero", 3, 3, |_, _| 0.0))
        .panel(Panel::lines("Huge").series("h", &[-1e308, 1e299], &[1e299, -1e299]))
        .panel(Panel::lines("Cut").x_range(0.0, 1.0).y_range(0.0, 1.0).series(
            "beyond",
            &[-5.0, 0.5, 5.0],
            &[-20.0, 0.5, 30.0],
        ))
}

fn gallery() -> Vec<(&'static str, Figure)> {
    vec![
        ("risk", risk()),
        ("training", training()),
        ("fields", fields()),
        ("hessian", hessian()),
        ("spectra", spectra()),
        ("jacobian", jacobian()),
        ("crowded", crowded()),
        ("wordy", wordy()),
        ("odd", odd()),
    ]
}

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
    let expected: [(&str, &[&str]); 7] = [
        ("risk", &["excess risk", "min, k = 12", "max, k = 30", "weak features", "10⁵", "limit"]),
        ("training", &["loss (×10⁻⁴)", "step", "20000", "validation"]),
        ("fields", &["u", "z₁", "speed", "trajectory"]),
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
