//! From lines in memory to the bytes of a segment.

use std::collections::BTreeMap;
use std::io;

use crate::manifest::{ResourceShare, Segment};
use crate::parquet::FileWriter;
use crate::part::Part;
use crate::segment::{Lines, write_block};
use crate::types::Nanos;

/// How segments are written.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Payload after which a new block of a segment begins: what a search for a short time reads at least.
    pub block_bytes: usize,
    /// zstd level.
    pub level: i32,
}

/// Payload below which a segment is worth more effort: it costs milliseconds, and has little to learn from.
const SMALL: usize = 4 << 20;
const SMALL_LEVEL: i32 = 19;

/// Place of a line in a part, by time, then by arrival.
type Place = (i64, u32, u32);

fn places(part: &Part) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::with_capacity(part.lines);
    for (number, chunk) in part.chunks.iter().enumerate() {
        places.extend(chunk.times.iter().enumerate().map(|(line, time)| (*time, number as u32, line as u32)));
    }
    // Containers are followed side by side, so neighbours are often exchanged, but seldom far.
    if !places.is_sorted() {
        places.sort();
    }
    places
}

/// The segment of `part` with the bytes of its file.
pub fn seal(part: &Part, form: Form) -> io::Result<(Segment, Vec<u8>)> {
    let mut segment = describe(part);
    let level = if part.payload < SMALL { SMALL_LEVEL.max(form.level) } else { form.level };
    let mut file = FileWriter::new(level)?;
    let places = places(part);
    let mut rest = places.as_slice();
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(block_len(part, rest, form.block_bytes));
        write_block(&lines(part, block), &mut file)?;
        rest = behind;
    }
    let bytes = file.finish(&segment.about());
    segment.stored = bytes.len() as u64;
    Ok((segment, bytes))
}

fn text_of(part: &Part, place: Place) -> &[u8] {
    part.chunks.get(place.1 as usize).map(|chunk| chunk.line(place.2 as usize)).unwrap_or_default()
}

/// How many lines the next block has. Lines of one time stay together: their order is counted within a block.
fn block_len(part: &Part, places: &[Place], most: usize) -> usize {
    let mut bytes = 0;
    let mut before = None;
    for (at, place) in places.iter().enumerate() {
        if bytes >= most && before != Some(place.0) {
            return at;
        }
        bytes += text_of(part, *place).len() + 1;
        before = Some(place.0);
    }
    places.len()
}

fn lines<'a>(part: &'a Part, places: &[Place]) -> Lines<'a> {
    let of = |column: fn(&crate::part::Chunk) -> &Vec<u32>| -> Vec<u32> {
        let value =
            |place: &Place| part.chunks.get(place.1 as usize).and_then(|chunk| column(chunk).get(place.2 as usize));
        places.iter().map(|place| value(place).copied().unwrap_or(0)).collect()
    };
    Lines {
        times: places.iter().map(|place| place.0).collect(),
        sources: of(|chunk| &chunk.sources),
        classes: of(|chunk| &chunk.classes),
        texts: places.iter().map(|place| text_of(part, *place)).collect(),
        source_names: part.tables.sources.clone(),
        class_values: part.tables.classes.clone(),
    }
}

/// All but the size of the file.
fn describe(part: &Part) -> Segment {
    let none =
        || ResourceShare { resource: String::new(), lines: 0, payload: 0, earliest: Nanos::MAX, latest: Nanos::MIN };
    let mut by_source: Vec<ResourceShare> = part.tables.sources.iter().map(|_| none()).collect();
    for chunk in &part.chunks {
        for (line, (source, time)) in chunk.sources.iter().zip(&chunk.times).enumerate() {
            if let Some(share) = by_source.get_mut(*source as usize) {
                share.lines += 1;
                share.payload += chunk.line(line).len() as u64 + 1;
                share.earliest = share.earliest.min(Nanos(*time));
                share.latest = share.latest.max(Nanos(*time));
            }
        }
    }
    let mut resources: BTreeMap<&str, ResourceShare> = BTreeMap::new();
    for ((resource, _), share) in part.tables.sources.iter().zip(by_source) {
        let all =
            resources.entry(resource).or_insert_with(|| ResourceShare { resource: resource.to_string(), ..none() });
        all.lines += share.lines;
        all.payload += share.payload;
        all.earliest = all.earliest.min(share.earliest);
        all.latest = all.latest.max(share.latest);
    }
    Segment {
        name: name(part),
        group: part.partition.group.clone(),
        day: part.partition.day,
        first: part.first,
        through: part.through,
        lines: part.lines as u64,
        payload: part.payload as u64,
        stored: 0,
        earliest: part.earliest,
        latest: part.latest,
        resources: resources.into_values().collect(),
    }
}

/// `<group>/<day>/<first commit>-<last commit>.parquet`, with a group's name in letters that every store allows.
fn name(part: &Part) -> String {
    let mut group = String::new();
    for byte in part.partition.group.0.bytes().take(64) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => group.push(char::from(byte)),
            other => group.push_str(&format!("={other:02x}")),
        }
    }
    if part.partition.group.0.len() > 64 || group.is_empty() {
        group.push_str(&format!("=.{:08x}", crc32fast::hash(part.partition.group.0.as_bytes())));
    }
    format!("{group}/{:05}/{:012}-{:012}.parquet", part.partition.day.0, part.first, part.through)
}
