//! Charts on paper: the same drawing as on the page, with its finding as text alternative.

use std::sync::Arc;

use domain::answer::Chart;
use krilla::tagging::Tag;
use show::svg::{self, Canvas};
use show::visible::visible;
use usvg::fontdb::{Database, Language, Weight};
use usvg::{ImageHrefResolver, Options, Tree};

use crate::sheet::{INK, Node, SIDE, Sheet};
use crate::text::{Face, Line, REGULAR, SEMIBOLD};

/// The width for which a chart over the whole measure is drawn before it is scaled to the page.
const WIDE: f64 = 780.0;
/// The same for one of two charts side by side.
const NARROW: f64 = 376.0;
/// White between two charts.
const GAP: f32 = 18.0;
/// Height of a line of a title, and white below a chart.
const LEADING: f32 = 13.0;
const BELOW: f32 = 14.0;
/// Smaller than this, a chart moves to the appendix rather than being hard to read.
const LEGIBLE: f32 = 0.8;

/// What is needed to read charts: our own fonts and nothing else; no file is looked up.
pub(crate) struct Charts {
    fonts: Arc<Database>,
}

/// A chart that is ready to be placed.
struct Drawn {
    tree: Tree,
    width: f32,
    height: f32,
    finding: String,
    title: Vec<Line>,
}

impl Charts {
    pub(crate) fn new() -> Self {
        let mut known = Database::new();
        for (bytes, weight) in [(REGULAR, Weight::NORMAL), (SEMIBOLD, Weight::SEMIBOLD)] {
            let mut one = Database::new();
            one.load_font_data(bytes.to_vec());
            // The heavier font calls itself a family of its own; here both are one.
            for face in one.faces() {
                let mut face = face.clone();
                face.families = vec![("Inter".to_owned(), Language::English_UnitedStates)];
                face.weight = weight;
                known.push_face_info(face);
            }
        }
        known.set_sans_serif_family("Inter");
        known.set_serif_family("Inter");
        known.set_monospace_family("Inter");
        Self { fonts: Arc::new(known) }
    }

    /// Places the first two charts side by side, or the first alone, in one of three heights, the
    /// last of which is for one alone; returns how many of them are legible there.
    pub(crate) fn fit(
        &self,
        sheet: &mut Sheet<'_>,
        parent: Node,
        charts: &[Chart],
        rooms: [f32; 3],
    ) -> usize {
        for n in (1..=charts.len().min(2)).rev() {
            let each = (sheet.measure() - GAP * (n - 1) as f32) / n as f32;
            let canvas = if n == 1 { WIDE } else { NARROW };
            let charts = charts.iter().take(n);
            let mut drawn: Vec<Drawn> =
                charts.filter_map(|chart| self.draw(sheet, chart, canvas, each)).collect();
            let (head, height) = heights(&drawn);
            let scale = |room: f32| ((room - head - BELOW) / height.max(1.0)).min(1.0);
            let mut scales = rooms.into_iter().take(4 - n).map(scale);
            if let Some(scale) = scales.find(|scale| *scale >= LEGIBLE) {
                for one in &mut drawn {
                    one.width *= scale;
                    one.height *= scale;
                }
                place(sheet, parent, drawn, each);
                return n;
            }
        }
        0
    }

    /// Lays out charts one below the other.
    pub(crate) fn lay(&self, sheet: &mut Sheet<'_>, parent: Node, charts: &[Chart]) {
        let measure = sheet.measure();
        for chart in charts {
            let drawn: Vec<Drawn> = self.draw(sheet, chart, WIDE, measure).into_iter().collect();
            let (head, height) = heights(&drawn);
            sheet.need(head + height + BELOW);
            place(sheet, parent, drawn, measure);
        }
    }

    /// Draws a chart and fits it into a width; `None` where the drawing has nothing to show.
    fn draw(&self, sheet: &Sheet<'_>, chart: &Chart, drawn: f64, width: f32) -> Option<Drawn> {
        // Marks lead nowhere on paper; their figures are links in the tables.
        let canvas = Canvas { width: drawn, link: &|_| None, id: "chart" };
        let markup = svg::chart(chart, &canvas);
        let nothing = ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        };
        let options = Options {
            font_family: "Inter".to_owned(),
            fontdb: Arc::clone(&self.fonts),
            image_href_resolver: nothing,
            ..Options::default()
        };
        let tree = Tree::from_str(&sheet.fonts.drawable(&markup), &options).ok()?;
        let size = tree.size();
        #[expect(clippy::cast_possible_truncation, reason = "a width on paper")]
        let by_width = width / drawn as f32;
        let scale = by_width.min(sheet.most() * 0.6 / size.height());
        let title = visible(&chart.title);
        let title = sheet.fonts.clip(Face::Semibold, 9.5, &title, width, 3).0;
        let finding = visible(&svg::finding(chart)).into_owned();
        Some(Drawn {
            width: size.width() * scale,
            height: size.height() * scale,
            tree,
            finding,
            title,
        })
    }
}

/// The height of the titles of charts side by side, and of the charts.
fn heights(drawn: &[Drawn]) -> (f32, f32) {
    let lines = drawn.iter().map(|one| one.title.len()).max().unwrap_or(0);
    (lines as f32 * LEADING, drawn.iter().map(|one| one.height).fold(0.0, f32::max))
}

/// Places charts side by side, each with its finding as title.
fn place(sheet: &mut Sheet<'_>, parent: Node, drawn: Vec<Drawn>, each: f32) {
    let (head, height) = heights(&drawn);
    let top = sheet.y;
    for (at, one) in drawn.into_iter().enumerate() {
        let x = SIDE + at as f32 * (each + GAP);
        let node = sheet.tag(Some(parent), Tag::P);
        for (number, line) in one.title.into_iter().enumerate() {
            sheet.text(node, x, top + 9.5 + number as f32 * LEADING, line, INK);
        }
        let node = sheet.tag(Some(parent), Tag::Figure(Some(one.finding)));
        sheet.svg(node, (x, top + head + 3.0, one.width, one.height), one.tree);
        sheet.y = top + head + height + BELOW;
    }
}
