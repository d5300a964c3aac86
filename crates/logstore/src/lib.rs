//! Log lines in compressed columnar segments, template by template.
//!
//! A [`Store`] takes lines in commits that are durable when they return, keeps them in memory and in a write-ahead file
//! until there are enough of them, and then seals them into a segment: one Parquet file for a day of UTC and a [`Group`].
//! Searches see every line from its commit on. Time is always the caller's: the store reads no clock.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! use overseer_logstore::{Config, Group, MarkKey, Nanos, Objects, Query, Rank, Record, Signature, Store, Stream, Text};
//!
//! let objects = Objects::directory(&folder.path().join("segments"))?;
//! let (store, report) = Store::open(&folder.path().join("open"), objects, Config::default())?;
//! assert_eq!(report.recovered, 0);
//!
//! let line = Record {
//!     time: Nanos(1_772_323_200_000_000_000),
//!     resource: "web",
//!     instance: "3f2a91",
//!     stream: Stream::Stderr,
//!     severity: Rank(4),
//!     signature: Signature(17),
//!     text: b"upstream 10.0.0.7:8080 refused request 4711 after 12 ms",
//! };
//! let read_to = (MarkKey("web".to_owned()), b"byte 4096".to_vec());
//! store.append(&[(&Group("host".to_owned()), &[line])], &[read_to])?;
//!
//! let text = Some(Text::Literal(b"request 4711".to_vec()));
//! let page = store.read(&Query { text, min_severity: Rank(3), ..Query::default() })?;
//! assert_eq!(page.lines[0].text, line.text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **Bytes.** Every line comes back byte for byte, whatever it holds, with its time, source, stream, severity and
//!   signature. Lines come in the order of their time, those of one time in the order of their commits.
//! - **Once.** What [`Store::append`] acknowledged is there exactly once, whenever the process ends; lines and marks of a
//!   call are there together or not at all. A follower that resumes from its mark loses and repeats nothing.
//! - **Damage.** A segment that cannot be read is named, with the reason, in [`OpenReport`] and [`Page`], and left alone;
//!   all else stays readable. No content of a file makes the reader panic or use memory beyond what its length can hold.
//! - **Full disk.** An append that finds no room says so and keeps nothing; a segment that finds none leaves its lines
//!   where they were. Both work again once there is room.
//! - **Bounds.** Lines have at most [`Config::record_bytes`], pages the lines and bytes that the [`Query`] says, and
//!   memory is bounded by [`Config::unsealed_bytes`] and [`Config::segment_bytes`].
//!
//! # How a segment is built
//!
//! A line is cut into constant text and slots by a hand-written tokenizer: numbers, fixed-point decimals, times of day,
//! IPv4, hexadecimal digits, UUIDs, words. Lines with the same constants and kinds of slots have one *layout*; words that
//! never change become part of it. A block (a row group) holds the lines of some time, layout by layout, and each row of
//! it is one *part* of a layout with all its values in a list: so that like values lie together, and a search reads only
//! the slots that it needs. The column `what` says `<layout> <part> <kind> <refer>`:
//!
//! | part | lists |
//! |---|---|
//! | `template` | `text`: the constants around the slots; `num`: the number of lines |
//! | `time` | nanoseconds since 1970 over the unit in `refer`, each as difference to the line before |
//! | `tie` | order among lines of one time; left out when all are 0 |
//! | `source`, `class` | number in the block's rows `sources` (pairs of resource and instance) and `classes` (triples of stream, severity and signature) |
//! | 0, 1, ... | the values of a slot |
//!
//! A list of one value holds for all lines. `refer` says what the list is: with `#` a table whose entries `code` numbers,
//! with `@<part>` a table for the codes of that part, else the values, where numbers are counted from: `-` from zero, `previous` from the line before, `day` from the time
//! of day of the line, `epoch<n>` from the line's time in units of n nanoseconds. Differences are zigzag-coded: 0, -1, 1,
//! -2. Numbers are in `code` when all of them fit, else in `num`.
//!
//! This program (it is a test) gives all lines of a segment back, with nothing but PyArrow; DuckDB reads the same rows:
//!
//! ```python
//! import sys, uuid
//! from itertools import accumulate
//! import pyarrow.parquet as pq
//!
//! def show(kind, value):
//!     name = kind.rstrip("0123456789")
//!     digits = int(kind[len(name):] or 0)
//!     if name in ("line", "word"): return value
//!     if name == "uuid": return str(uuid.UUID(bytes=value)).encode()
//!     if name in ("hex", "HEX"):
//!         text = value.hex() if isinstance(value, bytes) else f"{value & 2**64 - 1:0{digits}x}"
//!         return (text.upper() if name == "HEX" else text).encode()
//!     whole, rest = divmod(value, 10**digits)
//!     fraction = f"{rest:0{digits}}" if digits else ""
//!     if name == "dec": return f"{whole}.{fraction}".encode()
//!     if name == "pad": return f"{value:0{digits}}".encode()
//!     if name == "ip": return ".".join(str(byte) for byte in value.to_bytes(4, "big")).encode()
//!     if name == "spaces": return b" " * value
//!     if name == "int": return str(value).encode()
//!     clock = f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
//!     return (clock + name[-1] + fraction if digits else clock).encode()
//!
//! def values(parts, part, times):
//!     (kind, refer), row = parts[part][:2], parts[part][2]
//!     code = parts[refer[1:]][2]["code"] if refer[0] == "@" else row["code"]
//!     table = row["text"] or row["num"] or row["wide"]
//!     found = [table[at] for at in code] if table and code else table or code
//!     found = found * len(times) if len(found) == 1 else found
//!     if refer[0] in "-#@": return found
//!     found = [(value & 2**64 - 1) >> 1 ^ -(value & 1) for value in found]
//!     if part == "time": return [time * int(refer[5:]) for time in accumulate(found)]
//!     if refer == "previous": return list(accumulate(found))
//!     unit = 10 ** (9 - int(kind[6:])) if refer == "day" else int(refer[5:])
//!     return [(time % 86_400_000_000_000 if refer == "day" else time) // unit + value for time, value in zip(times, found)]
//!
//! for group in range(pq.ParquetFile(sys.argv[1]).num_row_groups):
//!     layouts = {}
//!     for row in pq.ParquetFile(sys.argv[1]).read_row_group(group).to_pylist():
//!         layout, *what = row["what"].split(" ")
//!         if what: layouts.setdefault(layout, {})[what[0]] = (what[1], what[2], row)
//!     for parts in layouts.values():
//!         constants, count = parts["template"][2]["text"], parts["template"][2]["num"][0]
//!         times = values(parts, "time", [0] * count)
//!         slots = [[show(parts[str(at)][0], value) for value in values(parts, str(at), times)] for at in range(len(constants) - 1)]
//!         for time, *shown in zip(times, *slots):
//!             text = constants[0] + b"".join(value + constant for value, constant in zip(shown, constants[1:]))
//!             sys.stdout.buffer.write(b"%d " % time + text + b"\n")
//! ```

mod automaton;
mod codec;
mod error;
mod hash;
mod manifest;
mod objects;
mod parquet;
mod part;
mod query;
mod scan;
mod seal;
pub mod segment;
mod shape;
mod store;
mod types;
mod wal;

pub use error::StoreError;
pub use manifest::{ResourceShare, Segment};
pub use objects::{Bucket, Keys, Objects};
pub use query::{Aside, Cursor, Filter, LookedAt, Order, Page, Query, Text};
pub use store::{Config, Look, OpenReport, Selector, Store};
pub use types::{Ack, Day, Group, Line, MAX_NAME, MarkKey, Nanos, Rank, Record, Signature, Stream};
