//! The routes.

use std::num::NonZeroU32;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::{get, post};
use axum::{Extension, Json, Router, middleware};
use serde::{Deserialize, Serialize};
use tokio_stream::{Stream, StreamExt};

use crate::accounts::Accounts;
use crate::admission::{Admission, admit};
use crate::body::Timely;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::settings::GatewaySettings;

/// The longest body of a request, in bytes.
const BODY: usize = 4_096;

/// The longest name of an account, in bytes.
const NAME: usize = 128;

/// Returns the routes of requests, which need no socket. Those of operators are served beside them, by connections
/// of their own.
pub fn router(accounts: Accounts, settings: &GatewaySettings) -> Router {
    let admission = Admission::new(settings.max_requests, settings.request_timeout);
    let admission = middleware::from_fn_with_state(admission, admit);
    Router::new()
        .route("/accounts/{id}", get(balance))
        .route("/accounts/{id}/deposits", post(deposit))
        .route("/accounts/{id}/withdrawals", post(withdraw))
        .route("/accounts/{id}/events", get(events))
        .route_layer(admission)
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(accounts)
}

/// The name of an account.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if (1..=NAME).contains(&name.len()) {
            Ok(Self(name))
        } else {
            Err("an account's name has 1 to 128 bytes")
        }
    }
}

/// The body of deposits and withdrawals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    amount: NonZeroU32,
}

/// The body of answers, and of events.
#[derive(Debug, Serialize)]
struct Answer {
    balance: i64,
}

/// Adds to an account: it is told, and nobody is waited for.
async fn deposit(
    State(accounts): State<Accounts>,
    Path(Name(id)): Path<Name>,
    Timely(Change { amount }): Timely<Change>,
) -> Result<StatusCode, Failure> {
    accounts.deposit(&id, amount.get().into())?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes from an account: it is asked once.
async fn withdraw(
    State(accounts): State<Accounts>,
    Path(Name(id)): Path<Name>,
    Extension(deadline): Extension<Deadline>,
    Timely(Change { amount }): Timely<Change>,
) -> Result<Json<Answer>, Failure> {
    let left = accounts.withdraw(&id, amount.get().into(), deadline.left());
    let balance = left.await?.ok_or(Failure::Insufficient)?;
    Ok(Json(Answer { balance }))
}

/// Returns the balance of an account: it is asked, again if need be.
async fn balance(
    State(accounts): State<Accounts>,
    Path(Name(id)): Path<Name>,
    Extension(deadline): Extension<Deadline>,
) -> Result<Json<Answer>, Failure> {
    let balance = accounts.balance(&id, deadline.left()).await?;
    Ok(Json(Answer { balance }))
}

/// Returns the balance of an account as it changes, as server-sent events.
async fn events(
    State(accounts): State<Accounts>,
    Path(Name(id)): Path<Name>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, Failure> {
    let balances = accounts.follow(&id)?;
    let event = |balance| {
        Event::default()
            .event("balance")
            .json_data(Answer { balance })
    };
    Ok(Sse::new(balances.map(event)).keep_alive(KeepAlive::default()))
}
