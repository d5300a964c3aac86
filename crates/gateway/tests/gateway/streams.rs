//! Methods that answer with a stream: the same by both doors, bounded in number, and ended with a reason.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use overseer_model::ServiceName;
use overseer_runtime::{Code, Problem};
use prost_reflect::DynamicMessage;
use serde_json::Value;

use crate::events::Reader;
use crate::house::{BROKEN, DYING, ENDLESS, House, VIEWER, config, grpc, method, read, rest};

const FOLLOW: &str = "/overseer.v1.LogService/FollowLogLines";

fn path(workload: &str) -> String {
    format!("/api/v1/logs:follow?workload={workload}")
}

async fn by_rest(house: &House, workload: &str) -> Response {
    house.send(rest("GET", &path(workload), VIEWER, "")).await
}

/// An open stream of gRPC.
struct Stream(Body);

impl Stream {
    async fn open(house: &House, workload: &str) -> Result<Self, Problem> {
        let asked = serde_json::json!({ "workload": workload });
        let message = DynamicMessage::deserialize(method(FOLLOW).descriptor.input(), asked).unwrap();
        let response = house.send(grpc(FOLLOW, VIEWER, &prost::Message::encode_to_vec(&message))).await;
        match tonic::Status::from_header_map(response.headers()) {
            Some(status) => Err(Problem::from_status(&status)),
            None => Ok(Self(response.into_body())),
        }
    }

    /// All messages until the end, and how it ended.
    async fn rest(mut self) -> (Vec<Value>, Option<Problem>) {
        let (mut bytes, mut end) = (Vec::new(), None);
        while let Some(frame) = tokio::time::timeout(Duration::from_secs(5), self.0.frame()).await.expect("a frame") {
            match frame.unwrap().into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => end = tonic::Status::from_header_map(&frame.into_trailers().unwrap()),
            }
        }
        let end = end.expect("a status");
        let problem = (end.code() != tonic::Code::Ok).then(|| Problem::from_status(&end));
        (messages(bytes.into()), problem)
    }
}

fn messages(mut bytes: Bytes) -> Vec<Value> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        let message = bytes.split_to(5 + length);
        let message = DynamicMessage::decode(method(FOLLOW).descriptor.output(), &message[5..]).unwrap();
        all.push(serde_json::to_value(&message).unwrap());
    }
    all
}

/// All messages of server-sent events, and the problem that they ended with.
async fn events(mut reader: Reader) -> (Vec<Value>, Option<Value>) {
    let (mut all, mut problem) = (Vec::new(), None);
    while let Some(event) = reader.next().await {
        assert!(problem.is_none(), "nothing comes after a problem");
        let data = event.iter().find_map(|line| line.strip_prefix("data: ")).expect("data");
        let data: Value = serde_json::from_str(data).unwrap();
        if event.contains(&"event: problem".to_owned()) { problem = Some(data) } else { all.push(data) }
    }
    (all, problem)
}

#[tokio::test]
async fn a_stream_is_the_same_by_rest_and_by_grpc() {
    for house in [House::new().await, House::apart(&[]).await] {
        let (shown, none) = events(Reader::of(by_rest(&house, "").await)).await;
        assert_eq!((shown.len(), none), (2, None));
        assert_eq!(Stream::open(&house, "").await.unwrap().rest().await, (shown.clone(), None));

        let (before, problem) = events(Reader::of(by_rest(&house, BROKEN).await)).await;
        assert_eq!(before, shown);
        let (_, same) = Stream::open(&house, BROKEN).await.unwrap().rest().await;
        let (problem, same) = (problem.unwrap(), same.unwrap());
        assert_eq!(same.code, Code::Conflict);
        assert_eq!((&problem["code"], &problem["detail"]), (&"conflict".into(), &same.what.into()));
    }
}

#[tokio::test]
async fn a_service_that_dies_is_told_as_away() {
    let house = House::new().await;
    let (before, problem) = events(Reader::of(by_rest(&house, DYING).await)).await;
    assert_eq!((before.len(), &problem.unwrap()["code"]), (2, &"unavailable".into()));
}

#[tokio::test]
async fn what_is_refused_is_refused_before_the_stream_begins() {
    let house = House::with(config(), &[ServiceName::Collector]).await;
    for (path, token, code) in [
        (path(""), "", "unauthenticated"),
        (path(""), VIEWER, "unavailable"),
        ("/api/v1/logs:follow?other=1".to_owned(), VIEWER, "schema_invalid"),
    ] {
        assert_eq!(house.rest("GET", &path, token, "").await.1["code"], code, "{path}");
    }
    assert_eq!(Stream::open(&house, "").await.err().unwrap().code, Code::Unavailable);
}

#[tokio::test]
async fn streams_and_readers_of_events_share_their_places() {
    let house = House::new().await;
    let events = house.send(rest("GET", "/api/v1/events", VIEWER, "")).await;
    let (followed, streamed) = (by_rest(&house, ENDLESS).await, Stream::open(&house, ENDLESS).await.unwrap());
    let (status, problem) = read(by_rest(&house, ENDLESS).await).await;
    assert_eq!((status.as_u16(), &problem["code"]), (429, &"limit_exceeded".into()));
    assert_eq!(Stream::open(&house, ENDLESS).await.err().unwrap().code, Code::LimitExceeded);
    drop(followed);
    assert_eq!(by_rest(&house, ENDLESS).await.status(), 200);
    drop((events, streamed));
}

#[tokio::test]
async fn a_revoked_token_and_the_end_of_the_gateway_end_streams_and_say_so() {
    for house in [House::new().await, House::apart(&[]).await] {
        let (followed, streamed) = (by_rest(&house, ENDLESS).await, Stream::open(&house, ENDLESS).await.unwrap());
        house.tokens.lock().unwrap().remove(VIEWER);
        assert_eq!(events(Reader::of(followed)).await.1.unwrap()["code"], "unauthenticated");
        assert_eq!(streamed.rest().await.1.unwrap().code, Code::Unauthenticated);
    }
    let house = House::new().await;
    let (followed, streamed) = (by_rest(&house, ENDLESS).await, Stream::open(&house, ENDLESS).await.unwrap());
    house.stop.cancel();
    assert_eq!(events(Reader::of(followed)).await.1.unwrap()["code"], "unavailable");
    assert_eq!(streamed.rest().await.1.unwrap().code, Code::Unavailable);
}
