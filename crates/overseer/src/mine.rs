//! `overseer signatures mine`: the signatures of any file, with nothing else running.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use overseer_signatures::{Joiner, Limits, Miner, Role, Signature, SignatureId};

use crate::show;

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Signatures with their counts, the most frequent first. A stack trace counts as one line.
    Table,
    /// The same as JSON.
    Json,
    /// Each line with its signature.
    Csv,
}

/// Longer lines are cut: what comes after tells nothing of their signature. Bytes.
const LONGEST_LINE: u64 = 64 * 1024;
const CHUNK: usize = 1 << 20;
/// How often progress is told on a terminal.
const PROGRESS: Duration = Duration::from_millis(500);

pub fn mine(files: &[PathBuf], form: Form, limit: usize) -> anyhow::Result<()> {
    let mut mining = Mining::new(form, limit);
    for file in files {
        mining.file(file)?;
    }
    mining.finish()
}

struct Mining {
    form: Form,
    miner: Miner,
    /// The signature of each line as it was first told; kept for CSV only.
    lines: Vec<SignatureId>,
    count: u64,
    started: Instant,
    told: Instant,
    terminal: bool,
}

impl Mining {
    fn new(form: Form, limit: usize) -> Self {
        let miner = Miner::new(Limits { signatures: limit });
        let now = Instant::now();
        let terminal = io::stderr().is_terminal();
        Self { form, miner, lines: vec![], count: 0, started: now, told: now, terminal }
    }

    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        if path == Path::new("-") {
            return self
                .read(&mut BufReader::with_capacity(CHUNK, io::stdin().lock()))
                .context("standard input cannot be read");
        }
        let name = show::plain(&path.display().to_string());
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        if file.metadata().is_ok_and(|data| data.is_dir()) {
            bail!("{name} is a folder: pass its files, for example {name}/*.log");
        }
        self.read(&mut BufReader::with_capacity(CHUNK, file)).with_context(|| format!("{name} cannot be read"))
    }

    fn read(&mut self, input: &mut impl BufRead) -> io::Result<()> {
        let mut joiner = Joiner::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.last() != Some(&b'\n') && line.len() as u64 == LONGEST_LINE {
                input.skip_until(b'\n')?;
            }
            self.line(&line, &mut joiner);
        }
    }

    fn line(&mut self, line: &[u8], joiner: &mut Joiner) {
        self.count += 1;
        match self.form {
            Form::Csv => self.lines.push(self.miner.observe(line).signature),
            Form::Table | Form::Json => {
                if joiner.feed(line) == Role::Head {
                    self.miner.observe(line);
                }
            }
        }
        if self.terminal && self.count.is_multiple_of(1 << 16) && self.told.elapsed() > PROGRESS {
            self.told = Instant::now();
            eprint!("\rlines: {}, signatures: {}", self.count, self.miner.len());
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        let seconds = self.started.elapsed().as_secs_f64();
        if self.terminal {
            eprint!("\r");
        }
        eprintln!("lines: {}, signatures: {}, seconds: {seconds:.1}", self.count, self.miner.len());
        let mut out = BufWriter::new(io::stdout().lock());
        let written = match self.form {
            Form::Csv => csv(&self.miner, &self.lines, &mut out),
            Form::Table => writeln!(out, "{}", show::signatures(&sorted(&self.miner))),
            Form::Json => serde_json::to_writer_pretty(&mut out, &sorted(&self.miner))
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out)),
        };
        match written.and_then(|()| out.flush()) {
            // Whoever reads has seen enough, as in `| head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("the output cannot be written"),
        }
    }
}

fn sorted(miner: &Miner) -> Vec<Signature> {
    let mut signatures: Vec<Signature> = miner.signatures().collect();
    signatures.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
    signatures
}

fn csv(miner: &Miner, lines: &[SignatureId], out: &mut BufWriter<StdoutLock<'_>>) -> io::Result<()> {
    writeln!(out, "line,signature,template")?;
    let mut templates = std::collections::HashMap::new();
    for (index, id) in lines.iter().enumerate() {
        let id = miner.resolve(*id);
        let template = templates
            .entry(id)
            .or_insert_with(|| miner.signature(id).map_or_else(String::new, |signature| cell(&signature.template)));
        writeln!(out, "{},{id},{template}", index + 1)?;
    }
    Ok(())
}

/// A cell of CSV (RFC 4180) that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{formula}{}\"", text.replace('"', "\"\""))
}
