//! `casty barrier`: waits for the others at a barrier of the cluster.

use clap::Args;

use super::{Named, OWN};
use crate::error::CommandError;

const EXAMPLES: &str = "\
Waits until so many have arrived at the barrier, this one included, within --timeout; all must say
the same number. Exits with 3 if they have not. The arrival then stays counted, so the next round is
one short, unless it arrives again: under the name of --as, or the one that the error tells.

Examples:
  casty barrier --contact 127.0.0.1:25520 --system my-cluster \\
      --timeout 60 start --parties 3
  casty barrier --contact 127.0.0.1:25520 --system my-cluster \\
      start --parties 3 --as worker-1";

/// The help of `--timeout`, which is about the wait here.
const TIMEOUT: &str = "The time to wait for the others; connecting and closing may take a quarter of it \
    besides [default: 5s]";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("timeout", |arg| arg.help(TIMEOUT)))]
pub(crate) struct BarrierArgs {
    #[command(flatten)]
    named: Named,
    /// The number of arrivals to wait for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = OWN)]
    parties: u32,
    /// The name to arrive under, counted once [default: one that nobody else has].
    #[arg(long = "as", value_name = "NAME", help_heading = OWN)]
    arrive_as: Option<String>,
}

pub(crate) async fn run(args: &BarrierArgs) -> Result<(), CommandError> {
    // Whoever has arrived counts, whatever becomes of this process, so it waits for the whole time.
    let within = args.named.cluster.timeout();
    let arrived = args
        .named
        .run_within(within, within.mul_f64(1.25), async |structures| {
            let barrier = structures.barrier(&args.named.name)?;
            match &args.arrive_as {
                Some(name) => barrier.arrive_as(name, args.parties).await?,
                None => barrier.arrive(args.parties).await?,
            }
            Ok(())
        });
    arrived.await
}
