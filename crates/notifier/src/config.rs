//! What the operator declares: who is told, and how long a delivery is tried.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use overseer_runtime::{BuildError, Secret};
use serde::Deserialize;

use crate::delivery::Patience;
use crate::outbound::{Door, Reach, Receiver, WebhookUrl};
use crate::sign::SigningKey;

/// Holds addresses, and so is not printed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifierConfig {
    /// Who is told. Without any, nobody is.
    pub webhooks: Vec<WebhookConfig>,
    /// Attempts before a delivery is given up, the first one included. 1 to 20.
    pub max_attempts: u32,
    /// Wait before the second attempt, in milliseconds, 10 to 60000. The waits after it are 5, 30, 120, 600, 1800 and
    /// 3600 times as long, and at most an hour.
    pub first_retry_ms: u32,
}

/// One receiver of Standard Webhooks.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name in lists and logs: 1 to 32 of a-z, 0-9, `-` and `_`. Deliveries stay with the name when the address
    /// changes.
    pub name: String,
    /// Where to post. May hold a secret; it is never shown.
    pub url: WebhookUrl,
    /// A file with the shared secret: `whsec_` and the base64 of 24 to 64 bytes.
    pub secret_file: PathBuf,
    /// `public`: https on port 443 or 8443 at a public address. `declared`: this very address is meant, also when it
    /// is private, on any port, and plain http.
    #[serde(default)]
    pub reach: Reach,
}

/// A receiver that is ready to be called.
pub(crate) struct Target {
    pub name: String,
    pub door: Door,
}

/// The targets and how long each is tried, or every problem at once.
pub(crate) fn check(config: NotifierConfig) -> Result<(Vec<Target>, Patience), BuildError> {
    let NotifierConfig { webhooks, max_attempts, first_retry_ms } = config;
    let mut problems = Vec::new();
    if !(1..=20).contains(&max_attempts) {
        problems.push(format!("notifier.max_attempts is {max_attempts}: choose 1 to 20"));
    }
    if !(10..=60_000).contains(&first_retry_ms) {
        problems.push(format!("notifier.first_retry_ms is {first_retry_ms}: choose 10 to 60000"));
    }
    let mut names = HashSet::new();
    let mut targets = Vec::new();
    for webhook in webhooks {
        if !names.insert(webhook.name.clone()) {
            problems.push(format!("notifier.webhooks has `{}` twice: give each its own name", webhook.name));
        }
        match target(webhook) {
            Ok(target) => targets.push(target),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(BuildError::Config { what: problems.join("\n"), source: None });
    }
    Ok((targets, Patience { max_attempts, first_wait: Duration::from_millis(first_retry_ms.into()) }))
}

fn target(webhook: WebhookConfig) -> Result<Target, Vec<String>> {
    let WebhookConfig { name, url, secret_file, reach } = webhook;
    let at = |key: &str, problem: &dyn std::fmt::Display| format!("notifier.webhooks[{name}].{key}: {problem}");
    let mut problems = Vec::new();
    if !is_name(&name) {
        problems.push(at("name", &"write 1 to 32 of a-z, 0-9, `-` and `_`"));
    }
    let receiver = Receiver::read(&url, reach).map_err(|problem| problems.push(at("url", &problem)));
    let key = Secret::from_file(&secret_file).map_err(|problem| problems.push(at("secret_file", &problem))).and_then(
        |text| {
            SigningKey::read(&text)
                .map_err(|problem| problems.push(at("secret_file", &format!("`{}`: {problem}", secret_file.display()))))
        },
    );
    let (Ok(receiver), Ok(key), []) = (receiver, key, problems.as_slice()) else { return Err(problems) };
    match Door::open(receiver, key) {
        Ok(door) => Ok(Target { name, door }),
        // Only the certificates of the system can be missing here.
        Err(problem) => Err(vec![at("url", &problem)]),
    }
}

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: serde_json::Value) -> NotifierConfig {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn all_problems_are_told_at_once_and_no_address_is() {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("bad");
        std::fs::write(&bad, "hunter2").unwrap();
        let checked = check(config(serde_json::json!({
            "max_attempts": 0,
            "first_retry_ms": 1,
            "webhooks": [
                {"name": "Ops!", "url": "http://10.9.8.7/token-4711", "secret_file": "/nowhere/secret"},
                {"name": "b", "url": "https://example.com/token-4711", "secret_file": bad},
                {"name": "b", "url": "token-4711", "secret_file": bad, "reach": "declared"},
            ],
        })));
        let Err(BuildError::Config { what, .. }) = checked else { panic!("accepted") };
        let wanted = [
            "max_attempts is 0",
            "first_retry_ms is 1:",
            "webhooks[Ops!].name",
            "webhooks[Ops!].url",
            "`/nowhere/secret` cannot be read",
            "webhooks[b].secret_file",
            "`b` twice",
            "webhooks[b].url",
        ];
        for part in wanted {
            assert!(what.contains(part), "{part} is not in:\n{what}");
        }
        for secret in ["token-4711", "10.9.8.7", "hunter2"] {
            assert!(!what.contains(secret), "{secret} is in:\n{what}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let known = serde_json::json!({"max_attempts": 8, "first_retry_ms": 1000, "webhooks": []});
        assert!(serde_json::from_value::<NotifierConfig>(known.clone()).is_ok());
        let mut unknown = known;
        unknown["webhook"] = serde_json::json!([]);
        assert!(serde_json::from_value::<NotifierConfig>(unknown).is_err());
    }
}
