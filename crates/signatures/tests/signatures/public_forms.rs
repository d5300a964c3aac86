//! What may leave the site.

use overseer_signatures::{LONGEST_PUBLIC_FORM, Miner, public_form};
use proptest::prelude::*;

const FORMS: &[(&str, &str)] = &[
    ("Loaded <*> rows from table <*> in <*> ms", "Loaded <*> rows from table <*> in <*> ms"),
    ("connection refused by db.example.org:5432", "connection refused by <*>:<*>"),
    ("user anna@example.org logged in from /home/anna", "user <*> logged in from <*>"),
    ("order for Kowalczyk rejected", "order for <*> rejected"),
    ("password is 'correct horse' today", "password is <*> today"),
    ("zażółć gęślą jaźń failed", "<*> failed"),
    ("FileNotFoundError: no such file: report-2024.pdf", "FileNotFoundError: no such file: <*>"),
    ("PowerManager read_only qux-sync", "PowerManager read_only <*>"),
    ("xqzt vbnm and asdfgh", "<*> and <*>"),
    (
        r#"{"level":<*>,"msg":"request completed by Zbigniew","method":<*>}"#,
        "{level:<*>,msg:request completed by <*>,method:<*>}",
    ),
    (r#"{"Zbigniew":"x","note":"request completed"}"#, "{<*>:<*>,note:<*>}"),
    ("", ""),
    ("<*> <*>, <*>", "<*>, <*>"),
];

#[test]
fn only_common_words_are_kept() {
    for (template, form) in FORMS {
        assert_eq!(public_form(template).as_str(), *form, "{template}");
    }
}

fn canary() -> impl Strategy<Value = String> {
    prop_oneof![
        "[b-df-hj-np-tv-xz]{5,12}",
        "[b-df-hj-np-tv-xz]{4,8}@[b-df-hj-np-tv-xz]{4,8}\\.(com|org)",
        "/[b-df-hj-np-tv-xz]{4,8}/[b-df-hj-np-tv-xz]{4,8}",
        "[b-df-hj-np-tv-xz]{4,8}-[b-df-hj-np-tv-xz]{4,8}",
        "[A-Z]{2}[0-9]{6,12}",
        "[B-DF-HJ-NP-TV-XZ][b-df-hj-np-tv-xz]{4,9}",
    ]
}

proptest! {
    #[test]
    fn no_canary_at_any_frequency_is_in_a_public_form(canary in canary(), times in 1usize..40, n in 0u32..9) {
        let mut miner = Miner::default();
        for round in 0..times {
            for line in [
                format!("payment of {canary} failed"),
                format!("{canary} payment failed after {round} s"),
                format!("{{\"msg\":\"payment of {canary} failed\",\"{canary}\":\"{canary}\"}}"),
                format!("2026-03-01 00:00:0{n} ERROR [{canary}] {canary}: payment failed"),
                format!("key={canary} \"{canary}\" ({canary})"),
                canary.clone(),
            ] {
                miner.observe(line.as_bytes());
            }
        }
        for signature in miner.signatures() {
            let form = public_form(&signature.template);
            prop_assert!(!form.as_str().contains(&canary), "{form}");
            let longest = canary.split(|char: char| !char.is_alphanumeric()).max_by_key(|part| part.len()).unwrap_or_default();
            prop_assert!(!form.as_str().contains(longest), "{form}");
        }
    }

    #[test]
    fn a_public_form_is_bounded_and_plain(template in "\\PC{0,400}") {
        let form = public_form(&template);
        prop_assert!(form.as_str().len() <= LONGEST_PUBLIC_FORM);
        prop_assert!(form.as_str().is_ascii());
        prop_assert!(!form.as_str().replace("<*>", "").contains(|char: char| char.is_ascii_digit() || "\"'`/@\\<>".contains(char)));
    }
}
