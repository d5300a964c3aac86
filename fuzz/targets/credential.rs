//! Nothing that a service did not sign is believed: tokens of calls, assertions of persons, tickets.
#![no_main]

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use overseer_credentials::{PublicKey, ServiceKey, Trust};
use overseer_model::{ServiceName, Timestamp};
use overseer_permit::{Ticket, Verifier};

/// The private halves are thrown away, so that nothing is signed.
static VERIFY: LazyLock<(Trust, Verifier)> = LazyLock::new(|| {
    let key = || ServiceKey::from_pkcs8(&ServiceKey::generate().expect("random numbers")).expect("a key").public();
    let keys: HashMap<ServiceName, PublicKey> = ServiceName::ALL.into_iter().map(|service| (service, key())).collect();
    let installation = "fuzz".parse().expect("a name");
    (Trust::new(installation, keys), Verifier::new(key(), "home".parse().expect("a site")))
});

fn refuse(text: &str) {
    let ((trust, verifier), now) = (&*VERIFY, Timestamp::from_micros(1_795_248_000_000_000));
    for service in ServiceName::ALL {
        assert!(trust.caller(text, service, "/overseer.v1.PlanService/ApprovePlan", now).is_err());
    }
    assert!(trust.person(text, now).is_err());
    assert!(verifier.read(&Ticket::from_wire(text.to_owned())).is_err());
}

fuzz_target!(|data: &[u8]| {
    refuse(&String::from_utf8_lossy(data));
    // As claims, under a signature that is of the right length.
    refuse(&format!("{}.{}", URL_SAFE_NO_PAD.encode(data), URL_SAFE_NO_PAD.encode([0; 64])));
});
