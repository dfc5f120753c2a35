//! Listeners that do on the wire what nodes of other versions of casty do.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::conclusion::Conclusion;
use crate::connection::{accept, connect};
use crate::transport::TcpTransport;

/// The behaviour of what listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// As a node of 0.22: it answers a ping, and closes upon all else.
    V0_22,
    /// As one of 0.30: it refuses a greeting of another cluster than its own, and closes upon all else.
    V0_30,
    /// As a node that wants TLS: it closes upon all that is plain.
    Closing,
    /// It takes all, and sends without end.
    Endless,
}

/// A listener, with the number of connections that it has accepted.
struct Stranger {
    address: NodeAddress,
    accepted: Arc<AtomicUsize>,
}

impl Stranger {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at: SocketAddr = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(behave(behaviour, stream));
            }
        });
        let address = NodeAddress::new(at.ip().to_string(), at.port());
        Self { address, accepted }
    }
}

/// The answer of a node of 0.30 to a greeting: how much it has taken, the refusal, and the end.
const REFUSED: &[u8] = b"\x02\x01\0\0\0\0\0\x01\0\0\0\x3e\
    \x02\0\0\0\0\0\0\x01\0\0\0\x33\0\0\0\x2f\x0chello-reject\x91\xd9\x1fcluster \"nobody\" is not \"pro\x1bd\"\
    \x02\x03\0\0\0\0\0\0\0\0\0\0";

async fn behave(behaviour: Behaviour, mut stream: TcpStream) {
    let mut first = [0; 12];
    if stream.read_exact(&mut first).await.is_err() {
        return;
    }
    match (behaviour, first) {
        (Behaviour::V0_22, [1, 2, 0, 0, 0, 0, 0, 0, rest @ ..]) => {
            let mut payload = vec![0; u32::from_be_bytes(rest) as usize];
            stream.read_exact(&mut payload).await.unwrap();
            let mut pong = vec![1, 2, 0, 2, 0, 0, 0, 0];
            pong.extend(rest);
            pong.extend(payload);
            stream.write_all(&pong).await.unwrap();
            // It keeps the connection.
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
        (Behaviour::V0_30, [2, 0, 0, 0, 0, 0, 0, 1, rest @ ..]) => {
            let mut envelope = vec![0; u32::from_be_bytes(rest) as usize];
            stream.read_exact(&mut envelope).await.unwrap();
            let (size, content) = envelope.split_first_chunk::<4>().unwrap();
            assert_eq!(u32::from_be_bytes(*size) as usize, content.len());
            assert!(content.starts_with(b"\x05hello\x97"), "{content:?}");
            stream.write_all(REFUSED).await.unwrap();
        }
        (Behaviour::Endless, _) => while stream.write_all(&[2; 4096]).await.is_ok() {},
        _ => {}
    }
}

/// Has an address identified that has closed a connection, and returns how often it was dialled for that.
async fn identified(behaviour: Behaviour) -> (Option<ConnectError>, usize) {
    let stranger = Stranger::start(behaviour).await;
    let options = ConnectOptions::new();
    let (transport, me) = (TcpTransport::new(), NodeAddress::new("127.7.7.7", 0));
    let closed = connect(&transport, &stranger.address, &me, &options).await;
    if behaviour != Behaviour::Endless {
        assert!(
            matches!(
                closed,
                Err(ConnectError::Closed { .. } | ConnectError::Io { .. })
            ),
            "{closed:?}"
        );
    }
    let found = identify(&transport, &stranger.address, &options).await;
    (found, stranger.accepted.load(Ordering::Relaxed) - 1)
}

#[tokio::test]
async fn a_node_of_another_version_is_told_by_what_it_answers() {
    let (found, dials) = identified(Behaviour::V0_30).await;
    let found = found.unwrap();
    let text = found.to_string();
    assert!(
        text.ends_with(
            " speaks the protocol of casty 0.30 (cluster \"pro\\u{1b}d\"); this side speaks that of casty 0.16 to 0.21"
        ),
        "{text}"
    );
    assert_eq!((found.conclusion(), dials), (Conclusion::NotCasty, 1));
    assert!(found.source().is_none());

    let (found, dials) = identified(Behaviour::V0_22).await;
    let text = found.unwrap().to_string();
    assert!(
        text.starts_with("127.0.0.1:")
            && text.contains(" speaks the protocol of casty 0.22; this side"),
        "{text}"
    );
    assert_eq!(dials, 2);
}

#[tokio::test]
async fn whatever_else_closes_or_talks_is_not_taken_for_another_version() {
    for behaviour in [Behaviour::Closing, Behaviour::Endless] {
        let (found, dials) = identified(behaviour).await;
        assert!(found.is_none(), "{found:?}");
        assert_eq!(dials, 2);
    }
}

#[test]
fn a_refusal_of_any_form_is_read_or_left() {
    let refusal = |text: &[u8]| [b"\x02\0hello-reject\x91", text].concat();
    for (text, name) in [
        (&b"\xb5cluster \"\" is not \"a\""[..], Some("a")),
        (b"\xda\0\x15cluster \"\" is not \"a\"", Some("a")),
        (b"\xda\0\x16cluster \"\" is not \"a\"", None),
        (b"\xd9", None),
        (b"\xa2no", None),
        (b"\xa2\xff\xff", None),
        (b"", None),
    ] {
        assert_eq!(cluster(&refusal(text)).as_deref(), name, "{text:?}");
    }
}

#[tokio::test]
async fn a_dialler_of_another_version_is_told_by_its_first_bytes_however_they_come() {
    let (me, options) = (NodeAddress::new("127.0.0.1", 1), ConnectOptions::new());
    for (first, told) in [
        (&b"\x02\0\0\0\0\0\0\x01\0\0\0\x51"[..], "casty 0.30"),
        (b"\x01\0\0\x01\0\0\0\x01\0\0\0\x8e", "casty 0.22"),
    ] {
        for split in [1, 4, 7, 8] {
            let (near, mut far) = tokio::io::duplex(64);
            let (begin, rest) = first.split_at(split);
            let dialler = async {
                far.write_all(begin).await.unwrap();
                // The other side reads what there is.
                tokio::task::yield_now().await;
                far.write_all(rest).await.unwrap();
            };
            let accepting = accept(ByteStream::new(near, "peer"), &me, &options);
            let (accepted, ()) = tokio::join!(accepting, dialler);
            let error = accepted.unwrap_err().to_string();
            assert!(
                error.starts_with("peer speaks the protocol of ") && error.contains(told),
                "{error}"
            );
        }
    }
}
