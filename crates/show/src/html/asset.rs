//! The files that pages ask for: styles, script, fonts, and the sign.

use std::borrow::Cow;
use std::sync::LazyLock;

/// A file that pages ask for, at [`Asset::url`].
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its name, for example `app.css`.
    pub name: &'static str,
    /// The first digits of the hash of its bytes: the address changes with the content.
    pub hash: String,
    /// Its kind.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, bytes: Cow<'static, [u8]>) -> Self {
        let hash = blake3::hash(&bytes).to_hex().chars().take(16).collect();
        Self { name, hash, content_type, bytes }
    }

    /// Its path on the server: `/static/{hash}/{name}`.
    pub fn url(&self) -> String {
        format!("/static/{}/{}", self.hash, self.name)
    }
}

/// Fonts, by the name that the styles use: the first three are enough for Latin text.
const FONTS: [(&str, &[u8]); 6] = [
    ("inter-regular.woff2", include_bytes!("../../assets/fonts/inter-regular.woff2")),
    ("inter-semibold.woff2", include_bytes!("../../assets/fonts/inter-semibold.woff2")),
    ("serif-headline.woff2", include_bytes!("../../assets/fonts/serif-headline.woff2")),
    ("inter-regular-more.woff2", include_bytes!("../../assets/fonts/inter-regular-more.woff2")),
    ("inter-semibold-more.woff2", include_bytes!("../../assets/fonts/inter-semibold-more.woff2")),
    ("serif-headline-more.woff2", include_bytes!("../../assets/fonts/serif-headline-more.woff2")),
];

const STYLES: [&str; 3] = [
    include_str!("../../assets/app.css"),
    include_str!("../../assets/charts.css"),
    include_str!("../../assets/print.css"),
];
const SCRIPT: &[u8] = include_bytes!("../../assets/app.js");
const SIGN: &[u8] = include_bytes!("../../assets/sign.svg");

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let font = |(name, bytes): (&'static str, &'static [u8])| {
        Asset::new(name, "font/woff2", Cow::Borrowed(bytes))
    };
    let mut assets: Vec<Asset> = FONTS.into_iter().map(font).collect();
    let styles = styles(&assets.iter().map(|font| (font.name, font.url())).collect::<Vec<_>>());
    assets.push(Asset::new("app.css", "text/css; charset=utf-8", styles.into_bytes().into()));
    assets.push(Asset::new("app.js", "text/javascript; charset=utf-8", SCRIPT.into()));
    assets.push(Asset::new("sign.svg", "image/svg+xml", SIGN.into()));
    assets
});

/// The files that pages ask for.
pub fn assets() -> &'static [Asset] {
    &ASSETS
}

/// The address of a file; empty for one that does not exist.
pub(super) fn url(name: &str) -> String {
    ASSETS.iter().find(|asset| asset.name == name).map(Asset::url).unwrap_or_default()
}

/// All styles as one text, with the addresses of fonts put in.
fn styles(fonts: &[(&str, String)]) -> String {
    let text = STYLES.concat();
    fonts.iter().fold(text, |text, (name, url)| {
        text.replace(&format!("url(\"{name}\")"), &format!("url(\"{url}\")"))
    })
}

/// All styles with the fonts in them, for a file that stands alone. The fonts for Greek and
/// Cyrillic are left out unless they are wanted.
pub(super) fn styles_alone(all_scripts: bool) -> String {
    let fonts: Vec<(&str, String)> = FONTS
        .iter()
        .map(|(name, bytes)| {
            let kept = all_scripts || !name.contains("-more");
            let bytes: &[u8] = if kept { bytes } else { &[] };
            let text = data_encoding::BASE64.encode(bytes);
            (*name, format!("data:font/woff2;base64,{text}"))
        })
        .collect();
    styles(&fonts)
}
