//! Asks the gateway over REST. What it answers with is the API's own JSON.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use overseer_contract::{from_json, v1 as pb};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::{Message, Name};
use serde::Deserialize;

use crate::context::{self, Context};
use crate::sse::{self, Events};

/// What the gateway says when it refuses.
#[derive(Debug, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    pub code: String,
    pub detail: String,
    #[serde(default)]
    pub todo: String,
}

/// Something did not happen in time.
#[derive(Debug, thiserror::Error)]
#[error("timed out after {seconds} s waiting for {what}")]
pub struct TooLate {
    pub what: String,
    pub seconds: u64,
}

/// The audit chain does not hold.
#[derive(Debug, thiserror::Error)]
#[error("the audit chain of {service} is broken at entry {at}")]
pub struct Tampered {
    pub service: String,
    pub at: u64,
}

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// 0 ok, 1 failure, 2 usage, 3 not found, 4 denied, 6 timeout, 7 conflict.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<TooLate>().is_some() {
        return ExitCode::from(6);
    }
    let Some(refused) = error.downcast_ref::<Refused>() else { return ExitCode::FAILURE };
    ExitCode::from(match refused.code.as_str() {
        "schema_invalid" => 2,
        "not_found" => 3,
        "policy_denied" | "forbidden" | "unauthenticated" => 4,
        "conflict" | "approval_stale" | "approval_expired" | "target_drift" => 7,
        _ => 1,
    })
}

pub struct Client {
    http: reqwest::Client,
    context: Context,
}

/// One answer: the JSON as it came.
pub struct Answer(pub String);

impl Answer {
    pub fn read<M: Message + Name + Default>(&self) -> anyhow::Result<M> {
        from_json(&self.0).context("the gateway's answer does not read: is it of another version?")
    }
}

impl Client {
    pub fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Self { http, context: context::read()? })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.http.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<Answer> {
        self.send(self.http.post(self.url(path)).json(body)).await
    }

    /// Approves exactly the plan that is there now: its digest is read first.
    pub async fn approve(&self, plan: &str) -> anyhow::Result<Answer> {
        let path = format!("/api/v1/plans/{}", segment(plan));
        let seen: pb::Plan = self.get(&path).await?.read()?;
        self.post(&format!("{path}:approve"), &serde_json::json!({ "digest": seen.digest })).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.http.delete(self.url(path))).await
    }

    /// Events from now on, for as long as there are any.
    pub async fn events(&self, path: &str) -> anyhow::Result<Events> {
        let request = self.http.get(self.url(path)).bearer_auth(&self.context.token);
        let answer = request.send().await.with_context(|| self.unreachable())?;
        if answer.status().is_success() {
            return Ok(sse::events(answer));
        }
        let text = answer.text().await?;
        Err(refusal(&text))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let sent = request.timeout(PATIENCE).bearer_auth(&self.context.token).send().await;
        if sent.as_ref().is_err_and(reqwest::Error::is_timeout) {
            return Err(TooLate { what: "an answer of the gateway".to_owned(), seconds: PATIENCE.as_secs() }.into());
        }
        let answer = sent.with_context(|| self.unreachable())?;
        let good = answer.status().is_success();
        let text = answer.text().await.context("connection to the gateway lost")?;
        if good { Ok(Answer(text)) } else { Err(refusal(&text)) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.context.address)
    }

    fn unreachable(&self) -> String {
        format!("no Overseer answers at {}: start it with `overseer up`", self.context.address)
    }
}

/// What a refusal says in its JSON.
pub fn refusal(text: &str) -> anyhow::Error {
    match serde_json::from_str::<Refused>(text) {
        Ok(refused) => refused.into(),
        Err(_) => anyhow::anyhow!("the server is not an Overseer"),
    }
}

/// An id as a part of a path.
pub fn segment(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}
