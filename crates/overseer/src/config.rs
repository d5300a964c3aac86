//! The configuration of the whole binary; each service brings its own section.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use overseer_bus::JetStreamOptions;
use overseer_collector::CollectorConfig;
use overseer_control_plane::ControlPlaneConfig;
use overseer_credentials::Installation;
use overseer_executor::ExecutorConfig;
use overseer_gateway::GatewayConfig;
use overseer_incident_engine::IncidentEngineConfig;
use overseer_model::{ServiceName, Site};
use overseer_notifier::NotifierConfig;
use overseer_runtime::telemetry::TelemetryConfig;
use overseer_storage::Location;
use serde::Deserialize;

/// Reference and defaults in one.
pub const DEFAULTS: &str = include_str!("defaults.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub site: Site,
    pub installation: Installation,
    data_dir: String,
    storage: Address,
    bus: Address,
    pub listen: HashMap<ServiceName, SocketAddr>,
    peers: HashMap<ServiceName, String>,
    advertise: HashMap<ServiceName, String>,
    pub keys: KeyFiles,
    pub telemetry: TelemetryConfig,
    pub collector: CollectorConfig,
    pub incident_engine: IncidentEngineConfig,
    pub control_plane: ControlPlaneConfig,
    pub executor: ExecutorConfig,
    pub notifier: NotifierConfig,
    pub gateway: GatewayConfig,
}

/// May hold a password, and so is not printed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFiles {
    pub folder: String,
    pub ticket_signing_key_file: String,
    pub ticket_verify_key_file: String,
}

/// What the command line says; it goes before file and environment.
#[derive(Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub data_dir: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
}

pub fn load(flags: &Flags) -> anyhow::Result<Config> {
    let mut given = Vec::new();
    if let Some(folder) = &flags.data_dir {
        given.push(("data_dir", folder.display().to_string()));
    }
    if let Some(address) = &flags.listen {
        given.push(("listen.gateway", address.to_string()));
    }
    Ok(overseer_runtime::config::load(DEFAULTS, flags.config.as_deref(), &given)?)
}

impl Config {
    /// The folder for state; made with mode 0700 when it is missing.
    pub fn data_dir(&self) -> anyhow::Result<PathBuf> {
        let folder = if self.data_dir.is_empty() { usual_data_dir()? } else { PathBuf::from(&self.data_dir) };
        make_private(&folder)?;
        folder.canonicalize().with_context(|| format!("the data directory `{}` cannot be used", folder.display()))
    }

    pub fn location(&self, data_dir: &Path) -> Location {
        if self.storage.url.is_empty() {
            Location::Sqlite { folder: data_dir.to_owned() }
        } else {
            Location::Postgres { address: self.storage.url.clone() }
        }
    }

    /// `None` for the bus inside one process.
    pub fn nats(&self) -> Option<JetStreamOptions> {
        (!self.bus.url.is_empty()).then(|| JetStreamOptions::new(self.bus.url.clone()))
    }

    pub fn listen(&self, service: ServiceName) -> anyhow::Result<SocketAddr> {
        self.listen.get(&service).copied().with_context(|| format!("listen.{} is not set", service.snake()))
    }

    /// Where a service in another process is reached.
    pub fn peer(&self, service: ServiceName) -> anyhow::Result<String> {
        match self.peers.get(&service).filter(|address| !address.is_empty()) {
            Some(address) => Ok(address.clone()),
            None => Ok(format!("http://{}", self.listen(service)?)),
        }
    }
}

impl Config {
    /// Where other processes of the same service reach this one.
    pub fn advertise(&self, service: ServiceName) -> anyhow::Result<String> {
        match self.advertise.get(&service).filter(|address| !address.is_empty()) {
            Some(address) => Ok(address.clone()),
            None => Ok(format!("http://{}", self.listen(service)?)),
        }
    }
}

fn usual_data_dir() -> anyhow::Result<PathBuf> {
    let system = PathBuf::from("/var/lib/overseer");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    if home.as_deref() == Some(Path::new("/root")) {
        return Ok(system);
    }
    let data = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    data.or_else(|| home.map(|home| home.join(".local/share")))
        .map(|folder| folder.join("overseer"))
        .context("there is no home directory: say where to keep state with --data-dir")
}

/// Makes a folder that only its owner can enter, with its parents.
pub fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder `{}` cannot be made: choose another", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_whole_configuration() {
        let config = load(&Flags::default()).unwrap();
        assert_eq!(config.listen.len(), ServiceName::ALL.len());
        assert!(config.listen.values().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[executor]\nwindow = 3\n").unwrap();
        let flags = Flags { config: Some(file.path().to_owned()), ..Flags::default() };
        let error = load(&flags).err().unwrap().to_string();
        assert!(error.contains("window"), "{error}");
    }
}
