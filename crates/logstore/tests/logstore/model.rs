//! Queries answer what a list of all lines, filtered and sorted, answers.

use overseer_logstore::{
    Config, Filter, Group, Line, Nanos, Order, Query, Rank, Record, Signature, Store, Stream, Text,
};
use proptest::prelude::*;

use crate::place::{Place, START};

const RESOURCES: [&str; 3] = ["web", "db", "worker"];

#[derive(Clone, Debug)]
struct Kept {
    time: i64,
    group: usize,
    resource: usize,
    severity: u8,
    signature: u64,
    text: String,
}

fn kept() -> impl Strategy<Value = Kept> {
    let text = prop_oneof![
        (0u32..3000, "[a-z]{3}", any::<u32>()).prop_map(|(n, w, h)| format!("took {n} ms in {w} id={h:08x}")),
        (0u32..30, any::<u128>()).prop_map(|(n, h)| format!("10.0.0.{n} GET /api/v1/cart trace={h:032x}")),
        (0u64..9000, 0u32..60).prop_map(|(n, s)| format!("[00:00:{s:02}.{:03}] INFO worker-{n} is up", n % 1000)),
        "[a-z0-9 =/.]{0,20}",
    ];
    // Few distinct times, so that many are equal; three days.
    let time = (0i64..3, 0i64..40).prop_map(|(day, step)| START + day * 86_400_000_000_000 + step * 1_000_000_000);
    (time, 0usize..2, 0usize..3, 0u8..4, 0u64..3, text).prop_map(
        |(time, group, resource, severity, signature, text)| Kept { time, group, resource, severity, signature, text },
    )
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Kept>),
    Seal,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => proptest::collection::vec(kept(), 1..120).prop_map(Step::Append),
        2 => Just(Step::Seal),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..7)
}

#[derive(Clone, Debug)]
enum Needle {
    None,
    PartOf(prop::sample::Index, usize, usize),
    Fixed(&'static str),
    Regex(&'static str),
}

fn needle() -> impl Strategy<Value = Needle> {
    prop_oneof![
        2 => Just(Needle::None),
        5 => (any::<prop::sample::Index>(), 0usize..60, 1usize..40).prop_map(|(of, from, len)| Needle::PartOf(of, from, len)),
        1 => Just(Needle::Fixed("GET")),
        1 => Just(Needle::Fixed("0")),
        1 => Just(Needle::Fixed("no such line")),
        1 => prop::sample::select(vec!["took [0-9]{4} ms", "trace=.*f$", "^$", "worker-[0-9]+ is", "(a|b)c?", "id=0"])
            .prop_map(Needle::Regex),
    ]
}

fn groups() -> [Group; 2] {
    ["one", "two"].map(|name| Group(name.to_owned()))
}

fn line(kept: &Kept) -> Line {
    let Kept { time, group, resource, severity, signature, text } = kept.clone();
    Line {
        time: Nanos(time),
        group: groups()[group].clone().into(),
        resource: RESOURCES[resource].into(),
        instance: "".into(),
        stream: Stream::Stdout,
        severity: Rank(severity),
        signature: Signature(signature),
        text: text.into_bytes(),
    }
}

fn append(store: &Store, lines: &[Kept]) {
    let groups = groups();
    let of = |group: usize| -> Vec<Record> {
        let own = lines.iter().filter(|line| line.group == group);
        own.map(|line| Record {
            time: Nanos(line.time),
            resource: RESOURCES[line.resource],
            instance: RESOURCES[line.resource],
            stream: Stream::Stdout,
            severity: Rank(line.severity),
            signature: Signature(line.signature),
            text: line.text.as_bytes(),
        })
        .collect()
    };
    let (one, two) = (of(0), of(1));
    store.append(&[(&groups[0], &one), (&groups[1], &two)], &[]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn answers_what_a_list_answers(
        steps in steps(),
        needle in needle(),
        only_group in any::<bool>(),
        only_resource in proptest::option::of(0usize..3),
        min_severity in 0u8..3,
        signature in proptest::option::of(0u64..3),
        range in proptest::option::of((0i64..130, 1i64..130)),
        newest_first in any::<bool>(),
        page_lines in 1usize..40,
        page_bytes in prop_oneof![Just(usize::MAX), 1usize..400],
    ) {
        let place = Place::new();
        let config = Config { block_bytes: 2000, ..Config::default() };
        let mut store = place.open_with(config.clone()).0;
        let mut all: Vec<Kept> = Vec::new();
        for step in steps {
            match step {
                Step::Append(lines) => {
                    append(&store, &lines);
                    all.extend(lines);
                }
                Step::Seal => store.seal().unwrap(),
                Step::Reopen => {
                    drop(store);
                    let (again, report) = place.open_with(config.clone());
                    prop_assert!(report.aside.is_empty() && report.damaged.is_empty() && report.adopted.is_empty());
                    store = again;
                }
            }
        }
        let text = match needle {
            Needle::None => None,
            Needle::Fixed(text) => Some(Text::Literal(text.into())),
            Needle::Regex(pattern) => Some(Text::Regex(pattern.to_owned())),
            Needle::PartOf(of, from, len) => {
                let line = if all.is_empty() { "" } else { &*all[of.index(all.len())].text };
                let start = from.min(line.len().saturating_sub(1));
                let part = &line[start..(start + len).min(line.len())];
                (!part.is_empty()).then(|| Text::Literal(part.into()))
            }
        };
        let second = |at: i64| Nanos(START + at / 43 * 86_400_000_000_000 + at % 43 * 1_000_000_000);
        let (from, until) = range.map_or((Nanos::MIN, Nanos::MAX), |(from, len)| (second(from), second(from + len)));
        let mut query = Query {
            groups: if only_group { vec![groups()[1].clone()] } else { Vec::new() },
            resources: only_resource.map(|resource| RESOURCES[resource].to_owned()).into_iter().collect(),
            from,
            until,
            min_severity: Rank(min_severity),
            signature: signature.map(Signature),
            text,
            order: if newest_first { Order::NewestFirst } else { Order::OldestFirst },
            lines: page_lines,
            bytes: page_bytes,
            after: None,
        };
        let regex = match &query.text {
            Some(Text::Regex(pattern)) => Some(regex::Regex::new(pattern).unwrap()),
            _ => None,
        };
        let wanted = |line: &&Kept| {
            (!only_group || line.group == 1)
                && only_resource.is_none_or(|resource| resource == line.resource)
                && line.severity >= min_severity
                && signature.is_none_or(|signature| signature == line.signature)
                && Nanos(line.time) >= from
                && (Nanos(line.time) < until || until == Nanos::MAX)
                && match &query.text {
                    None => true,
                    Some(Text::Literal(literal)) => line.text.contains(std::str::from_utf8(literal).unwrap()),
                    Some(Text::Regex(_)) => regex.as_ref().unwrap().is_match(&line.text),
                }
        };
        let key = |line: &Kept| (line.time, line.group, line.resource, line.severity, line.signature, line.text.clone());
        let mut expected: Vec<_> = all.iter().filter(wanted).map(key).collect();
        let filter = Filter::new(query.clone()).unwrap();
        prop_assert!(all.iter().all(|kept| filter.wants(&line(kept)) == wanted(&kept)), "a line alone is decided alike");
        let mut got = Vec::new();
        let mut times = Vec::new();
        loop {
            let page = store.read(&query).unwrap();
            prop_assert!(page.aside.is_empty());
            prop_assert!(page.lines.len() <= page_lines);
            let bytes: usize = page.lines.iter().map(|line| line.text.len()).sum();
            prop_assert!(bytes <= page_bytes || page.lines.len() == 1);
            for line in page.lines {
                times.push(line.time);
                got.push((
                    line.time.0,
                    usize::from(*line.group == groups()[1]),
                    RESOURCES.iter().position(|name| **name == *line.resource).unwrap(),
                    line.severity.0,
                    line.signature.0,
                    String::from_utf8(line.text).unwrap(),
                ));
            }
            match page.next {
                // As text and back, as a caller keeps it.
                Some(next) => query.after = Some(next.to_string().parse().unwrap()),
                None => break,
            }
        }
        let in_order = if newest_first { times.is_sorted_by(|a, b| a >= b) } else { times.is_sorted() };
        prop_assert!(in_order);
        got.sort();
        expected.sort();
        prop_assert_eq!(got, expected);
    }
}

/// Who takes hold of the store knows exactly which commits its answer has.
#[test]
fn a_look_has_what_was_committed_before_it_and_nothing_after() {
    let place = Place::new();
    let (store, _) = place.open();
    let append = |text: &str| {
        store.append(&[(&crate::place::group(), &[crate::place::record(START, text.as_bytes())])], &[]).unwrap();
    };
    append("sealed");
    store.seal().unwrap();
    append("in memory");
    let query = Query { order: Order::OldestFirst, ..Query::default() };
    let look = store.look(&query).unwrap();
    append("later");
    store.seal().unwrap();
    assert_eq!(crate::place::texts(&look.read()), ["sealed", "in memory"]);
}

/// Lines of one time come back in the order they were appended in, and the pages' borders do not change that.
#[test]
fn equal_times_keep_their_order() {
    let place = Place::new();
    let (store, _) = place.open();
    let texts: Vec<String> =
        (0..100).map(|at| if at % 3 == 0 { format!("a {at}") } else { format!("b={at} c") }).collect();
    let records: Vec<_> = texts.iter().map(|text| crate::place::record(START, text.as_bytes())).collect();
    let mut query = Query { order: Order::OldestFirst, lines: 7, ..Query::default() };
    store.append(&[(&crate::place::group(), &records[..50])], &[]).unwrap();
    let mut got = Vec::new();
    for round in 0.. {
        // The border between memory and segment moves between two pages.
        match round {
            2 => store.seal().unwrap(),
            4 => drop(store.append(&[(&crate::place::group(), &records[50..])], &[]).unwrap()),
            7 => store.seal().unwrap(),
            _ => {}
        }
        let page = store.read(&query).unwrap();
        got.extend(crate::place::texts(&page));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(got, texts);
}
