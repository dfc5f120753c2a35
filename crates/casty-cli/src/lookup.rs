//! `casty lookup`: the instances of a service, once or as they change; and what they reply.

use std::collections::BTreeSet;

use casty_client::{ClusterClient, Instance, Listing, ServiceKey, Value};
use serde_json::json;
use tokio::time::Instant;

use crate::args::Lookup;
use crate::error::CommandError;
use crate::fan_out::{self, Asked};
use crate::message::Message;
use crate::output::{is_json, print, print_json, print_reply, reader_gone};
use crate::session::Session;

/// Lists the instances on live nodes, or asks the first one, or all.
pub(crate) async fn run(args: &Lookup) -> Result<(), CommandError> {
    let message = args.ask.as_deref().map(Message::ask).transpose()?;
    let missing = format!("no reply from an instance of {:?}", args.key);
    let session = Session::new(&args.cluster, missing)?;
    if args.watch {
        return watch(args, &session.within(args.cluster.given_timeout())).await;
    }
    let until = fan_out::deadline(args.cluster.timeout());
    let ended = session.run(async |client| {
        client.topology().wait_for(|_| true).await?;
        let listing = client.lookup(&ServiceKey::<Value>::new(&*args.key));
        match &message {
            Some(message) if args.all => ask_all(&listing, message, until).await,
            Some(message) => ask_first(client, &listing, message).await,
            None => list(&listing, is_json()),
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

/// Asks all instances at once, and prints each reply with the node that it is from.
async fn ask_all(
    listing: &Listing<Value>,
    message: &Message,
    until: Instant,
) -> Result<(), CommandError> {
    if listing.instances.is_empty() {
        return Err(no_instance(listing));
    }
    let asked = listing.instances.iter().map(|instance| Asked {
        actor: instance.actor.clone(),
        node: instance.node.clone(),
    });
    fan_out::ask(asked, message, until).await
}

/// Prints the instances.
fn list(listing: &Listing<Value>, as_json: bool) -> Result<(), CommandError> {
    let instances = &listing.instances;
    if as_json {
        print_json(document(instances))?;
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

/// Prints the instances, or that there is none, and then each that comes or goes, until the client ends.
async fn watch(args: &Lookup, session: &Session<'_>) -> Result<(), CommandError> {
    let mut seen = false;
    let ended = session.run(async |client| {
        let mut services = client.services(&ServiceKey::<Value>::new(&*args.key));
        let mut last = None;
        loop {
            let listing = tokio::select! {
                listing = services.changed() => listing?,
                gone = reader_gone() => return Err(gone),
            };
            seen = true;
            last = Some(show(&listing.instances, last.as_ref(), is_json())?);
        }
    });
    let ended: Result<(), _> = ended.await?.outcome;
    match ended {
        // A watch was told how long to last, and has.
        Err(CommandError::TimedOut { .. }) if seen => Ok(()),
        outcome => outcome,
    }
}

/// Prints what has changed since the last listing, if there was one, and returns this one.
fn show(
    instances: &[Instance<Value>],
    last: Option<&BTreeSet<String>>,
    as_json: bool,
) -> Result<BTreeSet<String>, CommandError> {
    let uris = instances.iter().map(|it| it.actor.uri().to_owned());
    let uris: BTreeSet<_> = uris.collect();
    if as_json {
        print_json(document(instances))?;
        return Ok(uris);
    }
    if last.is_none() && uris.is_empty() {
        print("no instances")?;
    }
    let nothing = BTreeSet::new();
    let last = last.unwrap_or(&nothing);
    for gone in last.difference(&uris) {
        print(format_args!("- {gone}"))?;
    }
    for come in uris.difference(last) {
        print(format_args!("+ {come}"))?;
    }
    Ok(uris)
}

/// Returns the instances as a JSON document.
fn document(instances: &[Instance<Value>]) -> serde_json::Value {
    let all = instances
        .iter()
        .map(|instance| json!({ "uri": instance.actor.uri(), "node": instance.node.to_raw() }));
    all.collect()
}

/// Makes the error of a service without instances.
fn no_instance(listing: &Listing<Value>) -> CommandError {
    let key = listing.key.name();
    CommandError::because(format!("no live node runs an instance of {key:?}"))
        .helped_by("casty topology lists the services that there are")
}
