//! Peers that speak something else, or not to the end.

use super::*;

#[tokio::test]
async fn a_plain_client_of_a_tls_node_learns_that_it_speaks_tls() {
    let ca = Authority::new();
    let server = TlsTransport::new(ca.config(&ca.node(HOST, Validity::Now)));
    let listener = server.listen(&loopback()).await.unwrap();
    let (far, near) = shake_at(listener, &TcpTransport::new(), HOST).await;
    let near = near.unwrap_err();
    assert!(
        matches!(
            near,
            ConnectError::NotCasty {
                reason: NotCasty::Tls,
                ..
            }
        ),
        "{near:?}"
    );
    let (error, conclusion) = later_error(far);
    assert!(matches!(error, TlsError::NotTls), "{error:?}");
    assert_eq!(conclusion, Conclusion::NotCasty);
}

#[tokio::test]
async fn a_tls_client_of_a_plain_node_is_cut_off_inside_the_tls_handshake() {
    let ca = Authority::new();
    let listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let (far, near) = shake_at(listener, &client, HOST).await;
    assert!(matches!(
        far,
        Err(ConnectError::NotCasty {
            reason: NotCasty::Tls,
            ..
        })
    ));
    let (error, conclusion) = dial_error(near);
    // Reset, if the node left bytes of ours unread.
    assert!(
        matches!(error, TlsError::Closed | TlsError::Io(_)),
        "{error:?}"
    );
    assert_eq!(conclusion, Conclusion::Unresponsive);
}

/// As nodes of casty 0.21.0 without TLS do: they wait for the rest of what they take for a frame.
#[tokio::test]
async fn a_server_that_waits_for_more_is_asked_for_tls_and_not_taken_for_a_host_that_is_down() {
    let ca = Authority::new();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let mut listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let address = listener.address();
    let limit = Duration::from_millis(50);
    let options = ConnectOptions::new().connect_timeout(limit);
    let announced = client_address();
    let dialled = connect(&client, &address, &announced, &options);
    let (_open, outcome) = tokio::join!(listener.accept(), dialled);
    let (error, conclusion) = dial_error(outcome);
    assert!(
        matches!(error, TlsError::Silent(within) if within == limit),
        "{error:?}"
    );
    assert_eq!(conclusion, Conclusion::Unresponsive);
}

#[tokio::test]
async fn a_server_that_answers_in_plain_text_does_not_speak_tls() {
    let error = dial_against(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(matches!(error, TlsError::NotTls), "{error:?}");
}

/// A fatal alert of TLS 1.1: protocol_version.
const ALERT_1_1: &[u8] = &[0x15, 3, 2, 0, 2, 2, 70];
/// The beginning of a TLS 1.1 ClientHello up to and including its two cipher suites.
const HELLO_1_1: &[u8] = &[
    0x16, 3, 2, 0, 49, 1, 0, 0, 45, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0, 4, 0xc0, 0x13, 0, 0x2f,
    1, 0, 0, 0,
];

#[tokio::test]
async fn a_peer_of_tls_1_1_is_told_apart_on_either_side() {
    let error = dial_against(ALERT_1_1).await;
    assert!(matches!(error, TlsError::Version), "{error:?}");
    let (error, _) = accept_from(HELLO_1_1).await;
    assert!(matches!(error, TlsError::Version), "{error:?}");
}

#[tokio::test]
async fn a_truncated_handshake_is_one_that_the_peer_closed() {
    let record = &[0x16, 3, 3, 0, 200, 2, 0, 0];
    let error = dial_against(record).await;
    assert!(matches!(error, TlsError::Closed), "{error:?}");
    let (error, conclusion) = accept_from(&HELLO_1_1[..20]).await;
    assert!(matches!(error, TlsError::Closed), "{error:?}");
    assert_eq!(conclusion, Conclusion::Unresponsive);
}

/// Returns the error of a dial to a server that reads what comes, sends `answer` and then no more.
async fn dial_against(answer: &[u8]) -> TlsError {
    let ca = Authority::new();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let mut listener = TcpTransport::new().listen(&loopback()).await.unwrap();
    let address = listener.address();
    let serve = async {
        let mut stream = listener.accept().await.unwrap();
        stream.read_buf(&mut BytesMut::new()).await.unwrap();
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    };
    match tokio::join!(serve, client.dial(&address)).1.unwrap_err() {
        DialError::Tls { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

/// Returns the error by which a stream was not accepted whose dialler sends `bytes` and then no
/// more.
async fn accept_from(bytes: &[u8]) -> (TlsError, Conclusion) {
    let ca = Authority::new();
    let server = TlsTransport::new(ca.config(&ca.node(HOST, Validity::Now)));
    let mut listener = server.listen(&loopback()).await.unwrap();
    let address = listener.address();
    let mut near = TcpTransport::new().dial(&address).await.unwrap();
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let stream = listener.accept().await.unwrap();
    later_error(accept(stream, &address, &ConnectOptions::new()).await)
}

#[tokio::test]
async fn a_client_that_is_silent_in_its_handshake_holds_up_nobody_else() {
    let ca = Authority::new();
    let server = TlsTransport::new(ca.config(&ca.node(HOST, Validity::Now)));
    let mut listener = server.listen(&loopback()).await.unwrap();
    let address = listener.address();
    let _silent = TcpTransport::new().dial(&address).await.unwrap();
    let slow = listener.accept().await.unwrap();
    let client = TlsTransport::new(ca.config(&ca.client()));
    let (far, near) = shake_at(listener, &client, HOST).await;
    assert!(far.is_ok() && near.is_ok());
    let options = ConnectOptions::new().handshake_timeout(Duration::from_millis(20));
    let error = accept(slow, &address, &options).await.unwrap_err();
    assert!(matches!(error, ConnectError::HandshakeTimeout { .. }));
}
