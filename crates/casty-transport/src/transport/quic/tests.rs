use casty_proto::frame::{FrameKind, write_frame};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::conclusion::Conclusion;
use crate::connection::{ConnectOptions, accept, connect};
use crate::error::ConnectError;
use crate::transport::TransportConfig;
use crate::transport::tls::issued::{self, Authority, CA, Files, HOST, Validity};
use crate::transport::{TlsConfig, TlsConfigError, TlsError};

mod closing;
mod config;
mod own;
mod renewal;
mod server_name;
mod trust;

fn good() -> QuicConfig {
    QuicConfig::new(issued::good())
}

async fn listening(config: QuicConfig) -> Box<dyn Listener> {
    let at = NodeAddress::new("127.0.0.1", 0);
    QuicTransport::new(config).listen(&at).await.unwrap()
}

/// Both ends of a connection, on which the dialler has written one byte that was read.
async fn pair(near: QuicConfig, far: QuicConfig) -> (QuicStream, ByteStream) {
    let mut listener = listening(far).await;
    let transport = QuicTransport::new(near);
    let at = listener.address();
    let near = async {
        let address = at.to_string().parse().unwrap();
        let mut near = transport.connect(&at, address).await.unwrap();
        near.write_all(&[7]).await.unwrap();
        near
    };
    let (near, far) = tokio::join!(near, listener.accept());
    let mut far = far.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), 7);
    (near, far)
}

/// Dials, and writes the byte with which a stream begins.
async fn dial_and_write(transport: &QuicTransport, at: &NodeAddress) -> ByteStream {
    let mut stream = transport.dial(at).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream
}

/// Bytes that cannot be mixed up without notice.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[tokio::test]
async fn both_sides_shake_hands_and_frames_go_both_ways() {
    let mut listener = listening(good()).await;
    let dialled = listener.address();
    assert_ne!(dialled.port(), 0, "the real port");
    let canonical = NodeAddress::new("casty-0", 25520);
    let options = ConnectOptions::new();
    let transport = TransportConfig::quic(good()).build();
    let client = NodeAddress::new("127.7.7.7", 0);
    let (near, far) = tokio::join!(connect(&*transport, &dialled, &client, &options), async {
        accept(listener.accept().await.unwrap(), &canonical, &options).await
    });
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    assert_eq!((&near.peer, near.alias()), (&canonical, Some(&dialled)));
    assert_eq!(far.peer, client);
    assert_eq!(&**near.stream.peer(), dialled.to_string());
    assert!(far.stream.peer().starts_with("127.0.0.1:"));

    let decoder = options.decoder();
    for _ in 0..100 {
        for (from, to) in [(true, "there"), (false, "back")] {
            let (from, into) = if from {
                (&mut near, &mut far)
            } else {
                (&mut far, &mut near)
            };
            let mut bytes = Vec::new();
            write_frame(&mut bytes, FrameKind::Message, &[to.as_bytes()], 64).unwrap();
            from.stream.write_all(&bytes).await.unwrap();
            let frame = loop {
                match decoder.next(&mut into.leftover).unwrap() {
                    Some(frame) => break frame,
                    None => assert_ne!(into.stream.read_buf(&mut into.leftover).await.unwrap(), 0),
                }
            };
            assert_eq!(&frame.payload[..], to.as_bytes());
        }
    }
}

#[tokio::test]
async fn large_transfers_go_both_ways_at_once_beyond_the_window() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let small = good().window(128 * 1024);
    let (near, far) = pair(small.clone(), small).await;
    let sent = pattern(LENGTH);
    let both = [ByteStream::new(near, "near"), far].map(|stream| {
        let sent = sent.clone();
        tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split(stream);
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
        })
    });
    for side in both {
        side.await.unwrap();
    }
}

#[tokio::test]
async fn a_side_that_does_not_read_makes_the_other_wait() {
    let small = good().window(64 * 1024);
    let (mut near, far) = pair(small.clone(), small).await;
    let piece = vec![1; 16 * 1024];
    let mut taken = 0;
    // What is on its way is bounded on both sides, so one of the writes has to wait.
    for _ in 0..1000 {
        taken += near.write(&piece).now_or_never().map_or(0, Result::unwrap);
        tokio::task::yield_now().await;
    }
    assert!(taken <= 2 * 64 * 1024 + 1, "{taken}");
    drop(far);
}

#[tokio::test]
async fn a_connection_goes_on_when_the_dialler_moves_to_another_port() {
    let (mut near, mut far) = pair(good(), good()).await;
    let before = near.endpoint.local_addr().unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    near.endpoint.rebind(socket).unwrap();
    let after = near.endpoint.local_addr().unwrap();
    assert_ne!(before.port(), after.port());
    let sent = pattern(100_000);
    for _ in 0..3 {
        let mut read = vec![0; sent.len()];
        let (written, arrived) = tokio::join!(near.write_all(&sent), far.read_exact(&mut read));
        written.unwrap();
        arrived.unwrap();
        assert!(read == sent);
        let (written, arrived) = tokio::join!(far.write_all(&sent), near.read_exact(&mut read));
        written.unwrap();
        arrived.unwrap();
    }
}

#[tokio::test]
async fn names_are_resolved_when_dialling_and_kept_when_listening() {
    let localhost = CA.config(&CA.node("localhost", Validity::Now));
    let transport = QuicTransport::new(QuicConfig::new(localhost));
    let nowhere = NodeAddress::new("no..where", 25520);
    let connect = async |_| panic!("there is no address");
    let error = transport.names.connect(&nowhere, connect).await;
    let error = error.unwrap_err();
    assert!(matches!(error, DialError::Unresolved { .. }), "{error:?}");
    let error = transport.listen(&nowhere).await.err().unwrap();
    assert!(matches!(error, ListenError::Unresolved { .. }), "{error:?}");

    let mut listener = transport
        .listen(&NodeAddress::new("localhost", 0))
        .await
        .unwrap();
    let address = listener.address();
    assert_eq!(address.host(), "localhost");
    let (dialled, accepted) = tokio::join!(dial_and_write(&transport, &address), listener.accept());
    accepted.unwrap();
    drop(dialled);
}

#[tokio::test]
async fn a_port_that_is_taken_is_in_use() {
    let listener = listening(good()).await;
    let transport = QuicTransport::new(good());
    let error = transport.listen(&listener.address()).await.err().unwrap();
    assert!(matches!(error, ListenError::InUse { .. }), "{error:?}");
}
