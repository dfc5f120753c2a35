//! Of three contacts, the first refuses connections, the second accepts them and never answers, and
//! the third is a node.

use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::net::TcpListener;

use super::figure::{Figure, seconds_or};
use super::site::Site;
use crate::error::Failure;

/// Until the first view.
const LIMIT: f64 = 1.0;

/// Casty's client gives every contact 10 s.
const PATIENCE: Duration = Duration::from_secs(40);

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let cluster = site.cluster(1).await?;
    // Free a moment ago.
    let refusing = address(&TcpListener::bind(("127.0.0.1", 0)).await?)?;
    let silent = TcpListener::bind(("127.0.0.1", 0)).await?;
    let hole = address(&silent)?;
    let mut subject = site.subject()?;
    let contacts = [&refusing, &hole, &cluster.addresses()[0]];
    let first = subject.connect(&contacts, &[], (1, PATIENCE)).await?;
    subject.close().await?;
    drop(silent);
    cluster.stop().await?;
    Ok(vec![Figure::limited(
        "first view, one contact refusing, one silent, one alive; 1 s at most",
        seconds_or(first, "none in 40 s"),
        first.is_some_and(|after| after <= LIMIT),
    )])
}

fn address(listener: &TcpListener) -> Result<NodeAddress, Failure> {
    Ok(NodeAddress::new("127.0.0.1", listener.local_addr()?.port()))
}
