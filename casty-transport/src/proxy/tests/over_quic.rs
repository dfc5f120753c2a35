//! QUIC in, TCP out, over real sockets.

use super::*;
use crate::quic::{QuicTransport, issued};
use crate::tcp::TcpTransport;

#[tokio::test]
async fn an_echo_over_tcp_answers_over_quic_and_every_byte_is_counted() {
    const LENGTH: usize = 2 * 1024 * 1024;
    let any = NodeAddress::new("127.0.0.1", 0);
    let mut echo = TcpTransport::new().listen(&any).await.unwrap();
    let node = echo.address();
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(echo.accept().await.unwrap());
        tokio::io::copy(&mut from, &mut to).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let quic = QuicTransport::new(issued::good());
    let listener = quic.listen(&any).await.unwrap();
    let tcp = Arc::new(TcpTransport::new());
    let proxy = Proxy::new(listener, node, tcp, ProxyLimits::new());
    let (at, counters) = (proxy.address(), proxy.counters());
    let (stop, stopped) = oneshot::channel::<()>();
    let proxy = tokio::spawn(proxy.run(async { stopped.await.unwrap_or_default() }, GRACE));

    let (mut from, mut to) = tokio::io::split(quic.dial(&at).await.unwrap());
    let sent: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
    let mut read = Vec::new();
    let (written, ended) = tokio::join!(
        async {
            to.write_all(&sent).await?;
            to.shutdown().await
        },
        from.read_to_end(&mut read)
    );
    written.unwrap();
    ended.unwrap();
    assert!(read == sent);
    echo.await.unwrap();
    stop.send(()).unwrap();
    let end = proxy.await.unwrap();
    assert!(matches!(end, ProxyEnd::Stopped { cut: 0 }), "{end:?}");
    let counts = counters.read();
    assert_eq!(
        (counts.to_node, counts.from_node),
        (LENGTH as u64, LENGTH as u64)
    );
}
