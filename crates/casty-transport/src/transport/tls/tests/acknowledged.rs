//! The bytes of an encrypted stream that the peer has not acknowledged.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rustls::pki_types::ServerName;
use tokio::io::AsyncWrite;

use super::*;
use crate::transport::Duplex;
use crate::transport::tls::stream::{Accepted, Encrypted, dialled};

/// The bytes that the peer's side can take in.
const ROOM: usize = 4 * 1024;

#[tokio::test]
async fn what_the_session_keeps_to_itself_is_not_taken_for_acknowledged() {
    let ca = Authority::new();
    let (near, far) = tokio::io::duplex(ROOM);
    // Whatever the pipe takes is acknowledged at once.
    let near = ByteStream::measured(near, "near", |_| Some(0));
    let far = ByteStream::measured(far, "far", |_| Some(3));
    let mut far = Accepted::new(
        far,
        ca.config(&ca.node(HOST, Validity::Now)),
        Arc::default(),
    );
    assert_eq!(far.unacknowledged(), None, "no handshake yet");
    let (config, name) = (ca.config(&ca.client()), ServerName::try_from(HOST).unwrap());
    let mut byte = [0];
    let (near, read) = tokio::join!(
        async {
            let mut near = dialled(near, name, &config).await.unwrap();
            near.write_all(b"!").await.unwrap();
            near.flush().await.unwrap();
            near
        },
        far.read_exact(&mut byte)
    );
    read.unwrap();
    assert_eq!(far.unacknowledged(), Some(3), "that of the stream below");
    let mut near = pin!(ByteStream::measured(
        near,
        "near",
        Encrypted::unacknowledged
    ));
    assert_eq!(near.unacknowledged(), Some(0));
    // From here on the peer reads nothing.
    let mut taken = 0;
    let all_taken = |cx: &mut std::task::Context<'_>| {
        while let Poll::Ready(count) = near.as_mut().poll_write(cx, &[0; 1024]) {
            taken += count.unwrap();
        }
        Poll::Ready(())
    };
    std::future::poll_fn(all_taken).await;
    assert!(taken > 2 * ROOM, "the session keeps some: {taken}");
    let acknowledged = taken.saturating_sub(near.unacknowledged().unwrap());
    assert!(acknowledged <= ROOM, "{acknowledged} of {taken}");
}

#[tokio::test]
async fn a_flush_waits_until_the_session_keeps_nothing() {
    let ca = Authority::new();
    let (near, far) = tokio::io::duplex(ROOM);
    let near = ByteStream::new(near, "near");
    let far = ByteStream::new(far, "far");
    let mut far = Accepted::new(
        far,
        ca.config(&ca.node(HOST, Validity::Now)),
        Arc::default(),
    );
    let (config, name) = (ca.config(&ca.client()), ServerName::try_from(HOST).unwrap());
    let sent = vec![7; 8 * ROOM];
    let mut read = vec![0; sent.len()];
    let write = async {
        let mut near = dialled(near, name, &config).await.unwrap();
        near.write_all(&sent).await.unwrap();
        near.flush().await.unwrap();
        // Nobody polls it any more.
        near
    };
    let (_near, read_all) = tokio::join!(write, far.read_exact(&mut read));
    read_all.unwrap();
    assert_eq!(read, sent);
}
