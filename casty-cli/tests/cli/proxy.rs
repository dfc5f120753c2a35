use std::fs;
use std::process::Stdio;

use casty_client::NodeAddress;
use casty_transport::{QuicConfig, QuicTransport, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::process::{casty, end, ended, interrupt};

#[tokio::test]
async fn a_proxy_passes_quic_on_to_tcp_until_it_is_interrupted() {
    let node = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("tcp://{}", node.local_addr().unwrap());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let cert = params.signed_by(&key, &ca).unwrap().pem();
    // The key may stand in the certificate's file.
    let both = cert + &key.serialize_pem();
    let folder = tempfile::tempdir().unwrap();
    let (ca_file, cert_file) = (folder.path().join("ca.pem"), folder.path().join("node.pem"));
    fs::write(&ca_file, ca.pem()).unwrap();
    fs::write(&cert_file, &both).unwrap();

    let mut proxy = casty(&["proxy", "--listen", "quic://127.0.0.1:0", "--to", &to]);
    proxy.arg("--tls-ca").arg(&ca_file);
    proxy.arg("--tls-cert").arg(&cert_file);
    let mut proxy = proxy.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(proxy.stdout.take().unwrap());
    out.read_line(&mut line).await.unwrap();
    let (listening, shown) = line.trim_end().split_once(" -> ").unwrap();
    assert_eq!(shown, to);
    let at: NodeAddress = listening.strip_prefix("quic://").unwrap().parse().unwrap();

    let config = QuicConfig::from_pem(ca.pem().as_bytes(), both.as_bytes(), both.as_bytes());
    let mut near = QuicTransport::new(config.unwrap()).dial(&at).await.unwrap();
    near.write_all(b"question").await.unwrap();
    let (mut far, _) = node.accept().await.unwrap();
    near.shutdown().await.unwrap();
    let mut read = String::new();
    far.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "question");
    interrupt(&proxy).await;
    // It has begun to stop, and still passes the answer on.
    far.write_all(b"answer").await.unwrap();
    drop(far);
    let mut read = String::new();
    near.read_to_string(&mut read).await.unwrap();
    assert_eq!(read, "answer");
    drop(near);
    let ended = ended(proxy).await.with(0);
    assert!(ended.err.contains("1 accepted"), "{ended:?}");
    assert!(ended.err.contains("8 to the node, 6 from it"), "{ended:?}");
}

#[tokio::test]
async fn what_a_proxy_cannot_do_is_said_before_it_listens() {
    let tcp = "tcp://127.0.0.1:1";
    for (args, said) in [
        (["--listen", "quic://127.0.0.1:0", "--to", tcp], "--tls-ca"),
        (["--listen", "udp://127.0.0.1:0", "--to", tcp], "udp://"),
        (["--listen", "tcp://nowhere", "--to", tcp], "HOST:PORT"),
    ] {
        let mut command = casty(&["proxy"]);
        command.args(args);
        let ended = end(command).await.with(2);
        assert!(ended.err.contains(said), "{ended:?}");
    }
}
