//! Assembles the log half from what the collector has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use overseer_bus::{Concern, Durable, Sites};
use overseer_contract::v1::log_service_server::LogServiceServer;
use overseer_logstore::Nanos;
use overseer_model::Timestamp;
use overseer_provider_port::Logs;
use overseer_runtime::{Base, BuildError, Task, consume};

use crate::archive::{self, Archive, ArchiveError, LogBucket, Retention};
use crate::chronicle::{self, IncidentConsumer, Recorder, Retire, Signer};
use crate::intake::files::Declared;
use crate::intake::{Intake, States, Workloads};
use crate::inventory::Inventory;
use crate::sources::{Readers, Sources};

/// What the operator decides about logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub retention: Retention,
    /// Folders below which files can be declared as logs.
    pub roots: Vec<PathBuf>,
    /// Where sealed segments are kept.
    pub bucket: LogBucket,
}

/// The log half, ready to be served and run.
pub struct LogHalf {
    pub service: LogServiceServer<archive::Logs>,
    /// What runs beside the readers.
    pub tasks: Vec<Task>,
    /// The readers: [`Intake::tasks`].
    pub intake: Intake,
}

/// Builds the log half, which keeps its lines in `folder` and reads them from `platform`.
///
/// # Errors
/// When the log store, the tables or the bus cannot be used, or a setting cannot.
pub async fn build(
    base: &Base,
    settings: Settings,
    folder: &Path,
    platform: Arc<dyn Logs>,
    inventory: Arc<dyn Inventory>,
) -> Result<LogHalf, BuildError> {
    let workloads = Workloads::default();
    let (archive, signer) = open_archive(base, &settings, folder, &workloads).await?;
    let Settings { retention, roots, bucket: _ } = settings;
    let intake = Intake {
        logs: platform,
        sink: Arc::new(archive.clone()),
        positions: Arc::new(archive.clone()),
        retention: retention.longest().span(),
        workloads: workloads.clone(),
        states: States::default(),
        files: Declared::default(),
    };
    let readers = Readers { files: intake.files.clone(), states: intake.states.clone(), workloads, retention };
    let sources = Sources::open(base.db.clone(), roots, readers).await?;
    let retire = Retire::new(base.db.clone(), base.site.clone(), archive.clone(), signer, inventory.clone());
    let tasks = vec![
        maintain(archive.clone(), base),
        record(Recorder::new(retire, base.relay.clone()), base),
        link_incidents(base, inventory).await?,
    ];
    let service =
        LogServiceServer::new(archive::Logs { archive, sources, db: base.db.clone(), stop: base.stop.clone() });
    Ok(LogHalf { service, tasks, intake })
}

async fn open_archive(
    base: &Base,
    Settings { retention, bucket, .. }: &Settings,
    folder: &Path,
    workloads: &Workloads,
) -> Result<(Archive, Signer), BuildError> {
    let applied = chronicle::applied(&base.db).await?;
    let (logs, site) = (folder.join("logs"), base.site.clone());
    let (objects, retention, workloads) = (bucket.clone(), retention.clone(), workloads.clone());
    let open = move || {
        let signer = archive::summary_signer(&logs)?;
        let objects = objects.objects(&logs, &site)?;
        Ok((Archive::open(&logs, objects, workloads, retention, applied)?, signer))
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(ArchiveError::from).and_then(|opened| opened);
    opened.map_err(|source| BuildError::Config {
        what: format!("the log store in {} cannot be used", bucket.place(folder)),
        source: Some(source.into()),
    })
}

/// Seals and saves what the archive holds.
fn maintain(archive: Archive, base: &Base) -> Task {
    let stop = base.stop.clone();
    Task::new("log-archive", async move {
        archive.maintain(|| Nanos(Timestamp::now().micros().saturating_mul(1_000)), stop).await;
        Ok(())
    })
}

/// Takes counts to the tables and to the bus.
fn record(recorder: Recorder, base: &Base) -> Task {
    let stop = base.stop.clone();
    Task::new("log-chronicle", async move {
        recorder.run(Timestamp::now, stop).await;
        Ok(())
    })
}

/// Notes the incidents that the bus tells of, for the summaries.
async fn link_incidents(base: &Base, inventory: Arc<dyn Inventory>) -> Result<Task, BuildError> {
    let durable = Durable {
        service: base.service,
        concern: Concern::Incidents,
        kinds: chronicle::KINDS,
        sites: Sites::Only(base.site.clone()),
    };
    consume(base, durable, Arc::new(IncidentConsumer { base: base.clone(), inventory })).await
}
