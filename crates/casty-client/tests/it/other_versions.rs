//! Contact points at which nodes of another version of casty are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use casty_client::{ClusterClient, ConnectError, ReadyError};
use casty_transport::{ByteStream, MemoryNetwork, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::logs::keep_warnings;
use crate::node::{Node, builder, in_paused_time};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// The refusal of a node of casty 0.30, of the cluster "prod".
const REFUSAL: &[u8] = b"\x02\0\0\0\0\0\0\x01\0\0\0\x2b\0\0\0\x27\x0chello-reject\x91\xb9cluster \"?\" is not \"prod\"";

/// A listener that does as a node of casty 0.30, with the number of handshakes and of greetings that it got. Its
/// address is free when it is aborted.
struct Newer {
    handshakes: Arc<AtomicUsize>,
    greetings: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Newer {
    async fn listen(network: &MemoryNetwork, address: &str) -> Self {
        let at = address.parse().unwrap();
        let mut listener = network.transport().listen(&at).await.unwrap();
        let (handshakes, greetings) = (Arc::default(), Arc::default());
        let counts: [Arc<AtomicUsize>; 2] = [Arc::clone(&handshakes), Arc::clone(&greetings)];
        let running = tokio::spawn(async move {
            while let Ok(stream) = listener.accept().await {
                let greeted = usize::from(answer(stream).await);
                counts[greeted].fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            handshakes,
            greetings,
            running,
        }
    }

    /// Returns the numbers of handshakes and greetings.
    fn got(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.handshakes), count(&self.greetings))
    }
}

/// Refuses a greeting, and closes upon all else. Returns whether it was one.
async fn answer(mut stream: ByteStream) -> bool {
    let mut first = [0; 8];
    stream.read_exact(&mut first).await.unwrap();
    let greeted = first == *b"\x02\0\0\0\0\0\0\x01";
    if greeted {
        stream.write_all(REFUSAL).await.unwrap();
    }
    greeted
}

async fn not_ready(client: &ClusterClient) -> ConnectError {
    match client.ready(20 * SECOND).await {
        Err(ReadyError::OtherVersion(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_whose_contacts_are_all_of_another_version_is_told_at_once_and_leaves_them_alone() {
    in_paused_time(|| async {
        let (warnings, _kept) = keep_warnings();
        let network = MemoryNetwork::new();
        let newer = [
            Newer::listen(&network, "n:1").await,
            Newer::listen(&network, "n:2").await,
        ];
        let client = builder(&network, "n:1").contact_point("n:2");
        let client = client.connect().await.unwrap();
        let begun = Instant::now();
        let error = not_ready(&client).await;
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
        assert_eq!(
            error.to_string(),
            "n:1 speaks the protocol of casty 0.30 (cluster \"prod\"); this side speaks that of casty 0.16 to 0.21"
        );
        assert_eq!(newer.each_ref().map(Newer::got), [(1, 1); 2]);
        sleep(9 * MINUTE + MINUTE / 2).await;
        for node in &newer {
            let (handshakes, greetings) = node.got();
            assert!((9..=11).contains(&handshakes), "{handshakes}");
            assert_eq!(greetings, 2, "one in five minutes");
        }
        assert_eq!(client.dial_failures().len(), 2);
        assert_eq!(warnings.with("speaks the protocol of casty 0.30"), 2);
        client.close(SECOND).await;
    });
}

#[test]
fn a_node_of_this_version_in_the_place_of_another_is_found_within_a_minute() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let newer = Newer::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        not_ready(&client).await;
        newer.running.abort();
        newer.running.await.unwrap_err();
        let mut node = Node::listen(&network, "n:1").await;
        let begun = Instant::now();
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        assert!(
            begun.elapsed() < MINUTE + 6 * SECOND,
            "{:?}",
            begun.elapsed()
        );
        assert!(client.dial_failures().is_empty());
        client.close(SECOND).await;
    });
}

#[test]
fn a_cluster_is_reached_beside_a_contact_of_another_version() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let _newer = Newer::listen(&network, "n:1").await;
        let mut node = Node::listen(&network, "n:2").await;
        let client = builder(&network, "n:1").contact_point("n:2");
        let client = client.connect().await.unwrap();
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        client.close(SECOND).await;
    });
}
