//! Between REST and the contract's messages: a request from its path, query and body, an answer to its JSON. Pure.
//!
//! Strict: what the message does not have, what is there twice and what does not fit is refused, and never repeated in
//! the refusal. Field names are those of the JSON mapping, or those of the contract.

use std::collections::HashSet;
use std::str::FromStr;

use overseer_contract::RequestBody;
use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as Json;

use crate::answer::Refusal;
use crate::route::{Endpoint, TIMESTAMP};
use crate::strict;

/// Longest text of one field, in characters.
const LONGEST_TEXT: usize = 4096;

/// What a REST request says, still as it was sent.
pub(crate) struct Sent<'a> {
    pub captures: &'a [(&'static str, &'a str)],
    pub query: &'a str,
    pub body: &'a [u8],
}

/// The message that a request means.
pub(crate) fn request(endpoint: Endpoint, sent: &Sent<'_>) -> Result<DynamicMessage, Refusal> {
    let descriptor = endpoint.method.descriptor.input();
    let mut message = match endpoint.route.body {
        RequestBody::Fields => from_body(&descriptor, sent)?,
        RequestBody::None if sent.body.is_empty() => DynamicMessage::new(descriptor.clone()),
        RequestBody::None => return Err(Refusal::malformed("this request has no body")),
    };
    let mut set = HashSet::new();
    for (name, value) in sent.captures {
        let field = descriptor.get_field_by_name(name);
        let value = field.as_ref().and_then(|field| scalar(field, &unescape(value)?));
        let (field, value) = field.zip(value).ok_or_else(|| Refusal::malformed("invalid path"))?;
        set.insert(field.number());
        message.set_field(&field, value);
    }
    for (key, value) in query_pairs(sent.query) {
        // With a body, a query has nothing to say.
        let field = field_named(&descriptor, &unescape_query(key).unwrap_or_default())
            .filter(|_| endpoint.route.body == RequestBody::None)
            .ok_or_else(|| Refusal::malformed("unknown query parameter"))?;
        if !set.insert(field.number()) {
            return Err(Refusal::malformed(format!("duplicate query parameter `{}`", field.json_name())));
        }
        let value = unescape_query(value).and_then(|value| scalar(&field, &value));
        let refusal = || Refusal::malformed(format!("invalid value of `{}`", field.json_name()));
        message.set_field(&field, value.ok_or_else(refusal)?);
    }
    if sound(&message) { Ok(message) } else { Err(Refusal::malformed("a value is too long or invalid")) }
}

fn from_body(descriptor: &MessageDescriptor, sent: &Sent<'_>) -> Result<DynamicMessage, Refusal> {
    if sent.body.is_empty() {
        return Ok(DynamicMessage::new(descriptor.clone()));
    }
    let unfit = || Refusal::malformed(format!("the body is not a valid `{}`", descriptor.name()));
    let json = strict::parse(sent.body).filter(|json| names_each_field_once(descriptor, json)).ok_or_else(unfit)?;
    let in_body = |name: &str| {
        let field = descriptor.get_field_by_name(name);
        field.is_some_and(|field| json.get(field.name()).or_else(|| json.get(field.json_name())).is_some())
    };
    if let Some((name, _)) = sent.captures.iter().find(|(name, _)| in_body(name)) {
        return Err(Refusal::malformed(format!("`{name}` is allowed in the path only")));
    }
    DynamicMessage::deserialize(descriptor.clone(), json).map_err(|_| unfit())
}

/// A field has two names, so that it could be there twice without a key being there twice.
fn names_each_field_once(descriptor: &MessageDescriptor, json: &Json) -> bool {
    let Json::Object(object) = json else { return true };
    let mut seen = HashSet::new();
    object.iter().all(|(key, value)| {
        let Some(field) = field_named(descriptor, key) else { return true };
        let inside = match field.kind() {
            Kind::Message(message) if !field.is_map() => match value {
                Json::Array(list) => list.iter().all(|value| names_each_field_once(&message, value)),
                value => names_each_field_once(&message, value),
            },
            _ => true,
        };
        seen.insert(field.number()) && inside
    })
}

fn field_named(descriptor: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    descriptor.get_field_by_json_name(name).or_else(|| descriptor.get_field_by_name(name))
}

fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// The value of a part of a query, where `+` is a space.
fn unescape_query(text: &str) -> Option<String> {
    unescape(&text.replace('+', " "))
}

/// `None` when a `%` is not followed by two hex digits, or what comes out is not UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut rest = text.split('%');
    let _before = rest.next();
    let escapes_fit =
        rest.all(|after| after.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    if !escapes_fit {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The value of a plain field from its text.
fn scalar(field: &FieldDescriptor, text: &str) -> Option<Value> {
    Some(match field.kind() {
        Kind::String => Value::String(text.to_owned()),
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number(text)?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number(text)?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number(text)?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number(text)?),
        Kind::Float => Value::F32(number(text)?),
        Kind::Double => Value::F64(number(text)?),
        Kind::Enum(values) => {
            let by_name = values.get_value_by_name(text).map(|value| value.number());
            Value::EnumNumber(by_name.or_else(|| number(text))?)
        }
        Kind::Message(message) if message.full_name() == TIMESTAMP => {
            let time = DynamicMessage::deserialize(message, Json::String(text.to_owned())).ok()?;
            Value::Message(time)
        }
        Kind::Bytes | Kind::Message(_) => return None,
    })
}

fn number<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// Whether every value inside is one that a service may see.
fn sound(message: &DynamicMessage) -> bool {
    message.fields().all(|(field, value)| match value {
        Value::List(values) => values.iter().all(|value| value_is_sound(&field.kind(), value)),
        Value::Map(entries) => {
            let kind = field.kind().as_message().map(|entry| entry.map_entry_value_field().kind());
            kind.is_some_and(|kind| entries.values().all(|value| value_is_sound(&kind, value)))
                && entries.keys().all(|key| key.as_str().is_none_or(text_is_sound))
        }
        value => value_is_sound(&field.kind(), value),
    })
}

fn value_is_sound(kind: &Kind, value: &Value) -> bool {
    match value {
        Value::String(text) => text_is_sound(text),
        Value::F32(number) => number.is_finite(),
        Value::F64(number) => number.is_finite(),
        Value::EnumNumber(number) => kind.as_enum().is_some_and(|values| values.get_value(*number).is_some()),
        Value::Message(message) => sound(message),
        Value::Bool(_) | Value::I32(_) | Value::I64(_) | Value::U32(_) | Value::U64(_) | Value::Bytes(_) => true,
        // Inside a list or a map, where neither can be.
        Value::List(_) | Value::Map(_) => false,
    }
}

fn text_is_sound(text: &str) -> bool {
    !text.contains('\0') && text.chars().count() <= LONGEST_TEXT
}

/// The canonical JSON of an answer; the same text as that of `overseer_contract::to_json`.
pub(crate) fn answer(endpoint: Endpoint, bytes: &[u8]) -> Option<String> {
    let message = DynamicMessage::decode(endpoint.method.descriptor.output(), bytes).ok()?;
    serde_json::to_string(&message).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(method: &str, captures: &[(&'static str, &str)], query: &str, body: &[u8]) -> Result<String, String> {
        let endpoint = Endpoint::all().into_iter().find(|e| e.method.descriptor.name() == method).unwrap();
        let sent = Sent { captures, query, body };
        let message = request(endpoint, &sent).map_err(|refusal| refusal.problem.what)?;
        Ok(serde_json::to_string(&message).unwrap())
    }

    #[test]
    fn a_query_becomes_the_fields_of_the_request() {
        let list = |query: &str| made("ListPlans", &[], query, b"");
        assert_eq!(list(""), Ok("{}".into()));
        assert_eq!(
            list("page_size=5&pageToken=a%20b+c&state=PLAN_STATE_READY"),
            Ok(r#"{"pageSize":5,"pageToken":"a b c","state":"PLAN_STATE_READY"}"#.into())
        );
        assert_eq!(
            list(&format!("state={}", overseer_contract::v1::PlanState::Ready as i32)),
            Ok(r#"{"state":"PLAN_STATE_READY"}"#.into())
        );
        for bad in [
            "other=1",
            "pageSize=1&pageSize=1",
            "pageSize=1&page_size=1",
            "pageSize=-1",
            "pageSize=+1",
            "pageSize=x",
            "pageSize=4294967296",
            "pageSize=",
            "state=99",
            "state=READY",
            "pageToken=%00",
            "pageToken=%zz",
            "pageToken=%ff",
            "pageToken=%",
            "=1",
            "%00=1",
        ] {
            assert!(list(bad).is_err(), "{bad}");
        }
        assert!(made("ListPlans", &[], "", b"{}").is_err());
    }

    #[test]
    fn a_path_and_a_body_become_the_fields_of_the_request() {
        let approve = |id, body: &[u8]| made("ApprovePlan", &[("id", id)], "", body);
        assert_eq!(approve("a%2Fb", br#"{"digest":"d"}"#), Ok(r#"{"id":"a/b","digest":"d"}"#.into()));
        assert_eq!(approve("a", b""), Ok(r#"{"id":"a"}"#.into()));
        assert_eq!(approve("a", br#"{"digest":null}"#), Ok(r#"{"id":"a"}"#.into()));
        assert!(made("ApprovePlan", &[("id", "a")], "digest=d", b"").is_err());
        assert!(approve("%ff", b"{}").is_err());
        let long = format!(r#"{{"digest":"{}"}}"#, "ü".repeat(LONGEST_TEXT + 1));
        assert!(approve("a", long.as_bytes()).is_err());
    }
}
