//! Errors as callers see them: a stable code, what was wrong, and what to do. gRPC carries them as rich status, REST
//! as `application/problem+json`. Nothing internal is in them.

use overseer_storage::StoreError;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $grpc:ident, $http:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
            #[must_use]
            pub const fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }
            #[must_use]
            pub const fn grpc(self) -> tonic::Code {
                match self { $(Self::$name => tonic::Code::$grpc,)* }
            }
            #[must_use]
            pub fn named(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}
codes! {
    SchemaInvalid = "schema_invalid", InvalidArgument, 400;
    Unauthenticated = "unauthenticated", Unauthenticated, 401;
    Forbidden = "forbidden", PermissionDenied, 403;
    NotFound = "not_found", NotFound, 404;
    Conflict = "conflict", Aborted, 409;
    PolicyDenied = "policy_denied", FailedPrecondition, 403;
    ApprovalStale = "approval_stale", FailedPrecondition, 409;
    ApprovalExpired = "approval_expired", FailedPrecondition, 409;
    TargetDrift = "target_drift", FailedPrecondition, 409;
    InDoubt = "in_doubt", FailedPrecondition, 409;
    LimitExceeded = "limit_exceeded", ResourceExhausted, 413;
    /// Something it needs does not answer now; the same call may succeed later.
    Unavailable = "unavailable", Unavailable, 503;
    /// A fault of Overseer's own; the details are in its log.
    Internal = "internal", Internal, 500;
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Problem {
    pub code: Code,
    /// What was wrong.
    pub what: String,
    /// What to do about it.
    pub todo: String,
}

const DOMAIN: &str = "overseer";
const TODO: &str = "todo";

impl Problem {
    pub fn new(code: Code, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { code, what: what.into(), todo: todo.into() }
    }
    /// For an id that is unknown or not for this caller; both look the same.
    #[must_use]
    pub fn not_found(what: &str, list: &str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"), format!("see `{list}`"))
    }
    /// Reads it back from a status; a status of another origin keeps its message and gets the nearest code.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        if let Some((code, info)) = info.and_then(|info| Code::named(&info.reason).map(|code| (code, info))) {
            let todo = info.metadata.get(TODO).cloned().unwrap_or_default();
            return Self::new(code, status.message(), todo);
        }
        let (code, todo) = match status.code() {
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange => {
                (Code::SchemaInvalid, "correct the request; /api/openapi.json describes it")
            }
            tonic::Code::NotFound | tonic::Code::Unimplemented => {
                (Code::NotFound, "see /api/openapi.json for all paths")
            }
            tonic::Code::PermissionDenied => (Code::Forbidden, "use a token with the role for this"),
            tonic::Code::Unauthenticated => (Code::Unauthenticated, "send a valid token"),
            tonic::Code::ResourceExhausted => (Code::LimitExceeded, "reduce the request, or retry later"),
            tonic::Code::Unavailable | tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => {
                (Code::Unavailable, "retry; /readyz?verbose shows what is unavailable")
            }
            tonic::Code::Aborted | tonic::Code::AlreadyExists => (Code::Conflict, "read it again, then retry"),
            tonic::Code::Ok
            | tonic::Code::Unknown
            | tonic::Code::FailedPrecondition
            | tonic::Code::Internal
            | tonic::Code::DataLoss => (Code::Internal, "check Overseer's log"),
        };
        let what = match code {
            Code::Internal => "Overseer failed".to_owned(),
            Code::Unavailable => "a service is unavailable".to_owned(),
            _ => status.message().to_owned(),
        };
        Self::new(code, what, todo)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let Problem { code, what, todo } = problem;
        let metadata = std::collections::HashMap::from([(TODO.to_owned(), todo)]);
        let details = ErrorDetails::with_error_info(code.as_str(), DOMAIN, metadata);
        Self::with_error_details(code.grpc(), what, details)
    }
}

/// The details stay in the log.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "request failed: store error");
        match error {
            StoreError::DiskFull(_) => Self::new(
                Code::Unavailable,
                "disk of the database full; nothing was changed",
                "free space on the disk of the data directory, then retry",
            ),
            StoreError::Unavailable(_) | StoreError::NotHolder | StoreError::Open { .. } => Self::new(
                Code::Unavailable,
                "the database is unavailable; nothing was changed",
                "check that it runs, then retry",
            ),
            StoreError::Migrate { .. } | StoreError::Corrupt { .. } | StoreError::Sql(_) => {
                Self::new(Code::Internal, "Overseer failed; nothing was changed", "check Overseer's log")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire_and_a_foreign_status_tells_nothing_internal() {
        let problem = Problem::new(Code::ApprovalStale, "the plan changed", "look at it again");
        assert_eq!(Problem::from_status(&Status::from(problem.clone())), problem);
        let foreign = Problem::from_status(&Status::internal("SELECT secret FROM t"));
        assert_eq!(foreign.code, Code::Internal);
        assert!(!foreign.what.contains("SELECT"));
    }
}
