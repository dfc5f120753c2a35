//! `casty lookup`: the instances of a service.

use casty_client::{ClusterClient, Listing, ServiceKey, Value};
use serde_json::json;

use crate::args::Lookup;
use crate::ask::print_reply;
use crate::error::CommandError;
use crate::message::Message;
use crate::output::{print, print_json};
use crate::session::Session;

/// Lists the instances on live nodes, or asks the first one.
pub(crate) async fn run(args: &Lookup) -> Result<(), CommandError> {
    let message = args.ask.as_deref().map(Message::ask).transpose()?;
    let missing = format!("no reply from an instance of {:?}", args.key);
    let session = Session::new(&args.cluster, missing)?;
    let ended = session.run(async |client| {
        client.topology().wait_for(|_| true).await?;
        let listing = client.lookup(&ServiceKey::<Value>::new(&*args.key));
        match &message {
            Some(message) => ask_first(client, &listing, message).await,
            None => list(&listing, args.json),
        }
    });
    ended.await?.outcome
}

/// Asks the first instance, and prints its reply.
async fn ask_first(
    client: &ClusterClient,
    listing: &Listing<Value>,
    message: &Message,
) -> Result<(), CommandError> {
    let first = listing
        .instances
        .first()
        .ok_or_else(|| no_instance(listing))?;
    let asked = client.ask(&first.actor, |reply_to| message.answered_to(&reply_to));
    print_reply(&asked.await?)
}

/// Prints the instances.
fn list(listing: &Listing<Value>, as_json: bool) -> Result<(), CommandError> {
    let instances = &listing.instances;
    if as_json {
        let all = instances
            .iter()
            .map(|instance| json!({ "uri": instance.actor.uri(), "node": instance.node.to_raw() }));
        print_json(all.collect::<serde_json::Value>())?;
    } else {
        instances
            .iter()
            .try_for_each(|instance| print(instance.actor.uri()))?;
    }
    if instances.is_empty() {
        return Err(no_instance(listing));
    }
    Ok(())
}

/// Makes the error of a service without instances.
fn no_instance(listing: &Listing<Value>) -> CommandError {
    let key = listing.key.name();
    CommandError::because(format!("no live node runs an instance of {key:?}"))
}
