//! Writes a page with every form of chart, light and dark, wide and narrow, to be looked at:
//! `cargo run -p show --example gallery > gallery.html`.

#[path = "../tests/show/gallery.rs"]
mod gallery;

fn main() {
    use std::io::Write;
    let page = gallery::page();
    // A closed pipe is no failure of an example.
    std::io::stdout().write_all(page.as_bytes()).unwrap_or_default();
}
