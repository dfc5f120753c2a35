//! redis-rs on one multiplexed connection, against a redis-server that keeps nothing on disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use casty_bench_harness::Failure;
use casty_bench_harness::asking::{Asker, ask_shared};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Pipeline};

use crate::payload::{PAYLOAD, check, unknown};
use crate::server::Server;

const KEY: &str = "entity-07";
/// Commands in one pipeline of tells.
const SETS: u16 = 512;

#[derive(Clone)]
struct Client(MultiplexedConnection);

impl Asker for Client {
    async fn ask(&mut self) -> Result<(), Failure> {
        let answer: Vec<u8> = self.0.get(KEY).await?;
        check(&answer)
    }
}

/// A client with its server.
pub(crate) struct Redis {
    client: Client,
    _server: Server,
}

/// Starts a server and connects.
pub(crate) async fn connect(program: PathBuf) -> Result<Redis, Failure> {
    let args = |port: u16| {
        let port = port.to_string();
        let args = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        args.map(str::to_owned).to_vec()
    };
    let server = Server::foreign(program, args).await?;
    let client = redis::Client::open(format!("redis://127.0.0.1:{}/", server.port))?;
    let mut client = client.get_multiplexed_async_connection().await?;
    let () = client.set(KEY, PAYLOAD).await?;
    Ok(Redis {
        client: Client(client),
        _server: server,
    })
}

impl Redis {
    /// Sends pipelines one after the other, and awaits the answers of each.
    async fn pipelines(
        &mut self,
        pipeline: &Pipeline,
        commands: u16,
        span: Duration,
        expected: usize,
    ) -> Result<Sample, Failure> {
        let mut sample = Sample::default();
        let begun = Instant::now();
        while begun.elapsed() < span {
            let sent = Instant::now();
            let answers: Vec<Vec<u8>> = pipeline.query_async(&mut self.client.0).await?;
            if answers.len() != expected {
                return Err(format!("{} answers", answers.len()).into());
            }
            sample.operations += u64::from(commands);
            sample.time(sent);
        }
        sample.elapsed = begun.elapsed();
        Ok(sample)
    }
}

impl Sender for Redis {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        let mut pipeline = redis::pipe();
        match load {
            Load::Ask(tasks) => ask_shared(&self.client, tasks, span).await,
            Load::AskMany(commands) => {
                for _ in 0..commands {
                    pipeline.get(KEY);
                }
                let expected = commands.into();
                self.pipelines(&pipeline, commands, span, expected).await
            }
            Load::Tell => {
                for _ in 0..SETS {
                    pipeline.set(KEY, PAYLOAD).ignore();
                }
                let mut sample = self.pipelines(&pipeline, SETS, span, 0).await?;
                sample.latencies.clear();
                Ok(sample)
            }
            other => Err(unknown(other)),
        }
    }
}
