//! What is said to the outside about an event: ids, enums and counts, and the resource's name, which is the platform's
//! untrusted text and is cut and cleaned. No line of a log, no text of a model, no title that another service wrote.

use overseer_contract::{BadWire, Event, required, v1};
use overseer_model::{Action, EventKind, IncidentId, PlanId, StepId, Subject, plain};
use overseer_runtime::ApplyError;
use overseer_templates::template_of;
use serde::Serialize;

/// Characters of a name or of an id of the platform.
const MOST_CHARACTERS: usize = 255;

/// The events that are told.
pub const KINDS: &[EventKind] = &[
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
    /// When the event cannot be parsed.
    pub fn of(event: &Event) -> Result<Option<Self>, ApplyError> {
        let (kind, data) = match event.kind {
            EventKind::IncidentDetected => {
                let v1::IncidentDetected { incident } = event.payload()?;
                (Kind::IncidentDetected, Data::Incident(IncidentData::of(required(incident, "incident")?)?))
            }
            EventKind::IncidentResolved => {
                let v1::IncidentResolved { incident } = event.payload()?;
                (Kind::IncidentResolved, Data::Incident(IncidentData::of(required(incident, "incident")?)?))
            }
            EventKind::ApprovalRequired => {
                let v1::ApprovalRequired { plan } = event.payload()?;
                (Kind::ApprovalRequired, Data::Approval(ApprovalData::of(required(plan, "plan")?)?))
            }
            EventKind::StepFailed => {
                let v1::StepFailed { step, failure, detail: _, at: _ } = event.payload()?;
                let name = v1::StepFailure::try_from(failure).map(|failure| failure.as_str_name());
                let failure = word(name, "STEP_FAILURE_");
                (Kind::StepFailed, Data::Failure(FailureData::of(step, failure)?))
            }
            EventKind::StepInDoubt => {
                let v1::StepInDoubt { step, detail: _, at: _ } = event.payload()?;
                (Kind::StepFailed, Data::Failure(FailureData::of(step, "in_doubt".to_owned())?))
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

/// What a notice says, by what it is about.
#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Incident(IncidentData),
    Approval(ApprovalData),
    Failure(FailureData),
}

#[derive(Serialize)]
struct IncidentData {
    incident_id: String,
    title: String,
    detector: String,
    severity: String,
    state: String,
    outcome: String,
    occurrences: u32,
    resource: Resource,
}

#[derive(Serialize)]
struct ApprovalData {
    /// Absent when the plan is for something else than an incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_id: Option<String>,
    plan_id: String,
    title: String,
    state: String,
    /// Of the first step; absent when only a newer service has a word for its action.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Resource>,
    /// The highest of the steps.
    risk: String,
    approve_hint: String,
}

#[derive(Serialize)]
struct FailureData {
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_id: Option<String>,
    plan_id: String,
    step_id: String,
    title: String,
    failure: String,
    attempt: u32,
}

#[derive(Serialize)]
struct Resource {
    site: String,
    provider: String,
    instance: String,
    kind: String,
    id: String,
    name: String,
}

impl IncidentData {
    fn of(incident: v1::Incident) -> Result<Self, BadWire> {
        // The title may be anybody's words, and the fingerprint tells an outsider nothing.
        let v1::Incident { id, resource, detector, severity, state, outcome, occurrences, .. } = incident;
        let resource = Resource::of(required(resource, "resource")?);
        let detector = word(v1::Detector::try_from(detector).map(|d| d.as_str_name()), "DETECTOR_");
        let id: IncidentId = id.parse().map_err(|_| BadWire { field: "incident_id" })?;
        Ok(Self {
            incident_id: id.to_string(),
            title: format!("{} of {} at {}", detector.replace('_', " "), resource.name, resource.site),
            detector,
            severity: word(v1::Severity::try_from(severity).map(|s| s.as_str_name()), "SEVERITY_"),
            state: word(v1::IncidentState::try_from(state).map(|s| s.as_str_name()), "INCIDENT_STATE_"),
            outcome: word(v1::Outcome::try_from(outcome).map(|o| o.as_str_name()), "OUTCOME_"),
            occurrences,
            resource,
        })
    }
}

impl ApprovalData {
    fn of(plan: v1::Plan) -> Result<Self, BadWire> {
        let v1::Plan { id, subject, state, steps, .. } = plan;
        let plan_id: PlanId = id.parse().map_err(|_| BadWire { field: "plan.id" })?;
        let risk = required(steps.iter().map(|step| step.risk).max(), "plan.steps")?;
        let action = steps.into_iter().next().and_then(|step| step.action);
        let action = Action::try_from(required(action, "plan.steps.action")?).ok();
        let resource = action.as_ref().map(|action| Resource::of(action.target().clone().into()));
        let title = match (&action, &resource) {
            (Some(action), Some(Resource { name, site, .. })) => {
                format!("approval required to {} {name} at {site}", template_of(action).verb)
            }
            (None, _) | (_, None) => format!("approval required for {plan_id}"),
        };
        Ok(Self {
            incident_id: incident_of(subject)?,
            plan_id: plan_id.to_string(),
            title,
            state: word(v1::PlanState::try_from(state).map(|s| s.as_str_name()), "PLAN_STATE_"),
            resource,
            risk: word(v1::Risk::try_from(risk).map(|r| r.as_str_name()), "RISK_"),
            approve_hint: format!("overseer approve {plan_id}"),
        })
    }
}

impl FailureData {
    /// The details may quote the platform and stay here.
    fn of(step: Option<v1::StepRef>, failure: String) -> Result<Self, BadWire> {
        let v1::StepRef { step_id, plan_id, subject, attempt, action: _ } = required(step, "step")?;
        let step_id: StepId = step_id.parse().map_err(|_| BadWire { field: "step.step_id" })?;
        let plan_id: PlanId = plan_id.parse().map_err(|_| BadWire { field: "step.plan_id" })?;
        Ok(Self {
            incident_id: incident_of(subject)?,
            plan_id: plan_id.to_string(),
            step_id: step_id.to_string(),
            title: format!("step failed: {}", failure.replace('_', " ")),
            failure,
            attempt,
        })
    }
}

/// The incident that a plan is for; `None` when it is for something else, also for what only a newer service knows.
fn incident_of(subject: Option<v1::Subject>) -> Result<Option<String>, BadWire> {
    let subject = Subject::try_from(required(subject, "subject")?).ok();
    Ok(subject.and_then(Subject::incident).map(|id| id.to_string()))
}

impl Resource {
    fn of(resource: v1::ResourceRef) -> Self {
        let v1::ResourceRef { site, provider, instance, kind, id, name } = resource;
        let shown = |text: String| plain(&text, MOST_CHARACTERS);
        Self {
            site: shown(site),
            provider: word(v1::Provider::try_from(provider).map(|p| p.as_str_name()), "PROVIDER_"),
            instance: shown(instance),
            kind: word(v1::ResourceKind::try_from(kind).map(|k| k.as_str_name()), "RESOURCE_KIND_"),
            id: shown(id),
            name: shown(name),
        }
    }
}

/// `DETECTOR_RESTART_LOOP` as `restart_loop`. A value of a newer service is `unknown`: people are told all the same.
fn word<E>(name: Result<&'static str, E>, prefix: &str) -> String {
    let rest = name.ok().and_then(|name| name.strip_prefix(prefix)).filter(|rest| *rest != "UNSPECIFIED");
    rest.map_or_else(|| "unknown".to_owned(), str::to_ascii_lowercase)
}

/// `2026-11-21T05:04:03.120Z`.
fn rfc3339(at: overseer_model::Timestamp) -> String {
    at.to_string().replacen(' ', "T", 1).replacen(" UTC", "Z", 1)
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
