//! `casty set`: a set of the cluster.

use casty_client::Value;
use clap::{Args, ValueEnum};

use super::{Named, OWN, needed, value};
use crate::error::CommandError;
use crate::output::print_json;

const EXAMPLES: &str = "\
Members are JSON in Casty's notation, as casty ask --help tells; text is '\"text\"'. add prints
whether the member is new, remove whether it was there, contains whether it is, and size the number
of members.

Members must be hashable in Python, or a node that is asked about one ends the set, and all members
are gone. Lists and dicts are refused, also within tuples; an object must be of a frozen dataclass.

Examples:
  casty set --contact 127.0.0.1:25520 --system my-cluster tags add '\"red\"'
  casty set --contact 127.0.0.1:25520 --system my-cluster tags contains '\"red\"'
  casty set --contact 127.0.0.1:25520 --system my-cluster tags size";

/// The thing that is done to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Add a member, and print whether it is new.
    Add,
    /// Remove a member, and print whether it was there.
    Remove,
    /// Print whether it is a member.
    Contains,
    /// Print the number of members.
    Size,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    named: Named,
    /// The thing to do.
    #[arg(value_enum, help_heading = OWN)]
    action: Action,
    /// The member.
    #[arg(value_name = "JSON", allow_negative_numbers = true, help_heading = OWN)]
    member: Option<String>,
}

pub(crate) async fn run(args: &SetArgs) -> Result<(), CommandError> {
    let given = needed(
        args.member.as_ref(),
        args.action != Action::Size,
        "a member",
    )?;
    let given = given.map(|text| value(text)).transpose()?;
    let said = args.named.run(async |structures| {
        let set = structures.set::<Value>(&args.named.name)?;
        Ok(match (args.action, given) {
            (Action::Add, Some(member)) => set.add(&member).await?.to_string(),
            (Action::Remove, Some(member)) => set.remove(&member).await?.to_string(),
            (_, Some(member)) => set.contains(&member).await?.to_string(),
            (_, None) => set.size().await?.to_string(),
        })
    });
    print_json(said.await?)
}
