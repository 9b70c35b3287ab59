//! Charts on paper: the same drawing as on the page, with its finding as text alternative.

use std::sync::Arc;

use domain::answer::Chart;
use krilla::tagging::Tag;
use show::svg::{self, Canvas};
use show::visible::visible;
use usvg::fontdb::{Database, Language, Weight};
use usvg::{ImageHrefResolver, Options, Tree};

use crate::sheet::{INK, Node, SIDE, Sheet};
use crate::text::{Face, REGULAR, SEMIBOLD};

/// The width for which a chart over the whole measure is drawn before it is scaled to the page.
const WIDE: f64 = 780.0;
/// The same for one of two charts side by side.
const NARROW: f64 = 376.0;
/// White between two charts.
const GAP: f32 = 18.0;

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
    title: String,
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

    /// Lays out charts below what is there already.
    pub(crate) fn lay(&self, sheet: &mut Sheet<'_>, parent: Node, charts: &[Chart]) {
        let measure = sheet.measure();
        let half = (measure - GAP) / 2.0;
        let mut rest = charts;
        while let Some((chart, more)) = rest.split_first() {
            let pair = more.first().filter(|other| small(chart) && small(other));
            let drawn: Vec<Drawn> = match pair {
                Some(other) => [chart, other]
                    .into_iter()
                    .filter_map(|chart| self.draw(sheet, chart, NARROW, half))
                    .collect(),
                None => self.draw(sheet, chart, WIDE, measure).into_iter().collect(),
            };
            rest = if pair.is_some() { more.get(1..).unwrap_or_default() } else { more };
            place(sheet, parent, drawn);
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
        let title = visible(&chart.title).into_owned();
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

/// True for a chart that is legible at half of the width.
fn small(chart: &Chart) -> bool {
    chart.points.len() <= 8 && chart.series.len() <= 4
}

/// Places one chart, or two side by side, each with its finding as title.
fn place(sheet: &mut Sheet<'_>, parent: Node, drawn: Vec<Drawn>) {
    let n = drawn.len();
    if n == 0 {
        return;
    }
    let each = if n > 1 { (sheet.measure() - GAP) / 2.0 } else { sheet.measure() };
    let titles: Vec<_> =
        drawn.iter().map(|one| sheet.fonts.wrap(Face::Semibold, 9.5, &one.title, each)).collect();
    let n_lines = titles.iter().map(Vec::len).max().unwrap_or(1) as f32;
    let height = drawn.iter().map(|one| one.height).fold(0.0, f32::max);
    sheet.need(n_lines * 13.0 + height + 14.0);
    let top = sheet.y;
    for (at, (one, title)) in drawn.into_iter().zip(titles).enumerate() {
        let x = SIDE + at as f32 * (each + GAP);
        let node = sheet.tag(Some(parent), Tag::P);
        for (number, line) in title.into_iter().enumerate() {
            sheet.text(node, x, top + 9.5 + number as f32 * 13.0, line, INK);
        }
        let node = sheet.tag(Some(parent), Tag::Figure(Some(one.finding)));
        let place = (x, top + n_lines * 13.0 + 3.0, one.width, one.height);
        sheet.svg(node, place, one.tree);
    }
    sheet.y = top + n_lines * 13.0 + height + 14.0;
}
