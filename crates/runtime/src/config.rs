//! Configuration in layers: defaults < file (TOML) < environment (`OVERSEER__SECTION__KEY`) < flags. Unknown keys are
//! refused.

use std::path::Path;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("configuration file `{file}` not found: correct --config")]
    Missing { file: String },
    #[error("invalid configuration:\n{problems}\n`overseer config defaults` explains every key")]
    Unfit { problems: String },
}

/// Reads the layers. `flags` are the values given on the command line, by dotted key.
///
/// # Errors
/// With what does not fit: its key, its value, where it came from.
pub fn load<C: DeserializeOwned>(
    defaults: &str,
    file: Option<&Path>,
    flags: &[(&str, impl Serialize)],
) -> Result<C, ConfigError> {
    let mut layers = Figment::from(Toml::string(defaults));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::Missing { file: file.display().to_string() });
        }
        layers = layers.merge(Toml::file_exact(file));
    }
    layers = layers.merge(Env::prefixed("OVERSEER__").split("__"));
    for (key, value) in flags {
        layers = layers.merge(Serialized::default(key, value));
    }
    layers.extract().map_err(|errors| ConfigError::Unfit {
        problems: errors.into_iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n"),
    })
}
