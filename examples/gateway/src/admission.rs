//! The admission of requests: so many at once, and each with a deadline.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::failure::Failure;

/// The metric of requests.
pub(crate) const DURATION: &str = "gateway_request_duration_seconds";

/// The limits of requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    free: Arc<Semaphore>,
    within: Duration,
}

impl Admission {
    /// Admits so many requests at once, each for so long.
    pub(crate) fn new(requests: usize, within: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(requests)),
            within,
        }
    }

    /// Has a request handled that finds its deadline in its extensions. Bodies and asks keep to it, each by
    /// itself: only they know then whether the request may have been done.
    async fn run(&self, mut request: Request, next: Next) -> Response {
        let Ok(_permit) = self.free.try_acquire() else {
            return Failure::Overloaded.into_response();
        };
        let deadline = Deadline::within(self.within);
        request.extensions_mut().insert(deadline);
        next.run(request).await
    }
}

/// Admits a request, and measures it.
pub(crate) async fn admit(
    State(admission): State<Admission>,
    route: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let response = admission.run(request, next).await;
    let labels = [
        ("route", route.as_str().to_owned()),
        ("status", response.status().as_str().to_owned()),
    ];
    metrics::histogram!(DURATION, &labels).record(begun.elapsed());
    response
}
