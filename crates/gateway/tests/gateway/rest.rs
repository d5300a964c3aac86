//! What REST takes, and what it refuses.

use http::{StatusCode, header};

use crate::house::{APPROVER, House, VIEWER, grpc, read, rest};

const APPROVE: &str = "/api/v1/plans/x:approve";

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_and_not_repeated() {
    let house = House::new().await;
    let long = format!(r#"{{"digest":"{}"}}"#, "canary".repeat(700));
    let deep = format!(r#"{{"digest":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let oversize = format!(r#"{{"digest":"{}"}}"#, "x".repeat(1 << 20));
    for (verb, path, body, status, code) in [
        ("POST", APPROVE, r#"{"canary":1}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"digest":"a","digest":"canary"}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"id":"canary"}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"id":null}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"digest":1}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"digest":NaN}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"digest":"canary"} x"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"digest":"canary\u0000"}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"{"digest":"\ud800"}"#, 400, "schema_invalid"),
        ("POST", APPROVE, r#"["canary"]"#, 400, "schema_invalid"),
        ("POST", APPROVE, "null", 400, "schema_invalid"),
        ("POST", APPROVE, "canary", 400, "schema_invalid"),
        ("POST", APPROVE, &long, 400, "schema_invalid"),
        ("POST", APPROVE, &deep, 400, "schema_invalid"),
        ("POST", APPROVE, &oversize, 413, "limit_exceeded"),
        ("POST", "/api/v1/plans/x:approve?digest=canary", "", 400, "schema_invalid"),
        ("POST", "/api/v1/plans/%ffcanary:approve", "", 400, "schema_invalid"),
        ("POST", "/api/v1/plans/%00:approve", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans?canary=1", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans?pageSize=1&pageSize=2", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans?pageSize=canary", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans?state=canary", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans/%zz", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans/x?id=canary", "", 400, "schema_invalid"),
        ("GET", "/api/v1/plans", "{}", 400, "schema_invalid"),
        ("GET", "/", "", 404, "not_found"),
        ("GET", "/api/v1/canary", "", 404, "not_found"),
        ("GET", "/api/v1/plans/a/b", "", 404, "not_found"),
        ("GET", "/overseer.v1.PlanService/GetPlan", "", 404, "not_found"),
    ] {
        let (found, problem) = house.rest(verb, path, APPROVER, body).await;
        let seen = (found.as_u16(), problem["code"].as_str());
        let shown = body.get(..60).unwrap_or(body);
        assert_eq!(seen, (status, Some(code)), "{verb} {path} {shown}: {problem}");
        assert_eq!(problem["status"], status);
        assert!(!problem.to_string().contains("canary"), "{problem}");
        assert!(problem["todo"].as_str().is_some_and(|todo| !todo.is_empty()));
    }
}

#[tokio::test]
async fn invalid_utf_8_in_a_body_is_refused() {
    let house = House::new().await;
    let mut request = rest("POST", APPROVE, APPROVER, "{}");
    *request.body_mut() = b"{\"digest\":\"\xff\"}".to_vec().into();
    assert_eq!(read(house.send(request).await).await.1["code"], "schema_invalid");
}

#[tokio::test]
async fn a_wrong_verb_is_told_the_right_one() {
    let house = House::new().await;
    for (verb, path, allow) in [
        ("GET", APPROVE, "POST"),
        ("POST", "/api/v1/plans/x", "GET"),
        ("HEAD", "/api/v1/plans", "GET"),
        ("OPTIONS", "/api/v1/plans", "GET"),
        ("POST", "/api/openapi.json", "GET"),
        ("DELETE", "/api/v1/events", "GET"),
    ] {
        let response = house.send(rest(verb, path, APPROVER, "")).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{verb} {path}");
        assert_eq!(response.headers()[header::ALLOW], allow);
    }
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let house = House::new().await;
    for (kind, status) in [
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("text/plain", 415),
        ("application/jsonx", 415),
        ("application/json; charset=latin1", 415),
    ] {
        let mut request = rest("POST", APPROVE, APPROVER, "{}");
        request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
        assert_eq!(house.send(request).await.status(), status, "{kind}");
    }
}

#[tokio::test]
async fn an_escaped_id_reaches_the_service_as_it_was_meant() {
    let house = House::new().await;
    for (path, id) in [
        ("/api/v1/plans/a%2Fb%20c", "a/b c"),
        ("/api/v1/plans/%C3%BC%3Aapprove", "ü:approve"),
        ("/api/v1/plans/a+b", "a+b"),
        ("/api/v1/plans/%2e%2e", ".."),
    ] {
        let (status, plan) = house.rest("GET", path, VIEWER, "").await;
        assert_eq!((status.as_u16(), &plan["id"]), (200, &id.into()), "{path}");
    }
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_used() {
    let house = House::new().await;
    for request in [
        rest("GET", "/api/v1/plans", VIEWER, ""),
        rest("GET", "/api/v1/plans", "", ""),
        rest("GET", "/nowhere", "", ""),
        rest("GET", "/api/openapi.json", "", ""),
        rest("GET", "/api/v1/events", VIEWER, ""),
        grpc("/overseer.v1.PlanService/ListPlans", VIEWER, &[]),
    ] {
        let response = house.send(request).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn too_large_a_head_and_too_large_a_message_are_refused() {
    let house = House::new().await;
    let mut request = rest("GET", "/api/v1/plans", VIEWER, "");
    request.headers_mut().insert("x-large", "x".repeat(33 << 10).parse().unwrap());
    let (status, problem) = read(house.send(request).await).await;
    assert_eq!((status.as_u16(), &problem["code"]), (431, &"limit_exceeded".into()));

    let message = vec![0; (1 << 20) + 1];
    let response = house.send(grpc("/overseer.v1.PlanService/GetPlan", VIEWER, &message)).await;
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
}
