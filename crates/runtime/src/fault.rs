//! Named points at which a test lets the process die or wait: `OVERSEER_FAULT=executor_acted:kill:2` kills it with
//! SIGKILL at the second passing, `OVERSEER_FAULT=executor_acted:hold:/tmp/held` makes the file and waits until it is
//! removed. Compiled into debug builds only; a release build has neither the names nor the check.

/// Passes a point by its name.
#[macro_export]
macro_rules! fault_point {
    ($name:literal) => {
        #[cfg(debug_assertions)]
        $crate::fault::pass($name);
    };
}

#[cfg(debug_assertions)]
enum Kind {
    /// At the passing that makes it zero.
    Kill { left: std::sync::atomic::AtomicU32 },
    /// Once.
    Hold { file: std::path::PathBuf, done: std::sync::atomic::AtomicBool },
}

#[cfg(debug_assertions)]
fn fault() -> Option<&'static (String, Kind)> {
    static FAULT: std::sync::OnceLock<Option<(String, Kind)>> = std::sync::OnceLock::new();
    let read = || {
        let text = std::env::var("OVERSEER_FAULT").ok()?;
        let mut parts = text.splitn(3, ':');
        let (point, kind, value) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = match kind {
            "kill" => Kind::Kill { left: value.parse::<u32>().ok()?.into() },
            "hold" => Kind::Hold { file: value.into(), done: false.into() },
            _ => return None,
        };
        Some((point.to_owned(), kind))
    };
    FAULT.get_or_init(read).as_ref()
}

#[cfg(debug_assertions)]
pub fn pass(name: &str) {
    use std::sync::atomic::Ordering;

    let Some((_, kind)) = fault().filter(|(point, _)| point == name) else { return };
    match kind {
        Kind::Kill { left } => {
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                let killed = std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
                // SIGKILL needs no answer; whoever comes here could not run `kill`.
                eprintln!("fault point {name}: {killed:?}");
                std::process::abort();
            }
        }
        Kind::Hold { file, done } => {
            if !done.swap(true, Ordering::SeqCst) && std::fs::write(file, name).is_ok() {
                while file.exists() {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        }
    }
}
