//! `casty map`: a map of the cluster.

use casty_client::Value;
use clap::{Args, ValueEnum};

use super::{Named, OWN, needed, value};
use crate::error::CommandError;
use crate::output::print_reply;

const EXAMPLES: &str = "\
Values are JSON in Casty's notation, as casty ask --help tells; text is '\"text\"'. get prints the
value under the key, or nothing and exits with 4 if there is none; put prints the value that was
there, or null; delete and contains print whether there was one.

Examples:
  casty map --contact 127.0.0.1:25520 --system my-cluster users put ada '\"Ada\"'
  casty map --contact 127.0.0.1:25520 --system my-cluster users put bob \\
      '{\"__dict__\": [[\"age\", 36]]}'
  casty map --contact 127.0.0.1:25520 --system my-cluster users get ada
  casty map --contact 127.0.0.1:25520 --system my-cluster users delete ada";

/// The thing that is done to a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Print the value under a key.
    Get,
    /// Put a value under a key, and print the one that was there.
    Put,
    /// Remove a key, and print whether there was a value.
    Delete,
    /// Print whether there is a value under a key.
    Contains,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MapArgs {
    #[command(flatten)]
    named: Named,
    /// The thing to do.
    #[arg(value_enum, help_heading = OWN)]
    action: Action,
    /// The key.
    #[arg(help_heading = OWN)]
    key: String,
    /// The value to put.
    #[arg(value_name = "JSON", allow_negative_numbers = true, help_heading = OWN)]
    value: Option<String>,
}

pub(crate) async fn run(args: &MapArgs) -> Result<(), CommandError> {
    let given = needed(args.value.as_ref(), args.action == Action::Put, "a value")?;
    let given = given.map(|text| value(text)).transpose()?;
    let key = &args.key;
    let reply = args.named.run(async |structures| {
        let map = structures.map::<Value>(&args.named.name)?;
        Ok(match (args.action, given) {
            (_, Some(value)) => map.put(key, &value).await?.unwrap_or(Value::None),
            (Action::Delete, None) => Value::Bool(map.delete(key).await?),
            (Action::Contains, None) => Value::Bool(map.contains(key).await?),
            (Action::Get | Action::Put, None) => {
                let found = map.get(key).await?;
                found.ok_or(CommandError::NoValue)?
            }
        })
    });
    print_reply(&reply.await?)
}
