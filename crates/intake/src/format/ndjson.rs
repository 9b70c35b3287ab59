//! NDJSON: one object a line, numbers kept as their text, keys that repeat refused.
//!
//! Nested objects become columns with dotted names, two levels deep; lists stay lists and are
//! refused by any column but those that take one.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use domain::{Diagnostic, Place};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Cells, Each, Item, Row, RowFault, Tail};
use crate::kept::Broken;
use crate::limits::Limits;
use crate::settings::Rejected;
use crate::value::Raw;

/// A value of an object with its texts unescaped.
#[derive(Clone, Debug)]
enum Held {
    Null,
    Text(String),
    Number(String),
    Boolean(bool),
    Nested(String),
}

impl Held {
    fn raw(&self) -> Raw<'_> {
        match self {
            Self::Null => Raw::Missing,
            Self::Text(text) => Raw::Text(text),
            Self::Number(text) => Raw::Number(text),
            Self::Boolean(value) => Raw::Boolean(*value),
            Self::Nested(text) => Raw::Nested(text),
        }
    }
}

/// Why a line is no object that can be read.
struct LineFault {
    rule: &'static str,
    message: String,
    key: Option<String>,
}

/// Reads the rows; keys that are not in the header are counted by name.
pub fn read(
    input: &mut dyn Read,
    header: &[Arc<str>],
    limits: &Limits,
    file: &Arc<str>,
    unknown: &mut Vec<String>,
    each: &mut Each<'_>,
) -> Result<Tail, Rejected> {
    let positions: HashMap<&str, usize> =
        header.iter().enumerate().map(|(at, name)| (&**name, at)).collect();
    let mut values: Vec<Held> = Vec::new();
    lines(input, limits, file, &mut |line, text| {
        let found = match object(text, limits) {
            Ok(found) => found,
            Err(fault) => {
                let excerpt: String = String::from_utf8_lossy(text).chars().take(120).collect();
                return each(Item::Fault(RowFault {
                    line,
                    cell: fault.key.as_deref().and_then(|key| positions.get(key).copied()),
                    column: fault.key.map(Into::into),
                    rule: fault.rule,
                    message: fault.message,
                    hint: None,
                    excerpt: crate::value::shown(&excerpt),
                    broken: Broken::Line(text.to_vec()),
                }));
            }
        };
        values.clear();
        values.resize(header.len(), Held::Null);
        for (key, value) in found {
            match positions.get(key.as_str()).and_then(|&at| values.get_mut(at)) {
                Some(slot) => *slot = value,
                None if unknown.len() < limits.columns && !unknown.contains(&key) => {
                    unknown.push(key);
                }
                None => {}
            }
        }
        let raws: Vec<Raw<'_>> = values.iter().map(Held::raw).collect();
        each(Item::Row(Row { line, cells: Cells::Typed(&raws) }))
    })
}

/// Gathers the keys of the first lines, in the order in which they appear.
pub fn keys(
    input: &mut dyn Read,
    limits: &Limits,
    file: &Arc<str>,
) -> Result<Vec<Arc<str>>, Rejected> {
    let mut keys: Vec<Arc<str>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut n_lines = 0;
    lines(input, limits, file, &mut |_, text| {
        n_lines += 1;
        for (key, _) in object(text, limits).unwrap_or_default() {
            if seen.insert(key.clone()) {
                keys.push(key.into());
            }
        }
        Ok(n_lines < 1_000 && keys.len() <= limits.columns)
    })?;
    Ok(keys)
}

/// What takes the number and the bytes of a line; `false` stops the reading.
type EachLine<'e> = dyn FnMut(u64, &[u8]) -> Result<bool, Rejected> + 'e;

/// Calls with each line that is not blank; a line beyond the limit refuses the file.
fn lines(
    input: &mut dyn Read,
    limits: &Limits,
    file: &Arc<str>,
    each: &mut EachLine<'_>,
) -> Result<Tail, Rejected> {
    let mut reader = BufReader::with_capacity(128 * 1024, input);
    let mut line = 0;
    let mut text = Vec::new();
    let mut tail = Tail::default();
    loop {
        text.clear();
        let most = limits.line_bytes as u64 + 1;
        let read = reader
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut text)
            .map_err(|error| super::decode::rejected(error, file))?;
        if read == 0 {
            return Ok(tail);
        }
        line += 1;
        tail.open = text.last() != Some(&b'\n');
        if text.len() > limits.line_bytes {
            return Err(Diagnostic::error(
                "ndjson.line-limit",
                format!("line {line} is longer than the line limit of {} bytes", limits.line_bytes),
            )
            .at(Place::line(Arc::clone(file), line))
            .hint("Write one object a line.")
            .into());
        }
        let trimmed = text.trim_ascii();
        if !trimmed.is_empty() && !each(line, trimmed)? {
            return Ok(tail);
        }
    }
}

fn object(text: &[u8], limits: &Limits) -> Result<Vec<(String, Held)>, LineFault> {
    if depth(text) > limits.json_depth {
        return Err(LineFault {
            rule: "ndjson.depth",
            message: format!("the line nests deeper than the limit of {}", limits.json_depth),
            key: None,
        });
    }
    let mut out = Vec::new();
    flatten(text, "", 0, &mut out)?;
    let mut seen = std::collections::HashSet::with_capacity(out.len());
    for (key, _) in &out {
        if !seen.insert(key.as_str()) {
            return Err(LineFault {
                rule: "ndjson.repeated-key",
                message: format!("the key `{key}` is given twice"),
                key: Some(key.clone()),
            });
        }
    }
    Ok(out)
}

/// Reads one object and, for its objects, their members with dotted names.
fn flatten(
    text: &[u8],
    prefix: &str,
    level: usize,
    out: &mut Vec<(String, Held)>,
) -> Result<(), LineFault> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let members = parser
        .deserialize_map(Members)
        .and_then(|members| parser.end().map(|()| members))
        .map_err(|error| LineFault {
            rule: "ndjson.syntax",
            message: format!("not a JSON object: {error}"),
            key: None,
        })?;
    for (key, value) in members {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        let text = value.get();
        let held = match text.as_bytes().first() {
            Some(b'n') => Held::Null,
            Some(b't') => Held::Boolean(true),
            Some(b'f') => Held::Boolean(false),
            Some(b'"') => match serde_json::from_str::<String>(text) {
                Ok(text) if text.contains('\0') => {
                    return Err(LineFault {
                        rule: "ndjson.nul",
                        message: format!("the value of `{name}` contains a NUL character"),
                        key: Some(name),
                    });
                }
                Ok(text) => Held::Text(text),
                Err(error) => {
                    return Err(LineFault {
                        rule: "ndjson.text",
                        message: format!("the value of `{name}` is not well-formed text: {error}"),
                        key: Some(name),
                    });
                }
            },
            Some(b'{') if level < 2 => {
                flatten(text.as_bytes(), &name, level + 1, out)?;
                continue;
            }
            Some(b'{' | b'[') => Held::Nested(text.to_owned()),
            _ => Held::Number(text.to_owned()),
        };
        out.push((name, held));
    }
    Ok(())
}

/// Takes the members of one object, values as their text.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry::<String, Box<RawValue>>()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// Counts how deep brackets nest outside texts, before any parser recurses.
pub(crate) fn depth(text: &[u8]) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                most = most.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn outcome(text: &str) -> String {
        match object(text.as_bytes(), &Limits::default()) {
            Ok(members) => members
                .iter()
                .map(|(k, v)| format!("{k}={}", v.raw().to_plain()))
                .collect::<Vec<_>>()
                .join(" "),
            Err(fault) => fault.rule.to_owned(),
        }
    }

    #[test]
    fn objects_are_read_exactly_or_refused() {
        for (text, expected) in [
            (r#"{"id":9007199254740993,"a":0.1}"#, "id=9007199254740993 a=0.1"),
            (r#"{"p":{"name":"x","q":{"r":1}}}"#, "p.name=x p.q.r=1"),
            (r#"{"a":1,"a":2}"#, "ndjson.repeated-key"),
            (r#"{"p":{"b":1},"p.b":2}"#, "ndjson.repeated-key"),
            (r#"{"a":NaN}"#, "ndjson.syntax"),
            (r#"{"a":"\ud800"}"#, "ndjson.text"),
            (r#"{"a":1} x"#, "ndjson.syntax"),
            ("[1]", "ndjson.syntax"),
        ] {
            assert_eq!(outcome(text), expected, "{text}");
        }
        assert_eq!(outcome(&"[".repeat(100_000)), "ndjson.depth");
    }
}
