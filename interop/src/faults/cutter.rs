//! A proxy of a node that can be cut in the middle of a frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use casty_proto::NodeAddress;
use casty_proto::frame::{DEFAULT_MAX_FRAME, FrameDecoder, write_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::order::now;
use crate::error::Failure;
use crate::passing::{pass_each, undelayed};

/// Passes connections on to a node until one is to be cut. It ends when it is dropped.
pub(super) struct Cutter {
    at: NodeAddress,
    armed: Arc<AtomicBool>,
    cuts: mpsc::Receiver<Cut>,
    accepting: JoinHandle<()>,
}

/// A connection that was cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) at: f64,
    /// Frames that had been received, whole or in part, and were not passed on as a whole.
    pub(super) swallowed: usize,
}

impl Cutter {
    /// Listens, and dials the node for every connection.
    pub(super) async fn before(node: &NodeAddress) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = NodeAddress::new("127.0.0.1", listener.local_addr()?.port());
        let armed = Arc::new(AtomicBool::new(false));
        let (tell, cuts) = mpsc::channel(1);
        let (node, cutting) = (node.clone(), Arc::clone(&armed));
        let accepting = tokio::spawn(pass_each(listener, move |client| {
            let (node, tell) = (node.clone(), tell.clone());
            pass(client, node, (Arc::clone(&cutting), tell))
        }));
        Ok(Self {
            at,
            armed,
            cuts,
            accepting,
        })
    }

    /// Returns the address that it is dialled at.
    pub(super) fn at(&self) -> &NodeAddress {
        &self.at
    }

    /// Cuts the next connection on which a frame comes from the client, in the middle of that.
    pub(super) async fn cut(&mut self) -> Result<Cut, Failure> {
        self.armed.store(true, Ordering::SeqCst);
        Ok(self.cuts.recv().await.ok_or("nothing was cut")?)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes bytes both ways until either side ends or the connection is cut.
async fn pass(
    mut client: TcpStream,
    node: NodeAddress,
    (armed, tell): (Arc<AtomicBool>, mpsc::Sender<Cut>),
) {
    let Ok(mut node) = TcpStream::connect((node.host(), node.port())).await else {
        return;
    };
    if undelayed(&client, &node).is_none() {
        return;
    }
    let cut = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_node, mut to_node) = node.split();
        tokio::select! {
            cut = forward(&mut from_client, &mut to_node, &armed) => cut.unwrap_or_default(),
            _ = copy(&mut from_node, &mut to_client) => None,
        }
    };
    drop((client, node));
    if let Some(cut) = cut {
        tell.send(cut).await.ok();
    }
}

/// Passes whole frames on, until one is to be cut.
async fn forward(
    client: &mut ReadHalf<'_>,
    node: &mut WriteHalf<'_>,
    armed: &AtomicBool,
) -> Result<Option<Cut>, Failure> {
    let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
    let mut buffer = BytesMut::new();
    loop {
        while let Some(frame) = decoder.next(&mut buffer)? {
            let mut bytes = Vec::new();
            write_frame(&mut bytes, frame.kind, &[&frame.payload], DEFAULT_MAX_FRAME)?;
            if armed.swap(false, Ordering::SeqCst) {
                node.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default())
                    .await?;
                // What the kernel has already taken is acknowledged to the client.
                while client
                    .try_read_buf(&mut buffer)
                    .is_ok_and(|count| count > 0)
                {}
                let mut swallowed = 1;
                while decoder.next(&mut buffer)?.is_some() {
                    swallowed += 1;
                }
                swallowed += usize::from(!buffer.is_empty());
                return Ok(Some(Cut {
                    at: now(),
                    swallowed,
                }));
            }
            node.write_all(&bytes).await?;
        }
        if client.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    }
}
