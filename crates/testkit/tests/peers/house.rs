//! The house as `cargo metadata` shows it: which crate may know which, what is declared, and what may be linked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde_json::Value;

const SERVICES: [&str; 7] = [
    "overseer-identity",
    "overseer-collector",
    "overseer-incident-engine",
    "overseer-control-plane",
    "overseer-executor",
    "overseer-notifier",
    "overseer-gateway",
];
/// What no crate without I/O may know.
const IO: [&str; 7] = ["tokio", "sqlx", "tonic", "reqwest", "axum", "async-nats", "bollard"];
/// Named only in code that is generated: the codec of the gRPC stubs.
const ONLY_IN_GENERATED_CODE: [(&str, &str); 1] = [("overseer-contract", "tonic-prost")];

struct Package {
    name: String,
    folder: PathBuf,
    license: String,
    source: Option<String>,
    /// Names of packages that it is built with, tests aside.
    normal: BTreeSet<String>,
    /// Also what it is built by and tested with.
    all: BTreeSet<String>,
}

struct House {
    members: BTreeSet<String>,
    packages: BTreeMap<String, Package>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let arguments = ["metadata", "--format-version", "1", "--locked", "--offline"];
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`cargo metadata` failed; `./dev setup` fetches every crate: {stderr}");
        read(&serde_json::from_slice(&output.stdout).unwrap())
    })
}

fn read(metadata: &Value) -> House {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let packages = list(&metadata["packages"]).into_iter().map(|package| {
        let node = nodes.iter().find(|node| node["id"] == package["id"]).unwrap();
        let (mut normal, mut all) = (BTreeSet::new(), BTreeSet::new());
        for dependency in list(&node["deps"]) {
            let name = names[&text(&dependency["pkg"])].clone();
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                normal.insert(name.clone());
            }
            all.insert(name);
        }
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
        let source = package["source"].as_str().map(str::to_owned);
        let license = text(&package["license"]);
        (text(&package["id"]), Package { name: text(&package["name"]), folder, license, source, normal, all })
    });
    let packages = packages.collect();
    let members = list(&metadata["workspace_members"]).iter().map(|id| names[&text(id)].clone()).collect();
    House { members, packages }
}

impl House {
    /// A crate of the workspace.
    fn member(&self, name: &str) -> &Package {
        assert!(self.members.contains(name), "there is no crate {name}");
        self.packages.values().find(|package| package.name == name).unwrap()
    }

    fn members(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().map(|name| self.member(name))
    }

    /// The crates of the workspace that `name` is built with, directly or not, without looking beyond `stop`.
    fn knows(&self, name: &str, stop: &[&str]) -> BTreeSet<&str> {
        let (mut known, mut open) = (BTreeSet::new(), vec![name]);
        while let Some(next) = open.pop() {
            for dependency in self.member(next).normal.iter().filter(|name| self.members.contains(*name)) {
                if known.insert(dependency.as_str()) && !stop.contains(&dependency.as_str()) {
                    open.push(dependency);
                }
            }
        }
        known
    }
}

#[test]
fn no_service_knows_another() {
    let house = house();
    for service in SERVICES {
        let known = house.knows(service, &[]);
        let others: Vec<_> = SERVICES.into_iter().filter(|other| known.contains(other)).collect();
        assert!(others.is_empty(), "{service} depends on {others:?}: they meet in the contract");
        assert!(!known.contains("overseer"), "{service} depends on the binary");
    }
}

#[test]
fn only_the_executor_can_act() {
    let house = house();
    let act = ["overseer-provider-act", "overseer-provider-docker-act"];
    for package in house.members().map(|package| package.name.as_str()) {
        if package == "overseer-executor" || act.contains(&package) {
            continue;
        }
        // Whoever has the executor has it as a whole; that is the binary.
        let known = house.knows(package, &["overseer-executor"]);
        let found: Vec<_> = act.into_iter().filter(|act| known.contains(act)).collect();
        assert!(found.is_empty(), "{package} depends on {found:?}: only the executor may act");
    }
    let holders: Vec<_> = house.members().filter(|package| package.normal.contains("overseer-executor")).collect();
    assert_eq!(holders.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["overseer"]);
}

#[test]
fn arrows_point_down() {
    let house = house();
    let below = |allowed: &[&'static str]| allowed.iter().copied().collect::<BTreeSet<_>>();
    let ground = ["overseer-contract", "overseer-model"];
    let floors = [
        ("overseer-model", below(&[])),
        ("overseer-redaction", below(&[])),
        ("overseer-signatures", below(&[])),
        ("overseer-logstore", below(&[])),
        ("overseer-contract", below(&["overseer-model"])),
        ("overseer-permit", below(&["overseer-credentials", "overseer-model"])),
        ("overseer-credentials", below(&["overseer-model"])),
        ("overseer-provider-port", below(&["overseer-model"])),
        ("overseer-provider-docker", below(&["overseer-model", "overseer-provider-port"])),
        ("overseer-bus", below(&ground)),
        ("overseer-storage", below(&ground)),
        (
            "overseer-runtime",
            below(&[ground[0], ground[1], "overseer-bus", "overseer-credentials", "overseer-storage"]),
        ),
        (
            "overseer-logs",
            below(&[
                ground[0],
                ground[1],
                "overseer-bus",
                "overseer-credentials",
                "overseer-storage",
                "overseer-runtime",
                "overseer-provider-port",
                "overseer-redaction",
                "overseer-signatures",
                "overseer-logstore",
            ]),
        ),
        ("overseer-testkit", below(&[])),
    ];
    for (name, allowed) in floors {
        let known = house.knows(name, &[]);
        let above: Vec<_> = known.difference(&allowed).collect();
        assert!(above.is_empty(), "{name} depends on {above:?}");
    }
}

#[test]
fn the_model_does_no_io() {
    let house = house();
    // Everything that it is built with, down to the last crate.
    let (mut known, mut open) = (BTreeSet::new(), vec!["overseer-model".to_owned()]);
    while let Some(next) = open.pop() {
        for package in house.packages.values().filter(|package| package.name == next) {
            open.extend(package.normal.iter().filter(|name| known.insert((*name).clone())).cloned());
        }
    }
    let found: Vec<_> = IO.into_iter().filter(|io| known.contains(*io)).collect();
    assert!(found.is_empty(), "the model depends on {found:?}");
}

#[test]
fn the_testkit_is_for_tests_only() {
    for package in house().members() {
        assert!(!package.normal.contains("overseer-testkit"), "{} takes the testkit out of its tests", package.name);
    }
}

#[test]
fn every_crate_obeys_the_lints_of_the_house() {
    for package in house().members() {
        let name = &package.name;
        let manifest = toml(&package.folder.join("Cargo.toml"));
        assert_eq!(manifest["lints"]["workspace"], true, "{name} has lints of its own");
        let unsafe_code = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code"];
        for folder in ["src", "tests", "benches"] {
            // This file names them.
            for (file, text) in sources(&package.folder.join(folder)).filter(|(file, _)| !file.ends_with(file!())) {
                let found: Vec<_> = unsafe_code.iter().filter(|code| text.contains(**code)).collect();
                assert!(found.is_empty(), "{} has {found:?}", file.display());
            }
        }
    }
    assert_eq!(toml(&root().join("Cargo.toml"))["workspace"]["lints"]["rust"]["unsafe_code"], "forbid");
}

#[test]
fn every_dependency_has_its_reason_and_its_use() {
    let house = house();
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let declared = text.split_once("[workspace.dependencies]\n").unwrap().1.split("\n[").next().unwrap();
    for line in declared.lines().filter(|line| !line.is_empty() && !line.contains("path = ")) {
        let reason = line.rsplit_once("# ").map(|(_, reason)| reason.trim()).unwrap_or_default();
        assert!(!reason.is_empty(), "no reason beside: {line}");
    }
    let manifests: Vec<Value> = house.members().map(|package| toml(&package.folder.join("Cargo.toml"))).collect();
    let used: BTreeSet<&String> = manifests
        .iter()
        .flat_map(|manifest| {
            let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
            tables.into_iter().filter_map(|table| manifest[table].as_object()).flat_map(|table| table.keys())
        })
        .collect();
    let manifest = toml(&root().join("Cargo.toml"));
    let declared = manifest["workspace"]["dependencies"].as_object().unwrap();
    let unused: Vec<_> = declared.keys().filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "declared in the root, used by no crate: {unused:?}");
}

#[test]
fn no_crate_names_a_dependency_that_its_code_does_not() {
    let mut unused = Vec::new();
    for package in house().members() {
        let manifest = toml(&package.folder.join("Cargo.toml"));
        let places: [(&str, &[&str]); 3] = [
            ("dependencies", &["src"]),
            // Unit tests live in src.
            ("dev-dependencies", &["src", "tests", "benches"]),
            ("build-dependencies", &["build.rs"]),
        ];
        for (table, places) in places {
            let code: Vec<String> =
                places.iter().flat_map(|place| sources(&package.folder.join(place))).map(|(_, text)| text).collect();
            for name in manifest[table].as_object().into_iter().flat_map(|table| table.keys()) {
                let exempt = ONLY_IN_GENERATED_CODE.contains(&(package.name.as_str(), name.as_str()));
                if !exempt && !code.iter().any(|code| names(code, &name.replace('-', "_"))) {
                    unused.push(format!("{}: [{table}] {name}", package.name));
                }
            }
        }
    }
    assert!(unused.is_empty(), "remove: {unused:#?}");
}

#[test]
fn nothing_is_linked_that_deny_toml_does_not_allow() {
    let deny = toml(&root().join("deny.toml"));
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let licences = texts(&deny["licenses"]["allow"]);
    let registries: Vec<String> =
        texts(&deny["sources"]["allow-registry"]).iter().map(|registry| format!("registry+{registry}")).collect();
    let banned: Vec<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().map(|entry| entry["crate"].as_str().unwrap()).collect();
    assert!(banned.contains(&"aws-lc-sys") && banned.contains(&"openssl-sys") && banned.contains(&"native-tls"));
    for Package { name, license, source, all, .. } in house().packages.values() {
        assert!(permits(license, &licences), "{name} is under `{license}`, which deny.toml does not allow");
        assert!(source.as_ref().is_none_or(|from| registries.contains(from)), "{name} is from {source:?}");
        let found: Vec<_> = banned.iter().filter(|banned| all.contains(**banned)).collect();
        assert!(found.is_empty(), "{name} depends on {found:?}, which deny.toml bans");
    }
}

#[test]
fn licences_read_as_spdx_writes_them() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    for good in
        ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "MIT AND ISC", "(GPL-3.0 OR MIT) AND ISC", "GPL-3.0 AND A OR ISC"]
    {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR A)", "GPL-3.0 OR MIT AND A", "MIT WITH X"] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}

/// Whether the SPDX expression can be met with the allowed licences; AND binds closer than OR. A licence with an
/// exception counts as another licence.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = expression.split_whitespace().peekable();
    let permitted = any(&mut words, allowed);
    assert_eq!(words.next(), None, "`{expression}` does not read");
    permitted
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut permitted = every(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        permitted |= every(words, allowed);
    }
    permitted
}

fn every(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut permitted = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        permitted &= one(words, allowed);
    }
    permitted
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let permitted = any(words, allowed);
        assert_eq!(words.next(), Some(")"));
        return permitted;
    }
    match words.next_if_eq(&"WITH") {
        Some(_) => words.next().is_some_and(|exception| allowed.contains(&format!("{word} WITH {exception}"))),
        None => allowed.contains(&word.to_owned()),
    }
}

fn toml(file: &Path) -> Value {
    Figment::from(Toml::file_exact(file)).extract().unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// Every `.rs` file in a folder, or the file itself.
fn sources(place: &Path) -> Box<dyn Iterator<Item = (PathBuf, String)>> {
    if let Ok(entries) = std::fs::read_dir(place) {
        return Box::new(entries.flat_map(|entry| sources(&entry.unwrap().path())));
    }
    let is_code = place.extension().is_some_and(|end| end == "rs") && place.is_file();
    let place = place.to_owned();
    Box::new(is_code.then(|| (place.clone(), std::fs::read_to_string(&place).unwrap())).into_iter())
}

/// Whether the code names a crate as the first part of a path, `name::`, or in `use name;` or `use name as`.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') || code[..at].ends_with(" ::");
        begins && (after.starts_with("::") || after.starts_with(';') || after.starts_with(" as "))
    })
}
