//! The ends of connections.

use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::*;
use crate::error::ConnectionLost;

const MEGABYTE: usize = 1024 * 1024;

#[tokio::test]
async fn what_was_written_is_read_when_a_stream_is_shut_down_at_once_and_dropped() {
    let (mut near, mut far) = pair(good(), good()).await;
    let sent = pattern(MEGABYTE);
    near.write_all(&sent).await.unwrap();
    near.shutdown().await.unwrap();
    let connection = near.connection.clone();
    drop(near);
    connection.closed().await;
    // Only now, when the connection has ended on the other side.
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert!(read == sent);
}

#[tokio::test]
async fn what_the_peer_has_is_known_once_the_writing_has_ended_in_good_order() {
    let (mut near, mut far) = pair(good(), good()).await;
    assert_eq!(near.unacknowledged(), None);
    near.shutdown().await.unwrap();
    assert_eq!(near.unacknowledged(), Some(0));
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "its end");
}

#[tokio::test]
async fn what_was_written_is_read_when_a_stream_is_only_dropped() {
    for small in [good(), good().window(32 * 1024)] {
        let (mut near, mut far) = pair(small.clone(), small).await;
        let sent = pattern(MEGABYTE);
        let mut read = Vec::new();
        let (written, ended) = tokio::join!(
            async {
                let written = near.write_all(&sent).await;
                drop(near);
                written
            },
            far.read_to_end(&mut read)
        );
        written.unwrap();
        ended.unwrap();
        assert!(read == sent);
    }
}

#[test]
fn a_runtime_that_ends_when_the_transport_is_drained_leaves_nobody_waiting() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (theirs, ours) = (runtime(), runtime());
    let mut listener = theirs.block_on(listening(good()));
    let at = listener.address();
    let far = theirs.spawn(async move {
        let mut far = listener.accept().await.unwrap();
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        far.write_all(&read).await.unwrap();
        // Waits until the other side has it.
        let start = Instant::now();
        far.shutdown().await.unwrap();
        (read, start.elapsed())
    });
    let sent = pattern(MEGABYTE);
    ours.block_on(async {
        let transport = QuicTransport::new(good());
        let mut near = transport.dial(&at).await.unwrap();
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
        let mut back = Vec::new();
        near.read_to_end(&mut back).await.unwrap();
        drop(near);
        let start = Instant::now();
        transport.drained().await;
        assert!(start.elapsed() < Duration::from_secs(5));
        // And again, with nothing to wait for.
        transport.drained().await;
    });
    ours.shutdown_background();
    let (read, waited) = theirs.block_on(far).unwrap();
    assert!(read == sent);
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn a_transport_is_drained_when_its_peers_have_what_was_written_and_not_before() {
    let transport = QuicTransport::new(good());
    let mut listener = listening(good()).await;
    let at = listener.address();
    let sent = pattern(MEGABYTE);
    let near = async {
        let mut near = transport.dial(&at).await.unwrap();
        transport.drained().await;
        near.write_all(&sent).await.unwrap();
        drop(near);
        assert!(transport.drained().now_or_never().is_none());
        transport.drained().await;
    };
    let ((), far) = tokio::join!(near, listener.accept());
    let mut read = Vec::new();
    far.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == sent);
}

#[tokio::test]
async fn one_direction_can_end_while_the_other_goes_on() {
    let (mut near, mut far) = pair(good(), good()).await;
    near.write_all(b"question").await.unwrap();
    near.shutdown().await.unwrap();
    near.shutdown().await.unwrap();
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"question");
    let answer = pattern(MEGABYTE);
    let mut read = Vec::new();
    let (written, ended) = tokio::join!(
        async {
            far.write_all(&answer).await?;
            far.shutdown().await
        },
        near.read_to_end(&mut read)
    );
    written.unwrap();
    ended.unwrap();
    assert!(read == answer);
}

#[tokio::test]
async fn writing_to_a_peer_that_left_is_a_reset() {
    let (near, mut far) = pair(good(), good()).await;
    drop(near);
    let error = loop {
        if let Err(error) = far.write_all(&[0; 1024]).await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    let lost = ConnectionLost::from(error);
    assert!(matches!(lost, ConnectionLost::Reset), "{lost:?}");
}

/// Passes datagrams between one dialler and a listener until it is stopped, and is a hole then.
async fn wire(to: NodeAddress) -> (NodeAddress, tokio::task::JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = NodeAddress::new("127.0.0.1", socket.local_addr().unwrap().port());
    let listener = format!("{to}").parse().unwrap();
    let task = tokio::spawn(async move {
        let (mut buffer, mut dialler) = (vec![0; 65536], None);
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let to = if from == listener {
                dialler
            } else {
                dialler = Some(from);
                Some(listener)
            };
            if let Some(to) = to {
                socket.send_to(&buffer[..length], to).await.unwrap();
            }
        }
    });
    (at, task)
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_lost_after_the_idle_timeout() {
    let mut listener = listening(good()).await;
    let (at, wire) = wire(listener.address()).await;
    let transport = QuicTransport::new(good());
    let (near, far) = tokio::join!(dial_and_write(&transport, &at), listener.accept());
    let (mut near, mut far) = (near, far.unwrap());
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    wire.abort();
    tokio::time::pause();
    let start = Instant::now();
    for stream in [&mut near, &mut far] {
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
    let waited = start.elapsed();
    // The last datagrams may have come in just before.
    assert!(waited >= Duration::from_secs(29), "{waited:?}");
    assert!(waited <= Duration::from_secs(40), "{waited:?}");
}

#[tokio::test]
async fn an_idle_connection_is_kept_alive() {
    let (mut near, mut far) = pair(good(), good()).await;
    tokio::time::pause();
    let silence = tokio::time::timeout(Duration::from_mins(2), far.read_u8()).await;
    assert!(silence.is_err(), "{silence:?}");
    tokio::time::resume();
    near.write_all(&[9]).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), 9);
}
