//! The node whose frames are chosen by the bytes of a run.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use casty_proto::frame::{self, FrameDecoder, FrameKind};
use casty_proto::header::Header;
use casty_proto::message::{Member, MemberStatus, SubscribeTopology, TopologySnapshot};
use casty_proto::{ActorUri, Codec, FrozenSet, Limits, NodeAddress};
use casty_transport::{ByteStream, ConnectOptions, MemoryNetwork, Transport, accept};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// The address of the node.
pub(super) const AT: &str = "n:1";
/// The root of the URIs of its actors.
pub(super) const ROOT: &str = "casty://s@n:1";

/// A node, on its one connection to the client.
pub(super) struct Node {
    codec: Codec,
    /// `None` once it was cut.
    stream: Option<ByteStream>,
    buffer: BytesMut,
}

/// A message for an actor of the node.
pub(super) struct Received {
    pub(super) path: String,
    pub(super) message: Vec<u8>,
}

impl Node {
    /// Listens, has `connect` connect a client, and tells that of a cluster of this node alone.
    pub(super) async fn connected<C>(
        network: &MemoryNetwork,
        codec: Codec,
        connect: impl Future<Output = C>,
    ) -> (Self, C) {
        let address: NodeAddress = AT.parse().expect("an address");
        let listener = network.transport().listen(&address).await;
        let mut listener = listener.expect("nobody else listens");
        let client = connect.await;
        let stream = listener.accept().await.expect("the client dials");
        let options = ConnectOptions::new();
        let accepted = accept(stream, &address, &options).await;
        let connection = accepted.expect("the client's handshake");
        let mut node = Self {
            codec,
            stream: Some(connection.stream),
            buffer: connection.leftover,
        };
        node.tell_view(address).await;
        (node, client)
    }

    /// Answers the client's subscription.
    async fn tell_view(&mut self, address: NodeAddress) {
        let member = Member {
            address: address.clone(),
            status: MemberStatus::Up,
            roles: FrozenSet::default(),
            id: Arc::from("n"),
        };
        let view = TopologySnapshot {
            members: FrozenSet(vec![member]),
            leader: Some(address),
            ..TopologySnapshot::default()
        };
        let subscription = loop {
            let first = self.received().await.into_iter().next();
            if let Some(first) = first {
                break first;
            }
            tokio::task::yield_now().await;
        };
        let subscribe = self
            .codec
            .decode::<SubscribeTopology>(&subscription.message, &Limits::default())
            .expect("the client's subscription");
        self.tell(subscribe.reply_to.uri(), &view).await;
    }

    /// Returns what has come.
    pub(super) async fn received(&mut self) -> Vec<Received> {
        let decoder = FrameDecoder::new(frame::DEFAULT_MAX_FRAME);
        let mut received = Vec::new();
        if let Some(stream) = &mut self.stream {
            let mut read = true;
            while read {
                let some = timeout(Duration::ZERO, stream.read_buf(&mut self.buffer)).await;
                read = matches!(some, Ok(Ok(length)) if length > 0);
            }
        }
        while let Some(frame) = decoder.next(&mut self.buffer).expect("the client's frames") {
            let (header, message) = Header::split(&frame.payload).expect("the client's header");
            let target = ActorUri::parse(&header.target).expect("the client's target");
            received.push(Received {
                path: target.path.to_owned(),
                message: message.to_vec(),
            });
        }
        received
    }

    /// Sends a message, encoded as the cluster has it.
    async fn tell<M: Serialize>(&mut self, to: &str, message: &M) {
        let mut encoded = Vec::new();
        let written = self.codec.encode(message, &mut encoded);
        written.expect("it can be written");
        self.send(to, &encoded).await;
    }

    /// Sends bytes as a message.
    pub(super) async fn send(&mut self, to: &str, message: &[u8]) {
        let header = Header {
            target: to.into(),
            sender: "casty://s@n:1/".into(),
            type_hint: "fuzz.Any".into(),
        };
        let mut payload = Vec::new();
        header.write(&mut payload);
        payload.extend_from_slice(message);
        self.frame(&payload).await;
    }

    /// Sends bytes as the payload of a frame.
    pub(super) async fn frame(&mut self, payload: &[u8]) {
        let mut wire = Vec::new();
        let written = frame::write_frame(&mut wire, FrameKind::Message, &[payload], usize::MAX);
        written.expect("no limit");
        if let Some(stream) = &mut self.stream {
            // The client may have ended the connection.
            stream.write_all(&wire).await.ok();
        }
    }

    /// Ends the connection.
    pub(super) fn cut(&mut self) {
        self.stream = None;
    }
}
