//! Writes elements with coordinates of one decimal and text that is never markup.

use std::borrow::Cow;
use std::fmt::Write;

use super::color::LIGHT;

/// Writes a coordinate.
pub(super) fn n(x: f64) -> String {
    if !x.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Escapes text for content and attributes; characters that XML cannot hold become U+FFFD.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || foreign(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if foreign(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// True for characters outside of the `Char` production of XML 1.0.
fn foreign(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Where a text stands relative to its position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Look {
    /// A class: `muted` for what is read second, `strong` for values.
    pub(super) class: &'static str,
    pub(super) size: f64,
    pub(super) strong: bool,
    pub(super) color: Option<&'static str>,
}

impl Look {
    /// Names.
    pub(super) const NAME: Self = Self { class: "", size: 12.0, strong: false, color: None };
    /// Values beside marks.
    pub(super) const VALUE: Self = Self { strong: true, ..Self::NAME };
    /// What is read second: axes, notes.
    pub(super) const MUTED: Self =
        Self { class: "muted", size: 11.0, strong: false, color: Some(LIGHT.muted) };
}

/// What is written so far.
#[derive(Default, Debug)]
pub(super) struct Pen {
    out: String,
    loss: bool,
    open: [bool; 2],
    target_gap: bool,
}

impl Pen {
    pub(super) fn body(&self) -> &str {
        &self.out
    }

    /// Writes markup as it is.
    pub(super) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Writes a group with attributes of its own.
    pub(super) fn group(&mut self, attributes: &str, content: impl FnOnce(&mut Self)) {
        self.write(format_args!("<g{}{attributes}>", gap(attributes)));
        content(self);
        self.raw("</g>");
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, attributes: &str) {
        let (x, y, width, height) = (n(x), n(y), n(width.max(0.0)), n(height.max(0.0)));
        let gap = gap(attributes);
        self.write(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{gap}{attributes}/>"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), attributes: &str) {
        let (x1, y1, x2, y2) = (n(from.0), n(from.1), n(to.0), n(to.1));
        let gap = gap(attributes);
        self.write(format_args!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"{gap}{attributes}/>"
        ));
    }

    pub(super) fn circle(&mut self, at: (f64, f64), radius: f64, attributes: &str) {
        let (x, y, r) = (n(at.0), n(at.1), n(radius));
        let gap = gap(attributes);
        self.write(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\"{gap}{attributes}/>"));
    }

    pub(super) fn path(&mut self, d: &str, attributes: &str) {
        if !d.is_empty() {
            let gap = gap(attributes);
            self.write(format_args!("<path d=\"{d}\"{gap}{attributes}/>"));
        }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, look: Look, text: &str) {
        if text.is_empty() {
            return;
        }
        self.write(format_args!("<text x=\"{}\" y=\"{}\"", n(x), n(y)));
        match anchor {
            Anchor::Start => {}
            Anchor::Middle => self.raw(" text-anchor=\"middle\""),
            Anchor::End => self.raw(" text-anchor=\"end\""),
        }
        if !look.class.is_empty() {
            self.write(format_args!(" class=\"{}\"", look.class));
        }
        if (look.size - Look::NAME.size).abs() > 0.01 {
            self.write(format_args!(" font-size=\"{}\"", n(look.size)));
        }
        if look.strong {
            self.raw(" font-weight=\"600\"");
        }
        if let Some(color) = look.color {
            self.write(format_args!(" fill=\"{color}\""));
        }
        self.write(format_args!(">{}</text>", escaped(text)));
    }

    /// The paint of a loss: hatched, so that it is told from a gain without color.
    pub(super) fn loss(&mut self, id: &str) -> String {
        self.loss = true;
        format!("url(#{id}-loss)")
    }

    /// The paint over what is not complete; of another color upon dark ground.
    pub(super) fn open(&mut self, id: &str, on_dark: bool) -> String {
        let [light, dark] = &mut self.open;
        *(if on_dark { dark } else { light }) = true;
        format!("url(#{id}-open{})", if on_dark { "-dark" } else { "" })
    }

    /// The paint between a value and its target.
    pub(super) fn target_gap(&mut self, id: &str) -> String {
        self.target_gap = true;
        format!("url(#{id}-gap)")
    }

    /// Definitions of the paints that were used.
    pub(super) fn patterns(&self, id: &str) -> String {
        let mut out = String::new();
        let mut pattern = |name: &str, size: u8, body: &str| {
            let open = format!(
                "<pattern id=\"{id}-{name}\" width=\"{size}\" height=\"{size}\" \
                 patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
            );
            out.push_str(&(open + body + "</pattern>"));
        };
        if self.loss {
            let body = format!(
                "<rect class=\"loss\" width=\"6\" height=\"6\" fill=\"{}\"/>\
                 <line class=\"paper\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" stroke=\"{}\" \
                 stroke-width=\"2.4\"/>",
                LIGHT.loss, LIGHT.paper
            );
            pattern("loss", 6, &body);
        }
        let [on_light, on_dark] = self.open;
        let open = [
            (on_light, "open", "hatch-ink", LIGHT.ink, 0.28),
            (on_dark, "open-dark", "hatch", LIGHT.paper, 0.5),
        ];
        for (_, name, class, color, opacity) in open.into_iter().filter(|(used, ..)| *used) {
            let body = format!(
                "<line class=\"{class}\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\" stroke=\"{color}\" \
                 stroke-width=\"1.6\" stroke-opacity=\"{opacity}\"/>"
            );
            pattern(name, 5, &body);
        }
        if self.target_gap {
            let body = format!(
                "<line class=\"zero\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" stroke=\"{}\" \
                 stroke-width=\"1.2\" stroke-opacity=\"0.5\"/>",
                LIGHT.axis
            );
            pattern("gap", 6, &body);
        }
        if out.is_empty() { out } else { format!("<defs>{out}</defs>") }
    }

    pub(super) fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        self.out.write_fmt(arguments).unwrap_or_default();
    }
}

fn gap(attributes: &str) -> &'static str {
    if attributes.is_empty() { "" } else { " " }
}

/// Attributes of a group of texts that stand upon lines: paper around each letter.
pub(super) fn haloed() -> String {
    format!(
        "class=\"haloed\" stroke=\"{}\" stroke-width=\"3\" stroke-linejoin=\"round\" \
         paint-order=\"stroke\"",
        LIGHT.paper
    )
}

/// Writes the path of an open line through points; each run without a gap is a part of its own.
pub(super) fn trail(points: &[Option<(f64, f64)>]) -> String {
    let mut d = String::new();
    let mut pen_down = false;
    for point in points {
        match point {
            Some((x, y)) => {
                d.push_str(if pen_down { "L" } else { "M" });
                d.push_str(&format!("{} {}", n(*x), n(*y)));
                pen_down = true;
            }
            None => pen_down = false,
        }
    }
    d
}

/// Writes the path around two lines over the same points, closed for each run without a gap.
pub(super) fn ribbon(points: &[Option<(f64, f64, f64)>]) -> String {
    let mut d = String::new();
    for run in points.split(Option::is_none) {
        let run: Vec<(f64, f64, f64)> = run.iter().flatten().copied().collect();
        if run.len() < 2 {
            continue;
        }
        let there = run.iter().map(|&(x, a, _)| (x, a));
        let back = run.iter().rev().map(|&(x, _, b)| (x, b));
        for (at, (x, y)) in there.chain(back).enumerate() {
            d.push_str(&format!("{}{} {}", if at == 0 { "M" } else { "L" }, n(x), n(y)));
        }
        d.push('Z');
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_always_numbers() {
        let written = [0.0, -0.04, 1.0, 1.25, -2.349, f64::NAN, f64::INFINITY].map(n);
        assert_eq!(written, ["0", "0", "1", "1.2", "-2.3", "0", "0"]);
    }

    #[test]
    fn text_is_never_markup() {
        assert_eq!(
            escaped("<script>\"x\" & 'y'\u{b}\u{ffff}"),
            "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;\u{FFFD}\u{FFFD}"
        );
    }

    #[test]
    fn a_gap_begins_a_new_part_of_a_line() {
        let points = [Some((0.0, 1.0)), Some((1.0, 2.0)), None, Some((3.0, 4.0))];
        assert_eq!(trail(&points), "M0 1L1 2M3 4");
        let band = [Some((0.0, 1.0, 2.0)), Some((1.0, 1.0, 3.0)), None, Some((3.0, 4.0, 5.0))];
        assert_eq!(ribbon(&band), "M0 1L1 1L1 3L0 2Z");
    }
}
