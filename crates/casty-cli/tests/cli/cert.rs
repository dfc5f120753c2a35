use std::fs;
use std::path::Path;

use casty_client::{NodeAddress, TlsConfig, TransportConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::process::{Ended, casty, end};

/// Runs `casty cert` in a folder.
async fn cert(folder: &Path, args: &[&str]) -> Ended {
    let mut command = casty(&["cert"]);
    command.args(args).current_dir(folder);
    end(command).await
}

/// Makes an authority, a node's certificate for `host`, and a client's.
async fn made(host: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for args in [
        &["ca", "--out", "."][..],
        &["node", host, "--ca-dir", ".", "--out", "."],
        &["client", "me", "--ca-dir", ".", "--out", "."],
    ] {
        cert(folder.path(), args).await.with(0);
    }
    folder
}

/// Trusts the authority in the folder `ca`, and shows the certificate of that name in `own`.
fn tls(ca: &Path, own: &Path, name: &str) -> TransportConfig {
    let config = TlsConfig::builder()
        .ca_file(ca.join("ca.crt"))
        .certificate_file(own.join(name).with_extension("crt"))
        .key_file(own.join(name).with_extension("key"));
    TransportConfig::tls(config.build().unwrap())
}

/// Has one side dial the other over TLS and write to it; what became of that.
async fn handshake(node: &TransportConfig, client: &TransportConfig) -> Result<(), String> {
    let at = NodeAddress::new("127.0.0.1", 0);
    let mut listener = node.build().listen(&at).await.unwrap();
    let to = listener.address();
    let accepted = tokio::spawn(async move {
        // A client that is refused has gone.
        if let Ok(mut stream) = listener.accept().await {
            stream.write_all(b"welcome").await.ok();
            stream.shutdown().await.ok();
        }
    });
    let mut stream = client.build().dial(&to).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    })?;
    let mut read = String::new();
    let welcomed = stream.read_to_string(&mut read).await;
    welcomed.map_err(|error| error.to_string())?;
    assert_eq!(read, "welcome");
    accepted.await.unwrap();
    Ok(())
}

#[tokio::test]
async fn what_is_made_shakes_hands_over_tls() {
    let folder = made("127.0.0.1").await;
    let own = folder.path();
    let (node, client) = (tls(own, own, "node"), tls(own, own, "client"));
    handshake(&node, &client).await.unwrap();
    // Nodes dial each other.
    handshake(&node, &node).await.unwrap();
}

#[tokio::test]
async fn certificates_are_good_for_nothing_else() {
    let (folder, other) = (made("127.0.0.1").await, made("node.example").await);
    let (own, other) = (folder.path(), other.path());
    let (node, client) = (tls(own, own, "node"), tls(own, own, "client"));
    let (foreign_node, foreign_client) = (tls(own, other, "node"), tls(own, other, "client"));
    let (elsewhere, visitor) = (tls(other, other, "node"), tls(other, other, "client"));
    for (listens, dials, why) in [
        (&client, &client, "certificate is for another purpose"),
        (&foreign_node, &client, "of an unknown authority"),
        (&node, &foreign_client, "did not accept our certificate"),
        (&elsewhere, &visitor, "not for the host that was dialled"),
    ] {
        let refused = handshake(listens, dials).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test]
async fn files_that_exist_are_kept_unless_force_is_said() {
    let folder = made("127.0.0.1").await;
    let own = folder.path();
    let content = |name: &str| fs::read_to_string(own.join(name)).unwrap();
    for (args, name) in [
        (&["ca", "--out", "."][..], "ca"),
        (
            &["node", "n.example", "--ca-dir", ".", "--out", "."],
            "node",
        ),
        (&["client", "you", "--ca-dir", ".", "--out", "."], "client"),
    ] {
        let files = [format!("{name}.crt"), format!("{name}.key")];
        // One of the two is enough.
        for missing in &files {
            let (before, kept) = (content(missing), files.iter().find(|file| *file != missing));
            fs::remove_file(own.join(missing)).unwrap();
            let ended = cert(own, args).await.with(1);
            assert!(ended.err.contains(&**kept.unwrap()), "{ended:?}");
            assert!(ended.err.contains("--force"), "{ended:?}");
            assert!(!own.join(missing).exists());
            fs::write(own.join(missing), before).unwrap();
        }
        let before = files.each_ref().map(|file| content(file));
        cert(own, args).await.with(1);
        assert_eq!(files.each_ref().map(|file| content(file)), before);
        cert(own, &[args, &["--force"]].concat()).await.with(0);
        for (file, before) in files.iter().zip(before) {
            assert_ne!(content(file), before);
        }
    }
}

#[tokio::test]
async fn with_force_key_and_certificate_are_replaced_both_or_neither() {
    let folder = made("127.0.0.1").await;
    let own = folder.path();
    let key = own.join("node.key");
    let before = fs::read_to_string(&key).unwrap();
    // No file takes the place of a folder.
    fs::remove_file(own.join("node.crt")).unwrap();
    fs::create_dir(own.join("node.crt")).unwrap();
    let files = || fs::read_dir(own).unwrap().count();
    let found = files();
    let args = ["node", "n.example", "--ca-dir", ".", "--out", "."];
    let forced = [&args[..], &["--force"]].concat();
    let ended = cert(own, &forced).await.with(1);
    assert!(ended.err.contains("node.crt"), "{ended:?}");
    assert_eq!(fs::read_to_string(&key).unwrap(), before);
    assert_eq!(files(), found, "no draft is left");
    fs::remove_file(&key).unwrap();
    cert(own, &forced).await.with(1);
    assert!(!key.exists(), "where there was none, none is left");
    assert_eq!(files(), found - 1);
    fs::remove_dir(own.join("node.crt")).unwrap();
    cert(own, &forced).await.with(0);
    assert_ne!(fs::read_to_string(&key).unwrap(), before);
}

#[cfg(unix)]
#[tokio::test]
async fn keys_are_their_owners_alone_even_where_others_lay_before() {
    use std::os::unix::fs::PermissionsExt;
    let folder = made("127.0.0.1").await;
    let own = folder.path();
    let mode = |name: &str| fs::metadata(own.join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["ca.key", "node.key", "client.key"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_ne!(mode("ca.crt") & 0o044, 0, "nodes of other users read it");
    fs::set_permissions(own.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    cert(own, &["ca", "--out", ".", "--force"]).await.with(0);
    assert_eq!(mode("ca.key"), 0o600);
}

#[tokio::test]
async fn each_kind_of_certificate_shows_examples() {
    for kind in ["ca", "node", "client"] {
        let out = end(casty(&["cert", kind, "--help"])).await.with(0).out;
        assert!(
            out.contains(&format!("Examples:\n  casty cert {kind} ")),
            "{out}"
        );
    }
}

#[tokio::test]
async fn what_was_made_is_told_as_the_python_command_tells_it() {
    let folder = TempDir::new().unwrap();
    let own = folder.path();
    // Its command lines work too.
    let ended = cert(
        own,
        &[
            "create-ca",
            "--out",
            "a/b",
            "--cn",
            "mine",
            "--validity",
            "7",
        ],
    )
    .await;
    let ended = ended.with(0);
    assert_eq!(
        ended.out,
        "CA certificate: a/b/ca.crt\nCA private key: a/b/ca.key\nCN: mine\nValidity: 7 days\n"
    );
    let args = [
        "create-node",
        "::1",
        "n.example",
        "--ca-dir",
        "a/b",
        "--out",
        "n",
        // As many as the authority's would outlive it by the second that may have passed since.
        "--validity",
        "6",
    ];
    let out = cert(own, &args).await.with(0).out;
    assert!(
        out.starts_with("Node certificate: n/node.crt\nNode private key: n/node.key\n"),
        "{out}"
    );
    let end = "Signed by: a/b/ca.crt\nValidity: 6 days\nSANs: ::1, n.example\n";
    assert!(out.ends_with(end), "{out}");
    // No certificate outlives its authority.
    let args = ["create-client", "me", "--ca-dir", "a/b", "--out", "c"];
    let ended = cert(own, &args).await.with(0);
    let out = ended.out;
    assert!(out.contains("Client certificate: c/client.crt\n"), "{out}");
    assert!(
        out.contains("Signed by: a/b/ca.crt\nValidity: until 20"),
        "{out}"
    );
    assert!(
        ended
            .err
            .contains("90 days would be beyond the end of the authority")
    );
    // Nothing else is left behind.
    let left = ["a/b", "n", "c"].map(|folder| fs::read_dir(own.join(folder)).unwrap().count());
    assert_eq!(left, [2, 2, 2]);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let own = folder.path();
    cert(own, &["ca", "--out", "."]).await.with(0);
    let in_place = ["--ca-dir", ".", "--out", "out"];
    for (args, code, why) in [
        (
            &["node", "10.0.1.10:25520"][..],
            2,
            "neither an IP address nor a host name",
        ),
        (&["client", ""], 2, "1 to 64 characters"),
        (&["client", "me", "--validity", "0"], 2, "from 1 to 36500"),
        (&["node"], 2, "required"),
    ] {
        let ended = cert(own, &[args, &in_place[..]].concat()).await.with(code);
        assert!(ended.err.contains(why), "{ended:?}");
    }
    let absent = ["client", "me", "--ca-dir", "nowhere", "--out", "out"];
    let ended = cert(own, &absent).await.with(1);
    assert!(
        ended.err.contains("cannot read nowhere/ca.crt"),
        "{ended:?}"
    );
    cert(own, &["ca", "--out", "other"]).await.with(0);
    fs::copy(own.join("other/ca.key"), own.join("ca.key")).unwrap();
    let ended = cert(own, &[&["client", "me"], &in_place[..]].concat())
        .await
        .with(1);
    assert!(
        ended
            .err
            .contains("not that of the authority's certificate"),
        "{ended:?}"
    );
    assert!(!own.join("out").exists());
}
