use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::transport::MemoryNetwork;

/// A proxy in front of a node, both in memory, and what the node accepts.
struct Setup {
    network: MemoryNetwork,
    node: Box<dyn Listener>,
    at: NodeAddress,
    counters: ProxyCounters,
    stop: oneshot::Sender<()>,
    proxy: JoinHandle<ProxyEnd>,
}

const GRACE: Duration = Duration::from_secs(20);

async fn setup(limits: ProxyLimits) -> Setup {
    let network = MemoryNetwork::new();
    let (at, node) = (NodeAddress::new("proxy", 1), NodeAddress::new("node", 1));
    let listener = network.transport().listen(&at).await.unwrap();
    let node_listener = network.transport().listen(&node).await.unwrap();
    let proxy = Proxy::new(listener, node, Arc::new(network.transport()), limits);
    let counters = proxy.counters();
    let (stop, stopped) = oneshot::channel();
    let stopped = async { stopped.await.unwrap_or_default() };
    Setup {
        network,
        node: node_listener,
        at,
        counters,
        stop,
        proxy: tokio::spawn(proxy.run(stopped, GRACE)),
    }
}

impl Setup {
    async fn dial(&self) -> ByteStream {
        self.network.transport().dial(&self.at).await.unwrap()
    }

    /// Both ends of a connection through the proxy.
    async fn pair(&mut self) -> (ByteStream, ByteStream) {
        let near = self.dial().await;
        (near, self.node.accept().await.unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_go_both_ways_and_each_direction_ends_by_itself() {
    let mut setup = setup(ProxyLimits::new().buffer(100)).await;
    let (mut near, mut far) = setup.pair().await;
    let text = vec![7; 300_000];
    let mut read = Vec::new();
    let (written, ended) = tokio::join!(
        async {
            near.write_all(&text).await?;
            near.shutdown().await
        },
        far.read_to_end(&mut read)
    );
    written.unwrap();
    ended.unwrap();
    assert_eq!(read, text);
    assert_eq!(setup.counters.read().running, 1, "the other goes on");
    far.write_all(b"answer").await.unwrap();
    far.shutdown().await.unwrap();
    let mut read = Vec::new();
    near.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"answer");
    setup.stop.send(()).unwrap();
    let end = setup.proxy.await.unwrap();
    assert!(matches!(end, ProxyEnd::Stopped { cut: 0 }), "{end:?}");
    let counts = setup.counters.read();
    assert_eq!((counts.to_node, counts.from_node), (300_000, 6));
    assert_eq!((counts.accepted, counts.running), (1, 0));
    assert_eq!((counts.broken, counts.idle), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_read_makes_the_dialler_wait() {
    let mut setup = setup(ProxyLimits::new().buffer(1000)).await;
    let (mut near, far) = setup.pair().await;
    let mut taken = 0;
    let flood = async {
        loop {
            taken += near.write(&[0; 1000]).await.unwrap();
        }
    };
    // The clock moves when nothing else can.
    assert!(timeout(Duration::from_secs(1), flood).await.is_err());
    assert!(
        taken <= 2 * 64 * 1024 + 1000,
        "two pipes and a buffer: {taken}"
    );
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn what_comes_beyond_the_limit_is_closed_and_a_place_is_given_again() {
    let mut setup = setup(ProxyLimits::new().connections(1)).await;
    let (near, far) = setup.pair().await;
    let mut second = setup.dial().await;
    assert_eq!(second.read(&mut [0]).await.unwrap(), 0);
    let counts = setup.counters.read();
    assert_eq!((counts.accepted, counts.refused), (1, 1));
    drop((near, far));
    while setup.counters.read().running > 0 {
        tokio::task::yield_now().await;
    }
    let (mut near, mut far) = setup.pair().await;
    near.write_all(b"x").await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
}

#[tokio::test(start_paused = true)]
async fn diallers_that_have_shaken_hands_already_keep_no_others_out() {
    let mut setup = setup(ProxyLimits::new().handshakes(1)).await;
    // The proxy has not run yet, and finds all of them at once.
    let diallers = [setup.dial().await, setup.dial().await, setup.dial().await];
    for _ in &diallers {
        setup.node.accept().await.unwrap();
    }
    let counts = setup.counters.read();
    assert_eq!((counts.accepted, counts.refused), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_when_it_was_idle_for_too_long_and_not_before() {
    let idle = Duration::from_mins(1);
    let mut setup = setup(ProxyLimits::new().idle(idle)).await;
    let (mut near, mut far) = setup.pair().await;
    let mut start = Instant::now();
    for _ in 0..5 {
        sleep(idle / 2).await;
        start = Instant::now();
        far.write_all(b"x").await.unwrap();
        near.read_u8().await.unwrap();
    }
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    assert!((idle..idle * 2).contains(&start.elapsed()));
    while setup.counters.read().running > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(setup.counters.read().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_may_be_idle_for_ever_is_no_overflow() {
    let mut setup = setup(ProxyLimits::new().idle(Duration::MAX)).await;
    let (mut near, mut far) = setup.pair().await;
    sleep(Duration::from_hours(24 * 365)).await;
    far.write_all(b"x").await.unwrap();
    assert_eq!(near.read_u8().await.unwrap(), b'x');
    assert_eq!(setup.counters.read().running, 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_node_the_dialler_is_closed() {
    let setup = setup(ProxyLimits::new()).await;
    setup.network.kill(&NodeAddress::new("node", 1));
    let mut near = setup.dial().await;
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    let counts = setup.counters.read();
    assert_eq!((counts.accepted, counts.unreachable), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_no_new_connections_and_lets_running_ones_end() {
    let mut setup = setup(ProxyLimits::new()).await;
    let (mut near, mut far) = setup.pair().await;
    setup.stop.send(()).unwrap();
    // Its address becomes free: nobody is accepted there any more.
    while setup.network.transport().listen(&setup.at).await.is_err() {
        tokio::task::yield_now().await;
    }
    near.write_all(b"last").await.unwrap();
    near.shutdown().await.unwrap();
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last");
    assert!(!setup.proxy.is_finished());
    far.shutdown().await.unwrap();
    let end = setup.proxy.await.unwrap();
    assert!(matches!(end, ProxyEnd::Stopped { cut: 0 }), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_what_has_not_ended_by_the_deadline() {
    let mut setup = setup(ProxyLimits::new()).await;
    let (mut near, _far) = setup.pair().await;
    let start = Instant::now();
    setup.stop.send(()).unwrap();
    let end = setup.proxy.await.unwrap();
    assert!(matches!(end, ProxyEnd::Stopped { cut: 1 }), "{end:?}");
    assert_eq!(start.elapsed(), GRACE);
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(setup.counters.read().running, 0);
}

#[cfg(all(feature = "quic", feature = "tls"))]
mod combinations;
