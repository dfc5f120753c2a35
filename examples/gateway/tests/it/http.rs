//! HTTP as a browser speaks it.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::LONG;

/// An answer that has come in whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Answer {
    /// Reads an answer.
    pub(crate) async fn of<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes, Error: std::fmt::Debug>,
    {
        let header = |name| response.headers().get(name)?.to_str().ok();
        let retry_after = header("retry-after").map(|it| it.parse().unwrap());
        let content_type = header("content-type").unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Self {
            status,
            retry_after,
            content_type,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Returns a field of its body.
    pub(crate) fn field(&self, name: &str) -> Value {
        let body: Value = serde_json::from_str(&self.text).expect(&self.text);
        body[name].clone()
    }
}

/// Returns a request with a body, if it is not empty.
pub(crate) fn request(method: &Method, path: &str, body: &str) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path);
    let builder = builder.header("host", "gateway");
    let builder = builder.header("content-type", "application/json");
    builder.body(Full::from(body.to_owned())).unwrap()
}

/// Sends a request by a connection of its own, and returns the head of the answer.
pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let sending = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        // Ends with the answer, or when that is dropped.
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    timeout(LONG, sending).await.expect("an answer")
}

/// Gets a path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    Answer::of(send(address, request(&Method::GET, path, "")).await).await
}

/// Posts an amount to a path.
pub(crate) async fn post(address: SocketAddr, path: &str, amount: i64) -> Answer {
    let body = format!("{{\"amount\": {amount}}}");
    Answer::of(send(address, request(&Method::POST, path, &body)).await).await
}

/// The balances of a stream of events.
pub(crate) struct Events<B> {
    body: B,
    text: String,
}

impl Events<Incoming> {
    /// Follows an account.
    pub(crate) async fn of(address: SocketAddr, account: &str) -> Self {
        let path = format!("/accounts/{account}/events");
        let response = send(address, request(&Method::GET, &path, "")).await;
        Self::new(response)
    }
}

impl<B: Body<Data = Bytes, Error: std::fmt::Debug> + Unpin> Events<B> {
    /// Reads the events of an answer.
    pub(crate) fn new(response: Response<B>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// Returns the next balance; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<i64> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let balance = balance(event);
                let begins = self.text.len() - rest.len();
                self.text.drain(..begins);
                match balance {
                    Some(balance) => return Some(balance),
                    None => continue,
                }
            }
            let frame = self.body.frame().await?.unwrap();
            let data = frame.into_data().expect("no trailers");
            self.text.push_str(str::from_utf8(&data).unwrap());
        }
    }

    /// Reads until a balance comes.
    pub(crate) async fn until(&mut self, wanted: i64) {
        let reading = async { while self.next().await.expect("the stream goes on") != wanted {} };
        let read = timeout(LONG, reading).await;
        read.unwrap_or_else(|_| panic!("{wanted} does not come"));
    }
}

/// Returns the balance of an event; `None` for a comment, which keeps the connection alive.
fn balance(event: &str) -> Option<i64> {
    let mut lines = event.lines();
    let data = lines.find_map(|line| line.strip_prefix("data: "))?;
    assert!(
        event.lines().any(|line| line == "event: balance"),
        "{event}"
    );
    let data: Value = serde_json::from_str(data).expect(data);
    Some(data["balance"].as_i64().expect("a number"))
}
