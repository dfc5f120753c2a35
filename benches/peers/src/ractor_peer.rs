//! ractor_cluster: calls and casts of an actor on another node.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use casty_bench_harness::Failure;
use casty_bench_harness::asking::{Asker, ask_shared};
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use casty_bench_harness::worker::Sender;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{NodeServer, RactorClusterMessage, client_connect};

use crate::payload::{PAYLOAD, check, unknown};
use crate::server::{Server, say};

const GROUP: &str = "bench";
const COOKIE: &str = "bench";
/// Tells between two looks at the clock.
const TELLS: u64 = 64;
/// The time that nodes may take to know each other.
const STARTUP: Duration = Duration::from_secs(20);

/// The messages that the actor understands.
#[derive(RactorClusterMessage)]
enum Message {
    /// Asks for the text.
    #[rpc]
    Ask(String, RpcReplyPort<String>),
    /// Is counted.
    Tell(String),
    /// Asks how many were.
    #[rpc]
    Count(RpcReplyPort<u64>),
}

struct Echo;

impl Actor for Echo {
    type Msg = Message;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Message>, (): ()) -> Result<u64, ActorProcessingErr> {
        pg::join(GROUP.to_owned(), vec![me.get_cell()]);
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        told: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ask(text, reply) => reply.send(text)?,
            Message::Tell(text) => *told += u64::from(!text.is_empty()),
            Message::Count(reply) => reply.send(*told)?,
        }
        Ok(())
    }
}

/// Starts a node of that name. Returns it once it listens.
async fn node(
    name: &str,
    port: u16,
) -> Result<ActorRef<ractor_cluster::NodeServerMessage>, Failure> {
    let host = Ipv4Addr::LOCALHOST;
    let server = NodeServer::new(
        port,
        COOKIE.to_owned(),
        name.to_owned(),
        host.to_string(),
        None,
        None,
    );
    let server = server.with_listen_addr(host.into());
    let (node, _) = Actor::spawn(None, server, ()).await?;
    Ok(node)
}

fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

/// Serves until its input ends.
pub(crate) async fn serve() -> Result<(), Failure> {
    let port = free_port()?;
    let _node = node("server", port).await?;
    let (_, running) = Actor::spawn(None, Echo, ()).await?;
    say(port)?;
    Ok(running.await?)
}

#[derive(Clone)]
struct Client(ActorRef<Message>);

impl Asker for Client {
    async fn ask(&mut self) -> Result<(), Failure> {
        let text = PAYLOAD.to_owned();
        let answer = ractor::call!(self.0, Message::Ask, text)?;
        check(answer.as_bytes())
    }
}

/// A client with its server.
pub(crate) struct Ractor {
    client: Client,
    _server: Server,
}

/// Starts a server and connects.
pub(crate) async fn connect() -> Result<Ractor, Failure> {
    let server = Server::start(&["ractor"])?;
    let node = node("client", free_port()?).await?;
    client_connect(&node, ("127.0.0.1", server.port)).await?;
    let begun = Instant::now();
    let actor = loop {
        if let Some(actor) = pg::get_members(&GROUP.to_owned()).pop() {
            break actor;
        }
        if begun.elapsed() > STARTUP {
            return Err("the nodes do not know each other".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut client = Client(actor.into());
    client.ask().await?;
    Ok(Ractor {
        client,
        _server: server,
    })
}

impl Ractor {
    async fn tell(&self, span: Duration) -> Result<Sample, Failure> {
        let Client(actor) = &self.client;
        let before = self.counted().await?;
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < span {
            for _ in 0..TELLS {
                actor.cast(Message::Tell(PAYLOAD.to_owned()))?;
            }
            sent += TELLS;
            // Nothing else is bounded: others run now.
            tokio::task::yield_now().await;
        }
        let operations = self.counted().await? - before;
        if operations == sent {
            Ok(Sample {
                operations,
                elapsed: begun.elapsed(),
                latencies: Vec::new(),
            })
        } else {
            Err(format!("{operations} of {sent} tells were counted").into())
        }
    }

    async fn counted(&self) -> Result<u64, Failure> {
        Ok(ractor::call!(self.client.0, Message::Count)?)
    }
}

impl Sender for Ractor {
    async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
        match load {
            Load::Ask(tasks) => ask_shared(&self.client, tasks, span).await,
            Load::Tell => self.tell(span).await,
            other => Err(unknown(other)),
        }
    }
}
