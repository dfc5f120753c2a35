//! `casty topology`: the cluster as one of its nodes sees it, once or as it changes.

use casty_client::ClusterClient;

use crate::args::Topology;
use crate::error::Failure;
use crate::output::print;
use crate::render::Picture;
use crate::session::Errand;

/// Shows the cluster; watches it if that is asked for.
pub(crate) async fn run(args: &Topology) -> Result<(), Failure> {
    let given = args.cluster.given_timeout();
    let within = if args.watch {
        given
    } else {
        Some(args.cluster.timeout())
    };
    let errand = Errand {
        cluster: &args.cluster,
        config: args.cluster.config()?,
        within,
        missing: "no view of the cluster came".to_owned(),
        region: None,
    };
    let mut seen = false;
    let ended = errand.run(async |client| {
        let view = client.topology().wait_for(|_| true).await?;
        let picture = Picture::from(&*view);
        show(args, &picture)?;
        seen = true;
        if args.watch {
            watch(args, client, picture).await?;
        }
        Ok(())
    });
    match ended.await?.outcome {
        // A watch was told how long to last, and has.
        Err(Failure::TimedOut { .. }) if args.watch && seen => Ok(()),
        outcome => outcome,
    }
}

fn show(args: &Topology, picture: &Picture) -> Result<(), Failure> {
    if args.json {
        let text = serde_json::to_string(picture);
        print(text.map_err(|error| Failure::of("the view cannot be printed", error))?)
    } else {
        print(picture)
    }
}

/// Prints each change until the client ends.
async fn watch(args: &Topology, client: &ClusterClient, mut last: Picture) -> Result<(), Failure> {
    let mut topology = client.topology();
    loop {
        let picture = Picture::from(&*topology.next().await?);
        if picture == last {
            continue;
        }
        if args.json {
            show(args, &picture)?;
        } else {
            picture.changes(&last).into_iter().try_for_each(print)?;
        }
        last = picture;
    }
}
