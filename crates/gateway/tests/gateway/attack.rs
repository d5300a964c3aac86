//! Whatever arrives, the gateway neither panics nor fails.

use std::sync::OnceLock;

use axum::body::Body;
use http::header;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::house::{APPROVER, House, grpc};

/// One house for all cases, on a runtime of its own.
fn house() -> &'static (Runtime, House) {
    static HOUSE: OnceLock<(Runtime, House)> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let house = runtime.block_on(House::new());
        (runtime, house)
    })
}

fn status(verb: &str, uri: &str, kind: &str, body: Vec<u8>) -> Option<u16> {
    let request = http::Request::builder().method(verb).uri(uri);
    let request =
        request.header(header::AUTHORIZATION, format!("Bearer {APPROVER}")).header(header::CONTENT_TYPE, kind);
    let request = request.body(Body::from(body)).ok()?;
    let (runtime, house) = house();
    Some(runtime.block_on(house.send(request)).status().as_u16())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_body_is_answered(body in any::<Vec<u8>>()) {
        let status = status("POST", "/api/v1/plans/x:approve", "application/json", body).unwrap();
        prop_assert!(status < 500);
    }

    #[test]
    fn any_text_in_a_known_field_is_answered(text in any::<String>(), key in "digest|id|[a-z]{1,3}") {
        let body = serde_json::json!({ key: text }).to_string().into_bytes();
        let status = status("POST", "/api/v1/plans/x:approve", "application/json", body).unwrap();
        prop_assert!(status < 500);
    }

    #[test]
    fn any_path_and_query_is_answered(
        verb in "GET|POST|PUT|HEAD|[A-Z]{1,8}",
        path in r#"/?(api/v1/(plans|audit|events|x)?)?[!-~]{0,20}"#,
        query in r#"(pageSize|state|pageToken|[a-z]{1,3})?=?[!-~]{0,20}"#,
    ) {
        if let Some(status) = status(&verb, &format!("{path}?{query}"), "application/json", vec![]) {
            prop_assert!(status < 500);
        }
    }

    #[test]
    fn any_grpc_bytes_are_answered(path in "(/overseer.v1.SystemService/GetVersion|/grpc.health.v1.Health/Check|/[!-~]{0,20})",
        body in any::<Vec<u8>>())
    {
        if path.parse::<http::Uri>().is_ok() {
            let mut request = grpc(&path, APPROVER, &[]);
            *request.body_mut() = Body::from(body);
            let (runtime, house) = house();
            let answer = runtime.block_on(house.send(request));
            prop_assert_eq!(answer.status().as_u16(), 200);
        }
    }
}
