//! Connections to a node without a client: what goes over them can be seen and chosen.

use bytes::{Bytes, BytesMut};
use casty_proto::frame::{DEFAULT_MAX_FRAME, FrameDecoder, FrameKind, write_frame};
use casty_proto::handshake::{Handshake, MAX_HANDSHAKE};
use casty_proto::header::Header;
use casty_proto::{Codec, NodeAddress};
use casty_transport::ByteStream;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cluster::{PythonCluster, SYSTEM};
use crate::error::Failure;

/// A connection on which hands were shaken.
pub(crate) struct RawConnection {
    stream: ByteStream,
    buffer: BytesMut,
    announced: NodeAddress,
}

impl RawConnection {
    /// Dials a node of the cluster, over whatever its clients do, and announces `identity`.
    pub(crate) async fn open(
        cluster: &PythonCluster,
        node: &NodeAddress,
        identity: &NodeAddress,
    ) -> Result<Self, Failure> {
        let mut stream = cluster.dial(node).await?;
        let mut hello = Vec::new();
        Handshake::new(identity.clone()).write(&mut hello)?;
        stream.write_all(&hello).await?;
        let mut connection = Self {
            stream,
            buffer: BytesMut::new(),
            announced: node.clone(),
        };
        match connection.frame(MAX_HANDSHAKE).await? {
            Some((FrameKind::Handshake, payload)) => {
                connection.announced = Handshake::read(&payload)?.address;
                Ok(connection)
            }
            Some((other, _)) => Err(format!("{node} began with {other:?}").into()),
            None => Err(format!("{node} closed the connection").into()),
        }
    }

    /// Returns the address that the node announced.
    pub(crate) fn announced(&self) -> &NodeAddress {
        &self.announced
    }

    /// Sends a message to a path of the node.
    pub(crate) async fn send<M: Serialize>(
        &mut self,
        codec: Codec,
        path: &str,
        message: &M,
    ) -> Result<(), Failure> {
        let mut encoded = Vec::new();
        let class = codec.encode(message, &mut encoded)?;
        let mut header = Vec::new();
        Header {
            target: format!("casty://{SYSTEM}@{}{path}", self.announced).into(),
            sender: format!("casty://{SYSTEM}-client@127.0.0.1:0/").into(),
            type_hint: class,
        }
        .write(&mut header);
        let mut frame = Vec::new();
        let parts: &[&[u8]] = &[&header, &encoded];
        write_frame(&mut frame, FrameKind::Message, parts, DEFAULT_MAX_FRAME)?;
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Returns the payload of the next frame; `None` when the node has closed the connection.
    ///
    /// Cancel safe: what was read of a frame is kept.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(self
            .frame(DEFAULT_MAX_FRAME)
            .await?
            .map(|(_, payload)| payload))
    }

    async fn frame(&mut self, max: usize) -> Result<Option<(FrameKind, Bytes)>, Failure> {
        let decoder = FrameDecoder::new(max);
        loop {
            if let Some(frame) = decoder.next(&mut self.buffer)? {
                return Ok(Some((frame.kind, frame.payload)));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
