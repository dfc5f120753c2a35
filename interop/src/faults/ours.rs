//! The Rust client under orders, in a process of its own; `python/client.py` is its like.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use casty_client::{
    AddressMap, AskError, ClusterClient, EntityRef, Fate, NodeAddress, RegionRef, View,
};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::order::{Answer, Asked, Burst, Connect, Known, Order, REGION, Records, Seen, now};
use crate::app::{Append, GetNode};
use crate::clients::close;
use crate::error::Failure;

/// Obeys orders from standard input until that closes.
///
/// # Errors
/// Standard input or output failed.
pub async fn obey() -> Result<(), Failure> {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut ours = Ours::default();
    while let Some(line) = orders.next_line().await? {
        let answer = match ours.carry_out(serde_json::from_str(&line)?).await {
            Ok(done) => Answer::Done(done),
            Err(failure) => Answer::Failed(failure.to_string()),
        };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}

#[derive(Default)]
struct Ours {
    clients: Vec<ClusterClient>,
    regions: Vec<RegionRef>,
    seen: Arc<Mutex<Vec<Seen>>>,
    letters: Arc<Letters>,
    loads: HashMap<String, Load>,
}

/// Dead letters that were no asks.
#[derive(Default)]
struct Letters {
    not_sent: AtomicUsize,
    unknown: AtomicUsize,
}

struct Load {
    running: JoinHandle<()>,
    records: Arc<Mutex<Records>>,
}

impl Ours {
    async fn carry_out(&mut self, order: Order) -> Result<Value, Failure> {
        match order {
            Order::Connect(connect) => done(&self.connect(connect).await?),
            Order::Ask {
                load,
                entities,
                every,
                timeout,
            } => {
                let region = self.region(0)?;
                let entities: Vec<_> = entities.into_iter().map(|id| region.entity(id)).collect();
                let records = Arc::default();
                let asking = ask(entities, (every, timeout), Arc::clone(&records));
                self.begin(load, asking, records);
                done(&())
            }
            Order::Tell {
                load,
                entity,
                every,
            } => {
                let entity = self.region(0)?.entity(entity);
                let records = Arc::default();
                let telling = tell(entity, every, Arc::clone(&records));
                self.begin(load, telling, records);
                done(&())
            }
            Order::Stop { load } => {
                let load = self.loads.remove(&load).ok_or("there is no such load")?;
                load.running.abort();
                load.running.await.ok();
                done(&*load.records.lock())
            }
            Order::Views => done(&*self.seen.lock()),
            Order::Burst { asks, timeout } => done(&self.burst(asks, timeout).await),
            Order::Close => done(&self.close().await?),
        }
    }

    async fn connect(&mut self, connect: Connect) -> Result<Option<f64>, Failure> {
        let mut table = HashMap::new();
        for (canonical, dialled) in connect.map {
            table.insert(canonical.parse::<NodeAddress>()?, dialled.parse()?);
        }
        let begun = Instant::now();
        for _ in 0..connect.clients {
            let letters = Arc::clone(&self.letters);
            let client = ClusterClient::builder(&connect.system)
                .contact_points(&connect.contacts)
                .address_map(AddressMap::table(table.clone()))
                .on_dead_letter(move |letter| {
                    let count = match letter.fate() {
                        _ if letter.ask => return,
                        Fate::Unknown => &letters.unknown,
                        _ => &letters.not_sent,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                });
            let client = client.connect().await?;
            self.regions
                .push(client.entity_ref(REGION, connect.shards)?);
            self.clients.push(client);
        }
        if let Some(client) = self.clients.first() {
            tokio::spawn(watch(client.clone(), Arc::clone(&self.seen)));
        }
        for client in &self.clients {
            if client
                .ready(connect.within.saturating_sub(begun.elapsed()))
                .await
                .is_err()
            {
                return Ok(None);
            }
        }
        Ok(Some(begun.elapsed().as_secs_f64()))
    }

    fn region(&self, client: usize) -> Result<&RegionRef, Failure> {
        Ok(self.regions.get(client).ok_or("not connected")?)
    }

    fn begin(
        &mut self,
        load: String,
        run: impl Future<Output = ()> + Send + 'static,
        records: Arc<Mutex<Records>>,
    ) {
        let running = tokio::spawn(run);
        self.loads.insert(load, Load { running, records });
    }

    async fn burst(&self, asks: usize, timeout: Duration) -> Burst {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for region in &self.regions {
            for number in 0..asks {
                let entity = region.entity(format!("burst-{number}"));
                running.spawn(async move { asked(&entity, timeout).await });
            }
        }
        let mut burst = Burst::default();
        for outcome in running.join_all().await {
            match outcome {
                Ok(_) => burst.answered += 1,
                Err(error) => *burst.failed.entry(error.to_string()).or_default() += 1,
            }
        }
        burst.took = begun.elapsed().as_secs_f64();
        burst
    }

    async fn close(&mut self) -> Result<Known, Failure> {
        for load in self.loads.values() {
            load.running.abort();
        }
        let mut known = Known::default();
        for client in self.clients.drain(..) {
            let stats = close(&client).await?.stats;
            known.accepted += stats.accepted;
            known.written += stats.written;
            known.not_sent += stats.not_sent;
            known.unknown += stats.unknown;
        }
        known.tells_not_sent = self.letters.not_sent.load(Ordering::Relaxed);
        known.tells_unknown = self.letters.unknown.load(Ordering::Relaxed);
        Ok(known)
    }
}

fn done(answer: &impl Serialize) -> Result<Value, Failure> {
    Ok(serde_json::to_value(answer)?)
}

/// The interval between looks at whether a view came. The stream of views leaves out those that say
/// nothing new.
const LOOK: Duration = Duration::from_millis(2);

/// Notes every view.
async fn watch(client: ClusterClient, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut ticks = ticks(LOOK);
    let mut views = 0;
    loop {
        ticks.tick().await;
        let count = client.stats().views;
        if let Some(view) = client.topology().current().filter(|_| count > views) {
            views = count;
            seen.lock().push(look_at(&view));
        }
    }
}

fn look_at(view: &View) -> Seen {
    let mut owned = BTreeMap::new();
    for allocation in view.allocations(REGION).into_iter().flatten() {
        *owned.entry(allocation.1.primary.to_string()).or_default() += 1;
    }
    let live = view.live_members().map(|member| member.address.to_string());
    Seen {
        at: now(),
        live: live.collect(),
        owned,
    }
}

/// Asks one after another without end; what is under way ends with it.
async fn ask(
    entities: Vec<EntityRef>,
    (every, timeout): (Duration, Duration),
    records: Arc<Mutex<Records>>,
) {
    let mut under_way = JoinSet::new();
    let mut ticks = ticks(every);
    for (number, entity) in entities.iter().cycle().enumerate() {
        ticks.tick().await;
        records.lock().asks.push(Asked(now(), None));
        let (entity, records) = (entity.clone(), Arc::clone(&records));
        under_way.spawn(async move {
            let took = asked(&entity, timeout).await.ok();
            if let Some(record) = records.lock().asks.get_mut(number) {
                record.1 = took.map(|took| took.as_secs_f64());
            }
        });
        while under_way.try_join_next().is_some() {}
    }
}

/// Asks the entity until it answers, and returns the time that this took.
async fn asked(entity: &EntityRef, timeout: Duration) -> Result<Duration, AskError> {
    let begun = Instant::now();
    let ask = entity.ask::<_, String>(|reply_to| GetNode { reply_to });
    ask.within(timeout).await.map(|_| begun.elapsed())
}

/// Tells one number after another without end. One that is not accepted would be missed by the
/// entity and by nobody else, so the load ends with it.
async fn tell(entity: EntityRef, every: Duration, records: Arc<Mutex<Records>>) {
    let mut ticks = ticks(every);
    for number in 0.. {
        ticks.tick().await;
        let at = now();
        if let Err(refused) = entity.tell(Append { number }) {
            eprintln!("number {number} was refused: {refused}");
            return;
        }
        records.lock().tells.push(at);
    }
}

/// Returns an interval that makes up for missed ticks at once.
fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}
