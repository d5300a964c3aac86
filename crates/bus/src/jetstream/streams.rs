//! The streams: what each holds, how long, and how much.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream as Handle};
use overseer_model::Stream;

use super::users::KEEPER;
use super::{Login, Source};

const MIB: i64 = 1 << 20;

pub fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Facts => "FACTS",
        Stream::Events => "EVENTS",
        Stream::Steps => "STEPS",
    }
}

/// Whole domains where possible, so that a process of an older version need not know each event.
fn subjects(stream: Stream) -> &'static [&'static str] {
    match stream {
        Stream::Facts => &["overseer.fact.>", "overseer.log.>"],
        Stream::Events => &[
            "overseer.resource.>",
            "overseer.incident.>",
            "overseer.plan.>",
            "overseer.approval.>",
            "overseer.step.started.v1.>",
            "overseer.step.acted.v1.>",
            "overseer.step.verified.v1.>",
            "overseer.step.failed.v1.>",
            "overseer.step.in_doubt.v1.>",
        ],
        Stream::Steps => &["overseer.step.dispatched.v1.>"],
    }
}

fn config(stream: Stream) -> Config {
    let (retention, max_bytes, discard) = match stream {
        Stream::Facts | Stream::Events => (RetentionPolicy::Limits, 1024 * MIB, DiscardPolicy::Old),
        // Work is never dropped for newer work: a full queue refuses, and the outbox waits.
        Stream::Steps => (RetentionPolicy::WorkQueue, 64 * MIB, DiscardPolicy::New),
    };
    Config {
        name: name(stream).to_owned(),
        subjects: subjects(stream).iter().map(|subject| (*subject).to_owned()).collect(),
        retention,
        // Zero is for ever.
        max_age: stream.keeps().unwrap_or_default(),
        max_bytes,
        discard,
        storage: StorageType::File,
        ..Config::default()
    }
}

/// Creates what is missing and changes what an older version made; only the keeper may change.
pub async fn at_start(context: &Context, login: Option<&Login>) -> Result<(), Source> {
    if login.is_some_and(|login| login.service != KEEPER) {
        return ensure_all(context).await;
    }
    for stream in Stream::ALL {
        context.create_or_update_stream(config(stream)).await?;
    }
    Ok(())
}

pub async fn ensure_all(context: &Context) -> Result<(), Source> {
    for stream in Stream::ALL {
        ensure(context, stream).await?;
    }
    Ok(())
}

/// The stream as it is, created when it is missing.
pub async fn ensure(context: &Context, stream: Stream) -> Result<Handle, Source> {
    Ok(context.get_or_create_stream(config(stream)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use overseer_model::EventKind;

    #[test]
    fn every_kind_is_held_by_its_stream_and_by_no_other() {
        for kind in EventKind::ALL {
            let subject = overseer_contract::subject_of(*kind, "nas");
            let holds =
                |stream: &Stream| subjects(*stream).iter().any(|held| subject.starts_with(held.trim_end_matches('>')));
            let holders: Vec<_> = Stream::ALL.into_iter().filter(holds).collect();
            assert_eq!(holders, [kind.stream()], "{kind}");
        }
    }
}
