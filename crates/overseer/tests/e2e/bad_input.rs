//! Wrong input and bad days: each gives its clear error and changes nothing.

use std::time::Duration;

use overseer_testkit::{CrashPlan, Crashes, Mode, Overseer, http_get, until};
use serde_json::json;

use crate::disk::Disk;
use crate::http::{Http, refused};
use crate::{SETTINGS, exe, in_both_modes, start};

in_both_modes! {
    wrong_calls_get_their_code_and_change_nothing
    an_unreachable_engine_is_told_and_waited_for
}

const DOWN: CrashPlan<'static> = CrashPlan { crashes: Crashes::First(1), restart_policy: "no" };

async fn wrong_calls_get_their_code_and_change_nothing(mode: Mode) {
    let overseer = start(mode).await;
    let http = Http::new(&overseer);
    let web = overseer.docker.crashing_container("web", DOWN).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    let (token, digest) = (overseer.token(), plan["digest"].as_str().unwrap());
    let approve = format!("/api/v1/plans/{}:approve", plan["id"].as_str().unwrap());
    let good = json!({ "digest": digest }).to_string();

    refused(&http.get("/api/v1/plans", "ovs_wrong").await, 401, "unauthenticated");
    refused(&http.post(&approve, "", &good).await, 401, "unauthenticated");
    let unknown = "/api/v1/plans/pln_01a1fcae-eea8-76ca-875c-43428103c91b";
    refused(&http.get(unknown, &token).await, 404, "not_found");
    refused(&http.get("/api/v1/plans/nonsense", &token).await, 404, "not_found");
    refused(&http.get("/api/v1/nothing", &token).await, 404, "not_found");
    refused(&http.post(&format!("{unknown}:approve"), &token, &good).await, 404, "not_found");
    for body in ["", "{", "[]", "{\"digest\":1}", "{\"digest\":\"x\"}", "{\"digest\":\"a\",\"digest\":\"b\"}"] {
        let answer = http.post(&approve, &token, body).await;
        refused(&answer, 400, "schema_invalid");
    }
    let actor = json!({ "digest": digest, "approvedBy": "somebody" }).to_string();
    refused(&http.post(&approve, &token, &actor).await, 400, "schema_invalid");
    let another = "0".repeat(64);
    refused(&http.post(&approve, &token, &json!({ "digest": another }).to_string()).await, 409, "approval_stale");
    refused(&http.get("/api/v1/plans?pageSize=501", &token).await, 413, "limit_exceeded");
    let large = json!({ "digest": "a".repeat(2 << 20) }).to_string();
    refused(&http.post(&approve, &token, &large).await, 413, "limit_exceeded");

    let same = overseer.plan(&incident, |_| true).await;
    assert_eq!(same, plan, "nothing was changed");
    assert_eq!(web.starts(), 1);

    // The target is gone: the plan that a person still sees is void.
    overseer.docker.run(&["rm", "--force", "web"]).await;
    overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_SUPERSEDED").await;
    refused(&http.post(&approve, &token, &good).await, 409, "approval_stale");

    for (args, exit) in [
        (vec!["plan", "show", "pln_x"], 3),
        (vec!["approve", plan["id"].as_str().unwrap()], 7),
        (vec!["no-such-command"], 2),
        (vec!["serve", "no-such-service"], 2),
    ] {
        let output = overseer.cli(&args).await;
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

async fn an_unreachable_engine_is_told_and_waited_for(mode: Mode) {
    let overseer = start(mode).await;
    let web = overseer.docker.crashing_container("web", DOWN).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;

    overseer.docker.kill_engine().await;
    let port = match mode {
        Mode::OneProcess => overseer.port("gateway"),
        Mode::ProcessPerService => overseer.port("collector"),
    };
    until("readiness to tell that the engine is away", Duration::from_secs(60), async || {
        let answer = http_get(port, "/readyz?verbose").await?;
        (answer.starts_with("HTTP/1.1 503") && answer.contains("collector.docker: waiting")).then_some(())
    })
    .await;
    let drill = overseer.cli(&["drill", "restart-loop"]).await;
    let said = String::from_utf8_lossy(&drill.stderr).into_owned();
    assert!(!drill.status.success() && said.contains("no Docker engine answers"), "{said}");

    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    overseer.docker.restart_engine().await;
    overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    assert_eq!(web.starts(), 2, "one crash and one approved restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_changes_nothing() {
    let mut overseer = Overseer::prepare(exe(), Mode::OneProcess, SETTINGS).await;
    let disk = Disk::mount(overseer.data_dir());
    overseer.start_all().await;
    let http = Http::new(&overseer);
    let web = overseer.docker.crashing_container("web", DOWN).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    let approve = format!("/api/v1/plans/{}:approve", plan["id"].as_str().unwrap());
    let body = json!({ "digest": plan["digest"] }).to_string();

    disk.fill();
    let answer = http.post(&approve, &overseer.token(), &body).await;
    refused(&answer, 503, "unavailable");
    assert!(answer.1["detail"].as_str().unwrap().contains("disk"), "{}", answer.1);
    assert_eq!(overseer.plan(&incident, |_| true).await, plan, "nothing was changed");
    disk.free();

    let (status, answer) = http.post(&approve, &overseer.token(), &body).await;
    assert_eq!(status, 200, "{answer}");
    overseer.action(&plan, |action| action["state"] == "STEP_STATE_PASSED").await;
    assert_eq!(web.starts(), 2);
    assert!(overseer.stop("up").await.success());
}
