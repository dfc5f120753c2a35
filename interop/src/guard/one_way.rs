//! The link between a guard and one node, which can carry one way only.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use casty_proto::NodeAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::Failure;
use crate::passing::{pass_each, undelayed};

/// The address at which a guard listens: nodes reach it by the proxy in front, which has the same port.
pub(super) const BEHIND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// The bytes of a handshake that are looked through for the address of the node.
const HANDSHAKE: usize = 4096;

/// The way that is lost between a guard and a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Neither,
    ToNode,
    FromNode,
}

/// Proxies in front of a guard and, as the guard dials it, of one node. They end when they are dropped.
pub(crate) struct OneWay {
    node: NodeAddress,
    port: u16,
    at: NodeAddress,
    lost: watch::Sender<Lost>,
    accepting: [JoinHandle<()>; 2],
}

impl OneWay {
    /// Listens in front of a guard that is still to be started, and of the node.
    pub(crate) async fn before(node: &NodeAddress) -> Result<Self, Failure> {
        let in_front = TcpListener::bind(("127.0.0.1", 0)).await?;
        let dialled = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = in_front.local_addr()?.port();
        let at = NodeAddress::new("127.0.0.1", dialled.local_addr()?.port());
        let (lost, loses) = watch::channel(Lost::Neither);
        let name: Arc<str> = node.to_string().into();
        let loses_too = loses.clone();
        let from_nodes = tokio::spawn(pass_each(in_front, move |node| {
            pass_from_node(node, port, Arc::clone(&name), loses_too.clone())
        }));
        let to = node.clone();
        let from_guard = tokio::spawn(pass_each(dialled, move |guard| {
            pass_to_node(guard, to.clone(), loses.clone())
        }));
        Ok(Self {
            node: node.clone(),
            port,
            at,
            lost,
            accepting: [from_nodes, from_guard],
        })
    }

    /// Returns the arguments of a guard behind the proxies.
    pub(super) fn arguments(&self) -> [String; 6] {
        let (node, at) = (&self.node, &self.at);
        [
            "--listen".to_owned(),
            BEHIND.to_string(),
            "--port".to_owned(),
            self.port.to_string(),
            "--address-map".to_owned(),
            format!("{node}={at}"),
        ]
    }

    /// Has what is sent that way be lost from now on, on whatever connection.
    pub(crate) fn lose(&self, lost: Lost) {
        self.lost.send_replace(lost);
    }
}

impl Drop for OneWay {
    fn drop(&mut self) {
        self.accepting.iter().for_each(JoinHandle::abort);
    }
}

/// Passes on to the guard what a node sends that has dialled it; the link of all others but this one is whole.
async fn pass_from_node(
    mut node: TcpStream,
    port: u16,
    name: Arc<str>,
    loses: watch::Receiver<Lost>,
) -> Option<()> {
    let mut hello = vec![0; HANDSHAKE];
    let length = node.read(&mut hello).await.ok()?;
    let hello = hello.get(..length)?;
    let is_it = hello
        .windows(name.len())
        .any(|part| part == name.as_bytes());
    let whole = watch::channel(Lost::Neither);
    let loses = if is_it { loses } else { whole.1.clone() };
    let mut guard = TcpStream::connect((BEHIND, port)).await.ok()?;
    if *loses.borrow() != Lost::FromNode {
        guard.write_all(hello).await.ok()?;
    }
    both_ways(guard, node, loses).await
}

/// Passes on to the node what the guard sends that has dialled it.
async fn pass_to_node(
    guard: TcpStream,
    node: NodeAddress,
    loses: watch::Receiver<Lost>,
) -> Option<()> {
    let node = TcpStream::connect((node.host(), node.port())).await.ok()?;
    both_ways(guard, node, loses).await
}

/// Passes bytes on until either side ends.
async fn both_ways(guard: TcpStream, node: TcpStream, loses: watch::Receiver<Lost>) -> Option<()> {
    undelayed(&guard, &node)?;
    let (from_guard, to_guard) = guard.into_split();
    let (from_node, to_node) = node.into_split();
    tokio::select! {
        () = one_way(from_guard, to_node, &loses, Lost::ToNode) => {}
        () = one_way(from_node, to_guard, &loses, Lost::FromNode) => {}
    }
    Some(())
}

/// Passes bytes on, but for those that are lost.
async fn one_way(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    loses: &watch::Receiver<Lost>,
    way: Lost,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let is_lost = *loses.borrow() == way;
        let passed = bytes.get(..length).unwrap_or_default();
        if !is_lost && to.write_all(passed).await.is_err() {
            return;
        }
    }
}
