//! The bytes of an encrypted stream that the peer has not acknowledged.

use std::pin::pin;
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
    let mut far = Accepted::new(
        ByteStream::new(far, "far"),
        ca.config(&ca.node(HOST, Validity::Now)),
    );
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
