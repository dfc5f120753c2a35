//! A member of a cluster of Casty's nodes, written in Rust.
//!
//! Nodes of casty 0.21.0, in Python, take it in as one of theirs: it gossips, answers heartbeats, hosts shards
//! of the region `counter`, and leaves in order at SIGINT and SIGTERM. Clients of either language find its
//! entities as they find all others. It is a cluster of casty-testkit with one node, and
//! [`MembershipOptions`] that name the nodes outside of this process.
//!
//! # What a Rust member breaks
//!
//! Nodes of Python take for granted that each of them runs all actors. Of what this one does not run:
//!
//! - **a singleton** ends, for the whole cluster, as soon as this member **leads**: the leader of before stops its
//!   actor, and all pass messages for it on to a node that has none. As a follower this member does no harm.
//! - **a broadcast** that is asked waits for an answer of each member, and times out on every node, whoever
//!   leads. One that is told only misses this member.
//!
//! So a Rust member either runs these actors as well, as this one does for the singleton `numbers` and the
//! broadcast `witness`, or never leads. The lowest address leads, as a text, in which digits stand before
//! letters: a member that advertises a host name (`--advertise rust-1:25520`) stands behind all that advertise
//! IP addresses. It leads if nobody else is left; nothing helps against broadcasts but to run them.
//!
//! Regions that it does not host, structures and barriers work with it, also if it leads.

use std::fmt::Display;
use std::future::pending;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use casty_proto::Chain;
use casty_routing::membership::MembershipEvent;
use casty_testkit::{Cluster, MembershipOptions};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};

mod actors;
mod options;

use actors::{Counter, Numbers, WitnessMessage, witness};
use options::{Failure, Options};

/// One thread: entities that only count are done at once, and no lock is waited for.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&Chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Starts the member, and has it leave when the process is told to end.
async fn run(options: &Options) -> Result<(), Failure> {
    let joined = Arc::new(Notify::new());
    let cluster = start(options, Arc::clone(&joined)).await?;
    let address = cluster.contact_points().join("");
    let serving = async {
        println!("LISTENING {address}");
        if !options.seeds.is_empty() {
            joined.notified().await;
        }
        println!("READY {address}");
        pending::<()>().await;
    };
    tokio::select! {
        biased;
        told = told_to_end(options.attached) => told?,
        () = serving => {}
    }
    // The others know at once, and allocate its shards anew; without this they take seconds to notice.
    cluster.leave(0).await;
    cluster.stop().await;
    say(&"left");
    Ok(())
}

/// Starts the member, which asks its seeds to take it in until one has; `joined` is told when.
async fn start(options: &Options, joined: Arc<Notify>) -> Result<Cluster, Failure> {
    let membership = MembershipOptions::new()
        .seeds(options.seeds.iter().cloned())
        .id(&*options.id)
        .random_seed(u64::from(std::process::id()))
        .on_event(move |_, event| {
            say(event);
            if let MembershipEvent::Joined { .. } = event {
                joined.notify_one();
            }
        });
    let id: Arc<str> = options.id.as_str().into();
    let (of_counters, of_numbers, of_witness) = (Arc::clone(&id), Arc::clone(&id), id);
    let cluster = Cluster::builder(&options.system)
        .addresses([options.advertised().clone()])
        .transport(options.transport()?)
        .codec(options.codec()?)
        .region("counter", options.shards, move || {
            Counter::new(&of_counters)
        })
        .singleton("numbers", move || Numbers::new(&of_numbers))
        .broadcast("witness", move |message: WitnessMessage, context| {
            witness(&of_witness, &message, context);
        })
        .membership(membership);
    Ok(cluster.start().await?)
}

/// Waits until the process is told to end: by SIGINT or SIGTERM, or, if it is attached to the program that
/// started it, by the end of its standard input.
async fn told_to_end(attached: bool) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = input_ends(), if attached => {}
    }
    Ok(())
}

/// Waits for the end of standard input, which a thread of its own reads.
async fn input_ends() {
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        // An error is an end as well.
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        drop(end);
    });
    ended.await.ok();
}

/// Prints a line for people; nobody has to read it.
fn say(line: &dyn Display) {
    writeln!(io::stderr(), "{line}").ok();
}
