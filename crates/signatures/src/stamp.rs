//! Recognises a time at a place in a line, in the notations that programs use.

pub(crate) struct Stamp {
    /// Where it ends.
    pub end: usize,
    /// `Jun 14 15:16:01`, without a year: what follows is syslog's.
    pub bsd: bool,
    /// `01/Mar/2026:00:00:33 +0000`, an access log's.
    pub clf: bool,
    /// Only a number, which may as well be something else.
    pub bare: bool,
}

/// The time that begins at `at`.
pub(crate) fn stamp(line: &[u8], at: usize) -> Option<Stamp> {
    let plain = |end| Stamp { end, bsd: false, clf: false, bare: false };
    let first = line.get(at)?;
    if first.is_ascii_digit() {
        let digits = line.iter().skip(at).take(14).take_while(|byte| byte.is_ascii_digit()).count();
        let behind = line.get(at + digits)?;
        return match (digits, behind) {
            (1 | 2, b':') => clock(line, at).map(plain),
            (2, b'-' | b'/') => month_day(line, at).map(plain).or_else(|| day_month(line, at)),
            (1 | 2, b' ' | b'-' | b'/') => day_month(line, at),
            (4, b'-' | b'/' | b'.') | (8, _) => dated(line, at).map(plain),
            (6, b' ') => compact(line, at).map(plain),
            (10 | 13, _) => epoch(line, at).map(|end| Stamp { bare: true, ..plain(end) }),
            _ => None,
        };
    }
    if first.is_ascii_alphabetic() && matches!(line.get(at + 3), Some(b' ' | b',')) {
        return named_day(line, at).map(plain).or_else(|| bsd(line, at));
    }
    None
}

/// `hh:mm:ss`, with a fraction and a zone where they follow.
pub(crate) fn clock(line: &[u8], at: usize) -> Option<usize> {
    clock_with(line, at, b':')
}

fn clock_with(line: &[u8], at: usize, separator: u8) -> Option<usize> {
    let hour = numeric(line, at, 1, 2).filter(|&hour| line.get(hour) == Some(&separator))?;
    let minute = numeric(line, hour + 1, 2, 2).or_else(|| numeric(line, hour + 1, 1, 2))?;
    if line.get(minute) != Some(&separator) {
        return None;
    }
    let second = numeric(line, minute + 1, 1, 2)?;
    let fraction = match line.get(second) {
        Some(b'.' | b',' | b':') => numeric(line, second + 1, 1, 9).unwrap_or(second),
        _ => second,
    };
    Some(zone(line, fraction))
}

fn zone(line: &[u8], at: usize) -> usize {
    let rest = line.get(at..).unwrap_or_default();
    match rest {
        [b'Z', ..] => at + 1,
        [b' ', b'U', b'T', b'C', ..] | [b' ', b'G', b'M', b'T', ..] => at + 4,
        [b'+' | b'-', ..] => offset(line, at).unwrap_or(at),
        [b' ', b'+' | b'-', ..] => offset(line, at + 1).unwrap_or(at),
        _ => at,
    }
}

fn offset(line: &[u8], at: usize) -> Option<usize> {
    let hours = numeric(line, at + 1, 2, 2)?;
    let minutes = hours + usize::from(line.get(hours) == Some(&b':'));
    numeric(line, minutes, 2, 2)
}

/// `2026-03-01T00:00:39.241Z`, `2026/03/01 00:00:39`, `2005-06-03-15.42.50.675872`, `20171223-22:15:29:606`, `2005.06.03`.
fn dated(line: &[u8], at: usize) -> Option<usize> {
    let (day, separator) = match numeric(line, at, 8, 8) {
        Some(day) => (day, b' '),
        None => {
            let year = numeric(line, at, 4, 4)?;
            let separator = *line.get(year).filter(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
            let month = numeric(line, year + 1, 2, 2).filter(|&month| line.get(month) == Some(&separator))?;
            (numeric(line, month + 1, 2, 2)?, separator)
        }
    };
    if matches!(line.get(day), Some(b'T' | b' ' | b'-' | b'_' | b':'))
        && let Some(end) = clock(line, day + 1).or_else(|| clock_with(line, day + 1, b'.'))
    {
        return Some(end);
    }
    (separator == b'.' && line.get(day) == Some(&b' ')).then_some(day)
}

/// `03-17 16:13:38.811`
fn month_day(line: &[u8], at: usize) -> Option<usize> {
    let month = numeric(line, at, 2, 2)?;
    let day = numeric(line, month + 1, 2, 2).filter(|_| matches!(line.get(month), Some(b'-' | b'/')))?;
    // `17/06/09 20:10:40` has its year as well.
    let day = match line.get(day) {
        Some(b'-' | b'/') => numeric(line, day + 1, 2, 4)?,
        _ => day,
    };
    clock(line, day + 1).filter(|_| line.get(day) == Some(&b' '))
}

/// `081109 203518`
fn compact(line: &[u8], at: usize) -> Option<usize> {
    let day = numeric(line, at, 6, 6)?;
    let end = numeric(line, day + 1, 6, 6).filter(|_| line.get(day) == Some(&b' '))?;
    (line.get(end) == Some(&b' ')).then_some(end)
}

/// Seconds or milliseconds since 1970, from 2001 on.
fn epoch(line: &[u8], at: usize) -> Option<usize> {
    let seconds = numeric(line, at, 10, 10).or_else(|| numeric(line, at, 13, 13))?;
    let end = match line.get(seconds) {
        Some(b'.') => numeric(line, seconds + 1, 1, 9)?,
        _ => seconds,
    };
    (line.get(at) == Some(&b'1') && line.get(end) == Some(&b' ')).then_some(end)
}

/// `01 Mar 2026 00:00:33.315`, `01/Mar/2026:00:00:33 +0000`
fn day_month(line: &[u8], at: usize) -> Option<Stamp> {
    let day = numeric(line, at, 1, 2)?;
    let separator = *line.get(day).filter(|byte| matches!(byte, b' ' | b'/' | b'-'))?;
    let month = month(line, day + 1).filter(|&month| line.get(month) == Some(&separator))?;
    let year = numeric(line, month + 1, 4, 4)?;
    let end = clock(line, year + 1)?;
    Some(Stamp { end, bsd: false, clf: separator == b'/', bare: false })
}

/// `Sun Dec 04 04:47:44 2005`, `Sun, 04 Dec 2005 04:47:44 GMT`
fn named_day(line: &[u8], at: usize) -> Option<usize> {
    let name = line.get(at..at + 3)?;
    if ![b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].iter().any(|day| day.as_slice() == name) {
        return None;
    }
    if line.get(at + 3) == Some(&b',') {
        return day_month(line, at + 5).map(|stamp| stamp.end);
    }
    let stamp = bsd(line, at + 4)?;
    Some(numeric(line, stamp.end + 1, 4, 4).unwrap_or(stamp.end))
}

/// `Jun 14 15:16:01`, `Jun  1 15:16:01`
fn bsd(line: &[u8], at: usize) -> Option<Stamp> {
    let month = month(line, at).filter(|&month| line.get(month) == Some(&b' '))?;
    let day = month + 1 + usize::from(line.get(month + 1) == Some(&b' '));
    let end = numeric(line, day, 1, 2)?;
    let end = clock(line, end + 1).filter(|_| line.get(end) == Some(&b' '))?;
    Some(Stamp { end, bsd: true, clf: false, bare: false })
}

fn month(line: &[u8], at: usize) -> Option<usize> {
    const NAMES: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let name = line.get(at..at + 3)?;
    NAMES.iter().any(|month| month.as_slice() == name).then_some(at + 3)
}

/// Where a number of `least` to `most` digits ends that begins at `at` and is not longer.
fn numeric(line: &[u8], at: usize, least: usize, most: usize) -> Option<usize> {
    let length = line.get(at..)?.iter().take(most + 1).take_while(|byte| byte.is_ascii_digit()).count();
    (least..=most).contains(&length).then_some(at + length)
}
