//! Values as columns keep them: JSON as text, enums of plain words as their word, ids as their text.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{StoreError, clean};

/// Plain data with string keys, as the rows are, always has a JSON.
#[must_use]
pub fn to_json<T: Serialize>(value: &T) -> String {
    clean(&serde_json::to_string(value).unwrap_or_default())
}

/// # Errors
/// When the column `what` does not read.
pub fn from_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what })
}

/// The word of an enum without data.
#[must_use]
pub fn to_word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// # Errors
/// When the column `what` does not hold a word of the enum.
pub fn from_word<T: DeserializeOwned>(text: String, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(|_| StoreError::Corrupt { what })
}

/// # Errors
/// When the column `what` does not parse.
pub fn from_text<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what })
}

/// # Errors
/// When the column `what` is negative or too large.
pub fn from_count<T: TryFrom<i64>>(number: i64, what: &'static str) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| StoreError::Corrupt { what })
}
