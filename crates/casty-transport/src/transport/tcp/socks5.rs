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

/// A SOCKS5 proxy through which TCP connections are dialled, those under TLS too; chosen by
/// [`TransportConfig::through`](crate::TransportConfig::through).
///
/// The name of a node goes to the proxy as it is, which resolves it where it stands; the name of the
/// proxy is resolved here, at every dial. Listeners do not use it. What a node has acknowledged cannot be
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
        let addresses = resolve(&SystemResolver, &self.at).await;
        let addresses = addresses.map_err(|source| self.unreachable(to, source))?;
        let nothing = self.unreachable(to, nothing_resolved());
        first_to_connect(addresses, nothing, |proxy| self.dial_by(proxy, to)).await
    }

    /// Does so by one of the addresses of the proxy.
    async fn dial_by(&self, proxy: SocketAddr, to: &NodeAddress) -> Result<TcpStream, DialError> {
        let stream = TcpStream::connect(proxy).await;
        let stream = stream.map_err(|source| self.unreachable(to, source))?;
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
            Error::NoAcceptableAuthMethods
            | Error::UnknownAuthMethod
            | Error::InvalidAuthValues(_)
            | Error::PasswordAuthFailure(_) => failed(at, Socks5Error::Unauthorized { proxy }),
            Error::GeneralSocksServerFailure => failed(at, Socks5Error::Failed { proxy }),
            Error::Io(source) => self.unreachable(at, source),
            _ => failed(at, Socks5Error::NotSocks5 { proxy }),
        }
    }
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
