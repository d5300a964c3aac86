//! The layers of the configuration.

use std::process::Command;

use overseer_runtime::config::{ConfigError, load};
use serde::Deserialize;

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    name: String,
    section: Section,
}
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    by_default: u32,
    by_file: u32,
    by_environment: u32,
    by_flag: u32,
}

const DEFAULTS: &str = "name = 'default'\n[section]\nby_default = 1\nby_file = 1\nby_environment = 1\nby_flag = 1\n";
const NO_FLAGS: [(&str, String); 0] = [];
const INSIDE: &str = "OVERSEER_TEST_INSIDE";

/// Each layer gives way to the next: defaults, file, environment, flags. The environment is a child's.
#[test]
fn a_later_layer_wins() {
    let Ok(file) = std::env::var(INSIDE) else { return run_with_environment("a_later_layer_wins") };
    let settings: Settings = load(DEFAULTS, Some(file.as_ref()), &[("section.by_flag", 4)]).unwrap();
    let section = Section { by_default: 1, by_file: 2, by_environment: 3, by_flag: 4 };
    assert_eq!(settings, Settings { name: "file".to_owned(), section });
}

fn run_with_environment(test: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "name = 'file'\n[section]\nby_file = 2\nby_environment = 2\nby_flag = 2\n";
    std::fs::write(file.path(), text).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("settings::{test}")])
        .env(INSIDE, file.path())
        .env("OVERSEER__SECTION__BY_ENVIRONMENT", "3")
        .env("OVERSEER__SECTION__BY_FLAG", "3")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn an_unknown_key_and_a_wrong_value_are_named_with_their_place() {
    for (text, parts) in [
        ("[section]\nby_fil = 2\n", vec!["by_fil", "section"]),
        ("nmae = 'x'\n", vec!["nmae"]),
        ("[section]\nby_file = 'two'\n", vec!["section.by_file", "two"]),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let error = load::<Settings>(DEFAULTS, Some(file.path()), &NO_FLAGS).unwrap_err().to_string();
        for part in parts.iter().copied().chain([file.path().file_name().unwrap().to_str().unwrap()]) {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let error = load::<Settings>(DEFAULTS, Some("/nowhere/o.toml".as_ref()), &NO_FLAGS).unwrap_err();
    assert!(matches!(error, ConfigError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("/nowhere/o.toml"), "{error}");
}
