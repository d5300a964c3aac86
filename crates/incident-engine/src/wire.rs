//! Incidents and narratives as the contract says them, and the events about them.

use overseer_contract::v1 as pb;
use overseer_contract::{Event, EventPayload, TraceParent, to_timestamp};
use overseer_model::Timestamp;
use overseer_runtime::ApplyError;
use overseer_storage::{Conn, outbox};

use crate::detect::Detector;
use crate::incident::{Incident, Outcome, Severity, State};
use crate::narrate::{Entry, Hypothesis, Narrative, title};

impl From<Incident> for pb::Incident {
    fn from(incident: Incident) -> Self {
        let title = title(&incident);
        let Incident {
            id,
            resource,
            detector,
            severity,
            state,
            outcome,
            fingerprint,
            opened_at,
            updated_at,
            resolved_at,
            occurrences,
        } = incident;
        let detector = match detector {
            Detector::RestartLoop => pb::Detector::RestartLoop,
            Detector::UnexpectedExit => pb::Detector::UnexpectedExit,
        };
        let severity = match severity {
            Severity::Warning => pb::Severity::Warning,
            Severity::Critical => pb::Severity::Critical,
        };
        let outcome = match outcome {
            Outcome::Pending => pb::Outcome::Pending,
            Outcome::Resolved => pb::Outcome::Resolved,
            Outcome::Mitigated => pb::Outcome::Mitigated,
            Outcome::Unresolved => pb::Outcome::Unresolved,
        };
        Self {
            id: id.to_string(),
            resource: Some(resource.into()),
            detector: detector.into(),
            severity: severity.into(),
            state: pb::IncidentState::from(state).into(),
            outcome: outcome.into(),
            fingerprint: fingerprint.to_string(),
            title,
            opened_at: Some(to_timestamp(opened_at)),
            updated_at: Some(to_timestamp(updated_at)),
            resolved_at: resolved_at.map(to_timestamp),
            occurrences,
        }
    }
}

impl From<State> for pb::IncidentState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Resolving => Self::Resolving,
            State::Resolved => Self::Resolved,
        }
    }
}

/// The state that a list is narrowed to; `None` for all.
pub fn state_filter(number: i32) -> Option<State> {
    match pb::IncidentState::try_from(number) {
        Ok(pb::IncidentState::Open) => Some(State::Open),
        Ok(pb::IncidentState::Resolving) => Some(State::Resolving),
        Ok(pb::IncidentState::Resolved) => Some(State::Resolved),
        Ok(pb::IncidentState::Unspecified) | Err(_) => None,
    }
}

pub fn narrative(incident: &Incident, narrative: Narrative) -> pb::Narrative {
    let Narrative { text, symptoms, hypotheses, timeline, resolution_steps, verification_results, lessons } = narrative;
    let ids = |facts: Vec<overseer_model::FactId>| facts.iter().map(ToString::to_string).collect();
    pb::Narrative {
        incident_id: incident.id.to_string(),
        text,
        symptoms,
        hypotheses: hypotheses
            .into_iter()
            .map(|Hypothesis { text, confidence, evidence }| pb::Hypothesis {
                text,
                confidence,
                evidence: ids(evidence),
            })
            .collect(),
        timeline: timeline
            .into_iter()
            .map(|Entry { at, text, evidence }| pb::TimelineEntry {
                at: Some(to_timestamp(at)),
                text,
                evidence: ids(evidence),
            })
            .collect(),
        resolution_steps,
        verification_results,
        lessons,
    }
}

/// Writes an event about an incident to the outbox, in the order of that incident's events.
pub async fn announce<P: EventPayload>(
    conn: &mut Conn<'_>,
    incident: &Incident,
    trace: Option<TraceParent>,
    now: Timestamp,
    payload: &P,
) -> Result<(), ApplyError> {
    let event = Event::new(incident.resource.site().clone(), incident.id.to_string(), now, trace, payload)?;
    Ok(outbox::put(conn, &event).await?)
}

pub fn detected(incident: &Incident) -> pb::IncidentDetected {
    pb::IncidentDetected { incident: Some(incident.clone().into()) }
}
pub fn updated(incident: &Incident) -> pb::IncidentUpdated {
    pb::IncidentUpdated { incident: Some(incident.clone().into()) }
}
pub fn resolved(incident: &Incident) -> pb::IncidentResolved {
    pb::IncidentResolved { incident: Some(incident.clone().into()) }
}
