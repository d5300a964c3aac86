//! What is said to the outside about an event: ids, enums and counts, and the resource's name, which is the platform's
//! untrusted text and is cut and cleaned. No line of a log, no text of a model, no title that another service wrote.

use overseer_contract::{BadWire, Event, required, v1};
use overseer_model::{EventKind, IncidentId, PlanId, Provider, ResourceKind, ResourceRef, StepId, plain};
use overseer_runtime::ApplyError;
use serde::Serialize;

/// Characters of a name or of an id of the platform.
const MOST_CHARACTERS: usize = 255;

/// The events that are told.
pub const TOLD: &[EventKind] = &[
    EventKind::IncidentDetected,
    EventKind::IncidentResolved,
    EventKind::ApprovalRequired,
    EventKind::StepFailed,
    EventKind::StepInDoubt,
];

/// The field `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    IncidentDetected,
    IncidentResolved,
    ApprovalRequired,
    StepFailed,
}

impl Kind {
    pub const ALL: [Self; 4] =
        [Self::IncidentDetected, Self::IncidentResolved, Self::ApprovalRequired, Self::StepFailed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IncidentDetected => "incident_detected",
            Self::IncidentResolved => "incident_resolved",
            Self::ApprovalRequired => "approval_required",
            Self::StepFailed => "step_failed",
        }
    }
}

/// One notice, ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub kind: Kind,
    pub body: String,
}

impl Notice {
    /// The notice of this event; `None` for an event that is not told.
    ///
    /// # Errors
    /// When the event does not read.
    pub fn of(event: &Event) -> Result<Option<Self>, ApplyError> {
        let (kind, data) = match event.kind {
            EventKind::IncidentDetected => {
                let v1::IncidentDetected { incident } = event.payload()?;
                (Kind::IncidentDetected, Data::of_incident(required(incident, "incident")?)?)
            }
            EventKind::IncidentResolved => {
                let v1::IncidentResolved { incident } = event.payload()?;
                (Kind::IncidentResolved, Data::of_incident(required(incident, "incident")?)?)
            }
            EventKind::ApprovalRequired => {
                let v1::ApprovalRequired { plan } = event.payload()?;
                (Kind::ApprovalRequired, Data::of_plan(required(plan, "plan")?)?)
            }
            EventKind::StepFailed => {
                let v1::StepFailed { step, failure, detail: _, at: _ } = event.payload()?;
                let name = v1::StepFailure::try_from(failure).map(|failure| failure.as_str_name());
                (Kind::StepFailed, Data::of_failure(step, word(name, "STEP_FAILURE_", "step.failure")?)?)
            }
            EventKind::StepInDoubt => {
                let v1::StepInDoubt { step, detail: _, at: _ } = event.payload()?;
                (Kind::StepFailed, Data::of_failure(step, "in_doubt".to_owned())?)
            }
            EventKind::FactBatch
            | EventKind::LogSignatures
            | EventKind::ResourceChanged
            | EventKind::IncidentUpdated
            | EventKind::PlanRejected
            | EventKind::PlanReady
            | EventKind::PlanFinished
            | EventKind::ApprovalGranted
            | EventKind::ApprovalDenied
            | EventKind::StepDispatched
            | EventKind::StepStarted
            | EventKind::StepActed
            | EventKind::StepVerified => return Ok(None),
        };
        let payload = Payload { kind, id: event.id.to_string(), timestamp: rfc3339(event.at), data };
        // Strings, numbers and options always have a JSON.
        let body = serde_json::to_string(&payload).map_err(|_| BadWire { field: "event" })?;
        Ok(Some(Self { kind, body }))
    }
}

#[derive(Serialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: Kind,
    /// The event's.
    id: String,
    timestamp: String,
    data: Data,
}

/// Absent is what the event does not know.
#[derive(Default, Serialize)]
struct Data {
    incident_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_id: Option<String>,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurrences: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    risk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approve_hint: Option<String>,
}

#[derive(Serialize)]
struct Resource {
    site: String,
    provider: Provider,
    kind: ResourceKind,
    id: String,
    name: String,
}

impl Data {
    fn of_incident(incident: v1::Incident) -> Result<Self, BadWire> {
        // The title may be anybody's words, and the fingerprint tells an outsider nothing.
        let v1::Incident { id, resource, detector, severity, state, outcome, occurrences, .. } = incident;
        let resource = Resource::of(resource)?;
        let detector = word(v1::Detector::try_from(detector).map(|d| d.as_str_name()), "DETECTOR_", "detector")?;
        Ok(Self {
            incident_id: incident_id(&id)?,
            title: format!("{} of {} at {}", detector.replace('_', " "), resource.name, resource.site),
            detector: Some(detector),
            severity: Some(word(v1::Severity::try_from(severity).map(|s| s.as_str_name()), "SEVERITY_", "severity")?),
            state: Some(word(v1::IncidentState::try_from(state).map(|s| s.as_str_name()), "INCIDENT_STATE_", "state")?),
            outcome: Some(word(v1::Outcome::try_from(outcome).map(|o| o.as_str_name()), "OUTCOME_", "outcome")?),
            occurrences: Some(occurrences),
            resource: Some(resource),
            ..Self::default()
        })
    }

    fn of_plan(plan: v1::Plan) -> Result<Self, BadWire> {
        let v1::Plan { id, incident_id: incident, state, steps, .. } = plan;
        let plan_id: PlanId = id.parse().map_err(|_| BadWire { field: "plan.id" })?;
        let risk = required(steps.iter().map(|step| step.risk).max(), "plan.steps")?;
        let action = steps.into_iter().next().and_then(|step| step.action).and_then(|action| action.template);
        let (verb, resource) = match required(action, "plan.steps.action")? {
            v1::action::Template::RestartResource(v1::RestartResource { target }) => ("restart", Resource::of(target)?),
        };
        Ok(Self {
            incident_id: incident_id(&incident)?,
            plan_id: Some(plan_id.to_string()),
            title: format!("approval required to {verb} {} at {}", resource.name, resource.site),
            state: Some(word(v1::PlanState::try_from(state).map(|s| s.as_str_name()), "PLAN_STATE_", "plan.state")?),
            resource: Some(resource),
            risk: Some(word(v1::Risk::try_from(risk).map(|r| r.as_str_name()), "RISK_", "risk")?),
            approve_hint: Some(format!("overseer approve {plan_id}")),
            ..Self::default()
        })
    }

    /// The details may quote the platform and stay here.
    fn of_failure(step: Option<v1::StepRef>, failure: String) -> Result<Self, BadWire> {
        let v1::StepRef { step_id, plan_id, incident_id: incident, attempt } = required(step, "step")?;
        let step_id: StepId = step_id.parse().map_err(|_| BadWire { field: "step.step_id" })?;
        let plan_id: PlanId = plan_id.parse().map_err(|_| BadWire { field: "step.plan_id" })?;
        Ok(Self {
            incident_id: incident_id(&incident)?,
            plan_id: Some(plan_id.to_string()),
            step_id: Some(step_id.to_string()),
            title: format!("step failed: {}", failure.replace('_', " ")),
            failure: Some(failure),
            attempt: Some(attempt),
            ..Self::default()
        })
    }
}

impl Resource {
    fn of(resource: Option<v1::ResourceRef>) -> Result<Self, BadWire> {
        let ResourceRef { site, provider, kind, id, name } = required(resource, "resource")?.try_into()?;
        Ok(Self {
            site: site.to_string(),
            provider,
            kind,
            id: plain(&id, MOST_CHARACTERS),
            name: plain(&name, MOST_CHARACTERS),
        })
    }
}

fn incident_id(text: &str) -> Result<String, BadWire> {
    text.parse::<IncidentId>().map(|id| id.to_string()).map_err(|_| BadWire { field: "incident_id" })
}

/// `DETECTOR_RESTART_LOOP` as `restart_loop`. A value that is not named says nothing.
fn word<E>(name: Result<&'static str, E>, prefix: &str, field: &'static str) -> Result<String, BadWire> {
    let rest = name.ok().and_then(|name| name.strip_prefix(prefix)).filter(|rest| *rest != "UNSPECIFIED");
    rest.map(str::to_ascii_lowercase).ok_or(BadWire { field })
}

/// `2026-11-21T05:04:03.120Z`.
fn rfc3339(at: overseer_model::Timestamp) -> String {
    at.to_string().replacen(' ', "T", 1).replacen(" UTC", "Z", 1)
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
