//! The commands for distributed structures, and what their arguments have in common.

use std::time::Duration;

use casty_client::{
    AcquireError, AskError, ClusterClient, Distributed, NotSent, ShardCounts, StructureError, Value,
};
use clap::Args;

use crate::args::cluster::Cluster;
use crate::error::{CommandError, chain};
use crate::message::Message;
use crate::session::Session;

pub(crate) mod barrier;
mod child;
pub(crate) mod counter;
pub(crate) mod hold;
pub(crate) mod map;
pub(crate) mod queue;
pub(crate) mod set;

/// The heading of what a command takes besides a [`Named`], which would else be that of the cluster.
const OWN: Option<&str> = None;

/// A structure, and the cluster that it is in.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The structure's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The number of shards that the nodes make the structure with, their `shards`
    /// [default: that of its region in CASTY_REGIONS or --config, else what nodes have by default: 100,
    /// and 10 for a barrier].
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=65_536),
        help_heading = "Cluster"
    )]
    shards: Option<u32>,
    /// Use it even if the cluster allocates shards that speak against that number.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

impl Named {
    /// Does `work` with the structures of the cluster, all within the command's time.
    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(Distributed) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let all = self.cluster.timeout();
        self.run_within(all.mul_f64(0.8), all, work).await
    }

    /// Does `work` with the structures of the cluster, each operation within some time, and all within
    /// another: a reply that does not come is told by the structure, which knows more about the reason.
    async fn run_within<T>(
        &self,
        within: Duration,
        all: Duration,
        work: impl AsyncFnOnce(Distributed) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let missing = format!("no reply from {:?}", self.name);
        let session = Session::new(&self.cluster, missing)?.within(Some(all));
        let ended = session.run(async |client| {
            client.topology().wait_for(|_| true).await?;
            work(self.structures(client, within)).await
        });
        ended.await?.outcome
    }

    /// Returns the structures as the arguments have them, each operation within some time.
    fn structures(&self, client: &ClusterClient, within: Duration) -> Distributed {
        let mut structures = client.distributed().within(within);
        if let Some(shards) = self.shards {
            structures = structures.shards(shards);
        }
        if self.force {
            structures = structures.shard_counts(ShardCounts::Lenient);
        }
        structures
    }
}

/// Reads a value that was typed.
fn value(text: &str) -> Result<Value, CommandError> {
    Ok(Message::tell(text)?)
}

/// Returns an argument that an action needs, and only it.
fn needed<'a, T>(
    given: Option<&'a T>,
    is_needed: bool,
    what: &str,
) -> Result<Option<&'a T>, CommandError> {
    let wrong = match (given.is_some(), is_needed) {
        (false, true) => format!("this needs {what}"),
        (true, false) => format!("this is done without {what}"),
        _ => return Ok(given),
    };
    Err(CommandError::Usage(wrong.into()))
}

impl From<StructureError> for CommandError {
    fn from(error: StructureError) -> Self {
        match error {
            StructureError::WrongShards { .. } => Self::because(format!(
                "{}: some program uses another number; is it this one? If not, --force",
                chain(&error)
            )),
            StructureError::NotHosted { .. }
            | StructureError::NoView { .. }
            | StructureError::Ask(
                AskError::Timeout { .. } | AskError::NotSent(NotSent::Expired(_)),
            ) => Self::NotInTime(error.into()),
            StructureError::NotReleased { ref source, .. }
                if matches!(**source, AskError::Timeout { .. }) =>
            {
                Self::NotInTime(error.into())
            }
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<AcquireError> for CommandError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Structure(error) => error.into(),
            _ => Self::Failed(error.into()),
        }
    }
}
