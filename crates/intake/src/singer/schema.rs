//! The JSON schema of a stream: which columns it has, and whether a record keeps to it.
//!
//! Looked at are `type`, `properties`, `required`, `items`, `enum`, `anyOf`, `oneOf` and `allOf`.
//! Formats are not: taps write times that no standard knows, and the columns that take them judge.
//! Properties that the schema does not name are kept.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One node of a schema.
#[derive(Clone, Default, Debug)]
pub(super) struct Schema {
    /// Allowed types; empty allows all.
    types: Vec<Type>,
    /// Members with their schemas.
    pub(super) properties: Vec<(String, Self)>,
    required: Vec<String>,
    items: Option<Box<Self>>,
    values: Vec<Value>,
    any: Vec<Self>,
    all: Vec<Self>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The type of a value by its first letter; of numbers also by what follows.
    fn of(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => Self::String,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            _ if whole(text) => Self::Integer,
            _ => Self::Number,
        }
    }
}

/// True for a number without a fraction, as `12` or `12.0`.
fn whole(text: &str) -> bool {
    match text.split_once('.') {
        None => !text.contains(['e', 'E']),
        Some((_, fraction)) => fraction.bytes().all(|digit| digit == b'0'),
    }
}

/// What a record breaks: the property, and what was expected and found.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) property: String,
    pub(super) message: String,
}

impl Schema {
    /// Reads the schema of a stream; it must have `properties`.
    pub(super) fn read(raw: &RawValue) -> Result<Self, String> {
        let value: Value = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let schema = Self::node(&value);
        if schema.properties.is_empty() {
            return Err("the schema has no `properties`".into());
        }
        Ok(schema)
    }

    fn node(value: &Value) -> Self {
        let list = |key: &str| -> Vec<Self> {
            let items = value.get(key).and_then(Value::as_array);
            items.map(|items| items.iter().map(Self::node).collect()).unwrap_or_default()
        };
        let names = |key: &str| -> Vec<&str> {
            match value.get(key) {
                Some(Value::String(name)) => vec![name.as_str()],
                Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            }
        };
        let properties = value.get("properties").and_then(Value::as_object);
        let mut any = list("anyOf");
        any.extend(list("oneOf"));
        Self {
            types: names("type").into_iter().filter_map(Type::named).collect(),
            properties: properties
                .into_iter()
                .flatten()
                .map(|(name, node)| (name.clone(), Self::node(node)))
                .collect(),
            required: names("required").into_iter().map(str::to_owned).collect(),
            items: value.get("items").filter(|i| i.is_object()).map(|i| Box::new(Self::node(i))),
            values: value.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            any,
            all: list("allOf"),
        }
    }

    /// Returns the names of the columns, those of nested objects with points, two levels deep as
    /// NDJSON is read.
    pub(super) fn columns(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.gather("", 0, &mut out);
        out
    }

    fn gather(&self, prefix: &str, level: usize, out: &mut Vec<String>) {
        for (name, node) in &self.properties {
            let name = format!("{prefix}{name}");
            if level < 2 && !node.properties.is_empty() {
                node.gather(&format!("{name}."), level + 1, out);
            } else {
                out.push(name);
            }
        }
    }

    /// Takes up the columns of a record whose schema is not known.
    pub(super) fn widen(&mut self, members: &Members<'_>, level: usize) {
        for (name, raw) in members {
            let at = self.properties.iter().position(|(known, _)| known == name);
            let at = at.unwrap_or_else(|| {
                self.properties.push((name.clone(), Self::default()));
                self.properties.len() - 1
            });
            if let (Some((_, node)), true, Ok(inner)) =
                (self.properties.get_mut(at), level < 2, self::members(raw.get()))
            {
                node.widen(&inner, level + 1);
            }
        }
    }

    /// Says what a value breaks, if anything.
    pub(super) fn check(&self, path: &str, raw: &RawValue) -> Result<(), Broken> {
        let text = raw.get();
        let found = Type::of(text);
        let broken = |message: String| Broken { property: path.to_owned(), message };
        let fits = |allowed: &Type| {
            *allowed == found || *allowed == Type::Number && found == Type::Integer
        };
        if !self.types.is_empty() && !self.types.iter().any(fits) {
            let expected: Vec<&str> = self.types.iter().map(|t| t.name()).collect();
            return Err(broken(format!(
                "expected {}, found {}",
                expected.join(" or "),
                found.name()
            )));
        }
        if !self.values.is_empty() {
            let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            if !self.values.contains(&value) {
                return Err(broken("the value is none of those that the schema lists".into()));
            }
        }
        if !self.any.is_empty() && self.any.iter().all(|node| node.check(path, raw).is_err()) {
            return Err(broken(format!("no alternative of the schema allows {}", found.name())));
        }
        for node in &self.all {
            node.check(path, raw)?;
        }
        match (found, &self.items) {
            (Type::Object, _) if !self.properties.is_empty() || !self.required.is_empty() => {
                let members =
                    members(text).map_err(|error| broken(format!("no JSON object: {error}")))?;
                self.check_members(path, &members)
            }
            (Type::Array, Some(items)) => {
                let values: Vec<&RawValue> = serde_json::from_str(text)
                    .map_err(|error| broken(format!("no JSON list: {error}")))?;
                values.iter().try_for_each(|value| items.check(&format!("{path}[]"), value))
            }
            _ => Ok(()),
        }
    }

    /// Checks the members of an object: required ones are there, each keeps to its schema.
    pub(super) fn check_members(&self, path: &str, members: &Members<'_>) -> Result<(), Broken> {
        let inner = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let find = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw);
        for name in &self.required {
            if find(name).is_none() {
                let message = "the schema requires it and it is missing".to_owned();
                return Err(Broken { property: inner(name), message });
            }
        }
        for (name, node) in &self.properties {
            if let Some(raw) = find(name) {
                node.check(&inner(name), raw)?;
            }
        }
        Ok(())
    }

    /// Writes the members of an object in the order of the schema, those that are missing as null,
    /// then those that the schema does not name; without braces.
    pub(super) fn write(&self, members: &Members<'_>, level: usize, out: &mut Vec<u8>) {
        let mut first = true;
        let mut key = |name: &str, out: &mut Vec<u8>| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            push_text(name, out);
            out.push(b':');
        };
        for (name, node) in &self.properties {
            key(name, out);
            let raw = members.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw);
            let text = raw.map_or("null", RawValue::get);
            let nested = level < 2 && !node.properties.is_empty();
            match text.as_bytes().first() {
                Some(b'{') if nested => match self::members(text) {
                    Ok(inner) => {
                        out.push(b'{');
                        node.write(&inner, level + 1, out);
                        out.push(b'}');
                    }
                    Err(_) => out.extend_from_slice(text.as_bytes()),
                },
                Some(b'n') if nested => {
                    out.push(b'{');
                    node.write(&Vec::new(), level + 1, out);
                    out.push(b'}');
                }
                _ => out.extend_from_slice(text.as_bytes()),
            }
        }
        for (name, raw) in members {
            if !self.properties.iter().any(|(known, _)| known == name) {
                key(name, out);
                out.extend_from_slice(raw.get().as_bytes());
            }
        }
    }
}

/// The members of an object, in order, values as their text.
pub(super) type Members<'a> = Vec<(String, &'a RawValue)>;

/// Reads the members of an object.
pub(super) fn members(text: &str) -> Result<Members<'_>, serde_json::Error> {
    struct Read;

    impl<'de> serde::de::Visitor<'de> for Read {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    struct Object<'de>(Members<'de>);

    impl<'de> Deserialize<'de> for Object<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Read).map(Object)
        }
    }

    serde_json::from_str::<Object<'_>>(text).map(|object| object.0)
}

/// Writes a text as JSON.
pub(super) fn push_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(Value::from(text).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    const SCHEMA: &str = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},
        "amount":{"type":["null","number"]},"tags":{"type":"array","items":{"type":"string"}},
        "at":{"anyOf":[{"type":"string","format":"date-time"},{"type":["null"]}]},
        "stage":{"enum":["a","b"]},
        "p":{"type":["null","object"],"properties":{"q":{"type":"string"}}}}}"#;

    #[test]
    fn a_record_is_held_against_its_schema() {
        let schema = Schema::read(&raw(SCHEMA)).unwrap();
        for (record, expected) in [
            (r#"{"id":1}"#, ""),
            (r#"{"id":1.0,"amount":12.50,"tags":["x"],"at":null,"p":{"q":"x"},"more":[1]}"#, ""),
            (r#"{"amount":1}"#, "id: the schema requires it and it is missing"),
            (r#"{"id":1.5}"#, "id: expected integer, found number"),
            (r#"{"id":1,"amount":"12"}"#, "amount: expected null or number, found string"),
            (r#"{"id":1,"tags":["x",2]}"#, "tags[]: expected string, found integer"),
            (r#"{"id":1,"at":7}"#, "at: no alternative of the schema allows integer"),
            (r#"{"id":1,"stage":"c"}"#, "stage: the value is none of those that the schema lists"),
            (r#"{"id":1,"p":{"q":null}}"#, "p.q: expected string, found null"),
        ] {
            let broken = schema.check_members("", &members(record).unwrap()).err();
            let said = broken.map_or(String::new(), |b| format!("{}: {}", b.property, b.message));
            assert_eq!(said, expected, "{record}");
        }
    }

    #[test]
    fn a_row_has_every_column_of_the_schema_and_numbers_as_written() {
        let schema = Schema::read(&raw(SCHEMA)).unwrap();
        let mut out = Vec::new();
        schema.write(
            &members(r#"{"more":{"x":1},"amount":0.10,"id":9007199254740993}"#).unwrap(),
            0,
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#""id":9007199254740993,"amount":0.10,"tags":null,"at":null,"stage":null,"p":{"q":null},"more":{"x":1}"#
        );
        assert_eq!(schema.columns(), ["id", "amount", "tags", "at", "stage", "p.q"]);
    }

    #[test]
    fn a_schema_without_properties_is_refused() {
        assert!(Schema::read(&raw(r#"{"type":"object"}"#)).is_err());
    }
}
