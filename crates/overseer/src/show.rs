//! Answers as people read them. Everything printed is escaped: names come from platforms.

use std::collections::HashMap;
use std::error::Error;

use overseer_contract::from_timestamp;
use overseer_contract::v1 as pb;
use overseer_model::{Action, ResourceRef, Timestamp};
use overseer_signatures::Signature;

use crate::client::{Answer, Refused};

/// Text of any origin, harmless for a terminal.
pub fn plain(text: &str) -> String {
    overseer_model::plain(text, usize::MAX)
}

/// An error with its causes, and with what to do.
pub fn failure(error: &anyhow::Error) -> String {
    if let Some(Refused { code, detail, todo }) = error.downcast_ref() {
        return format!("{} ({})\n  what to do: {}", plain(detail), plain(code), plain(todo));
    }
    let mut text = error.to_string();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause {
        text = format!("{text}\n  because: {inner}");
        cause = inner.source();
    }
    text
}

/// A table; `empty` where there are no rows.
pub fn listing(empty: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() { empty.to_owned() } else { table(head, rows) }
}

pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

pub fn time(at: Option<prost_types::Timestamp>) -> String {
    at.map(|at| from_timestamp(at).to_string()).unwrap_or_default()
}

/// `INCIDENT_STATE_OPEN` as `open`.
pub fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}

fn name_of(resource: Option<&pb::ResourceRef>) -> String {
    resource.map(|resource| resource.name.clone()).unwrap_or_default()
}

pub fn signatures(signatures: &[Signature]) -> String {
    let row = |signature: &Signature| {
        let Signature { id, count, severity, template } = signature;
        vec![count.to_string(), severity.to_string(), id.to_string(), template.clone()]
    };
    listing(
        "No log signatures found.",
        &["COUNT", "SEVERITY", "SIGNATURE", "TEMPLATE"],
        &signatures.iter().map(row).collect::<Vec<_>>(),
    )
}

/// The API's JSON, harmless for a terminal: JSON itself leaves DEL, C1 and what turns the direction of writing as they
/// are. Outside of its texts there is none of them.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !overseer_model::hides(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Prints lines one after the other; a workload's new instance is announced where its lines begin.
#[derive(Default)]
pub struct LogScreen {
    instances: HashMap<String, String>,
}

impl LogScreen {
    pub fn line(&mut self, line: &pb::LogLine) -> String {
        let before = self.instances.insert(line.workload.clone(), line.instance.clone());
        let announced = before
            .filter(|before| *before != line.instance)
            .map(|_| format!("--- {} continues in {} ---\n", plain(&line.workload), plain(&line.instance)));
        let severity = word(line.severity().as_str_name(), "LOG_SEVERITY_");
        let severity = if severity == "unspecified" { "-" } else { &severity };
        let (at, workload, text) = (time(line.at), plain(&line.workload), plain(&line.text));
        format!("{}{at}  {workload}  {severity:<8}  {text}\n", announced.unwrap_or_default())
    }
}

/// Where lines are left out.
pub fn log_gap(gap: &pb::LogGap) -> String {
    let pb::LogGap { lines, unreadable_segments } = gap;
    if !unreadable_segments.is_empty() {
        return format!("--- lines are missing: {} ---\n", unreadable(unreadable_segments));
    }
    match lines {
        0 => "--- older lines are left out here ---\n".to_owned(),
        lines => format!("--- up to {lines} lines dropped: the reader was too slow ---\n"),
    }
}

fn unreadable(segments: &[String]) -> String {
    format!("unreadable segments: {}", plain(&segments.join(", ")))
}

/// The newest last, as in a terminal.
pub fn log_lines(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListLogLinesResponse { lines, unreadable_segments, next_page_token: _ } = answer.read()?;
    let mut screen = LogScreen::default();
    let mut out: String = lines.iter().rev().map(|line| screen.line(line)).collect();
    if out.is_empty() {
        out.push_str("No log lines found.\n");
    }
    if !unreadable_segments.is_empty() {
        out.push_str(&format!("Lines are missing: {}", unreadable(&unreadable_segments)));
    }
    Ok(out.trim_end_matches('\n').to_owned())
}

pub fn log_sources(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListLogSourcesResponse { sources, .. } = answer.read()?;
    Ok(source_table(&sources))
}

pub fn log_source(answer: &Answer) -> anyhow::Result<String> {
    Ok(source_table(&[answer.read()?]))
}

pub fn log_source_removed(answer: &Answer) -> anyhow::Result<String> {
    let source: pb::LogSource = answer.read()?;
    Ok(plain(&format!("{} is no longer read. Its stored lines remain.", source.instance)))
}

fn source_table(sources: &[pb::LogSource]) -> String {
    let row = |source: &pb::LogSource| {
        let state = word(source.state().as_str_name(), "LOG_SOURCE_STATE_");
        vec![
            source.id.clone(),
            source.workload.clone(),
            short(&source.instance),
            format!("{} days", source.keep_days),
            state,
            dropped(&source.dropped),
            source.why.clone(),
        ]
    };
    let head = ["ID", "WORKLOAD", "SOURCE", "KEPT", "STATE", "DROPPED", "WHY"];
    listing("No log sources found.", &head, &sources.iter().map(row).collect::<Vec<_>>())
}

/// The id of a container as engines show it.
fn short(instance: &str) -> String {
    match instance.strip_prefix("container:") {
        Some(id) => format!("container:{}", id.chars().take(12).collect::<String>()),
        None => instance.to_owned(),
    }
}

fn dropped(dropped: &[pb::LogDrop]) -> String {
    let one =
        |drop: &pb::LogDrop| format!("{} B {}", drop.bytes, word(drop.reason().as_str_name(), "LOG_DROP_REASON_"));
    dropped.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub fn log_signatures(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListLogSignaturesResponse { signatures } = answer.read()?;
    let row = |signature: &pb::LogSignature| {
        let severity = word(signature.severity().as_str_name(), "LOG_SEVERITY_");
        vec![signature.count.to_string(), severity, signature.id.clone(), signature.template.clone()]
    };
    Ok(listing(
        "No log signatures found.",
        &["COUNT", "SEVERITY", "SIGNATURE", "TEMPLATE"],
        &signatures.iter().map(row).collect::<Vec<_>>(),
    ))
}

pub fn incidents(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListIncidentsResponse { incidents, .. } = answer.read()?;
    let rows: Vec<_> = incidents
        .iter()
        .map(|incident| {
            vec![
                incident.id.clone(),
                word(incident.state().as_str_name(), "INCIDENT_STATE_"),
                word(incident.outcome().as_str_name(), "OUTCOME_"),
                word(incident.severity().as_str_name(), "SEVERITY_"),
                word(incident.detector().as_str_name(), "DETECTOR_"),
                time(incident.opened_at),
                incident.title.clone(),
            ]
        })
        .collect();
    Ok(listing("No incidents found.", &["ID", "STATE", "OUTCOME", "SEVERITY", "DETECTOR", "OPENED", "TITLE"], &rows))
}

pub fn incident(answer: &Answer) -> anyhow::Result<String> {
    let pb::IncidentDetail { incident, narrative } = answer.read()?;
    let (incident, narrative) = (incident.unwrap_or_default(), narrative.unwrap_or_default());
    let mut lines = vec![
        format!("{}  {}", incident.id, incident.title),
        format!(
            "{}, {}, outcome {}, {}",
            word(incident.state().as_str_name(), "INCIDENT_STATE_"),
            word(incident.severity().as_str_name(), "SEVERITY_"),
            word(incident.outcome().as_str_name(), "OUTCOME_"),
            match incident.occurrences {
                1 => "1 occurrence".to_owned(),
                more => format!("{more} occurrences"),
            }
        ),
        String::new(),
    ];
    lines.extend(narrative.text.lines().map(str::to_owned));
    let section = |title: &str, entries: Vec<String>| {
        let heading = (!entries.is_empty()).then(|| vec![String::new(), title.to_owned()]);
        heading.into_iter().flatten().chain(entries.into_iter().map(|entry| format!("  {entry}")))
    };
    lines.extend(section("Symptoms", narrative.symptoms));
    let hypotheses = narrative.hypotheses.into_iter().map(|hypothesis| {
        let evidence = hypothesis.evidence.join(", ");
        format!("{:.0} %  {}  [{evidence}]", hypothesis.confidence * 100.0, hypothesis.text)
    });
    lines.extend(section("Likely causes", hypotheses.collect()));
    let timeline = narrative.timeline.into_iter().flat_map(|entry| {
        let mut told = vec![format!("{}  {}", time(entry.at), entry.text)];
        if !entry.evidence.is_empty() {
            told.push(format!("  evidence: {}", entry.evidence.join(", ")));
        }
        told
    });
    lines.extend(section("Timeline", timeline.collect()));
    lines.extend(section("Verification", narrative.verification_results));
    lines.extend(section("Lessons", narrative.lessons));
    Ok(lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n"))
}

pub fn plans(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListPlansResponse { plans, .. } = answer.read()?;
    let rows: Vec<_> = plans
        .iter()
        .map(|plan| {
            vec![
                plan.id.clone(),
                word(plan.state().as_str_name(), "PLAN_STATE_"),
                plan.title.clone(),
                subject_of(plan.subject.as_ref()),
                time(plan.created_at),
            ]
        })
        .collect();
    Ok(listing(
        "No plans. A plan appears when an incident has a playbook.",
        &["ID", "STATE", "PLAN", "FOR", "CREATED"],
        &rows,
    ))
}

pub fn plan(answer: &Answer) -> anyhow::Result<String> {
    let plan: pb::Plan = answer.read()?;
    let mut lines = vec![
        format!("{}  {}", plan.id, plan.title),
        format!(
            "{}, by playbook {}, under policy {}, for {}",
            word(plan.state().as_str_name(), "PLAN_STATE_"),
            plan.playbook,
            plan.policy_version,
            subject_of(plan.subject.as_ref())
        ),
        format!("digest {}", plan.digest),
    ];
    for step in &plan.steps {
        let (action, target) = action_of(step.action.as_ref());
        lines.push(format!(
            "  {}. {action} {target}  risk {}  {}",
            step.position,
            word(step.risk().as_str_name(), "RISK_").to_uppercase(),
            word(step.state().as_str_name(), "STEP_STATE_")
        ));
    }
    if let Some(refusal) = &plan.refusal {
        lines.push(format!("Refused ({}): {}.", refusal.code, refusal.reason));
        lines.push(format!("To change this: {}.", refusal.what_would_change_it));
    }
    if plan.state() == pb::PlanState::Ready {
        lines.push(format!("To approve: overseer approve {}", plan.id));
    }
    Ok(lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n"))
}

fn action_of(action: Option<&pb::Action>) -> (&'static str, String) {
    match action.cloned().map(Action::try_from) {
        Some(Ok(action)) => {
            let ResourceRef { key, name } = action.target();
            let id: String = key.uri.id.as_str().chars().take(12).collect();
            (action.template().as_str(), format!("{name} ({id})"))
        }
        Some(Err(_)) | None => ("unknown", String::new()),
    }
}

/// What a plan is for, in a table.
fn subject_of(subject: Option<&pb::Subject>) -> String {
    use pb::subject::Of;
    match subject.and_then(|subject| subject.of.as_ref()) {
        Some(Of::IncidentId(id) | Of::RequestId(id) | Of::ScheduleRunId(id) | Of::AgentRunId(id)) => id.clone(),
        Some(Of::UndoneStepId(id)) => format!("undo {id}"),
        None => String::new(),
    }
}

pub fn actions(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListActionsResponse { actions, .. } = answer.read()?;
    let rows: Vec<_> = actions
        .iter()
        .map(|record| {
            let (action, target) = action_of(record.action.as_ref());
            let verification = record.verification.as_ref().map_or_else(String::new, |verification| {
                let checks: Vec<_> = verification
                    .checks
                    .iter()
                    .map(|check| format!("{} {}", check.name, word(check.verdict().as_str_name(), "VERDICT_")))
                    .collect();
                format!("{}: {}", word(verification.verdict().as_str_name(), "VERDICT_"), checks.join(", "))
            });
            vec![
                record.step_id.clone(),
                word(record.state().as_str_name(), "STEP_STATE_"),
                action.to_owned(),
                target,
                record.approved_by.clone(),
                time(record.acted_at),
                if verification.is_empty() { record.detail.clone() } else { verification },
            ]
        })
        .collect();
    Ok(listing(
        "No executed steps. Approve a plan first: overseer plans",
        &["STEP", "STATE", "ACTION", "TARGET", "APPROVED BY", "ACTED", "VERIFICATION"],
        &rows,
    ))
}

pub fn parked(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListParkedResponse { events, unanswered, next_page_token } = answer.read()?;
    let mut notes = String::new();
    if !unanswered.is_empty() {
        notes.push_str(&format!("\nNot listed, because they did not answer: {}.", unanswered.join(", ")));
    }
    if !next_page_token.is_empty() {
        notes.push_str("\nThere are more: raise --limit, or replay or drop these first.");
    }
    if events.is_empty() {
        return Ok(format!("No parked events. An event is parked when a service fails five times to apply it.{notes}"));
    }
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            vec![
                event.service.clone(),
                event.id.clone(),
                event.kind.clone(),
                event.site.clone(),
                time(event.parked_at),
                event.error.clone(),
            ]
        })
        .collect();
    Ok(table(&["SERVICE", "ID", "KIND", "SITE", "PARKED", "ERROR"], &rows) + &notes)
}

pub fn audit(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListAuditResponse { entries, .. } = answer.read()?;
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let number = entry.sequence.to_string();
            vec![
                number,
                time(entry.at),
                entry.actor.clone(),
                entry.action.clone(),
                entry.object.clone(),
                entry.detail.clone(),
            ]
        })
        .collect();
    Ok(listing("No audit entries.", &["ENTRY", "AT", "ACTOR", "ACTION", "OBJECT", "DETAIL"], &rows))
}

pub fn chains(chains: &[pb::Chain]) -> String {
    let rows: Vec<_> = chains
        .iter()
        .map(|chain| {
            let state = match chain.intact {
                true => "intact".to_owned(),
                false => format!("BROKEN at entry {}", chain.broken_at),
            };
            vec![chain.service.clone(), chain.entries.to_string(), state, chain.head.chars().take(16).collect()]
        })
        .collect();
    table(&["SERVICE", "ENTRIES", "CHAIN", "HEAD"], &rows)
}

pub fn resources(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListResourcesResponse { resources, .. } = answer.read()?;
    let rows: Vec<_> = resources
        .iter()
        .map(|resource| {
            let id = resource.r#ref.as_ref().map(|r| r.id.chars().take(12).collect()).unwrap_or_default();
            vec![
                id,
                name_of(resource.r#ref.as_ref()),
                word(resource.state().as_str_name(), "RESOURCE_STATE_"),
                word(resource.health().as_str_name(), "HEALTH_"),
                resource.restart_count.to_string(),
                match &resource.details {
                    Some(pb::resource::Details::Container(container)) => container.image.clone(),
                    None => String::new(),
                },
                time(resource.observed_at),
            ]
        })
        .collect();
    Ok(listing("No resources found.", &["ID", "NAME", "STATE", "HEALTH", "RESTARTS", "IMAGE", "OBSERVED"], &rows))
}

pub fn facts(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListFactsResponse { facts, .. } = answer.read()?;
    let rows: Vec<_> = facts
        .iter()
        .map(|fact| vec![fact.id.clone(), time(fact.observed_at), name_of(fact.resource.as_ref()), value_of(fact)])
        .collect();
    Ok(listing("No facts found.", &["ID", "OBSERVED", "RESOURCE", "FACT"], &rows))
}

fn value_of(fact: &pb::Fact) -> String {
    use pb::fact::Value;
    match &fact.value {
        Some(Value::State(state)) => {
            let name = pb::ResourceState::try_from(*state).unwrap_or_default().as_str_name();
            format!("state {}", word(name, "RESOURCE_STATE_"))
        }
        Some(Value::Health(health)) => {
            let name = pb::Health::try_from(*health).unwrap_or_default().as_str_name();
            format!("health {}", word(name, "HEALTH_"))
        }
        Some(Value::RestartCount(count)) => format!("restart count {count}"),
        Some(Value::Exit(exit)) => format!(
            "exit code {}, cause {}, then {}",
            exit.code,
            word(exit.cause().as_str_name(), "EXIT_CAUSE_"),
            word(exit.after().as_str_name(), "AFTER_EXIT_")
        ),
        Some(Value::Start(_)) => "start".to_owned(),
        Some(Value::OomKill(_)) => "out-of-memory kill".to_owned(),
        None => String::new(),
    }
}

pub fn deliveries(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListDeliveriesResponse { deliveries, .. } = answer.read()?;
    let rows: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            vec![
                delivery.id.clone(),
                delivery.target.clone(),
                delivery.kind.clone(),
                word(delivery.state().as_str_name(), "DELIVERY_STATE_"),
                delivery.attempts.to_string(),
                time(delivery.created_at),
                delivery.last_error.clone(),
            ]
        })
        .collect();
    Ok(listing(
        "No deliveries. Add a webhook to the configuration: overseer config defaults",
        &["ID", "TARGET", "KIND", "STATE", "ATTEMPTS", "MADE", "LAST ERROR"],
        &rows,
    ))
}

pub fn whoami(answer: &Answer) -> anyhow::Result<String> {
    let actor: pb::Actor = answer.read()?;
    let roles: Vec<_> = actor.roles().map(|role| word(role.as_str_name(), "ROLE_")).collect();
    Ok(plain(&format!("{} ({})", actor.name, roles.join(", "))))
}

/// Milliseconds from one time to a later one.
pub fn millis(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_secs_f64() * 1000.0
}
