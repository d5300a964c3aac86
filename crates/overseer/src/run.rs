//! Runs any set of services in this process: builds everything that can fail, then runs until told to stop.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use overseer_bus::{Bus, InProcess, JetStream};
use overseer_model::ServiceName;
use overseer_runtime::telemetry::Telemetry;
use overseer_runtime::{Base, Consumers, Health, Peers, Relay, Secret, Service, Task, run_until_stopped};
use overseer_storage::{Db, Location, Migrations};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Flags, load};
use crate::context::{self, Context};
use crate::keys::Keys;

/// What one process runs.
pub enum Scope {
    /// `overseer up`: all services; only the gateway listens.
    All,
    /// `overseer serve`: these; each listens.
    Some(HashSet<ServiceName>),
}

impl Scope {
    fn has(&self, service: ServiceName) -> bool {
        match self {
            Self::All => true,
            Self::Some(services) => services.contains(&service),
        }
    }
    fn listens(&self, service: ServiceName) -> bool {
        match self {
            Self::All => service == ServiceName::Gateway,
            Self::Some(services) => services.contains(&service),
        }
    }
}

/// The ground that the services of this process share.
struct Ground {
    config: Config,
    location: Location,
    bus: Arc<dyn Bus>,
    peers: Peers,
    health: Health,
    stop: CancellationToken,
}

pub async fn run(scope: Scope, flags: Flags) -> anyhow::Result<()> {
    let config = load(&flags)?;
    let telemetry = Telemetry::start(&config.telemetry)?;
    let data_dir = config.data_dir()?;
    let keys = Keys::new(&config.keys, &data_dir)?;
    let _locks = lock(&scope, &config, &data_dir)?;
    let stop = CancellationToken::new();
    let ground = Ground {
        location: config.location(&data_dir),
        bus: bus(&scope, &config).await?,
        peers: peers(&scope, &config, &keys)?,
        health: Health::default(),
        stop: stop.clone(),
        config,
    };
    let mut ports = HashMap::new();
    for service in ServiceName::ALL.into_iter().filter(|service| scope.listens(*service)) {
        ports.insert(service, overseer_runtime::bind(ground.config.listen(service)?).await?);
    }
    let services = build(&scope, &ground, &keys, &data_dir).await?;
    let mut others = vec![stop_on_signal(stop.clone())?];
    for service in &services {
        if let Some(port) = ports.remove(&service.name) {
            if service.name == ServiceName::Gateway {
                announce(&port.local_addr()?.to_string(), &data_dir)?;
            }
            let host = overseer_runtime::serve(port, service.router.clone(), ground.health.clone(), stop.clone());
            others.push(Task::new("host", host));
        }
    }
    drop(ground);
    let ended = run_until_stopped(services, others, stop).await;
    telemetry.shutdown();
    Ok(ended?)
}

/// Tables in files have one owner: a second process on the same data directory would see everything twice.
fn lock(scope: &Scope, config: &Config, data_dir: &Path) -> anyhow::Result<Vec<File>> {
    let Location::Sqlite { folder } = config.location(data_dir) else { return Ok(Vec::new()) };
    let services = ServiceName::ALL.into_iter().filter(|service| scope.has(*service));
    services
        .map(|service| {
            let file = File::create(folder.join(format!("{}.lock", service.snake())))
                .with_context(|| format!("`{}` cannot be written to", folder.display()))?;
            file.try_lock().with_context(|| {
                format!("another Overseer runs on `{}`: stop it, or choose another --data-dir", folder.display())
            })?;
            Ok(file)
        })
        .collect()
}

async fn bus(scope: &Scope, config: &Config) -> anyhow::Result<Arc<dyn Bus>> {
    match (config.nats(), scope) {
        (Some(options), _) => Ok(Arc::new(JetStream::connect(options).await?)),
        (None, Scope::All) => Ok(Arc::new(InProcess::new())),
        (None, Scope::Some(_)) => anyhow::bail!(
            "services in several processes need a bus: set bus.url (OVERSEER__BUS__URL=nats://host:4222), or run all of \
             them in one process with `overseer up`"
        ),
    }
}

fn peers(scope: &Scope, config: &Config, keys: &Keys) -> anyhow::Result<Peers> {
    let secret = match scope {
        Scope::All => Arc::new(Secret::random()?),
        Scope::Some(_) => keys.cluster_secret()?,
    };
    let remote = ServiceName::ALL
        .into_iter()
        .filter(|service| !scope.has(*service))
        .map(|service| Ok((service, config.peer(service)?)))
        .collect::<anyhow::Result<HashMap<_, _>>>()?;
    Ok(Peers::new(secret, &remote)?)
}

impl Ground {
    async fn base(&self, service: ServiceName, migrations: Migrations) -> anyhow::Result<Base> {
        let db = Db::open(&self.location, service, migrations).await?;
        Ok(Base {
            service,
            site: self.config.site.clone(),
            db,
            bus: self.bus.clone(),
            peers: self.peers.clone(),
            relay: Relay::default(),
            health: self.health.clone(),
            consumers: Consumers::default(),
            stop: self.stop.clone(),
        })
    }
}

/// Builds the services of this process.
async fn build(scope: &Scope, ground: &Ground, keys: &Keys, data_dir: &Path) -> anyhow::Result<Vec<Service>> {
    let config = &ground.config;
    let mut services = Vec::new();
    if scope.has(ServiceName::Collector) {
        let migrations = overseer_collector::MIGRATIONS;
        let base = ground.base(ServiceName::Collector, migrations).await?;
        services.push(overseer_collector::build(base, config.collector.clone(), data_dir).await?);
    }
    if scope.has(ServiceName::IncidentEngine) {
        let migrations = overseer_incident_engine::MIGRATIONS;
        let base = ground.base(ServiceName::IncidentEngine, migrations).await?;
        services.push(overseer_incident_engine::build(base, config.incident_engine.clone()).await?);
    }
    if scope.has(ServiceName::ControlPlane) {
        let migrations = overseer_control_plane::MIGRATIONS;
        let base = ground.base(ServiceName::ControlPlane, migrations).await?;
        let (service, first) =
            overseer_control_plane::build(base, config.control_plane.clone(), keys.signer()?).await?;
        if let Some(token) = first {
            tell_token(&token.0, config, data_dir)?;
        }
        services.push(service);
    }
    if scope.has(ServiceName::Executor) {
        let migrations = overseer_executor::MIGRATIONS;
        let base = ground.base(ServiceName::Executor, migrations).await?;
        let verifier = keys.verifier(config.site.clone()).await?;
        services.push(overseer_executor::build_docker(base, config.executor.clone(), verifier).await?);
    }
    if scope.has(ServiceName::Notifier) {
        let migrations = overseer_notifier::MIGRATIONS;
        let base = ground.base(ServiceName::Notifier, migrations).await?;
        services.push(overseer_notifier::build(base, config.notifier.clone()).await?);
    }
    if scope.has(ServiceName::Gateway) {
        let (peers, bus, stop) = (ground.peers.clone(), ground.bus.clone(), ground.stop.clone());
        let (router, tasks) = overseer_gateway::build(peers, bus, config.gateway.clone(), stop).await?;
        services.push(Service::without_store(ServiceName::Gateway, router, tasks));
    }
    Ok(services)
}

/// The token of the first start: printed once, and kept where this machine's command line finds it.
fn tell_token(token: &Secret, config: &Config, data_dir: &Path) -> anyhow::Result<()> {
    let token = String::from_utf8_lossy(token.expose()).into_owned();
    println!("Admin token, shown this once: {token}");
    let address = config.peer(ServiceName::Gateway)?;
    let context = Context { address, token, data_dir: data_dir.to_owned() };
    match context::write_first(&context)? {
        context::Place::Usual(file) => {
            println!("The command line on this machine finds it in {}", file.display());
        }
        context::Place::Beside { file, why } => {
            println!("{why}; the context is in {0}: export OVERSEER_CONTEXT={0}", file.display());
        }
    }
    Ok(())
}

fn announce(address: &str, data_dir: &Path) -> anyhow::Result<()> {
    println!("Overseer runs on http://{address} and keeps its state in {}", data_dir.display());
    println!("Try it: overseer drill restart-loop     Stop it: Ctrl-C");
    context::follow(&format!("http://{address}"), data_dir)
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<Task> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    Ok(Task::new("signals", async move {
        tokio::select! {
            _ = interrupt.recv() => tracing::info!("interrupted: finishing what is in hand"),
            _ = terminate.recv() => tracing::info!("asked to end: finishing what is in hand"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
        Ok(())
    }))
}
