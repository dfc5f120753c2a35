//! Contact points from the program's own source.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casty_client::{
    BoxError, ClientBuilder, ClusterClient, ConfigError, Discovery, DiscoveryError, NodeAddress,
    ReadyError, TransportConfig,
};
use casty_transport::{MemoryNetwork, Transport};
use tokio::time::timeout;

use crate::logs::keep_warnings;
use crate::node::{CODEC, Node, builder, in_paused_time};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the builder of a client that is given no contact point.
fn without_contacts(network: &MemoryNetwork) -> ClientBuilder {
    ClusterClient::builder("s")
        .codec(CODEC)
        .transport(TransportConfig::memory(network.clone()))
}

/// A source that names what it is set to, and counts how often it is asked.
#[derive(Clone, Default)]
struct Registry {
    nodes: Arc<Mutex<Vec<NodeAddress>>>,
    asked: Arc<AtomicUsize>,
}

impl Registry {
    fn of(nodes: &[&str]) -> Self {
        let registry = Self::default();
        registry.set(nodes);
        registry
    }

    fn set(&self, nodes: &[&str]) {
        let nodes = nodes.iter().map(|node| node.parse().unwrap());
        *self.nodes.lock().unwrap() = nodes.collect();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Discovery for Registry {
    async fn contact_points(&self) -> Result<Vec<NodeAddress>, BoxError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.nodes.lock().unwrap().clone())
    }
}

/// Returns the error of the source with which `ready` ends, and its whole text.
async fn untold(client: &ClusterClient) -> (DiscoveryError, String) {
    let error = client.ready(10 * SECOND).await.unwrap_err();
    let text = error.to_string();
    let ReadyError::Timeout { discovery, .. } = error else {
        panic!("{error:?}");
    };
    let told = client.discovery_failure().map(|error| error.to_string());
    let discovery = discovery.expect("it is told");
    assert_eq!(told, Some(discovery.to_string()));
    (discovery, text)
}

#[test]
fn a_client_starts_with_a_source_alone_and_asks_it_once_while_all_is_well() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let registry = Registry::of(&["n:1"]);
        let client = without_contacts(&network).discovery(registry.clone());
        let client = client.connect().await.unwrap();
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        // Not until the next view is overdue.
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(registry.asked(), 1);
        assert!(client.discovery_failure().is_none());
        assert_eq!(client.dial_failures().len(), 0);
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_client_needs_a_contact_point_or_a_source() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let error = without_contacts(&network).connect().await.unwrap_err();
        assert_eq!(error, ConfigError::NoContactPoints);
        let hasty = without_contacts(&network)
            .discovery(Registry::default())
            .discovery_timeout(Duration::ZERO);
        let error = hasty.connect().await.unwrap_err();
        assert!(
            matches!(
                error,
                ConfigError::Range {
                    name: "discovery_timeout",
                    ..
                }
            ),
            "{error:?}"
        );
    });
}

#[test]
fn when_all_nodes_have_moved_the_source_is_asked_for_the_new_ones() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut first = Node::listen(&network, "a:1").await;
        let registry = Registry::of(&["a:1"]);
        let client = without_contacts(&network).discovery(registry.clone());
        let client = client.connect().await.unwrap();
        let link = first.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();

        let mut second = Node::listen(&network, "b:1").await;
        registry.set(&["b:1"]);
        drop((first, link));
        let _link = second.accept_and_tell().await;
        let mut views = client.topology();
        let moved = views.wait_for(|view| view.member(&second.address).is_some());
        moved.await.unwrap();
        assert_eq!(registry.asked(), 2);
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn what_the_source_names_comes_beside_the_contact_points_that_are_given() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "gone:1").discovery(Registry::of(&["n:1"]));
        let client = client.connect().await.unwrap();
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn failures_of_addresses_that_the_source_names_no_more_are_forgotten() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let registry = Registry::of(&["a:1", "b:1"]);
        let client = builder(&network, "given:1").discovery(registry.clone());
        let client = client.connect().await.unwrap();
        let failed = || -> Vec<String> {
            let failures = client.dial_failures();
            failures.iter().map(|(node, _)| node.to_string()).collect()
        };
        tokio::time::sleep(SECOND).await;
        assert_eq!(failed(), ["a:1", "b:1", "given:1"]);
        registry.set(&["b:1", "c:1"]);
        tokio::time::sleep(20 * SECOND).await;
        assert_eq!(failed(), ["b:1", "c:1", "given:1"]);
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn an_error_of_the_source_is_told_by_ready_with_its_words() {
    in_paused_time(|| async {
        let (warnings, _guard) = keep_warnings();
        let network = MemoryNetwork::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let client = without_contacts(&network).discovery(move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move {
                let wrong: Result<NodeAddress, _> = format!("no address, {number}").parse();
                Ok(vec![wrong?])
            }
        });
        let client = client.connect().await.unwrap();
        let (error, text) = untold(&client).await;
        assert!(matches!(error, DiscoveryError::Failed(_)), "{error:?}");
        assert!(
            text.contains("within 10s; the discovery of contact points failed: "),
            "{text}"
        );
        // With pauses of up to 5 s, of half as much on average.
        tokio::time::sleep(60 * SECOND).await;
        let asked = asked.load(Ordering::SeqCst);
        assert!((15..70).contains(&asked), "{asked}");
        assert_eq!(
            warnings.with("no contact points were found"),
            1,
            "{}",
            warnings.all()
        );
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_source_that_names_nobody_is_told_by_ready() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = without_contacts(&network).discovery(Registry::default());
        let client = client.connect().await.unwrap();
        let (error, _) = untold(&client).await;
        assert!(matches!(error, DiscoveryError::Empty), "{error:?}");
        client.close(Duration::ZERO).await;
    });
}

/// Sets a flag when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Returns a source that gives no answer, and the flag that is set when its first call is dropped.
fn hanging() -> (impl Discovery, Arc<AtomicBool>) {
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Mutex::new(Some(Flag(Arc::clone(&dropped))));
    let source = move || {
        let flag = flag.lock().unwrap().take();
        async move {
            let _flag = flag;
            pending::<Result<Vec<NodeAddress>, BoxError>>().await
        }
    };
    (source, dropped)
}

#[test]
fn a_source_that_hangs_is_dropped_when_its_time_is_up_and_told_by_ready() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (source, dropped) = hanging();
        let client = without_contacts(&network).discovery(source);
        let client = client.discovery_timeout(2 * SECOND);
        let client = client.connect().await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert!(!dropped.load(Ordering::SeqCst));
        assert!(client.discovery_failure().is_none(), "not yet");
        let (error, text) = untold(&client).await;
        assert!(
            matches!(error, DiscoveryError::Timeout(after) if after == 2 * SECOND),
            "{error:?}"
        );
        assert!(text.contains("gave no answer within 2s"), "{text}");
        assert!(dropped.load(Ordering::SeqCst));
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_client_that_ends_drops_the_question_that_is_open() {
    in_paused_time(|| async {
        for closed in [false, true] {
            let network = MemoryNetwork::new();
            let (source, dropped) = hanging();
            let client = without_contacts(&network).discovery(source);
            let client = client.connect().await.unwrap();
            tokio::time::sleep(SECOND).await;
            assert!(!dropped.load(Ordering::SeqCst));
            if closed {
                client.close(Duration::ZERO).await;
            }
            drop(client);
            tokio::time::sleep(SECOND).await;
            assert!(dropped.load(Ordering::SeqCst), "{closed}");
        }
    });
}

#[test]
fn a_panic_of_the_source_is_an_error_and_the_next_answer_is_taken() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let healed = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&healed);
        let client = without_contacts(&network).discovery(move || {
            let well = well.load(Ordering::SeqCst);
            async move {
                assert!(well, "the registry is gone");
                Ok(vec!["n:1".parse()?])
            }
        });
        let client = client.connect().await.unwrap();
        let (error, text) = untold(&client).await;
        let DiscoveryError::Panicked(words) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(&**words, "the registry is gone");
        assert!(text.contains("panicked: the registry is gone"), "{text}");

        let mut node = Node::listen(&network, "n:1").await;
        healed.store(true, Ordering::SeqCst);
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        assert!(client.discovery_failure().is_none());
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn a_source_that_panics_before_it_returns_a_future_is_told_like_any_other() {
    struct Broken(Option<Vec<NodeAddress>>);
    impl Discovery for Broken {
        fn contact_points(
            &self,
        ) -> impl Future<Output = Result<Vec<NodeAddress>, BoxError>> + Send {
            let list = self.0.clone();
            std::future::ready(Ok(list.expect("no list")))
        }
    }
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = without_contacts(&network).discovery(Broken(None));
        let client = client.connect().await.unwrap();
        let (error, _) = untold(&client).await;
        assert!(
            matches!(&error, DiscoveryError::Panicked(words) if &**words == "no list"),
            "{error:?}"
        );
        client.close(Duration::ZERO).await;
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("it cannot be given up");
    }
}

#[test]
fn a_source_that_panics_when_it_is_given_up_is_told_and_asked_again() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let first = AtomicBool::new(true);
        let client = without_contacts(&network).discovery(move || {
            let bomb = first.swap(false, Ordering::SeqCst).then(|| Bomb);
            async move {
                if bomb.is_some() {
                    pending::<()>().await;
                }
                Ok(vec!["n:1".parse()?])
            }
        });
        let client = client.connect().await.unwrap();
        tokio::time::sleep(5 * SECOND + SECOND / 1_000).await;
        let error = client.discovery_failure().unwrap();
        assert!(
            matches!(&error, DiscoveryError::Panicked(words) if &**words == "it cannot be given up"),
            "{error:?}"
        );
        let mut node = Node::listen(&network, "n:1").await;
        let _link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        client.close(Duration::ZERO).await;
    });
}

#[test]
fn of_too_many_addresses_the_first_are_kept_and_that_is_logged() {
    in_paused_time(|| async {
        let (warnings, _guard) = keep_warnings();
        let network = MemoryNetwork::new();
        // All but two refuse.
        let last: NodeAddress = "n:1024".parse().unwrap();
        let beyond: NodeAddress = "n:1025".parse().unwrap();
        let mut kept = network.transport().listen(&last).await.unwrap();
        let mut cut = network.transport().listen(&beyond).await.unwrap();
        let all: Vec<_> = (1..=2_000)
            .map(|port| NodeAddress::new("n", port))
            .collect();
        let client = without_contacts(&network).discovery(move || {
            let all = all.clone();
            async move { Ok(all) }
        });
        let client = client.connect().await.unwrap();
        let dialled = timeout(20 * SECOND, kept.accept()).await;
        dialled.expect("it is kept").unwrap();
        // It would be the next.
        let dialled = timeout(2 * SECOND, cut.accept()).await;
        assert!(dialled.is_err(), "more are kept");
        let told = "more contact points were found than are kept";
        assert_eq!(warnings.with(told), 1, "{}", warnings.all());
        assert_eq!(warnings.with("found=2000 kept=1024"), 1);
        client.close(Duration::ZERO).await;
    });
}

#[cfg(feature = "blocking")]
mod blocking {
    //! A source that blocks, and a client without a runtime.

    use std::sync::mpsc;

    use casty_client::blocking::Wait;

    use super::*;

    #[test]
    fn a_source_that_blocks_is_called_on_a_thread_of_its_own_and_once_at_a_time() {
        let network = MemoryNetwork::new();
        let (release, released) = mpsc::channel::<()>();
        let (begins, begun) = mpsc::channel();
        let waits = Mutex::new((released, begins));
        let running = Arc::new(AtomicUsize::new(0));
        let calls = Arc::clone(&running);
        let client = without_contacts(&network)
            .discovery_timeout(SECOND / 20)
            .discovery_blocking(move || {
                assert_eq!(calls.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                {
                    let (released, begins) = &*waits.lock().unwrap();
                    begins.send(()).ok();
                    released.recv().ok();
                }
                calls.fetch_sub(1, Ordering::SeqCst);
                Err("the list is away".into())
            });
        let client = client.connect_blocking().unwrap();
        begun.recv_timeout(20 * SECOND).unwrap();
        // Given up, although it goes on; another call waits for it, in vain.
        let error = client.ready(SECOND).wait().unwrap_err();
        let ReadyError::Timeout { discovery, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(
            matches!(discovery, Some(DiscoveryError::Timeout(_))),
            "{error:?}"
        );
        assert!(begun.try_recv().is_err(), "another was made");
        drop(release);
        begun.recv_timeout(20 * SECOND).unwrap();
        let mut told = (0..1_000).map(|_| {
            let error = client.ready(SECOND / 50).wait().unwrap_err();
            error.to_string()
        });
        assert!(told.any(|text| text.contains("failed: the list is away")));
        client.close(SECOND).wait();
    }

    #[test]
    fn a_panic_of_a_source_that_blocks_is_told() {
        let network = MemoryNetwork::new();
        let client = without_contacts(&network)
            .discovery_blocking(|| panic!("no list today"))
            .connect_blocking()
            .unwrap();
        let error = client.ready(SECOND).wait().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("panicked: no list today"), "{text}");
        client.close(SECOND).wait();
    }
}
