//! Mutual TLS: nodes show a certificate and require one, and each side checks the other's.
//!
//! ```sh
//! cargo run -p casty-client --features tls --example tls
//! ```
//!
//! Makes an authority and certificates in a temporary folder, runs against a cluster of fake nodes
//! in this process, and ends by itself. For a real cluster, `casty cert ca`, `casty cert node` and
//! `casty cert client` make such files; give their paths, the contact points and the codec.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, TlsConfig, TlsConfigError, TransportConfig};
use casty_testkit::{Cluster, Context, stateful};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename = "vault.Open")]
struct Open {
    reply_to: ActorRef<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let ours = make_files(&folder.path().join("ours"))?;
    let strangers = make_files(&folder.path().join("strangers"))?;

    let open = |(): &mut (), Open { reply_to }: Open, context: &mut Context<'_>| {
        context.reply(&reply_to, &"open".to_owned());
    };
    let cluster = Cluster::builder("vault")
        .transport(TransportConfig::tls(tls(&ours, "node")?))
        .region("door", 10, stateful(|| (), open))
        .start()
        .await?;

    // The name or address that is dialled must be among those of the node's certificate.
    let client = ClusterClient::builder("vault")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .transport(TransportConfig::tls(tls(&ours, "client")?))
        .connect()
        .await?;
    client.ready(Duration::from_secs(10)).await?;
    let door = client.region("door", 10)?.entity("front");
    let answer: String = door.ask(|reply_to| Open { reply_to }).await?;
    println!("over TLS: {answer}");
    assert_eq!(answer, "open");

    // Files are read again at every handshake, so a renewal needs no restart; what became of it is
    // told here. A replacement that cannot be used is refused, and the old one stays in use.
    let used = client.certificates().ok_or("it shows some")?;
    assert!(used.status().error.is_none());

    // A client of another authority trusts no node. `ready` says why at the latest when its time
    // is up; the client goes on trying until it is closed.
    let stranger = ClusterClient::builder("vault")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .transport(TransportConfig::tls(tls(&strangers, "client")?))
        .connect()
        .await?;
    let refused = stranger.ready(Duration::from_secs(1)).await;
    let error = refused.err().ok_or("a stranger was let in")?;
    println!("with another authority: {error}");
    assert!(error.to_string().contains("certificate"));

    stranger.close(Duration::from_secs(1)).await;
    client.close(Duration::from_secs(5)).await;
    cluster.stop().await;
    Ok(())
}

/// Reads the certificates and the key of one side.
fn tls(folder: &Path, name: &str) -> Result<TlsConfig, TlsConfigError> {
    TlsConfig::builder()
        .ca_file(folder.join("ca.crt"))
        .certificate_file(folder.join(name).with_extension("crt"))
        .key_file(folder.join(name).with_extension("key"))
        .build()
}

/// Makes an authority, and under it certificates for a node at 127.0.0.1 and for a client.
fn make_files(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    fs::create_dir(folder)?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.crt"), authority.pem())?;
    for (name, hosts) in [("node", vec!["127.0.0.1".to_owned()]), ("client", vec![])] {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(hosts)?.signed_by(&key, &authority)?;
        fs::write(folder.join(format!("{name}.crt")), certificate.pem())?;
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    }
    Ok(folder.to_owned())
}
