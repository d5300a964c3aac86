//! What is old goes when it is told to, and stays away; marks stay.

use overseer_logstore::{Config, Group, MarkKey, Nanos, Record, Selector};

use crate::place::{Place, START, everything, group, record, texts};

const DAY: i64 = 86_400_000_000_000;

fn other() -> Group {
    Group("other".to_owned())
}

#[test]
fn deletes_a_groups_old_lines_sealed_or_not() {
    let place = Place::new();
    let (store, _) = place.open();
    store.append(&[(&group(), &[record(START, b"first day"), record(START + DAY, b"second day")])], &[]).unwrap();
    store.append(&[(&other(), &[record(START, b"other")])], &[]).unwrap();
    store.seal().unwrap();
    store
        .append(&[(&group(), &[record(START + 5, b"first day, late"), record(START + DAY, b"second day, late")])], &[])
        .unwrap();
    let deleted = store.delete_before(&Selector::Group(group()), Nanos(START + DAY)).unwrap();
    assert_eq!(deleted, 2);
    let left = ["other", "second day", "second day, late"];
    assert_eq!(texts(&store.read(&everything()).unwrap()), left);
    assert_eq!(place.segments().len(), 2);
    drop(store);
    let (store, report) = place.open();
    assert_eq!((report.recovered, report.adopted.len()), (1, 0));
    assert_eq!(texts(&store.read(&everything()).unwrap()), left);
}

#[test]
fn deletes_a_resources_old_lines_when_they_are_alone_in_their_segment() {
    let place = Place::new();
    let (store, _) = place.open();
    let db = |time, text| Record { resource: "db", ..record(time, text) };
    store.append(&[(&group(), &[record(START, b"web"), db(START, b"db")])], &[]).unwrap();
    store.append(&[(&other(), &[db(START, b"db alone")])], &[]).unwrap();
    store.seal().unwrap();
    let deleted = store.delete_before(&Selector::Resource("db".to_owned()), Nanos(START + 1)).unwrap();
    assert_eq!(deleted, 1);
    assert_eq!(texts(&store.read(&everything()).unwrap()), ["web", "db"]);
}

#[test]
fn tells_what_each_resource_has() {
    let place = Place::new();
    let (store, _) = place.open();
    let db = |time, text| Record { resource: "db", ..record(time, text) };
    store.append(&[(&group(), &[record(START, b"12345"), db(START + 1, b"1"), db(START + 9, b"22")])], &[]).unwrap();
    assert_eq!(store.unsealed().unwrap()[&group()], (3, 11));
    store.seal().unwrap();
    let [segment] = &*store.segments().unwrap() else { panic!("one segment") };
    assert_eq!(
        (segment.lines, segment.payload, segment.earliest, segment.latest),
        (3, 11, Nanos(START), Nanos(START + 9))
    );
    assert_eq!(segment.stored, std::fs::metadata(&place.segments()[0]).unwrap().len());
    let shares: Vec<_> = segment.resources.iter().map(|share| (&*share.resource, share.lines, share.payload)).collect();
    assert_eq!(shares, [("db", 2, 5), ("web", 1, 6)]);
}

#[test]
fn marks_stay_through_sealing_and_new_files() {
    let place = Place::new();
    let (store, _) = place.open();
    let key = |name: &str| MarkKey(name.to_owned());
    store.append(&[], &[(key("a"), b"1".to_vec()), (key("b"), b"1".to_vec())]).unwrap();
    // Long enough for several write-ahead files.
    let text = vec![b'x'; 60_000];
    for at in 0..20 {
        let records = vec![record(START + at, &text); 50];
        store.append(&[(&group(), &records)], &[(key("a"), at.to_string().into_bytes())]).unwrap();
    }
    store.seal().unwrap();
    drop(store);
    let (store, report) = place.open();
    assert_eq!(report.recovered, 0);
    let marks: Vec<_> = store.marks().unwrap().into_iter().collect();
    assert_eq!(marks, [(key("a"), b"19".to_vec()), (key("b"), b"1".to_vec())]);
    let files = crate::place::files(&place.folder.path().join("open"));
    let wal = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "wal"));
    assert_eq!(wal.count(), 1, "files whose lines are sealed are not needed");
}

#[test]
fn marks_are_there_after_each_opening() {
    let place = Place::new();
    let key = |name: &str| MarkKey(name.to_owned());
    for round in 0..4u8 {
        let (store, _) = place.open();
        let expected = round.checked_sub(1).map(|last| vec![last]);
        assert_eq!(store.mark(&key("a")).unwrap(), expected);
        assert_eq!(store.mark(&key("once")).unwrap().is_some(), round > 0);
        let marks = [(key("a"), vec![round]), (key("once"), b"x".to_vec())];
        store.append(&[(&group(), &[record(START, b"line")])], &marks[..if round == 0 { 2 } else { 1 }]).unwrap();
        if round == 2 {
            store.seal().unwrap();
        }
    }
}

/// Many groups together stay within the bound: the largest are sealed.
#[test]
fn too_much_in_memory_is_sealed() {
    let place = Place::new();
    let (store, _) = place.open_with(Config { unsealed_bytes: 200_000, ..Config::default() });
    let text = vec![b'x'; 1000];
    for at in 0..500 {
        let group = Group(format!("group {}", at % 10));
        store.append(&[(&group, &[record(START + at, &text)])], &[]).unwrap();
        let unsealed: u64 = store.unsealed().unwrap().values().map(|(_, bytes)| bytes).sum();
        assert!(unsealed <= 201_000);
    }
    assert!(store.segments().unwrap().len() >= 10);
    assert_eq!(store.read(&everything()).unwrap().lines.len(), 500);
}

#[test]
fn an_empty_mark_is_forgotten_for_good() {
    let place = Place::new();
    let (store, _) = place.open();
    let (one, other) = (MarkKey("one".to_owned()), MarkKey("other".to_owned()));
    store.append(&[], &[(one.clone(), b"1".to_vec()), (other.clone(), b"2".to_vec())]).unwrap();
    store.append(&[], &[(one.clone(), Vec::new())]).unwrap();
    assert_eq!((store.mark(&one).unwrap(), store.marks().unwrap().len()), (None, 1));
    drop(store);
    let (store, _) = place.open();
    assert_eq!(store.marks().unwrap().into_keys().collect::<Vec<_>>(), [other]);
}
