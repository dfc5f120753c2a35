//! The body of a request, which must come in time.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tokio::time::timeout_at;

use crate::deadline::Deadline;
use crate::failure::Failure;

/// A body of JSON that has come within the deadline of its request. The handler begins after that, so that a
/// request whose body does not come has done nothing.
pub(crate) struct Timely<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Timely<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Some(deadline) = request.extensions().get::<Deadline>().copied() else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let read = timeout_at(deadline.at(), Json::from_request(request, state)).await;
        let read = read.map_err(|_| Failure::TooSlow.into_response())?;
        let Json(body) = read.map_err(IntoResponse::into_response)?;
        Ok(Self(body))
    }
}
