//! What stands in place of a secret: `[redacted:<family>:<8 hex>]`.

use crate::{CorrelationKey, Family};

const OPENING: &[u8] = b"[redacted:";
const HEX: usize = 8;
/// Longest name of a family.
const NAME: usize = 24;

/// Writes the mark of a secret.
pub(crate) fn write(out: &mut Vec<u8>, key: &CorrelationKey, family: Family, secret: &[u8]) {
    out.extend_from_slice(OPENING);
    out.extend_from_slice(family.name().as_bytes());
    out.push(b':');
    for byte in key.tag(secret) {
        out.extend([byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
    out.push(b']');
}

/// The length of the mark that the text begins with.
pub(crate) fn length(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(OPENING)?;
    let name = rest.iter().take(NAME + 1).position(|byte| *byte == b':')?;
    let (family, rest) = rest.split_at_checked(name)?;
    let (hex, rest) = rest.get(1..)?.split_at_checked(HEX)?;
    let named = !family.is_empty() && family.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-');
    let tagged = hex.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (named && tagged && rest.first() == Some(&b']')).then_some(OPENING.len() + name + 1 + HEX + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_known_by_its_form_and_by_nothing_less() {
        let mut mark = Vec::new();
        write(&mut mark, &CorrelationKey::new(&[7; 32]), Family::Github, b"secret");
        assert_eq!(length(&mark), Some(mark.len()));
        mark.extend_from_slice(b" and more");
        assert_eq!(length(&mark), Some(mark.len() - 9));
        for none in
            ["", "[redacted:", "[redacted:github:0123456]", "[redacted::01234567]", "[redacted:github:0123456X]"]
        {
            assert_eq!(length(none.as_bytes()), None, "{none}");
        }
    }
}
