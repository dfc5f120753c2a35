//! The cost of members that cannot be connected: all of them refuse, for as long as it is measured.

use std::time::{Duration, Instant};

use casty_bench_harness::machine::processor_time;
use casty_client::Codec;
use casty_proto::NodeAddress;
use casty_routing::{Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;
use crate::node::serve_among;
use crate::whole::connected;

/// The time for which dials are made before they are measured: pauses have grown by then.
const SETTLING: Duration = Duration::from_secs(10);

/// The cost of dials that are all refused.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// The dials a second.
    pub dials: f64,
    /// The part of one core that is spent.
    pub core: f64,
}

/// The cost of members that all refuse, and what it should be at most.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// The number of members.
    pub members: u16,
    /// The thing that was measured.
    pub what: String,
    /// The dials a second; `None` if they were not counted.
    pub dials: Option<f64>,
    /// The part of one core that is spent, ...
    pub core: f64,
    /// ... and the part that it should be at most.
    pub most: f64,
}

/// The whole client.
pub const CLIENT: &str = "whole client, over TCP";
/// The engine alone.
pub const ENGINE: &str = "engine, simulated clock";

impl Refused {
    /// Returns the name that this has on the list of goals: of the whole client where it can have so
    /// many members, and of the engine alone where it cannot.
    pub fn ratio(&self) -> Option<&'static str> {
        match (self.members, &*self.what) {
            (1_000, CLIENT) => Some("links_1000_members_refusing_cpu"),
            (10_000, ENGINE) => Some("links_10000_members_refusing_cpu"),
            _ => None,
        }
    }
}

/// Returns the addresses of so many members, at which nobody listens.
pub fn nobody(members: u16) -> Vec<NodeAddress> {
    let host = |number: u16| {
        let [high, low] = number.to_be_bytes();
        format!("127.9.{high}.{low}")
    };
    (1..=members)
        .map(|number| NodeAddress::new(host(number), 9))
        .collect()
}

/// Measures the whole client: its control task, its dials over TCP, and the kernel's part, with the
/// one node that answers, which lists so many that refuse.
///
/// # Errors
/// The node cannot listen, or sends no view.
pub async fn client(members: u16, span: Duration) -> Result<Cost, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let contact = listener.local_addr()?;
    let others = nobody(members);
    let node = tokio::spawn(async move { serve_among(listener, Codec::pickle(), &others).await });
    let client = connected(contact).await?;
    tokio::time::sleep(SETTLING).await;
    let (begun, before) = (Instant::now(), processor_time());
    tokio::time::sleep(span).await;
    let spent = processor_time().saturating_sub(before);
    let lasted = begun.elapsed();
    client.close(Duration::ZERO).await;
    node.abort();
    Ok(Cost {
        dials: f64::NAN,
        core: spent.as_secs_f64() / lasted.as_secs_f64(),
    })
}

/// Measures so many dials a second alone, all refused: what the kernel and the runtime take for
/// those that the whole client makes.
pub async fn floor(members: u16, dials: f64, span: Duration) -> Cost {
    let others = nobody(members);
    let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / dials));
    let (begun, before) = (Instant::now(), processor_time());
    for other in others.iter().cycle() {
        if begun.elapsed() >= span {
            break;
        }
        pace.tick().await;
        let to = (other.host().to_owned(), other.port());
        tokio::spawn(async move { TcpStream::connect((&*to.0, to.1)).await.is_ok() });
    }
    let spent = processor_time().saturating_sub(before);
    Cost {
        dials,
        core: spent.as_secs_f64() / begun.elapsed().as_secs_f64(),
    }
}

/// Measures the dialling engine alone, driven as the client drives it, by a simulated clock that
/// runs for `span`.
pub fn engine(members: u16, span: Duration) -> Cost {
    let mut config = ConnectionsConfig::default();
    config.members = usize::from(members);
    let mut engine = Engine {
        connections: Connections::new(config, Vec::new(), 7),
        now: Instant::now(),
        refused: Vec::new(),
        dials: 0,
        due: None,
    };
    engine.give(ConnectionsInput::View {
        live: nobody(members),
        gone: Vec::new(),
    });
    engine.run(SETTLING);
    engine.dials = 0;
    let before = processor_time();
    engine.run(span);
    let spent = processor_time().saturating_sub(before);
    Cost {
        dials: f64::from(engine.dials) / span.as_secs_f64(),
        core: spent.as_secs_f64() / span.as_secs_f64(),
    }
}

/// The engine and its clock.
struct Engine {
    connections: Connections,
    now: Instant,
    /// The addresses that are being dialled.
    refused: Vec<NodeAddress>,
    dials: u32,
    due: Option<Instant>,
}

impl Engine {
    /// Lets so much time pass.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            if let Some(dialled) = self.refused.pop() {
                self.dials += 1;
                self.give(ConnectionsInput::Failed { dialled });
            } else if let Some(due) = self.due.filter(|due| *due <= end) {
                self.now = due;
                self.give(ConnectionsInput::Tick);
            } else {
                self.now = end;
                return;
            }
            // As after every event.
            self.give(ConnectionsInput::Source(None));
            self.give(ConnectionsInput::Stale(false));
        }
    }

    fn give(&mut self, input: ConnectionsInput) {
        self.connections.handle(self.now, input);
        loop {
            match self.connections.poll() {
                ConnectionsOutput::Dial(address) => self.refused.push(address),
                ConnectionsOutput::Wait(due) => {
                    self.due = due;
                    return;
                }
                _ => {}
            }
        }
    }
}
