//! From the engine's event to a [`PlatformEvent`]; `None` for what means nothing here.

use std::collections::HashMap;

use bollard::models::{EventActor, EventMessage};
use overseer_model::{Health, ResourceRef, Site, Source, Timestamp, plain};
use overseer_provider_port::{PlatformEvent, PlatformEventKind};

use crate::{NAME, snapshot};

pub(crate) fn read(event: EventMessage, source: &Source, site: &Site) -> Option<PlatformEvent> {
    let EventMessage { typ: _, action, actor, scope: _, time, time_nano } = event;
    let EventActor { id, attributes } = actor?;
    let attributes = attributes.unwrap_or_default();
    let kind = kind(&action?, &attributes)?;
    let micros = time_nano.map(|nanos| nanos.div_euclid(1_000)).or(time.map(|s| s.saturating_mul(1_000_000)))?;
    let name = attributes.get("name").map(|name| plain(name.trim_start_matches('/'), NAME)).unwrap_or_default();
    let resource = ResourceRef { key: snapshot::key(&id?, source, site)?, name };
    Some(PlatformEvent { resource, at: Timestamp::from_micros(micros), kind })
}

/// Actions are a word, some with more behind a colon.
fn kind(action: &str, attributes: &HashMap<String, String>) -> Option<PlatformEventKind> {
    let (word, rest) = action.split_once(':').unwrap_or((action, ""));
    match word {
        "create" => Some(PlatformEventKind::Created),
        "start" => Some(PlatformEventKind::Started),
        // Without its code it says too little; the look at the container tells the rest.
        "die" => attributes.get("exitCode")?.parse().ok().map(|code| PlatformEventKind::Exited { code }),
        "kill" => ends(attributes.get("signal").map(String::as_str)).then_some(PlatformEventKind::StopRequested),
        "stop" => Some(PlatformEventKind::StopRequested),
        "restart" => Some(PlatformEventKind::RestartRequested),
        "oom" => Some(PlatformEventKind::OomKilled),
        "pause" => Some(PlatformEventKind::Paused),
        "unpause" => Some(PlatformEventKind::Unpaused),
        "rename" => Some(PlatformEventKind::Renamed),
        "destroy" => Some(PlatformEventKind::Removed),
        "health_status" => match rest.trim() {
            "starting" => Some(PlatformEventKind::Health(Health::Starting)),
            "healthy" => Some(PlatformEventKind::Health(Health::Healthy)),
            "unhealthy" => Some(PlatformEventKind::Health(Health::Unhealthy)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a signal asks for the end: INT, QUIT, KILL, TERM. An engine that does not tell it means a stop.
fn ends(signal: Option<&str>) -> bool {
    signal.is_none_or(|signal| {
        matches!(signal.trim_start_matches("SIG"), "2" | "3" | "9" | "15" | "INT" | "QUIT" | "KILL" | "TERM")
    })
}

#[cfg(test)]
mod tests {
    use overseer_model::{Instance, Provider};

    use super::*;

    fn read_one(action: &str, attribute: (&str, &str)) -> Option<PlatformEventKind> {
        kind(action, &HashMap::from([(attribute.0.to_owned(), attribute.1.to_owned())]))
    }

    #[test]
    fn every_action_means_what_it_should() {
        let cases = [
            ("create", ("", ""), Some(PlatformEventKind::Created)),
            ("start", ("", ""), Some(PlatformEventKind::Started)),
            ("die", ("exitCode", "137"), Some(PlatformEventKind::Exited { code: 137 })),
            ("die", ("", ""), None),
            ("kill", ("signal", "15"), Some(PlatformEventKind::StopRequested)),
            ("kill", ("signal", "9"), Some(PlatformEventKind::StopRequested)),
            ("kill", ("signal", "1"), None),
            ("kill", ("signal", "SIGTERM"), Some(PlatformEventKind::StopRequested)),
            ("stop", ("", ""), Some(PlatformEventKind::StopRequested)),
            ("restart", ("", ""), Some(PlatformEventKind::RestartRequested)),
            ("oom", ("", ""), Some(PlatformEventKind::OomKilled)),
            ("health_status: unhealthy", ("", ""), Some(PlatformEventKind::Health(Health::Unhealthy))),
            ("exec_start: curl http://127.0.0.1", ("", ""), None),
            ("destroy", ("", ""), Some(PlatformEventKind::Removed)),
            ("attach", ("", ""), None),
        ];
        for (action, attribute, expected) in cases {
            assert_eq!(read_one(action, attribute), expected, "{action} {attribute:?}");
        }
    }

    #[test]
    fn the_time_is_the_engines_to_the_microsecond() {
        let event = EventMessage {
            action: Some("start".into()),
            actor: Some(EventActor { id: Some("c1".into()), attributes: None }),
            time_nano: Some(1_795_237_443_000_001_999),
            ..Default::default()
        };
        let source = Source { provider: Provider::Docker, instance: Instance::default() };
        let read = |event| super::read(event, &source, &"home".parse().unwrap());
        let seen = read(event.clone()).unwrap();
        assert_eq!((seen.at.micros(), seen.resource.name.as_str()), (1_795_237_443_000_001, ""));
        assert_eq!(read(EventMessage { actor: None, ..event }), None);
    }
}
