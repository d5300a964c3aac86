//! The one table of action templates: what each needs, risks, can be returned by, and is known to have worked by.
//! Validation, policy, execution, the words of narratives and the command line follow from it; a template is added here
//! and as a message of the contract.

use overseer_model::{Action, Capability, Precondition, ResourceState, Risk, TemplateName};

/// What is known of one template.
#[derive(Debug)]
pub struct Template {
    pub name: TemplateName,
    /// What it does, for people: `restart` web.
    pub verb: &'static str,
    /// What it did: web was `restarted`.
    pub past: &'static str,
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    pub risk: Risk,
    /// What the target's platform must be able to do.
    pub capability: Capability,
    /// States of the target in which it may act.
    pub acts_in: &'static [ResourceState],
    pub inverse: Inverse,
    pub probe: Probe,
    pub verification: Verification,
}

/// One typed parameter, a field of the contract's message.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: ParameterKind,
    pub summary: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A resource by its key.
    Resource,
}

/// What returns the target to what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inverse {
    /// There is none: what it ended is over.
    None,
    Template(TemplateName),
}

/// How reality shows after an interruption whether the action took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It runs anew, and the platform remembers a restart by request.
    Restarted,
    /// It runs anew.
    Started,
    /// It ended, and the platform remembers a request to stop.
    Stopped,
}

/// What must hold over the stabilization window for the action to have helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The run that the action made goes on, and its health check passes where it has one.
    StaysUp,
    /// Nothing runs.
    StaysDown,
}

const TARGET: Parameter = Parameter { name: "target", kind: ParameterKind::Resource, summary: "the target resource" };

const RESTART: Template = Template {
    name: TemplateName::RestartResource,
    verb: "restart",
    past: "restarted",
    summary: "Restart a resource.",
    parameters: &[TARGET],
    risk: Risk::D2,
    capability: Capability::Restart,
    acts_in: &[
        ResourceState::Created,
        ResourceState::Running,
        ResourceState::Paused,
        ResourceState::Restarting,
        ResourceState::Exited,
    ],
    inverse: Inverse::None,
    probe: Probe::Restarted,
    verification: Verification::StaysUp,
};

const START: Template = Template {
    name: TemplateName::StartResource,
    verb: "start",
    past: "started",
    summary: "Start a resource that is down.",
    parameters: &[TARGET],
    risk: Risk::D2,
    capability: Capability::Start,
    acts_in: &[ResourceState::Created, ResourceState::Exited],
    inverse: Inverse::Template(TemplateName::StopResource),
    probe: Probe::Started,
    verification: Verification::StaysUp,
};

const STOP: Template = Template {
    name: TemplateName::StopResource,
    verb: "stop",
    past: "stopped",
    summary: "Stop a resource.",
    parameters: &[TARGET],
    risk: Risk::D2,
    capability: Capability::Stop,
    acts_in: &[ResourceState::Running, ResourceState::Restarting],
    inverse: Inverse::Template(TemplateName::StartResource),
    probe: Probe::Stopped,
    verification: Verification::StaysDown,
};

/// The row of a template.
#[must_use]
pub const fn template(name: TemplateName) -> &'static Template {
    match name {
        TemplateName::RestartResource => &RESTART,
        TemplateName::StartResource => &START,
        TemplateName::StopResource => &STOP,
    }
}

/// The row of an action's template.
#[must_use]
pub const fn template_of(action: &Action) -> &'static Template {
    template(action.template())
}

/// What must be true of the target right before the action.
#[must_use]
pub fn preconditions(action: &Action) -> Vec<Precondition> {
    vec![Precondition::State { any_of: template_of(action).acts_in.to_vec() }]
}

/// The action that returns `action`; `None` when nothing does.
#[must_use]
pub fn inverse_of(action: &Action) -> Option<Action> {
    let target = action.target().clone();
    match template_of(action).inverse {
        Inverse::None => None,
        Inverse::Template(TemplateName::RestartResource) => Some(Action::RestartResource { target }),
        Inverse::Template(TemplateName::StartResource) => Some(Action::StartResource { target }),
        Inverse::Template(TemplateName::StopResource) => Some(Action::StopResource { target }),
    }
}

#[cfg(test)]
mod tests {
    use overseer_contract::Contract;
    use overseer_model::ResourceRef;

    use super::*;

    #[test]
    fn the_contract_has_the_templates_of_the_table_with_their_parameters() {
        let action = Contract::get().message("overseer.v1.Action").unwrap();
        let in_contract: Vec<_> = action.fields().map(|field| field.name().to_owned()).collect();
        let in_table: Vec<_> = TemplateName::ALL.iter().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(in_contract, in_table);
        for field in action.fields() {
            let message = field.kind().as_message().unwrap().clone();
            let row =
                TemplateName::ALL.map(template).into_iter().find(|row| row.name.as_str() == field.name()).unwrap();
            let fields: Vec<_> = message.fields().map(|field| field.name().to_owned()).collect();
            let parameters: Vec<_> = row.parameters.iter().map(|parameter| parameter.name).collect();
            assert_eq!(fields, parameters, "{}", row.name);
        }
    }

    #[test]
    fn each_row_is_found_by_its_own_name() {
        for name in TemplateName::ALL {
            assert_eq!(template(name).name, name);
        }
    }

    #[test]
    fn an_inverse_acts_on_the_same_target_where_the_action_leaves_it() {
        let target = ResourceRef { key: "home/docker://local/c1".parse().unwrap(), name: "web".into() };
        let stop = Action::StopResource { target: target.clone() };
        let start = inverse_of(&stop).unwrap();
        assert_eq!(start, Action::StartResource { target: target.clone() });
        assert!(preconditions(&start).iter().all(|precondition| precondition.holds(ResourceState::Exited)));
        assert_eq!(inverse_of(&Action::RestartResource { target }), None);
    }
}
