//! One line of a tap becomes a message, values kept as their text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::ndjson::depth;
use crate::limits::Limits;

/// A message of a tap.
#[derive(Debug)]
pub(super) enum Message<'a> {
    Schema { stream: String, schema: &'a RawValue, keys: Vec<String>, bookmarks: Vec<String> },
    Record { stream: String, record: &'a RawValue, version: Option<i64> },
    State(&'a RawValue),
    ActivateVersion { stream: String, version: i64 },
    Batch { stream: String, format: String, compression: Option<String>, manifest: Vec<String> },
    Unknown(String),
}

/// Why a line is no message: code, and what was expected and found.
pub(super) type Fault = (&'static str, String);

/// The members that any message may have; those of other message types are passed over.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    key_properties: Option<&'a RawValue>,
    #[serde(borrow)]
    bookmark_properties: Option<&'a RawValue>,
    version: Option<i64>,
    encoding: Option<Encoding>,
    manifest: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Encoding {
    format: Option<String>,
    compression: Option<String>,
}

/// Reads a line.
pub(super) fn read<'a>(text: &'a [u8], limits: &Limits) -> Result<Message<'a>, Fault> {
    if depth(text) > limits.json_depth {
        let message = format!("the line nests deeper than the limit of {}", limits.json_depth);
        return Err(("singer.depth", message));
    }
    let line: Line<'a> = serde_json::from_slice(text)
        .map_err(|error| ("singer.syntax", format!("the line is no Singer message: {error}")))?;
    let kind = line.kind.as_deref().unwrap_or_default().to_ascii_uppercase();
    let lacks = |name: &str| ("singer.message", format!("the {kind} message has no `{name}`"));
    let stream = || {
        let named = line.stream.as_deref().filter(|name| !name.trim().is_empty());
        named.map(str::to_owned).ok_or_else(|| lacks("stream"))
    };
    match kind.as_str() {
        "SCHEMA" => Ok(Message::Schema {
            stream: stream()?,
            schema: line.schema.ok_or_else(|| lacks("schema"))?,
            keys: names("key_properties", line.key_properties)?,
            bookmarks: names("bookmark_properties", line.bookmark_properties)?,
        }),
        "RECORD" => Ok(Message::Record {
            stream: stream()?,
            record: line.record.ok_or_else(|| lacks("record"))?,
            version: line.version,
        }),
        "STATE" => Ok(Message::State(line.value.ok_or_else(|| lacks("value"))?)),
        "ACTIVATE_VERSION" => Ok(Message::ActivateVersion {
            stream: stream()?,
            version: line.version.ok_or_else(|| lacks("version"))?,
        }),
        "BATCH" => {
            let encoding = line.encoding.ok_or_else(|| lacks("encoding"))?;
            Ok(Message::Batch {
                stream: stream()?,
                format: encoding.format.ok_or_else(|| lacks("encoding.format"))?,
                compression: encoding.compression.filter(|name| name != "none"),
                manifest: line.manifest.ok_or_else(|| lacks("manifest"))?,
            })
        }
        "" => Err(lacks("type")),
        _ => Ok(Message::Unknown(kind)),
    }
}

/// Names of properties: a list, one name, or nothing.
fn names(what: &str, raw: Option<&RawValue>) -> Result<Vec<String>, Fault> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let text = raw.get();
    if let Ok(names) = serde_json::from_str::<Option<Vec<String>>>(text) {
        return Ok(names.unwrap_or_default());
    }
    serde_json::from_str::<String>(text)
        .map(|name| vec![name])
        .map_err(|_| ("singer.message", format!("`{what}` is no list of names")))
}
