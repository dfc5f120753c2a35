//! The task of a node: accepts connections, pushes its view from time to time, and handles what
//! other nodes send it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Chain, NodeAddress};
use casty_transport::{
    ByteStream, ConnectError, ConnectOptions, Connection, Listener, Outbox, accept, connect, drive,
    identify,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};

use super::Node;
use super::admission::{Admission, Refusal};
use super::inbound::{Inbound, Origin, Peer, receive};
use super::mailboxes::Mail;
use super::strangers::{Meeting, Strangers};
use crate::gossip::Gossip;
use crate::link::LinkStream;

/// The time for which a listener that fails is left alone.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs a node until `stop` is used or dropped.
///
/// When it returns all connections of the node have ended, and its address is free.
pub(crate) async fn serve(
    gossip: Arc<Gossip>,
    node: Arc<Node>,
    mut listener: Box<dyn Listener>,
    mut mail: mpsc::Receiver<Mail>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    let mut ticks = interval(gossip.settings().gossip);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut faults = node.faults.subscribe();
    let mut due = gossip.due(node.outbound.number());
    let mut dials = node.dials.lock().take();
    let admission = Admission::new(gossip.settings());
    let mut links = 0;
    let mut strangers = Strangers::default();
    loop {
        // A process that is stopped does nothing; the kernel accepts on its behalf.
        tokio::select! {
            biased;
            _ = &mut stop => break,
            _ = faults.wait_for(|faults| !faults.hung) => {}
        }
        // In a fixed order, so that a simulation is the same at every run.
        tokio::select! {
            biased;
            _ = &mut stop => break,
            _ = faults.changed() => {}
            Some(ended) = connections.join_next() => {
                if let Ok(Some(meeting)) = ended {
                    strangers.met(node.outbound.address(), meeting);
                }
            }
            _ = ticks.tick() => gossip.tick(node.outbound.number()),
            () = when_due(&mut due) => gossip.run_engine(node.outbound.number()),
            Some(to) = next(&mut dials) => {
                links += 1;
                let (gossip, node) = (Arc::clone(&gossip), Arc::clone(&node));
                let asks = strangers.may_ask(&to);
                connections.spawn(dial(gossip, node, (to, asks), links));
            }
            stream = listener.accept() => match stream {
                Ok(stream) => match admission.place(connections.len()) {
                    Ok(place) => {
                        links += 1;
                        let (gossip, node) = (Arc::clone(&gossip), Arc::clone(&node));
                        connections.spawn(connection(gossip, node, (stream, place), links));
                    }
                    Err(refusal) => {
                        node.refuse(stream.peer(), &refusal);
                        gossip.changed();
                    }
                },
                Err(error) => {
                    tracing::warn!(node = %node.outbound.address(), %error, "cannot accept");
                    sleep(PAUSE).await;
                }
            },
            Some(mail) = mail.recv() => {
                let from = Origin::Node(mail.from);
                receive(&gossip, &node, from, (&mail.path, mail.message()));
                gossip.changed();
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves one connection from its handshake to its end. It has its place for as long as it shakes hands. Returns the
/// meeting with one that speaks the protocol of another version of casty.
async fn connection(
    gossip: Arc<Gossip>,
    node: Arc<Node>,
    (stream, place): (ByteStream, OwnedSemaphorePermit),
    number: u64,
) -> Option<Meeting> {
    let link = node.open(number);
    let peer = Arc::clone(stream.peer());
    let stream = stream.below(|stream| LinkStream::new(stream, link));
    let met = match shake_hands(&gossip, &node, stream).await {
        Ok(connection) => {
            drop(place);
            let outbox = Arc::new(Outbox::new(gossip.settings().outbox));
            let announced = connection.peer.clone();
            if node.admit(number, &announced, &outbox) {
                carry(&gossip, &node, connection, outbox).await;
            }
            node.close(number, Some(&announced));
            None
        }
        Err(refusal) => {
            node.refuse(&peer, &refusal);
            node.close(number, None);
            match refusal {
                Refusal::NoHandshake(error @ ConnectError::OtherVersion { .. }) => {
                    Some(Meeting::Refused(error))
                }
                _ => None,
            }
        }
    };
    gossip.changed();
    met
}

/// Waits until a peer has announced itself, at an address that is not another node's.
async fn shake_hands(
    gossip: &Gossip,
    node: &Node,
    stream: ByteStream,
) -> Result<Connection, Refusal> {
    let options = &gossip.settings().options;
    let connection = accept(stream, node.outbound.address(), options).await?;
    let announced = &connection.peer;
    if connection.covered == Some(false) && gossip.is_node(node.outbound.number(), announced) {
        let announced = announced.clone();
        return Err(Refusal::Uncovered { announced });
    }
    Ok(connection)
}

/// Dials a node and serves the connection to its end, unless another one to that node is used. One that closes it
/// is asked which version of casty it is, if it may be.
async fn dial(
    gossip: Arc<Gossip>,
    node: Arc<Node>,
    (to, asks): (NodeAddress, bool),
    number: u64,
) -> Option<Meeting> {
    let peers = node.outbound.peers()?;
    let settings = gossip.settings();
    let options = ConnectOptions::new();
    let me = node.outbound.address();
    let mut connection = match connect(&*settings.transport, &to, me, &options).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(node = %me, %to, error = %Chain(&error), "not dialled");
            peers.failed(&to);
            if !(asks && matches!(error, ConnectError::Closed { .. })) {
                return None;
            }
            let found = identify(&*settings.transport, &to, &options).await;
            return Some(Meeting::Asked(to, found));
        }
    };
    let announced = connection.peer.clone();
    if !gossip.admits(node.outbound.number(), &to, &connection) {
        let dialled = to.clone();
        let misnamed = ConnectError::Misnamed { dialled, announced };
        tracing::warn!(node = %me, error = %misnamed, "not connected");
        peers.failed(&to);
        return None;
    }
    let link = node.open(number);
    connection.stream = connection
        .stream
        .below(|stream| LinkStream::new(stream, link));
    let outbox = Arc::new(Outbox::new(settings.outbox));
    if node.admit_dialled(number, (&to, &announced), &outbox) {
        carry(&gossip, &node, connection, outbox).await;
    }
    node.close(number, Some(&announced));
    gossip.changed();
    None
}

/// Serves a connection that is in use to its end.
async fn carry(
    gossip: &Arc<Gossip>,
    node: &Arc<Node>,
    connection: Connection,
    outbox: Arc<Outbox<()>>,
) {
    gossip.changed();
    let Connection {
        stream,
        leftover,
        peer,
        covered,
        ..
    } = connection;
    let from = Peer {
        address: peer.clone(),
        may_be_member: covered != Some(false),
    };
    let session = Inbound::new(Arc::clone(gossip), Arc::clone(node), from);
    let decoder = gossip.settings().options.decoder();
    let (end, _) = drive(stream, leftover, outbox, session, decoder).await;
    tracing::debug!(node = %node.outbound.address(), %peer, %end, "connection ended");
}

/// Waits until a node's engine has something to do; for ever if it has none.
async fn when_due(due: &mut Option<watch::Receiver<Option<std::time::Instant>>>) {
    let Some(due) = due else {
        return pending().await;
    };
    loop {
        let at = *due.borrow_and_update();
        let reached = async {
            match at {
                Some(at) => sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = due.changed() => {
                if changed.is_err() {
                    return pending().await;
                }
            }
            () = reached => return,
        }
    }
}

/// Returns the next node that is to be dialled; waits for ever if none is.
async fn next(dials: &mut Option<mpsc::Receiver<NodeAddress>>) -> Option<NodeAddress> {
    match dials {
        Some(dials) => dials.recv().await,
        None => pending().await,
    }
}
