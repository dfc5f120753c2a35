//! Failures, as HTTP tells them.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use casty_client::{Error, ErrorKind, Fate};
use serde::Serialize;

use crate::following::FollowError;

/// The time to wait where none is known.
const SECOND: Duration = Duration::from_secs(1);

/// The reason for which a request was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client's error.
    Client(Error),
    /// The gateway has as much to do as it may have; nothing was sent.
    Overloaded,
    /// The body of the request did not come in time; nothing was sent.
    TooSlow,
    /// There is less in the account than was to be taken.
    Insufficient,
}

/// The body of a failure.
#[derive(Serialize)]
struct Problem {
    error: &'static str,
    /// Set if the request may have been done all the same, so that doing it again may do it twice.
    may_have_been_done: bool,
}

impl Failure {
    /// Returns the status, and the word for programs.
    fn told(&self) -> (StatusCode, &'static str) {
        let error = match self {
            Self::Client(error) => error,
            Self::Overloaded => return (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::TooSlow => return (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::Insufficient => return (StatusCode::CONFLICT, "insufficient"),
        };
        let status = match error.kind() {
            ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Unavailable | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Lost | ErrorKind::Refused => StatusCode::BAD_GATEWAY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, error.kind().as_str())
    }

    /// Returns the time before which trying again is of no use; `None` if it is not safe, or of no use at all.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Client(error)
                if error.is_back_pressure() || error.kind() == ErrorKind::Unavailable =>
            {
                Some(error.retry_after().unwrap_or(SECOND))
            }
            Self::Overloaded => Some(SECOND),
            _ => None,
        }
    }

    fn may_have_been_done(&self) -> bool {
        match self {
            Self::Client(error) => {
                let lost = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Lost);
                error.fate().map_or(lost, |fate| fate != Fate::NotSent)
            }
            _ => false,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error) = self.told();
        if let Self::Client(error) = &self {
            // Not for browsers: it names nodes.
            tracing::debug!(%error, "a request failed");
        }
        let may_have_been_done = self.may_have_been_done();
        let problem = Problem {
            error,
            may_have_been_done,
        };
        let mut response = (status, Json(problem)).into_response();
        if let Some(after) = self.retry_after() {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            let seconds = HeaderValue::from(seconds.max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Client(error.into())
    }
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::TooMany => Self::Overloaded,
            FollowError::Actor(error) => Self::Client(error.into()),
        }
    }
}
