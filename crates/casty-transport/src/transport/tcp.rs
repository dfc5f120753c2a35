//! Plain TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use casty_proto::{Chain, NodeAddress};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::error::{DialError, ListenError};
use crate::transport::resolve::bind_by_name;
use crate::transport::{ByteStream, Listener, Names, Resolver, Transport};

mod config;
#[cfg(feature = "socks5")]
mod socks5;

pub use config::TcpConfig;
#[cfg(feature = "socks5")]
pub use socks5::{Socks5, Socks5Error};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// The transport over TCP without encryption. Both sides send at once what is written
/// (`TCP_NODELAY`), and a connection is lost whose other end says nothing for the times of a
/// [`TcpConfig`].
///
/// A name is resolved at every dial, and its addresses are tried as [`Names`] tells. A name to
/// listen at is bound at the first of its addresses that can be.
#[derive(Debug, Clone, Default)]
pub struct TcpTransport {
    config: TcpConfig,
    names: Names,
    #[cfg(feature = "socks5")]
    proxy: Option<Socks5>,
}

impl TcpTransport {
    /// Creates the transport with the default times.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the transport with these times.
    pub fn with(config: TcpConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Sets what resolves the names that are dialled. Default: [`SystemResolver`](super::SystemResolver).
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.names = Names::new(resolver);
        self
    }

    /// Sets the proxy through which all is dialled. Names of nodes are then resolved by it.
    #[cfg(feature = "socks5")]
    #[must_use]
    pub fn through(mut self, proxy: Socks5) -> Self {
        self.proxy = Some(proxy);
        self
    }
}

#[async_trait]
impl Transport for TcpTransport {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        #[cfg(feature = "socks5")]
        if let Some(proxy) = &self.proxy {
            let stream = proxy.dial(to).await?;
            return Ok(self.ready(stream, format!("{to}")));
        }
        let connect = async |address: SocketAddr| {
            let stream = TcpStream::connect(address).await;
            let stream = stream.map_err(|error| DialError::from_io(to, error))?;
            Ok(self.ready(stream, format!("{to}")))
        };
        self.names.connect(to, connect).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let (socket, port) = bind_by_name(at, bind).await?;
        Ok(Box::new(TcpListening {
            socket,
            at: NodeAddress::new(at.host(), port),
            transport: self.clone(),
        }))
    }
}

impl TcpTransport {
    /// Prepares a connected socket, and wraps it.
    fn ready(&self, stream: TcpStream, peer: String) -> ByteStream {
        // Fails only on a socket that is broken already, which the first read will report.
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| self.config.apply(&stream));
        if let Err(error) = prepared {
            tracing::debug!(%peer, error = %Chain(&error), "cannot set the options of a socket");
        }
        ByteStream::measured(stream, peer, unacknowledged)
    }
}

/// Binds a socket that listens, and returns it with its port.
fn bind(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Elsewhere than on Unix the option lets two listeners share a port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Returns the bytes that the kernel took from us and the peer's has not acknowledged (`SIOCOUTQ`,
/// tcp(7)).
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "no well-kept library has this request")]
fn unacknowledged(stream: &TcpStream) -> Option<usize> {
    use rustix::ioctl::{Getter, Opcode, ioctl};
    use std::ffi::c_int;

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number, of another type on each platform"
    )]
    const SIOCOUTQ: Opcode = libc::TIOCOUTQ as Opcode;
    // SAFETY: for a TCP socket the kernel writes one `int` for this request, and nothing else.
    let count = unsafe { ioctl(stream, Getter::<SIOCOUTQ, c_int>::new()) };
    usize::try_from(count.ok()?).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn unacknowledged(_: &TcpStream) -> Option<usize> {
    None
}

struct TcpListening {
    socket: TcpListener,
    at: NodeAddress,
    transport: TcpTransport,
}

#[async_trait]
impl Listener for TcpListening {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        loop {
            match self.socket.accept().await {
                Ok((stream, from)) => return Ok(self.transport.ready(stream, from.to_string())),
                Err(error) if gone_before_accepted(&error) => {}
                Err(source) => {
                    return Err(ListenError::Accept {
                        at: self.at.clone(),
                        source: Arc::new(source),
                    });
                }
            }
        }
    }

    fn address(&self) -> NodeAddress {
        self.at.clone()
    }
}

/// Returns whether the error is about one dialler that left while it waited, not about the
/// listener.
fn gone_before_accepted(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

#[cfg(test)]
pub(crate) mod tests;
