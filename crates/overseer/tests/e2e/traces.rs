//! One trace leads from the engine's event to the verification.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use overseer_testkit::{CrashPlan, Crashes, Mode, Overseer};
use tonic::{Request, Response, Status};

use crate::{SETTINGS, exe, in_both_modes};

in_both_modes! { one_trace_leads_from_the_engines_event_to_the_verification }

/// Names of spans, and the kinds of the events they handle, by trace.
type Traces = HashMap<Vec<u8>, HashSet<String>>;

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Traces>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut traces = self.0.lock().unwrap();
        let resources = request.into_inner().resource_spans;
        for span in resources.into_iter().flat_map(|r| r.scope_spans).flat_map(|scope| scope.spans) {
            let told = traces.entry(span.trace_id).or_default();
            told.insert(span.name);
            for attribute in span.attributes.into_iter().filter(|attribute| attribute.key == "kind") {
                if let Some(Attribute::StringValue(kind)) = attribute.value.and_then(|value| value.value) {
                    told.insert(kind);
                }
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn one_trace_leads_from_the_engines_event_to_the_verification(mode: Mode) {
    let receiver = Receiver::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let routes = tonic::service::Routes::new(TraceServiceServer::new(receiver.clone())).into_axum_router();
    let server = tokio::spawn(axum::serve(listener, routes).into_future());

    let settings = format!("{SETTINGS}[telemetry]\notlp_endpoint = \"{endpoint}\"\n");
    let mut overseer = Overseer::start(exe(), mode, &settings).await;
    let plan = CrashPlan { crashes: Crashes::First(1), restart_policy: "no" };
    let web = overseer.docker.crashing_container("web", plan).await;
    let incident = overseer.incident(&web.id, |_| true).await;
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    overseer.incident(&web.id, |incident| incident["outcome"] == "OUTCOME_RESOLVED").await;
    for process in overseer.processes() {
        assert!(overseer.stop(process).await.success(), "{process} ends well");
    }

    let traces = receiver.0.lock().unwrap().clone();
    let whole = [
        "engine_event",
        "overseer.fact.batch",
        "overseer.incident.detected",
        "overseer.approval.granted",
        "overseer.step.dispatched",
        "overseer.step.acted",
        "overseer.step.verified",
        "overseer.incident.resolved",
    ];
    let found = traces.values().find(|told| whole.iter().all(|name| told.contains(*name)));
    assert!(found.is_some(), "no trace has all of {whole:?}: {:#?}", traces.values());
    server.abort();
}
