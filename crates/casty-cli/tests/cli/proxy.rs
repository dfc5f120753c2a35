use std::fs;
use std::process::Stdio;
use std::sync::Arc;

use casty_client::{NodeAddress, QuicConfig, TlsConfig};
use casty_transport::{QuicTransport, TcpTransport, TlsTransport, Transport};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::process::{casty, end, ended, interrupt};
use crate::tls::Certificates;

/// Returns a transport of each kind.
fn transport(scheme: &str, tls: TlsConfig) -> Arc<dyn Transport> {
    match scheme {
        "tcp" => Arc::new(TcpTransport::new()),
        "tls" => Arc::new(TlsTransport::new(tls)),
        _ => Arc::new(QuicTransport::new(QuicConfig::new(tls))),
    }
}

/// Starts a proxy. Returns where it listens, too.
async fn proxy(from: &str, to: &str, certificates: &Certificates) -> (Child, NodeAddress) {
    let listen = format!("{from}://127.0.0.1:0");
    let mut proxy = casty(&["proxy", "--listen", &listen, "--to", to]);
    if (from, to.starts_with("tcp")) != ("tcp", true) {
        let (ca, both) = (certificates.path("ca.pem"), certificates.path("node.pem"));
        proxy.args(["--tls-ca", &ca, "--tls-cert", &both]);
        if from == "tls" {
            // The key need not stand in the certificate's file, but may.
            proxy.args(["--tls-key", &both]);
        }
    }
    let mut proxy = proxy.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(proxy.stdout.take().unwrap());
    out.read_line(&mut line).await.unwrap();
    let (listening, shown) = line.trim_end().split_once(" -> ").unwrap();
    assert_eq!(shown, to);
    let (scheme, at) = listening.split_once("://").unwrap();
    assert_eq!(scheme, from);
    (proxy, at.parse().unwrap())
}

#[tokio::test]
async fn a_proxy_passes_each_transport_on_to_each_until_it_is_interrupted() {
    let certificates = Certificates::new();
    let any = NodeAddress::new("127.0.0.1", 0);
    for (from, to) in [
        ("quic", "tcp"),
        ("tls", "tcp"),
        ("tcp", "tls"),
        ("tls", "quic"),
        ("quic", "tls"),
        ("tcp", "tcp"),
    ] {
        let node = transport(to, certificates.config("node.pem"));
        let mut node = node.listen(&any).await.unwrap();
        let to = format!("{to}://{}", node.address());
        let (proxy, at) = proxy(from, &to, &certificates).await;
        let near = transport(from, certificates.config("me.pem"));
        let near = async {
            let mut near = near.dial(&at).await.unwrap();
            near.write_all(b"question").await.unwrap();
            near.shutdown().await.unwrap();
            near
        };
        let far = async {
            let mut far = node.accept().await.unwrap();
            let mut read = String::new();
            far.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, "question");
            far
        };
        let (mut near, mut far) = tokio::join!(near, far);
        interrupt(&proxy).await;
        // It has begun to stop, and still passes the answer on.
        let mut read = String::new();
        let (written, ended_well) = tokio::join!(
            async {
                far.write_all(b"answer").await?;
                far.shutdown().await
            },
            near.read_to_string(&mut read)
        );
        written.unwrap();
        ended_well.unwrap();
        assert_eq!(read, "answer");
        drop((near, far));
        let ended = ended(proxy).await.with(0);
        assert!(ended.err.contains("1 accepted"), "{from}: {ended:?}");
        let bytes = "8 to the node, 6 from it";
        assert!(ended.err.contains(bytes), "{from}: {ended:?}");
    }
}

/// Waits for a line that says so; the log may warn of other things before.
async fn said_in_the_end(said: &mut Lines<BufReader<ChildStderr>>, what: &str) {
    while let Some(line) = said.next_line().await.unwrap() {
        if line.contains(what) {
            return;
        }
    }
    panic!("{what:?} was never said");
}

#[tokio::test]
async fn a_proxy_shows_the_certificates_that_its_files_hold_and_says_if_they_are_bad() {
    for from in ["tls", "quic"] {
        let (certificates, next) = (Certificates::new(), Certificates::new());
        let of = |from: &Certificates, name| fs::read_to_string(from.path(name)).unwrap();
        let node = TcpTransport::new();
        let node = node.listen(&NodeAddress::new("127.0.0.1", 0)).await;
        let to = format!("tcp://{}", node.unwrap().address());
        let (mut proxy, at) = proxy(from, &to, &certificates).await;
        let mut said = BufReader::new(proxy.stderr.take().unwrap()).lines();
        // The old one does not change with the files.
        let me = of(&certificates, "me.pem");
        let old = TlsConfig::builder().ca_pem(of(&certificates, "ca.pem"));
        let old = transport(from, old.certificate_pem(me).build().unwrap());
        let new = transport(from, next.config("me.pem"));
        drop(old.dial(&at).await.unwrap());

        certificates.write("node.pem", "half a certificate");
        drop(old.dial(&at).await.unwrap());
        said_in_the_end(&mut said, "the old ones stay").await;

        certificates.write("node.pem", &of(&next, "node.pem"));
        certificates.write("ca.pem", &of(&next, "ca.pem"));
        assert!(old.dial(&at).await.is_err());
        said_in_the_end(&mut said, "were renewed").await;
        drop(new.dial(&at).await.unwrap());
        interrupt(&proxy).await;
        assert!(proxy.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn what_a_proxy_cannot_do_is_said_before_it_listens() {
    let (any, tcp) = ("tcp://127.0.0.1:0", "tcp://127.0.0.1:1");
    for (args, said) in [
        (["--listen", "quic://127.0.0.1:0", "--to", tcp], "--tls-ca"),
        (["--listen", "tls://127.0.0.1:0", "--to", tcp], "--tls-ca"),
        (
            ["--listen", any, "--to", "tls://127.0.0.1:1"],
            "tls://127.0.0.1:1 needs --tls-ca and --tls-cert",
        ),
        (["--listen", "udp://127.0.0.1:0", "--to", tcp], "udp://"),
        (["--listen", "tcp://nowhere", "--to", tcp], "HOST:PORT"),
    ] {
        let mut command = casty(&["proxy"]);
        command.args(args);
        let ended = end(command).await.with(2);
        assert!(ended.err.contains(said), "{ended:?}");
    }
    let idle = ["proxy", "--listen", any, "--to", tcp, "--tls-ca", "ca.pem"];
    let ended = end(casty(&idle)).await.with(2);
    assert!(ended.err.contains("make no sense without"), "{ended:?}");
}

#[tokio::test]
async fn a_proxy_refuses_probes_that_would_come_too_late() {
    let args = [
        "proxy",
        "--listen",
        "tcp://127.0.0.1:0",
        "--to",
        "tcp://127.0.0.1:1",
    ];
    let late = [&args[..], &["--tcp-keep-alive", "15"]].concat();
    let ended = end(casty(&late)).await.with(2);
    assert!(ended.err.contains("--tcp-user-timeout"), "{ended:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_proxy_takes_on_no_more_than_its_descriptors_and_says_how_much_that_is() {
    let casty = env!("CARGO_BIN_EXE_casty");
    let mut limited = tokio::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\"", casty, "proxy"]);
    limited.args(["--listen", "tcp://127.0.0.1:0", "--to", "tcp://127.0.0.1:1"]);
    limited.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut proxy = limited.kill_on_drop(true).spawn().unwrap();
    let mut said = BufReader::new(proxy.stderr.take().unwrap()).lines();
    let limits = "at most 50 connections and 50 handshakes at a time (200 descriptors)";
    assert_eq!(said.next_line().await.unwrap().as_deref(), Some(limits));
    said_in_the_end(&mut said, "less than --max-connections 1024").await;
    proxy.kill().await.unwrap();
}

#[tokio::test]
async fn a_proxy_warns_where_plain_tcp_from_beyond_is_lent_its_certificate() {
    let certificates = Certificates::new();
    let (ca, both) = (certificates.path("ca.pem"), certificates.path("node.pem"));
    for (listen, to, warned) in [
        ("tcp://0.0.0.0:0", "tls://127.0.0.1:1", true),
        ("tcp://0.0.0.0:0", "quic://127.0.0.1:1", true),
        ("tcp://127.0.0.1:0", "tls://127.0.0.1:1", false),
        ("tcp://localhost:0", "tls://127.0.0.1:1", false),
        ("tls://0.0.0.0:0", "tls://127.0.0.1:1", false),
    ] {
        let args = ["proxy", "--listen", listen, "--to", to, "--tls-ca", &ca];
        let mut proxy = casty(&[&args[..], &["--tls-cert", &both]].concat());
        let mut proxy = proxy.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(proxy.stdout.take().unwrap());
        out.read_line(&mut line).await.unwrap();
        // What it warns of comes before the line that says that it listens.
        proxy.kill().await.unwrap();
        let mut said = String::new();
        let err = proxy.stderr.as_mut().unwrap();
        err.read_to_string(&mut said).await.unwrap();
        let warning = "with the certificate of this proxy";
        assert_eq!(said.contains(warning), warned, "{listen} {to}: {said}");
    }
}
