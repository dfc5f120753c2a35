//! A node that others know by another address than the one it listens at.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use casty_transport::{ByteStream, DialError, ListenError, Listener, Transport};

/// A transport that listens at one address, and has the node advertise another: behind the mapped port of a
/// container, or under a name that others look up.
#[derive(Debug)]
pub(crate) struct Advertised {
    inner: Arc<dyn Transport>,
    listen: NodeAddress,
}

impl Advertised {
    /// Has `inner` listen at `listen`, whatever address the node has.
    pub(crate) fn new(inner: Arc<dyn Transport>, listen: NodeAddress) -> Self {
        Self { inner, listen }
    }
}

#[async_trait]
impl Transport for Advertised {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        self.inner.dial(to).await
    }

    async fn dial_within(
        &self,
        to: &NodeAddress,
        limit: Duration,
    ) -> Result<ByteStream, DialError> {
        self.inner.dial_within(to, limit).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let inner = self.inner.listen(&self.listen).await?;
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
