//! Whether this process lives, and whether what it needs is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The state of one thing that a service needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    Ready,
    Waiting,
    /// Another process runs it; this one would at once.
    Standby,
}

/// Shared by the services of one process.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Dependency>>>);

impl Health {
    /// Sets the state of a dependency, for example `executor.docker`.
    pub fn set(&self, name: &str, state: Dependency) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.insert(name.to_owned(), state) != Some(state) {
            tracing::info!(dependency = name, ?state, "readiness changed");
        }
    }
    /// Nothing needs this dependency any more.
    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
    /// The state of one dependency; `None` when nobody set it.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<Dependency> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().all(|state| *state != Dependency::Waiting)
    }
    /// One line per dependency.
    #[must_use]
    pub fn report(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().fold(String::new(), |text, (name, state)| {
            let state = match state {
                Dependency::Ready => "ready",
                Dependency::Waiting => "waiting",
                Dependency::Standby => "standby",
            };
            format!("{text}{name}: {state}\n")
        })
    }
}
