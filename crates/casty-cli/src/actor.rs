//! `casty ask --actor` and `casty tell --actor`: a message to the actor at a path of a node, of the
//! leader, or of all members.

use casty_client::{BoundRef, BroadcastTell, ClusterClient, NodeAddress, TellError, Value};
use casty_proto::{AddressError, Count};
use clap::Args;
use tokio::time::Instant;

use crate::error::{CommandError, chain};
use crate::fan_out::{self, Asked};
use crate::message::Message;
use crate::output::{print_error, print_reply};

/// The actor that is sent to in place of an entity.
#[derive(Debug, Args)]
#[command(next_help_heading = "Actor")]
#[group(skip)]
pub(crate) struct ActorArgs {
    /// Send to the actor at this path in place of an entity, such as worker or
    /// /_singleton-billing; on the node that the next flags tell.
    #[arg(long, value_name = "PATH", requires = "where")]
    pub(crate) actor: Option<String>,
    /// The node, by the address that casty topology shows.
    #[arg(
        long,
        value_name = "HOST:PORT",
        group = "where",
        requires = "actor",
        value_parser = NodeAddress::from_shown
    )]
    pub(crate) node: Option<NodeAddress>,
    /// The node that leads, for singletons.
    #[arg(long, group = "where", requires = "actor")]
    pub(crate) leader: bool,
    /// All members that are up, for broadcasts.
    #[arg(long, group = "where", requires = "actor")]
    pub(crate) all: bool,
}

impl ActorArgs {
    /// Returns the actor, if one is named.
    pub(crate) fn target(&self) -> Option<ActorTarget<'_>> {
        let path = self.actor.as_deref()?;
        let place = match &self.node {
            Some(node) => Place::Node(node),
            None if self.all => Place::All,
            None => Place::Leader,
        };
        Some(ActorTarget { path, place })
    }
}

/// An actor by its path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActorTarget<'a> {
    path: &'a str,
    place: Place<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Node(&'a NodeAddress),
    Leader,
    All,
}

impl ActorTarget<'_> {
    /// Returns the words for a reply that does not come.
    pub(crate) fn missing(&self) -> String {
        match self.place {
            Place::Node(node) => format!("no reply from {:?} of {node}", self.path),
            Place::Leader => format!("no reply from {:?} of the leader", self.path),
            Place::All => format!("not all replied from {:?}", self.path),
        }
    }

    /// Asks it, and prints the reply; of several, each with its node.
    pub(crate) async fn ask(
        &self,
        client: &ClusterClient,
        message: &Message,
        until: Instant,
    ) -> Result<(), CommandError> {
        client.topology().wait_for(|_| true).await?;
        let actor: BoundRef<Value> = match self.place {
            Place::Node(node) => client.actor_on(node, self.path)?,
            Place::Leader => {
                let actor = client.actor_on_leader(self.path)?;
                let left = until.saturating_duration_since(Instant::now());
                actor.wait_for_leader(left).await?;
                actor.now()?
            }
            Place::All => {
                let all = client.actor_on_all::<Value>(self.path)?;
                let members = all.members();
                if members.is_empty() {
                    return Err(TellError::NoMember.into());
                }
                let asked = members.into_iter().map(|node| Asked {
                    actor: all.on(&node),
                    node,
                });
                return fan_out::ask(asked, message, until).await;
            }
        };
        let asked = actor.ask(|reply_to| message.answered_to(&reply_to));
        print_reply(&asked.await?)
    }

    /// Sends it a message.
    pub(crate) async fn tell(
        &self,
        client: &ClusterClient,
        message: Value,
    ) -> Result<(), CommandError> {
        client.topology().wait_for(|_| true).await?;
        match self.place {
            Place::Node(node) => {
                let actor = client.actor_on(node, self.path)?;
                actor.tell_wait(message).await?;
            }
            Place::Leader => {
                let actor = client.actor_on_leader(self.path)?;
                actor.tell_wait(message).await?;
            }
            Place::All => {
                let told = client.actor_on_all(self.path)?.tell(message)?;
                return refused(&told);
            }
        }
        Ok(())
    }
}

/// Prints the members that refused a message.
///
/// # Errors
/// There is one.
fn refused(told: &BroadcastTell) -> Result<(), CommandError> {
    for (node, error) in &told.refused {
        print_error(format_args!("{node}: {}", chain(error)));
    }
    match told.refused.len() {
        0 => Ok(()),
        count => {
            let what = format!("not sent to {}", Count(count, "member"));
            Err(CommandError::because(what))
        }
    }
}

impl From<AddressError> for CommandError {
    fn from(error: AddressError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<TellError> for CommandError {
    fn from(error: TellError) -> Self {
        Self::Failed(error.into())
    }
}
