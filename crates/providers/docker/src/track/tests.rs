//! Tables of what each observation means, and what no sequence of observations may do.

use overseer_model::{Capability, Digest, FactSource, Fingerprint, Health, ResourceRef};
use overseer_provider_port::{Traits, Witness};
use proptest::prelude::*;

use super::*;

const ON_FAILURE: fn(u32) -> RestartRule = |most| RestartRule::OnFailure { most: Some(most) };

fn resource() -> ResourceRef {
    ResourceRef { key: "home/docker://local/c1".parse().unwrap(), name: "web".into() }
}
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000_000 + seconds * 1_000_000)
}
fn event(seconds: i64, kind: PlatformEventKind) -> PlatformEvent {
    PlatformEvent { resource: resource(), at: at(seconds), kind }
}
fn snapshot(state: ResourceState, started: Option<i64>, rule: RestartRule) -> Snapshot {
    let ended = matches!(state, ResourceState::Exited | ResourceState::Restarting);
    let container = ContainerDetails { image: "web:1".into(), rule, stop_timeout_s: None };
    Snapshot {
        resource: resource(),
        traits: Traits {
            fingerprint: Fingerprint(Digest::of(b"c1")),
            workload: "web".into(),
            capabilities: vec![Capability::Restart],
            details: Details::Container(container),
        },
        health: Health::Unchecked,
        witness: Witness { state, started_at: started.map(at), restart_count: 0 },
        exit_code: ended.then_some(3),
    }
}
/// With clocks that agree.
fn moment(seconds: i64, source: FactSource) -> Moment {
    Moment { now: at(seconds), clock: ClockOffset::default(), source }
}
fn on_first_sight(record: Option<&ResourceRecord>, snapshot: &Snapshot, source: FactSource, seconds: i64) -> Change {
    Containers.first_snapshot(record, snapshot, moment(seconds, source))
}

/// One container and all that was told of it.
struct Story {
    record: Option<ResourceRecord>,
    told: Vec<Observation>,
}

impl Story {
    fn of_rule(rule: RestartRule) -> Self {
        let seen = on_first_sight(None, &snapshot(ResourceState::Created, None, rule), FactSource::Listing, 0);
        Self { record: Some(seen.record), told: vec![] }
    }
    fn take(&mut self, change: Option<Change>) {
        if let Some(change) = change {
            self.told.extend(change.facts.iter().map(|draft| draft.observation));
            self.record = Some(change.record);
        }
    }
    fn happens(mut self, seconds: i64, kind: PlatformEventKind) -> Self {
        let change = Containers.event(self.record.as_ref(), &event(seconds, kind), ClockOffset::default());
        self.take(change);
        self
    }
    fn looked(mut self, seconds: i64, snapshot: &Snapshot) -> Self {
        let change = match &self.record {
            Some(record) => Containers.snapshot(record, snapshot, moment(seconds, FactSource::Inspection)),
            None => on_first_sight(None, snapshot, FactSource::Inspection, seconds),
        };
        self.take(Some(change));
        self
    }
    fn state(&self) -> ResourceState {
        self.record.as_ref().unwrap().state
    }
}

fn own(code: i32, after: AfterExit) -> Observation {
    Observation::Exit { code, cause: ExitCause::Own, after }
}

#[test]
fn foretells_what_the_engine_does_after_an_exit() {
    use AfterExit::{Restarts, StaysDown, Unknown};
    use ExitCause::{Own, Requested};
    let cases = [
        (None, Own, 1, 0, Unknown),
        (None, Requested, 1, 0, StaysDown),
        (Some(RestartRule::Never), Own, 1, 0, StaysDown),
        (Some(RestartRule::Never), Own, 0, 0, StaysDown),
        (Some(RestartRule::Always), Own, 0, 9, Restarts),
        (Some(RestartRule::Always), Requested, 137, 0, StaysDown),
        (Some(RestartRule::UnlessStopped), Own, 1, 9, Restarts),
        (Some(RestartRule::UnlessStopped), Requested, 0, 0, StaysDown),
        (Some(RestartRule::OnFailure { most: None }), Own, 1, 1000, Restarts),
        (Some(RestartRule::OnFailure { most: None }), Own, 0, 0, StaysDown),
        (Some(ON_FAILURE(3)), Own, 1, 2, Restarts),
        (Some(ON_FAILURE(3)), Own, 1, 3, StaysDown),
        (Some(ON_FAILURE(3)), Own, 0, 0, StaysDown),
        (Some(ON_FAILURE(3)), Requested, 1, 0, StaysDown),
    ];
    for (rule, cause, code, automatic, expected) in cases {
        assert_eq!(foretell(rule, cause, code, automatic), expected, "{rule:?} {cause:?} {code} {automatic}");
    }
}

#[test]
fn a_crash_loop_ends_where_the_rule_ends_it_and_a_start_by_hand_begins_anew() {
    use AfterExit::{Restarts, StaysDown};
    let crash = PlatformEventKind::Exited { code: 1 };
    let mut story = Story::of_rule(ON_FAILURE(2));
    for second in [10, 20, 30] {
        story = story.happens(second, PlatformEventKind::Started).happens(second + 1, crash);
    }
    let run = |after| [Observation::Start, own(1, after)];
    assert_eq!(story.told, [run(Restarts), run(Restarts), run(StaysDown)].concat());
    assert_eq!(story.state(), ResourceState::Exited);
    story.told.clear();
    story = story.happens(40, PlatformEventKind::Started).happens(41, crash);
    assert_eq!(story.told, run(Restarts));
}

#[test]
fn an_exit_is_requested_only_soon_after_the_request_and_before_a_new_start() {
    let crash = PlatformEventKind::Exited { code: 137 };
    let cause = |story: Story| match story.told.last() {
        Some(Observation::Exit { cause, after, .. }) => (*cause, *after),
        other => panic!("{other:?}"),
    };
    let running = || Story::of_rule(RestartRule::Always).happens(1, PlatformEventKind::Started);
    let requested = (ExitCause::Requested, AfterExit::StaysDown);
    let by_itself = (ExitCause::Own, AfterExit::Restarts);
    // `docker stop -t 120` of a program that takes two minutes to end by itself.
    assert_eq!(cause(running().happens(2, PlatformEventKind::StopRequested).happens(122, crash)), requested);
    assert_eq!(cause(running().happens(2, PlatformEventKind::StopRequested).happens(902, crash)), requested);
    assert_eq!(cause(running().happens(2, PlatformEventKind::StopRequested).happens(903, crash)), by_itself);
    assert_eq!(cause(running().happens(3, crash)), by_itself);
    // As `docker restart` tells it: kill, die, stop, start, restart; then a crash.
    let restarted = running()
        .happens(2, PlatformEventKind::StopRequested)
        .happens(3, crash)
        .happens(4, PlatformEventKind::StopRequested)
        .happens(5, PlatformEventKind::Started)
        .happens(6, PlatformEventKind::RestartRequested);
    assert_eq!(cause(restarted.happens(7, crash)), by_itself);
}

#[test]
fn a_container_with_a_long_grace_of_its_own_is_stopped_however_long_it_takes() {
    let mut running = Story::of_rule(RestartRule::Always).happens(1, PlatformEventKind::Started);
    let Details::Container(container) = &mut running.record.as_mut().unwrap().traits.as_mut().unwrap().details;
    container.stop_timeout_s = Some(3_600);
    let stopped = running.happens(2, PlatformEventKind::StopRequested);
    let exit = stopped.happens(3_500, PlatformEventKind::Exited { code: 0 }).told.pop();
    assert!(matches!(exit, Some(Observation::Exit { cause: ExitCause::Requested, .. })), "{exit:?}");
}

#[test]
fn an_engine_whose_clock_is_off_is_understood_by_its_own_clock_and_reported_by_ours() {
    // The engine is six minutes behind, then six minutes ahead of us.
    for offset in [360_i64, -360] {
        let clock = ClockOffset::from_micros(offset * 1_000_000);
        let ours = |seconds: i64| at(seconds + offset);
        let running = Story::of_rule(RestartRule::Never);
        let started = Containers.event(running.record.as_ref(), &event(10, PlatformEventKind::Started), clock).unwrap();
        assert_eq!((started.facts[0].observed_at, started.record.run.started_at), (ours(10), Some(at(10))));
        assert_eq!(started.record.started_by_request_at, Some(ours(10)));
        let stop = event(20, PlatformEventKind::StopRequested);
        let stopping = Containers.event(Some(&started.record), &stop, clock).unwrap().record;
        // The exit was missed; an inspection shows it 30 s later, by our clock.
        let mut down = snapshot(ResourceState::Exited, Some(10), RestartRule::Never);
        down.exit_code = Some(137);
        let moment = Moment { now: ours(50), clock, source: FactSource::Listing };
        let seen = Containers.snapshot(&stopping, &down, moment);
        assert_eq!(seen.facts[0].observed_at, ours(50));
        let observation = seen.facts[0].observation;
        assert!(matches!(observation, Observation::Exit { cause: ExitCause::Requested, .. }), "{observation:?}");
    }
}

#[test]
fn what_is_told_again_is_not_told_on() {
    let story = Story::of_rule(RestartRule::Never)
        .happens(1, PlatformEventKind::Started)
        .happens(2, PlatformEventKind::OomKilled)
        .happens(2, PlatformEventKind::Exited { code: 137 });
    let told = story.told.clone();
    let story = story
        .happens(1, PlatformEventKind::Started)
        .happens(2, PlatformEventKind::Exited { code: 137 })
        .happens(2, PlatformEventKind::OomKilled);
    assert_eq!(story.told, told);
    // A clock that was set back by an hour is no repetition.
    assert_eq!(story.happens(-3600, PlatformEventKind::Started).told.last(), Some(&Observation::Start));
}

#[test]
fn an_exit_of_unknown_rule_is_settled_by_the_look() {
    let story = || {
        let story = Story { record: None, told: vec![] };
        story
            .happens(1, PlatformEventKind::Created)
            .happens(2, PlatformEventKind::Started)
            .happens(3, PlatformEventKind::Exited { code: 1 })
    };
    let begin = [Observation::State(ResourceState::Created), Observation::Start, own(1, AfterExit::Unknown)];
    assert_eq!(story().told, begin);
    for state in [ResourceState::Exited, ResourceState::Restarting] {
        let story = story().looked(4, &snapshot(state, Some(2), RestartRule::Never));
        assert_eq!(story.told[3..], [Observation::State(state)]);
        // The same look again is no news.
        assert_eq!(story.looked(5, &snapshot(state, Some(2), RestartRule::Never)).told.len(), 4);
    }
}

#[test]
fn a_look_tells_what_the_events_did_not() {
    use ResourceState::{Exited, Paused, Restarting, Running};
    let running = || Story::of_rule(RestartRule::Never).happens(10, PlatformEventKind::Started);
    let exited = || running().happens(20, PlatformEventKind::Exited { code: 0 });
    let look = |story: Story, state, started| {
        let seen = snapshot(state, Some(started), RestartRule::Never);
        let misses = Containers.misses_events(story.record.as_ref().unwrap(), &seen);
        let before = story.told.len();
        (misses, story.looked(99, &seen).told.split_off(before))
    };
    assert_eq!(look(running(), Running, 9), (false, vec![]));
    assert_eq!(look(running(), Exited, 9), (true, vec![own(3, AfterExit::StaysDown)]));
    assert_eq!(look(running(), Restarting, 9), (true, vec![own(3, AfterExit::Restarts)]));
    assert_eq!(look(running(), Running, 30), (true, vec![Observation::Start]));
    assert_eq!(look(running(), Exited, 30), (true, vec![Observation::Start, own(3, AfterExit::StaysDown)]));
    assert_eq!(look(exited(), Exited, 9), (false, vec![]));
    assert_eq!(look(exited(), Running, 30), (true, vec![Observation::Start]));
    assert_eq!(look(exited(), Paused, 30), (true, vec![Observation::Start, Observation::State(Paused)]));
    assert_eq!(look(exited(), Exited, 30), (true, vec![Observation::Start, own(3, AfterExit::StaysDown)]));
    assert_eq!(look(running(), Paused, 9), (false, vec![Observation::State(Paused)]));
}

#[test]
fn a_first_sight_of_an_old_exit_is_no_exit() {
    let seen = snapshot(ResourceState::Exited, Some(1), RestartRule::Never);
    let change = on_first_sight(None, &seen, FactSource::Listing, 9);
    assert_eq!(change.facts.len(), 1);
    assert_eq!(change.facts[0].observation, Observation::State(ResourceState::Exited));
}

#[test]
fn a_removed_one_is_gone_once_and_nothing_late_brings_it_back() {
    let story = Story::of_rule(RestartRule::Never)
        .happens(1, PlatformEventKind::Removed)
        .happens(2, PlatformEventKind::Started);
    assert_eq!(story.told, [Observation::State(ResourceState::Removed)]);
    assert_eq!(Containers.absence(story.record.as_ref().unwrap(), moment(3, FactSource::Listing)), None);
    let (missed, listed) = (Story::of_rule(RestartRule::Never), FactSource::Listing);
    let gone = Containers.absence(missed.record.as_ref().unwrap(), moment(3, listed)).unwrap();
    assert_eq!(gone.facts[0].observation, Observation::State(ResourceState::Removed));
}

#[test]
fn a_stop_in_the_pause_before_a_restart_is_the_end_that_was_asked_for() {
    let story = Story::of_rule(RestartRule::Always)
        .happens(1, PlatformEventKind::Started)
        .happens(2, PlatformEventKind::Exited { code: 1 });
    let story = story.happens(3, PlatformEventKind::StopRequested);
    let asked = Observation::Exit { code: NO_CODE, cause: ExitCause::Requested, after: AfterExit::StaysDown };
    assert_eq!(story.told.last(), Some(&asked));
    assert_eq!(story.record.unwrap().state, ResourceState::Exited);
}

#[test]
fn what_the_engine_would_have_restarted_was_left_down_by_hand() {
    let looked = |rule, code| {
        let down = Snapshot { exit_code: Some(code), ..snapshot(ResourceState::Exited, Some(1), rule) };
        let story = Story::of_rule(rule).happens(1, PlatformEventKind::Started).looked(9, &down);
        story.told.into_iter().find_map(|told| match told {
            Observation::Exit { cause, .. } => Some(cause),
            _ => None,
        })
    };
    assert_eq!(looked(RestartRule::Always, 143), Some(ExitCause::Requested));
    assert_eq!(looked(RestartRule::Always, 127), Some(ExitCause::Own));
    assert_eq!(looked(RestartRule::Never, 143), Some(ExitCause::Own));
}

fn any_kind() -> impl Strategy<Value = PlatformEventKind> {
    prop_oneof![
        Just(PlatformEventKind::Created),
        Just(PlatformEventKind::Started),
        Just(PlatformEventKind::StopRequested),
        any::<i32>().prop_map(|code| PlatformEventKind::Exited { code }),
        Just(PlatformEventKind::RestartRequested),
        Just(PlatformEventKind::OomKilled),
        Just(PlatformEventKind::Paused),
        Just(PlatformEventKind::Unpaused),
        Just(PlatformEventKind::Health(Health::Healthy)),
        Just(PlatformEventKind::Health(Health::Unhealthy)),
        Just(PlatformEventKind::Renamed),
        Just(PlatformEventKind::Removed),
    ]
}
fn any_state() -> impl Strategy<Value = ResourceState> {
    prop_oneof![
        Just(ResourceState::Created),
        Just(ResourceState::Running),
        Just(ResourceState::Paused),
        Just(ResourceState::Restarting),
        Just(ResourceState::Exited),
    ]
}
fn any_rule() -> impl Strategy<Value = RestartRule> {
    prop_oneof![
        Just(RestartRule::Never),
        Just(RestartRule::Always),
        Just(RestartRule::UnlessStopped),
        proptest::option::of(any::<u32>()).prop_map(|most| RestartRule::OnFailure { most }),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Happens(i64, PlatformEventKind),
    Looked(ResourceState, Option<i64>, RestartRule, u32),
}
fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (-100..100_i64, any_kind()).prop_map(|(seconds, kind)| Step::Happens(seconds, kind)),
        1 => (any_state(), proptest::option::of(-100..100_i64), any_rule(), any::<u32>())
            .prop_map(|(state, started, rule, count)| Step::Looked(state, started, rule, count)),
    ]
}

proptest! {
    /// Whatever comes in whatever order: no panic, no two facts that say the same of a state, a start only of what is
    /// down, and the same observation twice in a row is taken once.
    #[test]
    fn any_sequence_gives_facts_that_fit_together(steps in proptest::collection::vec(any_step(), 0..60)) {
        let mut story = Story { record: None, told: vec![] };
        for step in steps {
            let before = story.record.clone();
            let told = story.told.len();
            story = match &step {
                Step::Happens(seconds, kind) => story.happens(*seconds, *kind),
                Step::Looked(state, started, rule, count) => {
                    let mut seen = snapshot(*state, *started, *rule);
                    seen.witness.restart_count = *count;
                    let story = story.looked(200, &seen);
                    prop_assert_eq!(story.state(), *state);
                    let (once, record) = (story.told.len(), story.record.clone());
                    let twice = story.looked(200, &seen);
                    prop_assert_eq!((twice.told.len(), &twice.record), (once, &record));
                    twice
                }
            };
            let new = &story.told[told..];
            if let (Some(before), [Observation::State(state)]) = (&before, new) {
                prop_assert_ne!(before.state, *state);
            }
            if let (Step::Happens(..), Some(before), [Observation::Start]) = (&step, &before, new) {
                prop_assert!(!is_up(before.state));
            }
        }
    }
}
