//! Runs any set of services in this process: builds everything that can fail, then runs until told to stop.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use overseer_bus::Bus;
use overseer_credentials::{Credential, Keyring};
use overseer_model::ServiceName;
use overseer_runtime::telemetry::Telemetry;
use overseer_runtime::{
    Alone, Base, Consumers, Dependency, Health, Peers, Relay, Secret, Service, Switch, Task, run_until_stopped,
};
use overseer_storage::{Competitor, Db, HolderName, Location, Migrations, Term};
use tokio_util::sync::CancellationToken;

use crate::buses;
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
    pub fn services(&self) -> Vec<ServiceName> {
        ServiceName::ALL.into_iter().filter(|service| self.has(*service)).collect()
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
    keys: Keys,
    data_dir: PathBuf,
    location: Location,
    /// Each with the user of its own service.
    buses: HashMap<ServiceName, Arc<dyn Bus>>,
    keyring: Keyring,
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
    let keyring = match &scope {
        Scope::All => Keyring::in_memory(config.installation.clone())?,
        Scope::Some(_) => keys.keyring(config.installation.clone(), &scope.services()).await?,
    };
    let ground = Arc::new(Ground {
        location: config.location(&data_dir),
        buses: buses::connect(&scope, &config, &keys).await?,
        peers: peers(&scope, &config, &keyring)?,
        keyring,
        health: Health::default(),
        stop: stop.clone(),
        config,
        keys,
        data_dir,
    });
    let mut ports = HashMap::new();
    for service in ServiceName::ALL.into_iter().filter(|service| scope.listens(*service)) {
        ports.insert(service, overseer_runtime::bind(ground.config.listen(service)?).await?);
    }
    let (mut services, mut others, mut routers) = (Vec::new(), vec![stop_on_signal(stop.clone())?], HashMap::new());
    for name in scope.services() {
        match alone(&ground, name).await? {
            Some((switch, standby)) => {
                routers.insert(name, switch.router());
                others.push(standby);
            }
            None => {
                let service = ground.build(name, None, stop.clone()).await?;
                routers.insert(name, service.router.clone());
                services.push(service);
            }
        }
    }
    for (name, router) in routers {
        if let Some(port) = ports.remove(&name) {
            if name == ServiceName::Gateway {
                announce(&port.local_addr()?.to_string(), &ground.data_dir)?;
            }
            let host = overseer_runtime::serve(port, router, ground.health.clone(), stop.clone());
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
    let services = scope.services().into_iter();
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

fn peers(scope: &Scope, config: &Config, keyring: &Keyring) -> anyhow::Result<Peers> {
    let first = *scope.services().first().context("no service was named")?;
    let remote = ServiceName::ALL
        .into_iter()
        .filter(|service| !scope.has(*service))
        .map(|service| Ok((service, config.peer(service)?)))
        .collect::<anyhow::Result<HashMap<_, _>>>()?;
    Ok(Peers::new(credential(keyring, first)?, &remote)?)
}

fn credential(keyring: &Keyring, service: ServiceName) -> anyhow::Result<Credential> {
    keyring.credential(service).with_context(|| format!("{service} has no key"))
}

/// A service that runs in one process at a time, where several could: on PostgreSQL. What has claims of its own on each
/// piece of work (executor, notifier), no loop (identity) or no tables (gateway), runs in as many as there are.
async fn alone(ground: &Arc<Ground>, service: ServiceName) -> anyhow::Result<Option<(Switch, Task)>> {
    let scope = match service {
        ServiceName::Collector => ground.config.site.to_string(),
        ServiceName::IncidentEngine | ServiceName::ControlPlane => "*".to_owned(),
        ServiceName::Identity | ServiceName::Executor | ServiceName::Notifier | ServiceName::Gateway => {
            return Ok(None);
        }
    };
    let name = HolderName { service, scope };
    let Some(competitor) = Competitor::new(&ground.location, name, ground.config.advertise(service)?)? else {
        return Ok(None);
    };
    let db = Db::open(&ground.location, service, migrations_of(service)).await?;
    // Until it is known whether this process runs the service.
    ground.health.set(service.as_str(), Dependency::Waiting);
    let switch = Switch::starting();
    ground.peers.built(service, switch.router());
    let of_term = ground.clone();
    let alone = Alone {
        service,
        competitor: Arc::new(competitor),
        db,
        switch: switch.clone(),
        health: ground.health.clone(),
        stop: ground.stop.clone(),
        build: move |term, stop| {
            let ground = of_term.clone();
            async move { ground.build(service, Some(term), stop).await }
        },
    };
    Ok(Some((switch, alone.task())))
}

const fn migrations_of(service: ServiceName) -> Migrations {
    match service {
        ServiceName::Identity => overseer_identity::MIGRATIONS,
        ServiceName::Collector => overseer_collector::MIGRATIONS,
        ServiceName::IncidentEngine => overseer_incident_engine::MIGRATIONS,
        ServiceName::ControlPlane => overseer_control_plane::MIGRATIONS,
        ServiceName::Executor => overseer_executor::MIGRATIONS,
        ServiceName::Notifier => overseer_notifier::MIGRATIONS,
        ServiceName::Gateway => Migrations(&[]),
    }
}

impl Ground {
    /// The ways of one service, with its own credential.
    fn peers(&self, service: ServiceName) -> anyhow::Result<Peers> {
        Ok(self.peers.of(credential(&self.keyring, service)?))
    }

    fn bus(&self, service: ServiceName) -> anyhow::Result<Arc<dyn Bus>> {
        self.buses.get(&service).cloned().with_context(|| format!("{service} has no bus"))
    }

    async fn base(&self, service: ServiceName, term: Option<Term>, stop: CancellationToken) -> anyhow::Result<Base> {
        let db = Db::open(&self.location, service, migrations_of(service)).await?;
        Ok(Base {
            service,
            site: self.config.site.clone(),
            db: match term {
                Some(term) => db.in_term(term),
                None => db,
            },
            bus: self.bus(service)?,
            peers: self.peers(service)?,
            relay: Relay::default(),
            health: self.health.clone(),
            consumers: Consumers::default(),
            stop,
        })
    }

    /// Builds one service, for one term where it must be alone.
    async fn build(&self, name: ServiceName, term: Option<Term>, stop: CancellationToken) -> anyhow::Result<Service> {
        let config = &self.config;
        if name == ServiceName::Gateway {
            let (peers, bus) = (self.peers(name)?, self.bus(name)?);
            let (router, tasks) = overseer_gateway::build(peers, bus, config.gateway.clone(), stop).await?;
            return Ok(Service::without_store(name, router, tasks));
        }
        let base = self.base(name, term, stop).await?;
        Ok(match name {
            ServiceName::Identity => {
                overseer_identity::build(base, |token| Ok(tell_token(&token.0, config, &self.data_dir)?)).await?
            }
            ServiceName::Collector => overseer_collector::build(base, config.collector.clone(), &self.data_dir).await?,
            ServiceName::IncidentEngine => {
                overseer_incident_engine::build(base, config.incident_engine.clone()).await?
            }
            ServiceName::ControlPlane => {
                overseer_control_plane::build(base, config.control_plane.clone(), self.keys.signer()?).await?
            }
            ServiceName::Executor => {
                let verifier = self.keys.verifier(config.site.clone()).await?;
                overseer_executor::build_docker(base, config.executor.clone(), verifier).await?
            }
            ServiceName::Notifier => overseer_notifier::build(base, config.notifier.clone()).await?,
            ServiceName::Gateway => anyhow::bail!("the gateway has no tables"),
        })
    }
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
            _ = interrupt.recv() => tracing::info!("interrupted: finishing work in progress"),
            _ = terminate.recv() => tracing::info!("stopping: finishing work in progress"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
        Ok(())
    }))
}
