//! Texts as numbers: each distinct text is kept once and named by a dense code.

use std::collections::HashMap;
use std::sync::Arc;

/// A code that names nothing.
pub(crate) const NONE: u32 = u32::MAX;

/// Distinct texts in order of their first appearance.
#[derive(Clone, Default, Debug)]
pub(crate) struct Names {
    codes: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Names {
    /// Returns the code of a text, a new one where it was not seen before.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.codes.get(text) {
            return code;
        }
        let code = u32::try_from(self.texts.len()).unwrap_or(NONE);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.codes.insert(text, code);
        code
    }

    /// Returns a text by its code.
    pub(crate) fn text(&self, code: u32) -> Option<&Arc<str>> {
        self.texts.get(code as usize)
    }

    pub(crate) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the texts in order and, for each code, its place in that order.
    pub(crate) fn sorted(&self) -> (Vec<Arc<str>>, Vec<u32>) {
        let mut order: Vec<(Arc<str>, u32)> = self.texts.iter().cloned().zip(0..).collect();
        order.sort();
        let mut places = vec![NONE; order.len()];
        for ((_, code), place) in order.iter().zip(0..) {
            if let Some(slot) = places.get_mut(*code as usize) {
                *slot = place;
            }
        }
        (order.into_iter().map(|(text, _)| text).collect(), places)
    }
}

/// Many short texts one after the other: 8 bytes and the text for each.
#[derive(Clone, Default, Debug)]
pub(crate) struct Texts {
    ends: Vec<usize>,
    bytes: String,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(at).copied().unwrap_or(0);
        self.bytes.get(start.unwrap_or(0)..end).unwrap_or("")
    }
}
