//! The peer that was dialled: whether it is covered by what it has proved, and the other addresses of
//! its name.

use std::sync::Arc;
use std::time::Duration;

use super::*;

/// Hands out streams on which a node shakes hands, or nobody does anything for some time.
#[derive(Debug)]
struct Several {
    /// The silence of each stream before it is closed; a node behind all others.
    silences: Vec<Duration>,
    dials: Mutex<usize>,
    judged: Arc<Mutex<Vec<bool>>>,
}

impl Several {
    fn new(silences: &[u64]) -> Self {
        Self {
            silences: silences
                .iter()
                .copied()
                .map(Duration::from_millis)
                .collect(),
            dials: Mutex::default(),
            judged: Arc::default(),
        }
    }
}

#[async_trait]
impl Transport for Several {
    async fn dial(&self, _: &NodeAddress) -> Result<ByteStream, DialError> {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let mut dials = self.dials.lock();
        let silence = self.silences.get(*dials).copied();
        *dials += 1;
        tokio::spawn(async move {
            if let Some(silence) = silence {
                timeout(silence, std::future::pending::<()>()).await.ok();
            } else {
                far.write_all(&handshake_of(&node())).await.unwrap();
                std::future::pending::<()>().await;
            }
            drop(far);
        });
        let judged = Arc::clone(&self.judged);
        Ok(ByteStream::new(near, "several").judged(move |is_node| {
            judged.lock().push(is_node);
            !is_node
        }))
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Closed { at: at.clone() })
    }
}

#[tokio::test(start_paused = true)]
async fn other_addresses_are_tried_for_as_long_as_half_a_timeout_is_left() {
    // Each has 2 s, all have 4 s.
    for (silences, dials, reached) in [
        (&[][..], 1, true),
        (&[0], 2, true),
        (&[2_000], 2, true),
        (&[2_000, 1_000], 3, true),
        (&[2_000, 1_001], 2, false),
        (&[2_000, 2_000], 2, false),
    ] {
        let transport = Several::new(silences);
        let options = ConnectOptions::new();
        let connected = connect(&transport, &node(), &client(), &options).await;
        assert_eq!(connected.is_ok(), reached, "{silences:?}: {connected:?}");
        assert_eq!(*transport.dials.lock(), dials, "{silences:?}");
        let mut judged = vec![false; dials];
        judged[dials - 1] = reached;
        assert_eq!(*transport.judged.lock(), judged, "{silences:?}");
    }
}

#[tokio::test]
async fn any_times_may_be_given_for_a_dial() {
    let transport = Several::new(&[0]);
    let options = ConnectOptions::new()
        .connect_timeout(Duration::MAX)
        .handshake_timeout(Duration::MAX);
    let connected = connect(&transport, &node(), &client(), &options).await;
    assert!(connected.is_ok(), "{connected:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_dial_that_is_given_up_it_is_told_that_no_node_was_found() {
    let transport = Several::new(&[5_000]);
    let options = ConnectOptions::new();
    let (node, client) = (node(), client());
    let connect = connect(&transport, &node, &client, &options);
    let second = Duration::from_secs(1);
    assert!(timeout(second, connect).await.is_err());
    assert_eq!(*transport.judged.lock(), [false]);
}

#[tokio::test]
async fn an_address_is_covered_by_the_dial_or_by_what_its_node_has_proved() {
    /// A stream to [`node`] whose peer has proved to be that host, and its other end.
    #[derive(Debug)]
    struct Proved(Option<&'static str>, Mutex<Option<DuplexStream>>);

    #[async_trait]
    impl Transport for Proved {
        async fn dial(&self, _: &NodeAddress) -> Result<ByteStream, DialError> {
            let (near, mut far) = tokio::io::duplex(64 * 1024);
            far.write_all(&handshake_of(&node())).await.unwrap();
            *self.1.lock() = Some(far);
            let stream = ByteStream::new(near, "proved");
            Ok(match self.0 {
                Some(proved) => stream.proved(move |host| host == proved),
                None => stream,
            })
        }

        async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
            Err(ListenError::Closed { at: at.clone() })
        }
    }

    let (name, mapped) = (at("name:1"), at("mapped:1"));
    let map = |from: NodeAddress, to: &NodeAddress| HashMap::from([(from, to.clone())]);
    for (dialled, map, proved, covered) in [
        // It is the one that was dialled, wherever that leads.
        (node(), HashMap::new(), None, Some(true)),
        (node(), map(node(), &mapped), Some("other"), Some(true)),
        // It has another name, and both lead to one address.
        (name.clone(), map(node(), &name), None, Some(true)),
        // It has another address.
        (name.clone(), HashMap::new(), None, None),
        (name.clone(), HashMap::new(), Some("10.0.1.10"), Some(true)),
        (
            name.clone(),
            map(node(), &mapped),
            Some("10.0.1.10"),
            Some(true),
        ),
        (
            name.clone(),
            map(node(), &mapped),
            Some("mapped"),
            Some(true),
        ),
        (name.clone(), HashMap::new(), Some("name"), Some(false)),
        (
            name.clone(),
            map(node(), &mapped),
            Some("other"),
            Some(false),
        ),
    ] {
        let options = ConnectOptions::new().address_map(map.clone());
        let transport = Proved(proved, Mutex::default());
        let connection = connect(&transport, &dialled, &client(), &options).await;
        let found = connection.unwrap().covered;
        assert_eq!(found, covered, "{dialled} {map:?} {proved:?}");
    }
}
