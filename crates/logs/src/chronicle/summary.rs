//! Log Summary Documents: what is left of a month of a workload's logs. Pure; the time, the counts and the incidents are
//! given.

use std::ops::Range;

use overseer_contract::{to_timestamp, v1};
use overseer_logstore::Rank;
use overseer_model::{Site, Timestamp};
use overseer_signatures::{PublicForm, SignatureId};

use super::month::{Day, Month};
use crate::wire::log_severity;

/// Signatures in a document, and incidents.
const MOST: usize = 500;
const MOST_SILENCES: usize = 50;
const HOURS: i64 = 24;
const HOUR: i64 = 3_600_000_000;

/// What was counted of one signature on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCount {
    pub day: Day,
    pub signature: SignatureId,
    pub form: PublicForm,
    pub severity: u8,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub seen: i64,
    /// A bit for each hour in which it was seen.
    pub hours: i64,
}

/// An incident of the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub id: String,
    pub opened_at: Timestamp,
    pub title: String,
}

/// Writes the document of a month. `counts` are of this workload and month, `incidents` were opened in it.
pub fn summarize(
    (site, workload): (&Site, &str),
    month: Month,
    counts: &[DayCount],
    incidents: &[Linked],
    now: Timestamp,
) -> v1::LogSummary {
    let events_per_day = per_day(month, counts.iter());
    let mut signatures = signatures(month, counts, &observed(&events_per_day));
    let left_out = signatures.len().saturating_sub(MOST);
    signatures.truncate(MOST);
    let linked = incidents.iter().take(MOST).map(|incident| v1::LogSummaryIncident {
        id: incident.id.clone(),
        opened_at: Some(to_timestamp(incident.opened_at)),
        title: incident.title.clone(),
    });
    v1::LogSummary {
        site: site.to_string(),
        workload: workload.to_owned(),
        month: month.to_string(),
        from: Some(to_timestamp(month.first().begin())),
        until: Some(to_timestamp(month.next().first().begin())),
        written_at: Some(to_timestamp(now)),
        events: counts.iter().map(|count| count.seen.unsigned_abs()).sum(),
        events_per_day,
        signatures,
        signatures_left_out: left_out as u64,
        incidents: linked.collect(),
        silences: silences(month, counts),
    }
}

/// The worst first, then the most frequent.
fn signatures(month: Month, counts: &[DayCount], observed: &Range<usize>) -> Vec<v1::LogSummarySignature> {
    let mut counts: Vec<&DayCount> = counts.iter().collect();
    counts.sort_by_key(|count| (count.signature, count.day));
    let mut signatures: Vec<v1::LogSummarySignature> = counts
        .chunk_by(|one, other| one.signature == other.signature)
        .filter_map(|days| signature(month, days, observed))
        .collect();
    signatures.sort_by(|one, other| {
        (other.severity, other.count).cmp(&(one.severity, one.count)).then_with(|| one.id.cmp(&other.id))
    });
    signatures
}

/// The days of one signature, in order.
fn signature(month: Month, days: &[&DayCount], observed: &Range<usize>) -> Option<v1::LogSummarySignature> {
    let last = days.last()?;
    let first_seen = days.iter().map(|day| day.first_seen).min()?;
    let last_seen = days.iter().map(|day| day.last_seen).max()?;
    let severity = days.iter().map(|day| day.severity).max()?;
    let per_day = per_day(month, days.iter().copied());
    Some(v1::LogSummarySignature {
        id: last.signature.to_string(),
        public_form: last.form.to_string(),
        severity: log_severity(Rank(severity)).into(),
        count: per_day.iter().sum(),
        first_seen: Some(to_timestamp(first_seen)),
        last_seen: Some(to_timestamp(last_seen)),
        trend: trend(per_day.get(observed.clone()).unwrap_or_default()).into(),
        per_day,
    })
}

fn per_day<'a>(month: Month, counts: impl Iterator<Item = &'a DayCount>) -> Vec<u64> {
    let mut days = vec![0; usize::try_from(month.days()).unwrap_or_default()];
    for count in counts {
        let place = usize::try_from(count.day.0 - month.first().0).ok().and_then(|at| days.get_mut(at));
        if let Some(place) = place {
            *place += count.seen.unsigned_abs();
        }
    }
    days
}

/// From the first to the last day of which anything is known: a workload may be there for a part of the month.
fn observed(events_per_day: &[u64]) -> Range<usize> {
    let logs = |events: &u64| *events > 0;
    let first = events_per_day.iter().position(logs).unwrap_or_default();
    first..events_per_day.iter().rposition(logs).map_or(first, |last| last + 1)
}

/// The second half of the days beside the first.
fn trend(per_day: &[u64]) -> v1::LogTrend {
    let (before, after) = per_day.split_at(per_day.len() / 2);
    // Of a month with an odd number of days the halves differ by one; each is weighed by the other's length.
    let weigh = |days: &[u64], other: &[u64]| days.iter().sum::<u64>().saturating_mul(other.len() as u64);
    let (before, after) = (weigh(before, after), weigh(after, before));
    if after.saturating_mul(2) > before.saturating_mul(3) {
        v1::LogTrend::Rising
    } else if after.saturating_mul(3) < before.saturating_mul(2) {
        v1::LogTrend::Falling
    } else {
        v1::LogTrend::Steady
    }
}

/// Times between two events in which the workload was silent for at least an hour and for much longer than it usually
/// is: five times the median of its silences. One that logs every hour is never silent.
fn silences(month: Month, counts: &[DayCount]) -> Vec<v1::LogSilence> {
    let mut active: Vec<i64> = counts
        .iter()
        .flat_map(|count| (0..HOURS).filter(|hour| count.hours & 1 << hour != 0).map(|hour| count.day.0 * HOURS + hour))
        .collect();
    active.sort_unstable();
    active.dedup();
    let pauses: Vec<(i64, i64)> = active
        .windows(2)
        .filter_map(|pair| match *pair {
            [one, next] => Some((one + 1, next - one - 1)),
            _ => None,
        })
        .collect();
    let mut lengths: Vec<i64> = pauses.iter().map(|(_, length)| *length).collect();
    lengths.sort_unstable();
    let usual = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    let mut long: Vec<(i64, i64)> =
        pauses.into_iter().filter(|(_, length)| *length >= 1 && *length > 5 * usual).collect();
    long.sort_by_key(|(from, length)| (-length, *from));
    long.truncate(MOST_SILENCES);
    let at = |hour: i64| Some(to_timestamp(Timestamp::from_micros(hour * HOUR)));
    let bounds = month.first().0 * HOURS..=month.next().first().0 * HOURS;
    long.into_iter()
        .filter(|(from, length)| bounds.contains(from) && bounds.contains(&(from + length)))
        .map(|(from, length)| v1::LogSilence { from: at(from), until: at(from + length) })
        .collect()
}

#[cfg(test)]
mod tests {
    use overseer_signatures::public_form;

    use super::*;

    const AUGUST: &str = "2026-08";

    fn count(day: i64, signature: u64, seen: i64, hours: i64) -> DayCount {
        let day = Day(AUGUST.parse::<Month>().unwrap().first().0 + day);
        DayCount {
            day,
            signature: SignatureId(signature),
            form: public_form("took <*> ms"),
            severity: u8::try_from(signature).unwrap(),
            first_seen: day.begin(),
            last_seen: day.begin(),
            seen,
            hours,
        }
    }

    fn of(counts: &[DayCount]) -> v1::LogSummary {
        let site = "home".parse().unwrap();
        summarize((&site, "shop/web"), AUGUST.parse().unwrap(), counts, &[], Timestamp::from_micros(7))
    }

    #[test]
    fn counts_are_told_by_day_and_signature() {
        let summary = of(&[count(0, 3, 10, 1), count(30, 3, 5, 1), count(2, 6, 1, 1)]);
        assert_eq!((summary.events, summary.events_per_day.len()), (16, 31));
        let counts: Vec<_> = summary.signatures.iter().map(|one| (one.count, one.severity)).collect();
        assert_eq!(counts, [(1, 6), (15, 3)], "the worst first");
        assert_eq!(summary.signatures[1].per_day[30], 5);
        assert_eq!(
            (summary.month.as_str(), summary.until.unwrap().to_string().as_str()),
            (AUGUST, "2026-09-01T00:00:00Z")
        );
    }

    #[test]
    fn a_trend_is_told() {
        let trend = |days: &[(i64, i64)]| {
            let counts: Vec<_> = days.iter().map(|(day, seen)| count(*day, 1, *seen, 1)).collect();
            of(&counts).signatures[0].trend()
        };
        assert_eq!(trend(&[(0, 10), (30, 10)]), v1::LogTrend::Steady);
        assert_eq!(trend(&[(0, 10), (30, 30)]), v1::LogTrend::Rising);
        assert_eq!(trend(&[(0, 30), (30, 10)]), v1::LogTrend::Falling);
    }

    #[test]
    fn a_workload_that_came_late_is_no_trend() {
        let since_the_twentieth: Vec<_> = (20..30).map(|day| count(day, 1, 10, 1)).collect();
        assert_eq!(of(&since_the_twentieth).signatures[0].trend(), v1::LogTrend::Steady);
        assert_eq!(of(&since_the_twentieth[..1]).signatures[0].trend(), v1::LogTrend::Steady);
        let mut with_news = since_the_twentieth;
        with_news.push(count(29, 2, 10, 1));
        let trends: Vec<_> = of(&with_news).signatures.iter().map(v1::LogSummarySignature::trend).collect();
        assert_eq!(trends, [v1::LogTrend::Rising, v1::LogTrend::Steady]);
    }

    #[test]
    fn silence_is_told_when_it_is_unlike_the_workloads_habit() {
        let all_day = (1 << 24) - 1;
        let mut steady: Vec<_> = (0..31).map(|day| count(day, 1, 24, all_day)).collect();
        assert!(of(&steady).silences.is_empty());
        steady[4].hours = all_day & !0b1110;
        let gaps = of(&steady).silences;
        let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
        assert_eq!(gap.from.unwrap().to_string(), "2026-08-05T01:00:00Z");
        assert_eq!(gap.until.unwrap().to_string(), "2026-08-05T04:00:00Z");
        let nightly: Vec<_> = (0..31).filter(|day| *day != 9).map(|day| count(day, 1, 1, 8)).collect();
        assert!(of(&nightly).silences.is_empty(), "a day more is not five times the usual");
        let nightly: Vec<_> = (0..31).filter(|day| !(9..16).contains(day)).map(|day| count(day, 1, 1, 8)).collect();
        assert_eq!(of(&nightly).silences.len(), 1);
    }

    #[test]
    fn a_document_is_bounded() {
        let counts: Vec<_> = (0..255)
            .flat_map(|n| {
                (0..4).map(move |day| DayCount {
                    signature: SignatureId(n * 7 + day),
                    ..count(i64::try_from(day).unwrap(), 1, 1, 1)
                })
            })
            .collect();
        let summary = of(&counts);
        assert_eq!(summary.signatures.len() as u64 + summary.signatures_left_out, 1_020);
        assert_eq!(summary.signatures.len(), MOST);
    }
}
