//! The collector's peers, and the gateway that asks it, for a viewer or for nobody.

use std::collections::HashMap;

use overseer_model::{Role, ServiceName, Timestamp};
use overseer_runtime::{Credential, Keyring, Peers, Person, Upstream};

const COLLECTOR: ServiceName = ServiceName::Collector;

pub struct Doors {
    pub peers: Peers,
    keyring: Keyring,
}

impl Doors {
    pub fn new() -> Self {
        let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
        let peers = Peers::new(keyring.credential(COLLECTOR).unwrap(), &HashMap::new()).unwrap();
        Self { peers, keyring }
    }

    fn credential(&self, service: ServiceName) -> Credential {
        self.keyring.credential(service).unwrap()
    }

    pub fn viewer(&self) -> Upstream {
        let person = Person { name: "viewer".to_owned(), roles: vec![Role::Viewer] };
        let assertion = self.credential(ServiceName::Identity).assert(person, Timestamp::now());
        self.peers.of(self.credential(ServiceName::Gateway)).on_behalf(COLLECTOR, &assertion)
    }

    pub fn nobody(&self) -> Upstream {
        self.peers.of(self.credential(ServiceName::Gateway)).to(COLLECTOR)
    }
}
