//! What the executor promises, whatever dies or goes away whenever.

use std::time::Duration;

use overseer_contract::v1;
use overseer_model::{Action, EventKind, Health, Precondition, ResourceRef, ResourceState, Timestamp};
use overseer_permit::{CLAIMS_VERSION, Claims, Signer};
use overseer_testkit::until;

use crate::stage::{SOON, Stage, Store, claims};
use crate::world::{Script, World, fingerprint, target};

macro_rules! on_both_stores {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(super::Store::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(super::Store::Postgres).await; })*
        }
    };
}
on_both_stores! {
    restarts_once_verifies_and_records
    fails_the_verification_at_once_when_it_exits_again
    says_inconclusive_while_the_first_health_check_lasts
    acts_on_no_ticket_that_is_not_the_control_planes_to_this_site
    declines_what_it_does_not_know_or_must_not_do_now
    a_stop_is_verified_by_what_stays_down
    acts_on_no_expired_ticket_and_on_no_other_target
    acts_on_no_used_ticket
    reports_a_refusal_of_the_platform
    after_a_call_that_did_not_reach_the_platform_the_approval_is_still_good
    after_a_crash_behind_the_call_finds_the_effect
    after_a_crash_behind_the_outcome_verifies
    finds_the_effect_of_a_call_without_an_answer
    is_in_doubt_about_a_call_of_which_nothing_is_seen
    one_approval_is_good_for_one_call_whatever_is_signed
    is_in_doubt_when_the_platform_has_forgotten
    waits_for_a_platform_that_is_away_and_guesses_nothing
    declines_when_the_platform_stays_away_until_the_ticket_expires
    refuses_a_busy_target_and_goes_on_with_others
    stops_in_order_and_the_next_process_goes_on
    lists_executions_in_pages
    acts_at_most_once_wherever_it_is_killed
}

fn ticket_for(id: &str) -> Claims {
    claims(target(id), fingerprint(id, 0))
}

fn verdict(verified: &v1::StepVerified) -> v1::Verdict {
    verified.verification.as_ref().unwrap().verdict()
}

const WHOLE: [EventKind; 3] = [EventKind::StepStarted, EventKind::StepActed, EventKind::StepVerified];
const FAILED: [EventKind; 2] = [EventKind::StepStarted, EventKind::StepFailed];

async fn restarts_once_verifies_and_records(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    let event = stage.dispatch(&claims).await;
    stage.again(&event).await;

    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Passed, "{verified:?}");
    assert_eq!(world.effects(), ["c1"]);
    assert_eq!(stage.kinds(&claims), WHOLE);
    let trace = event.trace.as_ref().map(|trace| trace.to_string()[..35].to_owned());
    for event in stage.events(&claims) {
        assert_eq!(event.trace.map(|trace| trace.to_string()[..35].to_owned()), trace);
    }
    let acted: v1::StepActed = stage.heard(&claims).await;
    assert_eq!(acted.before.unwrap().state(), v1::ResourceState::Exited);
    assert_eq!(acted.after.unwrap().state(), v1::ResourceState::Running);
    let records = stage.records().await;
    let actions: Vec<_> = records.iter().map(|(actor, action, _)| (actor.as_str(), action.as_str())).collect();
    let own = "service:executor";
    assert_eq!(actions, [("token:admin", "act.intent"), (own, "act.outcome"), (own, "step.verified")]);
    process.stop().await;
}

async fn fails_the_verification_at_once_when_it_exits_again(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 200).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let _acted: v1::StepActed = stage.heard(&claims).await;
    world.exit("c1");
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Failed);
    let failed: Vec<_> = verified.verification.unwrap().checks.into_iter().map(|check| check.name).collect();
    assert_eq!(failed, ["running", "no_new_exit"]);
    process.stop().await;
}

async fn says_inconclusive_while_the_first_health_check_lasts(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.set_health("c1", Health::Starting);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Inconclusive);
    process.stop().await;
}

async fn acts_on_no_ticket_that_is_not_the_control_planes_to_this_site(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let forged = ticket_for("c1");
    let stranger = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
    stage.send(stranger.sign(&forged).into_wire(), &forged).await;
    stage.send("not a ticket".into(), &forged).await;
    let mut away = ticket_for("c1");
    away.site = "away".parse().unwrap();
    stage.dispatch(&away).await;

    let records = stage.records().await;
    let details: Vec<_> = records.iter().map(|(_, action, detail)| (action.as_str(), detail.as_str())).collect();
    let refused = "ticket.refused";
    assert_eq!(details, [(refused, "signature"), (refused, "malformed"), (refused, "other_site")]);
    // A good one afterwards, so that whatever the bad ones caused has happened.
    let good = ticket_for("c2");
    stage.dispatch(&good).await;
    let _verified: v1::StepVerified = stage.heard(&good).await;
    assert_eq!(world.effects(), ["c2"]);
    assert!(stage.kinds(&forged).is_empty() && stage.kinds(&away).is_empty());
    process.stop().await;
}

async fn declines_what_it_does_not_know_or_must_not_do_now(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let newer = Claims { version: CLAIMS_VERSION + 1, ..ticket_for("c1") };
    let mut elsewhere = ticket_for("c1");
    let key = "home/docker://another/c1".parse().unwrap();
    elsewhere.action = Action::RestartResource { target: ResourceRef { key, ..target("c1") } };
    let mut running_only = ticket_for("c2");
    running_only.preconditions = vec![Precondition::State { any_of: vec![ResourceState::Running] }];
    for (claims, failure) in [
        (&newer, v1::StepFailure::Unsupported),
        (&elsewhere, v1::StepFailure::Unsupported),
        (&running_only, v1::StepFailure::Precondition),
    ] {
        stage.dispatch(claims).await;
        let failed: v1::StepFailed = stage.heard(claims).await;
        assert_eq!(failed.failure(), failure);
        assert_eq!(stage.kinds(claims), [EventKind::StepFailed]);
    }
    assert!(world.effects().is_empty());
    process.stop().await;
}

async fn a_stop_is_verified_by_what_stays_down(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let start = Claims { action: Action::StartResource { target: target("c1") }, ..ticket_for("c1") };
    stage.dispatch(&start).await;
    let verified: v1::StepVerified = stage.heard(&start).await;
    assert_eq!(verified.verification.unwrap().verdict(), v1::Verdict::Passed);
    let stop = Claims { action: Action::StopResource { target: target("c1") }, ..ticket_for("c1") };
    stage.dispatch(&stop).await;
    let verified: v1::StepVerified = stage.heard(&stop).await;
    let verification = verified.verification.unwrap();
    assert_eq!(verification.verdict(), v1::Verdict::Passed, "{verification:?}");
    assert_eq!(world.effects(), ["c1", "c1"]);
    process.stop().await;
}

async fn acts_on_no_expired_ticket_and_on_no_other_target(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let mut expired = ticket_for("c1");
    expired.expires = Timestamp::now();
    let (drifted, gone) = (ticket_for("c1"), ticket_for("c2"));
    stage.dispatch(&expired).await;
    world.make_anew("c1");
    stage.dispatch(&drifted).await;
    world.remove("c2");
    stage.dispatch(&gone).await;
    for (claims, failure) in [
        (&expired, v1::StepFailure::TicketExpired),
        (&drifted, v1::StepFailure::TargetDrift),
        (&gone, v1::StepFailure::TargetDrift),
    ] {
        let failed: v1::StepFailed = stage.heard(claims).await;
        assert_eq!(failed.failure(), failure);
        assert_eq!(stage.kinds(claims), [EventKind::StepFailed]);
    }
    assert!(world.effects().is_empty());
    process.stop().await;
}

async fn acts_on_no_used_ticket(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let _verified: v1::StepVerified = stage.heard(&claims).await;
    // The same ticket in a new event; the same attempt under a new nonce; the same nonce for another step.
    stage.dispatch(&claims).await;
    stage.dispatch(&Claims { nonce: "fresh".into(), ..claims.clone() }).await;
    let other = Claims { nonce: claims.nonce.clone(), ..ticket_for("c2") };
    stage.dispatch(&other).await;
    // A declined ticket stays declined when its target is the right one again.
    let drifted = Claims { target: fingerprint("c1", 1), ..ticket_for("c1") };
    stage.dispatch(&drifted).await;
    world.make_anew("c1");
    stage.dispatch(&drifted).await;

    assert_eq!(world.effects(), ["c1"]);
    let records = stage.records().await;
    assert_eq!(records.iter().filter(|(_, action, _)| action == "ticket.replayed").count(), 4);
    process.stop().await;
}

async fn reports_a_refusal_of_the_platform(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::Refuses);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let failed: v1::StepFailed = stage.heard(&claims).await;
    assert_eq!(failed.failure(), v1::StepFailure::RefusedByPlatform);
    assert!(failed.detail.chars().count() <= 200 && !failed.detail.contains(char::is_control));
    assert_eq!(stage.kinds(&claims), FAILED);
    process.stop().await;
}

async fn after_a_call_that_did_not_reach_the_platform_the_approval_is_still_good(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::NotReached);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let failed: v1::StepFailed = stage.heard(&claims).await;
    assert_eq!(failed.failure(), v1::StepFailure::TicketExpired);
    assert_eq!(stage.kinds(&claims), FAILED);
    assert!(world.effects().is_empty());
    world.script(Script::Works);

    let again = Claims { attempt: 2, nonce: "second".into(), expires: Timestamp::now() + SOON, ..claims.clone() };
    stage.dispatch(&again).await;
    let _verified: v1::StepVerified = stage.heard(&again).await;
    assert_eq!(world.effects(), ["c1"]);
    process.stop().await;
}

async fn after_a_crash_behind_the_call_finds_the_effect(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::HangsAfter);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    let event = stage.dispatch(&claims).await;
    until("the effect", SOON, async || (!world.effects().is_empty()).then_some(())).await;
    process.kill().await;
    let process = stage.start(world.clone(), 1).await;
    stage.again(&event).await;
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Passed);
    assert_eq!(stage.kinds(&claims), WHOLE);
    assert_eq!(world.effects(), ["c1"]);
    process.stop().await;
}

async fn after_a_crash_behind_the_outcome_verifies(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 2).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let _acted: v1::StepActed = stage.heard(&claims).await;
    process.kill().await;
    // While nobody looked.
    world.exit("c1");
    let process = stage.start(world.clone(), 2).await;
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Failed);
    assert_eq!(stage.kinds(&claims), WHOLE);
    assert_eq!(world.effects(), ["c1"]);
    process.stop().await;
}

async fn finds_the_effect_of_a_call_without_an_answer(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::LosesAnswer);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Passed);
    assert_eq!(stage.kinds(&claims), WHOLE);
    assert_eq!(world.effects(), ["c1"]);
    process.stop().await;
}

/// It may be on its way still, and be carried out late.
async fn is_in_doubt_about_a_call_of_which_nothing_is_seen(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::LosesCall);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let doubt: v1::StepInDoubt = stage.heard(&claims).await;
    assert!(doubt.detail.contains("may still be on its way"), "{}", doubt.detail);
    assert!(world.effects().is_empty());
    process.stop().await;
}

async fn one_approval_is_good_for_one_call_whatever_is_signed(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let _verified: v1::StepVerified = stage.heard(&claims).await;
    // As after a row was set back, or an older database was restored: the next attempt, another step, another target.
    let next = Claims { attempt: 2, nonce: "second".into(), ..claims.clone() };
    let of_another = |id: &str| Claims { approval: claims.approval, ..ticket_for(id) };
    for again in [next, of_another("c1"), of_another("c2")] {
        stage.dispatch(&again).await;
        let failed: v1::StepFailed = until("a refusal", SOON, async || {
            let events = stage.events(&again).into_iter().filter(|event| event.kind == EventKind::StepFailed);
            let mut failed = events.map(|event| event.payload::<v1::StepFailed>().unwrap());
            failed.find(|failed| failed.step.as_ref().unwrap().attempt == again.attempt)
        })
        .await;
        assert_eq!(failed.failure(), v1::StepFailure::TicketRefused, "{failed:?}");
    }
    assert_eq!(world.effects(), ["c1"]);
    process.stop().await;
}

async fn is_in_doubt_when_the_platform_has_forgotten(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::Forgets);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let _doubt: v1::StepInDoubt = stage.heard(&claims).await;
    assert_eq!(stage.kinds(&claims), [EventKind::StepStarted, EventKind::StepInDoubt]);
    assert_eq!(world.effects(), ["c1"]);
    process.stop().await;
}

async fn waits_for_a_platform_that_is_away_and_guesses_nothing(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.script(Script::GoesAway);
    let process = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    until("waiting", SOON, async || (!process.health.is_ready()).then_some(())).await;
    assert_eq!(stage.executions(&process, 10, "").await.executions[0].state(), v1::AttemptState::Intent);
    world.come_back();
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Passed);
    assert_eq!(world.effects(), ["c1"]);
    until("ready", SOON, async || process.health.is_ready().then_some(())).await;
    process.stop().await;
}

async fn declines_when_the_platform_stays_away_until_the_ticket_expires(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    world.go_away();
    let process = stage.start(world.clone(), 1).await;
    let mut claims = ticket_for("c1");
    claims.expires = Timestamp::now() + Duration::from_secs(1);
    stage.dispatch(&claims).await;
    let failed: v1::StepFailed = stage.heard(&claims).await;
    assert_eq!(failed.failure(), v1::StepFailure::TicketExpired);
    assert!(!process.health.is_ready());
    process.stop().await;
}

async fn refuses_a_busy_target_and_goes_on_with_others(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    // The windows end only when something exits.
    let process = stage.start(world.clone(), 200).await;
    let (first, second, other, third) = (ticket_for("c1"), ticket_for("c1"), ticket_for("c2"), ticket_for("c1"));
    stage.dispatch(&first).await;
    stage.dispatch(&second).await;
    stage.dispatch(&other).await;
    let failed: v1::StepFailed = stage.heard(&second).await;
    assert_eq!(failed.failure(), v1::StepFailure::TicketExpired);
    let _acted: v1::StepActed = stage.heard(&first).await;
    let _acted: v1::StepActed = stage.heard(&other).await;
    world.exit("c1");
    let _verified: v1::StepVerified = stage.heard(&first).await;
    stage.dispatch(&third).await;
    let _acted: v1::StepActed = stage.heard(&third).await;
    let mut effects = world.effects();
    effects.sort();
    assert_eq!(effects, ["c1", "c1", "c2"]);
    process.stop().await;
}

async fn stops_in_order_and_the_next_process_goes_on(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 3).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    let _acted: v1::StepActed = stage.heard(&claims).await;
    process.stop().await;
    assert_eq!(stage.kinds(&claims).len(), 2);
    let process = stage.start(world.clone(), 3).await;
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verdict(&verified), v1::Verdict::Passed);
    process.stop().await;
}

async fn lists_executions_in_pages(store: Store) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 1).await;
    let (older, newer) = (ticket_for("c1"), ticket_for("c2"));
    stage.dispatch(&older).await;
    stage.dispatch(&newer).await;
    let _verified: v1::StepVerified = stage.heard(&older).await;
    let _verified: v1::StepVerified = stage.heard(&newer).await;
    let first = stage.executions(&process, 1, "").await;
    let second = stage.executions(&process, 1, &first.next_page_token).await;
    let last = stage.executions(&process, 1, &second.next_page_token).await;
    let step = |page: &v1::ListExecutionsResponse| page.executions[0].step.clone().unwrap().step_id;
    assert_eq!((step(&first), step(&second)), (newer.step.to_string(), older.step.to_string()));
    assert!(last.executions.is_empty() && last.next_page_token.is_empty());
    let execution = &first.executions[0];
    assert_eq!(execution.state(), v1::AttemptState::Verified);
    assert!(execution.finished_at.is_some() && execution.after.is_some() && execution.verification.is_some());
    process.stop().await;
}

/// Four looks, two histories and both sides of the call are the eight gates of one attempt; the ninth is none.
async fn acts_at_most_once_wherever_it_is_killed(store: Store) {
    futures::future::join_all((1..=9).map(|gate| kill_at(store, gate))).await;
}

async fn kill_at(store: Store, gate: i64) {
    let (stage, world) = (Stage::new(store).await, World::new());
    let process = stage.start(world.clone(), 2).await;
    world.hang_at(gate);
    let claims = ticket_for("c1");
    let event = stage.event(stage.sign(&claims), &claims);
    let end = || stage.kinds(&claims).into_iter().find(|kind| !WHOLE[..2].contains(kind));
    tokio::select! {
        // Taken in or not, the process is killed only at the gate, or when it is done.
        () = async { stage.again(&event).await; std::future::pending().await } => {}
        () = until("the gate", SOON, async || (world.hangs() || end().is_some()).then_some(())) => {}
    }
    process.kill().await;
    world.go_on();
    let process = stage.start(world.clone(), 2).await;
    stage.again(&event).await;
    let last =
        until("the end", SOON, async || stage.kinds(&claims).into_iter().find(|kind| !WHOLE[..2].contains(kind)));
    let expected = match last.await {
        EventKind::StepVerified => vec!["c1"],
        EventKind::StepFailed => vec![],
        // The call was made, or was about to be: who died with it cannot say.
        EventKind::StepInDoubt => vec![],
        other => panic!("{other} at gate {gate}"),
    };
    assert_eq!(world.effects(), expected, "gate {gate}");
    stage.records().await;
    process.stop().await;
}

/// On PostgreSQL a living process takes over what a dead one left. An SQLite file has one process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_takes_over_and_a_living_one_is_left_alone() {
    let (stage, world) = (Stage::new(Store::Postgres).await, World::new());
    world.script(Script::HangsAfter);
    let first = stage.start(world.clone(), 1).await;
    let claims = ticket_for("c1");
    stage.dispatch(&claims).await;
    until("the effect", SOON, async || (!world.effects().is_empty()).then_some(())).await;
    let second = stage.start(world.clone(), 1).await;
    world.script(Script::Works);
    let other = ticket_for("c2");
    stage.dispatch(&other).await;
    let _verified: v1::StepVerified = stage.heard(&other).await;
    assert_eq!(stage.kinds(&claims), [EventKind::StepStarted]);
    first.kill().await;
    let _verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(stage.kinds(&claims), WHOLE);
    assert_eq!(world.effects(), ["c1", "c2"]);
    second.stop().await;
}
