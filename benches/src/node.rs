//! A node that costs next to nothing: one loop that looks at bytes.
//!
//! It names itself the owner of every shard of the region, counts the envelopes it is told, and
//! answers each ask with the count. Headers are compared with the last one that was understood;
//! only what differs from it is parsed.

use std::io;

use bytes::{Buf, BytesMut};
use casty_client::Codec;
use casty_proto::frame::{self, DEFAULT_MAX_FRAME, FRAME_HEAD, FrameKind};
use casty_proto::handshake::Handshake;
use casty_proto::header::{self, Header};
use casty_proto::message::{
    Member, MemberStatus, ShardAllocation, SubscribeTopology, TopologySnapshot,
};
use casty_proto::{ActorUri, FrozenSet, Limits, NodeAddress, Tuple};
use casty_transport::{ListenError, Listener};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::Failure;
use crate::frames::{ASK_DIGITS, ASK_PATH, REGION, REGION_PATH, SHARDS, SYSTEM, next};

/// Bytes that are read at once.
const READ: usize = 256 * 1024;

/// Serves connections until the listener fails, one task each.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener, codec: Codec) -> io::Result<()> {
    serve_as(listener, codec, |_| {}).await
}

/// Serves as [`serve`] does, and says that the cluster has `others` besides.
///
/// # Errors
/// The listener's.
pub async fn serve_among(
    listener: TcpListener,
    codec: Codec,
    others: &[NodeAddress],
) -> io::Result<()> {
    serve_as(listener, codec, |link| link.others = others.to_vec()).await
}

/// Serves as [`serve`] does, and owns all shards of so many regions besides; see [`region`].
///
/// # Errors
/// The listener's.
pub async fn serve_regions(listener: TcpListener, codec: Codec, regions: u32) -> io::Result<()> {
    serve_as(listener, codec, |link| link.regions = regions).await
}

/// Serves as [`serve`] does, and answers no ask.
///
/// # Errors
/// The listener's.
pub async fn serve_mute(listener: TcpListener, codec: Codec) -> io::Result<()> {
    serve_as(listener, codec, |link| link.is_mute = true).await
}

/// Serves connections until the listener fails, each as `set` has it.
async fn serve_as(listener: TcpListener, codec: Codec, set: impl Fn(&mut Link)) -> io::Result<()> {
    let address = listener.local_addr()?;
    let node = NodeAddress::new(address.ip().to_string(), address.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut link = Link::new(node.clone(), codec);
        set(&mut link);
        tokio::spawn(link.serve(stream));
    }
}

/// Returns the name of one of many regions.
pub fn region(number: u32) -> String {
    format!("{REGION}-{number:04}")
}

/// Serves the streams of a transport's listener as [`serve`] does those of TCP.
///
/// # Errors
/// The listener's.
pub async fn serve_transport(
    mut listener: Box<dyn Listener>,
    codec: Codec,
) -> Result<(), ListenError> {
    let node = listener.address();
    loop {
        let stream = listener.accept().await?;
        tokio::spawn(Link::new(node.clone(), codec).serve(stream));
    }
}

/// The node's end of one connection.
pub struct Link {
    node: NodeAddress,
    codec: Codec,
    /// The other members that views list.
    others: Vec<NodeAddress>,
    /// The number of regions besides the one, all of whose shards the node owns.
    regions: u32,
    /// The header of envelopes, once one was understood.
    region: Vec<u8>,
    /// Envelopes that were no asks.
    told: u64,
    /// Asks are not answered.
    is_mute: bool,
    reply: Option<Reply>,
    out: Vec<u8>,
}

/// A reply frame, ready to be copied.
struct Reply {
    /// The count that it holds.
    told: u64,
    frame: Vec<u8>,
    /// The offset of the ask's digits, ...
    digits: usize,
    /// ... and how far from the end of the ask they were.
    from_end: usize,
}

impl Link {
    /// Returns the end of a connection to `node`, on which nothing has come in.
    pub fn new(node: NodeAddress, codec: Codec) -> Self {
        Self {
            node,
            codec,
            others: Vec::new(),
            regions: 0,
            region: Vec::new(),
            told: 0,
            is_mute: false,
            reply: None,
            out: Vec::new(),
        }
    }

    /// Serves a connection to its end, and prints how it broke if it did.
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        if let Err(error) = self.run(stream).await {
            eprintln!("connection ended: {error}");
        }
    }

    async fn run(mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
        let mut buffer = BytesMut::with_capacity(READ);
        loop {
            buffer.reserve(READ / 4);
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            let mut taken = 0;
            while let Some(frame) = next(&buffer[taken..]) {
                taken += frame.len();
                self.frame(frame)?;
            }
            buffer.advance(taken);
            if !self.out.is_empty() {
                stream.write_all(&self.out).await?;
                stream.flush().await?;
                self.out.clear();
            }
        }
    }

    /// Returns the bytes that the node has to send; whoever has sent them takes them out.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Takes in a frame, head included, and appends what answers it to what there is to send.
    ///
    /// # Errors
    /// The frame is none of a client's.
    pub fn frame(&mut self, frame: &[u8]) -> Result<(), Failure> {
        let payload = frame.get(FRAME_HEAD..).ok_or("an empty frame")?;
        if frame[4] == 0 {
            return Ok(Handshake::new(self.node.clone()).write(&mut self.out)?);
        }
        let (header, message) = header::split_payload(payload)?;
        if header != self.region && !self.learn(payload, header)? {
            return Ok(());
        }
        let learned = self.reply.as_ref().map(|reply| reply.from_end);
        if self.is_mute {
            return Ok(());
        }
        if let Some(digits) = find_digits(message, learned) {
            return self.answer(message, digits);
        }
        self.told += 1;
        Ok(())
    }

    fn answer(&mut self, message: &[u8], at: usize) -> Result<(), Failure> {
        let from_end = message.len() - at;
        let told = self.told;
        if !matches!(&self.reply, Some(reply) if reply.told == told && reply.from_end == from_end) {
            self.reply = Some(self.reply_to(message, at)?);
        }
        if let Some(reply) = &self.reply {
            let start = self.out.len() + reply.digits;
            self.out.extend_from_slice(&reply.frame);
            self.out[start..start + ASK_DIGITS].copy_from_slice(&message[at..at + ASK_DIGITS]);
        }
        Ok(())
    }

    /// Returns the reply to an ask whose digits are `at` in its message.
    fn reply_to(&self, message: &[u8], at: usize) -> Result<Reply, Failure> {
        let uri = memmem::rfind(&message[..at], b"casty://").ok_or("an ask without reference")?;
        let mut payload = Vec::new();
        Header {
            target: String::from_utf8_lossy(&message[uri..at + ASK_DIGITS]),
            sender: format!("casty://{SYSTEM}@{}/", self.node).into(),
            type_hint: "builtins.int".into(),
        }
        .write(&mut payload);
        self.codec.encode(&self.told, &mut payload)?;
        let mut frame = Vec::new();
        frame::write_frame(
            &mut frame,
            FrameKind::Message,
            &[&payload],
            DEFAULT_MAX_FRAME,
        )?;
        let path = memmem::find(&frame, ASK_PATH).ok_or("a reply without path")?;
        Ok(Reply {
            told: self.told,
            frame,
            digits: path + ASK_PATH.len(),
            from_end: message.len() - at,
        })
    }

    /// Reads a header that is not known. Whether it is one of envelopes, and known from now on.
    fn learn(&mut self, payload: &[u8], raw: &[u8]) -> Result<bool, Failure> {
        let (header, message) = Header::split(payload)?;
        let target = ActorUri::parse(&header.target)?;
        let region = target.path.strip_prefix(REGION_PATH);
        if region.is_some_and(|rest| rest.is_empty() || self.regions > 0) {
            raw.clone_into(&mut self.region);
            return Ok(true);
        }
        if header.type_hint == "casty.cluster.topology.SubscribeTopology" {
            let subscribe: SubscribeTopology = self.codec.decode(message, &Limits::default())?;
            self.snapshot(&subscribe)?;
        }
        Ok(false)
    }

    fn snapshot(&mut self, subscribe: &SubscribeTopology) -> Result<(), Failure> {
        let mut payload = Vec::new();
        Header {
            target: subscribe.reply_to.uri().into(),
            sender: format!("casty://{SYSTEM}@{}/", self.node).into(),
            type_hint: "casty.cluster.topology.TopologySnapshot".into(),
        }
        .write(&mut payload);
        let mut view = view(&self.node, SHARDS);
        view.members.0.extend(self.others.iter().map(member));
        if let Some(shards) = view.shard_allocations.get(REGION).cloned() {
            let more = (0..self.regions).map(|number| (region(number).into(), shards.clone()));
            view.shard_allocations.extend(more);
        }
        self.codec.encode(&view, &mut payload)?;
        let max = DEFAULT_MAX_FRAME;
        frame::write_frame(&mut self.out, FrameKind::Message, &[&payload], max)?;
        Ok(())
    }
}

/// Returns the view of a cluster of one node that owns all shards of the region.
pub fn view(node: &NodeAddress, shards: u32) -> TopologySnapshot {
    let allocation = ShardAllocation {
        primary: node.clone(),
        replicas: Tuple::default(),
    };
    let shards = (0..shards)
        .map(|shard| (shard, allocation.clone()))
        .collect();
    TopologySnapshot {
        members: FrozenSet(vec![member(node)]),
        leader: Some(node.clone()),
        shard_allocations: [(REGION.into(), shards)].into(),
        allocation_epoch: 1,
        ..TopologySnapshot::default()
    }
}

fn member(node: &NodeAddress) -> Member {
    Member {
        address: node.clone(),
        status: MemberStatus::Up,
        roles: FrozenSet::default(),
        id: "bench-node".into(),
    }
}

/// Returns the offset of an ask's digits: as far from the end as last time, or wherever its path
/// is.
fn find_digits(message: &[u8], from_end: Option<usize>) -> Option<usize> {
    let learned = from_end.and_then(|from_end| message.len().checked_sub(from_end));
    if let Some(at) = learned
        && message[..at].ends_with(ASK_PATH)
    {
        return Some(at);
    }
    let at = memmem::find(message, ASK_PATH)? + ASK_PATH.len();
    (message.len() >= at + ASK_DIGITS).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Frames;

    #[test]
    fn it_counts_what_it_is_told_and_answers_each_ask_with_the_count() {
        let node = NodeAddress::new("127.0.0.1", 9);
        let client = NodeAddress::new("127.3.4.5", 0);
        for codec in [Codec::json(), Codec::msgpack(), Codec::pickle()] {
            let frames = Frames::new(codec, &node, &client).unwrap();
            let mut link = Link::new(node.clone(), codec);
            let mut ask = Vec::new();
            let mut asked = 0;
            for told in [0, 0, 1, 300] {
                while link.told < told {
                    link.frame(&frames.tell).unwrap();
                }
                asked += 1;
                ask.clear();
                frames.write_ask(asked, &mut ask);
                link.frame(&ask).unwrap();
                let (header, message) = Header::split(&link.out[FRAME_HEAD..]).unwrap();
                let uri = format!("casty://bench-client@127.3.4.5:0/_ask/{asked:08x}");
                assert_eq!(header.target, uri + &"0".repeat(24));
                let count: u64 = codec.decode(message, &Limits::default()).unwrap();
                assert_eq!(count, told);
                link.out.clear();
            }
        }
    }
}
