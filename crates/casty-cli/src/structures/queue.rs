//! `casty queue`: a queue of the cluster.

use casty_client::Value;
use clap::{Args, ValueEnum};

use super::{Named, OWN, needed, value};
use crate::error::CommandError;
use crate::output::print_reply;

const EXAMPLES: &str = "\
Values are JSON in Casty's notation, as casty ask --help tells; text is '\"text\"'. pop prints the
oldest value and takes it, peek prints it; both print nothing and exit with 4 if there is none. A
value that was taken is gone, also if it could not be printed. size prints the number of values.

Examples:
  casty queue --contact 127.0.0.1:25520 --system my-cluster jobs push '\"one\"'
  casty queue --contact 127.0.0.1:25520 --system my-cluster jobs pop
  casty queue --contact 127.0.0.1:25520 --system my-cluster jobs size";

/// The thing that is done to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Append a value.
    Push,
    /// Take the oldest value, and print it.
    Pop,
    /// Print the oldest value.
    Peek,
    /// Print the number of values.
    Size,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct QueueArgs {
    #[command(flatten)]
    named: Named,
    /// The thing to do.
    #[arg(value_enum, help_heading = OWN)]
    action: Action,
    /// The value to push.
    #[arg(value_name = "JSON", allow_negative_numbers = true, help_heading = OWN)]
    value: Option<String>,
}

pub(crate) async fn run(args: &QueueArgs) -> Result<(), CommandError> {
    let given = needed(args.value.as_ref(), args.action == Action::Push, "a value")?;
    let given = given.map(|text| value(text)).transpose()?;
    let reply = args.named.run(async |structures| {
        let queue = structures.queue::<Value>(&args.named.name)?;
        let found = match (args.action, given) {
            (_, Some(value)) => {
                queue.enqueue(&value).await?;
                return Ok(None);
            }
            (Action::Pop | Action::Push, None) => queue.dequeue().await?,
            (Action::Peek, None) => queue.peek().await?,
            (Action::Size, None) => {
                let size = i64::try_from(queue.size().await?).unwrap_or(i64::MAX);
                Some(Value::Int(size))
            }
        };
        found.ok_or(CommandError::NoValue).map(Some)
    });
    match reply.await? {
        Some(reply) => print_reply(&reply),
        None => Ok(()),
    }
}
