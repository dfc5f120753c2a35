use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::*;
use crate::conclusion::Conclusion;
use crate::connection::{ConnectOptions, accept, connect};
use crate::error::{ConnectError, NotCasty};
use crate::transport::resolve::{first_to_connect, nothing_resolved};

fn loopback() -> NodeAddress {
    NodeAddress::new("127.0.0.1", 0)
}

fn client() -> NodeAddress {
    NodeAddress::new("127.7.7.7", 0)
}

async fn listening() -> Box<dyn Listener> {
    TcpTransport::new().listen(&loopback()).await.unwrap()
}

/// A loopback address that refuses: it was free a moment ago.
async fn refusing() -> NodeAddress {
    listening().await.address()
}

fn socket(address: &NodeAddress) -> SocketAddr {
    format!("{address}").parse().unwrap()
}

#[tokio::test]
async fn both_sides_shake_hands_over_real_sockets() {
    let mut listener = listening().await;
    let dialled = listener.address();
    assert_eq!(dialled.host(), "127.0.0.1");
    assert_ne!(dialled.port(), 0, "the real port");
    let canonical = NodeAddress::new("casty-0", dialled.port());
    let options = ConnectOptions::new();
    let acceptor = tokio::spawn({
        let (canonical, options) = (canonical.clone(), options.clone());
        async move { accept(listener.accept().await.unwrap(), &canonical, &options).await }
    });
    let client = client();
    let near = connect(&TcpTransport::new(), &dialled, &client, &options).await;
    let (mut near, mut far) = (near.unwrap(), acceptor.await.unwrap().unwrap());
    assert_eq!((&near.peer, near.alias()), (&canonical, Some(&dialled)));
    assert_eq!(near.covered, None, "nothing shows that it is");
    assert_eq!(far.peer, client);
    assert!(far.stream.peer().starts_with("127.0.0.1:"));
    assert!(near.stream.is_write_vectored());

    near.stream.write_all(b"last words").await.unwrap();
    drop(near);
    let mut read = Vec::new();
    far.stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last words");
}

#[tokio::test]
async fn a_web_server_is_no_casty_node() {
    let mut listener = listening().await;
    let dialled = listener.address();
    let server = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap();
        let mut request = [0; 4];
        stream.read_exact(&mut request).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        stream
    });
    let options = ConnectOptions::new();
    let error = connect(&TcpTransport::new(), &dialled, &client(), &options)
        .await
        .unwrap_err();
    drop(server.await.unwrap());
    assert_eq!(error.conclusion(), Conclusion::NotCasty);
    assert!(matches!(
        error,
        ConnectError::NotCasty {
            reason: NotCasty::Http,
            ..
        }
    ));
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let nobody = refusing().await;
    let error = TcpTransport::new().dial(&nobody).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { at } if at == nobody));
}

#[tokio::test]
async fn a_name_without_address_is_unresolved() {
    // An empty label is no valid name, so no server has to be asked.
    let nowhere = NodeAddress::new("no..where", 25520);
    let error = TcpTransport::new().dial(&nowhere).await.unwrap_err();
    assert!(
        matches!(error, DialError::Unresolved { ref at, .. } if *at == nowhere),
        "{error:?}"
    );
    let error = TcpTransport::new().listen(&nowhere).await.err().unwrap();
    assert!(matches!(error, ListenError::Unresolved { .. }), "{error:?}");
}

#[tokio::test]
async fn names_are_resolved_when_dialling_and_kept_when_listening() {
    let transport = TcpTransport::new();
    let mut listener = transport
        .listen(&NodeAddress::new("localhost", 0))
        .await
        .unwrap();
    let address = listener.address();
    assert_eq!(address.host(), "localhost");
    let dialled = transport.dial(&address).await.unwrap();
    assert_eq!(&**dialled.peer(), address.to_string());
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_in_use_and_one_just_left_is_free() {
    let transport = TcpTransport::new();
    let mut listener = listening().await;
    let address = listener.address();
    let error = transport.listen(&address).await.err().unwrap();
    assert!(matches!(error, ListenError::InUse { .. }), "{error:?}");

    // Closing first leaves a socket of this port in TIME_WAIT.
    let mut near = transport.dial(&address).await.unwrap();
    drop(listener.accept().await.unwrap());
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    drop(listener);
    transport.listen(&address).await.unwrap();
}

#[tokio::test]
async fn an_address_of_another_host_cannot_be_listened_at() {
    let elsewhere = NodeAddress::new("192.0.2.1", 0);
    let error = TcpTransport::new().listen(&elsewhere).await.err().unwrap();
    assert!(matches!(error, ListenError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn of_two_addresses_the_one_that_answers_is_taken() {
    let dead = socket(&refusing().await);
    let listener = listening().await;
    let live = socket(&listener.address());
    let stream = first_to_connect(vec![dead, live], nothing_resolved(), TcpStream::connect)
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), live);
    let error = first_to_connect(vec![dead, dead], nothing_resolved(), TcpStream::connect)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// Returns, for each connected socket of this host with that port at either end, whether the kernel
/// is going to probe its other end within `keep_alive`.
#[cfg(target_os = "linux")]
pub(crate) fn probed(port: u16, keep_alive: std::time::Duration) -> Vec<bool> {
    const CONNECTED: &str = "01";
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let end = format!(":{port:04X}");
    let mut probed = Vec::new();
    for line in table.lines().skip(1) {
        // Number, both addresses, state, queues, timer and the hundredths of a second left to it.
        let columns: Vec<_> = line.split_whitespace().collect();
        let ends = columns[1..3].iter().any(|address| address.ends_with(&end));
        if !ends || columns[3] != CONNECTED {
            continue;
        }
        let (timer, left) = columns[5].split_once(':').unwrap();
        let left = u128::from_str_radix(left, 16).unwrap() * 10;
        probed.push(timer == "02" && left <= keep_alive.as_millis() + 10);
    }
    probed
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn both_ends_of_a_connection_are_probed_when_they_are_silent() {
    use std::time::Duration;
    for keep_alive in [TcpConfig::KEEP_ALIVE, Duration::from_secs(2)] {
        let transport = TcpTransport::with(TcpConfig::new().keep_alive(keep_alive));
        let mut listener = transport.listen(&loopback()).await.unwrap();
        let address = listener.address();
        let near = transport.dial(&address).await.unwrap();
        let far = listener.accept().await.unwrap();
        assert_eq!(probed(address.port(), keep_alive), [true, true]);
        drop((near, far));
    }
}

#[test]
fn only_errors_of_one_dialler_are_passed_over() {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, OutOfMemory, TimedOut};
    for (kind, passed) in [
        (ConnectionAborted, true),
        (ConnectionReset, true),
        (Interrupted, true),
        (OutOfMemory, false),
        (TimedOut, false),
    ] {
        assert_eq!(gone_before_accepted(&kind.into()), passed, "{kind}");
    }
}

#[tokio::test]
async fn a_listener_tells_the_error_that_is_its_own() {
    let (socket, port) = bind(socket(&loopback())).unwrap();
    let at = NodeAddress::new("127.0.0.1", port);
    // From here on the system refuses to accept.
    let shut = socket2::SockRef::from(&socket).shutdown(std::net::Shutdown::Both);
    shut.unwrap();
    let mut listener = TcpListening {
        socket,
        at: at.clone(),
        transport: TcpTransport::new(),
    };
    let error = listener.accept().await.unwrap_err();
    assert!(
        matches!(error, ListenError::Accept { at: ref told, .. } if *told == at),
        "{error:?}"
    );
}
