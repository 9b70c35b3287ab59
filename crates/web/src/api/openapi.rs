//! The API, described (OpenAPI 3.1).

use serde_json::{Value, json};

/// The document.
pub(crate) fn document(base: &str) -> Value {
    json!({ "openapi": "3.1.0", "servers": [{ "url": base }] })
}
