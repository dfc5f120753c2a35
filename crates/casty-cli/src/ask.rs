//! `casty ask`: one message to an entity or an actor, and its reply.

use casty_client::Value;

use crate::args::Ask;
use crate::error::CommandError;
use crate::fan_out;
use crate::message::Message;
use crate::output::print_reply;
use crate::session::Session;

/// Asks the entity or the actor, and prints the reply.
pub(crate) async fn run(args: &Ask) -> Result<(), CommandError> {
    let Ask {
        cluster,
        region,
        entity_id,
        message,
        ..
    } = args;
    let (Some(entity_id), Some(message)) = (entity_id, message) else {
        return actor(args).await;
    };
    let message = Message::ask(message)?;
    let missing = format!("no reply from {}/{entity_id}", region.name);
    let session = Session::new(cluster, missing)?.using(region)?;
    let ended = session.run(async |client| {
        let entity = session.region(client).await?.entity(&**entity_id);
        let reply: Value = entity
            .ask(|reply_to| message.answered_to(&reply_to))
            .await?;
        print_reply(&reply)
    });
    ended.await?.outcome
}

/// Asks the actor, to whom the only word is the message.
async fn actor(args: &Ask) -> Result<(), CommandError> {
    let Some(target) = args.actor.target() else {
        return Ok(());
    };
    let message = Message::ask(&args.region.name)?;
    let until = fan_out::deadline(args.cluster.timeout());
    let session = Session::new(&args.cluster, target.missing())?;
    let ended = session.run(async |client| target.ask(client, &message, until).await);
    ended.await?.outcome
}
