//! The health of the client, a line whenever it changes.

use std::fmt::Write;
use std::time::Duration;

use casty_client::{Chain, ClusterClient, Health};
use tokio::time::interval;

/// The time between two looks at the reasons: a dial that fails for another one is no change of the health.
const LOOK: Duration = Duration::from_secs(1);

/// Prints the health when it changes, with the members that cannot be used, and the reasons.
pub(crate) async fn follow(client: &ClusterClient) {
    let mut changes = client.watch_health();
    let mut look = interval(LOOK);
    let mut told = String::new();
    loop {
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = look.tick() => {}
        }
        let now = line(&client.health());
        if now != told {
            println!("{now}");
            told = now;
        }
    }
}

/// Returns the health as a line, without times, which always differ.
fn line(health: &Health) -> String {
    let (usable, total) = (health.members_usable, health.members_total);
    let mut line = format!("{}: {usable} of {total} members", health.state);
    // Before the first view there are no members, but contact points that cannot be reached.
    let members = health.members.iter().filter(|member| !member.is_usable());
    let members = members.map(|member| (&member.node, member.failure.as_ref()));
    let contacts = health.failures.iter().filter(|_| health.view.is_none());
    let contacts = contacts.map(|(node, error)| (node, Some(error)));
    for (node, failure) in members.chain(contacts) {
        // A `String` takes whatever is written.
        write!(line, "; {node}: ").ok();
        match failure {
            Some(error) => write!(line, "{}", Chain(error)).ok(),
            None => write!(line, "not connected").ok(),
        };
    }
    line
}
