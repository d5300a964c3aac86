//! Values that must not be printed. The type has no Debug, Display or Serialize.

use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};

#[derive(Clone)]
pub struct Secret(Vec<u8>);

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("secret file `{file}` cannot be read: create it with mode 0600")]
    Unreadable {
        file: String,
        #[source]
        source: std::io::Error,
    },
    #[error("secret file `{file}` is empty")]
    Empty { file: String },
    #[error("the system's random number generator failed")]
    NoRandomness,
}

impl Secret {
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
    /// 256 random bits as 64 hex digits.
    ///
    /// # Errors
    /// When the system's random number generator failed.
    pub fn random() -> Result<Self, SecretError> {
        let mut bytes = [0_u8; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
        Ok(Self(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()))
    }
    /// The content of a file, without white space around it.
    ///
    /// # Errors
    /// When it cannot be read or is empty.
    pub fn from_file(file: &Path) -> Result<Self, SecretError> {
        let place = || file.display().to_string();
        let bytes = std::fs::read(file).map_err(|source| SecretError::Unreadable { file: place(), source })?;
        let trimmed = bytes.trim_ascii();
        if trimmed.is_empty() {
            return Err(SecretError::Empty { file: place() });
        }
        Ok(Self(trimmed.to_vec()))
    }
    /// The bytes, for the one place that uses them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
