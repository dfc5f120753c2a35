//! tonic: unary calls, and client streams for tells.

use std::time::{Duration, Instant};

use bytes::Bytes;
use casty_bench_harness::Failure;
use casty_bench_harness::asking::{Asker, ask_shared};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::payload::{PAYLOAD, check, unknown};
use crate::server::{Server, say};

/// The stubs, which build.rs writes.
#[expect(clippy::pedantic, unreachable_pub, reason = "it is generated")]
mod stubs {
    include!(concat!(env!("OUT_DIR"), "/bench.Bench.rs"));
}

use stubs::bench_client::BenchClient;
use stubs::bench_server::{Bench, BenchServer};

/// Tells between two looks at the clock.
const TELLS: u64 = 64;
/// Messages between a task that tells and the stream.
const CHANNEL: usize = 1024;

/// Calls in flight that a server allows: more than there are. The default is 200.
const STREAMS: u32 = 1024;
/// Bytes that may be on their way, of a stream and of a connection. The default is 64 KiB, of which a
/// stream of tells would wait.
const WINDOW: u32 = 4 * 1024 * 1024;

/// The message both ways.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    bytes: Bytes,
}

impl Payload {
    fn new() -> Self {
        let bytes = Bytes::from_static(PAYLOAD.as_bytes());
        Self { bytes }
    }
}

/// The answer to a stream.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Count {
    #[prost(uint64, tag = "1")]
    told: u64,
}

struct Service;

#[tonic::async_trait]
impl Bench for Service {
    async fn ask(&self, asked: Request<Payload>) -> Result<Response<Payload>, Status> {
        Ok(Response::new(asked.into_inner()))
    }

    async fn tell(&self, told: Request<Streaming<Payload>>) -> Result<Response<Count>, Status> {
        let mut messages = told.into_inner();
        let mut told = 0;
        while let Some(message) = messages.message().await? {
            told += u64::from(!message.bytes.is_empty());
        }
        Ok(Response::new(Count { told }))
    }
}

/// Serves until its input ends.
pub(crate) async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(listener.local_addr()?.port())?;
    let mut server = tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let router = server.add_service(BenchServer::new(Service));
    Ok(router
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?)
}

#[derive(Clone)]
struct Client(BenchClient<Channel>);

impl Asker for Client {
    async fn ask(&mut self) -> Result<(), Failure> {
        let answer = self.0.ask(Payload::new()).await?;
        check(&answer.into_inner().bytes)
    }
}

/// A client with its server.
pub(crate) struct Tonic {
    client: Client,
    _server: Server,
}

/// Starts a server and connects.
pub(crate) async fn connect() -> Result<Tonic, Failure> {
    let server = Server::start(&["tonic"])?;
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", server.port))?;
    let endpoint = endpoint
        .tcp_nodelay(true)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let channel = endpoint.connect().await?;
    Ok(Tonic {
        client: Client(BenchClient::new(channel)),
        _server: server,
    })
}

impl Tonic {
    /// Sends one stream that gives messages until the time is up.
    async fn stream(&mut self, span: Duration) -> Result<Sample, Failure> {
        let begun = Instant::now();
        let goes_on = move |told: &u64| !told.is_multiple_of(TELLS) || begun.elapsed() < span;
        let messages = (0..).take_while(goes_on).map(|_| Payload::new());
        let counted = self.client.0.tell(stream::iter(messages)).await?;
        let counted = counted.into_inner().told;
        Ok(told(counted, begun))
    }

    /// Sends one stream whose messages a task hands over one by one.
    async fn channel(&mut self, span: Duration) -> Result<Sample, Failure> {
        let (tell, messages) = mpsc::channel(CHANNEL);
        let begun = Instant::now();
        let telling = tokio::spawn(async move {
            let mut told = 0;
            while begun.elapsed() < span {
                for _ in 0..TELLS {
                    if tell.send(Payload::new()).await.is_err() {
                        return told;
                    }
                    told += 1;
                }
            }
            told
        });
        let counted = self.client.0.tell(ReceiverStream::new(messages)).await?;
        let counted = counted.into_inner().told;
        let sent: u64 = telling.await?;
        if sent == counted {
            Ok(told(counted, begun))
        } else {
            Err(format!("{counted} of {sent} tells were counted").into())
        }
    }
}

fn told(operations: u64, begun: Instant) -> Sample {
    Sample {
        operations,
        elapsed: begun.elapsed(),
        latencies: Vec::new(),
    }
}

impl Sender for Tonic {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match load {
            Load::Ask(tasks) => ask_shared(&self.client, tasks, span).await,
            Load::TellAll => self.stream(span).await,
            Load::TellChannel => self.channel(span).await,
            other => Err(unknown(other)),
        }
    }
}
