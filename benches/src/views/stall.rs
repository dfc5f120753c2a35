//! The time of a sender's tells, while views are taken in and while none is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use casty_client::{ClusterClient, Codec, EntityRef, TellError};
use casty_proto::frame::{self, FRAME_HEAD, FrameKind};
use casty_proto::handshake::Handshake;
use casty_proto::header::Header;
use casty_proto::message::SubscribeTopology;
use casty_proto::{Limits, NodeAddress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::{Form, Scale, region, snapshot_of};
use crate::Failure;
use crate::frames::{Increment, SYSTEM, next};
use casty_bench_harness::machine::processor_time;

/// The members that are there; each owns every second shard.
const NODES: u16 = 2;
/// The entities that are told in turn.
const ENTITIES: u32 = 4_096;
/// Bytes that a node reads at once, and the time that it then takes: less than the client can send, so
/// that outboxes are never empty. A tell into an empty one wakes the connection's task, which takes ten
/// times as long as the tell, and how many do that depends on whatever else runs.
const READ: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(1);

/// The views that nodes send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Views {
    /// None.
    None,
    /// One as soon as the other was taken in, in each of which every shard has moved.
    Moving,
    /// The same one four times a second, as nodes do.
    Same,
    /// The same one once.
    Once,
}

/// The tells of one phase.
#[derive(Debug, Clone, Default)]
pub struct Phase {
    /// The views that the client took in.
    pub views: u64,
    /// The durations of tells, in nanoseconds.
    pub tells: Vec<u64>,
    /// The processor time of the process, its nodes included.
    pub processor: Duration,
}

/// A client of nodes that send long views.
pub struct Stall {
    client: ClusterClient,
    entities: Arc<[EntityRef]>,
    sending: watch::Sender<Views>,
}

/// The orders of nodes.
#[derive(Clone)]
struct Orders {
    /// The views to send.
    sending: watch::Receiver<Views>,
    /// Changes with each view that the client has published.
    published: watch::Receiver<u64>,
}

/// The messages that a node has ready.
#[derive(Clone)]
struct Messages {
    codec: Codec,
    node: NodeAddress,
    /// Two views, encoded: in each every shard has another owner.
    views: Arc<[Vec<u8>; 2]>,
    orders: Orders,
}

impl Stall {
    /// Starts nodes, in a thread of their own, and a client of theirs that has the first view.
    ///
    /// # Errors
    /// They cannot be connected.
    pub async fn begin(mut scale: Scale, form: Form) -> Result<Self, Failure> {
        scale.members = NODES;
        let (sending, wanted) = watch::channel(Views::None);
        let (publish, published) = watch::channel(0);
        let orders = Orders {
            sending: wanted,
            published,
        };
        let (told, listening) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            serve_all(runtime, scale, form, orders, told).ok();
        });
        let contact = listening.await?;
        let client = ClusterClient::builder(SYSTEM)
            .contact_point(contact.to_string())
            .codec(form.codec())
            .connect()
            .await?;
        client.ready(Duration::from_mins(1)).await?;
        let mut topology = client.topology();
        tokio::spawn(async move {
            while topology.changed().await.is_ok() {
                publish.send_modify(|views| *views += 1);
            }
        });
        let mut entities = Vec::new();
        for number in 0..ENTITIES {
            let region = client.entity_ref(&region(number % scale.regions), scale.shards)?;
            entities.push(region.entity(format!("entity-{number}")));
        }
        // Until all of them have a connected owner.
        for entity in &entities {
            entity.tell_wait(Increment { amount: 1 }).await?;
        }
        while client.stats().connections < u64::from(NODES) || client.stats().buffered > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self {
            client,
            entities: entities.into(),
            sending,
        })
    }

    /// Tells the entities in turn for `span`, and times each tell that is accepted at once, while the
    /// nodes send such views.
    ///
    /// # Errors
    /// A tell fails.
    pub async fn phase(&self, views: Views, span: Duration) -> Result<Phase, Failure> {
        self.sending.send_replace(views);
        let (before, cpu) = (self.client.stats().views, processor_time());
        let entities = Arc::clone(&self.entities);
        let telling = tokio::spawn(async move {
            let mut tells = Vec::with_capacity(1 << 22);
            let begun = Instant::now();
            for entity in entities.iter().cycle() {
                let at = Instant::now();
                if at.duration_since(begun) >= span {
                    break;
                }
                match entity.tell(Increment { amount: 5 }) {
                    Ok(()) => tells.push(nanos(at.elapsed())),
                    // What waits is written meanwhile.
                    Err(TellError::Busy { .. } | TellError::BufferFull) => {
                        entity.tell_wait(Increment { amount: 5 }).await?;
                    }
                    Err(error) => return Err(Failure::from(error)),
                }
            }
            Ok(tells)
        });
        let tells = telling.await??;
        let phase = Phase {
            views: self.client.stats().views - before,
            tells,
            processor: processor_time().saturating_sub(cpu),
        };
        self.sending.send_replace(Views::None);
        Ok(phase)
    }

    /// Waits until no view is on its way, and none will be asked for in the next three seconds.
    pub async fn settle(&self) {
        let views = || self.client.stats().views;
        let mut before = u64::MAX;
        while before != views() {
            before = views();
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
        self.sending.send_replace(Views::Once);
        while before == views() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Serves all nodes until the process ends.
fn serve_all(
    mut runtime: tokio::runtime::Builder,
    scale: Scale,
    form: Form,
    orders: Orders,
    told: tokio::sync::oneshot::Sender<NodeAddress>,
) -> Result<(), Failure> {
    runtime.enable_all().build()?.block_on(async move {
        let mut listeners = Vec::new();
        for _ in 0..NODES {
            listeners.push(TcpListener::bind("127.0.0.1:0").await?);
        }
        let nodes = listeners.iter().map(|listener| {
            let address = listener.local_addr()?;
            Ok(NodeAddress::new(address.ip().to_string(), address.port()))
        });
        let nodes = nodes.collect::<Result<Vec<_>, std::io::Error>>()?;
        let view = |moved: bool| form.encode(&snapshot_of(&nodes, scale, |_, _| moved));
        let views = Arc::new([view(false)?, view(true)?]);
        told.send(nodes[0].clone()).ok();
        let mut serving = tokio::task::JoinSet::new();
        for (listener, node) in listeners.into_iter().zip(nodes) {
            let messages = Messages {
                codec: form.codec(),
                node,
                views: Arc::clone(&views),
                orders: orders.clone(),
            };
            serving.spawn(accept(listener, messages));
        }
        while serving.join_next().await.is_some() {}
        Ok(())
    })
}

/// Serves connections until the listener fails, one task each.
async fn accept(listener: TcpListener, messages: Messages) {
    while let Ok((stream, _)) = listener.accept().await {
        let messages = messages.clone();
        tokio::spawn(async move { messages.serve(stream).await.ok() });
    }
}

impl Messages {
    /// Serves one connection: takes in whatever comes, and sends views once they are asked for.
    async fn serve(self, stream: TcpStream) -> Result<(), Failure> {
        stream.set_nodelay(true)?;
        let (mut reading, mut writing) = stream.into_split();
        let mut buffer = BytesMut::with_capacity(READ);
        let mut handshake = Vec::new();
        Handshake::new(self.node.clone()).write(&mut handshake)?;
        writing.write_all(&handshake).await?;
        let (codec, (ask, asked)) = (self.codec, mpsc::unbounded_channel());
        tokio::spawn(self.send(asked, writing));
        loop {
            buffer.reserve(READ);
            let mut part = (&mut reading).take(READ as u64);
            if part.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            let mut taken = 0;
            while let Some(frame) = next(&buffer[taken..]) {
                taken += frame.len();
                if let Some(subscribe) = subscription(codec, frame) {
                    ask.send(subscribe)?;
                }
            }
            buffer.advance(taken);
        }
    }

    /// Sends the views that are asked for, and those that are wanted.
    async fn send(
        mut self,
        mut asked: mpsc::UnboundedReceiver<SubscribeTopology>,
        mut to: OwnedWriteHalf,
    ) -> Result<(), Failure> {
        let Some(mut subscribe) = asked.recv().await else {
            return Ok(());
        };
        let mut frames = self.frames(&subscribe)?;
        to.write_all(&frames[0]).await?;
        let mut turn = 0;
        loop {
            let wanted = *self.orders.sending.borrow_and_update();
            match wanted {
                Views::None => {}
                Views::Moving => {
                    turn = 1 - turn;
                    self.orders.published.mark_unchanged();
                    to.write_all(&frames[turn]).await?;
                }
                Views::Same | Views::Once => to.write_all(&frames[turn]).await?,
            }
            let pause = Duration::from_millis(250);
            tokio::select! {
                changed = self.orders.sending.changed() => changed?,
                published = self.orders.published.changed(), if wanted == Views::Moving => published?,
                () = tokio::time::sleep(pause), if wanted == Views::Same => {}
                Some(again) = asked.recv() => {
                    if again != subscribe {
                        frames = self.frames(&again)?;
                        subscribe = again;
                    }
                    to.write_all(&frames[turn]).await?;
                }
            }
        }
    }

    /// Returns the frames of the views for a subscription.
    fn frames(&self, asked: &SubscribeTopology) -> Result<[Vec<u8>; 2], Failure> {
        let mut header = Vec::new();
        Header {
            target: asked.reply_to.uri().into(),
            sender: format!("casty://{SYSTEM}@{}/", self.node).into(),
            type_hint: "casty.cluster.topology.TopologySnapshot".into(),
        }
        .write(&mut header);
        let frame = |view: &Vec<u8>| {
            let mut frame = Vec::new();
            let parts = [&header[..], view];
            frame::write_frame(&mut frame, FrameKind::Message, &parts, usize::MAX)?;
            Ok::<_, Failure>(frame)
        };
        Ok([frame(&self.views[0])?, frame(&self.views[1])?])
    }
}

/// Returns the subscription that a frame asks for.
fn subscription(codec: Codec, frame: &[u8]) -> Option<SubscribeTopology> {
    let payload = frame.get(FRAME_HEAD..)?;
    if frame.get(4) == Some(&0) {
        return None;
    }
    let (header, message) = Header::split(payload).ok()?;
    let asks = header.type_hint == "casty.cluster.topology.SubscribeTopology";
    let decode = |message| codec.decode(message, &Limits::default()).ok();
    Some(message).filter(|_| asks).and_then(decode)
}
