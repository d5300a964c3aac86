//! Both doors give the same answer, to the same callers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use http::header;
use overseer_contract::v1::GetPlanRequest;
use overseer_contract::v1::plan_service_client::PlanServiceClient;
use overseer_contract::{Contract, Method, Owner};
use overseer_gateway::GatewayConfig;
use overseer_model::{Permission, ServiceName};
use overseer_runtime::{Code, Health, Problem, bind, serve};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::house::{ADMIN, APPROVER, House, MISSING, VIEWER, config, grpc, method, outside, read, rest, token_for};

const GET_PLAN: &str = "/overseer.v1.PlanService/GetPlan";
const APPROVE: &str = "/overseer.v1.PlanService/ApprovePlan";
const DELIVERIES: &str = "/overseer.v1.DeliveryService/ListDeliveries";

/// A REST call of the method for `id`, and the JSON of the same gRPC call.
fn call_of(method: &Method, id: &str) -> (&'static str, String, String) {
    let route = method.route.as_ref().unwrap();
    let (mut path, mut json) = (route.template.clone(), serde_json::Map::new());
    // Whatever is in the path is set to the id.
    while let Some((before, rest)) = path.split_once('{') {
        let (name, after) = rest.split_once('}').unwrap();
        json.insert(name.to_owned(), id.into());
        path = format!("{before}{id}{after}");
    }
    (route.verb.as_str(), path, serde_json::Value::Object(json).to_string())
}

fn code_of(problem: &serde_json::Value) -> Code {
    Code::named(problem["code"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn every_method_answers_the_same_by_rest_and_by_grpc() {
    for house in [House::new().await, House::apart(&[]).await] {
        answers_the_same(&house).await;
    }
}

async fn answers_the_same(house: &House) {
    assert!(outside().len() > 10);
    for method in outside().into_iter().filter(|method| !method.descriptor.is_server_streaming()) {
        let (verb, path, json) = call_of(method, "pln_1");
        let (status, by_rest) = house.rest(verb, &path, token_for(method), "").await;
        assert_eq!(status, 200, "{path}: {by_rest}");
        let by_grpc = house.grpc(method, token_for(method), &json).await.unwrap();
        assert_eq!(by_rest, by_grpc, "{path}");
        assert_ne!(by_rest, serde_json::json!({}), "{path}");
    }
}

#[tokio::test]
async fn every_problem_is_the_same_by_rest_and_by_grpc() {
    let away = [ServiceName::Notifier];
    for house in [House::with(config(), &away).await, House::apart(&away).await] {
        refuses_the_same(&house).await;
    }
}

async fn refuses_the_same(house: &House) {
    for (path, id, token, code) in [
        (GET_PLAN, MISSING, VIEWER, Code::NotFound),
        (APPROVE, "x", VIEWER, Code::Forbidden),
        (APPROVE, "x", ADMIN, Code::Forbidden),
        ("/overseer.v1.AuditService/ListAudit", "", APPROVER, Code::Forbidden),
        ("/overseer.v1.LogService/CreateLogSource", "", VIEWER, Code::Forbidden),
        ("/overseer.v1.LogService/CreateLogSource", "", APPROVER, Code::Forbidden),
        ("/overseer.v1.LogService/DeleteLogSource", "x", APPROVER, Code::Forbidden),
        (DELIVERIES, "", VIEWER, Code::Unavailable),
    ] {
        let (verb, rest_path, json) = call_of(method(path), id);
        let (status, by_rest) = house.rest(verb, &rest_path, token, "").await;
        let by_grpc = house.grpc(method(path), token, &json).await.unwrap_err();
        assert_eq!(by_grpc.code, code, "{path}");
        assert_eq!(status, code.http());
        let Problem { code, what, todo } = by_grpc;
        assert_eq!((code_of(&by_rest), &by_rest["detail"], &by_rest["todo"]), (code, &what.into(), &todo.into()));
    }
}

#[tokio::test]
async fn every_method_that_is_not_public_refuses_a_missing_and_a_wrong_token_alike() {
    let house = House::new().await;
    for method in outside() {
        let (verb, path, json) = call_of(method, "x");
        for token in ["", "wrong"] {
            let (status, problem) = house.rest(verb, &path, token, "").await;
            let by_grpc = house.grpc(method, token, &json).await;
            if method.permission == Permission::Public {
                assert_eq!(status, 200, "{path}");
                assert!(by_grpc.is_ok());
                continue;
            }
            assert_eq!(status, 401, "{path}");
            assert_eq!(problem["detail"], "missing or invalid token");
            assert_eq!(by_grpc.unwrap_err().what, "missing or invalid token");
        }
    }
    let response = house.send(rest("GET", "/api/v1/plans", "", "")).await;
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn what_is_inside_is_never_reached_from_outside() {
    let house = House::new().await;
    let inside: Vec<_> = Contract::get()
        .methods()
        .filter(|method| method.permission == Permission::Internal || method.owner == Owner::Every)
        .collect();
    assert!(inside.len() >= 2);
    for method in inside {
        assert!(method.route.is_none());
        for token in ["", ADMIN] {
            let mut request = grpc(&method.path, token, &[]);
            request.headers_mut().extend(house.stolen(ServiceName::Identity, &method.path));
            let response = house.send(request).await;
            let problem = Problem::from_status(&tonic::Status::from_header_map(response.headers()).unwrap());
            assert_eq!(problem.code, Code::NotFound, "{}", method.path);
        }
    }
}

#[tokio::test]
async fn a_caller_cannot_name_itself() {
    let house = House::new().await;
    let stolen = house.stolen(ServiceName::ControlPlane, "/overseer.v1.PlanService/GetPlan");
    let mut request = rest("GET", "/api/v1/plans/x", VIEWER, "");
    request.headers_mut().extend(stolen.clone());
    let (status, plan) = read(house.send(request).await).await;
    assert_eq!((status.as_u16(), &plan["title"]), (200, &VIEWER.into()));
    // Nor is it a token.
    let mut request = rest("GET", "/api/v1/plans/x", stolen["overseer-assertion"].to_str().unwrap(), "");
    request.headers_mut().extend(stolen);
    assert_eq!(read(house.send(request).await).await.0, 401);
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_a_second() {
    let house = House::new().await;
    assert_eq!(house.rest("GET", "/api/v1/plans", VIEWER, "").await.0, 200);
    house.tokens.lock().unwrap().remove(VIEWER);
    let revoked = Instant::now();
    while house.rest("GET", "/api/v1/plans", VIEWER, "").await.0 == 200 {
        assert!(revoked.elapsed() < Duration::from_millis(1500), "still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_address_that_sends_many_wrong_tokens_is_slowed_down_and_no_other_is() {
    let house = House::new().await;
    let from = |address: &str, token: &str| {
        let mut request = rest("GET", "/api/v1/plans", token, "");
        let address: SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        house.send(request)
    };
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1:1", "wrong").await.status(), 401);
    }
    let response = from("192.0.2.1:2", "wrong").await;
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let (status, problem) = read(response).await;
    assert_eq!((status.as_u16(), code_of(&problem)), (429, Code::LimitExceeded));
    assert_eq!(from("192.0.2.2:1", "wrong").await.status(), 401);
    assert_eq!(from("192.0.2.2:1", VIEWER).await.status(), 200);
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_slowed_down_and_no_other_is() {
    let house = House::with(GatewayConfig { requests_per_s: 1, requests_burst: 2, ..config() }, &[]).await;
    for status in [200, 200, 429] {
        assert_eq!(house.rest("GET", "/api/v1/plans", VIEWER, "").await.0, status);
    }
    assert_eq!(house.rest("GET", "/api/v1/plans", ADMIN, "").await.0, 200);
}

#[tokio::test]
async fn a_generated_client_health_and_reflection_work_on_the_same_port() {
    let house = House::new().await;
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, house.router.clone(), Health::default(), house.stop.clone()));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();

    let mut request = tonic::Request::new(GetPlanRequest { id: "x".into() });
    request.metadata_mut().insert("authorization", format!("Bearer {VIEWER}").parse().unwrap());
    let plan = PlanServiceClient::new(channel.clone()).get_plan(request).await.unwrap().into_inner();
    assert_eq!((plan.id.as_str(), plan.title.as_str()), ("x", VIEWER));

    let mut health = HealthClient::new(channel.clone());
    assert_eq!(health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status, 1);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    let names = reflected(channel).await;
    assert!(names.iter().any(|name| name == "overseer.v1.PlanService"), "{names:?}");

    // The open watch must not hold up the end.
    house.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), serving).await;
    assert!(ended.expect("the port closes").unwrap().is_ok());
}

async fn reflected(channel: tonic::transport::Channel) -> Vec<String> {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let ask = MessageRequest::ListServices(String::new());
    let ask = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let asked = futures::stream::once(async { ask });
    let mut answers = ServerReflectionClient::new(channel).server_reflection_info(asked).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response.unwrap() {
        MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|s| s.name).collect(),
        other => panic!("{other:?}"),
    }
}
