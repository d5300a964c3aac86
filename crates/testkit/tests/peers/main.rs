//! Each peer is started once and used; and the house is looked at from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may panic

mod house;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use overseer_testkit::{CrashPlan, Crashes, Docker, Nats, Postgres, S3, WebhookReceiver, http_get, until};
use ring::hmac;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn docker_runs_crashes_and_comes_back() {
    let docker = Docker::start().await;
    assert_eq!(docker.run(&["run", "--rm", "busybox:local", "echo", "hello"]).await, "hello");
    assert!(docker.try_run(&["inspect", "nobody"]).await.unwrap_err().contains("No such"));

    let mut events = docker.events().await;
    let plan = CrashPlan { crashes: Crashes::First(2), restart_policy: "always" };
    let shop = docker.crashing_container_with("shop", plan, &["--label", "team=web"]).await;
    let died = events.wait_for(&shop.id, "die", SOON).await;
    assert_eq!(died.attributes["exitCode"], "1");
    assert_eq!(died.attributes["team"], "web");
    until("the third start", SOON, async || (shop.starts() == 3).then_some(())).await;
    assert_eq!(docker.run(&["inspect", "-f", "{{.State.Running}} {{.RestartCount}}", "shop"]).await, "true 2");
    assert_eq!(docker.logs("shop").await, "ERROR cannot connect to db:5432\n".repeat(2));

    docker.kill_engine().await;
    docker.try_run(&["ps"]).await.unwrap_err();
    while let Some(event) = events.next().await {
        assert_eq!(event.id, shop.id);
    }
    docker.restart_engine().await;
    until("the fourth start, by the engine's restart", SOON, async || (shop.starts() == 4).then_some(())).await;

    docker.run(&["stop", "shop"]).await;
    assert_eq!(docker.run(&["inspect", "-f", "{{.State.ExitCode}}", "shop"]).await, "0");
    assert_eq!(docker.import_busybox().await, "busybox:local");
}

#[tokio::test]
async fn engines_do_not_see_each_other_and_leave_nothing() {
    let (one, other) = tokio::join!(Docker::start(), Docker::start());
    let always = CrashPlan { crashes: Crashes::Always, restart_policy: "no" };
    let crashing = one.crashing_container("shop", always).await;
    until("a crash", SOON, async || (one.run(&["ps", "-q"]).await.is_empty()).then_some(())).await;
    one.run(&["start", "shop"]).await;
    until("two starts", SOON, async || (crashing.starts() == 2).then_some(())).await;
    assert_eq!(other.run(&["ps", "--all", "--quiet"]).await, "");
    let sleeper = one.run(&["run", "--detach", "busybox:local", "sleep", "71717"]).await;
    assert_eq!(sleeper.len(), 64);

    let folder = one.socket().parent().unwrap().to_owned();
    drop(one);
    assert!(!folder.exists(), "{} is left", folder.display());
    assert!(!runs("sleep\u{0}71717"), "a container outlived its engine");
    other.run(&["version"]).await;
}

#[tokio::test]
async fn nats_keeps_its_store_until_it_loses_it() {
    let nats = Nats::start().await;
    let stream = r#"{"name":"S","subjects":["s.>"],"storage":"file"}"#;
    assert!(jetstream(&nats, "STREAM.CREATE.S", stream).await.contains("\"created\""));
    nats.kill().await;
    let address = nats.url().replace("nats://", "");
    assert!(TcpStream::connect(&address).await.is_err(), "a killed server answers");
    nats.restart().await;
    assert!(jetstream(&nats, "STREAM.INFO.S", "").await.contains("\"created\""));
    nats.lose_store().await;
    assert!(jetstream(&nats, "STREAM.INFO.S", "").await.contains("stream not found"));
}

#[tokio::test]
async fn postgres_services_cannot_read_each_other() {
    let postgres = Postgres::shared().await;
    let url = |service: &str| postgres.url_template().replace("{service}", service);
    let mine =
        "CREATE TABLE secrets (what TEXT); INSERT INTO secrets VALUES ('mine'); SELECT what FROM collector.secrets";
    assert_eq!(Postgres::psql(&url("collector"), mine).await.unwrap(), "mine");
    for service in ["incident_engine", "control_plane", "executor", "notifier", "identity"] {
        assert_eq!(
            Postgres::psql(&url(service), "CREATE TABLE ok (n BIGINT); SELECT count(*) FROM ok").await.unwrap(),
            "0"
        );
        for forbidden in ["SELECT * FROM collector.secrets", "CREATE TABLE public.t (n BIGINT)", "CREATE SCHEMA more"] {
            let complaint = Postgres::psql(&url(service), forbidden).await.unwrap_err();
            assert!(complaint.contains("permission denied"), "{service}: {forbidden}: {complaint}");
        }
    }
    let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/postgres/init.sql");
    let again = std::fs::read_to_string(init).unwrap();
    Postgres::psql(&postgres.admin_url(), &again).await.unwrap();
}

#[tokio::test]
async fn postgres_gives_each_test_its_database() {
    let postgres = Postgres::shared().await;
    let (one, other) = tokio::join!(postgres.scratch_url(), postgres.scratch_url());
    Postgres::psql(&one, "CREATE TABLE t (n BIGINT)").await.unwrap();
    Postgres::psql(&other, "SELECT * FROM t").await.unwrap_err();
}

#[tokio::test]
async fn postgres_recovers_what_was_committed() {
    let postgres = Postgres::start().await;
    let url = postgres.scratch_url().await;
    Postgres::psql(&url, "CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7)").await.unwrap();
    postgres.kill().await;
    Postgres::psql(&url, "SELECT n FROM t").await.unwrap_err();
    postgres.restart().await;
    assert_eq!(Postgres::psql(&url, "SELECT n FROM t").await.unwrap(), "7");
}

#[tokio::test]
async fn s3_gives_each_test_its_bucket() {
    let s3 = S3::shared().await;
    let (one, other) = tokio::join!(s3.scratch_bucket(), s3.scratch_bucket());
    assert_ne!(one, other);
    for bucket in [one, other] {
        let listed = http_get(s3.port(), &format!("/{bucket}?list-type=2")).await.unwrap();
        assert!(listed.starts_with("HTTP/1.1 200") && listed.contains("<KeyCount>0</KeyCount>"), "{listed}");
    }
    let listed = http_get(s3.port(), "/nobody-made-it?list-type=2").await.unwrap();
    assert!(listed.contains("NoSuchBucket"), "{listed}");
}

#[tokio::test]
async fn webhooks_are_verified_recorded_and_refused_on_demand() {
    let receiver = WebhookReceiver::start().await;
    let body = r#"{"type":"incident.opened","n":1}"#;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let good = sign(&receiver.secret(), "msg_1", now, body);

    receiver.fail_next(1);
    assert_eq!(post(&receiver, "msg_1", now, &good, body).await, 500);
    let sender = async {
        post(&receiver, "msg_1", now, &good, body).await;
        post(&receiver, "msg_1", now, &format!("v1,bm8= {good}"), body).await;
        post(&receiver, "msg_2", now, &good, body).await; // signed for another id
        post(&receiver, "msg_3", now - 301, &sign(&receiver.secret(), "msg_3", now - 301, body), body).await; // too old
    };
    let is_third = |hook: &overseer_testkit::Hook| hook.id == "msg_3";
    let (third, ()) = tokio::join!(receiver.wait_for("incident.opened", is_third, SOON), sender);
    assert_eq!(third.body["n"], 1);
    let verdicts: Vec<_> = receiver.received().iter().map(|hook| (hook.accepted, hook.verified)).collect();
    assert_eq!(verdicts, [(false, true), (true, true), (true, true), (true, false), (true, false)]);
    assert_eq!(receiver.ids(), ["msg_1", "msg_2", "msg_3"]);
}

#[tokio::test]
#[should_panic(expected = "waited 50ms in vain for: a miracle")]
async fn until_names_what_did_not_come() {
    until("a miracle", Duration::from_millis(50), async || None::<()>).await;
}

/// One request to JetStream's API, spoken by hand.
async fn jetstream(nats: &Nats, subject: &str, request: &str) -> String {
    let mut stream = BufReader::new(TcpStream::connect(nats.url().replace("nats://", "")).await.unwrap());
    let length = request.len();
    let talk = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB $JS.API.{subject} reply {length}\r\n{request}\r\n"
    );
    stream.write_all(talk.as_bytes()).await.unwrap();
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "NATS hung up");
    }
    line
}

fn sign(secret: &str, id: &str, timestamp: u64, body: &str) -> String {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(tag))
}

/// One webhook, spoken by hand; the status of the answer.
async fn post(receiver: &WebhookReceiver, id: &str, timestamp: u64, signature: &str, body: &str) -> u16 {
    let url = receiver.url();
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let length = body.len();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {timestamp}\r\nwebhook-signature: {signature}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Whether a process of this machine has these arguments.
fn runs(arguments: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.into_iter().any(|process| {
        std::fs::read(process.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).starts_with(arguments))
    })
}
