//! Many clients on one host ask at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::task::JoinSet;

use super::figure::{Figure, seconds};
use super::site::Site;
use super::subject::{FIRST_VIEW, Subject, Whose};
use crate::error::Failure;

/// Asks of each client, all at the same time.
const ASKS: usize = 100;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let cluster = site.cluster(2).await?;
    let nodes: Vec<_> = cluster.addresses().to_vec();
    // 200 Python processes, or the answers that they wait for in vain, would take too long here.
    let (clients, processes, patience) = match site.whose {
        Whose::Rust => (200, 4, Duration::from_mins(1)),
        Whose::Python => (10, 5, Duration::from_secs(5)),
    };
    let alone = asked(&site, &nodes, (1, clients), patience).await?;
    let spread = asked(&site, &nodes, (processes, clients / processes), patience).await?;
    cluster.stop().await?;
    Ok(vec![
        Figure::limited(
            "asks answered, all clients in one process, 100 each",
            alone.to_string(),
            alone.all(),
        ),
        Figure::limited(
            "asks answered, clients spread over processes, 100 each",
            spread.to_string(),
            spread.all(),
        ),
    ])
}

/// The answers that many clients got.
#[derive(Default)]
struct Answers {
    clients: usize,
    answered: usize,
    failed: BTreeMap<String, usize>,
    took: f64,
}

impl Answers {
    fn asks(&self) -> usize {
        self.clients * ASKS
    }

    fn all(&self) -> bool {
        self.answered == self.asks()
    }
}

impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let asks = self.asks();
        let clients = self.clients;
        let took = seconds(self.took);
        write!(
            f,
            "{} of {asks} of {clients} clients, {took}",
            self.answered
        )?;
        for (how, count) in &self.failed {
            write!(f, "; {count}x {how}")?;
        }
        Ok(())
    }
}

/// Has so many processes of so many clients each ask at the same time.
async fn asked(
    site: &Site,
    nodes: &[NodeAddress],
    (processes, clients): (usize, usize),
    patience: Duration,
) -> Result<Answers, Failure> {
    let mut connecting = JoinSet::new();
    for _ in 0..processes {
        connecting.spawn(connected(site.clone(), nodes.to_vec(), clients));
    }
    let mut asking = JoinSet::new();
    for subject in connecting.join_all().await {
        let mut subject = subject?;
        asking.spawn(async move {
            let burst = subject.burst(ASKS, patience).await?;
            subject.close().await?;
            Ok::<_, Failure>(burst)
        });
    }
    let mut fared = Answers {
        clients: processes * clients,
        ..Answers::default()
    };
    for burst in asking.join_all().await {
        let burst = burst?;
        fared.answered += burst.answered;
        for (how, count) in burst.failed {
            *fared.failed.entry(how).or_default() += count;
        }
        fared.took = fared.took.max(burst.took);
    }
    Ok(fared)
}

/// Connects so many clients in one process.
async fn connected(
    site: Site,
    nodes: Vec<NodeAddress>,
    clients: usize,
) -> Result<Subject, Failure> {
    let mut subject = site.subject()?;
    let contacts: Vec<_> = nodes.iter().collect();
    let ready = subject.connect(&contacts, &[], (clients, FIRST_VIEW));
    // Of several of casty's clients, which are all under one identity, not each gets a view.
    if ready.await?.is_none() && site.whose == Whose::Rust {
        return Err(format!("not all of {clients} clients have a view").into());
    }
    Ok(subject)
}
