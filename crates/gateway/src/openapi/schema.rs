//! JSON Schemas of messages, after the JSON mapping of protobuf; their descriptions are the comments of the contract.

use prost_reflect::{EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// The schemas of the messages asked for, and of those inside them.
#[derive(Default)]
pub(crate) struct Schemas(Map<String, Value>);

impl Schemas {
    pub(crate) fn into_components(self) -> Map<String, Value> {
        self.0
    }

    /// Names a message's schema, and sees that it is there.
    pub(crate) fn reference(&mut self, message: &MessageDescriptor) -> Value {
        if message.full_name() == "google.protobuf.Timestamp" {
            return json!({"type": "string", "format": "date-time"});
        }
        let name = message.name().to_owned();
        if !self.0.contains_key(&name) {
            // There before its fields are: a message may hold itself.
            self.0.insert(name.clone(), Value::Null);
            let fields: Vec<_> = message.fields().collect();
            let schema = described(self.object(&fields), comment(&message.parent_file(), message.path()));
            self.0.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// An object with these fields. A later version may add to an answer, so nothing is said of others.
    pub(crate) fn object(&mut self, fields: &[FieldDescriptor]) -> Value {
        let properties: Map<_, _> =
            fields.iter().map(|field| (field.json_name().to_owned(), self.field(field))).collect();
        json!({"type": "object", "properties": properties})
    }

    pub(crate) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                json!({"type": "object", "additionalProperties": self.kind(&entry.map_entry_value_field().kind())})
            }
            kind if field.is_list() => json!({"type": "array", "items": self.kind(&kind)}),
            kind => self.kind(&kind),
        };
        described(schema, comment(&field.parent_message().parent_file(), field.path()))
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::String => json!({"type": "string"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"type": "string", "pattern": "^-?[0-9]+$"}),
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "pattern": "^[0-9]+$"}),
            Kind::Float | Kind::Double => json!({"type": "number"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(values) => self.names(values),
            Kind::Message(message) => self.reference(message),
        }
    }

    fn names(&mut self, values: &EnumDescriptor) -> Value {
        let name = values.name().to_owned();
        if !self.0.contains_key(&name) {
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            let schema = json!({"type": "string", "enum": names});
            self.0.insert(name.clone(), described(schema, comment(&values.parent_file(), values.path())));
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

fn described(mut schema: Value, comment: Option<String>) -> Value {
    if let (Some(schema), Some(comment)) = (schema.as_object_mut(), comment) {
        schema.insert("description".to_owned(), comment.into());
    }
    schema
}

/// The comment above something of the contract.
pub(crate) fn comment(file: &FileDescriptor, path: &[i32]) -> Option<String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref()?;
    let location = info.location.iter().find(|location| location.path == path)?;
    let lines = location.leading_comments().lines().map(str::trim);
    let text = lines.collect::<Vec<_>>().join(" ").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
