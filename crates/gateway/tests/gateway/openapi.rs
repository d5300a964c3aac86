//! The description has each route as the transcoder serves it.

use std::collections::HashSet;

use overseer_model::Permission;
use serde_json::Value;

use crate::house::{House, outside};

fn references<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, into));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

#[tokio::test]
async fn each_route_is_described_once_and_every_reference_resolves() {
    let (status, document) = House::new().await.rest("GET", "/api/openapi.json", "", "").await;
    assert_eq!((status.as_u16(), &document["openapi"]), (200, &"3.1.0".into()));
    let mut names = HashSet::new();
    for method in outside() {
        let route = method.route.as_ref().unwrap();
        let operation = &document["paths"][&route.template][route.verb.as_str().to_lowercase()];
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{} is missing", route.template));
        assert!(names.insert(name.to_owned()), "{name} twice");
        let is_public = method.permission == Permission::Public;
        assert_eq!(operation.get("security").is_some(), is_public, "{name}");
        assert!(operation["x-overseer-permission"].is_string() && operation["responses"]["default"].is_object());
        for parameter in operation["parameters"].as_array().unwrap() {
            let in_path = route.template.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
            assert_eq!(in_path, parameter["in"] == "path", "{name}: {parameter}");
            assert!(parameter["schema"].is_object());
        }
    }
    assert_eq!(document["paths"]["/api/v1/events"]["get"]["operationId"], "Events");
    let operations: usize = document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    assert_eq!(operations, names.len() + 1);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some_and(Value::is_object), "{reference}");
    }
}

#[tokio::test]
async fn comments_of_the_contract_are_its_descriptions() {
    let (_, document) = House::new().await.rest("GET", "/api/openapi.json", "", "").await;
    let approve = &document["paths"]["/api/v1/plans/{id}:approve"]["post"];
    assert_eq!(approve["description"], "Approves every step of the plan, as this person, once.");
    let body = &approve["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), ["digest"]);
    assert!(body["properties"]["digest"]["description"].is_string());
    assert_eq!(body["additionalProperties"], false);
}

/// The description and the transcoder agree on every query: what is described is taken, nothing else is.
#[tokio::test]
async fn every_described_query_key_is_taken() {
    let house = House::new().await;
    let (_, document) = house.rest("GET", "/api/openapi.json", "", "").await;
    for method in outside() {
        let route = method.route.as_ref().unwrap();
        let operation = &document["paths"][&route.template][route.verb.as_str().to_lowercase()];
        for parameter in operation["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "query") {
            let value = if parameter["schema"]["format"] == "date-time" { "2026-11-21T08:00:00Z" } else { "1" };
            let (name, path) = (parameter["name"].as_str().unwrap(), route.template.replace("{id}", "x"));
            let path = format!("{path}?{name}={value}");
            let (status, _) = house.rest(route.verb.as_str(), &path, crate::house::token_for(method), "").await;
            assert_eq!(status, 200, "{path}");
        }
    }
}
