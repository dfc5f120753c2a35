//! `casty down`: declares a member dead.

use casty_client::{ClusterClient, DownError, DownReport, NodeAddress, Vacated};
use serde_json::json;

use crate::args::Down;
use crate::error::{CommandError, chain};
use crate::output::{note, print, print_as, print_error};
use crate::session::Session;

/// Declares the member dead, prints which nodes were told, and waits until it is down in their
/// views, and none of them lists it for a shard.
pub(crate) async fn run(args: &Down) -> Result<(), CommandError> {
    let missing = format!("{} may not be down in every view; run it again", args.node);
    let session = Session::new(&args.cluster, missing)?;
    let ended = session.run(async |client| down(client, args).await);
    ended.await?.outcome
}

async fn down(client: &ClusterClient, args: &Down) -> Result<(), CommandError> {
    // That may take as long as the command may; the rest has shares of it.
    client.topology().wait_for(|_| true).await?;
    let admin = client.admin().within(args.cluster.share());
    let report = if args.force {
        admin.force_down(&args.node).await
    } else {
        admin.down(&args.node).await
    };
    let report = report.map_err(|error| refused(&args.node, error))?;
    print_report(&report)?;
    if report.told().iter().all(|told| *told == args.node) {
        let what = format!("no node was told that {} is dead", args.node);
        return Err(CommandError::because(what));
    }
    // Shares, so that there is time left to tell the reason.
    let share = 2 * args.cluster.share();
    let confirmed = report.confirmed(share).await;
    let after = confirmed.map_err(|error| CommandError::NotInTime(error.into()))?;
    let after = after.as_millis();
    print_as(
        || json!({ "event": "down", "node": args.node.to_raw(), "after_ms": after }),
        || {
            print(format_args!(
                "{} is down in their views after {after} ms",
                args.node
            ))
        },
    )?;
    let vacated = report.vacated(share).await;
    let vacated = vacated.map_err(|error| CommandError::NotInTime(error.into()))?;
    print_vacated(&report, &vacated)
}

/// Prints what has become of the member's shards.
fn print_vacated(report: &DownReport, vacated: &Vacated) -> Result<(), CommandError> {
    let (node, shards, after) = (report.node(), report.shards(), vacated.after.as_millis());
    let document = || json!({ "event": "vacated", "shards": shards, "after_ms": after });
    print_as(document, || match shards {
        0 => print(format_args!("{node} owned no shards")),
        1 => print(format_args!(
            "its only shard is no longer its own after {after} ms"
        )),
        _ => print(format_args!(
            "none of its {shards} shards is its own any more after {after} ms"
        )),
    })?;
    let mut reminded = vacated.reminded.iter();
    reminded.try_for_each(|leader| {
        let document = || json!({ "event": "reminded", "node": leader.to_raw() });
        print_as(document, || {
            print(format_args!(
                "{leader}, the leader, had not taken them away by itself: it was told to look again"
            ))
        })
    })
}

/// Prints a line for each node that was told, on standard error for each that was not.
fn print_report(report: &DownReport) -> Result<(), CommandError> {
    report.told().iter().try_for_each(|node| {
        let document = || json!({ "event": "told", "node": node.to_raw() });
        print_as(document, || print(format_args!("told {node}")))
    })?;
    for (node, reason) in report.missed() {
        print_error(format_args!("{node} may not know: {}", chain(reason)));
    }
    if !report.missed().is_empty() {
        note("A node that lives and does not know brings the member back: run it again then.");
    }
    Ok(())
}

/// Makes the error of a member that was not declared dead.
fn refused(node: &NodeAddress, error: DownError) -> CommandError {
    match error {
        DownError::Alive { .. } => CommandError::because(format!(
            "{node} is alive: it is connected and answers; --force declares it dead all the same"
        )),
        error => CommandError::Failed(error.into()),
    }
}
