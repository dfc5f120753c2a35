//! tarpc over TCP with bincode.

use std::time::Duration;

use casty_bench_harness::Failure;
use casty_bench_harness::asking::{Asker, ask_shared};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use futures_util::StreamExt;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, context, serde_transport};

use crate::payload::{PAYLOAD, check, unknown};
use crate::server::{Server, say};

/// Requests between the callers and the task that sends them: more than are in flight.
const BUFFER: usize = 1024;

/// The service.
#[tarpc::service]
trait Bench {
    /// Gives a text back.
    async fn ask(text: String) -> String;
}

#[derive(Clone)]
struct Echo;

impl Bench for Echo {
    async fn ask(self, _: context::Context, text: String) -> String {
        text
    }
}

/// Serves until its input ends.
pub(crate) async fn serve() -> Result<(), Failure> {
    let mut listener = serde_transport::tcp::listen("127.0.0.1:0", Bincode::default).await?;
    say(listener.local_addr().port())?;
    while let Some(stream) = listener.next().await {
        let stream = stream?;
        stream.get_ref().set_nodelay(true)?;
        let channel = BaseChannel::with_defaults(stream);
        tokio::spawn(channel.execute(Echo.serve()).for_each(async |answer| {
            tokio::spawn(answer);
        }));
    }
    Ok(())
}

#[derive(Clone)]
struct Client(BenchClient);

impl Asker for Client {
    async fn ask(&mut self) -> Result<(), Failure> {
        let answer = self.0.ask(context::current(), PAYLOAD.to_owned()).await?;
        check(answer.as_bytes())
    }
}

/// A client with its server.
pub(crate) struct Tarpc {
    client: Client,
    _server: Server,
}

/// Starts a server and connects.
pub(crate) async fn connect() -> Result<Tarpc, Failure> {
    let server = Server::start(&["tarpc"])?;
    let address = ("127.0.0.1", server.port);
    let stream = serde_transport::tcp::connect(address, Bincode::default).await?;
    stream.get_ref().set_nodelay(true)?;
    let mut config = client::Config::default();
    config.pending_request_buffer = BUFFER;
    Ok(Tarpc {
        client: Client(BenchClient::new(config, stream).spawn()),
        _server: server,
    })
}

impl Sender for Tarpc {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match load {
            Load::Ask(tasks) => ask_shared(&self.client, tasks, span).await,
            other => Err(unknown(other)),
        }
    }
}
