//! Whether a value is a secret, by the value alone: how sure its key must be for that is in `pairs`.

/// Stands where a secret would be, without being one.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let opens = [&b"${"[..], b"$(", b"{", b"<", b"[", b"%(", b"-----BEGIN"];
    if opens.iter().any(|open| value.starts_with(open)) || !value.iter().any(u8::is_ascii_alphanumeric) {
        return true;
    }
    let masked = value.iter().take_while(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.')).count() == value.len();
    let verb = value.len() <= 3 && value.starts_with(b"%");
    masked || verb || is_common_word(value)
}

/// Words that logs say about a secret instead of telling it.
fn is_common_word(value: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "accepted",
        "and",
        "are",
        "auth",
        "authentication",
        "changed",
        "configured",
        "created",
        "disabled",
        "empty",
        "enabled",
        "error",
        "expired",
        "failed",
        "false",
        "file",
        "for",
        "found",
        "from",
        "has",
        "hidden",
        "in",
        "incorrect",
        "invalid",
        "is",
        "login",
        "masked",
        "mismatch",
        "missing",
        "must",
        "n/a",
        "nil",
        "no",
        "none",
        "not",
        "null",
        "ok",
        "optional",
        "or",
        "password",
        "redacted",
        "removed",
        "required",
        "reset",
        "revoked",
        "rotated",
        "set",
        "string",
        "success",
        "true",
        "undefined",
        "unknown",
        "unset",
        "updated",
        "was",
        "yes",
    ];
    let end =
        value.iter().rposition(|byte| !matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b')')).map_or(0, |at| at + 1);
    let word = value.get(..end).unwrap_or_default();
    word.len() <= 14 && WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// A number, a time or a size.
pub(crate) fn is_number(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-' || *byte == b'+')
        && value.iter().filter(|byte| byte.is_ascii_alphabetic()).count() <= 2
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'+' | b',' | b'%'))
}

pub(crate) fn is_path(value: &[u8]) -> bool {
    [&b"/"[..], b"./", b"../", b"~"].iter().any(|open| value.starts_with(open)) || value.get(1..3) == Some(b":\\")
}

/// No word of a language and no number; an id or a digest may pass.
pub(crate) fn looks_made(value: &[u8]) -> bool {
    let value = value.get(..LOOKED_AT).unwrap_or(value);
    if value.len() < 8 || is_number(value) || is_path(value) || is_placeholder(value) {
        return false;
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    digits > 0 && letters > 0 || turns(value) >= 4
}

/// Shortest run of letters and digits that can look random.
const RUN: usize = 16;
/// A value that is longer is judged by its beginning.
const LOOKED_AT: usize = 512;

/// Holds a run of letters and digits that no person wrote and that is neither an id nor a digest: UUIDs, trace ids,
/// hashes and container ids are hexadecimal, and nothing that is can look random here.
pub(crate) fn looks_random(value: &[u8]) -> bool {
    let value = value.get(..LOOKED_AT).unwrap_or(value);
    let runs = value.split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_')));
    !is_path(value) && runs.filter(|run| run.len() >= RUN).any(is_random)
}

fn is_random(run: &[u8]) -> bool {
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hexadecimal = run.iter().all(u8::is_ascii_hexdigit);
    let words = run.iter().filter(|byte| matches!(byte, b'/' | b'_')).count();
    // A random string turns between digits, capitals and small letters at about every second character.
    !hexadecimal && digits >= 2 && digits < run.len() && words * 8 <= run.len() && turns(run) * 4 >= run.len()
}

/// How often two neighbours are of different classes, a capital at the beginning of a word aside.
fn turns(run: &[u8]) -> usize {
    let class = |byte: &u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    run.windows(2).filter(|two| two.first().map(class) != two.last().map(class)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_words_and_paths_do_not_look_random() {
        for secret in ["q7Zt9Lm2Xw4Rb8Kd", "26l4fk0q1m8s7v3b9d5h2j6n1p", "dGhpc2lzYXNlY3JldDEyMzQ1Ng=="] {
            assert!(looks_random(secret.as_bytes()), "{secret}");
        }
        for not in [
            "user:42",
            "EOF",
            "550e8400-e29b-41d4-a716-446655440000",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "orders/2024-01-01/part-000123456789.parquet",
            "com.acme.session.SessionRepository",
            "/var/lib/k8s9/Q7zT9lM2xW4rB8kD",
            "1234567890123456789",
            "partition00000000000000012345",
        ] {
            assert!(!looks_random(not.as_bytes()), "{not}");
        }
    }
}
