//! `FollowLogLines`: stored lines, then each as it is committed; what is missing is said where it is missing.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use overseer_contract::v1;
use overseer_logstore::{Filter, Line, Look, Nanos, Page, Query};
use overseer_runtime::{Code, Problem};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::grpc::{line, problem};
use super::live::{Follower, Received};
use super::{Archive, ArchiveError};

pub(super) type Answers = BoxStream<'static, Result<v1::FollowLogLinesResponse, Status>>;

/// What is followed.
pub(super) struct Wish {
    /// Which lines; of the stored ones the newest.
    pub query: Query,
    pub stored: Stored,
}

/// Which stored lines come first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    None,
    /// The newest; that there are older ones is no news.
    Newest,
    /// All since a time: when they do not fit, some are missing.
    Since,
}

impl Archive {
    /// Follows until `stop`.
    pub(super) async fn follow(&self, wish: Wish, stop: CancellationToken) -> Result<Answers, Problem> {
        let Wish { query, stored } = wish;
        let filter = Filter::new(Query { from: Nanos::MIN, ..query.clone() }).map_err(ArchiveError::from);
        let filter = filter.map_err(problem)?;
        let (page, follower) = self.join(query, stored).await.map_err(problem)?;
        let first = first(page, stored);
        let live = stream::unfold((follower, Arc::new(filter)), next).flat_map(stream::iter);
        let answers = stream::iter(first).chain(live).map(|what| Ok(v1::FollowLogLinesResponse { what: Some(what) }));
        let ended = stream::once(async { Err(being_stopped().into()) });
        Ok(answers.take_until(stop.cancelled_owned()).chain(ended).boxed())
    }

    /// What is stored, and what comes after exactly that.
    async fn join(&self, query: Query, stored: Stored) -> Result<(Page, Follower), ArchiveError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let look = || if stored == Stored::None { Ok(None) } else { inner.store.look(&query).map(Some) };
            let (look, follower) = inner.live.join(look)?;
            Ok((look.map(Look::read).unwrap_or_default(), follower))
        })
        .await?
    }
}

type What = v1::follow_log_lines_response::What;

/// Oldest first.
fn first(page: Page, stored: Stored) -> Vec<What> {
    let Page { lines, next, aside, looked_at: _ } = page;
    let unreadable_segments: Vec<String> = aside.into_iter().map(|aside| aside.name).collect();
    let is_cut = next.is_some() && stored == Stored::Since;
    let gap = (is_cut || !unreadable_segments.is_empty()).then_some(v1::LogGap { lines: 0, unreadable_segments });
    gap.map(What::Gap).into_iter().chain(lines.into_iter().rev().map(of_line)).collect()
}

async fn next((mut follower, filter): (Follower, Arc<Filter>)) -> Option<(Vec<What>, (Follower, Arc<Filter>))> {
    let whats = match follower.next(|line| filter.wants(line)).await {
        Received::Lines(lines) => lines.into_iter().map(of_line).collect(),
        Received::Missed(lines) => vec![What::Gap(v1::LogGap { lines, unreadable_segments: vec![] })],
    };
    Some((whats, (follower, filter)))
}

fn of_line(of: Line) -> What {
    What::Line(line(of))
}

fn being_stopped() -> Problem {
    Problem::new(Code::Unavailable, "the collector is stopping", "reconnect in a moment")
}
