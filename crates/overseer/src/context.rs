//! Where the command line finds its Overseer: a file of mode 0600 with address and token, written at the first start.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::config::make_private;

/// Holds a token, and so is not printed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub address: String,
    pub token: String,
    /// The data directory of the Overseer that wrote it.
    pub data_dir: PathBuf,
}

/// `$OVERSEER_CONTEXT`, or `overseer/context.json` where the user's configuration is.
pub fn file() -> anyhow::Result<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("OVERSEER_CONTEXT")
        .or_else(|| var("XDG_CONFIG_HOME").map(|folder| folder.join("overseer/context.json")))
        .or_else(|| var("HOME").map(|folder| folder.join(".config/overseer/context.json")))
        .context("there is no home directory: set OVERSEER_CONTEXT to a file")
}

pub fn read() -> anyhow::Result<Context> {
    let file = file()?;
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!("no context at `{}`: run `overseer up` on this machine first, or set OVERSEER_CONTEXT", file.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("the context `{}` does not read: remove it", file.display()))
}

pub fn write(context: &Context) -> anyhow::Result<PathBuf> {
    let file = file()?;
    save(context, &file)?;
    Ok(file)
}

fn save(context: &Context, file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    make_private(folder)?;
    let save = || -> anyhow::Result<()> {
        // A temporary file has mode 0600.
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(serde_json::to_string_pretty(context)?.as_bytes())?;
        draft.persist(file)?;
        Ok(())
    };
    save().with_context(|| format!("the context `{}` cannot be written", file.display()))
}

/// Where the context of a first start was written.
pub enum Place {
    Usual(PathBuf),
    /// In the data directory, and why not in the usual place.
    Beside {
        file: PathBuf,
        why: String,
    },
}

/// Keeps the context of a first start. The one of another Overseer that still has its data is not overwritten, and a
/// token that was made is never lost for want of a place.
pub fn write_first(context: &Context) -> anyhow::Result<Place> {
    let other = read().ok().filter(|known| known.data_dir != context.data_dir && known.data_dir.is_dir());
    let why = match other {
        Some(_) => "The usual place has the context of another Overseer, which is kept".to_owned(),
        None => match write(context) {
            Ok(file) => return Ok(Place::Usual(file)),
            Err(error) => error.to_string(),
        },
    };
    let file = context.data_dir.join("context.json");
    save(context, &file)?;
    Ok(Place::Beside { file, why })
}

/// Follows a changed `--listen`: the context of this very Overseer gets the new address.
pub fn follow(address: &str, data_dir: &Path) -> anyhow::Result<()> {
    match read() {
        Ok(known) if known.data_dir == data_dir && known.address != address => {
            write(&Context { address: address.to_owned(), ..known }).map(drop)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
