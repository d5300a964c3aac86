//! The description of REST, OpenAPI 3.1, from the same descriptors that the transcoder reads; it cannot disagree.

mod schema;

use overseer_contract::RequestBody;
use overseer_model::Permission;
use overseer_runtime::Code;
use prost_reflect::FieldDescriptor;
use serde_json::{Map, Value, json};

use crate::events;
use crate::route::Endpoint;
use schema::Schemas;

pub(crate) const PATH: &str = "/api/openapi.json";

/// What holds for every route.
const ABOUT: &str = "Fields with their default value are left out of answers. In requests, unknown and repeated fields \
    are refused, a text has at most 4096 characters and a body at most 1 MiB; field names may also be written as in the \
    gRPC contract, and enums as their numbers.";

/// The document for these endpoints.
pub(crate) fn document(endpoints: &[Endpoint]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let place = paths.entry(endpoint.route.template.clone()).or_insert_with(|| json!({}));
        put(place, &endpoint.route.verb.as_str().to_lowercase(), operation(endpoint, &mut schemas));
    }
    paths.insert(events::PATH.to_owned(), json!({"get": events_operation()}));
    let mut schemas = schemas.into_components();
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Overseer",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Problem": {
                "description": "What was wrong, and what to do about it.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut Schemas) -> Value {
    let method = &endpoint.method.descriptor;
    let (input, captures) = (method.input(), endpoint.captures());
    let (in_path, elsewhere): (Vec<_>, Vec<_>) = input.fields().partition(|field| captures.contains(&field.name()));
    let mut parameters: Vec<_> = in_path.iter().map(|field| parameter(field, "path", field.name(), schemas)).collect();
    let service = method.parent_service();
    let mut operation = json!({
        "operationId": format!("{}_{}", service.name(), method.name()),
        "tags": [service.name()],
        "x-overseer-permission": permission(endpoint.method.permission),
        "responses": {
            "200": answer(endpoint, schemas.reference(&method.output())),
            "default": {"$ref": "#/components/responses/Problem"},
        },
    });
    match endpoint.route.body {
        RequestBody::None => {
            parameters.extend(elsewhere.iter().map(|field| parameter(field, "query", field.json_name(), schemas)));
        }
        RequestBody::Fields => {
            let mut schema = schemas.object(&elsewhere);
            put(&mut schema, "additionalProperties", false.into());
            put(&mut operation, "requestBody", json!({"content": {"application/json": {"schema": schema}}}));
        }
    }
    put(&mut operation, "parameters", parameters.into());
    if endpoint.method.permission == Permission::Public {
        put(&mut operation, "security", json!([]));
    }
    if let Some(comment) = schema::comment(&method.parent_file(), method.path()) {
        put(&mut operation, "description", comment.into());
    }
    operation
}

fn answer(endpoint: &Endpoint, message: Value) -> Value {
    if !endpoint.is_stream() {
        return json!({"description": "The answer.", "content": {"application/json": {"schema": message}}});
    }
    let data = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": message});
    json!({
        "description": "Messages as they come, server-sent: `data` is the JSON of one. The event `problem` says why the stream ends before its time.",
        "content": {"text/event-stream": {"schema": data}},
    })
}

fn parameter(field: &FieldDescriptor, place: &str, name: &str, schemas: &mut Schemas) -> Value {
    let mut schema = schemas.field(field);
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let mut parameter = json!({"name": name, "in": place, "required": place == "path", "schema": schema});
    if let Some(description) = description {
        put(&mut parameter, "description", description);
    }
    parameter
}

fn permission(permission: Permission) -> &'static str {
    match permission {
        Permission::Public => "public",
        Permission::Read => "read",
        Permission::Approve => "approve",
        Permission::Audit => "audit",
        Permission::Configure => "configure",
        Permission::Internal => "internal",
    }
}

fn events_operation() -> Value {
    json!({
        "operationId": "Events",
        "tags": ["Events"],
        "description": "Live events, server-sent. `event` is the kind, for example `plan.ready`; `data` is JSON with `id`, `type`, `site`, `time` and `data`. The event `reset` says that some were missed: read anew what you show.",
        "x-overseer-permission": permission(Permission::Read),
        "parameters": [{
            "name": "Last-Event-ID", "in": "header", "required": false, "schema": {"type": "string"},
            "description": "The last event seen; what came after it is sent first.",
        }],
        "responses": {
            "200": {"description": "The events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "todo"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "Stable.", "examples": [Code::NotFound.as_str()]},
            "detail": {"type": "string", "description": "What was wrong."},
            "todo": {"type": "string", "description": "What to do about it."},
        },
    })
}
