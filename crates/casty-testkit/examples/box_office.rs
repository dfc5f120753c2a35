//! A service of one's own in worlds that go wrong: no seat is ever sold twice, and all customers
//! are answered once the faults are over.
//!
//! Runs a hundred worlds in virtual time, which takes seconds:
//! `cargo run -p casty-testkit --features sim --example box_office`. With `CASTY_SIM_SEED=7` in the environment it
//! runs that world alone and prints its whole log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use casty_client::{ActorRef, RegionRef};
use casty_testkit::sim::{self, Fault, World};
use casty_testkit::{Cluster, ClusterBuilder, Context, stateful};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::timeout;

const SHARDS: u32 = 20;
const SEATS: usize = 12;
const CUSTOMERS: usize = 6;

/// The entity of a seat is asked for it, and answers whose it is then.
#[derive(Serialize, Deserialize)]
#[serde(rename = "theatre.Reserve")]
struct Reserve {
    customer: String,
    reply_to: ActorRef<String>,
}

/// The database behind the entities: what is lost with a node is read from it again.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<BTreeMap<String, String>>>);

impl Database {
    /// Sells a seat unless it is sold; tells whose it is. While views differ, two nodes may each
    /// have an entity for one seat, so it is decided here and not there.
    fn sell(&self, seat: &str, customer: String) -> String {
        let mut sold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sold.entry(seat.to_owned()).or_insert(customer).clone()
    }
}

/// Configures the nodes, as the test plays them: three, which take a second to notice that one is dead.
fn theatre(database: &Database) -> ClusterBuilder {
    let database = database.clone();
    let seat = move |owner: &mut Option<String>, message: Reserve, context: &mut Context<'_>| {
        let Reserve { customer, reply_to } = message;
        let owner = owner.get_or_insert_with(|| database.sell(context.entity_id(), customer));
        context.reply(&reply_to, owner);
    };
    Cluster::builder("theatre")
        .detection(Duration::from_secs(1))
        .region("seat", SHARDS, stateful(|| None, seat))
}

/// The service that is tested: code as it runs in production.
struct BoxOffice {
    seats: RegionRef,
}

impl BoxOffice {
    /// Reserves a seat. Tells whether the customer has it, now or from an earlier call. To ask
    /// again does no harm, so it goes on until there is an answer.
    async fn reserve(&self, seat: &str, customer: &str) -> bool {
        loop {
            let seat = self.seats.entity(seat);
            let customer = customer.to_owned();
            let ask = seat.ask::<_, String>(|reply_to| Reserve {
                customer: customer.clone(),
                reply_to,
            });
            match ask.within(Duration::from_secs(3)).idempotent().await {
                Ok(owner) => return owner == customer,
                // A program would log it.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Plays one world: customers who want any seats at the same time, and everything goes wrong.
async fn evening(world: World) {
    let database = Database::default();
    if let Err(error) = world.start(theatre(&database)).await {
        return world.report(format!("no theatre: {error}"));
    }
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let (world, database) = (world.clone(), database.clone());
        customers.spawn(async move {
            if let Err(error) = buy(&world, &database, number).await {
                world.report(format!("customer {number}: {error}"));
            }
        });
    }
    world.chaos(Fault::ALL, Duration::from_secs(8)).await;
    // All faults are over: nobody may wait for long any more.
    let all = async { while customers.join_next().await.is_some() {} };
    if timeout(Duration::from_secs(20), all).await.is_err() {
        world.report("customers are left without an answer");
    }
    customers.shutdown().await;
}

/// Buys seats as one customer does, and checks what has to hold.
async fn buy(world: &World, database: &Database, number: usize) -> Result<(), String> {
    let client = world.connect_by_name(|builder| builder).await;
    let client = client.map_err(|error| error.to_string())?;
    let seats = client.entity_ref("seat", SHARDS);
    let seats = seats.map_err(|error| error.to_string())?;
    let (office, customer) = (BoxOffice { seats }, format!("customer-{number}"));
    for _ in 0..8 {
        // The seed decides, so that a seed that fails fails again.
        let seat = format!("seat-{}", world.random_below(SEATS));
        let has_it = office.reserve(&seat, &customer).await;
        world.log(format_args!("{customer} has {seat}: {has_it}"));
        let owner = database.sell(&seat, String::from("nobody"));
        if has_it != (owner == customer) {
            return Err(format!("told {has_it} of {seat}, which is {owner}'s"));
        }
        tokio::time::sleep(world.random_time(0..2_000)).await;
    }
    Ok(())
}

fn main() {
    sim::seeds(0..100, evening); // panics with the seed that fails
    println!("no seat was sold twice");
}
