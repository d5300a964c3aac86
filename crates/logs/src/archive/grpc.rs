//! `LogService`: lines, signatures and sources, in bounded answers. Who looked at lines is written to the audit chain
//! first.

use overseer_contract::v1::log_service_server::LogService;
use overseer_contract::{from_timestamp, to_timestamp, v1};
use overseer_logstore::{Cursor, Nanos, Query, Rank, Signature, StoreError, Stream, Text};
use overseer_model::Timestamp;
use overseer_runtime::{Code, Page, Problem, caller};
use overseer_signatures::SignatureId;
use overseer_storage::{Db, audit};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::follow::{Answers, Stored, Wish};
use super::{Archive, ArchiveError};
use crate::chronicle::{self, After, Month, Signed};
use crate::sources::{By, Sources};
use crate::wire::log_severity;

/// Most lines or signatures of an answer.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;
/// Most text of an answer. Bytes.
const MOST_BYTES: usize = 1 << 20;
/// The longest regular expression. Bytes.
const LONGEST_PATTERN: usize = 1_000;

pub struct Logs {
    pub archive: Archive,
    pub sources: Sources,
    pub db: Db,
    /// Ends who follows.
    pub stop: CancellationToken,
}

#[tonic::async_trait]
impl LogService for Logs {
    async fn list_log_lines(
        &self,
        request: Request<v1::ListLogLinesRequest>,
    ) -> Result<Response<v1::ListLogLinesResponse>, Status> {
        let actor = caller(&request);
        let asked = request.into_inner();
        let query = query(&asked)?;
        self.remember(&actor, "logs.read", &asked.workload).await?;
        let page = self.archive.read(query).await.map_err(problem)?;
        Ok(Response::new(v1::ListLogLinesResponse {
            lines: page.lines.into_iter().map(line).collect(),
            next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
            unreadable_segments: page.aside.into_iter().map(|aside| aside.name).collect(),
        }))
    }

    type FollowLogLinesStream = Answers;

    async fn follow_log_lines(&self, request: Request<v1::FollowLogLinesRequest>) -> Result<Response<Answers>, Status> {
        let actor = caller(&request);
        let asked = request.into_inner();
        let wish = wish(&asked)?;
        self.remember(&actor, "logs.follow", &asked.workload).await?;
        Ok(Response::new(self.archive.follow(wish, self.stop.clone()).await?))
    }

    async fn list_log_sources(
        &self,
        request: Request<v1::ListLogSourcesRequest>,
    ) -> Result<Response<v1::ListLogSourcesResponse>, Status> {
        let v1::ListLogSourcesRequest { page_size, page_token } = request.into_inner();
        let (sources, next_page_token) = self.sources.list(page_size, &page_token).await?;
        let sources = sources.into_iter().map(Into::into).collect();
        Ok(Response::new(v1::ListLogSourcesResponse { sources, next_page_token }))
    }

    async fn create_log_source(
        &self,
        request: Request<v1::CreateLogSourceRequest>,
    ) -> Result<Response<v1::LogSource>, Status> {
        let by = By(caller(&request));
        let v1::CreateLogSourceRequest { workload, path } = request.into_inner();
        Ok(Response::new(self.sources.add(by, workload, path).await?.into()))
    }

    async fn delete_log_source(
        &self,
        request: Request<v1::DeleteLogSourceRequest>,
    ) -> Result<Response<v1::LogSource>, Status> {
        let by = By(caller(&request));
        let v1::DeleteLogSourceRequest { id } = request.into_inner();
        Ok(Response::new(self.sources.remove(by, &id).await?.into()))
    }

    async fn list_log_signatures(
        &self,
        request: Request<v1::ListLogSignaturesRequest>,
    ) -> Result<Response<v1::ListLogSignaturesResponse>, Status> {
        let actor = caller(&request);
        let v1::ListLogSignaturesRequest { page_size, workload } = request.into_inner();
        let most = size(page_size)?;
        // A template can be a line in disguise.
        self.remember(&actor, "logs.signatures", &workload).await?;
        let listed = chronicle::signatures(&self.db, named(&workload), most).await.map_err(Problem::from)?;
        let ids = listed.iter().map(|one| one.signature).collect();
        let mut templates = self.archive.templates(ids).await.map_err(problem)?;
        let signatures = listed.into_iter().map(|one| v1::LogSignature {
            id: one.signature.to_string(),
            template: templates.remove(&one.signature).unwrap_or_else(|| one.form.into()),
            severity: log_severity(Rank(one.severity)).into(),
            count: one.seen.unsigned_abs(),
            first_seen: Some(to_timestamp(one.first_seen)),
            last_seen: Some(to_timestamp(one.last_seen)),
        });
        Ok(Response::new(v1::ListLogSignaturesResponse { signatures: signatures.collect() }))
    }

    async fn list_log_summaries(
        &self,
        request: Request<v1::ListLogSummariesRequest>,
    ) -> Result<Response<v1::ListLogSummariesResponse>, Status> {
        let v1::ListLogSummariesRequest { workload, page_size, page_token } = request.into_inner();
        let after = After::read(&page_token)?;
        // The token holds a workload's name, which is checked with it.
        let page = Page::of(page_size, "")?;
        let heads = chronicle::heads(&self.db, named(&workload), &after, page.size).await.map_err(Problem::from)?;
        let next_page_token = page.next(&heads, |head| format!("{} {}", head.month, head.workload));
        let summaries = heads.into_iter().map(|head| v1::LogSummaryHead {
            workload: head.workload,
            month: head.month.to_string(),
            written_at: Some(to_timestamp(head.written_at)),
            events: head.events.unsigned_abs(),
            signatures: head.signatures.unsigned_abs(),
        });
        Ok(Response::new(v1::ListLogSummariesResponse { summaries: summaries.collect(), next_page_token }))
    }

    async fn get_log_summary(
        &self,
        request: Request<v1::GetLogSummaryRequest>,
    ) -> Result<Response<v1::SignedLogSummary>, Status> {
        let v1::GetLogSummaryRequest { month, workload } = request.into_inner();
        let month: Month =
            month.parse().map_err(|_| Problem::new(Code::SchemaInvalid, "invalid month", "expected YYYY-MM"))?;
        let found = chronicle::summary(&self.db, &workload, month).await.map_err(Problem::from)?;
        let Signed { document, signature, public_key } =
            found.ok_or_else(|| Problem::not_found("log summary", "/api/v1/log-summaries"))?;
        Ok(Response::new(v1::SignedLogSummary { document, signature, public_key }))
    }
}

impl Logs {
    async fn remember(&self, actor: &str, action: &str, workload: &str) -> Result<(), Status> {
        let object = if workload.is_empty() { "all workloads" } else { workload };
        let record = audit::Record { at: Timestamp::now(), actor, action, object, detail: "" };
        let written = async {
            let mut tx = self.db.begin_write().await?;
            audit::append(&mut tx.conn(), &record).await?;
            tx.commit().await
        };
        Ok(written.await.map_err(Problem::from)?)
    }
}

/// A name that was given.
fn named(workload: &str) -> Option<&str> {
    Some(workload).filter(|workload| !workload.is_empty())
}

impl After {
    /// From the token that [`LogService::list_log_summaries`] gave.
    fn read(token: &str) -> Result<Self, Problem> {
        if token.is_empty() {
            return Ok(Self::default());
        }
        let read = || {
            let (month, workload) = token.split_once(' ')?;
            Some(Self { month: month.parse().ok()?, workload: workload.to_owned() })
        };
        read().ok_or_else(|| {
            let todo = "send the next_page_token of the previous page";
            Problem::new(Code::SchemaInvalid, "invalid page_token", todo)
        })
    }
}

fn query(asked: &v1::ListLogLinesRequest) -> Result<Query, Problem> {
    let v1::ListLogLinesRequest { workload, since, until, severity: _, signature, grep, page_size, page_token } = asked;
    let after: Option<Cursor> = match page_token.as_str() {
        "" => None,
        text => {
            Some(text.parse().map_err(|_| bad("invalid page_token", "send the next_page_token of the previous page"))?)
        }
    };
    Ok(Query {
        until: until.as_ref().map_or(Nanos::MAX, nanos),
        lines: size(*page_size)?,
        after,
        ..which(workload, since.as_ref(), asked.severity(), signature, grep)?
    })
}

fn wish(asked: &v1::FollowLogLinesRequest) -> Result<Wish, Problem> {
    let v1::FollowLogLinesRequest { workload, since, severity: _, signature, grep, tail } = asked;
    if *tail > MOST {
        return Err(bad("tail is too large", "choose 0 to 1000"));
    }
    let stored = match (tail, since) {
        (0, _) => Stored::None,
        (_, None) => Stored::Newest,
        (_, Some(_)) => Stored::Since,
    };
    let which = which(workload, since.as_ref(), asked.severity(), signature, grep)?;
    Ok(Wish { query: Query { lines: *tail as usize, ..which }, stored })
}

/// What lists of lines and followed lines have in common.
fn which(
    workload: &str,
    since: Option<&prost_types::Timestamp>,
    severity: v1::LogSeverity,
    signature: &str,
    grep: &str,
) -> Result<Query, Problem> {
    let signature: Option<SignatureId> = match signature {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| bad("invalid signature", "send the 16 hexadecimal digits from /api/v1/signatures"))?,
        ),
    };
    if grep.len() > LONGEST_PATTERN {
        return Err(bad("grep is too long", "send a regular expression of at most 1000 bytes"));
    }
    Ok(Query {
        resources: if workload.is_empty() { vec![] } else { vec![workload.to_owned()] },
        from: since.map_or(Nanos::MIN, nanos),
        min_severity: Rank(rank(severity)),
        signature: signature.map(|id| Signature(id.0)),
        text: (!grep.is_empty()).then(|| Text::Regex(grep.to_owned())),
        bytes: MOST_BYTES,
        ..Query::default()
    })
}

fn nanos(time: &prost_types::Timestamp) -> Nanos {
    Nanos(from_timestamp(*time).micros().saturating_mul(1_000))
}

fn bad(what: &str, todo: &str) -> Problem {
    Problem::new(Code::SchemaInvalid, what, todo)
}

fn size(asked: u32) -> Result<usize, Problem> {
    match asked {
        0 => Ok(USUAL as usize),
        1..=MOST => Ok(asked as usize),
        _ => Err(Problem::new(Code::SchemaInvalid, "page_size is too large", "choose 1 to 1000")),
    }
}

pub(super) fn line(line: overseer_logstore::Line) -> v1::LogLine {
    let overseer_logstore::Line { time, group: _, resource, instance, stream, severity: rank, signature, text } = line;
    v1::LogLine {
        at: Some(to_timestamp(Timestamp::from_micros(time.0.div_euclid(1_000)))),
        workload: resource.to_string(),
        instance: instance.to_string(),
        stream: match stream {
            Stream::Stdout => v1::LogStream::Stdout,
            Stream::Stderr => v1::LogStream::Stderr,
            Stream::File => v1::LogStream::File,
        }
        .into(),
        severity: log_severity(rank).into(),
        signature: SignatureId(signature.0).to_string(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

fn rank(severity: v1::LogSeverity) -> u8 {
    u8::try_from(i32::from(severity)).unwrap_or_default()
}

pub(super) fn problem(error: ArchiveError) -> Problem {
    match &error {
        ArchiveError::Store(StoreError::BadRegex(_)) => Problem::new(
            Code::SchemaInvalid,
            "invalid regular expression in grep",
            "escape literal characters, for example `\\(`; the syntax is that of the Rust crate regex",
        ),
        _ => {
            tracing::error!(error = &error as &dyn std::error::Error, "logs could not be read");
            Problem::new(Code::Internal, "log store failed", "check the collector's log")
        }
    }
}

#[cfg(test)]
mod tests {
    use overseer_signatures::Severity;

    use super::*;

    #[test]
    fn the_contract_knows_each_severity_by_its_rank() {
        for known in Severity::ALL {
            let name = log_severity(Rank(known as u8)).as_str_name().trim_start_matches("LOG_SEVERITY_").to_lowercase();
            let expected = if known == Severity::Unknown { "unspecified" } else { known.name() };
            assert_eq!(name, expected);
            assert_eq!(rank(log_severity(Rank(known as u8))), known as u8);
        }
    }
}
