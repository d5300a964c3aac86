//! `overseer logs --follow`: stored lines, then each as it comes, until Ctrl-C or until nobody reads what is printed.
//!
//! When Overseer is restarted that is said on standard error, and what came in between is printed once it is back. What
//! cannot be printed is never left out silently.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use overseer_contract::v1::follow_log_lines_response::What;
use overseer_contract::{from_json, v1 as pb};
use prost_types::Timestamp;
use tokio::time::Instant;

use crate::client::{Client, Refused, refusal};
use crate::show::{self, LogScreen};
use crate::sse::{Events, SseEvent};

/// How long Overseer may be away.
const AWAY: Duration = Duration::from_secs(120);
const RETRY: Duration = Duration::from_millis(500);
/// Most stored lines that a stream begins with.
const STORED: u32 = 1_000;
/// Lines of several sources are stored with some delay between them. Seconds.
const OVERLAP_S: i64 = 2;
/// Printed lines that are remembered, to know them again after a restart.
const REMEMBERED: usize = 10_000;
/// Events that are printed together, when they are there already.
const TOGETHER: usize = 1_000;

/// What is followed.
pub struct Wish {
    /// The query of the stream, but for what says where it begins.
    pub which: String,
    pub since: Option<Timestamp>,
    pub tail: u32,
}

/// How lines are printed.
#[derive(Clone, Copy)]
pub enum Form {
    Lines,
    /// The API's own messages, one in a line.
    Json,
}

/// Why a stream ended.
enum Ended {
    /// It may go on.
    Broken(anyhow::Error),
    For(anyhow::Error),
    /// Nobody reads what is printed.
    Unread,
}

impl Ended {
    fn by(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Refused>().map(|refused| refused.code.as_str()) {
            None | Some("unavailable") => Self::Broken(error),
            Some(_) => Self::For(error),
        }
    }
}

/// Follows until Ctrl-C.
pub async fn follow(client: &Client, wish: Wish, form: Form) -> anyhow::Result<()> {
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        ended = follow_on(client, wish, Follower::new(form)) => ended,
    }
}

async fn follow_on(client: &Client, mut wish: Wish, mut follower: Follower) -> anyhow::Result<()> {
    let began = Timestamp::from(SystemTime::now());
    // The first failure is the user's to know; later ones are waited out.
    let mut events = client.events(&wish.path()).await?;
    loop {
        let why = match follower.print(&mut events).await {
            Ended::Broken(why) => why,
            Ended::For(error) => return Err(error),
            Ended::Unread => return Ok(()),
        };
        eprintln!("overseer: {}; reconnecting", show::plain(&why.to_string()));
        // Where nothing was printed and nothing stored was asked for, all since the beginning is new.
        let began = (wish.tail == 0).then_some(began);
        if let Some(since) = follower.seen.begin_again().or(began) {
            (wish.since, wish.tail) = (Some(since), STORED);
        }
        events = again(client, &wish).await?;
        eprintln!("overseer: reconnected");
    }
}

/// The stream once more, as soon as it can be had.
async fn again(client: &Client, wish: &Wish) -> anyhow::Result<Events> {
    let until = Instant::now() + AWAY;
    loop {
        match client.events(&wish.path()).await.map_err(Ended::by) {
            Ok(events) => return Ok(events),
            Err(Ended::Broken(error)) if Instant::now() > until => return Err(error),
            Err(Ended::Broken(_)) => tokio::time::sleep(RETRY).await,
            Err(Ended::For(error)) => return Err(error),
            Err(Ended::Unread) => return Err(anyhow::anyhow!("nobody reads")),
        }
    }
}

impl Wish {
    fn path(&self) -> String {
        let Self { which, since, tail } = self;
        let since = since.map(|since| format!("&since={}", crate::client::segment(&since.to_string())));
        format!("/api/v1/logs:follow?tail={tail}{}{which}", since.unwrap_or_default())
    }
}

struct Follower {
    form: Form,
    screen: LogScreen,
    seen: PrintedLines,
}

impl Follower {
    fn new(form: Form) -> Self {
        Self { form, screen: LogScreen::default(), seen: PrintedLines::default() }
    }

    /// Prints until the stream ends.
    async fn print(&mut self, events: &mut Events) -> Ended {
        let mut events = events.ready_chunks(TOGETHER);
        while let Some(chunk) = events.next().await {
            let (mut text, mut ended) = (String::new(), None);
            for event in chunk {
                match event.and_then(|event| self.text(&event)) {
                    Ok(more) => text.push_str(&more),
                    Err(error) => ended = Some(Ended::by(error)),
                }
            }
            match write(text).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ended::Unread,
                Err(error) => return Ended::For(error.into()),
            }
            if let Some(ended) = ended {
                return ended;
            }
        }
        Ended::Broken(anyhow::anyhow!("connection lost"))
    }

    /// What is printed for an event; an error when the event ends the stream.
    fn text(&mut self, event: &SseEvent) -> anyhow::Result<String> {
        if event.name == "problem" {
            return Err(refusal(&event.data));
        }
        let pb::FollowLogLinesResponse { what } = from_json(&event.data)?;
        let is_known = matches!(&what, Some(What::Line(line)) if self.seen.knows(line));
        Ok(match (self.form, what) {
            (_, None) => String::new(),
            _ if is_known => String::new(),
            (Form::Json, Some(_)) => format!("{}\n", show::json(&event.data)),
            (Form::Lines, Some(What::Line(line))) => self.screen.line(&line),
            (Form::Lines, Some(What::Gap(gap))) => show::log_gap(&gap),
        })
    }
}

async fn write(text: String) -> io::Result<()> {
    let written = tokio::task::spawn_blocking(move || {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    });
    written.await.map_err(io::Error::other)?
}

/// The lines that were printed lately.
#[derive(Default)]
struct PrintedLines {
    first: Option<Timestamp>,
    newest: Option<Timestamp>,
    recent: VecDeque<u64>,
    /// How often each line was printed that may come again.
    again: HashMap<u64, usize>,
}

impl PrintedLines {
    /// From when on lines are wanted once more, none from before the first; `None` when nothing was printed.
    fn begin_again(&mut self) -> Option<Timestamp> {
        self.again.clear();
        for line in &self.recent {
            *self.again.entry(*line).or_default() += 1;
        }
        let overlap = self.newest.map(|newest| Timestamp { seconds: newest.seconds - OVERLAP_S, ..newest });
        overlap.into_iter().chain(self.first).max_by_key(|at| (at.seconds, at.nanos))
    }

    /// Whether the line is one that was printed before the stream broke off; otherwise it is remembered.
    fn knows(&mut self, line: &pb::LogLine) -> bool {
        let pb::LogLine { at, workload, instance, stream, severity: _, signature: _, text } = line;
        let at = at.unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        (at.seconds, at.nanos, workload, instance, stream, text).hash(&mut hasher);
        let line = hasher.finish();
        if let Some(times) = self.again.get_mut(&line).filter(|times| **times > 0) {
            *times -= 1;
            return true;
        }
        self.recent.push_back(line);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        self.first = self.first.or(Some(at));
        self.newest = self.newest.into_iter().chain([at]).max_by_key(|at| (at.seconds, at.nanos));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: i64, text: &str) -> pb::LogLine {
        let at = Some(Timestamp { seconds: at, nanos: 0 });
        pb::LogLine { at, text: text.to_owned(), ..pb::LogLine::default() }
    }

    #[test]
    fn what_was_printed_is_known_again_as_often_as_it_was_printed() {
        let mut seen = PrintedLines::default();
        assert_eq!(seen.begin_again(), None);
        let printed = [line(5, "a"), line(6, "b"), line(6, "b"), line(4, "late")];
        assert!(printed.iter().all(|line| !seen.knows(line)));
        assert_eq!(seen.begin_again(), Some(Timestamp { seconds: 5, nanos: 0 }), "none from before the first");
        let came: Vec<bool> = [line(5, "a"), line(6, "b"), line(6, "b"), line(6, "b"), line(7, "b")]
            .iter()
            .map(|line| seen.knows(line))
            .collect();
        assert_eq!(came, [true, true, true, false, false]);
        for number in 0..2 * REMEMBERED {
            seen.knows(&line(8, &number.to_string()));
        }
        assert_eq!(seen.recent.len(), REMEMBERED);
        assert_eq!(seen.begin_again(), Some(Timestamp { seconds: 8 - OVERLAP_S, nanos: 0 }));
    }
}
