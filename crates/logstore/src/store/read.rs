//! Answers queries: over the segments that may hold wanted lines, and over what is in memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::{Store, lock};
use crate::error::StoreError;
use crate::manifest::Segment;
use crate::objects::Objects;
use crate::part::Part;
use crate::query::{Aside, Cursor, Key, Order, Page, Query};
use crate::scan::{Wanted, in_memory, in_segment};
use crate::segment::{ReadError, Source};
use crate::types::{Line, Nanos};

/// The store as it was at one moment, for one query. Later commits are not in it.
pub struct Look<'a> {
    store: &'a Store,
    wanted: Wanted<'a>,
    places: Vec<Place>,
    page: Page,
}

impl Look<'_> {
    /// Answers the query.
    #[must_use]
    pub fn read(self) -> Page {
        let Self { store, mut wanted, mut places, mut page } = self;
        let query = wanted.query;
        match query.order {
            Order::NewestFirst => places.sort_by_key(|place| std::cmp::Reverse(place.latest())),
            Order::OldestFirst => places.sort_by_key(Place::earliest),
        }
        let mut found: Vec<(Key, Line)> = Vec::new();
        for place in &places {
            if is_beyond(place, &found, query) {
                page.looked_at.skipped += usize::from(matches!(place, Place::Sealed(_)));
                continue;
            }
            let lines = match place {
                Place::Memory(part) => in_memory(part, &wanted),
                Place::Sealed(segment) => {
                    page.looked_at.segments += 1;
                    page.looked_at.payload += segment.payload;
                    match store.in_sealed(segment, &wanted) {
                        Ok(lines) => lines,
                        Err(why) => {
                            page.aside.extend(why);
                            continue;
                        }
                    }
                }
            };
            if found.is_empty() {
                found = lines;
            } else {
                found.extend(lines);
                sort(&mut found, query.order);
            }
            found.truncate(query.lines);
        }
        wanted.after = None;
        cut(found, query, &mut page);
        page
    }
}

impl Store {
    /// Answers `query`. Lines that are committed while it runs may be missing, all before are there.
    ///
    /// # Errors
    /// When the regular expression cannot be used. A segment that cannot be read is no error: the page names it.
    pub fn read(&self, query: &Query) -> Result<Page, StoreError> {
        Ok(self.look(query)?.read())
    }

    /// Takes hold of what is there now, which is soon done; reading it may take its time. Who keeps commits away
    /// meanwhile knows exactly which commits the answer has.
    ///
    /// # Errors
    /// When the regular expression cannot be used.
    pub fn look<'a>(&'a self, query: &'a Query) -> Result<Look<'a>, StoreError> {
        let wanted = Wanted::new(query)?;
        let mut page = Page::default();
        let places = self.places(&wanted, &mut page)?;
        Ok(Look { store: self, wanted, places, page })
    }

    /// What may hold wanted lines.
    fn places(&self, wanted: &Wanted, page: &mut Page) -> Result<Vec<Place>, StoreError> {
        let state = lock(&self.state)?;
        let mut places = Vec::new();
        for segment in state.manifest.segments.values() {
            if !wanted.query.has_group(&segment.group) || !wanted.overlaps(segment.earliest, segment.latest) {
                page.looked_at.skipped += 1;
            } else if let Some(why) = state.aside.get(&segment.name) {
                page.aside.push(Aside { name: segment.name.clone(), why: why.clone() });
            } else if segment.resources.iter().any(|share| {
                wanted.query.has_resource(&share.resource) && wanted.overlaps(share.earliest, share.latest)
            }) {
                places.push(Place::Sealed(segment.clone()));
            } else {
                page.looked_at.skipped += 1;
            }
        }
        let open = state.open.values().cloned().map(Arc::new);
        for part in open.chain(state.frozen.iter().cloned()) {
            if wanted.query.has_group(&part.partition.group) && wanted.overlaps(part.earliest, part.latest) {
                places.push(Place::Memory(part));
            }
        }
        Ok(places)
    }

    /// `Err` says what to tell of the segment, if anything.
    fn in_sealed(&self, segment: &Segment, wanted: &Wanted) -> Result<Vec<(Key, Line)>, Option<Aside>> {
        let source = Object::new(&self.objects, segment).map_err(|error| self.set_aside(segment, &error))?;
        in_segment(&source, &Arc::new(segment.partition()), segment.first, wanted)
            .map(|(lines, _)| lines)
            .map_err(|error| self.set_aside(segment, &error))
    }

    /// Remembers a segment that is damaged. One that was deleted meanwhile is nothing to tell.
    fn set_aside(&self, segment: &Segment, error: &ReadError) -> Option<Aside> {
        let mut why = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            why.push_str(&format!(": {error}"));
            cause = error.source();
        }
        let mut state = self.state.lock().ok()?;
        if !state.manifest.segments.contains_key(&segment.name) {
            return None;
        }
        if matches!(error, ReadError::Corrupt(_)) {
            state.aside.insert(segment.name.clone(), why.clone());
        }
        Some(Aside { name: segment.name.clone(), why })
    }
}

/// Where lines may be.
enum Place {
    Memory(Arc<Part>),
    Sealed(Arc<Segment>),
}

impl Place {
    fn earliest(&self) -> Nanos {
        match self {
            Self::Memory(part) => part.earliest,
            Self::Sealed(segment) => segment.earliest,
        }
    }

    fn latest(&self) -> Nanos {
        match self {
            Self::Memory(part) => part.latest,
            Self::Sealed(segment) => segment.latest,
        }
    }
}

fn sort(found: &mut [(Key, Line)], order: Order) {
    match order {
        Order::OldestFirst => found.sort_by(|a, b| a.0.cmp(&b.0)),
        Order::NewestFirst => found.sort_by(|a, b| b.0.cmp(&a.0)),
    }
}

/// Whether the page is full of lines that come before all of `place`.
fn is_beyond(place: &Place, found: &[(Key, Line)], query: &Query) -> bool {
    let Some((last, _)) = found.last() else { return false };
    let bytes: usize = found.iter().map(|(_, line)| line.text.len()).sum();
    let is_full = found.len() >= query.lines || bytes >= query.bytes;
    is_full
        && match query.order {
            Order::NewestFirst => place.latest().0 < last.time,
            Order::OldestFirst => place.earliest().0 > last.time,
        }
}

/// Fills the page with what fits.
fn cut(mut found: Vec<(Key, Line)>, query: &Query, page: &mut Page) {
    let all = found.len();
    let mut bytes = 0;
    let fit = found.iter().take_while(|(_, line)| {
        bytes += line.text.len();
        bytes <= query.bytes
    });
    let fit = fit.count().max(1);
    found.truncate(fit);
    // Each place gave lines until it had enough, so behind a full page there may be more.
    if found.len() < all || all >= query.lines || bytes >= query.bytes {
        page.next = found.last().map(|(key, _)| Cursor(key.clone()));
    }
    page.lines = found.into_iter().map(|(_, line)| line).collect();
}

/// The bytes of an object.
pub struct Bytes<'a> {
    pub objects: &'a Objects,
    pub name: &'a str,
    pub len: usize,
}

impl Source for Bytes<'_> {
    fn size(&self) -> usize {
        self.len
    }

    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.objects.read(self.name, range).map_err(io::Error::other)
    }
}

/// The bytes of a segment; those of a small one are fetched at once.
enum Object<'a> {
    Whole(Vec<u8>),
    Parts(Bytes<'a>),
}

/// Objects up to this size are fetched whole.
const SMALL: usize = 512 << 10;

impl<'a> Object<'a> {
    fn new(objects: &'a Objects, segment: &'a Segment) -> Result<Self, ReadError> {
        let bytes = Bytes { objects, name: &segment.name, len: segment.stored as usize };
        if bytes.len > SMALL {
            return Ok(Self::Parts(bytes));
        }
        bytes.read(0..bytes.len).map(Self::Whole).map_err(ReadError::Fetch)
    }
}

impl Source for Object<'_> {
    fn size(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Parts(bytes) => bytes.len,
        }
    }

    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        match self {
            Self::Whole(bytes) => bytes.as_slice().read(range),
            Self::Parts(bytes) => bytes.read(range),
        }
    }
}
