//! Peers that are refused, and the errors that both sides see.

use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionError, TransportErrorCode};
use rustls::AlertDescription;

use super::*;

/// Returns the error that a dialler sees of a listener that accepts what it can.
pub(super) async fn refusal(near: TlsConfig, far: TlsConfig) -> DialError {
    let mut listener = listening(QuicConfig::new(far)).await;
    let at = listener.address();
    let transport = QuicTransport::new(QuicConfig::new(near));
    tokio::select! {
        outcome = transport.dial(&at) => outcome.unwrap_err(),
        stream = listener.accept() => panic!("accepted: {stream:?}"),
    }
}

pub(super) fn tls(error: DialError) -> (TlsError, Conclusion) {
    let conclusion = ConnectError::from(error.clone()).conclusion();
    match error {
        DialError::Tls { source, .. } => (source, conclusion),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_listener_of_another_authority_is_not_trusted() {
    let other = Authority::new();
    let far = other.config(&other.node(HOST, Validity::Now));
    let (error, conclusion) = tls(refusal(issued::good(), far).await);
    assert!(matches!(error, TlsError::UnknownAuthority), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
}

#[tokio::test]
async fn a_dialler_of_another_authority_is_told_so_by_its_dial() {
    let near = CA.config(&Authority::new().client());
    let (error, conclusion) = tls(refusal(near, issued::good()).await);
    assert!(matches!(error, TlsError::Rejected(_)), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
}

#[tokio::test]
async fn a_certificate_is_for_the_name_or_address_that_was_dialled_and_no_other() {
    for host in ["localhost", "127.0.0.2", "elsewhere.example"] {
        let far = CA.config(&CA.node(host, Validity::Now));
        let (error, _) = tls(refusal(issued::good(), far).await);
        assert!(matches!(error, TlsError::OtherName), "{host}: {error:?}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_not_trusted() {
    let old = CA.config(&CA.node(HOST, Validity::Past));
    let (error, _) = tls(refusal(issued::good(), old.clone()).await);
    assert!(matches!(error, TlsError::Expired), "{error:?}");
    let (error, _) = tls(refusal(old, issued::good()).await);
    let alert = AlertDescription::CertificateExpired;
    assert!(
        matches!(error, TlsError::Rejected(told) if told == alert),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_not_trusted() {
    let early = CA.config(&CA.node(HOST, Validity::Future));
    let (error, _) = tls(refusal(issued::good(), early.clone()).await);
    assert!(matches!(error, TlsError::NotYetValid), "{error:?}");
    let (error, _) = tls(refusal(early, issued::good()).await);
    assert!(matches!(error, TlsError::Rejected(_)), "{error:?}");
}

/// Returns the error that only QUIC has.
fn quic(error: &DialError) -> &QuicError {
    match error {
        DialError::Quic { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

fn without_certificate() -> TlsConfig {
    TlsConfig::builder().ca_pem(&CA.pem).build().unwrap()
}

#[tokio::test]
async fn a_dialler_without_certificate_is_told_that_one_is_required() {
    let (error, conclusion) = tls(refusal(without_certificate(), issued::good()).await);
    assert!(matches!(error, TlsError::CertificateRequired), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
}

#[tokio::test]
async fn nobody_listens_without_a_certificate() {
    let transport = QuicTransport::new(QuicConfig::new(without_certificate()));
    let error = transport.listen(&NodeAddress::new(HOST, 0)).await.err();
    assert!(matches!(error, Some(ListenError::NoCertificate { .. })));
}

/// A listener that asks for no certificate and names this protocol.
async fn lax_listener(protocol: &[u8]) -> (NodeAddress, Endpoint) {
    let good = issued::good().certificates().await;
    let asking = good.server.as_ref().unwrap();
    let mut lax = rustls::ServerConfig::builder_with_provider(Arc::clone(asking.crypto_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&asking.cert_resolver));
    lax.alpn_protocols = vec![protocol.to_vec()];
    let lax = QuicServerConfig::try_from(lax).unwrap();
    let mut server = ServerConfig::with_crypto(Arc::new(lax));
    let mut limits = quinn::TransportConfig::default();
    limits.max_concurrent_bidi_streams(1_u8.into());
    server.transport_config(Arc::new(limits));
    let (endpoint, port) = bind((Ipv4Addr::LOCALHOST, 0).into(), server).unwrap();
    (NodeAddress::new(HOST, port), endpoint)
}

/// Returns the outcome of a dial to a listener that takes anybody.
async fn dial_lax(tls: TlsConfig, protocol: &[u8]) -> Result<ByteStream, DialError> {
    let (at, endpoint) = lax_listener(protocol).await;
    let accepting = async {
        let accepted = endpoint.accept().await.unwrap().await;
        // The peer stays there.
        std::future::pending::<()>().await;
        drop(accepted);
    };
    let transport = QuicTransport::new(QuicConfig::new(tls));
    tokio::select! {
        outcome = transport.dial(&at) => outcome,
        () = accepting => unreachable!(),
    }
}

#[tokio::test]
async fn a_listener_that_asks_for_no_certificate_is_refused_by_a_dialler_that_has_one() {
    let error = dial_lax(issued::good(), QuicConfig::ALPN)
        .await
        .unwrap_err();
    let (error, conclusion) = tls(error);
    assert!(matches!(error, TlsError::NotAsked), "{error:?}");
    assert_eq!(conclusion, Conclusion::Untrusted);
    let dialled = dial_lax(without_certificate(), QuicConfig::ALPN).await;
    assert!(dialled.is_ok(), "{dialled:?}");
}

#[tokio::test]
async fn a_listener_of_another_protocol_is_not_casty() {
    let error = dial_lax(issued::good(), b"h3").await.unwrap_err();
    assert!(
        matches!(quic(&error), QuicError::OtherProtocol),
        "{error:?}"
    );
    let error = ConnectError::from(error);
    assert_eq!(error.conclusion(), Conclusion::NotCasty);
}

#[tokio::test]
async fn a_dialler_of_another_protocol_is_refused() {
    let mut listener = listening(good()).await;
    let to = format!("{}", listener.address()).parse().unwrap();
    let mut other = TlsDial::new(&*issued::good().certificates().await)
        .config
        .clone();
    other.alpn_protocols = vec![b"h3".to_vec()];
    let other = QuicClientConfig::try_from(other).unwrap();
    let other = quinn::ClientConfig::new(Arc::new(other));
    let endpoint = dialler(to).unwrap();
    let error = tokio::select! {
        outcome = endpoint.connect_with(other, to, HOST).unwrap() => outcome.unwrap_err(),
        stream = listener.accept() => panic!("accepted: {stream:?}"),
    };
    let no_protocol = TransportErrorCode::crypto(AlertDescription::NoApplicationProtocol.into());
    assert!(
        matches!(&error, ConnectionError::ConnectionClosed(close) if close.error_code == no_protocol),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_host_that_no_certificate_can_be_for_is_not_dialled() {
    let dialled = QuicTransport::new(good());
    let dialled = dialled.dial(&NodeAddress::new("a host", 1)).await;
    let (error, conclusion) = tls(dialled.unwrap_err());
    assert!(matches!(error, TlsError::HostName), "{error:?}");
    assert_eq!(conclusion, Conclusion::Misconfigured);
}

/// Gives up soon.
fn impatient() -> QuicConfig {
    let (keep_alive, idle) = (Duration::from_millis(100), Duration::from_millis(300));
    good().keep_alive(keep_alive).idle_timeout(idle)
}

#[tokio::test]
async fn a_listener_that_was_dropped_is_silent() {
    let (near, far) = pair(good(), good()).await;
    // Its first connection keeps the port, and nothing more is accepted there.
    let at = NodeAddress::new("127.0.0.1", near.connection.remote_address().port());
    let error = QuicTransport::new(impatient()).dial(&at).await.unwrap_err();
    assert!(matches!(quic(&error), QuicError::Silent), "{error:?}");
    drop(far);
}

/// Returns the error of a dial to a socket that answers every datagram with this one.
async fn dial_socket(answer: &[u8]) -> DialError {
    let socket = tokio::net::UdpSocket::bind((HOST, 0)).await.unwrap();
    let at = NodeAddress::new(HOST, socket.local_addr().unwrap().port());
    let answering = async {
        let mut datagram = vec![0; 65536];
        loop {
            let (_, from) = socket.recv_from(&mut datagram).await.unwrap();
            socket.send_to(answer, from).await.unwrap();
        }
    };
    let transport = QuicTransport::new(impatient());
    tokio::select! {
        outcome = transport.dial(&at) => outcome.unwrap_err(),
        () = answering => unreachable!(),
    }
}

#[tokio::test]
async fn a_peer_that_answers_with_no_quic_or_stops_inside_the_handshake_is_silent() {
    let no_quic = dial_socket(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let (no_quic, stopped) = tokio::join!(no_quic, dial_socket(&[]));
    for error in [no_quic, stopped] {
        assert!(matches!(quic(&error), QuicError::Silent), "{error:?}");
        let error = ConnectError::from(error);
        assert_eq!(error.conclusion(), Conclusion::Unreachable);
    }
}

#[tokio::test]
async fn what_is_no_quic_or_stops_inside_the_handshake_holds_up_no_dialler() {
    let mut listener = listening(good()).await;
    let at = listener.address();
    let socket = tokio::net::UdpSocket::bind((HOST, 0)).await.unwrap();
    for datagram in [&b"\x16\x03\x01 a ClientHello over UDP"[..], &[0xff; 1200]] {
        let to = (HOST, at.port());
        socket.send_to(datagram, to).await.unwrap();
    }
    // A dialler that leaves before it has read an answer.
    let transport = QuicTransport::new(good());
    assert!(transport.dial(&at).now_or_never().is_none());
    let (near, far) = tokio::join!(dial_and_write(&transport, &at), listener.accept());
    assert_eq!(far.unwrap().read_u8().await.unwrap(), b'x');
    drop(near);
}

#[tokio::test]
async fn a_certificate_covers_the_hosts_that_it_names_and_no_others() {
    let mut listener = listening(good()).await;
    let transport = QuicTransport::new(good());
    let at = listener.address();
    let near = dial_and_write(&transport, &at);
    let (near, far) = tokio::join!(near, listener.accept());
    assert_eq!(near.covers(HOST), Some(true));
    assert_eq!(near.covers("elsewhere.example"), Some(false));
    assert_eq!(near.covers("no name at all"), Some(false));
    let far = far.unwrap();
    assert_eq!(far.covers(HOST), Some(true), "it shows the same");
    assert_eq!(far.covers("elsewhere.example"), Some(false));
}
