//! Pages of a list: how many, and after which key.

use crate::{Code, Problem};

/// At most 500 at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub size: i64,
    /// The last key of the page before; absent on the first page.
    pub after: Option<String>,
}

/// Longer than the longest key of a list.
const LONGEST_TOKEN: usize = 4096;

impl Page {
    /// # Errors
    /// When the size is over 500.
    pub fn of(size: u32, token: &str) -> Result<Self, Problem> {
        let size = match size {
            0 => 100,
            1..=500 => i64::from(size),
            _ => {
                return Err(Problem::new(
                    Code::LimitExceeded,
                    "page_size exceeds 500",
                    "choose at most 500 and follow next_page_token",
                ));
            }
        };
        if token.len() > LONGEST_TOKEN || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Problem::new(
                Code::SchemaInvalid,
                "invalid page_token",
                "send the next_page_token of the previous page",
            ));
        }
        Ok(Self { size, after: (!token.is_empty()).then(|| token.to_owned()) })
    }

    /// The token of the next page: the last key of a full page, empty when this was the last.
    #[must_use]
    pub fn next<T>(&self, rows: &[T], key: impl Fn(&T) -> String) -> String {
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= self.size;
        rows.last().filter(|_| full).map(key).unwrap_or_default()
    }
}
