//! Named points at which a test lets the process die: `OVERSEER_FAULT=after_act:kill:2` kills it with SIGKILL at the
//! second passing. Compiled into debug builds only; a release build has neither the names nor the check.

/// Passes a point by its name.
#[macro_export]
macro_rules! fault_point {
    ($name:literal) => {
        #[cfg(debug_assertions)]
        $crate::fault::pass($name);
    };
}

#[cfg(debug_assertions)]
pub fn pass(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Fault {
        point: String,
        left: AtomicU32,
    }
    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("OVERSEER_FAULT").ok()?;
        let mut parts = text.split(':');
        let (point, kind, count) = (parts.next()?, parts.next()?, parts.next()?);
        let left = count.parse().ok().filter(|_| kind == "kill")?;
        Some(Fault { point: point.to_owned(), left: AtomicU32::new(left) })
    });
    let Some(fault) = fault.as_ref().filter(|fault| fault.point == name) else { return };
    if fault.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        let killed = std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
        // SIGKILL needs no answer; whoever comes here could not run `kill`.
        eprintln!("fault point {name}: {killed:?}");
        std::process::abort();
    }
}
