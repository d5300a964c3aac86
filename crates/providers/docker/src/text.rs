//! Text of the platform, which anyone who can start a container can choose.

/// At most `most` characters, and none that controls a terminal or a database.
#[must_use]
pub fn bounded(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Longest name, image or label that is kept.
pub(crate) const NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_beginning_and_no_control_characters() {
        assert_eq!(bounded("w\0e\x1b[31mb\n", 5), "w\u{fffd}e\u{fffd}[");
    }
}
