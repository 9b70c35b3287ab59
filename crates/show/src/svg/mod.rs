//! Charts as SVG: data in, one `<svg>` element out.
//!
//! The same text serves the page, the single file, the pack and mail. Every mark that opens rows is
//! a link, has a name of its own and stands in reading order; the element has a title and a
//! description that states the finding. Colors of the light theme stand in attributes, so that the
//! drawing is right without a stylesheet; [`STYLE`] replaces them by way of classes. There is no
//! script, no style attribute, no reference to anything outside.
//!
//! Pure and deterministic: coordinates have one decimal, text is measured with the font that the
//! product ships. Nothing that was handed in is left out silently: what cannot be drawn is named in
//! a note below the drawing.

mod axis;
mod bars;
mod color;
mod dots;
mod dumbbell;
mod finding;
mod funnel;
mod heat_map;
mod legend;
mod line;
mod pen;
mod scale;
mod scatter;
mod sheet;
mod spark;
mod stacked;
mod text;
mod waterfall;
mod write;

use domain::answer::{Annotation, Chart, ChartForm, Series};

use crate::visible::visible;
use pen::{escaped, n};
use sheet::Sheet;

pub use color::{DARK, LIGHT};
pub use finding::finding;
pub use spark::sparkline;

/// The stylesheet of charts: custom properties for light and dark, and what has them.
pub const STYLE: &str = include_str!("../../assets/charts.css");

/// The width from which a chart has names beside its marks rather than above.
const WIDE: f64 = 480.0;

/// What is drawn on.
#[derive(Clone, Copy)]
pub struct Canvas<'a> {
    /// Width in pixels; about 720 for a page and 340 for a telephone.
    pub width: f64,
    /// Returns the address that an identifier of [`Series::opens`] leads to.
    pub link: &'a dyn Fn(&str) -> Option<String>,
    /// The beginning of the identifiers of elements, different for each chart of a page.
    pub id: &'a str,
}

impl Canvas<'_> {
    /// The beginning of identifiers, with nothing in it that a reference cannot hold.
    fn prefix(&self) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let id: String = self.id.chars().map(safe).collect();
        if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { format!("c{id}") }
    }
}

/// Returns how wide a text is in the font of the product, in pixels at a size in pixels.
pub fn text_width(text: &str, size: f64, semibold: bool) -> f64 {
    text::width(text, size, semibold)
}

/// Draws a chart.
pub fn chart(chart: &Chart, canvas: &Canvas<'_>) -> String {
    let clean = &cleaned(chart);
    let id = canvas.prefix();
    let mut sheet = Sheet::new(clean, canvas);
    let bottom = if sheet.empty() {
        sheet.say_nothing()
    } else {
        match clean.form {
            ChartForm::Bars => bars::draw(&mut sheet),
            ChartForm::Stacked => stacked::draw(&mut sheet),
            ChartForm::Line => line::draw(&mut sheet),
            ChartForm::Waterfall => waterfall::draw(&mut sheet),
            ChartForm::Funnel => funnel::draw(&mut sheet),
            ChartForm::HeatMap => heat_map::draw(&mut sheet),
            ChartForm::Scatter => scatter::draw(&mut sheet),
            ChartForm::Dots => dots::draw(&mut sheet),
            ChartForm::Dumbbell => dumbbell::draw(&mut sheet),
        }
    };
    let height = sheet.write_notes(bottom).ceil();
    let form = format!("{:?}", clean.form).to_lowercase();
    let (width, title) = (n(sheet.width), escaped(&clean.title));
    let said = finding::numbers(clean);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart chart-{form}\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"group\" \
         aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\" \
         font-family=\"Inter, sans-serif\" font-size=\"12\" fill=\"{ink}\">\
         <title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{said}</desc>\
         {patterns}{body}</svg>\n",
        height = n(height),
        ink = LIGHT.ink,
        said = escaped(&said),
        patterns = sheet.pen.patterns(&id),
        body = sheet.pen.body(),
    )
}

/// The same chart with texts that neither hide nor steer anything, and numbers that can be drawn.
fn cleaned(chart: &Chart) -> Chart {
    let shown = |text: &String| visible(text).into_owned();
    let drawn = |x: &Option<f64>| x.filter(|x| x.abs() < scale::MOST);
    let all = |values: &[Option<f64>]| values.iter().map(drawn).collect::<Vec<_>>();
    let mut clean = chart.clone();
    clean.title = shown(&chart.title);
    clean.points = chart.points.iter().map(shown).collect();
    for Series { name, values, ranges, .. } in &mut clean.series {
        *name = shown(name);
        *values = all(values);
        for range in ranges {
            range.low = all(&range.low);
            range.high = all(&range.high);
        }
    }
    for Annotation { point, text } in &mut clean.annotations {
        (*point, *text) = (shown(point), shown(text));
    }
    clean
}
