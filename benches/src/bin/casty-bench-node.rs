//! The node of the end-to-end benchmark: prints its port, and serves until its input ends.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use casty_benches::Failure;
use casty_benches::certificates;
use casty_benches::node::{serve, serve_mute, serve_regions, serve_transport};
use casty_benches::options::codec_of;
use casty_benches::scale::REGIONS;
use casty_client::TransportConfig;
use casty_proto::NodeAddress;
use casty_transport::QuicConfig;
use tokio::net::TcpListener;

const USAGE: &str =
    "usage: casty-bench-node CODEC [tcp|mute|regions|tls CERTIFICATES|quic CERTIFICATES]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (codec, transport) = match args[..] {
        [codec] | [codec, "tcp"] => (codec, None),
        [codec, "regions"] => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            say(listener.local_addr()?.port())?;
            return Ok(serve_regions(listener, codec_of(codec)?, REGIONS).await?);
        }
        [codec, "mute"] => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            say(listener.local_addr()?.port())?;
            return Ok(serve_mute(listener, codec_of(codec)?).await?);
        }
        [codec, "tls", folder] => {
            let tls = certificates::node(Path::new(folder))?;
            (codec, Some(TransportConfig::tls(tls)))
        }
        [codec, "quic", folder] => {
            let tls = certificates::node(Path::new(folder))?;
            (codec, Some(TransportConfig::quic(QuicConfig::new(tls))))
        }
        _ => return Err(USAGE.into()),
    };
    let codec = codec_of(codec)?;
    if let Some(transport) = transport {
        let transport = transport.build();
        let at = NodeAddress::new("127.0.0.1", 0);
        let listener = Arc::clone(&transport).listen(&at).await?;
        say(listener.address().port())?;
        return Ok(serve_transport(listener, codec).await?);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(listener.local_addr()?.port())?;
    Ok(serve(listener, codec).await?)
}

/// Prints the port, and ends the process when its input ends: whoever started it is gone then.
fn say(port: u16) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{port}")?;
    out.flush()?;
    std::thread::spawn(|| {
        let ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
    Ok(())
}
