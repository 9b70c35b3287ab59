//! The explanation of a question as HTML. Markup inside of the Markdown is shown as text.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Turns Markdown into HTML whose headings lie below `h2`.
///
/// Raw HTML is shown as text, pictures become their description, and links lead to `http`, `https`,
/// a path or a place in the page, or else are text.
pub(super) fn html(text: &str) -> String {
    let lower = |level: HeadingLevel| match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H3,
        _ => HeadingLevel::H4,
    };
    let mut open_links = Vec::new();
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(move |event| {
        Some(match event {
            Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
            Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
                level: lower(level),
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            }),
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let leads = leads_somewhere(&dest_url);
                open_links.push(leads);
                if !leads {
                    return None;
                }
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::End(TagEnd::Link) => {
                if open_links.pop() != Some(true) {
                    return None;
                }
                Event::End(TagEnd::Link)
            }
            Event::Start(Tag::Image { .. } | Tag::HtmlBlock)
            | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => return None,
            other => other,
        })
    });
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, events);
    // A table may be wider than the page.
    out.replace(
        "<table>",
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table>",
    )
    .replace("</table>", "</table></div>")
}

/// True for an address that a page may link to.
pub(super) fn leads_somewhere(address: &str) -> bool {
    address.starts_with("https://")
        || address.starts_with("http://")
        || address.starts_with('#')
        || (address.starts_with('/') && !address.starts_with("//") && !address.contains('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_makes_no_script_and_no_foreign_link() {
        let text = "# Head\n\n**a** <script>x</script> [bad](javascript:alert(1)) \
                    [good](https://example.com) ![p](http://x/y.png) [odd](//evil.example)\n\n\
                    <div onclick=x>\n";
        let out = html(text);
        assert!(out.contains("<h3>Head</h3>") && out.contains("<strong>a</strong>"), "{out}");
        assert!(out.contains("&lt;script&gt;") && out.contains("href=\"https://example.com\""));
        for never in ["<script", "javascript:", "<img", "<div onclick", "//evil"] {
            assert!(!out.contains(never), "{never} in {out}");
        }
    }
}
