//! A transport for who listens at one address and is known by another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;

use super::{AddressMap, ByteStream, Listener, Transport};
use crate::error::{DialError, ListenError};

/// A transport whose listeners are known by another address than the one that they listen at: behind the mapped
/// port of a container, or under a name that others look up.
///
/// Costs a virtual call a dial beside those of the transport below. Errors are those of that.
#[derive(Debug)]
pub struct Advertised {
    inner: Arc<dyn Transport>,
    listens: AddressMap,
    dials: AddressMap,
}

impl Advertised {
    /// Creates the transport above `inner`: who is asked to listen at an address listens at what `listens` makes of
    /// it, and is known by the address that was asked for, with the port that was found if that is 0. `dials` has the
    /// addresses at which others are dialled.
    pub fn new(inner: Arc<dyn Transport>, listens: AddressMap, dials: AddressMap) -> Self {
        Self {
            inner,
            listens,
            dials,
        }
    }
}

#[async_trait]
impl Transport for Advertised {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        self.inner.dial(&self.dials.physical(to)).await
    }

    async fn dial_within(
        &self,
        to: &NodeAddress,
        limit: Duration,
    ) -> Result<ByteStream, DialError> {
        let to = self.dials.physical(to);
        self.inner.dial_within(&to, limit).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let inner = self.inner.listen(&self.listens.physical(at)).await?;
        let port = match at.port() {
            0 => inner.address().port(),
            port => port,
        };
        let address = NodeAddress::new(at.host(), port);
        Ok(Box::new(Known { inner, address }))
    }

    async fn drained(&self) {
        self.inner.drained().await;
    }
}

/// A listener that is known by another address.
struct Known {
    inner: Box<dyn Listener>,
    address: NodeAddress,
}

#[async_trait]
impl Listener for Known {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        self.inner.accept().await
    }

    fn address(&self) -> NodeAddress {
        self.address.clone()
    }
}

#[cfg(test)]
#[cfg(feature = "tcp")]
mod tests {
    use super::*;
    use crate::transport::TcpTransport;

    fn here(port: u16) -> NodeAddress {
        NodeAddress::new("127.0.0.1", port)
    }

    #[tokio::test]
    async fn a_listener_is_known_as_was_asked_for_and_listens_elsewhere() {
        let tcp: Arc<dyn Transport> = Arc::new(TcpTransport::default());
        let listens = AddressMap::function(|at| here(at.port()));
        let found = Advertised::new(Arc::clone(&tcp), listens, AddressMap::identity());
        let listener = found.listen(&NodeAddress::new("node-1", 0)).await.unwrap();
        let known = listener.address();
        assert_eq!(known.host(), "node-1");
        assert_ne!(known.port(), 0);

        let dials = AddressMap::function(|to| here(to.port()));
        let mapped = Advertised::new(tcp, AddressMap::function(|_| here(0)), dials);
        mapped.dial(&known).await.unwrap();
        let limit = Duration::from_secs(5);
        mapped.dial_within(&known, limit).await.unwrap();
        let listener = mapped.listen(&NodeAddress::new("node-2", 7000)).await;
        assert_eq!(
            listener.unwrap().address(),
            NodeAddress::new("node-2", 7000)
        );
    }
}
