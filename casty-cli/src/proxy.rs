//! `casty proxy`: lets clients of one transport reach a node that speaks another.

use std::fmt;
use std::future::pending;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use casty_client::NodeAddress;
use casty_transport::{
    Proxy, ProxyEnd, ProxyLimits, QuicConfig, QuicTransport, TcpTransport, Transport,
};
use clap::Args;

use crate::failure::Failure;
use crate::output::{note, print};

/// Longer than anybody waits, short enough to be added to any time.
const LONGEST: u64 = 366 * 24 * 3600;

const EXAMPLES: &str = "\
Runs beside a node and opens one connection to it for each that it accepts; bytes pass unchanged.
Prints where it listens once it does. An interrupt stops it: nothing new is accepted, connections
may end by themselves for --grace, and a second interrupt cuts them. QUIC needs the --tls-*
options: the certificate must be one for the host that clients dial, and clients must show one of
the same CA.

Examples:
  casty proxy --listen quic://0.0.0.0:25520 --to tcp://127.0.0.1:25520 \\
      --tls-ca ca.pem --tls-cert node.pem --tls-key node-key.pem
  casty proxy --listen tcp://127.0.0.1:9000 --to tcp://10.0.1.10:25520 --max-connections 64";

/// What the command is told.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProxyArgs {
    /// Where to accept connections, and how: quic://HOST:PORT or tcp://HOST:PORT.
    #[arg(long, value_name = "URL")]
    listen: Endpoint,
    /// Where the node is, and how to reach it.
    #[arg(long, value_name = "URL")]
    to: Endpoint,
    /// PEM file of the CAs to trust.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// PEM file of the certificate to show, with its chain.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's private key [default: it stands in the certificate's file].
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Connections at the same time; what comes beyond is closed at once.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// How long a connection may go without a byte before it is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    idle_timeout: u64,
    /// How long connections may go on after an interrupt.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=LONGEST))]
    grace: u64,
}

/// An address and the transport that is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    scheme: Scheme,
    address: NodeAddress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Tcp,
    Quic,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, address) = text
            .split_once("://")
            .ok_or("tcp:// or quic:// is missing")?;
        let scheme = match scheme {
            "tcp" => Scheme::Tcp,
            "quic" => Scheme::Quic,
            other => return Err(format!("{other}:// is neither tcp:// nor quic://")),
        };
        let address = address
            .parse()
            .map_err(|error| format!("{address:?} is no HOST:PORT: {error}"))?;
        Ok(Self { scheme, address })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Tcp => "tcp",
            Scheme::Quic => "quic",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

/// Passes connections on until it is interrupted.
pub(crate) async fn run(args: &ProxyArgs) -> Result<(), Failure> {
    let inward = args.transport(args.listen.scheme).await?;
    let outward = args.transport(args.to.scheme).await?;
    let listener = inward
        .listen(&args.listen.address)
        .await
        .map_err(|error| Failure::of(format!("cannot listen at {}", args.listen), error))?;
    let limits = ProxyLimits::new()
        .connections(usize::try_from(args.max_connections).unwrap_or(usize::MAX))
        .idle(Duration::from_secs(args.idle_timeout));
    let proxy = Proxy::new(listener, args.to.address.clone(), outward, limits);
    let counters = proxy.counters();
    let listening = Endpoint {
        scheme: args.listen.scheme,
        address: proxy.address(),
    };
    print(format_args!("{listening} -> {}", args.to))?;
    let stop = async {
        interrupt().await;
        note("stopping; interrupt again to cut what is left");
    };
    let running = proxy.run(stop, Duration::from_secs(args.grace));
    let ended = tokio::select! {
        ended = running => ended,
        () = twice() => return Err(Failure::Interrupted),
    };
    let counts = counters.read();
    note(format_args!(
        "connections: {} accepted, {} refused, {} without node, {} idle, {} broken; \
         bytes: {} to the node, {} from it",
        counts.accepted,
        counts.refused,
        counts.unreachable,
        counts.idle,
        counts.broken,
        counts.to_node,
        counts.from_node
    ));
    match ended {
        ProxyEnd::ListenerEnded(error) => Err(Failure::of("the listener ended", error)),
        ProxyEnd::Stopped { cut: 0 } => Ok(()),
        ProxyEnd::Stopped { cut } => Err(Failure::because(format!(
            "{cut} connections were cut after {} s",
            args.grace
        ))),
        _ => Ok(()),
    }
}

impl ProxyArgs {
    async fn transport(&self, scheme: Scheme) -> Result<Arc<dyn Transport>, Failure> {
        Ok(match scheme {
            Scheme::Tcp => Arc::new(TcpTransport::new()),
            Scheme::Quic => Arc::new(QuicTransport::new(self.quic().await?)),
        })
    }

    async fn quic(&self) -> Result<QuicConfig, Failure> {
        let (Some(ca), Some(cert)) = (&self.tls_ca, &self.tls_cert) else {
            let missing = "quic:// needs --tls-ca and --tls-cert";
            return Err(Failure::Usage(missing.into()));
        };
        let key = self.tls_key.as_ref().unwrap_or(cert);
        let (ca, cert, key) = (read(ca).await?, read(cert).await?, read(key).await?);
        QuicConfig::from_pem(&ca, &cert, &key).map_err(|error| Failure::Usage(error.into()))
    }
}

async fn read(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    tokio::fs::read(path)
        .await
        .map_err(|error| Failure::of(format!("cannot read {}", path.display()), error))
}

async fn twice() {
    interrupt().await;
    interrupt().await;
}

/// Waits for an interrupt, or on Unix for the signal to terminate.
async fn interrupt() {
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = pressed => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_transport_and_an_address() {
        for text in ["tcp://127.0.0.1:25520", "quic://node.example:1"] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        for bad in ["127.0.0.1:1", "udp://a:1", "quic://a", "tcp://a:70000", ""] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
