//! The messages of unknown fate when a real connection is lost: those that the peer's kernel had
//! not acknowledged, and no others.

#![cfg(all(feature = "tcp", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::sync::Arc;

use bytes::BytesMut;
use casty_proto::NodeAddress;
use casty_proto::frame::{Frame, FrameDecoder};
use casty_transport::{
    ByteStream, ConnectionEnd, Leftover, Outbox, OutboxLimits, OutboxTag, Session, TcpTransport,
    Transport, drive,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

struct Silent;

impl Session for Silent {
    fn frame(&mut self, _: Frame) {}
}

#[derive(Debug, PartialEq, Eq)]
struct Number(usize);

impl OutboxTag for Number {}

/// Length, type byte and payload of each message.
const FRAME: usize = 4 + 1 + 995;
const MESSAGES: usize = 16_000;

/// The bytes that the peer's socket can take in before its process reads: those that were asked
/// for, doubled by the kernel, and some.
const RECEIVE_BUFFER: u32 = 64 * 1024;

/// A connection on which everything is under way, and whose far end is in the hand of the test.
async fn under_way() -> (
    Arc<Outbox<Number>>,
    JoinHandle<(ConnectionEnd, Leftover<Number>)>,
    TcpStream,
) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener: TcpListener = socket.listen(1).unwrap();
    let at = NodeAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let stream = TcpTransport::new().dial(&at).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    let limits = OutboxLimits::new().bytes(MESSAGES * FRAME);
    let outbox = Arc::new(Outbox::new(limits));
    for number in 0..MESSAGES {
        outbox
            .push(&[&[0; FRAME - 5]], Some(Number(number)))
            .unwrap();
    }
    let decoder = FrameDecoder::new(1000);
    let driver = drive(stream, BytesMut::new(), outbox.clone(), Silent, decoder);
    (outbox, tokio::spawn(driver), far)
}

/// Each message has one fate, in the order of sending.
fn check(outbox: &Outbox<Number>, left: &Leftover<Number>) -> usize {
    let written = usize::try_from(outbox.messages_written()).unwrap();
    let unknown = left.unknown.iter().map(|number| number.0);
    let unsent = left.unsent.iter().map(|unsent| unsent.tag.0);
    let others: Vec<_> = unknown.chain(unsent).collect();
    assert_eq!(others, (written..MESSAGES).collect::<Vec<_>>());
    let counters = outbox.counters()[0];
    assert_eq!(counters.accepted, MESSAGES as u64);
    assert_eq!(counters.unknown, left.unknown.len() as u64);
    assert_eq!(counters.unsent, left.unsent.len() as u64);
    written
}

#[tokio::test]
async fn what_the_peers_kernel_had_is_written_and_what_ours_still_had_is_unknown() {
    const READ: usize = 300 * FRAME;
    let (outbox, driver, mut far) = under_way().await;
    far.read_exact(&mut vec![0; READ]).await.unwrap();
    // Our kernel takes more than the peer's can hold.
    let more_than_theirs = (READ + 4 * RECEIVE_BUFFER as usize) / FRAME;
    while outbox.messages_written() < more_than_theirs as u64 {
        tokio::task::yield_now().await;
    }
    far.set_zero_linger().unwrap();
    drop(far);
    let (end, left) = driver.await.unwrap();
    assert!(matches!(end, ConnectionEnd::Lost(_)), "{end}");
    let written = check(&outbox, &left);
    assert!(written >= READ / FRAME, "{written}");
    assert!(written <= more_than_theirs, "{written}");
    assert!(left.unknown.len() > 1, "{}", left.unknown.len());
}

#[tokio::test]
async fn nothing_is_unknown_that_the_peer_has_read() {
    let (outbox, driver, mut far) = under_way().await;
    far.read_exact(&mut vec![0; MESSAGES * FRAME])
        .await
        .unwrap();
    while outbox.pending_messages() > 0 {
        tokio::task::yield_now().await;
    }
    far.set_zero_linger().unwrap();
    drop(far);
    let (_, left) = driver.await.unwrap();
    assert_eq!(check(&outbox, &left), MESSAGES);
}

#[tokio::test]
async fn a_drained_connection_leaves_nothing_unknown() {
    let (outbox, driver, mut far) = under_way().await;
    outbox.drain();
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read.len(), MESSAGES * FRAME);
    drop(far);
    let (end, left) = driver.await.unwrap();
    assert!(matches!(end, ConnectionEnd::Drained), "{end}");
    assert_eq!(check(&outbox, &left), MESSAGES);
}

/// Drives a connection that ends when one message was written, and returns how many are of unknown
/// fate. Of the bytes that it wrote, one was not acknowledged.
async fn unknown_but_for_a_byte(drained: bool) -> usize {
    let (near, mut far) = tokio::io::duplex(2 * FRAME);
    let stream = ByteStream::measured(near, "far", |_| Some(1));
    let outbox = Arc::new(Outbox::new(OutboxLimits::new()));
    outbox.push(&[&[0; FRAME - 5]], Some(Number(0))).unwrap();
    let decoder = FrameDecoder::new(1000);
    let driver = drive(stream, BytesMut::new(), outbox.clone(), Silent, decoder);
    let end = async {
        far.read_exact(&mut [0; FRAME]).await.unwrap();
        if drained {
            outbox.drain();
            assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "its end");
        }
        drop(far);
    };
    let ((_, left), ()) = tokio::join!(driver, end);
    assert!(left.unsent.is_empty());
    left.unknown.len()
}

#[tokio::test]
async fn the_end_of_the_stream_counts_as_a_byte_and_no_message_waits_for_it() {
    assert_eq!(unknown_but_for_a_byte(true).await, 0);
    assert_eq!(unknown_but_for_a_byte(false).await, 1);
}

/// Tells its test when bytes have come in, whole frames or not.
struct Telling(tokio::sync::mpsc::UnboundedSender<()>);

impl Session for Telling {
    fn frame(&mut self, _: Frame) {}

    fn batch_end(&mut self) -> usize {
        self.0.send(()).ok();
        0
    }
}

/// Returns how many of two messages that the peer has read, and a third, are of unknown fate if
/// `answer` came in between.
async fn unknown_of_three(
    stream: fn(tokio::io::DuplexStream) -> ByteStream,
    answer: &[u8],
) -> usize {
    let (near, mut far) = tokio::io::duplex(8 * FRAME);
    let outbox = Arc::new(Outbox::new(OutboxLimits::new()));
    let push = |number| {
        let pushed = outbox.push(&[&[0; FRAME - 5]], Some(Number(number)));
        pushed.unwrap();
    };
    let (told, mut came) = tokio::sync::mpsc::unbounded_channel();
    let decoder = FrameDecoder::new(1000);
    let session = Telling(told);
    let driver = drive(
        stream(near),
        BytesMut::new(),
        outbox.clone(),
        session,
        decoder,
    );
    let peer = async {
        push(0);
        push(1);
        far.read_exact(&mut [0; 2 * FRAME]).await.unwrap();
        while came.try_recv().is_ok() {}
        far.write_all(answer).await.unwrap();
        came.recv().await.unwrap();
        push(2);
        far.read_exact(&mut [0; FRAME]).await.unwrap();
        drop(far);
    };
    let ((_, left), ()) = tokio::join!(driver, peer);
    left.unknown.len()
}

#[tokio::test]
async fn a_frame_that_comes_in_acknowledges_what_was_written_where_the_stream_tells_nothing() {
    let frame = [0, 0, 0, 2, 1, 0];
    let silent = |near| ByteStream::new(near, "far");
    assert_eq!(unknown_of_three(silent, &frame).await, 1);
    assert_eq!(unknown_of_three(silent, &frame[..5]).await, 3, "half of it");
    let telling = |near| ByteStream::measured(near, "far", |_| Some(3 * FRAME));
    assert_eq!(unknown_of_three(telling, &frame).await, 3);
}

/// Drives a connection whose peer takes everything, and gives `act` its outbox, with a function that
/// pushes messages and waits until they are written.
async fn with_reader<F: AsyncFnOnce(&Outbox<Number>, &dyn Fn(usize)) -> ()>(
    stream: fn(tokio::io::DuplexStream) -> ByteStream,
    act: F,
) -> usize {
    let (near, mut far) = tokio::io::duplex(1024 * 1024);
    let outbox = Arc::new(Outbox::new(OutboxLimits::new().bytes(64 * 1024 * 1024)));
    let decoder = FrameDecoder::new(1000);
    let driver = drive(
        stream(near),
        BytesMut::new(),
        outbox.clone(),
        Silent,
        decoder,
    );
    let driver = tokio::spawn(driver);
    let (end, mut ended) = tokio::sync::oneshot::channel::<()>();
    let reader = tokio::spawn(async move {
        let mut read = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                biased;
                count = far.read(&mut read) => assert!(count.unwrap() > 0),
                _ = &mut ended => break,
            }
        }
    });
    let push = |count: usize| {
        for number in 0..count {
            outbox.push(&[&[0; 3]], Some(Number(number))).unwrap();
        }
    };
    act(&outbox, &push).await;
    drop(end);
    reader.await.unwrap();
    let (_, left) = driver.await.unwrap();
    left.unknown.len()
}

/// Waits until everything is written.
async fn written(outbox: &Outbox<Number>) {
    while outbox.pending_messages() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_stream_is_asked_once_in_256_messages() {
    let telling = |near| ByteStream::measured(near, "far", |_| Some(0));
    with_reader(telling, async |outbox, push| {
        for (count, in_flight) in [(256, false), (100, true), (155, true), (1, false)] {
            push(count);
            written(outbox).await;
            assert_eq!(outbox.is_in_flight(), in_flight, "{count}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_a_peer_that_says_nothing_no_more_than_65_536_messages_are_remembered() {
    let silent = |near| ByteStream::new(near, "far");
    for (count, unknown) in [(65_536, 65_536), (65_537, 32_768)] {
        let left = with_reader(silent, async |outbox, push| {
            push(count - 1);
            written(outbox).await;
            push(1);
            written(outbox).await;
        });
        assert_eq!(left.await, unknown);
    }
}
