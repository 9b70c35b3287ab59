//! Which layout is this? The user's mappings first, then the presets.

use std::sync::Arc;

use domain::{Diagnostic, Place};

use crate::preset::{Preset, Shape, presets};
use crate::recipe::{Header, Recipe, bind_preset};
use crate::settings::{Rejected, Settings};
use crate::value::shown;

/// A layout laid onto a header.
pub(crate) struct Recognized {
    pub(crate) id: String,
    pub(crate) about: String,
    pub(crate) recipe: Recipe,
    pub(crate) matched: Vec<(usize, String)>,
    pub(crate) notes: Vec<String>,
    pub(crate) score: usize,
    /// True for a mapping of the user.
    pub(crate) mapped: bool,
    /// The separator that a mapping expects.
    pub(crate) separator: Option<u8>,
}

/// Finds the layout of a header; an error where one fits by name and cannot be read.
pub(crate) fn recognize(
    names: &[Arc<str>],
    file: &Arc<str>,
    settings: &Settings,
    line: u64,
) -> Result<Option<Recognized>, Rejected> {
    let header = Header::new(names);
    for mapping in &settings.mappings {
        if mapping.fits(file, &header) {
            return mapping.bind(&header, settings, file, line).map(Some);
        }
    }
    let mut best: Option<(usize, &Preset)> = None;
    for preset in presets() {
        if let Some(score) = fingerprint(preset, &header)
            && best.is_none_or(|(before, _)| score > before)
        {
            best = Some((score, preset));
        }
    }
    let Some((score, preset)) = best else { return Ok(None) };
    let bound = bind_preset(preset, &header, settings, file, line)?;
    Ok(Some(Recognized {
        id: preset.id.to_owned(),
        about: preset.about.to_owned(),
        recipe: bound.recipe,
        matched: bound.matched,
        notes: bound.notes,
        score,
        mapped: false,
        separator: None,
    }))
}

/// Weighs how well a preset fits: the fingerprint must be whole, columns that it reads add to it.
fn fingerprint(preset: &Preset, header: &Header<'_>) -> Option<usize> {
    if header.names.len() < 2 || preset.none.iter().any(|name| header.has(name)) {
        return None;
    }
    let loader_prefix = |name: &Arc<str>| {
        let lower = name.to_lowercase();
        lower.starts_with("property_") || lower.starts_with("properties")
    };
    if preset.system == "salesforce" && header.names.iter().any(loader_prefix) {
        return None;
    }
    let whole = preset
        .any
        .iter()
        .filter(|set| set.iter().all(|name| header.has(name)))
        .map(|set| set.len())
        .max()?;
    let read = preset
        .facts
        .iter()
        .flat_map(|fact| fact.columns)
        .filter(|column| column.from.iter().any(|name| header.has(name)))
        .count();
    // Where a file is known to make no facts, any layout that makes some goes before.
    Some(if matches!(preset.shape, Shape::Skip(_)) { whole } else { whole * 2 + read })
}

/// Most columns that a message names.
const COLUMNS_SHOWN: usize = 12;

/// Says that no layout fits.
pub(crate) fn unknown(file: &Arc<str>, header: &[Arc<str>]) -> Diagnostic {
    let mut found: Vec<String> = header.iter().take(COLUMNS_SHOWN).map(|n| shown(n)).collect();
    if header.len() > COLUMNS_SHOWN {
        found.push(format!("{} more", header.len() - COLUMNS_SHOWN));
    }
    Diagnostic::error(
        "intake.not-recognized",
        format!("no preset and no mapping recognizes the columns: {}", found.join(", ")),
    )
    .at(Place::file(Arc::clone(file)))
    .hint(
        "Draft a mapping with `throughline load --explain FILE > mappings/NAME.toml`, complete it, \
         and load again.",
    )
}
