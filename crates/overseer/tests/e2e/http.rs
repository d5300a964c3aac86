//! REST without the command line, for what that does not send.

use overseer_testkit::Overseer;
use serde_json::Value;

pub struct Http {
    client: reqwest::Client,
    address: String,
}

impl Http {
    pub fn new(overseer: &Overseer) -> Self {
        let _first = rustls::crypto::ring::default_provider().install_default();
        Self { client: reqwest::Client::builder().no_proxy().build().unwrap(), address: overseer.address() }
    }
    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        Self::answer(self.client.get(format!("{}{path}", self.address)).bearer_auth(token)).await
    }
    pub async fn post(&self, path: &str, token: &str, body: &str) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.address)).bearer_auth(token);
        Self::answer(request.header("content-type", "application/json").body(body.to_owned())).await
    }
    async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }
}

pub fn refused(answer: &(u16, Value), status: u16, code: &str) {
    let (got, problem) = answer;
    assert_eq!((*got, problem["code"].as_str()), (status, Some(code)), "{problem}");
    assert!(problem["todo"].as_str().is_some_and(|todo| !todo.is_empty()), "it says what to do: {problem}");
}
