//! TCP, TLS and QUIC on either side, over real sockets.

use std::io;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::transport::TcpTransport;
use crate::transport::TlsTransport;
use crate::transport::tls::issued;
use crate::transport::{QuicConfig, QuicTransport};

/// A proxy in front of a node, and what both are reached by.
struct Sockets {
    combination: String,
    inward: Arc<dyn Transport>,
    node: Box<dyn Listener>,
    at: NodeAddress,
    counters: ProxyCounters,
    stop: oneshot::Sender<()>,
    proxy: JoinHandle<ProxyEnd>,
}

fn any() -> NodeAddress {
    NodeAddress::new(issued::HOST, 0)
}

fn transports() -> [(&'static str, Arc<dyn Transport>); 3] {
    let quic = QuicConfig::new(issued::good());
    [
        ("tcp", Arc::new(TcpTransport::new())),
        ("tls", Arc::new(TlsTransport::new(issued::good()))),
        ("quic", Arc::new(QuicTransport::new(quic))),
    ]
}

/// Limits with time enough for a machine that is busy with other tests.
fn limits() -> ProxyLimits {
    ProxyLimits::new().connect_timeout(GRACE)
}

/// Tries every combination at the same time.
async fn each<F: Future<Output = ()>>(limits: ProxyLimits, check: impl Fn(Sockets) -> F) {
    let mut checks = Vec::new();
    for (from, inward) in transports() {
        for (to, outward) in transports() {
            let node = outward.listen(&any()).await.unwrap();
            let listener = inward.listen(&any()).await.unwrap();
            let proxy = Proxy::new(listener, node.address(), outward, limits.clone());
            let (at, counters) = (proxy.address(), proxy.counters());
            let (stop, stopped) = oneshot::channel();
            let stopped = async { stopped.await.unwrap_or_default() };
            checks.push(check(Sockets {
                combination: format!("{from} to {to}"),
                inward: Arc::clone(&inward),
                node,
                at,
                counters,
                stop,
                proxy: tokio::spawn(proxy.run(stopped, GRACE)),
            }));
        }
    }
    assert_eq!(join_all(checks).await.len(), 9);
}

/// The near end of a connection, on which one byte was written.
async fn dial(transport: &dyn Transport, at: &NodeAddress) -> io::Result<ByteStream> {
    let mut near = transport.dial(at).await.map_err(io::Error::other)?;
    near.write_all(b"x").await?;
    near.flush().await?;
    Ok(near)
}

impl Sockets {
    /// Both ends of a connection through the proxy, after its first byte.
    async fn pair(&mut self) -> (ByteStream, ByteStream) {
        let node = &mut self.node;
        let combination = &self.combination;
        // Unwrapped at once: nobody waits for the other end then.
        let near = async {
            let near = dial(&*self.inward, &self.at).await;
            near.unwrap_or_else(|error| panic!("{combination}: {error}"))
        };
        let far = async {
            let mut far = node.accept().await.unwrap();
            assert_eq!(far.read_u8().await.unwrap(), b'x', "{combination}");
            far
        };
        let both = async { tokio::join!(near, far) };
        let Ok(both) = timeout(2 * GRACE, both).await else {
            panic!("{combination}: {:?}", self.counters.read());
        };
        both
    }

    async fn until(&self, reached: impl Fn(ProxyCounts) -> bool) {
        while !reached(self.counters.read()) {
            tokio::task::yield_now().await;
        }
    }

    async fn stopped(self) -> ProxyCounts {
        self.stop.send(()).unwrap();
        let end = self.proxy.await.unwrap();
        let combination = self.combination;
        assert!(
            matches!(end, ProxyEnd::Stopped { cut: 0 }),
            "{combination}: {end:?}"
        );
        self.counters.read()
    }
}

/// The end of a stream, in order or not, without a byte before it.
async fn ends(stream: &mut ByteStream) {
    let read = stream.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn every_byte_goes_both_ways_and_each_direction_ends_by_itself() {
    const LENGTH: usize = 1024 * 1024;
    each(limits(), |mut sockets| async move {
        let (mut near, mut far) = sockets.pair().await;
        let sent: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
        let mut read = Vec::new();
        let (written, ended) = tokio::join!(
            async {
                near.write_all(&sent).await?;
                near.shutdown().await
            },
            far.read_to_end(&mut read)
        );
        written.unwrap();
        ended.unwrap();
        assert!(read == sent);
        assert_eq!(sockets.counters.read().running, 1, "the other goes on");
        let mut back = Vec::new();
        let (written, ended) = tokio::join!(
            async {
                far.write_all(&sent).await?;
                far.shutdown().await
            },
            near.read_to_end(&mut back)
        );
        written.unwrap();
        ended.unwrap();
        assert!(back == sent);
        let counts = sockets.stopped().await;
        let length = LENGTH as u64;
        assert_eq!((counts.to_node, counts.from_node), (length + 1, length));
        assert_eq!((counts.broken, counts.idle), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_side_that_does_not_read_makes_the_other_wait() {
    // More than the kernel takes for four sockets.
    const TOO_MUCH: usize = 64 * 1024 * 1024;
    each(limits(), |mut sockets| async move {
        let (mut near, mut far) = sockets.pair().await;
        let piece = vec![7; 64 * 1024];
        let (mut taken, mut refusals) = (0, 0);
        while refusals < 5_000 && taken < TOO_MUCH {
            match near.write(&piece).now_or_never() {
                Some(count) => (taken, refusals) = (taken + count.unwrap(), 0),
                None => refusals += 1,
            }
            tokio::task::yield_now().await;
        }
        assert!(taken < TOO_MUCH, "{}", sockets.combination);
        // Nothing of it is lost.
        let mut read = 0;
        let mut buffer = vec![0; 64 * 1024];
        let (ended, ()) = tokio::join!(near.shutdown(), async {
            while let count @ 1.. = far.read(&mut buffer).await.unwrap() {
                read += count;
            }
        });
        ended.unwrap();
        assert_eq!(read, taken, "{}", sockets.combination);
    })
    .await;
}

#[tokio::test]
async fn what_comes_beyond_the_limit_is_closed_and_a_place_is_given_again() {
    let limits = limits().connections(1);
    each(limits, |mut sockets| async move {
        let (mut near, mut far) = sockets.pair().await;
        if let Ok(mut second) = dial(&*sockets.inward, &sockets.at).await {
            ends(&mut second).await;
        }
        sockets.until(|counts| counts.refused == 1).await;
        far.write_all(b"y").await.unwrap();
        far.flush().await.unwrap();
        assert_eq!(near.read_u8().await.unwrap(), b'y');
        drop((near, far));
        sockets.until(|counts| counts.running == 0).await;
        sockets.pair().await;
        assert_eq!(sockets.counters.read().accepted, 2);
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_on_both_sides() {
    let limits = limits().idle(Duration::from_millis(500));
    each(limits, |mut sockets| async move {
        let (mut near, mut far) = sockets.pair().await;
        tokio::join!(ends(&mut near), ends(&mut far));
        sockets.until(|counts| counts.idle == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_running_connections_end() {
    each(limits(), |mut sockets| async move {
        let (mut near, mut far) = sockets.pair().await;
        let Sockets {
            stop,
            proxy,
            counters,
            ..
        } = sockets;
        stop.send(()).unwrap();
        near.write_all(b"last").await.unwrap();
        let mut read = Vec::new();
        let (ended, all) = tokio::join!(near.shutdown(), far.read_to_end(&mut read));
        ended.unwrap();
        all.unwrap();
        assert_eq!(read, b"last");
        assert!(!proxy.is_finished());
        far.write_all(b"answer").await.unwrap();
        let mut read = Vec::new();
        let (ended, all) = tokio::join!(far.shutdown(), near.read_to_end(&mut read));
        ended.unwrap();
        all.unwrap();
        assert_eq!(read, b"answer");
        let end = proxy.await.unwrap();
        assert!(matches!(end, ProxyEnd::Stopped { cut: 0 }), "{end:?}");
        assert_eq!(counters.read().running, 0);
    })
    .await;
}

#[tokio::test]
async fn the_node_is_not_dialled_for_who_does_not_finish_the_handshake() {
    let mut node = TcpTransport::new().listen(&any()).await.unwrap();
    let inward = TlsTransport::new(issued::good());
    let listener = inward.listen(&any()).await.unwrap();
    let limits = ProxyLimits::new().connect_timeout(Duration::from_millis(100));
    let outward = Arc::new(TcpTransport::new());
    let proxy = Proxy::new(listener, node.address(), outward, limits);
    let (at, counters) = (proxy.address(), proxy.counters());
    tokio::spawn(proxy.run(std::future::pending(), GRACE));
    let mut silent = TcpTransport::new().dial(&at).await.unwrap();
    ends(&mut silent).await;
    let mut wrong = TcpTransport::new().dial(&at).await.unwrap();
    wrong.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    wrong.read_to_end(&mut alert).await.ok();
    while counters.read().unshaken < 2 {
        tokio::task::yield_now().await;
    }
    assert!(node.accept().now_or_never().is_none());
    assert_eq!(counters.read().unreachable, 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn every_tcp_socket_of_a_proxy_is_probed_when_it_is_silent() {
    use crate::transport::TcpConfig;
    use crate::transport::tcp::tests::probed;
    each(limits(), |mut sockets| async move {
        let _pair = sockets.pair().await;
        let ports = [sockets.at.port(), sockets.node.address().port()];
        for (transport, port) in sockets.combination.split(" to ").zip(ports) {
            let expected: &[bool] = if transport == "quic" {
                &[]
            } else {
                &[true, true]
            };
            let probed = || probed(port, TcpConfig::KEEP_ALIVE);
            // Once the last acknowledgement is under way.
            let all = async {
                while probed() != expected {
                    tokio::task::yield_now().await;
                }
            };
            let in_time = timeout(Duration::from_secs(20), all).await;
            assert!(in_time.is_ok(), "{}: {:?}", sockets.combination, probed());
        }
    })
    .await;
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_takes_no_place_of_those_who_do() {
    for (from, inward) in transports().into_iter().skip(1) {
        let outward = Arc::new(TcpTransport::new());
        let mut node = outward.listen(&any()).await.unwrap();
        let listener = inward.listen(&any()).await.unwrap();
        let limits = limits().connections(1).handshakes(2);
        let proxy = Proxy::new(listener, node.address(), outward, limits);
        let (at, counters) = (proxy.address(), proxy.counters());
        tokio::spawn(proxy.run(std::future::pending(), GRACE));
        let mut silent = Vec::new();
        if from == "tls" {
            silent.push(TcpTransport::new().dial(&at).await.unwrap());
        }
        let both = async { tokio::join!(dial(&*inward, &at), node.accept()) };
        let (near, far) = timeout(Duration::from_secs(20), both).await.expect(from);
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        assert_eq!(far.read_u8().await.unwrap(), b'x');
        far.write_all(b"y").await.unwrap();
        assert_eq!(near.read_u8().await.unwrap(), b'y');
        assert_eq!(counters.read().refused, 0, "{from}");
        if from == "tls" {
            silent.push(TcpTransport::new().dial(&at).await.unwrap());
            let mut beyond = TcpTransport::new().dial(&at).await.unwrap();
            ends(&mut beyond).await;
            assert_eq!(counters.read().refused, 1);
        }
        drop(silent);
    }
}
