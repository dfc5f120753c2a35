//! Messages of a stream, which go by one connection or not at all.

use casty_proto::NodeAddress;
use serde::Serialize;

use crate::error::TellError;
use crate::message::{Encoded, Plain};
use crate::pending_asks::id::PeerId;
use crate::send::Core;

/// Encodes a message. Returns its class and its bytes.
pub(super) fn encoded<M: Serialize>(
    core: &Core,
    message: &M,
) -> Result<(String, Vec<u8>), TellError> {
    let (mut class, mut bytes) = (String::new(), Vec::new());
    core.encoded(&Plain(message), |of, encoded| {
        of.clone_into(&mut class);
        bytes = encoded.bytes.to_vec();
        Ok::<_, TellError>(())
    })?;
    Ok((class, bytes))
}

/// Sends an encoded message by a connection, and waits for capacity while there is none; `None` if that has
/// ended. One whose outbox stays full is lost in the end.
///
/// # Cancel safety
/// Either the message was accepted or nothing of it was.
pub(super) async fn send(
    core: &Core,
    (node, by): (&NodeAddress, PeerId),
    (path, class): (&str, &str),
    message: Encoded<'_>,
) -> Option<Result<(), TellError>> {
    let attempt = || core.send_by((node, by), (path, class), message);
    let mut sent = attempt();
    while let Some(Err(TellError::Busy { length, .. })) = sent {
        let peer = core.connected.read().get(node).cloned();
        let peer = peer.filter(|peer| peer.id == by)?;
        // Kept until it was used.
        let _permit = peer.outbox.capacity(length).await;
        sent = attempt();
    }
    sent
}
