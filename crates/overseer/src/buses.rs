//! The bus of each service: the one inside this process, or NATS with a user of its own.

use std::collections::HashMap;
use std::sync::Arc;

use overseer_bus::{Bus, InProcess, JetStream, JetStreamOptions, Login, authorization};
use overseer_model::ServiceName;

use crate::config::{Config, Flags, load};
use crate::keys::Keys;
use crate::run::Scope;

/// The bus of each service of this process.
pub async fn connect(
    scope: &Scope,
    config: &Config,
    keys: &Keys,
) -> anyhow::Result<HashMap<ServiceName, Arc<dyn Bus>>> {
    match (config.nats(), scope) {
        (Some(options), _) => {
            let mut buses: HashMap<ServiceName, Arc<dyn Bus>> = HashMap::new();
            for service in scope.services() {
                let login = Some(Login { service, password: keys.bus_password(service)? });
                let options = JetStreamOptions { login, ..options.clone() };
                buses.insert(service, Arc::new(JetStream::connect(options).await?));
            }
            Ok(buses)
        }
        (None, Scope::All) => {
            let one = InProcess::new();
            let shared = |service| (service, Arc::new(one.clone()) as Arc<dyn Bus>);
            Ok(scope.services().into_iter().map(shared).collect())
        }
        (None, Scope::Some(_)) => anyhow::bail!(
            "services in several processes need a bus: set bus.url (OVERSEER__BUS__URL=nats://host:4222), or run all of \
             them in one process with `overseer up`"
        ),
    }
}

/// The users of the services, as nats-server's configuration has them.
pub fn nats_users(flags: &Flags) -> anyhow::Result<String> {
    let config = load(flags)?;
    let keys = Keys::new(&config.keys, &config.data_dir()?)?;
    let passwords = ServiceName::ALL.into_iter().map(|service| Ok((service, keys.bus_password(service)?)));
    let passwords = passwords.collect::<anyhow::Result<HashMap<_, _>>>()?;
    Ok(authorization(&config.site, &passwords))
}
