//! A container that fails by plan and counts its own starts.

use crate::docker::Docker;
use std::fs;
use std::path::PathBuf;

/// How a container fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPlan<'a> {
    pub crashes: Crashes,
    /// `docker run --restart`: `no`, `on-failure:3`, `always`, `unless-stopped`.
    pub restart_policy: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crashes {
    /// Its first so many starts fail, the later ones run.
    First(u32),
    Always,
}

/// A container started by [`Docker::crashing_container`]. A start that fails prints `ERROR cannot connect to db:5432` on
/// stderr and exits with 1; one that does not runs until it is stopped.
#[derive(Clone, Debug)]
pub struct Crashing {
    pub id: String,
    pub name: String,
    starts_file: PathBuf,
}

impl Crashing {
    /// How often the container's process has begun, counted by the process itself in a file of this machine.
    pub fn starts(&self) -> usize {
        fs::read_to_string(&self.starts_file).map_or(0, |text| text.lines().count())
    }
}

pub(crate) async fn start(docker: &Docker, name: &str, plan: CrashPlan<'_>, args: &[&str]) -> Crashing {
    let folder = docker.folder().join("starts").join(name);
    fs::create_dir_all(&folder).expect("a folder for the count of starts");
    let failing = match plan.crashes {
        Crashes::First(starts) => starts,
        Crashes::Always => u32::MAX,
    };
    // It ends at once on SIGTERM: the first process of a container ignores signals it does not handle, and `docker stop`
    // would wait ten seconds for a bare `sleep`.
    let program = format!(
        "echo start >> /starts/count\n\
         if [ $(wc -l < /starts/count) -le {failing} ]; then echo 'ERROR cannot connect to db:5432' >&2; exit 1; fi\n\
         trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
    );
    let volume = format!("{}:/starts", folder.display());
    let mut command = vec!["run", "--detach", "--name", name, "--restart", plan.restart_policy, "--volume", &volume];
    command.extend_from_slice(args);
    command.extend_from_slice(&["busybox:local", "sh", "-c", &program]);
    let id = docker.run(&command).await;
    Crashing { id, name: name.to_owned(), starts_file: folder.join("count") }
}
