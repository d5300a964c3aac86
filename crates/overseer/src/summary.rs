//! Log summaries as people read them, and the check of their signature.

use std::path::Path;

use anyhow::{Context as _, bail};
use overseer_contract::v1 as pb;
use overseer_logs::chronicle::Signed;

use crate::client::Answer;
use crate::show::{listing, plain, table, time, word};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub fn list(answer: &Answer) -> anyhow::Result<String> {
    let pb::ListLogSummariesResponse { summaries, .. } = answer.read()?;
    let row = |head: &pb::LogSummaryHead| {
        let counts = [head.events.to_string(), head.signatures.to_string()];
        let [events, signatures] = counts;
        vec![head.month.clone(), head.workload.clone(), events, signatures, time(head.written_at)]
    };
    let rows: Vec<_> = summaries.iter().map(row).collect();
    Ok(listing(
        "No log summaries. A summary is written before the lines of a month are deleted.",
        &["MONTH", "WORKLOAD", "EVENTS", "SIGNATURES", "WRITTEN"],
        &rows,
    ))
}

pub fn show(answer: &Answer) -> anyhow::Result<String> {
    let signed = answer.read()?;
    print(&signed, None)
}

/// Checks a summary in a file, as `-o json` gives it.
pub fn verify(file: &Path, key: Option<&str>) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let signed = overseer_contract::from_json(&text)
        .with_context(|| format!("{} is not a log summary: save the output of `-o json`", file.display()))?;
    print(&signed, key)
}

fn print(signed: &pb::SignedLogSummary, key: Option<&str>) -> anyhow::Result<String> {
    let pb::SignedLogSummary { document, signature, public_key } = signed.clone();
    let signed = Signed { document, signature, public_key };
    if !signed.holds() {
        bail!("the signature does not match: the summary was changed or damaged");
    }
    if key.is_some_and(|key| !key.eq_ignore_ascii_case(&signed.public_key)) {
        bail!("the summary is signed with another key: {}", plain(&signed.public_key));
    }
    let summary = overseer_contract::from_json(&signed.document).context("the summary has an unsupported version")?;
    Ok(text(&summary, &signed.public_key))
}

fn text(summary: &pb::LogSummary, key: &str) -> String {
    let pb::LogSummary { site, workload, month, events, events_per_day, signatures, incidents, silences, .. } = summary;
    let mut lines = vec![
        format!("{} at {}, {}: {events} events", plain(workload), plain(site), plain(month)),
        format!("written {}; signature valid, key {}", time(summary.written_at), plain(key)),
        String::new(),
        format!("events a day  {}  most: {}", bars(events_per_day), events_per_day.iter().max().unwrap_or(&0)),
        String::new(),
    ];
    let row = |one: &pb::LogSummarySignature| {
        vec![
            one.count.to_string(),
            word(one.severity().as_str_name(), "LOG_SEVERITY_"),
            word(one.trend().as_str_name(), "LOG_TREND_"),
            bars(&one.per_day),
            time(one.first_seen),
            time(one.last_seen),
            one.id.clone(),
            one.public_form.clone(),
        ]
    };
    let head = ["COUNT", "SEVERITY", "TREND", "DAYS", "FIRST", "LAST", "SIGNATURE", "PUBLIC FORM"];
    lines.push(table(&head, &signatures.iter().map(row).collect::<Vec<_>>()));
    if summary.signatures_left_out > 0 {
        lines.push(format!("and {} more signatures", summary.signatures_left_out));
    }
    lines.extend(silences.iter().map(|one| format!("silent from {} to {}", time(one.from), time(one.until))));
    let incident = |one: &pb::LogSummaryIncident| {
        format!("incident {} at {}: {}", plain(&one.id), time(one.opened_at), plain(&one.title))
    };
    lines.extend(incidents.iter().map(incident));
    lines.join("\n")
}

/// A bar for each number, beside the largest. Zero is a blank.
fn bars(numbers: &[u64]) -> String {
    let most = numbers.iter().copied().max().unwrap_or_default().max(1);
    let bar = |number: u64| {
        let height = usize::try_from(number.saturating_mul(BARS.len() as u64).div_ceil(most)).unwrap_or_default();
        height.checked_sub(1).and_then(|at| BARS.get(at).copied()).unwrap_or(' ')
    };
    numbers.iter().copied().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_numbers() {
        assert_eq!(bars(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(bars(&[0, 0]), "  ");
        assert_eq!(bars(&[u64::MAX]).chars().count(), 1);
        assert_eq!(bars(&[]), "");
    }
}
