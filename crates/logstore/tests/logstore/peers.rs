//! Other programs read the segments: the program in the crate's documentation, with PyArrow and with DuckDB.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::{Place, START, everything, group, record};

/// The project's own Python, or the one that `OVERSEER_PYTHON` names.
fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.dev/venv/bin/python");
    let python = std::env::var_os("OVERSEER_PYTHON").map_or(venv, PathBuf::from);
    let imported = Command::new(&python).args(["-c", "import duckdb, pyarrow"]).output();
    let has = imported.is_ok_and(|output| output.status.success());
    assert!(has, "PyArrow or DuckDB is missing: run `./dev setup`");
    python
}

/// The program of the documentation.
fn program() -> String {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let program = source.split("//! ```python\n").nth(1).unwrap().split("//! ```").next().unwrap();
    program
        .lines()
        .map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or("").to_owned() + "\n")
        .collect()
}

/// What the program needs of PyArrow, with DuckDB's reader of Parquet instead.
const DUCKDB: &str = r#"
import duckdb
class pq:
    class ParquetFile:
        def __init__(self, path):
            self.path = path
            told = "select distinct row_group_id, row_group_num_rows from parquet_metadata(?) order by row_group_id"
            self.counts = [count for _, count in duckdb.execute(told, [path]).fetchall()]
            self.num_row_groups = len(self.counts)
        def read_row_group(self, group):
            first = sum(self.counts[:group])
            read = "select * from read_parquet(?, file_row_number = true) where file_row_number between ? and ? order by file_row_number"
            found = duckdb.execute(read, [self.path, first, first + self.counts[group] - 1])
            names = [column[0] for column in found.description]
            self.rows = [dict(zip(names, row)) for row in found.fetchall()]
            return self
        def to_pylist(self): return self.rows
"#;

#[test]
fn pyarrow_gives_every_line_back() {
    gives_every_line_back(&program());
}

#[test]
fn duckdb_gives_every_line_back() {
    let program = program();
    assert!(program.contains(PYARROW));
    gives_every_line_back(&program.replace(PYARROW, DUCKDB));
}

const PYARROW: &str = "import pyarrow.parquet as pq\n";

fn gives_every_line_back(program: &str) {
    let place = Place::new();
    let (store, _) = place.open_with(overseer_logstore::Config { block_bytes: 40_000, ..Default::default() });
    let lines: Vec<String> = (0..1500u64)
        .map(|at| match at % 5 {
            0 => format!(
                "2026-03-01T00:00:{:02}.{:03}Z took {}.{:02} ms from 10.0.{}.9",
                at / 60 % 60,
                at % 1000,
                at,
                at % 100,
                at % 256
            ),
            1 => format!(
                "{{\"time\":{},\"id\":\"{:032x}\",\"n\":{at}}}",
                START / 1_000_000 + at as i64,
                u128::from(at) << 90
            ),
            2 => format!(
                "trace {:016x} {:08X}A {:020x} worker-{}{:>9}|",
                at << 50,
                0xdead_0000 + at,
                at << 30,
                at % 3,
                at
            ),
            3 => format!("host{} job 0{:03} {:08x}-0000-4000-8000-{:012x} \u{fc}", at % 7, at, at * 77, at),
            _ => format!("plain {}", "x".repeat((at % 90) as usize)),
        })
        .collect();
    let records: Vec<_> =
        lines.iter().enumerate().map(|(at, line)| record(START + at as i64 * 1_000_000, line.as_bytes())).collect();
    store.append(&[(&group(), &records)], &[]).unwrap();
    store.seal().unwrap();
    let expected: Vec<String> = store
        .read(&everything())
        .unwrap()
        .lines
        .iter()
        .map(|line| format!("{} {}", line.time.0, String::from_utf8(line.text.clone()).unwrap()))
        .collect();
    let output = Command::new(python()).arg("-c").arg(program).arg(&place.segments()[0]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_by_key(|line| line.split(' ').next().unwrap().parse::<i64>().unwrap());
    assert_eq!(told, expected);
}
