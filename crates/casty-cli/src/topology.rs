//! `casty topology`: the cluster as one of its nodes sees it, once or as it changes.

use std::collections::BTreeMap;

use casty_client::ClusterClient;

use crate::args::Topology;
use crate::error::CommandError;
use crate::output::{is_json, print, print_json, reader_gone};
use crate::render::Rendering;
use crate::session::Session;

/// Shows the cluster; watches it if that is asked for.
pub(crate) async fn run(args: &Topology) -> Result<(), CommandError> {
    let given = args.cluster.given_timeout();
    let within = if args.watch {
        given
    } else {
        Some(args.cluster.timeout())
    };
    let session = Session::new(&args.cluster, "no view of the cluster came")?.within(within);
    let mut seen = false;
    let ended = session.run(async |client| {
        let view = client.topology().wait_for(|_| true).await?;
        let rendering = Rendering::of(&view, session.config().regions());
        show(&rendering)?;
        seen = true;
        if args.watch {
            let counts = session.config().regions();
            watch(client, counts, rendering).await?;
        }
        Ok(())
    });
    match ended.await?.outcome {
        // A watch was told how long to last, and has.
        Err(CommandError::TimedOut { .. }) if args.watch && seen => Ok(()),
        outcome => outcome,
    }
}

/// Prints a view, as text or as JSON.
fn show(rendering: &Rendering) -> Result<(), CommandError> {
    if is_json() {
        let text = serde_json::to_string(rendering);
        print_json(text.map_err(|error| CommandError::of("the view cannot be printed", error))?)
    } else {
        rendering.lines().into_iter().try_for_each(print)
    }
}

/// Prints each change until the client ends.
async fn watch(
    client: &ClusterClient,
    counts: &BTreeMap<String, u32>,
    mut last: Rendering,
) -> Result<(), CommandError> {
    let mut topology = client.topology();
    loop {
        let view = tokio::select! {
            view = topology.changed() => view?,
            gone = reader_gone() => return Err(gone),
        };
        let rendering = Rendering::of(&view, counts);
        if rendering == last {
            continue;
        }
        if is_json() {
            show(&rendering)?;
        } else {
            rendering.changes(&last).into_iter().try_for_each(print)?;
        }
        last = rendering;
    }
}
