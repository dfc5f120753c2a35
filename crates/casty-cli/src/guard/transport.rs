//! The transport of a guard, which listens at an address of its machine and announces a name.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_client::{AddressMap, NodeAddress};
use casty_testkit::StartError;
use casty_transport::{ByteStream, DialError, ListenError, Listener, Transport};

use crate::error::CommandError;

/// A transport that listens at one address, whatever the name that it is asked to listen at.
#[derive(Debug)]
pub(super) struct Advertised {
    transport: Arc<dyn Transport>,
    listen: IpAddr,
    dialled: AddressMap,
}

impl Advertised {
    pub(super) fn new(transport: Arc<dyn Transport>, listen: IpAddr, dialled: AddressMap) -> Self {
        Self {
            transport,
            listen,
            dialled,
        }
    }
}

#[async_trait]
impl Transport for Advertised {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        self.transport.dial(&self.dialled.physical(to)).await
    }

    async fn dial_within(
        &self,
        to: &NodeAddress,
        limit: Duration,
    ) -> Result<ByteStream, DialError> {
        let to = self.dialled.physical(to);
        self.transport.dial_within(&to, limit).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        let bound = NodeAddress::new(self.listen.to_string(), at.port());
        let listener = self.transport.listen(&bound).await?;
        let name = NodeAddress::new(at.host(), listener.address().port());
        Ok(Box::new(Named { listener, name }))
    }

    async fn drained(&self) {
        self.transport.drained().await;
    }
}

/// A listener under the name that is announced.
struct Named {
    listener: Box<dyn Listener>,
    name: NodeAddress,
}

#[async_trait]
impl Listener for Named {
    async fn accept(&mut self) -> Result<ByteStream, ListenError> {
        self.listener.accept().await
    }

    fn address(&self) -> NodeAddress {
        self.name.clone()
    }
}

/// Makes the error of a guard that cannot listen. Its cause names the address of the machine.
pub(super) fn cannot_listen(error: StartError) -> CommandError {
    match error {
        StartError::Listen { source, .. } => CommandError::of("the guard cannot start", source),
        error => CommandError::of("the guard cannot start", error),
    }
}
