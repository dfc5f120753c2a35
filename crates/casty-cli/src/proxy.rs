//! `casty proxy`: lets clients of one transport reach a node that speaks another.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{NodeAddress, QuicConfig, TlsConfig, TransportConfig};
use casty_proto::Count;
use casty_transport::{Proxy, ProxyCounts, ProxyEnd, ProxyLimits, TcpConfig};
use clap::Args;
use serde_json::json;
use tokio::time::timeout;

use crate::args::time;
use crate::certificates::CertificateArgs;
use crate::error::CommandError;
use crate::output::{note, print, print_as};
use crate::signals::{interrupt, twice};

mod descriptors;

use descriptors::Room;

/// The time that the last acknowledgements may take once all connections have ended.
const CLOSING: Duration = Duration::from_secs(2);

/// The range of the times of TCP.
const TCP_TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(9);

const EXAMPLES: &str = "\
Runs beside a node and opens one connection to it for each that it accepts; bytes pass unchanged.
Prints where it listens once it does. An interrupt stops it: nothing new is accepted, connections
may end by themselves for --grace, and a second interrupt cuts them. TLS and QUIC, on either side,
need the --tls-* options: the certificate must be one for the host that clients dial, and is shown
to a node that is dialled too; both must show one of the same CA. The files are read again when they
change.

Examples:
  casty proxy --listen quic://0.0.0.0:25520 --to tcp://127.0.0.1:25520 \\
      --tls-ca certs/ca.crt --tls-cert node-1/node.crt --tls-key node-1/node.key
  casty proxy --listen tcp://127.0.0.1:25520 --to tls://10.0.1.10:25520 \\
      --tls-ca certs/ca.crt \\
      --tls-cert gateway/client.crt --tls-key gateway/client.key
  casty proxy --listen tcp://127.0.0.1:9000 --to tcp://10.0.1.10:25520 \\
      --max-connections 64";

/// The arguments of `casty proxy`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProxyArgs {
    /// The transport and address to accept connections at: quic://HOST:PORT, tls://HOST:PORT or
    /// tcp://HOST:PORT.
    #[arg(long, value_name = "URL")]
    listen: Endpoint,
    /// The transport and address of the node.
    #[arg(long, value_name = "URL")]
    to: Endpoint,
    #[command(flatten)]
    files: CertificateArgs,
    /// Connections at the same time; what comes beyond is closed at once. Fewer if the descriptors
    /// that the process may have leave no room for as many; how many it will be is printed at the
    /// start. Diallers that have not finished their TLS handshake take none of these places.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// The time that a connection may go without a byte before it is closed.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = idle)]
    idle_timeout: Duration,
    /// Over TCP: the time without a byte after which the other end is probed.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = of_tcp)]
    tcp_keep_alive: Duration,
    /// Over TCP: the time for which the other end may acknowledge nothing, neither data nor probes,
    /// before a connection is lost; more than the time before the first probe.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = of_tcp)]
    tcp_user_timeout: Duration,
    /// The time that connections may go on after an interrupt.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = grace)]
    grace: Duration,
}

fn idle(text: &str) -> Result<Duration, String> {
    time::within(text, Duration::from_secs(1)..=time::LONGEST)
}

fn of_tcp(text: &str) -> Result<Duration, String> {
    time::within(text, TCP_TIMES)
}

fn grace(text: &str) -> Result<Duration, String> {
    time::within(text, Duration::ZERO..=time::LONGEST)
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
    Tls,
    Quic,
}

const SCHEMES: [(&str, Scheme); 3] = [
    ("tcp", Scheme::Tcp),
    ("tls", Scheme::Tls),
    ("quic", Scheme::Quic),
];

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, address) = text
            .split_once("://")
            .ok_or("tcp://, tls:// or quic:// is missing")?;
        let known = SCHEMES.iter().find(|(name, _)| *name == scheme);
        let Some(&(_, scheme)) = known else {
            return Err(format!("{scheme}:// is none of tcp://, tls:// and quic://"));
        };
        let address = address
            .parse()
            .map_err(|error| format!("{address:?} is no HOST:PORT: {error}"))?;
        Ok(Self { scheme, address })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme);
        let scheme = named.map_or("", |(name, _)| name);
        write!(f, "{scheme}://{}", self.address)
    }
}

/// Passes connections on until it is interrupted.
pub(crate) async fn run(args: &ProxyArgs) -> Result<(), CommandError> {
    let certificates = args.certificates()?;
    let tcp = args.tcp()?;
    let transport = |endpoint: &Endpoint| endpoint.transport(certificates.as_ref(), tcp);
    let (inward, outward) = (
        transport(&args.listen)?.build(),
        transport(&args.to)?.build(),
    );
    let listener = inward
        .listen(&args.listen.address)
        .await
        .map_err(|error| CommandError::of(format!("cannot listen at {}", args.listen), error))?;
    let room = args.room();
    let limits = ProxyLimits::new()
        .connections(room.connections)
        .handshakes(room.handshakes)
        .idle(args.idle_timeout);
    let proxy = Proxy::new(
        listener,
        args.to.address.clone(),
        Arc::clone(&outward),
        limits,
    );
    let counters = proxy.counters();
    let listening = Endpoint {
        scheme: args.listen.scheme,
        address: proxy.address(),
    };
    args.note_limits(room);
    print_as(
        || json!({ "listening": listening.to_string(), "to": args.to.to_string() }),
        || print(format_args!("{listening} -> {}", args.to)),
    )?;
    let stop = async {
        interrupt().await;
        note("stopping; interrupt again to cut what is left");
    };
    let running = proxy.run(stop, args.grace);
    let ended = tokio::select! {
        ended = running => ended,
        () = twice() => return Err(CommandError::Interrupted),
        never = note_renewals(certificates.as_ref()) => match never {},
    };
    let drained = async { tokio::join!(inward.drained(), outward.drained()) };
    // If it takes longer, the peers are gone.
    timeout(CLOSING, drained).await.ok();
    note_counts(counters.read());
    match ended {
        ProxyEnd::ListenerEnded(error) => Err(CommandError::of("the listener ended", error)),
        ProxyEnd::Stopped { cut: 0 } => Ok(()),
        ProxyEnd::Stopped { cut } => Err(CommandError::because(format!(
            "cut after {:?}: {}",
            args.grace,
            Count(cut, "connection")
        ))),
        _ => Ok(()),
    }
}

/// Tells what became of the connections.
fn note_counts(counts: ProxyCounts) {
    note(format_args!(
        "connections: {} accepted, {} refused, {} without handshake, \
         {} without node, {} idle, {} broken; \
         bytes: {} to the node, {} from it",
        counts.accepted,
        counts.refused,
        counts.unshaken,
        counts.unreachable,
        counts.idle,
        counts.broken,
        counts.to_node,
        counts.from_node
    ));
}

impl Endpoint {
    /// Makes the transport of the endpoint.
    fn transport(
        &self,
        certificates: Option<&TlsConfig>,
        tcp: TcpConfig,
    ) -> Result<TransportConfig, CommandError> {
        let transport = match (self.scheme, certificates) {
            (Scheme::Tcp, _) => TransportConfig::tcp(),
            (Scheme::Tls, Some(tls)) => TransportConfig::tls(tls.clone()),
            (Scheme::Quic, Some(tls)) => TransportConfig::quic(QuicConfig::new(tls.clone())),
            (_, None) => {
                let missing = format!("{self} needs --tls-ca and --tls-cert");
                return Err(CommandError::Usage(missing.into()));
            }
        };
        Ok(transport.over_tcp(tcp))
    }

    /// Returns whether only programs of this host reach it.
    fn is_loopback(&self) -> bool {
        let host = self.address.host();
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

impl ProxyArgs {
    /// Returns the times of TCP.
    fn tcp(&self) -> Result<TcpConfig, CommandError> {
        if self.tcp_keep_alive >= self.tcp_user_timeout {
            let late = "--tcp-keep-alive must be less than --tcp-user-timeout";
            return Err(CommandError::Usage(late.into()));
        }
        Ok(TcpConfig::new()
            .keep_alive(self.tcp_keep_alive)
            .user_timeout(self.tcp_user_timeout))
    }

    /// Finds room for the connections that are wanted.
    fn room(&self) -> Room {
        // Those of a QUIC listener share one socket; a dialler has one for each.
        let inward = u64::from(self.listen.scheme != Scheme::Quic);
        Room::find(self.max_connections, inward + 1)
    }

    /// Tells what the proxy takes on, and whom it lends its certificate to.
    fn note_limits(&self, room: Room) {
        let Room {
            connections,
            handshakes,
            descriptors,
        } = room;
        let fits = descriptors.map_or_else(String::new, |count| format!(" ({count} descriptors)"));
        note(format_args!(
            "at most {} and {} at a time{fits}",
            Count(connections, "connection"),
            Count(handshakes, "handshake")
        ));
        if connections < usize::try_from(self.max_connections).unwrap_or(usize::MAX) {
            note(format_args!(
                "warning: that is less than --max-connections {}; raise the limit of descriptors",
                self.max_connections
            ));
        }
        if self.listen.scheme == Scheme::Tcp
            && self.to.scheme != Scheme::Tcp
            && !self.listen.is_loopback()
        {
            note(format_args!(
                "warning: whoever reaches {} is let in to {} with the certificate of this proxy, and \
                 shows none; listen at a loopback address, or with tls:// or quic://",
                self.listen, self.to
            ));
        }
    }

    /// Reads the certificates of both sides, if they are named.
    fn certificates(&self) -> Result<Option<TlsConfig>, CommandError> {
        let CertificateArgs { ca, cert, key } = &self.files;
        let files = [ca, cert, key];
        let are_named = files.into_iter().any(Option::is_some);
        if are_named && [self.listen.scheme, self.to.scheme] == [Scheme::Tcp; 2] {
            let useless = "the --tls-* options make no sense without tls:// or quic://";
            return Err(CommandError::Usage(useless.into()));
        }
        let (Some(ca), Some(cert)) = (ca, cert) else {
            return Ok(None);
        };
        let mut tls = TlsConfig::builder().ca_file(ca).certificate_file(cert);
        if let Some(key) = key {
            tls = tls.key_file(key);
        }
        let built = tls
            .build()
            .map_err(|error| CommandError::Usage(error.into()));
        Ok(Some(built?))
    }
}

/// Prints a note when certificates were replaced; of those that cannot be used the log warns.
async fn note_renewals(certificates: Option<&TlsConfig>) -> Infallible {
    if let Some(certificates) = certificates {
        let mut changes = certificates.changes();
        while changes.changed().await.is_ok() {
            if changes.borrow_and_update().error.is_none() {
                note("the certificates were renewed");
            }
        }
    }
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_tcp_are_by_default_those_of_a_client() {
        assert_eq!(of_tcp("5s"), Ok(TcpConfig::KEEP_ALIVE));
        assert_eq!(of_tcp("15s"), Ok(TcpConfig::USER_TIMEOUT));
    }

    #[test]
    fn an_endpoint_is_a_transport_and_an_address() {
        for text in [
            "tcp://127.0.0.1:25520",
            "tls://10.0.1.10:25520",
            "quic://node.example:1",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        for bad in ["127.0.0.1:1", "udp://a:1", "quic://a", "tcp://a:70000", ""] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
