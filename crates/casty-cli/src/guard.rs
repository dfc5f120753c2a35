//! `casty guard`: a member that hosts nothing, and keeps the dead members of its cluster dead.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use casty_client::casty_routing::membership::Healing;
use casty_client::{AddressError, AddressMap, ClientConfig, NodeAddress, TransportConfig};
use casty_proto::Listed;
use casty_testkit::{Cluster, MembershipOptions};
use casty_transport::Advertised;
use clap::Args;

use crate::args::cluster::Wire;
use crate::error::CommandError;
use crate::output::{is_json, reader_gone};
use crate::signals::interrupt;

mod address;
mod events;
mod refused;
mod report;
mod standing;
mod watch;

use refused::cannot_listen;
use report::Report;
use standing::ROLE;
use watch::Watch;

/// The time for which the changes that a silent member makes must have stopped, with `--healing stillness`: a
/// member that lives changes something in each round of gossip, a second, and others tell of it in the next.
const STILL: Duration = Duration::from_millis(2_500);

const EXAMPLES: &str = "\
Nodes of casty 0.21.0 declare a dead member dead, and call it up again as soon as two of them have
changed something at the same time. A guard is one more member, which never forgets that: the dead
stay dead until they answer or join again. It hosts no shards, services or singletons. One in a
cluster is enough, a second one covers the death of the first.

It must never lead, so it announces a name that sorts behind those of all nodes: the lowest leads,
by letters, and digits come before letters. If a node that sorts behind it is up, it says so, leaves
and exits with 1. Nodes dial it, too, by that name and --port. With TLS and QUIC its certificate
is shown to those that it dials and to those that dial it, and must be one for that name.

It asks its seeds each second until one has taken it in, and begins anew when all nodes are dead.
Prints what happens, one event a line. An interrupt has it leave in order, and it exits with 0; a
second one ends it at once, with 130.

Broadcast asks of Python nodes wait for an answer of each member that is up, and so time out in a
cluster with a guard. docs/guard.md tells what else a guard does to a cluster, and cannot do.

Examples:
  casty guard --system my-cluster --seed 10.0.1.10:25520 \\
      --seed 10.0.1.11:25520 --advertise guard-1.internal
  casty guard --system my-cluster --seed 10.0.1.10:25520 \\
      --advertise guard-1.internal --healing silence --json
  casty guard --system my-cluster --seed 10.0.1.10:25520 \\
      --advertise guard-1.internal --transport tls --tls-ca certs/ca.crt \\
      --tls-cert guard-1/node.crt --tls-key guard-1/node.key";

/// The help of `--config`, of which a guard takes what concerns nodes.
const CONFIG: &str = "Settings of a client as TOML, of which those count that are listed here. The \
    environment (CASTY_CONTACT_POINTS and so on) overrides it, and flags override both";

/// The arguments of `casty guard`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("config", |arg| arg.help(CONFIG)))]
pub(crate) struct GuardArgs {
    /// A node that is asked to take the guard in; several are better, and none is a guard (may be
    /// repeated) [env: CASTY_CONTACT_POINTS].
    #[arg(long = "seed", value_name = "HOST:PORT", value_delimiter = ',')]
    seeds: Vec<NodeAddress>,
    /// The name by which nodes know and dial the guard, which sorts behind all of theirs
    /// [default: this machine's name, if that begins with a letter].
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// The port to listen at, and to announce; 0 is a free one.
    #[arg(long, value_name = "PORT", default_value_t = 25520)]
    port: u16,
    /// The address of this machine to listen at.
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    listen: IpAddr,
    /// The evidence by which a member is dead for all: it does not answer the guard, and has changed
    /// nothing for 2.5 s that others gossip; or its silence alone, which is 2 s faster, and a mistake
    /// where the guard alone cannot reach it.
    #[arg(long, value_name = "EVIDENCE", value_parser = ["silence", "stillness"], default_value = "stillness")]
    healing: String,
    #[command(flatten)]
    wire: Wire,
}

/// Takes part in the cluster until it is interrupted, or must not go on.
pub(crate) async fn run(args: &GuardArgs) -> Result<(), CommandError> {
    let config = args.wire.config(("--seed", &args.seeds))?;
    let seeds = config.contact_points().iter().map(|seed| seed.parse());
    let seeds: Result<Vec<NodeAddress>, AddressError> = seeds.collect();
    let seeds = seeds.map_err(|error| CommandError::Usage(error.into()))?;
    let me = address::choose(args.advertise.as_deref(), args.port, &seeds)?;
    let (options, events) = events::follow(args.options(&me, &seeds));
    let cluster = args.start(&config, me.clone(), options).await?;
    let me = cluster.address(0).unwrap_or(me);
    let report = Report::new(is_json());
    report.say(
        "listening",
        Some(&me),
        format_args!(
            "{me} listens at {}, and asks {} to take it in",
            NodeAddress::new(args.listen.to_string(), me.port()),
            Listed(&seeds, ", ")
        ),
    )?;
    let mut watch = Watch::new(&cluster, me, &seeds, (report, events));
    let ended = tokio::select! {
        failure = watch.run() => Err(failure),
        () = interrupt() => Ok(()),
        gone = reader_gone() => Err(gone),
    };
    tokio::select! {
        () = watch.leave() => ended,
        () = interrupt() => Err(CommandError::Interrupted),
    }
}

impl GuardArgs {
    fn options(&self, me: &NodeAddress, seeds: &[NodeAddress]) -> MembershipOptions {
        let healing = match &*self.healing {
            "silence" => Healing::Silence,
            _ => Healing::SilenceAndStillness(STILL),
        };
        MembershipOptions::new()
            .seeds(seeds.iter().cloned())
            .healing(healing)
            .roles([ROLE])
            .id(me.host())
    }

    /// Starts the guard, a cluster of one node.
    async fn start(
        &self,
        config: &ClientConfig,
        me: NodeAddress,
        options: MembershipOptions,
    ) -> Result<Cluster, CommandError> {
        let transport = config.to_transport()?.build();
        let listen = self.listen.to_string();
        let listens = AddressMap::function(move |at| NodeAddress::new(&*listen, at.port()));
        let transport = Advertised::new(transport, listens, config.to_address_map());
        let cluster = Cluster::builder(config.system_name().unwrap_or_default())
            .addresses([me])
            .codec(config.to_codec()?)
            .transport(TransportConfig::custom(Arc::new(transport)))
            .membership(options);
        cluster.start().await.map_err(cannot_listen)
    }
}
