//! Drawings of charts: one golden for each form, and what holds for any chart whatever.

use domain::answer::{Chart, ChartForm, Mark, Role, Series, Trend};
use proptest::prelude::*;
use roxmltree::{Document, Node};
use show::svg::{self, Canvas};

use crate::gallery;

const WIDTHS: [f64; 3] = [720.0, 340.0, 500.0];

fn draw(chart: &Chart, width: f64) -> String {
    let link = |id: &str| Some(format!("/pipeline/rows/{id}"));
    svg::chart(chart, &Canvas { width, link: &link, id: "c1" })
}

/// A rectangle: left, top, right, bottom.
type Area = (f64, f64, f64, f64);

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).map_or(0.0, |text| text.parse().unwrap())
}

/// An attribute that may stand at an ancestor.
fn inherited<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.ancestors().find_map(|node| node.attribute(name))
}

fn text_area(node: Node<'_, '_>) -> Area {
    let size: f64 = inherited(node, "font-size").map_or(12.0, |size| size.parse().unwrap());
    let strong = inherited(node, "font-weight") == Some("600");
    let wide = svg::text_width(node.text().unwrap_or_default(), size, strong);
    let (x, y) = (number(node, "x"), number(node, "y"));
    let left = match inherited(node, "text-anchor") {
        Some("middle") => x - wide / 2.0,
        Some("end") => x - wide,
        _ => x,
    };
    (left, y - size * 0.75, left + wide, y + size * 0.25)
}

/// The area of a mark; `None` for what draws nothing by itself.
fn area(node: Node<'_, '_>) -> Option<Area> {
    match node.tag_name().name() {
        "rect" => {
            let (x, y) = (number(node, "x"), number(node, "y"));
            Some((x, y, x + number(node, "width"), y + number(node, "height")))
        }
        "circle" => {
            let (x, y, r) = (number(node, "cx"), number(node, "cy"), number(node, "r"));
            Some((x - r, y - r, x + r, y + r))
        }
        "line" => {
            let (x, y) = (
                (number(node, "x1"), number(node, "x2")),
                (number(node, "y1"), number(node, "y2")),
            );
            Some((x.0.min(x.1), y.0.min(y.1), x.0.max(x.1), y.0.max(y.1)))
        }
        "text" => Some(text_area(node)),
        _ => None,
    }
}

fn drawn<'a, 'i>(document: &'a Document<'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    let inside = |node: &Node<'_, '_>| !node.ancestors().any(|node| node.has_tag_name("defs"));
    document.descendants().filter(Node::is_element).filter(inside)
}

fn touch(a: Area, b: Area) -> bool {
    a.0 + 0.2 < b.2 && b.0 + 0.2 < a.2 && a.1 + 0.2 < b.3 && b.1 + 0.2 < a.3
}

/// Finds what must not be in any drawing.
fn faults(chart: &Chart, svg: &str, width: f64) -> Vec<String> {
    let document = match Document::parse(svg) {
        Ok(document) => document,
        Err(error) => return vec![format!("not well-formed: {error}")],
    };
    let mut faults = Vec::new();
    let root = document.root_element();
    let view: Vec<f64> =
        root.attribute("viewBox").unwrap().split(' ').map(|x| x.parse().unwrap()).collect();
    let known = [
        "svg", "title", "desc", "defs", "pattern", "g", "a", "rect", "circle", "line", "path",
        "text",
    ];
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        if !known.contains(&name) {
            faults.push(format!("element {name}"));
        }
        for attribute in node.attributes() {
            let value = attribute.value();
            let outside = value.contains("url(") && !value.starts_with("url(#c1-");
            if attribute.name() == "style" || attribute.name().starts_with("on") || outside {
                faults.push(format!("attribute {} {value}", attribute.name()));
            }
            let words = [
                "d", "points", "x", "y", "width", "height", "cx", "cy", "r", "x1", "x2", "y1", "y2",
            ];
            if words.contains(&attribute.name()) && (value.contains("NaN") || value.contains("inf"))
            {
                faults.push(format!("{name} {} {value}", attribute.name()));
            }
        }
    }
    for node in drawn(&document) {
        let Some((left, top, right, bottom)) = area(node) else { continue };
        let room = 1.1;
        if left < -room || top < -room || right > view[2] + room || bottom > view[3] + room {
            let text = node.text().unwrap_or_default();
            faults.push(format!(
                "outside: {} {text} {left} {top} {right} {bottom} of {view:?}",
                node.tag_name().name()
            ));
        }
    }
    let axis: Vec<(Area, &str)> = drawn(&document)
        .filter(|node| node.has_tag_name("text") && inherited(*node, "class").is_some())
        .filter(|node| node.ancestors().any(|node| node.attribute("class") == Some("axis")))
        .map(|node| (text_area(node), node.text().unwrap_or_default()))
        .collect();
    for (at, (a, a_text)) in axis.iter().enumerate() {
        for (b, b_text) in &axis[at + 1..] {
            if touch(*a, *b) {
                faults.push(format!("`{a_text}` touches `{b_text}`"));
            }
        }
    }
    if faults.is_empty() || width.is_nan() {
        faults
    } else {
        faults.into_iter().map(|f| format!("{:?} at {width}: {f}", chart.form)).collect()
    }
}

#[test]
fn every_form_looks_as_it_did() {
    for chart in gallery::charts() {
        let lines = |svg: &str| svg.replace("><", ">\n<");
        insta::assert_snapshot!(format!("svg_{}", chart.id), lines(&draw(&chart, 720.0)));
    }
    let link = |_: &str| None;
    let canvas = Canvas { width: 120.0, link: &link, id: "s1" };
    insta::assert_snapshot!("svg_spark", svg::sparkline(&gallery::trend(), "USD", &canvas));
}

#[test]
fn every_form_says_what_it_finds() {
    let said: Vec<String> = gallery::charts()
        .iter()
        .map(|chart| format!("{}: {}", chart.id, svg::finding(chart)))
        .collect();
    insta::assert_snapshot!("svg_findings", said.join("\n"));
}

#[test]
fn no_two_texts_touch_and_a_drawing_stays_small() {
    for chart in gallery::charts() {
        for width in WIDTHS {
            let svg = draw(&chart, width);
            assert_eq!(faults(&chart, &svg, width), Vec::<String>::new(), "{}", chart.id);
            let document = Document::parse(&svg).unwrap();
            let texts: Vec<(Area, &str)> = drawn(&document)
                .filter(|node| node.has_tag_name("text"))
                .map(|node| (text_area(node), node.text().unwrap_or_default()))
                .collect();
            for (at, (a, a_text)) in texts.iter().enumerate() {
                for (b, b_text) in &texts[at + 1..] {
                    assert!(
                        !touch(*a, *b),
                        "{} at {width}: `{a_text}` {a:?} touches `{b_text}` {b:?}",
                        chart.id
                    );
                }
            }
            let marks = chart.series.iter().map(|series| series.values.len()).sum::<usize>();
            assert!(svg.len() < 6_000 + marks * 420, "{} at {width}: {}", chart.id, svg.len());
        }
    }
}

#[test]
fn marks_are_named_links_in_reading_order() {
    let chart = Chart::new("c", "Webinars won most", ChartForm::Bars, "USD")
        .points(["Webinar", "Email"])
        .with(
            Series::new("won", vec![Some(1.2e6), Some(3e5)])
                .range(0.95, vec![Some(1e6), None], vec![Some(1.4e6), None])
                .opens(vec![Some("channels.webinar.won".to_owned()), None]),
        );
    let svg = draw(&chart, 720.0);
    let document = Document::parse(&svg).unwrap();
    let points: Vec<Node<'_, '_>> =
        drawn(&document).filter(|node| node.attribute("class") == Some("point")).collect();
    let said: Vec<_> =
        points.iter().map(|node| node.first_element_child().unwrap().text().unwrap()).collect();
    assert_eq!(said, ["Webinar, won: $1.2M, 95% range $1M to $1.4M", "Email, won: $300K"]);
    assert_eq!(points[0].tag_name().name(), "a");
    assert_eq!(points[0].attribute("href"), Some("/pipeline/rows/channels.webinar.won"));
    assert_eq!(points[1].tag_name().name(), "g");
    let root = document.root_element();
    let by_id = |id: &str| drawn(&document).find(|node| node.attribute("id") == Some(id)).unwrap();
    assert_eq!(by_id(root.attribute("aria-labelledby").unwrap()).text(), Some("Webinars won most"));
    let described = by_id(root.attribute("aria-describedby").unwrap()).text();
    assert_eq!(described, Some("won: Webinar $1.2M, Email $300K."));
}

/// Everything that may come out of data, in each form.
#[test]
fn odd_charts_are_drawn_or_said() {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "a\u{202e}b\u{0}c\u{ffff}",
        "東京 展示会 東京 展示会",
        "]]> &amp; <!-- -->",
        "مؤتمر الويب",
    ];
    let long = "x".repeat(200);
    let names = |n: usize| {
        (0..n).map(|at| match hostile.get(at % 8) {
            Some(name) => (*name).to_owned(),
            None => format!("{long}{at}"),
        })
    };
    let months = |n: usize| (0..n).map(|at| format!("{}-{:02}", 2020 + at / 12, at % 12 + 1));
    let values: [&dyn Fn(usize) -> Option<f64>; 10] = [
        &|_| None,
        &|_| Some(0.0),
        &|at| Some(-(at as f64) - 1.0),
        &|at| Some(1e12 * (at as f64 + 1.0)),
        &|at| Some(1e-6 * (at as f64 + 1.0)),
        &|at| Some(if at % 2 == 0 { f64::NAN } else { f64::INFINITY }),
        &|at| Some(if at % 2 == 0 { 1e300 } else { 2.0 }),
        &|at| Some(10_f64.powi(at as i32 % 12)),
        &|at| (at % 3 != 1).then_some((at as f64 - 2.0) * 17.5),
        &|_| Some(42.0),
    ];
    let mut found = Vec::new();
    for form in ChartForm::ALL {
        for (n_points, n_series) in [(0, 1), (1, 1), (3, 0), (2, 2), (8, 12), (60, 3)] {
            for (nth, value) in values.iter().enumerate() {
                for unit in [if nth % 3 == 0 { "share" } else { "USD" }] {
                    let points: Vec<String> = if nth % 2 == 0 {
                        names(n_points).collect()
                    } else {
                        months(n_points).collect()
                    };
                    let mut chart = Chart::new("c", hostile[nth % 6], form, unit).points(points);
                    for (at, name) in names(n_series).enumerate() {
                        let all: Vec<_> = (0..n_points).map(|point| value(point + at)).collect();
                        let series = Series::new(name, all.clone());
                        let role = match (form, at) {
                            (ChartForm::Scatter, 0) => Role::Across,
                            (ChartForm::Scatter, 2) => Role::Size,
                            (_, 3) => Role::Target,
                            (_, 4) => Role::Previous,
                            (_, 5) => Role::Projected,
                            (_, 6) => Role::Conversion,
                            _ => Role::Measured,
                        };
                        let marks = vec![
                            [Mark::Total, Mark::Unfinished, Mark::Extrapolated][at % 3];
                            n_points
                        ];
                        let opens = vec![Some("x\"<y>&".to_owned()); n_points];
                        chart = chart.with(
                            series
                                .role(role)
                                .range(0.8, all.clone(), all)
                                .marks(marks)
                                .opens(opens),
                        );
                    }
                    if let Some(point) = chart.points.last().cloned() {
                        chart = chart
                            .annotate(&point, hostile[1])
                            .annotate(&point, &long)
                            .annotate("nowhere", "x");
                    }
                    for width in [if nth % 2 == 0 { 720.0 } else { 340.0 }] {
                        let svg = draw(&chart, width);
                        let case = format!("{n_points} {n_series} {nth} {unit}");
                        let faults = faults(&chart, &svg, width).into_iter();
                        found.extend(faults.map(|fault| format!("{fault} ({case})")));
                        assert!(
                            !svg.contains("<script")
                                && !svg.contains("<img")
                                && !svg.contains('\u{202e}')
                        );
                    }
                    assert!(!svg::finding(&chart).is_empty());
                }
            }
        }
    }
    let kind = |fault: &String| fault.chars().take(34).collect::<String>();
    found.sort();
    found.dedup_by_key(|fault| kind(fault));
    assert!(
        found.is_empty(),
        "{} faults, for example {:#?}",
        found.len(),
        found.get(..24.min(found.len()))
    );
}

#[test]
fn a_sparkline_is_a_sentence_and_a_line() {
    let link = |_: &str| None;
    let canvas = Canvas { width: 120.0, link: &link, id: "s" };
    let spark = |values: &[Option<f64>]| {
        let points = (0..values.len()).map(|at| format!("2026Q{}", at + 1)).collect();
        svg::sparkline(&Trend { points, values: values.to_vec() }, "USD", &canvas)
    };
    let title = |svg: &str| {
        Document::parse(svg)
            .unwrap()
            .root_element()
            .first_element_child()
            .unwrap()
            .text()
            .unwrap()
            .to_owned()
    };
    let rising = spark(&[Some(1e6), Some(4e6), None, Some(2e6)]);
    assert_eq!(title(&rising), "From $1M in 2026Q1 to $2M in 2026Q4, highest $4M in 2026Q2.");
    assert_eq!(title(&spark(&[Some(5e3)])), "$5K in 2026Q1.");
    assert_eq!(title(&spark(&[None, Some(f64::NAN)])), "No values.");
    for values in
        [&[][..], &[Some(0.0); 3], &[Some(1e300), Some(-1e300)], &[None, Some(1e-9), None]]
    {
        let svg = spark(values);
        assert!(Document::parse(&svg).is_ok() && !svg.contains("NaN"), "{svg}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_chart_is_well_formed_and_stays_on_its_canvas(chart in crate::charts(), width in 100.0..1500.0) {
        let svg = draw(&chart, width);
        prop_assert_eq!(faults(&chart, &svg, width), Vec::<String>::new());
        prop_assert_eq!(draw(&chart, width), svg);
        prop_assert!(!svg::finding(&chart).is_empty());
    }
}
