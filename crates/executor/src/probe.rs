//! After a crash, or a call without an answer: did the action take place? Reality says, or it does not.
//!
//! The witness is the proof, the platform's memory the explanation: an engine remembers few events (Docker 256, health
//! checks among them) and none over its own restart, so a missing event proves nothing, an unchanged run does.
//!
//! When to stop waiting for a call that may still be on its way in the engine. Nothing is sent after `act_by`, and what
//! was sent before lies in the engine's socket; an engine that was away, or stopped, takes it up when it comes back. So
//! the wait counts from `act_by` or from the engine's first answer in this probe, whichever is later, and lasts as long
//! as an engine takes: for a target that is down only the start, for one that runs the grace of its stop as well.

use std::time::Duration;

use overseer_model::{ResourceState, Timestamp};
use overseer_provider_act::STOP_GRACE;
use overseer_provider_port::{PlatformEvent, PlatformEventKind, Witness};

use crate::platform::{Next, Sight};

/// Longest start of a program by an engine, and the end of one after its grace. Docker on an idle machine needs 0.3 s; a
/// look at a container that is being started waits for the start to end, so the last look sees a slower one as well.
const START_WITHIN: Duration = Duration::from_secs(5);
/// Events this much older than the intent still count: an offset between the clocks below half a second is not measured.
pub const SKEW: Duration = Duration::from_secs(2);

/// No answer is never a no: a request can be held up anywhere on its way, and be carried out late.
const NO_SIGN: Reality =
    Reality::Unclear { why: "no answer came and no effect is seen; the request may still be on its way" };

/// What reality says about a call without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reality {
    Done { after: Witness },
    Unclear { why: &'static str },
}

/// How one kind of effect is told from what is seen: before, now, what happened since, and whether a call can still be on
/// its way. `None` while it can and nothing is decided.
pub type Judge = fn(&Witness, &Witness, &[PlatformEvent], Waiting) -> Option<Reality>;

/// Whether a call may still be on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    StillPossible,
    Over,
}

pub struct Probe {
    before: Witness,
    act_by: Timestamp,
    judge: Judge,
    /// The engine's first answer since it last was away.
    answering_since: Option<Timestamp>,
}

impl Probe {
    pub fn new(before: Witness, act_by: Timestamp, judge: Judge) -> Self {
        Self { before, act_by, judge, answering_since: None }
    }

    /// What one look says; `seen` is what happened to the target since the intent.
    pub fn take(&mut self, sight: &Sight, seen: &[PlatformEvent], now: Timestamp) -> Next<Reality> {
        let witness = match sight {
            Sight::Unasked => {
                self.answering_since = None;
                return Next::Wait(None);
            }
            Sight::Gone => return Next::Settled(Reality::Unclear { why: "the target was removed meanwhile" }),
            Sight::Seen(snapshot) => snapshot.witness,
        };
        let since = *self.answering_since.get_or_insert(now);
        let last_look = self.act_by.max(since) + patience(&self.before, &witness);
        let waiting = if now >= last_look { Waiting::Over } else { Waiting::StillPossible };
        match (self.judge)(&self.before, &witness, seen, waiting) {
            Some(reality) => Next::Settled(reality),
            None => Next::Wait(Some(last_look)),
        }
    }
}

fn patience(before: &Witness, now: &Witness) -> Duration {
    if may_run(before.state) || may_run(now.state) { STOP_GRACE + START_WITHIN } else { START_WITHIN }
}

/// Whether ending it first can take the whole grace.
const fn may_run(state: ResourceState) -> bool {
    match state {
        ResourceState::Running | ResourceState::Paused | ResourceState::Restarting | ResourceState::Unknown => true,
        ResourceState::Created | ResourceState::Exited | ResourceState::Removed => false,
    }
}

fn happened(seen: &[PlatformEvent], kind: PlatformEventKind) -> bool {
    seen.iter().any(|event| event.kind == kind)
}

/// Of a restart by request.
pub fn restarted(before: &Witness, now: &Witness, seen: &[PlatformEvent], waiting: Waiting) -> Option<Reality> {
    let runs_anew = now.started_at != before.started_at;
    if runs_anew && happened(seen, PlatformEventKind::RestartRequested) {
        return Some(Reality::Done { after: *now });
    }
    if waiting == Waiting::StillPossible {
        return None;
    }
    let exited = seen.iter().any(|event| matches!(event.kind, PlatformEventKind::Exited { .. }));
    Some(if runs_anew {
        Reality::Unclear { why: "it was started again, and the platform reports no restart" }
    } else if happened(seen, PlatformEventKind::StopRequested) {
        Reality::Unclear { why: "it was stopped and not started again" }
    } else if may_run(before.state) && !may_run(now.state) && !exited {
        Reality::Unclear { why: "it exited, and the platform does not report why" }
    } else {
        NO_SIGN
    })
}

/// Of a start of what was down. Whoever else started it meanwhile brought about the same.
pub fn started(before: &Witness, now: &Witness, _: &[PlatformEvent], waiting: Waiting) -> Option<Reality> {
    match (now.started_at != before.started_at, waiting) {
        (true, Waiting::StillPossible | Waiting::Over) => Some(Reality::Done { after: *now }),
        (false, Waiting::StillPossible) => None,
        (false, Waiting::Over) => Some(NO_SIGN),
    }
}

/// Of a stop of what ran.
pub fn stopped(before: &Witness, now: &Witness, seen: &[PlatformEvent], waiting: Waiting) -> Option<Reality> {
    let (asked, ended) = (happened(seen, PlatformEventKind::StopRequested), !may_run(now.state));
    let runs_anew = now.started_at != before.started_at;
    match (asked, ended, waiting) {
        (true, true, Waiting::StillPossible | Waiting::Over) => Some(Reality::Done { after: *now }),
        (_, _, Waiting::StillPossible) => None,
        (false, true, Waiting::Over) => {
            Some(Reality::Unclear { why: "it exited, and the platform reports no stop request" })
        }
        (true, false, Waiting::Over) if runs_anew => {
            Some(Reality::Unclear { why: "it was stopped and is running again" })
        }
        (true, false, Waiting::Over) => Some(Reality::Unclear { why: "it was asked to stop and is still running" }),
        (false, false, Waiting::Over) => Some(NO_SIGN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fixtures::{resource, snapshot};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }
    fn witness(state: ResourceState, started: i64) -> Witness {
        Witness { state, started_at: Some(at(started)), restart_count: 0 }
    }
    fn event(kind: PlatformEventKind) -> PlatformEvent {
        PlatformEvent { resource: resource(), at: at(101), kind }
    }

    #[test]
    fn reality_is_judged_by_the_run_first_and_by_memory_second() {
        use ResourceState::{Exited, Running};
        let restart = [
            PlatformEventKind::StopRequested,
            PlatformEventKind::Exited { code: 0 },
            PlatformEventKind::Started,
            PlatformEventKind::RestartRequested,
        ];
        let done = |started| Some(Reality::Done { after: witness(Running, started) });
        let anew = Some(Reality::Unclear { why: "it was started again, and the platform reports no restart" });
        let stopped = Some(Reality::Unclear { why: "it was stopped and not started again" });
        let no_sign = Some(NO_SIGN);
        // Before, now, what was heard; while waiting, at the last look.
        type Case<'a> = (Witness, Witness, &'a [PlatformEventKind], Option<Reality>, Option<Reality>);
        let table: [Case<'_>; 8] = [
            (witness(Running, 1), witness(Running, 101), &restart, done(101), done(101)),
            (
                witness(Exited, 1),
                witness(Running, 101),
                &[PlatformEventKind::Started, PlatformEventKind::RestartRequested],
                done(101),
                done(101),
            ),
            (witness(Exited, 1), witness(Exited, 1), &[], None, no_sign.clone()),
            (witness(Running, 1), witness(Running, 1), &[], None, no_sign.clone()),
            // A person restarted it just before our look at `before`.
            (witness(Running, 1), witness(Running, 1), &[PlatformEventKind::RestartRequested], None, no_sign.clone()),
            (witness(Running, 1), witness(Exited, 1), &[PlatformEventKind::Exited { code: 1 }], None, no_sign),
            (witness(Running, 1), witness(Exited, 1), &[PlatformEventKind::StopRequested], None, stopped),
            (witness(Running, 1), witness(Running, 101), &[], None, anew),
        ];
        for (before, now, heard, waiting, last) in table {
            let seen: Vec<_> = heard.iter().copied().map(event).collect();
            assert_eq!(
                restarted(&before, &now, &seen, Waiting::StillPossible),
                waiting,
                "{before:?} {now:?} {heard:?}"
            );
            assert_eq!(restarted(&before, &now, &seen, Waiting::Over), last, "{before:?} {now:?} {heard:?}");
        }
    }

    #[test]
    fn a_start_is_told_by_the_run_and_a_stop_by_its_request() {
        use ResourceState::{Exited, Running};
        let (down, up, anew) = (witness(Exited, 1), witness(Running, 1), witness(Running, 101));
        let over = |judge: Judge, before, now, heard: &[PlatformEventKind]| {
            let seen: Vec<_> = heard.iter().copied().map(event).collect();
            judge(&before, &now, &seen, Waiting::Over)
        };
        assert_eq!(over(started, down, anew, &[]), Some(Reality::Done { after: anew }));
        let ended_again = witness(Exited, 101);
        assert_eq!(over(started, down, ended_again, &[]), Some(Reality::Done { after: ended_again }));
        assert_eq!(over(started, down, down, &[]), Some(NO_SIGN));
        assert_eq!(started(&down, &down, &[], Waiting::StillPossible), None);

        assert_eq!(over(stopped, up, down, &[PlatformEventKind::StopRequested]), Some(Reality::Done { after: down }));
        assert_eq!(over(stopped, up, up, &[]), Some(NO_SIGN));
        assert_eq!(stopped(&up, &up, &[event(PlatformEventKind::StopRequested)], Waiting::StillPossible), None);
        for (now, heard) in
            [(down, &[][..]), (up, &[PlatformEventKind::StopRequested]), (anew, &[PlatformEventKind::StopRequested])]
        {
            assert!(matches!(over(stopped, up, now, heard), Some(Reality::Unclear { .. })), "{now:?} {heard:?}");
        }
    }

    #[test]
    fn waits_from_the_engines_first_answer_and_anew_when_it_was_away() {
        let down = witness(ResourceState::Exited, 1);
        let mut probe = Probe::new(down, at(103), restarted);
        let seen = Sight::Seen(Box::new(snapshot(down)));
        assert_eq!(probe.take(&seen, &[], at(100)), Next::Wait(Some(at(108))));
        assert_eq!(probe.take(&Sight::Unasked, &[], at(107)), Next::Wait(None));
        assert_eq!(probe.take(&seen, &[], at(200)), Next::Wait(Some(at(205))));
        assert_eq!(probe.take(&seen, &[], at(205)), Next::Settled(NO_SIGN));
    }

    #[test]
    fn one_that_runs_gets_the_grace_of_its_stop_and_a_removed_one_is_doubtful() {
        let up = witness(ResourceState::Running, 1);
        let mut probe = Probe::new(up, at(3), restarted);
        let seen = Sight::Seen(Box::new(snapshot(up)));
        assert_eq!(probe.take(&seen, &[], at(100)), Next::Wait(Some(at(115))));
        let gone = probe.take(&Sight::Gone, &[], at(101));
        assert_eq!(gone, Next::Settled(Reality::Unclear { why: "the target was removed meanwhile" }));
    }
}
