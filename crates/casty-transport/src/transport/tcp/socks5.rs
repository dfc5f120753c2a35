//! TCP connections through a SOCKS5 proxy (RFC 1928), with a user and a password if it wants them
//! (RFC 1929).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use casty_proto::NodeAddress;
use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

use crate::error::DialError;
use crate::transport::SystemResolver;
use crate::transport::resolve::{first_to_connect, nothing_resolved, resolve};

mod error;

pub use error::Socks5Error;

/// The longest name of a host that a request has room for, in bytes.
const LONGEST_NAME: usize = 255;

/// A SOCKS5 proxy through which TCP connections are dialled, those under TLS too; chosen by
/// [`TransportConfig::through`](crate::TransportConfig::through).
///
/// The name of a node goes to the proxy as it is, which resolves it where it stands; the name of the
/// proxy is resolved here, at every dial. Of its addresses the first that can be reached is asked, and its
/// answer counts; another one only if that breaks off, or is no proxy. Listeners do not use it. What a node has acknowledged cannot be
/// told behind a proxy: what the proxy's kernel has taken counts as written.
///
/// ```
/// use casty_transport::{Socks5, TransportConfig};
///
/// let proxy = Socks5::new("bastion.example:1080".parse()?).user("gateway", "secret");
/// let transport = TransportConfig::tcp().through(proxy);
/// # Ok::<_, casty_proto::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Socks5 {
    at: NodeAddress,
    login: Option<(String, String)>,
}

impl Socks5 {
    /// Creates the choice of the proxy at `at`, which takes anybody.
    pub fn new(at: NodeAddress) -> Self {
        Self { at, login: None }
    }

    /// Sets the user and the password, which travel unencrypted (RFC 1929). Of 1 to 255 bytes each: others
    /// are [unauthorised](Socks5Error::Unauthorized) at every dial.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((name.into(), password.into()));
        self
    }

    /// Returns the address of the proxy.
    pub fn address(&self) -> &NodeAddress {
        &self.at
    }

    /// Dials the proxy, and has it dial `to`.
    pub(super) async fn dial(&self, to: &NodeAddress) -> Result<TcpStream, DialError> {
        if to.host().len() > LONGEST_NAME {
            return Err(too_long(to));
        }
        let addresses = resolve(&SystemResolver, &self.at).await;
        let addresses = addresses.map_err(|source| self.unreachable(to, source))?;
        self.dial_by(addresses, to).await
    }

    /// Does so by one of the addresses of the proxy.
    async fn dial_by(
        &self,
        mut addresses: Vec<SocketAddr>,
        to: &NodeAddress,
    ) -> Result<TcpStream, DialError> {
        let mut failure = None;
        loop {
            // Only that is a race: of two proxies that are asked, both would dial the node.
            let reach = async |at: SocketAddr| {
                let stream = TcpStream::connect(at).await;
                stream.map(|stream| (at, stream))
            };
            let reached = first_to_connect(addresses.clone(), nothing_resolved(), reach).await;
            let (at, stream) = match reached {
                Ok(reached) => reached,
                // What was heard of one tells more than that others are not there.
                Err(source) => return Err(failure.unwrap_or_else(|| self.unreachable(to, source))),
            };
            let error = match self.ask(stream, to).await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            if is_answer(&error) {
                return Err(error);
            }
            failure.get_or_insert(error);
            addresses.retain(|other| *other != at);
        }
    }

    /// Has what is at the other end of the stream dial `to`.
    async fn ask(&self, stream: TcpStream, to: &NodeAddress) -> Result<TcpStream, DialError> {
        let target = (to.host(), to.port());
        let asked = match &self.login {
            None => Socks5Stream::connect_with_socket(stream, target).await,
            Some((name, password)) => {
                Socks5Stream::connect_with_password_and_socket(stream, target, name, password).await
            }
        };
        let stream = asked.map_err(|error| self.refused(to, error))?;
        Ok(stream.into_inner())
    }

    fn unreachable(&self, at: &NodeAddress, source: io::Error) -> DialError {
        let proxy = self.at.clone();
        failed(at, Socks5Error::Unreachable { proxy, source })
    }

    /// Sorts an error of the conversation with the proxy.
    fn refused(&self, at: &NodeAddress, error: Error) -> DialError {
        let proxy = self.at.clone();
        let io = |kind: io::ErrorKind| DialError::from_io(at, kind.into());
        match error {
            // What the proxy tells of its own attempt.
            Error::ConnectionRefused => io(io::ErrorKind::ConnectionRefused),
            Error::HostUnreachable => io(io::ErrorKind::HostUnreachable),
            Error::NetworkUnreachable => io(io::ErrorKind::NetworkUnreachable),
            Error::TtlExpired => io(io::ErrorKind::TimedOut),
            Error::ConnectionNotAllowedByRuleset => failed(at, Socks5Error::NotAllowed { proxy }),
            Error::AddressTypeNotSupported => failed(at, Socks5Error::AddressKind { proxy }),
            Error::CommandNotSupported => failed(at, Socks5Error::NoConnections { proxy }),
            Error::NoAcceptableAuthMethods
            | Error::AuthorizationRequired
            | Error::InvalidAuthValues(_)
            | Error::PasswordAuthFailure(_) => failed(at, Socks5Error::Unauthorized { proxy }),
            // The second is what tokio-socks makes of replies that RFC 1928 does not have.
            Error::GeneralSocksServerFailure | Error::UnknownAuthMethod => {
                failed(at, Socks5Error::Failed { proxy })
            }
            Error::Io(source) => self.unreachable(at, source),
            _ => failed(at, Socks5Error::NotSocks5 { proxy }),
        }
    }
}

/// Returns the error of a name that no request has room for, and no name server either.
fn too_long(at: &NodeAddress) -> DialError {
    let why = format!("a host's name has at most {LONGEST_NAME} bytes");
    DialError::Unresolved {
        at: at.clone(),
        source: Arc::new(io::Error::new(io::ErrorKind::InvalidInput, why)),
    }
}

/// Returns whether a proxy has told why there is no connection.
fn is_answer(error: &DialError) -> bool {
    let DialError::Socks5 { source, .. } = error else {
        return true;
    };
    !matches!(
        **source,
        Socks5Error::Unreachable { .. } | Socks5Error::NotSocks5 { .. }
    )
}

fn failed(at: &NodeAddress, error: Socks5Error) -> DialError {
    DialError::Socks5 {
        at: at.clone(),
        source: Arc::new(error),
    }
}

impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is shown to nobody.
        f.debug_struct("Socks5")
            .field("at", &self.at)
            .field("user", &self.login.as_ref().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests;
