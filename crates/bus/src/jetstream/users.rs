//! NATS users: one per service, who may publish the kinds of event that are the service's own, read its own durables,
//! look back into the streams that they write, and nothing else. Printed as a configuration of `nats-server`.
//!
//! What the server cannot tell apart: a durable may be made with any filter of its stream, and any service may create a
//! stream that is missing; only the keeper may change one.

use std::collections::HashMap;
use std::fmt::Write as _;

use overseer_contract::subject_of;
use overseer_model::{EventKind, ServiceName, Site, Stream};

use super::streams;
use crate::{Concern, Durable, Sites};

/// Changes streams that an older version made.
pub const KEEPER: ServiceName = ServiceName::ControlPlane;

/// What the gateway does not show and so does not hear: tickets and facts.
const NOT_FOR_VIEWS: [EventKind; 3] = [EventKind::StepDispatched, EventKind::FactBatch, EventKind::LogSignatures];

/// Where a service's answers come.
pub fn inbox(service: ServiceName) -> String {
    format!("_INBOX_{}", service.snake())
}

/// The durables that a service has.
fn durables(service: ServiceName, site: &Site) -> Vec<Durable> {
    let of = |concern, sites| Durable { service, concern, kinds: &[], sites };
    match service {
        ServiceName::ControlPlane => vec![of(Concern::Incidents, Sites::Every), of(Concern::Outcomes, Sites::Every)],
        ServiceName::Notifier => vec![of(Concern::Notices, Sites::Every)],
        ServiceName::Collector => vec![of(Concern::Incidents, Sites::Only(site.clone()))],
        ServiceName::IncidentEngine => vec![of(Concern::Facts, Sites::Every), of(Concern::Outcomes, Sites::Every)],
        ServiceName::Executor => vec![of(Concern::Work, Sites::Only(site.clone()))],
        ServiceName::Identity | ServiceName::Gateway => vec![],
    }
}

/// The subjects of a service's own events: of its site where it belongs to one.
fn own_subjects(service: ServiceName, site: &Site) -> impl Iterator<Item = String> {
    let site = match service {
        ServiceName::Collector | ServiceName::Executor => site.to_string(),
        ServiceName::Identity
        | ServiceName::IncidentEngine
        | ServiceName::ControlPlane
        | ServiceName::Notifier
        | ServiceName::Gateway => "*".to_owned(),
    };
    let own = EventKind::ALL.iter().filter(move |kind| kind.publisher() == service);
    own.map(move |kind| subject_of(*kind, &site))
}

fn writes(service: ServiceName, stream: Stream) -> bool {
    EventKind::ALL.iter().any(|kind| kind.publisher() == service && kind.stream() == stream)
}

fn may_publish(service: ServiceName, site: &Site) -> Vec<String> {
    let mut subjects: Vec<_> = own_subjects(service, site).collect();
    for stream in Stream::ALL.map(streams::name) {
        subjects.extend(["INFO", "CREATE"].map(|request| format!("$JS.API.STREAM.{request}.{stream}")));
        if service == KEEPER {
            subjects.push(format!("$JS.API.STREAM.UPDATE.{stream}"));
        }
    }
    // Whether the stream still has what it acknowledged.
    let written = Stream::ALL.into_iter().filter(|stream| writes(service, *stream));
    subjects.extend(written.map(|stream| format!("$JS.API.STREAM.MSG.GET.{}", streams::name(stream))));
    for durable in durables(service, site) {
        let (stream, name) = (streams::name(durable.stream()), durable.name());
        let requests = ["CREATE", "INFO", "RESET", "MSG.NEXT"];
        subjects.extend(requests.map(|request| format!("$JS.API.CONSUMER.{request}.{stream}.{name}")));
        subjects.push(format!("$JS.ACK.{stream}.{name}.>"));
    }
    subjects
}

/// The section `authorization` of a configuration of `nats-server`, with a user for each service that has a password.
/// Passwords hold neither quotes nor backslashes.
#[must_use]
pub fn authorization(site: &Site, passwords: &HashMap<ServiceName, String>) -> String {
    let users = ServiceName::ALL.into_iter().filter_map(|service| Some((service, passwords.get(&service)?)));
    let users = users.fold(String::new(), |mut text, (service, password)| {
        let (allow, deny) = match service {
            ServiceName::Gateway => {
                let hidden = NOT_FOR_VIEWS.map(|kind| subject_of(kind, "*"));
                (vec![format!("{}.>", inbox(service)), "overseer.>".to_owned()], hidden.to_vec())
            }
            ServiceName::Identity
            | ServiceName::Collector
            | ServiceName::IncidentEngine
            | ServiceName::ControlPlane
            | ServiceName::Executor
            | ServiceName::Notifier => (vec![format!("{}.>", inbox(service))], vec![]),
        };
        let _infallible = write!(
            text,
            "    {{\n      user: \"{}\", password: \"{}\"\n      permissions: {{\n        \
             publish: {{ allow: {} }}\n        subscribe: {{ allow: {}, deny: {} }}\n      }}\n    }}\n",
            service.snake(),
            password,
            list(&may_publish(service, site), 10),
            list(&allow, 10),
            list(&deny, 10),
        );
        text
    });
    format!("authorization {{\n  users: [\n{users}  ]\n}}\n")
}

fn list(subjects: &[String], indent: usize) -> String {
    if subjects.len() < 2 {
        return format!("[{}]", subjects.iter().map(|subject| format!("\"{subject}\"")).collect::<String>());
    }
    let lines: String = subjects.iter().map(|subject| format!("{:indent$}\"{subject}\"\n", "")).collect();
    format!("[\n{lines}{:1$}]", "", indent - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_of_an_event_is_published_by_exactly_one_service() {
        let site = "home".parse().unwrap();
        for kind in EventKind::ALL {
            let matching = |service: &ServiceName| {
                let names = ["home", "*"].map(|site| subject_of(*kind, site));
                may_publish(*service, &site).iter().any(|subject| names.contains(subject))
            };
            let publishers: Vec<_> = ServiceName::ALL.into_iter().filter(matching).collect();
            assert_eq!(publishers, [kind.publisher()], "{kind}");
        }
    }

    #[test]
    fn nobody_may_delete_or_purge_and_only_who_writes_a_stream_reads_past_its_durables() {
        let site = "home".parse().unwrap();
        for service in ServiceName::ALL {
            for subject in may_publish(service, &site) {
                let mut own = Stream::ALL.into_iter().filter(|stream| writes(service, *stream)).map(streams::name);
                if own.any(|stream| subject == format!("$JS.API.STREAM.MSG.GET.{stream}")) {
                    continue;
                }
                for forbidden in ["DELETE", "PURGE", "STREAM.MSG", "DIRECT", "RESTORE", "SNAPSHOT", "$JS.API.>"] {
                    assert!(!subject.contains(forbidden), "{service}: {subject}");
                }
            }
        }
    }
}
