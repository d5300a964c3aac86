//! The public form of a template: the only text of a signature that may leave the site.
//!
//! A template may be a line in disguise: at first sight of a line all of it looks constant. So nothing is kept for
//! being constant. What is kept is what cannot be anybody's: the words of a shipped vocabulary (common English, and
//! terms of operations) and punctuation. Slots, numbers, quoted texts, paths, hosts, addresses, names, and every
//! other word are masked, however often they were seen.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

/// The longest public form. Bytes; what is behind is masked.
pub const LONGEST_PUBLIC_FORM: usize = 200;
const MASK: &str = "<*>";
/// Keys whose value is text for people.
const MESSAGE_KEYS: [&str; 6] = ["msg", "message", "event", "log", "body", "error"];

static VOCABULARY: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("../data/vocabulary.txt").lines().collect());

/// Words of the shipped vocabulary, `<*>` and punctuation, at most [`LONGEST_PUBLIC_FORM`] bytes. It can only be made
/// by masking a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct PublicForm(String);

impl PublicForm {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<PublicForm> for String {
    fn from(form: PublicForm) -> Self {
        form.0
    }
}

/// Masks a template.
pub fn public_form(template: &str) -> PublicForm {
    let mut masking = Masking { out: String::new(), after_message_key: false };
    masking.text(template);
    PublicForm(masking.out.trim().to_owned())
}

struct Masking {
    out: String,
    /// The quoted text at hand is the value of a key that says that it is a message.
    after_message_key: bool,
}

impl Masking {
    fn text(&mut self, mut rest: &str) {
        while let Some(first) = rest.chars().next() {
            if self.out.len() + MASK.len() > LONGEST_PUBLIC_FORM {
                return self.out.truncate(LONGEST_PUBLIC_FORM);
            }
            let length = if rest.starts_with(MASK) {
                self.mask();
                MASK.len()
            } else if let Some(content) = quoted(rest) {
                self.quoted(content, &rest[content.len() + 2..]);
                content.len() + 2
            } else if is_part(first) {
                let length = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
                self.part(&rest[..length]);
                length
            } else {
                self.mark(first);
                first.len_utf8()
            };
            rest = &rest[length..];
        }
    }

    /// The key of a pair is judged like other words; so is a message. Any other quoted text is somebody's.
    fn quoted(&mut self, content: &str, behind: &str) {
        if behind.starts_with(':') {
            self.after_message_key = MESSAGE_KEYS.contains(&content);
            return self.text(content);
        }
        if std::mem::take(&mut self.after_message_key) { self.text(content) } else { self.mask() }
    }

    fn part(&mut self, part: &str) {
        let name = part.trim_matches(|char| matches!(char, '.' | '-' | '_'));
        if name.is_empty() || !is_common(name) {
            return self.mask();
        }
        if self.out.len() + part.len() <= LONGEST_PUBLIC_FORM {
            self.out.push_str(part);
        } else {
            self.mask();
        }
    }

    fn mark(&mut self, mark: char) {
        match mark {
            _ if mark.is_whitespace() && !self.out.is_empty() && !self.out.ends_with(' ') => self.out.push(' '),
            '=' | ':' | ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '!' | '?' => self.out.push(mark),
            _ => {}
        }
    }

    /// Several masks with only blanks between are one: how many words were masked is nobody's business.
    fn mask(&mut self) {
        if self.out.trim_end().ends_with(MASK) {
            self.out.truncate(self.out.trim_end().len());
        } else if self.out.len() + MASK.len() <= LONGEST_PUBLIC_FORM {
            self.out.push_str(MASK);
        }
    }
}

/// The content of a quoted text that begins here.
fn quoted(rest: &str) -> Option<&str> {
    let quote = rest.chars().next().filter(|char| matches!(char, '"' | '\'' | '`'))?;
    let content = rest.get(1..)?;
    let mut escaped = false;
    let end = content.find(|char| {
        let ends = char == quote && !escaped;
        escaped = char == '\\' && !escaped;
        ends
    })?;
    content.get(..end)
}

/// What holds together as one name: `a.b`, `/a/b`, `a@b`, `a_b`, `a-b`, letters of any script, digits.
fn is_part(char: char) -> bool {
    char.is_alphanumeric()
        || matches!(char, '.' | '/' | '\\' | '@' | '_' | '-' | '$' | '#' | '%' | '~' | '+' | '*' | '^')
        || !char.is_ascii() && !char.is_whitespace()
}

/// Whether each word of a name (`PowerManager`, `read_only`, `re-sync`) is in the vocabulary.
fn is_common(name: &str) -> bool {
    name.split(['-', '_']).all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic()) && camel(part).all(is_in_vocabulary)
    })
}

fn is_in_vocabulary(word: &str) -> bool {
    VOCABULARY.contains(word.to_ascii_lowercase().as_str())
}

/// `fileNotFoundError` as `file`, `Not`, `Found`, `Error`; `IOError` as `IO`, `Error`.
fn camel(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.as_bytes();
    let upper = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    let lower = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
    let begins = move |at: usize| upper(at) && (lower(at.wrapping_sub(1)) || lower(at + 1) && at > 0);
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = name.get(start..).filter(|rest| !rest.is_empty())?;
        let length = (1..rest.len()).find(|offset| begins(start + offset)).unwrap_or(rest.len());
        start += length;
        rest.get(..length)
    })
}
