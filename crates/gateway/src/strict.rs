//! JSON from outside, taken strictly: no key twice, no more than 32 levels, nothing after the value. Pure.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Most objects and lists inside each other.
const DEPTH: u32 = 32;

/// `None` for whatever is not plain JSON. Nothing of the input is told.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { levels_left: DEPTH }.deserialize(&mut input).ok()?;
    input.end().ok()?;
    Some(value)
}

#[derive(Clone, Copy)]
struct Strict {
    levels_left: u32,
}

impl Strict {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let levels_left = self.levels_left.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { levels_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(value) = input.next_element_seed(inside)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(key) = input.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom("duplicate key"));
            }
            let value = input.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_json_as_it_is_and_refuses_what_is_ambiguous() {
        let text = r#"{"a":[1,-1,1.5,null,true,"x"],"b":{"a":{}}}"#;
        assert_eq!(parse(text.as_bytes()), serde_json::from_str(text).ok());
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"\u0062":1}}"#, "{} {}", "{", "", "NaN", "1e999"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse(b"\"\xff\""), None);
    }

    #[test]
    fn goes_thirty_two_levels_deep_and_no_deeper() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(32).as_bytes()).is_some());
        assert!(parse(nested(33).as_bytes()).is_none());
        assert!(parse(nested(100_000).as_bytes()).is_none());
    }
}
