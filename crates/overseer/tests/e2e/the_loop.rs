//! The main job: a container crashes until the engine gives up; it becomes an incident, a plan, an approval, a restart
//! and a proof.

use std::time::Duration;

use overseer_testkit::{CrashPlan, Crashes, Mode, until};
use serde_json::Value;

use crate::{in_both_modes, start};

in_both_modes! {
    a_crashing_container_is_mended_by_an_approved_restart
    a_fix_that_does_not_help_is_unresolved_and_not_proposed_again
    a_denied_plan_does_nothing
    an_endless_loop_that_a_person_stops_gives_no_more_trouble
    the_drill_shows_both_ends
}

const HOOK: Duration = Duration::from_secs(30);

async fn a_crashing_container_is_mended_by_an_approved_restart(mode: Mode) {
    let overseer = start(mode).await;
    let plan = CrashPlan { crashes: Crashes::First(3), restart_policy: "on-failure:2" };
    let web = overseer.docker.crashing_container("web", plan).await;

    let incident = overseer.incident(&web.id, |_| true).await;
    assert_eq!(incident["detector"], "DETECTOR_RESTART_LOOP");
    assert_eq!(incident["severity"], "SEVERITY_CRITICAL");
    let id = incident["id"].as_str().unwrap();
    let story = overseer.text(&["incident", "show", id]).await;
    assert!(story.contains("web exited 3 times"), "{story}");
    assert!(story.contains("evidence: fct_"), "{story}");

    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    assert_eq!(web.starts(), 3, "nothing acts before the approval");
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;

    let action = overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    assert_eq!(action["approvedBy"], "token:admin");
    assert_eq!(action["verification"]["verdict"], "VERDICT_PASSED");
    let incident = overseer.incident(&web.id, |incident| incident["state"] == "INCIDENT_STATE_RESOLVED").await;
    assert_eq!(incident["outcome"], "OUTCOME_RESOLVED");
    assert_eq!(web.starts(), 4, "one approved step, one start");

    let mut ids = Vec::new();
    for kind in ["incident_detected", "approval_required", "incident_resolved"] {
        let hook = overseer.hook.wait_for(kind, |hook| hook.body["data"]["incident_id"] == id, HOOK).await;
        assert!(hook.verified, "{kind} is signed");
        ids.push(hook.id);
    }
    let chains = overseer.json(&["audit", "verify"]).await;
    assert!(chains["chains"].as_array().unwrap().iter().all(|chain| chain["intact"] == true), "{chains}");

    let story = overseer.text(&["incident", "show", id]).await;
    for told in ["token:admin approved the plan", "web was restarted", "Verification passed"] {
        assert!(story.contains(told), "{told} is missing in {story}");
    }
    no_log_line_left_the_site(&overseer.hook.received().iter().map(|hook| &hook.body).collect::<Vec<_>>(), &story);
}

/// The container logs `ERROR cannot connect to db:5432`.
fn no_log_line_left_the_site(bodies: &[&Value], story: &str) {
    assert!(bodies.iter().all(|body| !body.to_string().contains("db:5432")));
    assert!(!story.contains("db:5432"));
}

async fn a_fix_that_does_not_help_is_unresolved_and_not_proposed_again(mode: Mode) {
    let overseer = start(mode).await;
    let plan = CrashPlan { crashes: Crashes::Always, restart_policy: "on-failure:2" };
    let web = overseer.docker.crashing_container("web", plan).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;

    let action = overseer.action(&plan, |action| action["state"] == "STEP_STATE_FAILED").await;
    assert_eq!(action["verification"]["verdict"], "VERDICT_FAILED");
    let rejected = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_REJECTED").await;
    assert_eq!(rejected["refusal"]["code"], "failed_before");
    assert!(rejected["refusal"]["reason"].as_str().unwrap().contains(action["stepId"].as_str().unwrap()));
    let incident = overseer.incident(&web.id, |incident| incident["outcome"] == "OUTCOME_UNRESOLVED").await;
    assert_eq!(incident["state"], "INCIDENT_STATE_OPEN");

    // The refusal says what would change it: a person who restarts it by hand. After that the fix is allowed again.
    let ready_plans = async || {
        let plans = overseer.json(&["plans"]).await;
        plans["plans"].as_array().unwrap().iter().filter(|plan| plan["state"] == "PLAN_STATE_READY").count()
    };
    assert_eq!(ready_plans().await, 0, "nothing was proposed again");
    overseer.docker.run(&["restart", "--time", "0", "web"]).await;
    overseer.incident(&web.id, |next| next["occurrences"].as_u64() > incident["occurrences"].as_u64()).await;
    overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
}

async fn a_denied_plan_does_nothing(mode: Mode) {
    let overseer = start(mode).await;
    let plan = CrashPlan { crashes: Crashes::First(1), restart_policy: "no" };
    let web = overseer.docker.crashing_container("web", plan).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    assert_eq!(incident["detector"], "DETECTOR_UNEXPECTED_EXIT");
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    let id = plan["id"].as_str().unwrap();
    overseer.text(&["deny", id]).await;

    let again = overseer.cli(&["approve", id]).await;
    assert_eq!(again.status.code(), Some(7), "a conflict: {}", String::from_utf8_lossy(&again.stderr));
    until("the story to tell the denial", HOOK, async || {
        let story = overseer.text(&["incident", "show", incident["id"].as_str().unwrap()]).await;
        story.contains("token:admin denied the plan").then_some(())
    })
    .await;
    assert_eq!(web.starts(), 1);

    // After the removal nothing stays open, whatever it was called last.
    overseer.docker.run(&["rename", "web", "web-old"]).await;
    overseer.docker.run(&["rm", "--force", "web-old"]).await;
    overseer.incident(&web.id, |incident| incident["state"] == "INCIDENT_STATE_RESOLVED").await;
}

async fn an_endless_loop_that_a_person_stops_gives_no_more_trouble(mode: Mode) {
    let overseer = start(mode).await;
    let plan = CrashPlan { crashes: Crashes::Always, restart_policy: "always" };
    let web = overseer.docker.crashing_container("web", plan).await;
    let incident = overseer.incident(&web.id, |incident| incident["occurrences"].as_u64() > Some(2)).await;
    assert_eq!(incident["severity"], "SEVERITY_WARNING", "the engine keeps restarting it");
    let story = overseer.text(&["incident", "show", incident["id"].as_str().unwrap()]).await;
    let told = story.lines().filter(|line| line.contains("UTC  web exited")).count();
    assert_eq!(told, 2, "the symptom is told before and after the plan, not at each exit:\n{story}");

    // Most likely in the pause before the next restart.
    overseer.docker.run(&["stop", "web"]).await;
    until("the stop to be known as asked for", HOOK, async || {
        let facts = overseer.json(&["facts"]).await;
        let newest = facts["facts"].as_array()?.iter().find(|fact| fact["exit"].is_object())?.clone();
        (newest["exit"]["cause"] == "EXIT_CAUSE_REQUESTED").then_some(())
    })
    .await;
    let incident = overseer.incident(&web.id, |_| true).await;
    assert_eq!(incident["severity"], "SEVERITY_WARNING", "a stop that was asked for is no failure");
}

async fn the_drill_shows_both_ends(mode: Mode) {
    let overseer = start(mode).await;
    let shown = overseer.text(&["drill", "restart-loop"]).await;
    for step in
        ["detected", "narrated", "proposed", "asked", "approved", "restarted", "verified", "recorded", "removed"]
    {
        let line = shown.lines().find(|line| line.starts_with(step));
        let line = line.unwrap_or_else(|| panic!("{step} is missing in\n{shown}"));
        assert!(step == "removed" || line.contains(" ms "), "{line}");
    }
    let shown = overseer.text(&["drill", "restart-loop", "--never-recovers"]).await;
    assert!(shown.contains("outcome unresolved"), "{shown}");
    assert!(shown.contains("the same fix was executed for the same problem"), "{shown}");
    let left = overseer.docker.run(&["ps", "--all", "--quiet", "--filter", "label=overseer.drill"]).await;
    assert_eq!(left.trim(), "", "the drill's containers are gone");
}
