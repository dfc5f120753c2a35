use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

fn at(text: &str) -> NodeAddress {
    text.parse().unwrap()
}

/// Returns whether a future cannot end without somebody else's help. The clock is paused, so the
/// time limit passes as soon as nothing can run.
async fn waits_for_others<F: Future>(future: F) -> bool {
    timeout(Duration::from_secs(1), future).await.is_err()
}

async fn connected(network: &MemoryNetwork) -> (Box<dyn Listener>, ByteStream, ByteStream) {
    let transport = network.transport();
    let mut listener = transport.listen(&at("node:0")).await.unwrap();
    let near = transport.dial(&listener.address()).await.unwrap();
    let far = listener.accept().await.unwrap();
    (listener, near, far)
}

#[tokio::test(start_paused = true)]
async fn bytes_pass_both_ways_and_end_when_a_side_is_dropped() {
    let network = MemoryNetwork::new();
    let (_listener, mut near, mut far) = connected(&network).await;
    near.write_all(b"ping").await.unwrap();
    let mut read = [0; 4];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
    far.write_all(b"pong").await.unwrap();
    drop(far);
    let mut rest = Vec::new();
    near.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"pong", "what was written before is read first");
    assert!(near.write_all(b"more").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn several_buffers_are_written_at_once() {
    let network = MemoryNetwork::new();
    let (_listener, mut near, mut far) = connected(&network).await;
    assert!(near.is_write_vectored());
    let parts = [IoSlice::new(b"one "), IoSlice::new(b"two")];
    assert_eq!(near.write_vectored(&parts).await.unwrap(), 7);
    let mut read = [0; 7];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"one two");
}

#[tokio::test(start_paused = true)]
async fn an_address_where_nobody_listens_refuses_at_once() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let nobody = at("nobody:1");
    let error = transport.dial(&nobody).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { at } if at == nobody));

    let listener = transport.listen(&nobody).await.unwrap();
    transport.dial(&nobody).await.unwrap();
    drop(listener);
    assert!(transport.dial(&nobody).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn networks_do_not_see_each_other_and_clones_are_one() {
    let network = MemoryNetwork::new();
    let here = at("node:1");
    let _listener = network.transport().listen(&here).await.unwrap();
    assert!(network.clone().transport().dial(&here).await.is_ok());
    assert!(MemoryNetwork::new().transport().dial(&here).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn port_zero_takes_a_free_port_and_a_taken_one_is_refused() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let first = transport.listen(&at("node:0")).await.unwrap();
    let second = transport.listen(&at("node:0")).await.unwrap();
    assert_ne!(first.address(), second.address());
    assert_ne!(first.address().port(), 0);
    assert_eq!(first.address().host(), "node");

    let error = transport.listen(&first.address()).await.err().unwrap();
    assert!(matches!(error, ListenError::InUse { at } if at == first.address()));
    let taken = first.address();
    drop(first);
    assert!(transport.listen(&taken).await.is_ok(), "free again");
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_once_the_pipe_is_full() {
    const LENGTH: usize = 64 * 1024;
    let network = MemoryNetwork::new();
    let (_listener, mut near, mut far) = connected(&network).await;
    near.write_all(&vec![1; LENGTH]).await.unwrap();
    assert!(waits_for_others(near.write_all(&[2])).await);
    let mut read = vec![0; LENGTH];
    far.read_exact(&mut read).await.unwrap();
    near.write_all(&[2]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn diallers_wait_once_the_backlog_is_full() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let here = at("node:1");
    let mut listener = transport.listen(&here).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..BACKLOG {
        streams.push(transport.dial(&here).await.unwrap());
    }
    assert!(waits_for_others(transport.dial(&here)).await);
    let (dialled, accepted) = tokio::join!(transport.dial(&here), listener.accept());
    assert!(dialled.is_ok() && accepted.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_listener_ends_what_it_did_not_accept_and_nothing_else() {
    let network = MemoryNetwork::new();
    let (listener, mut near, mut far) = connected(&network).await;
    let mut waiting = network.transport().dial(&listener.address()).await.unwrap();
    drop(listener);
    assert_eq!(waiting.read(&mut [0; 8]).await.unwrap(), 0);
    near.write_all(b"still").await.unwrap();
    let mut read = [0; 5];
    far.read_exact(&mut read).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn killing_an_address_resets_its_streams_on_both_sides() {
    let network = MemoryNetwork::new();
    let (mut listener, mut near, mut far) = connected(&network).await;
    let (_other_listener, mut other, mut other_far) = connected(&network).await;
    let here = listener.address();
    let (mut near_buf, mut far_buf) = ([0; 8], [0; 8]);
    // Both readers are parked by the time the third future runs.
    let (near_read, far_read, killed) =
        tokio::join!(near.read(&mut near_buf), far.read(&mut far_buf), async {
            network.kill(&here)
        });
    assert!(killed);
    for read in [near_read, far_read] {
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
    let written = near.write_all(b"x").await.unwrap_err();
    assert_eq!(written.kind(), io::ErrorKind::ConnectionReset);
    let flushed = near.flush().await.unwrap_err();
    assert_eq!(flushed.kind(), io::ErrorKind::ConnectionReset);
    assert!(matches!(
        listener.accept().await,
        Err(ListenError::Closed { .. })
    ));
    assert!(network.transport().dial(&here).await.is_err());
    assert!(!network.kill(&here), "nobody is there any more");

    other.write_all(b"still").await.unwrap();
    let mut read = [0; 5];
    other_far.read_exact(&mut read).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_wakes_readers_on_other_threads() {
    let network = MemoryNetwork::new();
    for _ in 0..300 {
        let (listener, mut near, mut far) = connected(&network).await;
        let readers = [
            tokio::spawn(async move { near.read(&mut [0]).await.map_err(|error| error.kind()) }),
            tokio::spawn(async move { far.read(&mut [0]).await.map_err(|error| error.kind()) }),
        ];
        network.kill(&listener.address());
        for reader in readers {
            // A reader whose other end was dropped first, by the reader of it, sees an end.
            let read = reader.await.unwrap();
            assert!(matches!(read, Ok(0) | Err(io::ErrorKind::ConnectionReset)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_address_is_free_and_its_late_listener_takes_nothing_from_the_next() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let here = at("node:1");
    let killed = transport.listen(&here).await.unwrap();
    network.kill(&here);
    let mut next = transport.listen(&here).await.unwrap();
    drop(killed);
    transport.dial(&here).await.unwrap();
    next.accept().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_waited_for_a_killed_listener_is_refused() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let here = at("node:1");
    let mut killed = transport.listen(&here).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..BACKLOG {
        streams.push(transport.dial(&here).await.unwrap());
    }
    let (late, _next) = tokio::join!(transport.dial(&here), async {
        network.kill(&here);
        let next = transport.listen(&here).await.unwrap();
        // Makes a place in the old queue, for which the late dialler waits.
        killed.accept().await.unwrap();
        next
    });
    assert!(matches!(late, Err(DialError::Refused { .. })));
}

#[tokio::test(start_paused = true)]
async fn ended_streams_are_forgotten() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let here = at("node:1");
    let mut listener = transport.listen(&here).await.unwrap();
    for _ in 0..1000 {
        transport.dial(&here).await.unwrap();
        listener.accept().await.unwrap();
    }
    let kept = network.0.hosts.lock().links.get(&here).map(Vec::len);
    assert!(kept.unwrap() <= 8, "{kept:?}");
    drop(listener);
    assert!(network.0.hosts.lock().links.is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_many_streams_those_that_last_are_all_known() {
    let network = MemoryNetwork::new();
    let transport = network.transport();
    let here = at("node:1");
    let mut listener = transport.listen(&here).await.unwrap();
    let mut lasting = Vec::new();
    for number in 0..100 {
        let ends = (transport.dial(&here).await, listener.accept().await);
        if number % 10 == 0 {
            lasting.push(ends);
        }
    }
    network.kill(&here);
    for (near, _far) in lasting {
        let written = near.unwrap().write_all(b"x").await.unwrap_err();
        assert_eq!(written.kind(), io::ErrorKind::ConnectionReset);
    }
}
