//! The page `tls-rotation`: every certificate and the authority are replaced while the program asks.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use casty_client::rustls::crypto::ring;
use casty_client::rustls::pki_types::pem::PemObject;
use casty_client::rustls::pki_types::{CertificateDer, ServerName};
use casty_client::rustls::{ClientConfig, RootCertStore};
use casty_client::{NodeAddress, TlsConfig, TransportConfig};
use casty_testkit::Cluster;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::bank::bank;
use crate::casty::{ended, shell};
use crate::page::{block, of_cluster};
use crate::program::Program;

const PAGE: &str = include_str!("../../tls-rotation/README.md");

/// The heading of the three steps.
const AUTHORITY: &str = "Replace the authority";

/// Runs a block of commands of the page, in which the nodes' host is that of this test's.
async fn follow(heading: &str, number: usize, folder: &Path) {
    let commands = block(PAGE, heading, "sh", number);
    shell(&commands.replace("10.0.1.10", "127.0.0.1"), folder).await;
}

/// Restarts all nodes, one after the other, as nodes in Python are that have got other files.
async fn restart(cluster: &Cluster, program: &mut Program) {
    for node in 0..3 {
        restart_one(node, cluster, program).await;
    }
}

/// Restarts a node, and waits until the program has left it and come back.
async fn restart_one(node: usize, cluster: &Cluster, program: &mut Program) {
    program.forget();
    cluster.kill(node).await;
    program.says(&["2 of 2 members"]).await;
    program.forget();
    cluster.restart(node).await.unwrap();
    program.says(&["ready: 3 of 3 members"]).await;
}

/// Waits until the program has taken files into use once more than `since`, and tells the certificate that is
/// there now. Returns the line.
async fn renewed(since: u64, folder: &Path, program: &mut Program) -> String {
    let serial = serial(&first(&folder.join("gateway/client.crt")));
    let wanted = |line: &str| count(line) > since && line.contains(&serial);
    program.ever(wanted).await
}

/// Returns the number of renewals that a line tells; 0 if it tells something else.
fn count(line: &str) -> u64 {
    let told = line.strip_prefix("certificates: ");
    let count = told.and_then(|told| told.split(' ').next());
    count.map_or(0, |count| count.parse().unwrap())
}

fn first(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

fn serial(certificate: &CertificateDer<'_>) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
    parsed.raw_serial_as_string()
}

/// Shakes hands with a node, and returns the certificate that it shows, which one of `ca.crt` has signed.
async fn shown_by(node: &NodeAddress, folder: &Path) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(folder.join("ca.crt")).unwrap() {
        roots.add(authority.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect((node.host(), node.port())).await;
    let name = ServerName::try_from(node.host().to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream.unwrap()).await.unwrap();
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Asks a node for the topology with the certificate of a folder, and returns how that ended.
async fn asked_with(certificate: &str, node: &NodeAddress, folder: &Path) -> (Option<i32>, String) {
    let command = format!(
        "casty topology --contact {node} --system bank --timeout 2s --transport tls --tls-ca ca.crt \
         --tls-cert {certificate}/client.crt --tls-key {certificate}/client.key"
    );
    ended(&command, folder).await
}

/// Starts nodes with the files that the page made.
async fn nodes(folder: &Path) -> Cluster {
    let tls = TlsConfig::builder().ca_file(folder.join("ca.crt"));
    let tls = tls.certificate_file(folder.join("node-1/node.crt"));
    let tls = tls
        .key_file(folder.join("node-1/node.key"))
        .build()
        .unwrap();
    let builder = bank().transport(TransportConfig::tls(tls));
    builder.start().await.unwrap()
}

#[tokio::test]
async fn certificates_and_their_authority_are_replaced_and_no_ask_fails() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    follow("Begin", 0, folder).await;
    let cluster = nodes(folder).await;
    let node = cluster.addresses()[1].clone();
    let settings = of_cluster(&block(PAGE, "Begin", "toml", 0), &cluster);
    let mut program = Program::start(folder, &settings, &["--warn-before", "60d"], &[]);
    program.says(&["WARNING: it ends in 29 days"]).await;
    program.says(&["ready: 3 of 3 members"]).await;

    follow("Renew a certificate", 0, folder).await;
    restart_one(0, &cluster, &mut program).await;
    let line = renewed(0, folder, &mut program).await;
    assert!(!line.contains("WARNING"), "{line}");

    fs::write(folder.join("half"), "-----BEGIN CERT").unwrap();
    fs::rename(folder.join("half"), folder.join("gateway/client.crt")).unwrap();
    restart_one(1, &cluster, &mut program).await;
    let refused = |line: &str| line.contains("the old ones stay in use: gateway/client.crt");
    program.ever(refused).await;
    follow("Renew a certificate", 0, folder).await;
    shell("cp -r gateway old", folder).await;

    follow(AUTHORITY, 0, folder).await;
    restart(&cluster, &mut program).await;
    let line = renewed(count(&line), folder, &mut program).await;
    let before = shown_by(&node, folder).await;
    follow(AUTHORITY, 1, folder).await;
    restart(&cluster, &mut program).await;
    let line = renewed(count(&line), folder, &mut program).await;
    let after = shown_by(&node, folder).await;
    assert_ne!(serial(&before), serial(&after));
    assert_eq!(after, first(&folder.join("node-1/node.crt")));
    assert_eq!(asked_with("old", &node, folder).await.0, Some(0));

    follow(AUTHORITY, 2, folder).await;
    restart(&cluster, &mut program).await;
    renewed(count(&line), folder, &mut program).await;
    // So nodes, to which the program was connected anew, were shown another certificate than that.
    let (code, said) = asked_with("old", &node, folder).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("did not accept our certificate"), "{said}");
    assert_eq!(asked_with("gateway", &node, folder).await.0, Some(0));

    let (answered, failed) = program.end().await;
    assert!(answered > 0 && failed == 0, "{answered} {failed}");
    cluster.stop().await;
}
