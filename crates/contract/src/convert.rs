//! Between `model`'s types and the wire's. Every field is taken apart, so that a new one stops the build.

use overseer_model as model;
use prost_types::Timestamp as TimestampPb;

use crate::v1;

/// A message that reads but does not mean anything here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is missing or has a value that is not allowed")]
pub struct BadWire {
    pub field: &'static str,
}

/// # Errors
/// When the field is absent.
pub fn required<T>(value: Option<T>, field: &'static str) -> Result<T, BadWire> {
    value.ok_or(BadWire { field })
}

#[must_use]
pub fn to_timestamp(time: model::Timestamp) -> TimestampPb {
    let micros = time.micros();
    TimestampPb {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

#[must_use]
pub fn from_timestamp(time: TimestampPb) -> model::Timestamp {
    let TimestampPb { seconds, nanos } = time;
    model::Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos) / 1_000))
}

/// A plain enum, both ways; `Unspecified` and unknown numbers do not convert.
macro_rules! plain_enum {
    ($model:ty, $wire:ident, $field:literal: $($variant:ident)*) => {
        impl From<$model> for v1::$wire {
            fn from(value: $model) -> Self {
                match value { $(<$model>::$variant => Self::$variant,)* }
            }
        }
        impl TryFrom<v1::$wire> for $model {
            type Error = BadWire;
            fn try_from(value: v1::$wire) -> Result<Self, BadWire> {
                match value {
                    v1::$wire::Unspecified => Err(BadWire { field: $field }),
                    $(v1::$wire::$variant => Ok(Self::$variant),)*
                }
            }
        }
    };
}
plain_enum!(model::Provider, Provider, "provider": Docker Proxmox);
plain_enum!(model::ResourceKind, ResourceKind, "kind": Container Vm);
plain_enum!(model::Presence, Presence, "presence": Present Gone Unknown);
plain_enum!(model::ResourceState, ResourceState, "state": Created Running Paused Restarting Exited Removed Unknown);
plain_enum!(model::Health, Health, "health": Unchecked Starting Healthy Unhealthy);
plain_enum!(model::FactSource, FactSource, "source": Event Listing Inspection);
plain_enum!(model::ExitCause, ExitCause, "cause": Own Requested);
plain_enum!(model::AfterExit, AfterExit, "after": Restarts StaysDown Unknown);
plain_enum!(model::Risk, Risk, "risk": D1 D2 D3 D4);
plain_enum!(model::Verdict, Verdict, "verdict": Passed Failed Inconclusive);
plain_enum!(model::Capability, Capability, "capability": Restart Start Stop);
plain_enum!(model::Role, Role, "role": Viewer Operator Approver Admin);

/// The model's value of an enum field as prost keeps it.
fn read<W: TryFrom<i32>, M: TryFrom<W, Error = BadWire>>(number: i32, field: &'static str) -> Result<M, BadWire> {
    let wire = W::try_from(number).map_err(|_| BadWire { field })?;
    M::try_from(wire)
}

fn write<W: From<M> + Into<i32>, M>(value: M) -> i32 {
    W::from(value).into()
}

impl From<model::ResourceRef> for v1::ResourceRef {
    fn from(value: model::ResourceRef) -> Self {
        let model::ResourceRef { key: model::ResourceKey { site, uri }, name } = value;
        let model::Uri { source: model::Source { provider, instance }, kind, id } = uri;
        Self {
            site: site.into(),
            provider: write::<v1::Provider, _>(provider),
            instance: instance.into(),
            kind: write::<v1::ResourceKind, _>(kind),
            id: id.into(),
            name,
        }
    }
}
impl TryFrom<v1::ResourceRef> for model::ResourceRef {
    type Error = BadWire;
    fn try_from(value: v1::ResourceRef) -> Result<Self, BadWire> {
        let v1::ResourceRef { site, provider, instance, kind, id, name } = value;
        let source = model::Source {
            provider: read::<v1::Provider, _>(provider, "resource.provider")?,
            instance: instance.parse().map_err(|_| BadWire { field: "resource.instance" })?,
        };
        let uri = model::Uri {
            source,
            kind: read::<v1::ResourceKind, _>(kind, "resource.kind")?,
            id: id.parse().map_err(|_| BadWire { field: "resource.id" })?,
        };
        Ok(Self { key: uri.at(site.parse().map_err(|_| BadWire { field: "resource.site" })?), name })
    }
}

impl From<model::RestartRule> for v1::RestartRule {
    fn from(value: model::RestartRule) -> Self {
        use v1::restart_rule::Rule;
        let rule = match value {
            model::RestartRule::Never => Rule::Never(v1::NeverRestart {}),
            model::RestartRule::OnFailure { most } => {
                Rule::OnFailure(v1::OnFailure { most_restarts: most.unwrap_or(0) })
            }
            model::RestartRule::Always => Rule::Always(v1::AlwaysRestart {}),
            model::RestartRule::UnlessStopped => Rule::UnlessStopped(v1::UnlessStopped {}),
        };
        Self { rule: Some(rule) }
    }
}

impl From<model::Observation> for v1::fact::Value {
    fn from(value: model::Observation) -> Self {
        match value {
            model::Observation::State(state) => Self::State(write::<v1::ResourceState, _>(state)),
            model::Observation::Health(health) => Self::Health(write::<v1::Health, _>(health)),
            model::Observation::RestartCount(count) => Self::RestartCount(count),
            model::Observation::Exit { code, cause, after } => Self::Exit(v1::ExitFact {
                code,
                cause: write::<v1::ExitCause, _>(cause),
                after: write::<v1::AfterExit, _>(after),
            }),
            model::Observation::Start => Self::Start(v1::StartFact {}),
            model::Observation::OomKill => Self::OomKill(v1::OomKillFact {}),
        }
    }
}
impl TryFrom<v1::fact::Value> for model::Observation {
    type Error = BadWire;
    fn try_from(value: v1::fact::Value) -> Result<Self, BadWire> {
        use v1::fact::Value;
        Ok(match value {
            Value::State(state) => Self::State(read::<v1::ResourceState, _>(state, "fact.state")?),
            Value::Health(health) => Self::Health(read::<v1::Health, _>(health, "fact.health")?),
            Value::RestartCount(count) => Self::RestartCount(count),
            Value::Exit(v1::ExitFact { code, cause, after }) => Self::Exit {
                code,
                cause: read::<v1::ExitCause, _>(cause, "fact.exit.cause")?,
                after: read::<v1::AfterExit, _>(after, "fact.exit.after")?,
            },
            Value::Start(v1::StartFact {}) => Self::Start,
            Value::OomKill(v1::OomKillFact {}) => Self::OomKill,
        })
    }
}

impl From<model::Fact> for v1::Fact {
    fn from(value: model::Fact) -> Self {
        let model::Fact { id, sequence, resource, observed_at, source, observation } = value;
        Self {
            id: id.to_string(),
            sequence,
            resource: Some(resource.into()),
            observed_at: Some(to_timestamp(observed_at)),
            source: write::<v1::FactSource, _>(source),
            value: Some(observation.into()),
        }
    }
}
impl TryFrom<v1::Fact> for model::Fact {
    type Error = BadWire;
    fn try_from(value: v1::Fact) -> Result<Self, BadWire> {
        let v1::Fact { id, sequence, resource, observed_at, source, value } = value;
        Ok(Self {
            id: id.parse().map_err(|_| BadWire { field: "fact.id" })?,
            sequence,
            resource: required(resource, "fact.resource")?.try_into()?,
            observed_at: from_timestamp(required(observed_at, "fact.observed_at")?),
            source: read::<v1::FactSource, _>(source, "fact.source")?,
            observation: required(value, "fact.value")?.try_into()?,
        })
    }
}

impl From<model::Action> for v1::Action {
    fn from(value: model::Action) -> Self {
        use v1::action::Template;
        let template = match value {
            model::Action::RestartResource { target } => {
                Template::RestartResource(v1::RestartResource { target: Some(target.into()) })
            }
            model::Action::StartResource { target } => {
                Template::StartResource(v1::StartResource { target: Some(target.into()) })
            }
            model::Action::StopResource { target } => {
                Template::StopResource(v1::StopResource { target: Some(target.into()) })
            }
        };
        Self { template: Some(template) }
    }
}
impl TryFrom<v1::Action> for model::Action {
    type Error = BadWire;
    fn try_from(value: v1::Action) -> Result<Self, BadWire> {
        use v1::action::Template;
        let target = |target: Option<v1::ResourceRef>| required(target, "action.target")?.try_into();
        match required(value.template, "action.template")? {
            Template::RestartResource(v1::RestartResource { target: of }) => {
                Ok(Self::RestartResource { target: target(of)? })
            }
            Template::StartResource(v1::StartResource { target: of }) => {
                Ok(Self::StartResource { target: target(of)? })
            }
            Template::StopResource(v1::StopResource { target: of }) => Ok(Self::StopResource { target: target(of)? }),
        }
    }
}

impl From<model::Precondition> for v1::Precondition {
    fn from(value: model::Precondition) -> Self {
        use v1::precondition::Condition;
        let condition = match value {
            model::Precondition::State { any_of } => Condition::State(v1::StatePrecondition {
                any_of: any_of.into_iter().map(write::<v1::ResourceState, _>).collect(),
            }),
        };
        Self { condition: Some(condition) }
    }
}

impl From<model::Subject> for v1::Subject {
    fn from(value: model::Subject) -> Self {
        use v1::subject::Of;
        let of = match value {
            model::Subject::Incident(id) => Of::IncidentId(id.to_string()),
            model::Subject::Request(id) => Of::RequestId(id.to_string()),
            model::Subject::Schedule(id) => Of::ScheduleRunId(id.to_string()),
            model::Subject::Agent(id) => Of::AgentRunId(id.to_string()),
            model::Subject::Undo(id) => Of::UndoneStepId(id.to_string()),
        };
        Self { of: Some(of) }
    }
}
impl TryFrom<v1::Subject> for model::Subject {
    type Error = BadWire;
    fn try_from(value: v1::Subject) -> Result<Self, BadWire> {
        use v1::subject::Of;
        let bad = |_| BadWire { field: "subject" };
        match required(value.of, "subject")? {
            Of::IncidentId(id) => id.parse().map(Self::Incident).map_err(bad),
            Of::RequestId(id) => id.parse().map(Self::Request).map_err(bad),
            Of::ScheduleRunId(id) => id.parse().map(Self::Schedule).map_err(bad),
            Of::AgentRunId(id) => id.parse().map(Self::Agent).map_err(bad),
            Of::UndoneStepId(id) => id.parse().map(Self::Undo).map_err(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_comes_back_and_an_unspecified_value_does_not() {
        let fact = model::Fact {
            id: model::FactId::fresh(),
            sequence: 7,
            resource: model::ResourceRef { key: "home/docker://local/abc".parse().unwrap(), name: "web".into() },
            observed_at: model::Timestamp::from_micros(-1),
            source: model::FactSource::Event,
            observation: model::Observation::Exit {
                code: 1,
                cause: model::ExitCause::Own,
                after: model::AfterExit::StaysDown,
            },
        };
        let mut wire = v1::Fact::from(fact.clone());
        let json = crate::to_json(&wire).unwrap();
        assert_eq!(crate::from_json::<v1::Fact>(&json).unwrap(), wire);
        assert_eq!(model::Fact::try_from(wire.clone()), Ok(fact));
        wire.source = 99;
        assert_eq!(model::Fact::try_from(wire), Err(BadWire { field: "fact.source" }));
    }

    #[test]
    fn json_of_a_newer_writer_is_read_and_a_tail_or_another_type_is_refused() {
        let newer = r#"{"id":"x","y":{"z":[1]},"state":"PLAN_STATE_OF_TOMORROW","steps":[{"risk":"RISK_D9","w":1}]}"#;
        let plan = crate::from_json::<v1::Plan>(newer).unwrap();
        assert_eq!((plan.id.as_str(), plan.state()), ("x", v1::PlanState::Unspecified));
        assert_eq!(plan.steps[0].risk(), v1::Risk::Unspecified);
        assert!(crate::from_json::<v1::GetPlanRequest>(r#"{"id":1}"#).is_err());
        assert!(crate::from_json::<v1::GetPlanRequest>(r#"{"id":"x"} {}"#).is_err());
    }
}
