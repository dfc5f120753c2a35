//! `casty counter`: a counter of the cluster.

use clap::{Args, ValueEnum};

use super::{Named, OWN, needed};
use crate::error::CommandError;
use crate::output::print_json;

const EXAMPLES: &str = "\
Prints the counter's value: with add, the new one.

Examples:
  casty counter --contact 127.0.0.1:25520 --system my-cluster hits get
  casty counter --contact 127.0.0.1:25520 --system my-cluster hits add 5
  casty counter --contact 127.0.0.1:25520 --system my-cluster hits add -5";

/// The thing that is done to a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Print the value.
    Get,
    /// Add N, and print the new value.
    Add,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CounterArgs {
    #[command(flatten)]
    named: Named,
    /// The thing to do.
    #[arg(value_enum, help_heading = OWN)]
    action: Action,
    /// The number to add.
    #[arg(value_name = "N", allow_negative_numbers = true, help_heading = OWN)]
    amount: Option<i64>,
}

pub(crate) async fn run(args: &CounterArgs) -> Result<(), CommandError> {
    let amount = needed(args.amount.as_ref(), args.action == Action::Add, "a number")?;
    let counted = args.named.run(async |structures| {
        let counter = structures.counter(&args.named.name)?;
        Ok(match amount {
            Some(amount) => counter.increment(*amount).await?,
            None => counter.get().await?,
        })
    });
    print_json(counted.await?)
}
