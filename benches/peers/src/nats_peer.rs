//! async-nats: requests and publishes through a nats-server, to a subscriber in another process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_nats::{ConnectOptions, Subject};
use bytes::Bytes;
use casty_bench_harness::Failure;
use casty_bench_harness::asking::{Asker, ask_shared};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use futures_util::StreamExt;

use crate::payload::{PAYLOAD, check, unknown};
use crate::server::{Server, say};

/// Messages that the subscriber may be behind; those beyond are lost.
const BEHIND: usize = 1 << 24;
/// Tells between two looks at the clock.
const TELLS: u64 = 64;

const ALL: &str = "bench.>";
const ASK: Subject = Subject::from_static("bench.ask");
const TELL: Subject = Subject::from_static("bench.tell");
const COUNT: Subject = Subject::from_static("bench.count");

/// Answers requests and counts what is published, until its input ends.
pub(crate) async fn serve(args: &[&str]) -> Result<(), Failure> {
    let port: u16 = args.first().ok_or("no port")?.parse()?;
    let options = ConnectOptions::new().subscription_capacity(BEHIND);
    let client = options.connect(format!("127.0.0.1:{port}")).await?;
    let mut messages = client.subscribe(ALL).await?;
    client.flush().await?;
    say(port)?;
    let mut told = 0u64;
    while let Some(message) = messages.next().await {
        match message.reply {
            None => told += 1,
            Some(reply) if message.subject == COUNT => {
                client.publish(reply, told.to_string().into()).await?;
            }
            Some(reply) => client.publish(reply, message.payload).await?,
        }
    }
    Ok(())
}

#[derive(Clone)]
struct Client(async_nats::Client);

impl Asker for Client {
    async fn ask(&mut self) -> Result<(), Failure> {
        let answer = self.0.request(ASK, payload()).await?;
        check(&answer.payload)
    }
}

fn payload() -> Bytes {
    Bytes::from_static(PAYLOAD.as_bytes())
}

/// A client with its server and the subscriber.
pub(crate) struct Nats {
    client: Client,
    _subscriber: Server,
    _server: Server,
}

/// Starts a server and a subscriber, and connects.
pub(crate) async fn connect(program: PathBuf) -> Result<Nats, Failure> {
    let args = |port: u16| {
        ["-a", "127.0.0.1", "-p", &port.to_string()]
            .map(str::to_owned)
            .to_vec()
    };
    let server = Server::foreign(program, args).await?;
    let subscriber = Server::start(&["nats", &server.port.to_string()])?;
    let options = ConnectOptions::new().request_timeout(Some(Duration::from_secs(30)));
    let client = options
        .connect(format!("127.0.0.1:{}", server.port))
        .await?;
    Ok(Nats {
        client: Client(client),
        _subscriber: subscriber,
        _server: server,
    })
}

impl Nats {
    async fn tell(&self, span: Duration) -> Result<Sample, Failure> {
        let before = self.counted().await?;
        let begun = Instant::now();
        while begun.elapsed() < span {
            for _ in 0..TELLS {
                self.client.0.publish(TELL, payload()).await?;
            }
        }
        // What was lost on the way does not count.
        let operations = self.counted().await? - before;
        Ok(Sample {
            operations,
            elapsed: begun.elapsed(),
            latencies: Vec::new(),
        })
    }

    /// Returns the number of messages that the subscriber has received. A subscriber receives those
    /// of one publisher in order.
    async fn counted(&self) -> Result<u64, Failure> {
        let answer = self.client.0.request(COUNT, payload()).await?;
        Ok(std::str::from_utf8(&answer.payload)?.parse()?)
    }
}

impl Sender for Nats {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match load {
            Load::Ask(tasks) => ask_shared(&self.client, tasks, span).await,
            Load::Tell => self.tell(span).await,
            other => Err(unknown(other)),
        }
    }
}
