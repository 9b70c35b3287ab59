//! Finds a member that a JSON text gives twice: readers differ in which of the two they believe.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The name of the first member that an object of the text has twice; the text is JSON.
pub(crate) fn member(text: &[u8]) -> Option<String> {
    serde_json::from_slice::<Once>(text).ok().and_then(|once| once.0)
}

/// A value, read for nothing but a member given twice.
struct Once(Option<String>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Looking)
    }
}

struct Looking;

impl<'de> Visitor<'de> for Looking {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
        let mut names = BTreeSet::new();
        let mut found = None;
        while let Some((name, inner)) = map.next_entry::<String, Once>()? {
            found = found.or(inner.0);
            if found.is_none() && names.contains(&name) {
                found = Some(name);
            } else {
                names.insert(name);
            }
        }
        Ok(Once(found))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Once, A::Error> {
        let mut found = None;
        while let Some(inner) = list.next_element::<Once>()? {
            found = found.or(inner.0);
        }
        Ok(Once(found))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Once, E> {
        Ok(Once(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_given_twice_is_found_at_any_depth() {
        for (text, found) in [
            (r#"{"a":1,"b":-2,"c":[null,true,1.5,{"d":"x"}],"e":{"d":1}}"#, None),
            (r#"{"role":"viewer","role":"administrator"}"#, Some("role")),
            (r#"{"a":[{"b":{"c":1,"\u0063":2}}]}"#, Some("c")),
        ] {
            assert_eq!(member(text.as_bytes()).as_deref(), found, "{text}");
        }
    }
}
