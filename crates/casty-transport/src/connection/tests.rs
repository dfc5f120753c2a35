use std::collections::HashMap;
use std::error::Error as _;

use async_trait::async_trait;
use casty_proto::frame::{self, FrameError};
use casty_proto::handshake::HandshakeError;
use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::conclusion::Conclusion;
use crate::error::{DialError, ListenError};
use crate::transport::Listener;
use crate::transport::MemoryNetwork;

mod dialling;

fn at(text: &str) -> NodeAddress {
    text.parse().unwrap()
}

fn client() -> NodeAddress {
    at("127.7.7.7:0")
}

fn node() -> NodeAddress {
    at("10.0.1.10:25520")
}

fn frame_of(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write_frame(&mut out, kind, &[payload], DEFAULT_MAX_FRAME).unwrap();
    out
}

fn handshake_of(address: &NodeAddress) -> Vec<u8> {
    handshake_frame(address).unwrap()
}

/// Hands out one stream, and is a black hole from then on.
#[derive(Debug)]
struct Given(Mutex<Option<ByteStream>>);

impl Given {
    fn stream(io: DuplexStream) -> Self {
        Self(Mutex::new(Some(ByteStream::new(io, "given"))))
    }

    fn black_hole() -> Self {
        Self(Mutex::new(None))
    }
}

#[async_trait]
impl Transport for Given {
    async fn dial(&self, _: &NodeAddress) -> Result<ByteStream, DialError> {
        let stream = self.0.lock().take();
        match stream {
            Some(stream) => Ok(stream),
            None => std::future::pending().await,
        }
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        Err(ListenError::Closed { at: at.clone() })
    }
}

/// Connects to a peer that writes `bytes`, and then ends its direction or keeps it open.
async fn connect_to(bytes: &[u8], keep_open: bool) -> Result<Connection, ConnectError> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(bytes).await.unwrap();
    if !keep_open {
        far.shutdown().await.unwrap();
    }
    let result = connect(
        &Given::stream(near),
        &node(),
        &client(),
        &ConnectOptions::new(),
    )
    .await;
    drop(far);
    result
}

/// Accepts a peer that writes `bytes`, and then ends its direction or keeps it open.
async fn accept_from(bytes: &[u8], keep_open: bool) -> Result<Connection, ConnectError> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(bytes).await.unwrap();
    if !keep_open {
        far.shutdown().await.unwrap();
    }
    let stream = ByteStream::new(near, "given");
    let result = accept(stream, &node(), &ConnectOptions::new()).await;
    drop(far);
    result
}

/// Returns what a peer that writes `bytes` and stays there is said to have sent, on both sides
/// alike and without any waiting.
async fn refusal_of(bytes: &[u8]) -> NotCasty {
    let start = Instant::now();
    let mut reasons = Vec::new();
    for result in [
        connect_to(bytes, true).await,
        accept_from(bytes, true).await,
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.conclusion(), Conclusion::NotCasty);
        let ConnectError::NotCasty { reason, .. } = error else {
            panic!("{error}");
        };
        reasons.push(reason);
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "refused without waiting");
    assert_eq!(reasons[0], reasons[1]);
    reasons[0]
}

/// Listens at `at` and answers the first dialler with `canonical`.
async fn serving(
    network: &MemoryNetwork,
    at: &NodeAddress,
    canonical: NodeAddress,
) -> JoinHandle<Connection> {
    let mut listener = network.transport().listen(at).await.unwrap();
    tokio::spawn(async move {
        let stream = listener.accept().await.unwrap();
        let accepted = accept(stream, &canonical, &ConnectOptions::new()).await;
        accepted.unwrap()
    })
}

#[tokio::test(start_paused = true)]
async fn both_sides_learn_who_the_other_is() {
    let network = MemoryNetwork::new();
    let (node, client) = (node(), client());
    let acceptor = serving(&network, &node, node.clone()).await;
    let options = ConnectOptions::new();
    let dialler = connect(&network.transport(), &node, &client, &options).await;
    let (mut dialler, mut acceptor) = (dialler.unwrap(), acceptor.await.unwrap());
    assert_eq!((&dialler.peer, &dialler.local), (&node, &client));
    assert_eq!((&acceptor.peer, &acceptor.local), (&client, &node));
    assert_eq!(dialler.dialled, Some(node));
    assert_eq!(acceptor.dialled, None);
    assert_eq!((dialler.alias(), acceptor.alias()), (None, None));

    dialler.stream.write_all(b"after").await.unwrap();
    let mut read = [0; 5];
    acceptor.stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"after");
}

#[tokio::test(start_paused = true)]
async fn handshakes_survive_a_stream_that_carries_one_byte_at_a_time() {
    let (near, far) = tokio::io::duplex(1);
    let (transport, options) = (Given::stream(near), ConnectOptions::new());
    let (node, client) = (node(), client());
    let (dialler, acceptor) = tokio::join!(
        connect(&transport, &node, &client, &options),
        accept(ByteStream::new(far, "dialler"), &node, &options)
    );
    assert_eq!(dialler.unwrap().peer, node);
    assert_eq!(acceptor.unwrap().peer, client);
}

#[tokio::test(start_paused = true)]
async fn a_node_with_another_canonical_address_is_known_by_both() {
    let canonical = at("casty-0.internal:25520");
    let connection = connect_to(&handshake_of(&canonical), true).await.unwrap();
    assert_eq!(connection.peer, canonical);
    assert_eq!(connection.alias(), Some(&node()));
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_handshake_in_one_read_is_kept() {
    let mut bytes = handshake_of(&node());
    let mut behind = frame_of(FrameKind::Message, b"one");
    behind.extend_from_slice(&frame_of(FrameKind::Message, b"two")[..6]);
    bytes.extend_from_slice(&behind);
    let dialler = connect_to(&bytes, true).await.unwrap();
    assert_eq!(dialler.leftover, behind);
    let mut acceptor = accept_from(&bytes, true).await.unwrap();
    assert_eq!(acceptor.leftover, behind);

    let decoder = ConnectOptions::new().decoder();
    let first = decoder.next(&mut acceptor.leftover).unwrap().unwrap();
    assert_eq!(&first.payload[..], b"one");
    assert_eq!(decoder.next(&mut acceptor.leftover), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn more_bytes_behind_the_handshake_than_one_read_takes_stay_in_order() {
    let mut bytes = handshake_of(&node());
    let behind: Vec<u8> = (0..30_000u32)
        .flat_map(u32::to_be_bytes)
        .take(40_000)
        .collect();
    bytes.extend_from_slice(&behind);
    let connection = connect_to(&bytes, false).await.unwrap();
    let mut read = connection.leftover.to_vec();
    assert!(read.len() < FIRST_READ, "bounded");
    let mut stream = connection.stream;
    stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, behind);
}

#[tokio::test(start_paused = true)]
async fn first_frames_of_another_kind_are_refused() {
    let message = frame_of(FrameKind::Message, b"{}");
    assert_eq!(
        refusal_of(&message).await,
        NotCasty::Kind(FrameKind::Message)
    );
    let other = frame_of(FrameKind::Other(9), b"");
    assert_eq!(
        refusal_of(&other).await,
        NotCasty::Kind(FrameKind::Other(9))
    );
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_cannot_be_read_are_refused() {
    for text in [
        "",
        "no json",
        "[]",
        r#"{"host": "a"}"#,
        r#"{"host": "a", "port": 70000}"#,
    ] {
        let bytes = frame_of(FrameKind::Handshake, text.as_bytes());
        assert_eq!(
            refusal_of(&bytes).await,
            NotCasty::Handshake(HandshakeError::Malformed),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_frame_is_refused() {
    assert_eq!(
        refusal_of(&[0; 4]).await,
        NotCasty::Frame(FrameError::Empty)
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_over_four_kib_is_refused_by_its_length_alone() {
    let too_long = MAX_HANDSHAKE + 2;
    // None of these is the beginning of another version's header, of which more is read.
    for length in [too_long, 17 * 1024 * 1024, 0xffff_ffff] {
        let bytes = u32::try_from(length).unwrap().to_be_bytes();
        let max = MAX_HANDSHAKE + 1;
        assert_eq!(
            refusal_of(&bytes).await,
            NotCasty::Frame(FrameError::TooLong { length, max })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_of_four_kib_passes() {
    let text = format!(
        "{:<1$}",
        r#"{"host": "10.0.1.10", "port": 25520}"#, MAX_HANDSHAKE
    );
    let bytes = frame_of(FrameKind::Handshake, text.as_bytes());
    assert_eq!(connect_to(&bytes, true).await.unwrap().peer, node());
    assert_eq!(accept_from(&bytes, true).await.unwrap().peer, node());
}

#[tokio::test(start_paused = true)]
async fn peers_of_other_protocols_are_no_casty_nodes() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let reason = refusal_of(bytes).await;
        assert_eq!(reason, NotCasty::Http);
        assert_eq!(reason.to_string(), "it speaks HTTP");
    }
    let reason = refusal_of(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    assert!(
        matches!(reason, NotCasty::Frame(FrameError::TooLong { .. })),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_tls_is_told_apart() {
    let alert = b"\x15\x03\x03\0\x02\x02\x46";
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    assert_eq!(refusal_of(alert).await, NotCasty::Tls);
    assert_eq!(refusal_of(hello).await, NotCasty::Tls);
}

#[tokio::test(start_paused = true)]
async fn no_single_wrong_byte_in_a_handshake_panics_or_hangs() {
    let whole = handshake_of(&node());
    let start = Instant::now();
    for at in 0..whole.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            let (dialler, acceptor) = (
                connect_to(&bytes, false).await,
                accept_from(&bytes, false).await,
            );
            match (dialler, acceptor) {
                (Ok(dialler), Ok(acceptor)) => assert_eq!(dialler.peer, acceptor.peer),
                (Err(dialler), Err(acceptor)) => {
                    assert_eq!(dialler.to_string(), acceptor.to_string());
                    assert_ne!(dialler.conclusion(), Conclusion::Unreachable);
                }
                (dialler, acceptor) => panic!("{at}, {byte}: {dialler:?} / {acceptor:?}"),
            }
        }
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_before_the_handshake_is_whole_was_closed() {
    let whole = handshake_of(&node());
    for cut in 0..whole.len() {
        for result in [
            connect_to(&whole[..cut], false).await,
            accept_from(&whole[..cut], false).await,
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.conclusion(), Conclusion::Unresponsive);
            assert!(
                matches!(error, ConnectError::Closed { .. }),
                "{error} at {cut}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_accepts_and_never_answers_is_a_timeout() {
    let network = MemoryNetwork::new();
    let mut listener = network.transport().listen(&node()).await.unwrap();
    let held = tokio::spawn(async move { listener.accept().await.unwrap() });
    let (node, client, options) = (node(), client(), ConnectOptions::new());
    let start = Instant::now();
    let error = connect(&network.transport(), &node, &client, &options)
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(error.conclusion(), Conclusion::Unresponsive);
    assert_eq!(
        error.to_string(),
        "no handshake from 10.0.1.10:25520 within 2s"
    );
    let mut seen = Vec::new();
    held.await.unwrap().read_to_end(&mut seen).await.unwrap();
    assert_eq!(seen, handshake_of(&client), "announced, then closed");
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_never_announces_itself_is_a_timeout() {
    let start = Instant::now();
    let error = accept_from(&[], true).await.unwrap_err();
    assert!(matches!(error, ConnectError::HandshakeTimeout { .. }));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn the_handshake_timeout_covers_the_whole_handshake_not_each_byte() {
    let (near, mut far) = tokio::io::duplex(1024);
    let trickle = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(300));
        for byte in handshake_of(&client()) {
            ticks.tick().await;
            if far.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    let options = ConnectOptions::new().handshake_timeout(Duration::from_secs(1));
    let stream = ByteStream::new(near, "trickle");
    let error = accept(stream, &node(), &options).await.unwrap_err();
    assert!(matches!(error, ConnectError::HandshakeTimeout { .. }));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_bytes_is_a_timeout() {
    let (near, _far) = tokio::io::duplex(1);
    let start = Instant::now();
    let error = connect(
        &Given::stream(near),
        &node(),
        &client(),
        &ConnectOptions::new(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, ConnectError::HandshakeTimeout { .. }));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_leads_nowhere_is_a_timeout() {
    let start = Instant::now();
    let options = ConnectOptions::new().connect_timeout(Duration::from_millis(700));
    let error = connect(&Given::black_hole(), &node(), &client(), &options)
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(700));
    assert_eq!(error.conclusion(), Conclusion::Unreachable);
    let ConnectError::ConnectTimeout { to, after } = error else {
        panic!("{error}");
    };
    assert_eq!((to, after), (node(), Duration::from_millis(700)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_dial_tells_what_was_dialled() {
    let transport = MemoryNetwork::new().transport();
    let error = connect(&transport, &node(), &client(), &ConnectOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.conclusion(), Conclusion::Unreachable);
    assert_eq!(
        error.source().unwrap().to_string(),
        "10.0.1.10:25520 refused the connection"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_mid_handshake_is_told_with_its_cause() {
    let network = MemoryNetwork::new();
    let mut listener = network.transport().listen(&node()).await.unwrap();
    let transport = network.transport();
    let (node, client, options) = (node(), client(), ConnectOptions::new());
    let held = tokio::spawn({
        let node = node.clone();
        async move {
            let held = listener.accept().await.unwrap();
            network.kill(&node);
            held
        }
    });
    let result = connect(&transport, &node, &client, &options).await;
    drop(held.await.unwrap());
    let ConnectError::Io { source, .. } = result.unwrap_err() else {
        panic!("not the stream's own error");
    };
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn the_address_map_decides_what_is_dialled_and_not_who_the_node_is() {
    let proxy = at("proxy:9000");
    let network = MemoryNetwork::new();
    let _acceptor = serving(&network, &proxy, node()).await;
    let options = ConnectOptions::new().address_map(HashMap::from([(node(), proxy)]));
    let (node, client) = (node(), client());
    let connection = connect(&network.transport(), &node, &client, &options)
        .await
        .unwrap();
    assert_eq!(connection.peer, node);
    assert_eq!(connection.dialled, Some(node));
    assert_eq!(connection.alias(), None);
    assert_eq!(&**connection.stream.peer(), "proxy:9000");
}

#[tokio::test(start_paused = true)]
async fn an_address_too_long_to_announce_is_refused_before_anything_is_dialled() {
    let long = NodeAddress::new("h".repeat(MAX_HANDSHAKE), 1);
    // A black hole that is not dialled answers at once.
    let start = Instant::now();
    let options = ConnectOptions::new();
    let error = connect(&Given::black_hole(), &node(), &long, &options)
        .await
        .unwrap_err();
    assert_eq!(error.conclusion(), Conclusion::Misconfigured);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let (near, _far) = tokio::io::duplex(1);
    let error = accept(ByteStream::new(near, "given"), &long, &options)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Announce(_)));
}

#[test]
fn documented_defaults_are_the_real_ones() {
    let options = ConnectOptions::new();
    assert_eq!(options.connect_timeout, Duration::from_secs(2));
    assert_eq!(options.handshake_timeout, Duration::from_secs(2));
    assert_eq!(options.decoder().max(), 16 * 1024 * 1024);
    assert_eq!(options.max_frame(99).decoder().max(), 99);
}
