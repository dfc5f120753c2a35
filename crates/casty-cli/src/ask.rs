//! `casty ask`: one message to an entity, and its reply.

use casty_client::Value;

use crate::args::Ask;
use crate::error::CommandError;
use crate::message::Message;
use crate::output::print_json;
use crate::session::Session;

/// Asks the entity and prints the reply.
pub(crate) async fn run(args: &Ask) -> Result<(), CommandError> {
    let message = Message::ask(&args.message)?;
    let Ask {
        cluster,
        region,
        entity_id,
        ..
    } = args;
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

/// Prints a reply in the notation in which messages are typed.
pub(crate) fn print_reply(reply: &Value) -> Result<(), CommandError> {
    let text = reply.to_notation();
    print_json(text.map_err(|error| CommandError::of("the reply cannot be printed", error))?)
}
