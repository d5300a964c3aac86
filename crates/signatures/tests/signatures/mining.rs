//! What becomes one signature, and what does not.

use overseer_signatures::{Miner, Severity, SignatureId, VariableKind};

/// The signatures of lines, as they are when all have been seen.
fn mine<L: AsRef<[u8]>>(miner: &mut Miner, lines: &[L]) -> Vec<SignatureId> {
    let ids: Vec<SignatureId> = lines.iter().map(|line| miner.observe(line.as_ref()).signature).collect();
    ids.into_iter().map(|id| miner.resolve(id)).collect()
}

fn template(miner: &Miner, id: SignatureId) -> String {
    miner.signature(id).map(|signature| signature.template).unwrap_or_default()
}

/// Lines that are instances of one signature, and its template.
const ONE: &[(&[&str], &str)] = &[
    (&["took 3 ms", "took 250 ms", "took 0.5 ms"], "took <*> ms"),
    (&["to 10.0.0.1:80 from 10.0.0.2:4711", "to 10.0.0.3:443 from 192.168.1.1:2"], "to <*> from <*>"),
    (&["open /var/lib/a", "open /etc/b/c", "open ./d"], "open <*>"),
    (&["id 6ba7b810-9dad-11d1-80b4-00c04fd430c8 done", "id 00000000-0000-0000-0000-000000000000 done"], "id <*> done"),
    (&["get https://a.example/x?y=1 again", "get http://b.example/z again"], "get <*> again"),
    (&["sum 1 2 3 end", "sum 4 end", "sum 5, 6 end"], "sum <*> end"),
    (&["sent 403 bytes, lifetime 00:01", "sent 1165 bytes (1.13 KB), lifetime <1 sec"], "sent <*> bytes, lifetime <*>"),
    (&["from a.b.example.org now", "from 10.0.0.1 now", "from zummit.com now"], "from <*> now"),
    (&["pod web-cafefefa is up", "pod web-7d4b9c6f5-x2x9z is up"], "pod <*> is up"),
    (&["link ok (00:1b:44:11:3a:b7)", "link ok (ff:eb:44:aa:3a:b7)"], "link ok (<*>)"),
    (&["jk2_init() found child 1", "jk2_init() found child 2"], "jk2_init() found child <*>"),
    (
        &[
            r#"{"level":"info","ts":"2026-03-01T00:00:48Z","msg":"request completed","method":"GET","ok":true}"#,
            r#"{"level":"warn","ts":"2026-03-01T00:00:49Z","msg":"request completed","method":"PUT","ok":false}"#,
        ],
        r#"{"level":<*>,"ts":<*>,"msg":"request completed","method":<*>,"ok":<*>}"#,
    ),
    (
        &["level=info msg=\"request done\" path=/a user=anna", "level=error msg=\"request done\" path=/b/c user=bob"],
        "level=<*> msg=\"request done\" path=<*> user=<*>",
    ),
];

#[test]
fn lines_that_differ_in_values_are_one_signature() {
    for (lines, expected) in ONE {
        let mut miner = Miner::default();
        let ids = mine(&mut miner, lines);
        assert!(ids.iter().all(|id| *id == ids[0]), "{lines:?}");
        assert_eq!(template(&miner, ids[0]), *expected);
        assert_eq!(miner.signature(ids[0]).unwrap().count, lines.len() as u64);
        assert_eq!(miner.len(), 1, "{lines:?}");
    }
}

/// Lines that are instances of as many signatures.
const MANY: &[&[&str]] = &[
    &["startup succeeded", "startup failed", "shutdown succeeded"],
    &["cache hit=true", "cache hit=false"],
    &["VM Started by 1", "VM Stopped by 2", "VM Paused by 3", "VM Resumed by 4", "VM Migrated by 5"],
    &["\"GET / HTTP/1.1\" 200 12", "\"GET / HTTP/1.1\" 503 12"],
    &["getMode", "getState", "closeAll", "openAll", "flush", "start", "stop"],
];

#[test]
fn alternatives_stay_apart() {
    for lines in MANY {
        let mut miner = Miner::default();
        mine(&mut miner, lines);
        assert_eq!(miner.len(), lines.len(), "{lines:?}");
    }
}

#[test]
fn a_place_with_many_words_is_a_slot() {
    let mut miner = Miner::default();
    let names = ["anna", "bob", "carla", "dmitri", "eve", "frank"];
    let lines: Vec<String> = names.iter().map(|name| format!("session closed for {name} by timeout")).collect();
    let ids = mine(&mut miner, &lines);
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(template(&miner, ids[0]), "session closed for <*> by timeout");
    let sighting = miner.observe(b"session closed for gerda by timeout");
    assert_eq!(sighting.signature, ids[0]);
    let variables: Vec<_> = sighting.variables().collect();
    assert_eq!(variables.len(), 1);
    assert_eq!((variables[0].range.clone(), variables[0].kind), (19..24, VariableKind::Word));
}

#[test]
fn what_was_learned_behind_a_word_holds_for_other_lines() {
    let mut miner = Miner::default();
    for name in ["anna", "bob", "carla", "dmitri"] {
        miner.observe(format!("login of operator {name} accepted").as_bytes());
    }
    let ids = mine(&mut miner, &["logout of operator anna complete", "logout of operator carla complete"]);
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn two_slots_are_found_although_no_two_lines_differ_in_one_word_only() {
    let mut miner = Miner::default();
    let words = ["order", "cart", "price", "stock", "export", "token", "queue", "index"];
    let line =
        |a: usize, b: usize| format!("slow query: select all from {} where tenant is {} and more", words[a], words[b]);
    let lines: Vec<String> =
        (0..8).map(|n| line(n, (n * 3 + 1) % 8)).chain((0..8).map(|n| line(n, (n + 5) % 8))).collect();
    let ids = mine(&mut miner, &lines);
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn severity_comes_from_the_level_or_else_from_the_words() {
    let mut miner = Miner::default();
    let cases: [(&str, Severity); 7] = [
        ("2026-03-01 00:00:00 WARN slow", Severity::Warning),
        (r#"{"level":50,"msg":"upstream call failed"}"#, Severity::Error),
        (r#"{"severity":"CRITICAL","message":"gone"}"#, Severity::Critical),
        ("\"GET / HTTP/1.1\" 502 12", Severity::Error),
        ("connection refused by 10.0.0.1", Severity::Error),
        ("all is well", Severity::Unknown),
        ("level=warning msg=low", Severity::Warning),
    ];
    for (line, severity) in cases {
        assert_eq!(miner.observe(line.as_bytes()).severity, severity, "{line}");
    }
}

#[test]
fn variables_have_kinds() {
    let mut miner = Miner::default();
    let line = "a 12 b -1.5 c 6ba7b810-9dad-11d1-80b4-00c04fd430c8 d 10.0.0.1 e 0x1f f /var/x g deadbeef01 h x7z";
    let sighting = miner.observe(line.as_bytes());
    let found: Vec<(&str, VariableKind)> = sighting.variables().map(|found| (&line[found.range], found.kind)).collect();
    use VariableKind::*;
    let expected = [
        ("12", Integer),
        ("-1.5", Decimal),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Uuid),
        ("10.0.0.1", Address),
        ("0x1f", Hexadecimal),
        ("/var/x", Path),
        ("deadbeef01", Hexadecimal),
        ("x7z", Text),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_line_that_says_nothing_of_itself_is_not_as_bad_as_others_of_its_signature() {
    let mut miner = Miner::default();
    let severity = |miner: &mut Miner, line: &str| miner.observe(line.as_bytes()).severity;
    assert_eq!(severity(&mut miner, "2026-03-01 10:00:00 ERROR line 1"), Severity::Error);
    assert_eq!(severity(&mut miner, "line 2"), Severity::Unknown);
    assert_eq!(severity(&mut miner, "connection refused"), severity(&mut miner, "connection refused"));
    let listed: Vec<_> = miner.signatures().map(|signature| (signature.template, signature.severity)).collect();
    assert!(listed.contains(&("line <*>".to_owned(), Severity::Error)), "{listed:?}");
}
