//! Waiting for a value instead of for a time.

use std::time::Duration;
use tokio::time::{Instant, sleep};

const POLL_EVERY: Duration = Duration::from_millis(20);

/// The first value that `probe` yields, asked every 20 ms. Panics with `what` when there is none within `deadline`.
pub async fn until<T>(what: &str, deadline: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain for: {what}");
        sleep(POLL_EVERY).await;
    }
}
