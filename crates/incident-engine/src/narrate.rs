//! The narrative: an incident's story as text, from facts alone and without a model. It is pure, and there is no way
//! for a log line to get in: a [`Moment`] has none.

use overseer_model::{FactId, Timestamp, Verdict, plain};
use overseer_templates::template;
use serde::{Deserialize, Serialize};

use crate::detect::{Aftermath, Detector, Exit, Memory};
use crate::incident::{Incident, Moment, MomentKind, Outcome, State};

/// Longest name that is told, in characters.
const NAME: usize = 128;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Narrative {
    pub text: String,
    pub symptoms: Vec<String>,
    pub hypotheses: Vec<Hypothesis>,
    pub timeline: Vec<Entry>,
    pub resolution_steps: Vec<String>,
    pub verification_results: Vec<String>,
    pub lessons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    pub text: String,
    /// 0 to 1.
    pub confidence: f64,
    pub evidence: Vec<FactId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub text: String,
    pub evidence: Vec<FactId>,
}

/// One line for lists and notices.
#[must_use]
pub fn title(incident: &Incident) -> String {
    let name = plain(&incident.resource.name, NAME);
    match incident.detector {
        Detector::RestartLoop => format!("{name} is crash-looping"),
        Detector::UnexpectedExit => format!("{name} exited unexpectedly"),
    }
}

#[must_use]
pub fn narrate(incident: &Incident, story: &[Moment]) -> Narrative {
    let name = plain(&incident.resource.name, NAME);
    let timeline: Vec<Entry> = story
        .iter()
        .map(|moment| Entry { at: moment.at, text: sentence(&name, &moment.kind), evidence: moment.evidence.clone() })
        .collect();
    let told = |section| -> Vec<String> {
        let of_section = story.iter().filter(|moment| section_of(&moment.kind) == section);
        of_section.map(|moment| sentence(&name, &moment.kind)).collect()
    };
    let symptoms = told(Section::Symptoms);
    let resolution_steps = told(Section::Steps);
    let verification_results = told(Section::Verifications);
    let hypotheses = hypotheses(story);
    let text = text(incident, &name, &hypotheses, &timeline);
    Narrative { text, symptoms, hypotheses, timeline, resolution_steps, verification_results, lessons: lessons(story) }
}

/// Where a moment is told beside the timeline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Symptoms,
    Steps,
    Verifications,
    Nowhere,
}

const fn section_of(kind: &MomentKind) -> Section {
    match kind {
        MomentKind::Symptom { .. } => Section::Symptoms,
        MomentKind::Proposed { .. }
        | MomentKind::Approved { .. }
        | MomentKind::Denied { .. }
        | MomentKind::Acted { .. } => Section::Steps,
        MomentKind::Verified { .. } => Section::Verifications,
        MomentKind::Refused { .. }
        | MomentKind::Begun
        | MomentKind::Succeeded { .. }
        | MomentKind::Unproven
        | MomentKind::StepFailed { .. }
        | MomentKind::InDoubt
        | MomentKind::Calm
        | MomentKind::Removed => Section::Nowhere,
    }
}

fn text(incident: &Incident, name: &str, hypotheses: &[Hypothesis], timeline: &[Entry]) -> String {
    let mut lines = vec![format!("{} on site {}.", title(incident), incident.resource.site())];
    if let Some(first) = timeline.first() {
        lines.push(format!("Started at {}: {}", first.at, first.text));
    }
    if let Some(best) = hypotheses.first() {
        lines.push(format!("Likely cause: {} (confidence {:.0} %).", best.text, best.confidence * 100.0));
    }
    lines.push(match (incident.state, incident.outcome) {
        (State::Open, Outcome::Unresolved) => {
            format!("A fix was executed and did not help. {name} needs a person.")
        }
        (State::Open, Outcome::Pending | Outcome::Resolved | Outcome::Mitigated) => "The incident is open.".to_owned(),
        (State::Resolving, _) => "An approved step is running.".to_owned(),
        (State::Resolved, Outcome::Resolved) => "Resolved: the fix was verified.".to_owned(),
        (State::Resolved, Outcome::Unresolved) => {
            "A fix was executed and did not help; then the container was removed.".to_owned()
        }
        (State::Resolved, Outcome::Pending | Outcome::Mitigated) => {
            "Resolved without a verified fix; the cause is not proven.".to_owned()
        }
    });
    lines.join("\n")
}

fn symptom(name: &str, detector: Detector, exits: &[Exit], aftermath: Aftermath) -> String {
    let code = exits.last().map_or(0, |exit| exit.code);
    let then = match aftermath {
        Aftermath::KeepsRestarting => "the engine keeps restarting it",
        Aftermath::StaysDown => "it stays down",
    };
    match (detector, exits) {
        (Detector::RestartLoop, [first, .., last]) => format!(
            "{name} exited {} times in {} s, last with exit code {code}; {then}.",
            exits.len(),
            last.at.since(first.at).as_secs().max(1)
        ),
        (Detector::RestartLoop | Detector::UnexpectedExit, _) => {
            format!("{name} exited with exit code {code}; {then}.")
        }
    }
}

fn sentence(name: &str, kind: &MomentKind) -> String {
    match kind {
        MomentKind::Symptom { detector, exits, aftermath } => symptom(name, *detector, exits, *aftermath),
        MomentKind::Proposed { plan, title } => format!("Plan {plan} was proposed: {title}."),
        MomentKind::Refused { reason, .. } => format!("No plan was created: {reason}."),
        MomentKind::Approved { by, .. } => format!("{} approved the plan.", plain(by, NAME)),
        MomentKind::Denied { by, .. } => format!("{} denied the plan.", plain(by, NAME)),
        MomentKind::Begun => "The step started.".to_owned(),
        MomentKind::Acted { template: by } => format!("{name} was {}.", template(*by).past),
        MomentKind::Succeeded { .. } => "Every step of the plan was verified.".to_owned(),
        MomentKind::Unproven => "A person reported the step as done; the recovery is not proven.".to_owned(),
        MomentKind::Verified { template: _, verdict, checks } => {
            let checks: Vec<String> = checks.iter().map(|(name, verdict)| format!("{name} {verdict}")).collect();
            format!("Verification {verdict}: {}.", checks.join(", "))
        }
        MomentKind::StepFailed { reason } => format!("The step failed: {reason}."),
        MomentKind::InDoubt => "The outcome of the step is unknown. A person must resolve it.".to_owned(),
        MomentKind::Calm => format!("{name} had no further symptoms."),
        MomentKind::Removed => format!("{name} was removed."),
    }
}

/// Ranked causes from exit codes and kills. Codes from 128 on are 128 + the signal (POSIX shell, "Exit Status").
fn hypotheses(story: &[Moment]) -> Vec<Hypothesis> {
    let last = story.iter().rev().find_map(|moment| {
        let MomentKind::Symptom { exits, .. } = &moment.kind else { return None };
        exits.last()
    });
    let Some(exit) = last else { return Vec::new() };
    let guess = |text: &str, confidence| Hypothesis { text: text.to_owned(), confidence, evidence: vec![exit.fact] };
    match (exit.memory, exit.code) {
        (Memory::Exhausted, _) => vec![guess("it ran out of memory and the kernel killed it", 0.95)],
        (Memory::Enough, 137) => vec![
            guess("it was killed from outside (signal 9)", 0.6),
            guess("it ran out of memory and the engine did not report it", 0.3),
        ],
        (Memory::Enough, 139 | 134 | 132 | 136) => {
            vec![guess("the program crashed (a signal for a bad memory access or an abort)", 0.8)]
        }
        (Memory::Enough, 126 | 127) => {
            vec![guess("its command cannot be executed or is not in the image", 0.9)]
        }
        (Memory::Enough, 0) => vec![guess("the program exits normally and is restarted each time", 0.7)],
        (Memory::Enough, _) => {
            vec![guess("the program exited with an error, such as an invalid setting or a missing dependency", 0.6)]
        }
    }
}

/// A step that was verified helped only if the whole plan did.
fn lessons(story: &[Moment]) -> Vec<String> {
    let mut lessons: Vec<String> = story
        .iter()
        .filter_map(|moment| match &moment.kind {
            MomentKind::Succeeded { templates } if !templates.is_empty() => {
                let verbs: Vec<String> = templates.iter().map(|name| format!("a {}", template(*name).verb)).collect();
                Some(format!("{} fixed this problem.", capital(&verbs.join(" and "))))
            }
            MomentKind::Verified { template: by, verdict: Verdict::Failed, .. } => {
                Some(format!("A {} did not fix this problem.", template(*by).verb))
            }
            MomentKind::Verified { verdict: Verdict::Passed | Verdict::Inconclusive, .. }
            | MomentKind::Succeeded { .. }
            | MomentKind::Symptom { .. }
            | MomentKind::Proposed { .. }
            | MomentKind::Refused { .. }
            | MomentKind::Approved { .. }
            | MomentKind::Denied { .. }
            | MomentKind::Begun
            | MomentKind::Acted { .. }
            | MomentKind::Unproven
            | MomentKind::StepFailed { .. }
            | MomentKind::InDoubt
            | MomentKind::Calm
            | MomentKind::Removed => None,
        })
        .collect();
    lessons.dedup();
    lessons
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use overseer_model::{PlanId, ResourceRef, TemplateName};

    use super::*;
    use crate::detect::Trouble;
    use crate::incident;

    fn story() -> (Incident, Vec<Moment>) {
        let resource = ResourceRef { key: "home/docker://local/c".parse().unwrap(), name: "we\u{202e}b\n".into() };
        let second = |n: i64| Timestamp::from_micros(n * 1_000_000);
        let exits: Vec<Exit> =
            (1..=4).map(|n| Exit { fact: FactId::fresh(), at: second(n), code: 1, memory: Memory::Enough }).collect();
        let trouble =
            Trouble { detector: Detector::RestartLoop, at: second(4), exits, aftermath: Aftermath::StaysDown };
        let incident = incident::open(&resource, &trouble, second(5));
        let moments = vec![
            incident::symptom(&trouble),
            Moment {
                at: second(6),
                kind: MomentKind::Proposed { plan: PlanId::fresh(), title: "restart web".into() },
                evidence: vec![],
            },
            Moment {
                at: second(7),
                kind: MomentKind::Verified {
                    template: TemplateName::RestartResource,
                    verdict: Verdict::Failed,
                    checks: vec![("running".into(), Verdict::Failed)],
                },
                evidence: vec![],
            },
        ];
        (incident, moments)
    }

    #[test]
    fn tells_what_happened_with_its_evidence_and_no_control_characters() {
        let (incident, moments) = story();
        let narrative = narrate(&incident, &moments);
        assert_eq!(
            narrative.symptoms,
            ["we\u{fffd}b\u{fffd} exited 4 times in 3 s, last with exit code 1; it stays down."]
        );
        assert_eq!(narrative.timeline[0].evidence.len(), 4);
        assert_eq!(narrative.verification_results, ["Verification failed: running failed."]);
        assert_eq!(narrative.lessons, ["A restart did not fix this problem."]);
        assert!(!narrative.text.contains('\u{202e}'));
        assert!(narrative.text.starts_with("we\u{fffd}b\u{fffd} is crash-looping on site home."));
    }

    #[test]
    fn a_verified_step_is_no_lesson_until_its_plan_succeeded() {
        let (incident, mut moments) = story();
        let moment = |kind| Moment { at: Timestamp::from_micros(8), kind, evidence: vec![] };
        moments.truncate(2);
        let (stop, start) = (TemplateName::StopResource, TemplateName::StartResource);
        let (verdict, checks) = (Verdict::Passed, vec![]);
        moments.push(moment(MomentKind::Acted { template: stop }));
        moments.push(moment(MomentKind::Verified { template: stop, verdict, checks }));
        let narrative = narrate(&incident, &moments);
        assert_eq!(narrative.lessons, Vec::<String>::new());
        assert!(narrative.resolution_steps[1].ends_with(" was stopped."), "{:?}", narrative.resolution_steps);
        moments.push(moment(MomentKind::Succeeded { templates: vec![stop, start] }));
        assert_eq!(narrate(&incident, &moments).lessons, ["A stop and a start fixed this problem."]);
    }

    #[test]
    fn the_same_story_gives_the_same_narrative() {
        let (incident, moments) = story();
        assert_eq!(narrate(&incident, &moments), narrate(&incident, &moments));
    }
}
