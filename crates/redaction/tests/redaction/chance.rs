//! What holds for any bytes.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use crate::table::examples;
use crate::{redact, redactor, text};

/// Bytes of all kinds, among them many that matter here.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let marks = prop_oneof![
        Just("[redacted:password:01234567]".to_owned()),
        Just("[redacted:".to_owned()),
        "[ -~]{0,12}",
        "[a-zA-Z0-9]{1,40}",
        "(password|token|key|secret|cookie|authorization|session)",
        "[=:\"'\\\\ ;,&@/\\[\\]{}<>]{1,3}",
        "(://|eyJ|ghp_|glpat-|-----BEGIN PRIVATE KEY-----|-----END |bearer |sk-|xoxb-|AKIA)",
    ];
    let whole = || examples("+").into_iter().chain(examples("-")).map(|example| example.whole().into_bytes());
    let known = proptest::sample::select(whole().collect::<Vec<_>>());
    let secrets = examples("+").into_iter().flat_map(|example| example.secrets().cloned().collect::<Vec<_>>());
    let secrets = proptest::sample::select(secrets.map(String::into_bytes).collect::<Vec<_>>());
    let any_bytes = vec(any::<u8>(), 0..20);
    let piece = prop_oneof![4 => marks.prop_map(String::into_bytes), 2 => known, 2 => secrets, 1 => any_bytes];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn redacting_again_changes_nothing(bytes in bytes()) {
        let once = redact(&bytes);
        let twice = redact(&once);
        if once != twice {
            let (bytes, once, twice) = (text(&bytes), text(&once), text(&twice));
            return Err(TestCaseError::fail(format!("{bytes:?}\nbecame {once:?}\nand then {twice:?}")));
        }
    }

    #[test]
    fn what_comes_out_is_at_most_eight_times_as_long(bytes in bytes()) {
        assert!(redact(&bytes).len() <= bytes.len() * 8);
    }

    /// Those that have a form of their own, whatever stands around.
    #[test]
    fn a_secret_of_known_form_never_survives(before in bytes(), behind in bytes(), which in any::<proptest::sample::Index>()) {
        let of_form = |family: &str| !matches!(family, "password" | "secret" | "key" | "token" | "session" | "cookie"
            | "authorization" | "url-password" | "private-key");
        let known = examples("+").into_iter().filter(|example| of_form(&example.family) && !example.whole().contains("hook"));
        let secrets: Vec<String> = known.flat_map(|example| example.secrets().cloned().collect::<Vec<_>>()).collect();
        let secret = which.get(&secrets).as_bytes();
        let whole = [&before[..], secret, &behind].concat();
        let redacted = redact(&whole);
        if contains(&redacted, secret) {
            return Err(TestCaseError::fail(format!("{:?}\nbecame {:?}", text(&whole), text(&redacted))));
        }
    }

    /// Those that are known by what is before them, at every place in a line of other text.
    #[test]
    fn a_secret_behind_its_key_never_survives(
        line in "[ -~]{0,60}", at in any::<proptest::sample::Index>(), which in any::<proptest::sample::Index>()
    ) {
        let examples = examples("+");
        let example = which.get(&examples);
        let at = at.index(line.len() + 1);
        let whole = format!("{} {} {}", &line[..at], example.whole(), &line[at..]);
        let redacted = redact(whole.as_bytes());
        for secret in example.secrets().filter(|secret| secret.len() > 6) {
            if contains(&redacted, secret.as_bytes()) && !line.contains(secret) {
                return Err(TestCaseError::fail(format!("{whole:?}\nbecame {:?}", text(&redacted))));
            }
        }
    }
}

/// Lines made of nothing but candidates: each must cost about as much as it is long.
#[test]
fn hostile_lines_take_linear_time() {
    let redactor = redactor();
    for piece in [
        "eyJ",
        "eyJa.",
        "key=",
        "key=,a,",
        "token=\"",
        "://",
        "://a:",
        "ghp_",
        "sk-",
        "xoxb-",
        "SG.a",
        "MTEx",
        "[redacted:",
        "-----BEGIN PRIVATE KEY-----",
        "password=",
        "cookie: a=",
        "authorization: ",
        "bearer ",
        "1:AA",
        "a8Q~",
        "key=[",
        "\\\"key\\\":\\\"",
        "key: '",
        "auth,",
        "hooks/1",
        "session-",
        "token.",
    ] {
        let time = |length: usize| {
            let line = piece.repeat(length / piece.len());
            let begun = std::time::Instant::now();
            let _redacted = redactor.redact(line.as_bytes());
            begun.elapsed()
        };
        // The quickest of some runs in turns: another process may stand in the way of one.
        let runs: Vec<_> = (0..7).map(|_| (time(1 << 11), time(1 << 16))).collect();
        let short = runs.iter().map(|(short, _)| *short).min().unwrap();
        let long = runs.iter().map(|(_, long)| *long).min().unwrap();
        assert!(long < short * 32 * 5, "{piece}: {short:?}, then {long:?} for 32 times as much");
    }
}
