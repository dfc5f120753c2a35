//! `casty ask`: one message to an entity, and its reply.

use casty_client::Value;

use crate::args::Ask;
use crate::error::Failure;
use crate::message::Message;
use crate::output::print;
use crate::session::Errand;

/// Asks the entity and prints the reply.
pub(crate) async fn run(args: &Ask) -> Result<(), Failure> {
    let message = Message::ask(&args.message)?;
    let Ask {
        cluster,
        region,
        entity_id,
        ..
    } = args;
    let errand = Errand {
        cluster,
        config: cluster.config()?,
        within: Some(cluster.timeout()),
        missing: format!("no reply from {}/{entity_id}", region.name),
        region: Some(&region.name),
    };
    let ended = errand.run(async |client| {
        let entity = client
            .entity_ref(&region.name, region.shards)?
            .entity(&**entity_id);
        let reply: Value = entity
            .ask(|reply_to| message.answered_to(&reply_to))
            .await?;
        print_reply(&reply)
    });
    ended.await?.outcome
}

/// Prints a reply in the notation in which messages are typed.
pub(crate) fn print_reply(reply: &Value) -> Result<(), Failure> {
    let text = reply.to_notation();
    print(text.map_err(|error| Failure::of("the reply cannot be printed", error))?)
}
