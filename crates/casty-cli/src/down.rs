//! `casty down`: declares a member dead.

use casty_client::{ClusterClient, DownError, DownReport, NodeAddress};

use crate::args::Down;
use crate::error::{Failure, chain};
use crate::output::{complain, note, print};
use crate::session::Errand;

/// Declares the member dead, tells who was told, and waits until it is down in their views.
pub(crate) async fn run(args: &Down) -> Result<(), Failure> {
    let errand = Errand {
        cluster: &args.cluster,
        config: args.cluster.config()?,
        within: Some(args.cluster.timeout()),
        missing: format!("{} is not down in every view; run it again", args.node),
        region: None,
    };
    let ended = errand.run(async |client| down(client, args).await);
    ended.await?.outcome
}

async fn down(client: &ClusterClient, args: &Down) -> Result<(), Failure> {
    // That may take as long as the command may; the rest has shares of it.
    client.topology().wait_for(|_| true).await?;
    let admin = client.admin().within(args.cluster.share());
    let report = if args.force {
        admin.force_down(&args.node).await
    } else {
        admin.down(&args.node).await
    };
    let report = report.map_err(|error| refused(&args.node, error))?;
    tell(&report)?;
    // The errand's time ends first; what it then says is why.
    let settled = report.settled(args.cluster.timeout()).await;
    let after = settled.map_err(|error| Failure::Failed(error.into()))?;
    print(format_args!(
        "{} is down in their views after {} ms",
        args.node,
        after.as_millis()
    ))
}

/// A line for each node that was told, on standard error for each that was not.
fn tell(report: &DownReport) -> Result<(), Failure> {
    let told = report.told().iter();
    told.map(|node| format!("told {node}"))
        .try_for_each(print)?;
    for (node, why) in report.missed() {
        complain(format_args!("{node} may not know: {}", chain(why)));
    }
    if !report.missed().is_empty() {
        note("A node that lives and does not know brings the member back: run it again then.");
    }
    Ok(())
}

fn refused(node: &NodeAddress, error: DownError) -> Failure {
    match error {
        DownError::Alive { .. } => Failure::because(format!(
            "{node} is alive: it is connected and answers; --force declares it dead all the same"
        )),
        error => Failure::Failed(error.into()),
    }
}
