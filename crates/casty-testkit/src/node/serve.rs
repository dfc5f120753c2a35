//! The task of a node: accepts connections, pushes its view from time to time, and handles what
//! other nodes send it.

use std::sync::Arc;
use std::time::Duration;

use casty_transport::{ByteStream, Listener, Outbox, accept, drive};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::inbound::{Inbound, receive};
use super::{Letter, Node};
use crate::gossip::World;
use crate::link::Lined;

/// How long a listener that fails is left alone.
const PAUSE: Duration = Duration::from_millis(50);
/// The most connections of one node.
const CONNECTIONS: usize = 16_384;

/// Runs a node until `stop` is used or dropped. All its connections have ended when it returns, and
/// its address is free.
pub(crate) async fn serve(
    world: Arc<World>,
    node: Arc<Node>,
    mut listener: Box<dyn Listener>,
    mut letters: mpsc::Receiver<Letter>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    let mut gossip = interval(world.settings().gossip);
    gossip.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            _ = gossip.tick() => world.gossip(node.number),
            stream = listener.accept(), if connections.len() < CONNECTIONS => match stream {
                Ok(stream) => {
                    accepted += 1;
                    let (world, node) = (Arc::clone(&world), Arc::clone(&node));
                    connections.spawn(connection(world, node, stream, accepted));
                }
                Err(error) => {
                    tracing::warn!(node = %node.address, %error, "cannot accept");
                    sleep(PAUSE).await;
                }
            },
            Some(letter) = letters.recv() => {
                receive(&world, &node, &letter.path, &letter.message);
                world.changed();
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// One connection, from its handshake to its end.
async fn connection(world: Arc<World>, node: Arc<Node>, stream: ByteStream, number: u64) {
    let line = node.open(number);
    let peer = Arc::clone(stream.peer());
    let stream = ByteStream::new(Lined::new(stream, line), peer);
    let options = &world.settings().options;
    let connection = match accept(stream, &node.address, options).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(node = %node.address, %error, "no handshake");
            return node.close(number, None);
        }
    };
    let outbox = Arc::new(Outbox::new(world.settings().outbox));
    let announced = connection.peer.clone();
    if node.admit(number, &announced, &outbox) {
        world.changed();
        let session = Inbound::new(Arc::clone(&world), Arc::clone(&node));
        let decoder = options.decoder();
        let (end, _) = drive(
            connection.stream,
            connection.leftover,
            outbox,
            session,
            decoder,
        )
        .await;
        tracing::debug!(node = %node.address, client = %announced, %end, "connection ended");
    }
    node.close(number, Some(&announced));
    world.changed();
}
