//! The harness itself, over bare frames: nodes come up as a cluster with all shards allocated, are
//! killed and come back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use casty_proto::frame::{DEFAULT_MAX_FRAME, Frame, FrameDecoder, FrameKind, write_frame};
use casty_proto::handshake::Handshake;
use casty_proto::header::Header;
use casty_proto::message::topology::TOPOLOGY_PATH;
use casty_proto::message::{
    MemberStatus, SubscribeTopology, TopologySnapshot, UnsubscribeTopology,
};
use casty_proto::{ActorRef, Codec, Limits, NodeAddress};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cluster::{SHARDS, SYSTEM};
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("nodes_come_up_with_all_shards_allocated", 90, |context| {
        Box::pin(come_up(context))
    }),
    Scenario::new("a_killed_node_restarts_under_its_address", 120, |context| {
        Box::pin(kill_and_restart(context))
    }),
];

/// How long a node may take to see the cluster as it is.
const PATIENCE: Duration = Duration::from_secs(20);

async fn come_up(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let members = cluster.addresses().len();
    for node in cluster.addresses() {
        let mut connection = Connection::open(node).await?;
        let codec = cluster.serializer().codec();
        let mut lacking = String::new();
        let complete = timeout(PATIENCE, async {
            connection.subscribe(codec).await?;
            // A machine that stalls for a second makes nodes doubt one another for a while.
            while let Some(lack) = lack_of(&connection.next_view(codec).await?, members) {
                lacking = lack;
            }
            connection.unsubscribe(codec).await
        });
        match complete.await {
            Ok(done) => done?,
            Err(_) => return Err(format!("{node} {lacking}").into()),
        }
    }
    Ok(format!("{members} nodes, {SHARDS} shards of each region"))
}

/// What a view of the complete cluster would have and this one has not.
fn lack_of(view: &TopologySnapshot, members: usize) -> Option<String> {
    let statuses = view.members.iter().map(|member| member.status);
    let up = statuses
        .filter(|status| *status == MemberStatus::Up)
        .count();
    if up != members || !view.unreachable.is_empty() {
        return Some(format!("sees {:?}", view.members));
    }
    ["counter", "log", "echo", "sender"]
        .iter()
        .find_map(|region| {
            let allocated = view.shard_allocations.get(*region).map_or(0, BTreeMap::len);
            (allocated != SHARDS as usize)
                .then(|| format!("knows {allocated} of {SHARDS} shards of {region}"))
        })
}

async fn kill_and_restart(context: Context) -> Result<Figures, Failure> {
    let mut cluster = context.reserve(2)?.hosting(&["counter"]);
    cluster.launch().await?;
    let address = cluster.addresses()[1].clone();
    Connection::open(&address).await?;
    cluster.kill(1).await?;
    if Connection::open(&address).await.is_ok() {
        return Err(format!("{address} answers after it was killed").into());
    }
    cluster.restart(1).await?;
    Connection::open(&address).await?;
    cluster.stop().await?;
    Ok("killed, refused, restarted, answered, stopped".to_owned())
}

/// A connection to one node, as a client that cannot be dialled.
struct Connection {
    node: NodeAddress,
    identity: NodeAddress,
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Connects and shakes hands; the node must announce the address that was dialled.
    async fn open(node: &NodeAddress) -> Result<Self, Failure> {
        let stream = TcpStream::connect((node.host(), node.port())).await?;
        // No two connections announce the same: local ports differ, and nobody listens there.
        let identity = NodeAddress::new("127.9.9.9", stream.local_addr()?.port());
        let mut connection = Self {
            node: node.clone(),
            identity,
            stream,
            buffer: BytesMut::new(),
        };
        let mut hello = Vec::new();
        Handshake::new(connection.identity.clone()).write(&mut hello)?;
        connection.stream.write_all(&hello).await?;
        let frame = connection.next().await?;
        if frame.kind != FrameKind::Handshake {
            return Err(format!("{node} began with {:?}", frame.kind).into());
        }
        let announced = Handshake::read(&frame.payload)?.address;
        if announced != *node {
            return Err(format!("{node} announced {announced}").into());
        }
        Ok(connection)
    }

    async fn subscribe(&mut self, codec: Codec) -> Result<(), Failure> {
        let reply_to = self.subscriber()?;
        self.send(codec, &SubscribeTopology { reply_to }).await
    }

    /// Nodes never end a subscription by themselves.
    async fn unsubscribe(&mut self, codec: Codec) -> Result<(), Failure> {
        let subscriber = self.subscriber()?;
        self.send(codec, &UnsubscribeTopology { subscriber }).await
    }

    fn subscriber(&self) -> Result<ActorRef<TopologySnapshot>, Failure> {
        let uri = format!("casty://{SYSTEM}-client@{}/_topology_sub", self.identity);
        Ok(ActorRef::new(uri)?)
    }

    async fn next_view(&mut self, codec: Codec) -> Result<TopologySnapshot, Failure> {
        let frame = self.next().await?;
        let (_, message) = Header::split(&frame.payload)?;
        Ok(codec.decode(message, &Limits::default())?)
    }

    /// Sends a message to the node's topology.
    async fn send<M: Serialize>(&mut self, codec: Codec, message: &M) -> Result<(), Failure> {
        let mut encoded = Vec::new();
        let type_hint = codec.encode(message, &mut encoded)?;
        let mut header = Vec::new();
        Header {
            target: format!("casty://{SYSTEM}@{}{TOPOLOGY_PATH}", self.node).into(),
            sender: format!("casty://{SYSTEM}-client@{}/", self.identity).into(),
            type_hint,
        }
        .write(&mut header);
        let mut frame = Vec::new();
        let parts: [&[u8]; 2] = [&header, &encoded];
        write_frame(&mut frame, FrameKind::Message, &parts, DEFAULT_MAX_FRAME)?;
        self.stream.write_all(&frame).await?;
        Ok(())
    }

    async fn next(&mut self) -> Result<Frame, Failure> {
        let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
        loop {
            if let Some(frame) = decoder.next(&mut self.buffer)? {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(format!("{} closed the connection", self.node).into());
            }
        }
    }
}
