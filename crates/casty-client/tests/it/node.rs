//! A node that a test plays by hand, frame by frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use casty_client::{
    ActorRef, ClientBuilder, CloseReport, ClusterClient, Codec, NodeAddress, TraceParent,
    TransportConfig,
};
use casty_proto::frame::{self, FrameDecoder, FrameKind};
use casty_proto::header::{self, Header};
use casty_proto::message::{
    Member, MemberStatus, ShardAllocation, SubscribeTopology, TopologySnapshot,
};
use casty_proto::{ActorUri, FrozenSet, Limits, Tuple};
use casty_transport::{ByteStream, ConnectOptions, Listener, MemoryNetwork, Transport, accept};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The codec of all tests.
pub(crate) const CODEC: Codec = Codec::json();

/// Returns the builder of a client of system `s` that knows `contact`.
pub(crate) fn builder(network: &MemoryNetwork, contact: &str) -> ClientBuilder {
    ClusterClient::builder("s")
        .contact_point(contact)
        .codec(CODEC)
        .transport(TransportConfig::memory(network.clone()))
}

/// Runs a test under paused time on a thread of its own, so that one that spins or waits for a lock
/// fails instead of hanging.
pub(crate) fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    in_time(true, test);
}

/// Runs a test on a thread of its own, as [`in_paused_time`] does.
pub(crate) fn in_real_time<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    in_time(false, test);
}

fn in_time<F: Future<Output = ()>>(paused: bool, test: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(paused)
            .build();
        runtime.unwrap().block_on(test());
        done.send(()).ok();
    });
    let outcome = ended.recv_timeout(Duration::from_secs(20));
    outcome.expect("the test failed on its thread, or did not end");
}

/// Lets the other tasks of this thread run until they wait.
pub(crate) async fn others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Asserts that each message accepted has one fate, and none is left.
#[track_caller]
pub(crate) fn assert_conserved(report: &CloseReport) {
    assert!(report.is_conserved(), "{report:?}");
}

/// A listening node.
pub(crate) struct Node {
    pub(crate) address: NodeAddress,
    listener: Box<dyn Listener>,
    /// The address that the client announced first.
    first: Option<NodeAddress>,
    /// The secondary connections under that address, on which nothing but probes is ever sent.
    secondaries: Vec<ByteStream>,
}

impl Node {
    pub(crate) async fn listen(network: &MemoryNetwork, address: &str) -> Self {
        Self::listen_at(network, address, address).await
    }

    /// Listens at a name, and calls itself by an address.
    pub(crate) async fn listen_at(network: &MemoryNetwork, name: &str, address: &str) -> Self {
        let [name, address] = [name, address].map(|it| it.parse().unwrap());
        let listener = network.transport().listen(&name).await.unwrap();
        Self {
            address,
            listener,
            first: None,
            secondaries: Vec::new(),
        }
    }

    /// Listens at a free port of this machine.
    pub(crate) async fn listen_over_tcp() -> Self {
        let any = NodeAddress::new("127.0.0.1", 0);
        let listener = TransportConfig::tcp().build().listen(&any).await.unwrap();
        Self {
            address: listener.address(),
            listener,
            first: None,
            secondaries: Vec::new(),
        }
    }

    /// Accepts the next connection on which something is sent, past its handshake.
    pub(crate) async fn accept(&mut self) -> Link {
        loop {
            let stream = self.listener.accept().await.unwrap();
            let options = ConnectOptions::new();
            let connection = accept(stream, &self.address, &options).await.unwrap();
            if self.first.as_ref() == Some(&connection.peer) {
                self.secondaries.push(connection.stream);
                continue;
            }
            self.first.get_or_insert_with(|| connection.peer.clone());
            return Link {
                node: self.address.clone(),
                announced: connection.peer,
                stream: connection.stream,
                buffer: connection.leftover,
            };
        }
    }

    /// Accepts the next connection under the address that the client announced first.
    pub(crate) async fn accept_secondary(&mut self) -> Link {
        let stream = self.listener.accept().await.unwrap();
        let options = ConnectOptions::new();
        let connection = accept(stream, &self.address, &options).await.unwrap();
        assert_eq!(Some(&connection.peer), self.first.as_ref());
        Link {
            node: self.address.clone(),
            announced: connection.peer,
            stream: connection.stream,
            buffer: connection.leftover,
        }
    }

    /// Accepts the next connection, and sends the view of a cluster of this node alone, which owns
    /// the only shard of region `r`.
    pub(crate) async fn accept_and_tell(&mut self) -> Link {
        let mut link = self.accept().await;
        let mut first = link.next().await.unwrap();
        if first.class.ends_with("UnsubscribeTopology") {
            // For the subscription that a lost connection left behind.
            first = link.next().await.unwrap();
        }
        let subscribe: SubscribeTopology = first.decode();
        let view = view(&[&self.address], Some(&self.address));
        link.send(&subscribe.reply_to, &view).await;
        link
    }
}

/// Returns the reference to an actor of a node.
pub(crate) fn actor<M>(node: &Node, path: &str) -> ActorRef<M> {
    let host = Some((node.address.host(), node.address.port()));
    let uri = ActorUri {
        system: "s",
        node: host,
        path,
    };
    ActorRef::new(uri.to_raw()).unwrap()
}

/// Returns the view of a cluster of `nodes`, of which `owner` owns the only shard of region `r`.
pub(crate) fn view(nodes: &[&NodeAddress], owner: Option<&NodeAddress>) -> TopologySnapshot {
    let member = |node: &&NodeAddress| Member {
        address: (*node).clone(),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: node.host().into(),
    };
    let allocation = |owner: &NodeAddress| ShardAllocation {
        primary: owner.clone(),
        replicas: Tuple::default(),
    };
    let shards = owner.map(|owner| (Arc::from("r"), [(0, allocation(owner))].into()));
    TopologySnapshot {
        members: FrozenSet(nodes.iter().map(member).collect()),
        leader: nodes.first().map(|node| (*node).clone()),
        shard_allocations: shards.into_iter().collect(),
        allocation_epoch: 1,
        ..TopologySnapshot::default()
    }
}

/// Returns a client that has its view, the only node of its cluster, and their connection.
pub(crate) async fn connected(network: &MemoryNetwork) -> (ClusterClient, Node, Link) {
    let mut node = Node::listen(network, "n:1").await;
    let client = builder(network, "n:1").connect().await.unwrap();
    let link = node.accept_and_tell().await;
    client.ready(Duration::from_secs(10)).await.unwrap();
    (client, node, link)
}

/// One connection of a node.
pub(crate) struct Link {
    node: NodeAddress,
    /// The address that the client announced.
    pub(crate) announced: NodeAddress,
    stream: ByteStream,
    buffer: BytesMut,
}

/// A message that a node received.
pub(crate) struct Received {
    pub(crate) path: String,
    class: String,
    message: Vec<u8>,
    /// The trace context of its header.
    pub(crate) trace: Option<TraceParent>,
}

impl Received {
    /// Returns the name of its class.
    pub(crate) fn class(&self) -> &str {
        &self.class
    }

    pub(crate) fn decode<M: DeserializeOwned>(&self) -> M {
        self.decode_as(CODEC)
    }

    /// Decodes a message that may be of another class.
    pub(crate) fn try_decode<M: DeserializeOwned>(&self) -> Result<M, casty_client::DecodeError> {
        CODEC.decode(&self.message, &Limits::default())
    }

    pub(crate) fn decode_as<M: DeserializeOwned>(&self, codec: Codec) -> M {
        codec.decode(&self.message, &Limits::default()).unwrap()
    }
}

impl Link {
    /// Reads the next message; `None` once the client has closed its side.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        let decoder = FrameDecoder::new(frame::DEFAULT_MAX_FRAME);
        loop {
            if let Some(frame) = decoder.next(&mut self.buffer).unwrap() {
                let (head, message) = header::split_payload(&frame.payload).unwrap();
                let header = Header::read(head).unwrap();
                let path = ActorUri::parse(&header.target).unwrap().path.to_owned();
                let message = message.to_vec();
                let class = header.type_hint.into_owned();
                return Some(Received {
                    path,
                    class,
                    message,
                    trace: header::trace_parent(head),
                });
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Reads the next message to `path`, and skips others.
    pub(crate) async fn next_to(&mut self, path: &str) -> Option<Received> {
        loop {
            let received = self.next().await?;
            if received.path == path {
                return Some(received);
            }
        }
    }

    pub(crate) async fn send<M: Serialize>(&mut self, to: &ActorRef<M>, message: &M) {
        let mut encoded = Vec::new();
        let class = CODEC.encode(message, &mut encoded).unwrap();
        self.send_encoded(to.uri(), &class, &encoded).await;
    }

    /// Sends an encoded message, however long it is.
    pub(crate) async fn send_encoded(&mut self, to: &str, class: &str, encoded: &[u8]) {
        let wire = self.encoded(to, class, encoded);
        self.raw(&wire).await;
    }

    /// Returns the frame of an encoded message.
    pub(crate) fn encoded(&self, to: &str, class: &str, encoded: &[u8]) -> Vec<u8> {
        let header = Header {
            target: to.into(),
            sender: format!("casty://s@{}/", self.node).into(),
            type_hint: class.into(),
        };
        let mut payload = Vec::new();
        header.write(&mut payload);
        let mut wire = Vec::new();
        let parts = [&payload, encoded];
        frame::write_frame(&mut wire, FrameKind::Message, &parts, usize::MAX).unwrap();
        wire
    }

    /// Writes a whole frame of any type.
    pub(crate) async fn frame(&mut self, kind: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len() + 1).unwrap().to_be_bytes();
        self.raw(&[&length[..], &[kind], payload].concat()).await;
    }

    /// Writes bytes as they are.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }
}
