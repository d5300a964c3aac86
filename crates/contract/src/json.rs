//! The JSON mapping of protobuf, as services, tables and the command line read it: leniently, because the writer may be
//! newer. An unknown field is ignored, an unknown value of an enum becomes the unspecified one, which is refused where it
//! decides. The public doors read strictly, by themselves.

use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};

use crate::Contract;

#[derive(Debug, thiserror::Error)]
pub enum BadJson {
    #[error("`{name}` is not a message of the contract")]
    NoSuchMessage { name: String },
    #[error("invalid JSON for `{name}`")]
    Malformed {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("`{name}` cannot be decoded")]
    Decode {
        name: String,
        #[source]
        source: prost::DecodeError,
    },
}

/// The canonical JSON of a message of the contract.
///
/// # Errors
/// When the message is not one of the contract.
pub fn to_json<M: Message + Name>(message: &M) -> Result<String, BadJson> {
    let (name, descriptor) = descriptor::<M>()?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|source| BadJson::Decode { name: name.clone(), source })?;
    serde_json::to_string(&dynamic).map_err(|source| BadJson::Malformed { name, source })
}

/// Reads a message of the contract from its JSON.
///
/// # Errors
/// On malformed JSON, and on values of another type.
pub fn from_json<M: Message + Name + Default>(text: &str) -> Result<M, BadJson> {
    let (name, descriptor) = descriptor::<M>()?;
    let mut input = serde_json::Deserializer::from_str(text);
    let malformed = |source| BadJson::Malformed { name: name.clone(), source };
    let lenient = DeserializeOptions::new().deny_unknown_fields(false);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor, &mut input, &lenient).map_err(malformed)?;
    input.end().map_err(malformed)?;
    dynamic.transcode_to().map_err(|source| BadJson::Decode { name, source })
}

fn descriptor<M: Name>() -> Result<(String, MessageDescriptor), BadJson> {
    let name = M::full_name();
    match Contract::get().message(&name) {
        Some(descriptor) => Ok((name, descriptor)),
        None => Err(BadJson::NoSuchMessage { name }),
    }
}
