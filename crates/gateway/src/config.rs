//! What can be set of the gateway.

use overseer_runtime::BuildError;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Requests that one token may make per second, on average.
    pub requests_per_s: u32,
    /// Requests that one token may make at once after a pause.
    pub requests_burst: u32,
    /// Wrong tokens that one address may send per second, on average. Later ones are refused unseen.
    pub wrong_tokens_per_s: u32,
    /// Wrong tokens that one address may send at once after a pause.
    pub wrong_tokens_burst: u32,
    /// Most readers of `/api/v1/events` and of other streams at once.
    pub subscriptions: u32,
}

impl GatewayConfig {
    /// Names every value that cannot work.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let Self { requests_per_s, requests_burst, wrong_tokens_per_s, wrong_tokens_burst, subscriptions } = self;
        let values = [
            ("requests_per_s", requests_per_s),
            ("requests_burst", requests_burst),
            ("wrong_tokens_per_s", wrong_tokens_per_s),
            ("wrong_tokens_burst", wrong_tokens_burst),
            ("subscriptions", subscriptions),
        ];
        let zero: Vec<_> = values.iter().filter(|(_, value)| **value == 0).map(|(name, _)| *name).collect();
        if zero.is_empty() {
            return Ok(());
        }
        let what = format!("gateway configuration: {} must be at least 1", zero.join(", "));
        Err(BuildError::Config { what, source: None })
    }
}
