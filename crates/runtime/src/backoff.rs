//! Waiting longer after each failure in a row.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// 100 ms, doubled each time, at most 5 s.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Whether nothing failed yet: the time to say so, once.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    pub async fn wait(&mut self) {
        let span = FIRST * (1 << self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(span.min(LONGEST)).await;
    }
}
