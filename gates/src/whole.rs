//! The whole client, as a program uses it, connected to the node of this process.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use casty_benches::frames::{GetCount, Increment, REGION, SHARDS, SYSTEM, entity};
use casty_client::{AskError, ClusterClient, Codec, EntityRef, TransportConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio_stream::StreamExt;

use crate::Failure;
use crate::meter::LeaveOut;
use crate::node::{Node, ToNode};

/// A client, and the thread's runtime, whose clock stands still.
pub(crate) struct Whole {
    runtime: Runtime,
    client: ClusterClient,
    node: Arc<Node>,
    entities: Vec<EntityRef>,
}

/// An ask that was sent.
type Asked<'a> = Pin<Box<dyn Future<Output = Result<i64, AskError>> + 'a>>;

/// The task that tells, and then asks how many messages were told.
type Told = JoinHandle<Result<i64, Failure>>;

impl Whole {
    pub(crate) fn connect(codec: Codec, leave_out: LeaveOut) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let node = Node::new(codec, leave_out);
        let (client, entities) = runtime.block_on(async {
            let transport = TransportConfig::custom(Arc::new(ToNode(Arc::clone(&node))));
            let client = ClusterClient::builder(SYSTEM)
                .contact_point("127.0.0.1:25520")
                // Of the usual length, and always the same: frames hold it.
                .client_host("239.201.170.93")
                .client_port(40123)
                .codec(codec)
                .transport(transport)
                .connect()
                .await?;
            client.ready(Duration::from_secs(5)).await?;
            let region = client.region(REGION, SHARDS)?;
            let entities: Vec<_> = (0..100).map(|it| region.entity(entity(it))).collect();
            // From here on nothing ticks: how often would be a matter of the machine's speed. Not
            // before, or the client would take the time for a simulated one, and look at it otherwise.
            tokio::time::pause();
            Ok::<_, Failure>((client, entities))
        })?;
        Ok(Self {
            runtime,
            client,
            node,
            entities,
        })
    }

    /// Has one task tell so many messages to entities in turn, until the node has counted them all.
    pub(crate) fn tell(&self, messages: u32) -> Result<(), Failure> {
        let entities = self.entities.clone();
        let told = self.runtime.spawn(async move {
            for entity in entities.iter().cycle().take(messages as usize) {
                entity.tell_wait(Increment { amount: 5 }).await?;
            }
            Ok(count(&entities[0]).await?)
        });
        self.counted(messages, told)
    }

    /// Has one task tell so many messages in one call, until the node has counted them all.
    pub(crate) fn tell_all(&self, messages: u32) -> Result<(), Failure> {
        let entities = self.entities.clone();
        let told = self.runtime.spawn(async move {
            let turns = 0..messages as usize;
            let all = turns.map(|turn| (&entities[turn % 100], Increment { amount: 5 }));
            entities[0].region().tell_all_wait(all).await.all()?;
            Ok(count(&entities[0]).await?)
        });
        self.counted(messages, told)
    }

    fn counted(&self, messages: u32, told: Told) -> Result<(), Failure> {
        let told = self.runtime.block_on(told)??;
        if told == i64::from(messages) {
            Ok(())
        } else {
            Err(format!("{told} of {messages} tells were counted").into())
        }
    }

    /// Has tasks ask, each an entity and again and again, until there were so many asks.
    pub(crate) fn ask(&self, messages: u32, tasks: u32) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let mut asking = JoinSet::new();
            for task in 0..tasks {
                let entity = self.entities[task as usize % self.entities.len()].clone();
                asking.spawn(async move {
                    for _ in 0..messages / tasks {
                        count(&entity).await?;
                    }
                    Ok::<_, AskError>(())
                });
            }
            while let Some(one) = asking.join_next().await {
                one??;
            }
            Ok(())
        })
    }

    /// Has one task ask so many times in one call, with so many asks in flight.
    pub(crate) fn ask_many(&self, messages: u32, window: usize) -> Result<(), Failure> {
        let entities = self.entities.clone();
        let asking = self.runtime.spawn(async move {
            let ask = |turn, reply_to| (&entities[turn % 100], GetCount { reply_to });
            let (region, turns) = (entities[0].region(), 0..messages as usize);
            let mut replies = region.ask_many::<i64, _, _, _, _>(window, turns, ask);
            while let Some((_, reply)) = replies.next().await {
                reply?;
            }
            Ok::<_, AskError>(())
        });
        Ok(self.runtime.block_on(asking)??)
    }

    /// Sends so many asks, whose replies the node keeps back.
    pub(crate) fn send_asks(&self, asks: usize) -> Result<Vec<Asked<'_>>, Failure> {
        self.node.hold();
        let taken = self.node.taken() + asks;
        self.runtime.block_on(async {
            let mut asked = Vec::new();
            for entity in self.entities.iter().take(asks) {
                let mut ask: Asked<'_> = Box::pin(count(entity));
                if poll(&mut ask).is_some() {
                    return Err("an ask ended without a reply".into());
                }
                asked.push(ask);
            }
            while self.node.taken() < taken {
                yield_now().await;
            }
            Ok(asked)
        })
    }

    /// Lets the replies go, until all are read and matched to their asks.
    pub(crate) fn read_replies(&self) {
        self.node.release();
        self.runtime.block_on(async {
            while self.node.is_unread() {
                yield_now().await;
            }
        });
    }

    /// Takes the replies of asks that were matched to theirs.
    pub(crate) fn take_replies(&self, mut asked: Vec<Asked<'_>>) -> Result<(), Failure> {
        self.runtime.block_on(async {
            for ask in &mut asked {
                poll(ask).ok_or("an ask has no reply")??;
            }
            Ok(())
        })
    }

    /// Ends the client in order.
    pub(crate) fn close(self) -> Result<(), Failure> {
        let closing = self.client.close(Duration::from_secs(1));
        let report = self.runtime.block_on(closing);
        if report.drained && report.stats.late_replies == 0 {
            Ok(())
        } else {
            Err(format!("the client did not end in order: {report:?}").into())
        }
    }
}

async fn count(entity: &EntityRef) -> Result<i64, AskError> {
    entity.ask(|reply_to| GetCount { reply_to }).await
}

/// Polls an ask for a task that does nothing when it is woken.
fn poll(ask: &mut Asked<'_>) -> Option<Result<i64, AskError>> {
    let mut cx = Context::from_waker(Waker::noop());
    match ask.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(outcome) => Some(outcome),
        std::task::Poll::Pending => None,
    }
}
