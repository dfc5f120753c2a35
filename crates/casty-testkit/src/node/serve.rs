//! The task of a node: accepts connections, pushes its view from time to time, and handles what
//! other nodes send it.

use std::sync::Arc;
use std::time::Duration;

use casty_transport::{ByteStream, Listener, Outbox, accept, drive};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Node;
use super::inbound::{Inbound, receive};
use super::mailboxes::Mail;
use crate::gossip::Gossip;
use crate::link::LinkStream;

/// The time for which a listener that fails is left alone.
const PAUSE: Duration = Duration::from_millis(50);
/// The most connections of one node.
const CONNECTIONS: usize = 16_384;

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
    let mut accepted = 0;
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
            Some(_) = connections.join_next() => {}
            _ = ticks.tick() => gossip.tick(node.outbound.number()),
            stream = listener.accept(), if connections.len() < CONNECTIONS => match stream {
                Ok(stream) => {
                    accepted += 1;
                    let (gossip, node) = (Arc::clone(&gossip), Arc::clone(&node));
                    connections.spawn(connection(gossip, node, stream, accepted));
                }
                Err(error) => {
                    tracing::warn!(node = %node.outbound.address(), %error, "cannot accept");
                    sleep(PAUSE).await;
                }
            },
            Some(mail) = mail.recv() => {
                receive(&gossip, &node, &mail.path, &mail.message);
                gossip.changed();
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves one connection from its handshake to its end.
async fn connection(gossip: Arc<Gossip>, node: Arc<Node>, stream: ByteStream, number: u64) {
    let link = node.open(number);
    let peer = Arc::clone(stream.peer());
    let stream = ByteStream::new(LinkStream::new(stream, link), peer);
    let options = &gossip.settings().options;
    let address = node.outbound.address();
    let connection = match accept(stream, address, options).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(node = %address, %error, "no handshake");
            return node.close(number, None);
        }
    };
    let outbox = Arc::new(Outbox::new(gossip.settings().outbox));
    let announced = connection.peer.clone();
    if node.admit(number, &announced, &outbox) {
        gossip.changed();
        let session = Inbound::new(Arc::clone(&gossip), Arc::clone(&node));
        let decoder = options.decoder();
        let (end, _) = drive(
            connection.stream,
            connection.leftover,
            outbox,
            session,
            decoder,
        )
        .await;
        tracing::debug!(node = %address, client = %announced, %end, "connection ended");
    }
    node.close(number, Some(&announced));
    gossip.changed();
}
