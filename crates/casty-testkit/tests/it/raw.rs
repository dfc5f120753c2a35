//! A connection whose frames a test chooses.

use std::sync::Arc;

use casty_proto::frame::{Frame, FrameKind};
use casty_proto::header::Header;
use casty_proto::message::{ClusterState, GetState, SubscribeTopology, TOPOLOGY_PATH};
use casty_proto::{ActorRef, Limits, NodeAddress};
use casty_testkit::Cluster;
use casty_transport::{ConnectOptions, Outbox, OutboxLimits, Session, connect, drive};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{LONG, Net};

/// A connection without the care that a client takes.
pub(crate) struct Raw {
    pub(crate) announced: NodeAddress,
    pub(crate) outbox: Arc<Outbox<()>>,
    pub(crate) frames: mpsc::UnboundedReceiver<Frame>,
}

struct Forward(mpsc::UnboundedSender<Frame>);

impl Session for Forward {
    fn frame(&mut self, frame: Frame) {
        self.0.send(frame).ok();
    }
}

impl Raw {
    /// Connects to a node under an address.
    pub(crate) async fn connect(net: &Net, to: &NodeAddress, announced: &str) -> Self {
        Self::connect_as(net, to, announced.parse().unwrap()).await
    }

    /// Connects to a node under an address, which need be none.
    pub(crate) async fn connect_as(net: &Net, to: &NodeAddress, announced: NodeAddress) -> Self {
        let options = ConnectOptions::new();
        let transport = net.transport().build();
        let connection = connect(&*transport, to, &announced, &options).await;
        let connection = connection.unwrap();
        let outbox = Arc::new(Outbox::new(OutboxLimits::new().bytes(64 * 1024 * 1024)));
        let (sender, frames) = mpsc::unbounded_channel();
        tokio::spawn(drive(
            connection.stream,
            connection.leftover,
            Arc::clone(&outbox),
            Forward(sender),
            options.decoder(),
        ));
        Self {
            announced,
            outbox,
            frames,
        }
    }

    /// Sends a message to the node's topology actor.
    pub(crate) fn send<M: serde::Serialize>(&self, cluster: &Cluster, message: &M) {
        self.send_to(cluster, TOPOLOGY_PATH, message);
    }

    /// Sends a message to an actor of the node.
    pub(crate) fn send_to<M: serde::Serialize>(&self, cluster: &Cluster, path: &str, message: &M) {
        let mut bytes = Vec::new();
        let class = cluster.codec().encode(message, &mut bytes).unwrap();
        let mut header = Vec::new();
        Header {
            target: format!("casty://{}{path}", cluster.system()).into(),
            sender: "casty://test-client/".into(),
            type_hint: class,
        }
        .write(&mut header);
        self.outbox.push(&[&header, &bytes], None).unwrap();
    }

    pub(crate) fn reference<M>(&self, path: &str) -> ActorRef<M> {
        ActorRef::new(format!("casty://test-client@{}{path}", self.announced)).unwrap()
    }

    pub(crate) fn ask_for_state(&self, cluster: &Cluster) {
        let reply_to = self.reference("/state");
        self.send(cluster, &GetState { reply_to });
    }

    pub(crate) fn subscribe(&self, cluster: &Cluster) {
        let reply_to = self.reference("/views");
        self.send(cluster, &SubscribeTopology { reply_to });
    }

    /// Returns the next state that arrives; `None` once the connection has ended.
    pub(crate) async fn state(&mut self, cluster: &Cluster) -> Option<ClusterState> {
        self.next(cluster, "/state").await
    }

    /// Returns the next message for an actor of this side; `None` once the connection has ended.
    pub(crate) async fn next<M: DeserializeOwned>(
        &mut self,
        cluster: &Cluster,
        path: &str,
    ) -> Option<M> {
        loop {
            let frame = self.frames.recv().await?;
            assert_eq!(frame.kind, FrameKind::Message);
            let (header, message) = Header::split(&frame.payload).unwrap();
            if header.target.ends_with(path) {
                let message = cluster.codec().decode(message, &Limits::default());
                return Some(message.unwrap());
            }
        }
    }

    /// Waits until the node has closed the connection.
    pub(crate) async fn closed(&mut self) {
        let closed = async { while self.frames.recv().await.is_some() {} };
        timeout(LONG, closed).await.expect("the node closes it");
    }
}
