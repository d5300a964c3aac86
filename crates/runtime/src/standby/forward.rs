//! What a standby is asked, it passes on to the process that runs the service: headers, streams and ends as they are.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use overseer_model::ServiceName;
use overseer_storage::{Competitor, Db};
use tonic::Status;
use tonic::transport::Channel;
use tower::ServiceExt;

use crate::peers;

/// Marks what a standby forwarded: it goes no further, so that two that each take the other for the holder end it.
const FORWARDED: &str = "overseer-forwarded";

#[derive(Clone)]
pub(super) struct Forwarder(Arc<Inner>);

struct Inner {
    service: ServiceName,
    competitor: Arc<Competitor>,
    db: Db,
    /// The connection to the last holder, by its address.
    last: Mutex<Option<(String, Channel)>>,
}

impl Forwarder {
    pub fn new(service: ServiceName, competitor: Arc<Competitor>, db: Db) -> Self {
        Self(Arc::new(Inner { service, competitor, db, last: Mutex::default() }))
    }

    pub fn router(self) -> Router {
        Router::new().fallback(forward).with_state(self)
    }

    /// The way to the holder, or why there is none.
    async fn way(&self) -> Result<Channel, String> {
        let Inner { service, competitor, db, last } = &*self.0;
        let address = match competitor.address_of_holder(db).await {
            Ok(Some(address)) => address,
            Ok(None) => return Err(format!("no process runs {service} yet")),
            Err(_) => return Err(format!("the database of {service} is unavailable")),
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, channel)) = &*last
            && *known == address
        {
            return Ok(channel.clone());
        }
        let channel = peers::channel(&address)
            .map_err(|_| format!("the holder of {service} has no usable address: correct advertise"))?;
        *last = Some((address, channel.clone()));
        Ok(channel)
    }
}

async fn forward(State(forwarder): State<Forwarder>, mut request: Request) -> Response {
    let unavailable = |text: String| Status::unavailable(text).into_http::<axum::body::Body>().into_response();
    let service = forwarder.0.service;
    if request.headers_mut().insert(FORWARDED, HeaderValue::from_static("1")).is_some() {
        return unavailable(format!("no process runs {service} at the moment"));
    }
    match forwarder.way().await {
        Ok(channel) => match channel.oneshot(request.map(tonic::body::Body::new)).await {
            Ok(answer) => answer.map(axum::body::Body::new),
            Err(_) => unavailable(format!("the process that runs {service} does not answer")),
        },
        Err(reason) => unavailable(reason),
    }
}
