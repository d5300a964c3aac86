//! The engine's times: RFC 3339 in its answers, seconds with nanoseconds in the parameters of `/events`.

use overseer_model::Timestamp;

/// Reads RFC 3339; `None` when it is not, or is the engine's "never", the year 1.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    read_nanos(text).map(|nanos| Timestamp::from_micros(nanos.div_euclid(1_000)))
}

/// The same with all its digits: nanoseconds since 1970. The years that fit are 1678 to 2262.
pub(crate) fn read_nanos(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let mut clock = clock.splitn(3, ':');
    let (hour, minute) = (clock.next()?.parse::<i64>().ok()?, clock.next()?.parse::<i64>().ok()?);
    let (second, fraction) = clock.next().map(|text| text.split_once('.').unwrap_or((text, "")))?;
    let second = second.parse::<i64>().ok()?;
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if year <= 1 || year > 9999 || !fits {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s(zone)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos(fraction)?)
}

/// The first nine digits of a fraction of a second.
fn nanos(fraction: &str) -> Option<i64> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    nine.parse().ok()
}

/// Seconds east of UTC: `Z`, `+02:00`, `-03:30`.
fn offset_s(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// Days since the epoch of a civil date. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let yoe = year.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// As `since` of `/logs` takes it.
pub(crate) fn write_nanos(nanos: i64) -> String {
    let nanos = nanos.max(0);
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// As `since` and `until` take it.
pub(crate) fn write(time: Timestamp) -> String {
    let micros = time.micros().max(0);
    format!("{}.{:06}000", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_engines_write() {
        let read = |text| read(text).map(Timestamp::micros);
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(read("2000-02-29T00:00:00.123456789Z"), Some(951_782_400_123_456));
        assert_eq!(read("2026-11-21T07:04:03.1+02:00"), Some(1_795_237_443_100_000));
        assert_eq!(read("2026-11-21T01:34:03-03:30"), Some(1_795_237_443_000_000));
        for none in [
            "0001-01-01T00:00:00Z",
            "",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2026-11-21T00:00:00",
            "2026-11-21T00:00:00.-1Z",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn writes_what_it_read() {
        assert_eq!(write(Timestamp::from_micros(1_795_237_443_000_120)), "1795237443.000120000");
    }
}
