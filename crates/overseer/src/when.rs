//! Times as people type them: so long ago, or a moment as in RFC 3339.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

/// `10m` is ten minutes ago; `2026-11-21T08:00:00Z` is that moment.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let ago = ago(text).and_then(|ago| SystemTime::now().checked_sub(ago)).map(Timestamp::from);
    let wrong = || format!("invalid time `{text}`: expected 90s, 10m, 2h, 7d or an RFC 3339 time");
    ago.or_else(|| text.parse().ok()).ok_or_else(wrong)
}

fn ago(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_moments_are_times_and_nothing_else_is() {
        for (text, span) in [("90s", 90), ("10m", 600), ("2h", 7_200), ("7d", 604_800)] {
            assert_eq!(ago(text), Some(Duration::from_secs(span)));
        }
        assert_eq!(parse("2026-11-21T08:00:00Z").unwrap().seconds, 1_795_248_000);
        for text in ["", "m", "10", "10x", "-5m", "yesterday", "99999999999999999999d", "10é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
