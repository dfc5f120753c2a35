//! Names with several addresses, of which some are no node's, over real sockets.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::connection::{ConnectOptions, Connection, accept, connect};
use crate::error::ConnectError;
use crate::transport::{TcpTransport, Transport};

/// A name server of the tests' own: every name has these addresses.
#[derive(Debug)]
struct Addresses(Vec<SocketAddr>);

#[async_trait]
impl Resolver for Addresses {
    async fn resolve(&self, _: &NodeAddress) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.clone())
    }
}

/// The behaviour of what listens at an address that is no node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoy {
    Silent,
    Closing,
    Talking,
}

const DECOYS: [Decoy; 3] = [Decoy::Silent, Decoy::Closing, Decoy::Talking];

/// Something that listens and is no node, and counts who came.
struct Listening {
    at: SocketAddr,
    came: Arc<AtomicUsize>,
}

impl Listening {
    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

fn loopback() -> NodeAddress {
    NodeAddress::new("127.0.0.1", 0)
}

fn socket(address: &NodeAddress) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), address.port())
}

async fn decoy(behaviour: Decoy) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                if behaviour == Decoy::Talking {
                    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer).await.ok();
                }
                if behaviour != Decoy::Closing {
                    stream.read_to_end(&mut Vec::new()).await.ok();
                }
            });
        }
    });
    Listening { at, came }
}

/// A node behind a transport, and the address at which it listens.
async fn node(transport: &dyn Transport) -> SocketAddr {
    let mut listener = transport.listen(&loopback()).await.unwrap();
    let at = socket(&listener.address());
    tokio::spawn(async move {
        loop {
            let stream = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let options = ConnectOptions::new();
                let canonical = NodeAddress::new("node", 1);
                let mut connection = accept(stream, &canonical, &options).await?;
                connection.stream.read_to_end(&mut Vec::new()).await.ok();
                Ok::<_, ConnectError>(())
            });
        }
    });
    at
}

async fn dial(transport: &dyn Transport) -> Result<Connection, ConnectError> {
    let options = ConnectOptions::new()
        .connect_timeout(Duration::from_secs(2))
        .handshake_timeout(Duration::from_millis(500));
    let (name, announced) = (NodeAddress::new("localhost", 1), NodeAddress::new("c", 0));
    connect(transport, &name, &announced, &options).await
}

/// Dials twice a name with these addresses, of which the first is `decoy`'s, and checks that the
/// node is found, and at once the second time. `within` the first or a second attempt.
async fn is_found(transport: &dyn Transport, decoy: &Listening, attempts: usize, kind: Decoy) {
    let mut found = dial(transport).await;
    for _ in 1..attempts {
        if found.is_err() {
            found = dial(transport).await;
        }
    }
    let connection = found.unwrap_or_else(|error| panic!("{kind:?}: {error:?}"));
    assert_eq!(connection.peer, NodeAddress::new("node", 1), "{kind:?}");
    assert_eq!(decoy.came(), 1, "{kind:?}");
    drop(connection);
    dial(transport).await.unwrap();
    assert_eq!(decoy.came(), 1, "{kind:?}: the winner is remembered");
}

#[tokio::test]
async fn behind_an_address_that_is_no_nodes_the_next_one_gets_its_turn_over_tcp() {
    for kind in DECOYS {
        let (decoy, node) = (decoy(kind).await, node(&TcpTransport::new()).await);
        let names = Arc::new(Addresses(vec![decoy.at, node]));
        let transport = TcpTransport::new().resolver(names);
        is_found(&transport, &decoy, 1, kind).await;
    }
}

#[tokio::test]
async fn each_of_many_addresses_that_are_no_nodes_is_tried_once() {
    let mut decoys = Vec::new();
    for kind in [Decoy::Closing, Decoy::Talking, Decoy::Closing] {
        decoys.push(decoy(kind).await);
    }
    let node = node(&TcpTransport::new()).await;
    let addresses = decoys.iter().map(|decoy| decoy.at).chain([node]);
    let names = Arc::new(Addresses(addresses.collect()));
    let transport = TcpTransport::new().resolver(names);
    dial(&transport).await.unwrap();
    dial(&transport).await.unwrap();
    assert!(decoys.iter().all(|decoy| decoy.came() == 1));
}

#[tokio::test]
async fn a_name_without_any_node_is_an_error_that_ends() {
    let decoys = [decoy(Decoy::Closing).await, decoy(Decoy::Talking).await];
    let names = Arc::new(Addresses(decoys.iter().map(|decoy| decoy.at).collect()));
    let transport = TcpTransport::new().resolver(names);
    let error = dial(&transport).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotCasty { .. }), "{error:?}");
    assert!(decoys.iter().all(|decoy| decoy.came() == 1));
    // Each dial tries the one that failed the longest ago, and ends: the others failed just now.
    let error = dial(&transport).await.unwrap_err();
    // Closed in good order, or reset for what it left unread.
    let closed = matches!(error, ConnectError::Closed { .. } | ConnectError::Io { .. });
    assert!(closed, "{error:?}");
    assert_eq!(decoys.each_ref().map(Listening::came), [2, 1]);
}

/// Certificates for the name that is dialled.
#[cfg(any(feature = "tls", feature = "quic"))]
mod encrypted {
    use super::*;
    use crate::transport::TlsConfig;
    use crate::transport::tls::issued::{Authority, CA, Validity};

    fn of_localhost() -> TlsConfig {
        CA.config(&CA.node("localhost", Validity::Now))
    }

    /// Listens by a transport as something that is no node.
    async fn decoy_over(transport: &dyn Transport, behaviour: Decoy) -> Listening {
        let mut listener = transport.listen(&loopback()).await.unwrap();
        let at = socket(&listener.address());
        let came = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&came);
        tokio::spawn(async move {
            loop {
                let mut stream = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    // What comes first shakes hands.
                    stream.read_u8().await.ok();
                    if behaviour == Decoy::Talking {
                        stream
                            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                            .await
                            .ok();
                        stream.flush().await.ok();
                    }
                    if behaviour != Decoy::Closing {
                        stream.read_to_end(&mut Vec::new()).await.ok();
                    }
                });
            }
        });
        Listening { at, came }
    }

    #[cfg(feature = "tls")]
    mod tls {
        use super::*;
        use crate::transport::TlsTransport;

        fn over(names: Vec<SocketAddr>) -> TlsTransport {
            let tcp = TcpTransport::new().resolver(Arc::new(Addresses(names)));
            TlsTransport::over(Arc::new(tcp), of_localhost())
        }

        #[tokio::test]
        async fn behind_an_address_without_tls_the_next_one_gets_its_turn() {
            let node = node(&TlsTransport::new(of_localhost())).await;
            for kind in DECOYS {
                let decoy = decoy(kind).await;
                // One that is silent takes the whole time that a dial has.
                let attempts = 1 + usize::from(kind == Decoy::Silent);
                is_found(&over(vec![decoy.at, node]), &decoy, attempts, kind).await;
            }
        }

        #[tokio::test]
        async fn behind_an_address_with_tls_that_is_no_nodes_the_next_one_gets_its_turn() {
            let listening = TlsTransport::new(of_localhost());
            let node = node(&listening).await;
            for kind in DECOYS {
                let decoy = decoy_over(&listening, kind).await;
                is_found(&over(vec![decoy.at, node]), &decoy, 1, kind).await;
            }
        }

        #[tokio::test]
        async fn behind_an_address_with_another_certificate_the_next_one_gets_its_turn() {
            let node = node(&TlsTransport::new(of_localhost())).await;
            let stranger = Authority::new();
            let stranger = stranger.config(&stranger.node("localhost", Validity::Now));
            let decoy = decoy_over(&TlsTransport::new(stranger), Decoy::Silent).await;
            is_found(&over(vec![decoy.at, node]), &decoy, 1, Decoy::Silent).await;
        }
    }

    #[cfg(feature = "quic")]
    mod quic {
        use std::net::UdpSocket;

        use super::*;
        use crate::transport::{QuicConfig, QuicTransport};

        fn over(names: Vec<SocketAddr>) -> QuicTransport {
            let transport = QuicTransport::new(QuicConfig::new(of_localhost()));
            transport.resolver(Arc::new(Addresses(names)))
        }

        #[tokio::test]
        async fn behind_an_address_where_no_node_speaks_quic_the_next_one_gets_its_turn() {
            let listening = QuicTransport::new(QuicConfig::new(of_localhost()));
            let node = node(&listening).await;
            let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
            let transport = over(vec![nobody.local_addr().unwrap(), node]);
            dial(&transport).await.unwrap();
            for kind in DECOYS {
                let decoy = decoy_over(&listening, kind).await;
                is_found(&over(vec![decoy.at, node]), &decoy, 1, kind).await;
            }
        }

        #[tokio::test]
        async fn behind_an_address_with_another_certificate_the_next_one_gets_its_turn() {
            let listening = QuicTransport::new(QuicConfig::new(of_localhost()));
            let node = node(&listening).await;
            let stranger = Authority::new();
            let stranger = stranger.config(&stranger.node("localhost", Validity::Now));
            let stranger = QuicTransport::new(QuicConfig::new(stranger));
            let decoy = decoy_over(&stranger, Decoy::Silent).await;
            dial(&over(vec![decoy.at, node])).await.unwrap();
        }
    }
}
