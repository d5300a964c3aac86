//! What the port of every process tells of it.

use axum::Router;
use axum::routing::get;
use overseer_runtime::{Dependency, Health, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

struct Host {
    address: String,
    health: Health,
}

async fn host() -> Host {
    let port = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = port.local_addr().unwrap().to_string();
    let health = Health::default();
    let routes = Router::new().route("/own", get(|| async { "mine" }));
    tokio::spawn(serve(port, routes, health.clone(), CancellationToken::new()));
    Host { address, health }
}

/// Status and body.
async fn look(host: &Host, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&host.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn says_that_it_lives_what_it_waits_for_and_what_it_serves() {
    let host = host().await;
    assert_eq!(look(&host, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(look(&host, "/readyz").await, (200, "ok\n".to_owned()), "nothing is needed");
    assert_eq!(look(&host, "/own").await, (200, "mine".to_owned()));
    assert_eq!(look(&host, "/other").await.0, 404);

    host.health.set("executor.docker", Dependency::Waiting);
    host.health.set("collector.docker", Dependency::Ready);
    assert_eq!(look(&host, "/readyz").await, (503, "waiting\n".to_owned()));
    let (status, report) = look(&host, "/readyz?verbose").await;
    assert_eq!((status, report.as_str()), (503, "collector.docker: ready\nexecutor.docker: waiting\n"));
    assert_eq!(look(&host, "/livez").await.0, 200, "it lives while it waits");

    host.health.set("executor.docker", Dependency::Ready);
    assert_eq!(look(&host, "/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(look(&host, "/readyz?a=b&verbose").await.0, 200);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let host = host().await;
    let error = bind(host.address.parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains(&host.address), "{error}");
}
