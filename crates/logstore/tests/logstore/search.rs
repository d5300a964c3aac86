//! Searches of sealed lines find what a plain search of their text finds, wherever it lies between constants and slots.

use overseer_logstore::{Query, Text};
use proptest::prelude::*;

use crate::place::{Place, START, everything, group, record, texts};

/// What the numbers of a list may be: some of one byte, of two, of more; and some that grow.
fn spread() -> impl Strategy<Value = u64> {
    prop_oneof![Just(3), Just(200), Just(30_000), Just(9_000_000), Just(1 << 40)]
}

/// A line of one of a few templates, `micros` behind the start of the day, with random digits below `spread`.
fn line(template: u8, micros: u64, spread: u64, seed: u64) -> String {
    let part = |turn: u32, limit: u64| seed.rotate_left(turn).wrapping_mul(0x9e37_79b9_7f4a_7c15) % limit;
    let (a, b, c) = (part(0, spread), part(13, 1000), part(29, spread.min(5000)));
    let ip = format!("1{}.{}.2.{}", part(7, 60), part(17, 256), part(23, 3));
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}.{fraction:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match template {
        0 => format!("{clock} took={a}.{b:03}ms n={c} of {ip}:80 id={:08x}", seed as u32),
        1 => format!("job{c}.{b}/x {c:05} é{a} {:032x} 0{b}", u128::from(seed) * 0x1_0000_0001_0001),
        2 => format!("user_{} {}.{a}-{} at {}", c % 5, ip, micros, clock),
        _ => format!("{}", (1_772_323_200_000_000 + micros) / 1000),
    }
}

#[derive(Clone, Debug)]
struct Find {
    /// A part of one of the lines.
    of: prop::sample::Index,
    from: prop::sample::Index,
    len: usize,
    only_digits: bool,
    /// Around it as a regular expression, with digits for any digits; else it is looked for as it is.
    around: Option<(&'static str, &'static str)>,
}

fn find() -> impl Strategy<Value = Find> {
    let look = || prop::sample::select(vec!["", r"\b", r"\B", r"(?-u:\b)", ".", "[0-9]+"]);
    let around = (prop_oneof![look(), Just("^")], prop_oneof![look(), Just("$")]);
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..9, any::<bool>(), proptest::option::of(around))
        .prop_map(|(of, from, len, only_digits, around)| Find { of, from, len, only_digits, around })
}

impl Find {
    fn text(&self, lines: &[String]) -> Text {
        let line: Vec<char> = lines[self.of.index(lines.len())].chars().collect();
        let digits = (0..line.len()).filter(|at| !self.only_digits || line[*at].is_ascii_digit()).collect::<Vec<_>>();
        let from = digits[self.from.index(digits.len())];
        let part = line[from..].iter().take(self.len);
        let part: String = part.take_while(|letter| !self.only_digits || letter.is_ascii_digit()).collect();
        let Some((before, behind)) = self.around else { return Text::Literal(part.into_bytes()) };
        let letter = |letter: char| {
            if letter.is_ascii_digit() { "[0-9]".to_owned() } else { regex::escape(&letter.to_string()) }
        };
        Text::Regex(format!("{before}{}{behind}", part.chars().map(letter).collect::<String>()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn searches_find_what_a_plain_search_finds(
        seeds in proptest::collection::vec((0u8..4, any::<u64>()), 40..200),
        spread in spread(),
        late in 0u64..80_000,
        finds in proptest::collection::vec(find(), 20),
    ) {
        let micros = |at: usize, seed: u64| at as u64 * 7_654_321 + seed % 1000;
        let lines: Vec<String> = seeds.iter().enumerate().map(|(at, (template, seed))| {
            // Some clocks show the line's own time, some that of an event a little earlier.
            line(*template, micros(at, *seed) + late * (seed % 2), spread, *seed)
        }).collect();
        let place = Place::new();
        let (store, _) = place.open();
        let times = seeds.iter().enumerate().map(|(at, (_, seed))| START + micros(at, *seed) as i64 * 1000);
        let records: Vec<_> = times.zip(&lines).map(|(time, line)| record(time, line.as_bytes())).collect();
        store.append(&[(&group(), &records)], &[]).unwrap();
        store.seal().unwrap();
        for find in finds {
            let text = find.text(&lines);
            let plain = match &text {
                Text::Literal(literal) => regex::escape(std::str::from_utf8(literal).unwrap()),
                Text::Regex(pattern) => pattern.clone(),
            };
            let plain = regex::Regex::new(&plain).unwrap();
            let expected: Vec<String> = lines.iter().filter(|line| plain.is_match(line)).cloned().collect();
            let found = texts(&store.read(&Query { text: Some(text.clone()), ..everything() }).unwrap());
            prop_assert_eq!(found, expected, "{:?}", text);
        }
    }
}
