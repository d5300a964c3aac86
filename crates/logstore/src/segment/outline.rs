//! What the values of a kind look like, as far as it is known without reading them.

use crate::shape::Kind;

/// Some of these bytes in a row.
pub struct Run {
    pub bytes: Vec<u8>,
    pub least: usize,
    /// `None` when there may be any number.
    pub most: Option<usize>,
}

fn run(set: impl IntoIterator<Item = u8>, least: usize, most: impl Into<Option<usize>>) -> Run {
    Run { bytes: set.into_iter().collect(), least, most: most.into() }
}

fn digits(least: usize, most: usize) -> Run {
    run(b'0'..=b'9', least, most)
}

/// The runs that every value of `kind` has one behind the other; more values may have them.
pub fn outline(kind: Kind) -> Vec<Run> {
    let one = |byte| run([byte], 1, 1);
    let exactly = |count: u8| digits(usize::from(count), usize::from(count));
    match kind {
        Kind::Line => vec![run(0..=255, 0, None)],
        Kind::Word => vec![run((0..=255).filter(|byte| Kind::Word.can_hold(&[*byte])), 0, None)],
        Kind::Int => vec![digits(1, 20)],
        Kind::Pad(width) => vec![exactly(width)],
        Kind::Dec(scale) => vec![digits(1, 20), one(b'.'), exactly(scale)],
        Kind::Clock(scale, separator) => {
            let mut runs = vec![exactly(2), one(b':'), exactly(2), one(b':'), exactly(2)];
            if scale > 0 {
                runs.extend([one(separator), exactly(scale)]);
            }
            runs
        }
        Kind::Ip => {
            let part = || digits(1, 3);
            vec![part(), one(b'.'), part(), one(b'.'), part(), one(b'.'), part()]
        }
        Kind::Spaces => vec![run([b' '], 0, None)],
        Kind::Hex(count, _) => {
            vec![run((0..=255).filter(|byte| kind.can_hold(&[*byte])), usize::from(count), usize::from(count))]
        }
        Kind::Uuid => {
            let part = |count| run(b"0123456789abcdef".iter().copied(), count, count);
            vec![part(8), one(b'-'), part(4), one(b'-'), part(4), one(b'-'), part(4), one(b'-'), part(12)]
        }
    }
}
