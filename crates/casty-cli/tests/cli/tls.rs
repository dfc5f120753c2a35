use std::fs;

use casty_client::{Codec, QuicConfig, TlsConfig, TransportConfig};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::process::{ADD, AMPLE, GET, LONGEST, casty, casty_to, end, end_with_input, nodes_over};

/// The files of an authority, of a node and of a client, each certificate with its key behind it.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn new() -> Self {
        let certificates = Self(TempDir::new().unwrap());
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        certificates.write("ca.pem", &ca.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(ca, key);
        for (name, hosts) in [
            ("node.pem", vec!["127.0.0.1".to_owned()]),
            ("named.pem", vec!["casty.internal".to_owned()]),
            ("guard.pem", vec!["localhost".to_owned()]),
            ("me.pem", vec![]),
        ] {
            let mut params = CertificateParams::new(hosts).unwrap();
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap().pem();
            certificates.write(name, &(certificate + &key.serialize_pem()));
            certificates.write(&format!("{name}.key"), &key.serialize_pem());
        }
        certificates
    }

    /// Replaces a file at once.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path("new"), content).unwrap();
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Shows this one of the certificates, and trusts the authority.
    pub(crate) fn config(&self, name: &str) -> TlsConfig {
        let config = TlsConfig::builder()
            .ca_file(self.path("ca.pem"))
            .certificate_file(self.path(name));
        config.build().unwrap()
    }

    fn nodes(&self) -> TransportConfig {
        TransportConfig::tls(self.config("node.pem"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_tls_answer_clients_that_show_a_certificate() {
    let certificates = Certificates::new();
    let cluster = nodes_over(certificates.nodes(), Codec::pickle()).await;
    let (ca, me) = (certificates.path("ca.pem"), certificates.path("me.pem"));
    let key = certificates.path("me.pem.key");
    let tls = ["--transport", "tls", "--tls-ca", &ca, "--tls-cert", &me];
    let within = |command, rest: &[&'static str]| {
        let mut args = vec![command, "--timeout", AMPLE];
        args.extend(rest);
        args
    };
    let mut tell = within("tell", &["counter", "user-42", ADD]);
    tell.extend(tls);
    end(casty_to(&cluster, &tell)).await.with(0);
    let mut ask = within("ask", &["counter", "user-42", GET]);
    ask.extend(tls);
    ask.extend(["--tls-key", &key]);
    assert_eq!(end(casty_to(&cluster, &ask)).await.with(0).out, "5\n");
    for command in [within("lookup", &["greeter"]), within("topology", &[])] {
        let mut args = command;
        args.extend(tls);
        end(casty_to(&cluster, &args)).await.with(0);
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_certificates_have_one_name_are_reached_by_that_name() {
    let certificates = Certificates::new();
    let nodes = TransportConfig::tls(certificates.config("named.pem"));
    let cluster = nodes_over(nodes, Codec::pickle()).await;
    let (ca, me) = (certificates.path("ca.pem"), certificates.path("me.pem"));
    let tls = ["--transport", "tls", "--tls-ca", &ca, "--tls-cert", &me];
    let topology = |rest: &[&str]| {
        let args = [&["topology"], &tls[..], rest].concat();
        end(casty_to(&cluster, &args))
    };
    let named = ["--timeout", AMPLE, "--tls-server-name", "casty.internal"];
    topology(&named).await.with(0);
    let unnamed = topology(&["--timeout", "1"]).await.with(3);
    assert!(unnamed.err.contains("127.0.0.1"), "{unnamed:#?}");
    cluster.stop().await;
}

/// Checks that everything a command wrote has arrived when it ends, as soon as it is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_over_quic_has_arrived_when_the_command_ends() {
    const TELLS: usize = 5_000;
    let certificates = Certificates::new();
    let quic = TransportConfig::quic(QuicConfig::new(certificates.config("node.pem")));
    let cluster = nodes_over(quic, Codec::pickle()).await;
    let (ca, me) = (certificates.path("ca.pem"), certificates.path("me.pem"));
    let quic = ["--transport", "quic", "--tls-ca", &ca, "--tls-cert", &me];
    let mut tell = vec!["tell", "--timeout", AMPLE, "counter", "--file", "-"];
    tell.extend(quic);
    let line = |number| format!("user-{}\t{ADD}", number % 10);
    let lines = (0..TELLS).map(line).collect::<Vec<_>>().join("\n");
    let ended = end_with_input(casty_to(&cluster, &tell), lines.as_bytes()).await;
    let written = format!("{TELLS} written, 0 not sent, 0 unknown");
    assert!(ended.with(0).err.contains(&written));
    let handled = |status: &casty_testkit::Status| {
        let handled = status.nodes.iter().map(|node| node.messages);
        handled.sum::<u64>() == TELLS as u64
    };
    // Their process is gone, so nothing more can come.
    timeout(LONGEST, cluster.wait_until(handled)).await.unwrap();
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_what_tls_needs_is_told_the_reason() {
    let certificates = Certificates::new();
    let cluster = nodes_over(certificates.nodes(), Codec::pickle()).await;
    let other = Certificates::new();
    let (foreign, me) = (other.path("ca.pem"), certificates.path("me.pem"));
    for (args, why) in [
        (vec![], "it speaks TLS, and plain bytes were expected"),
        (
            vec![
                "--transport",
                "tls",
                "--tls-ca",
                &foreign,
                "--tls-cert",
                &me,
            ],
            "of an unknown authority",
        ),
    ] {
        let mut command = vec!["topology", "--timeout", "2"];
        command.extend(args);
        let ended = end(casty_to(&cluster, &command)).await.with(3);
        assert!(ended.err.contains(why), "{ended:#?}");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn certificates_that_make_no_sense_are_wrong_usage() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.pem");
    for (args, why) in [
        (vec!["--transport", "tls"], "needs tls.ca"),
        (vec!["--tls-ca", &*ca], "makes no sense with transport"),
        (
            vec!["--transport", "tls", "--tls-ca", &ca, "--tls-key", &ca],
            "needs tls.cert",
        ),
        (
            vec![
                "--transport",
                "tls",
                "--tls-ca",
                "/no/such/ca.pem",
                "--tls-cert",
                &ca,
            ],
            "cannot read /no/such/ca.pem",
        ),
        (
            vec!["--transport", "tls", "--tls-ca", &ca, "--tls-cert", &ca],
            "contains no private key",
        ),
    ] {
        let mut command = vec!["topology", "--contact", "127.0.0.1:1", "--system", "s"];
        command.extend(args);
        let ended = end(casty(&command)).await.with(2);
        assert!(ended.err.contains(why), "{ended:#?}");
    }
}
