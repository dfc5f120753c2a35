//! Contact points at which nodes of another version of casty are.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::process::{casty, end};

/// The refusal of a node of casty 0.30, of the cluster "prod".
const REFUSAL: &[u8] = b"\x02\0\0\0\0\0\0\x01\0\0\0\x2b\0\0\0\x27\x0chello-reject\x91\xb9cluster \"?\" is not \"prod\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_version_is_named_at_once_by_every_command() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let contact = listener.local_addr().unwrap().to_string();
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.ok();
            if let [2, 0, 0, 0, 0, 0, 0, 1, length @ ..] = first {
                let mut greeting = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut greeting).await.ok();
                stream.write_all(REFUSAL).await.ok();
            }
        }
    });
    for command in [
        &["doctor"][..],
        &["topology"],
        &["lookup", "greeter"],
        &["tell", "--shards", "10", "counter", "user-1", "1"],
        &["counter", "hits", "get"],
    ] {
        let mut command = casty(command);
        command.args(["--contact", &contact, "--system", "s", "--timeout", "20"]);
        let begun = Instant::now();
        let ended = end(command).await.with(1);
        assert!(begun.elapsed() < Duration::from_secs(5), "{ended:?}");
        let told = format!(
            "casty: {contact} speaks the protocol of casty 0.30 (cluster \"prod\"); this side speaks that of casty 0.16 to 0.21\n"
        );
        assert!(ended.err.contains(&told), "{ended:?}");
    }
    answering.abort();
}
