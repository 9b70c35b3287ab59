//! The one way in which text gets into a page: escaped, and with hidden characters made visible.

use std::fmt;

use askama::filters::{Escaper, Html};

use crate::visible::visible;

/// The escaper of all templates (`askama.toml` names it). Markup of our own making is passed around
/// it with the filter `safe`.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Seen;

impl Escaper for Seen {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, string: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &visible(string))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        Seen.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn markup_becomes_text_and_hidden_characters_are_seen() {
        assert_eq!(
            escaped("<img src=x onerror=\"alert('1')\">\u{202e}&"),
            "&#60;img src=x onerror=&#34;alert(&#39;1&#39;)&#34;&#62;&#60;U+202E&#62;&#38;"
        );
    }
}
