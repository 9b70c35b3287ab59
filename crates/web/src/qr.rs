//! A QR code as an SVG of our own making.

use qrcode::types::Color;

/// Draws a text as a QR code; empty where it does not fit into one.
pub(crate) fn svg(text: &str) -> String {
    let Ok(code) = qrcode::QrCode::new(text.as_bytes()) else { return String::new() };
    let width = code.width();
    let colors = code.to_colors();
    // Four modules of light around it are part of the code.
    let all = width + 8;
    let mut path = String::new();
    for (at, color) in colors.iter().enumerate() {
        if *color == Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", at % width + 4, at / width + 4));
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all} {all}\" width=\"200\" \
         height=\"200\" role=\"img\" aria-label=\"QR code to scan with an authenticator app\">\
         <rect width=\"{all}\" height=\"{all}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    )
}
