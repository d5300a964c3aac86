//! Text of a platform, which anyone who can start a container chooses.

/// Whether a character controls a terminal, hides, or turns the direction of writing.
#[must_use]
pub fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `most` characters, and in place of each that [`hides`] U+FFFD.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if hides(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_beginning_and_nothing_that_hides() {
        assert_eq!(plain("w\0e\x1b[31mb\n", 5), "w\u{fffd}e\u{fffd}[");
        assert_eq!(plain("a\u{202e}b\u{200b}ü☃", 99), "a\u{fffd}b\u{fffd}ü☃");
    }
}
