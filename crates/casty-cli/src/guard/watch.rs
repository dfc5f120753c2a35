//! A guard at work: it prints what happens, and sees to it that it leads nobody and is no member of a
//! cluster that is gone.

use std::future::pending;
use std::time::Duration;

use casty_client::NodeAddress;
use casty_client::casty_routing::membership::MembershipEvent;
use casty_proto::Listed;
use casty_testkit::Cluster;
use tokio::time::{Instant, sleep_until};

use super::events::Events;
use super::refused::cannot_listen;
use super::report::Report;
use super::standing::Standing;
use crate::error::CommandError;
use crate::render::status;

/// The time after which it is told that no seed has taken the guard in.
const OVERDUE: Duration = Duration::from_secs(5);
/// The least time between two beginnings. Two guards whose nodes are dead remind each other of these, until
/// both have begun anew.
const AGAIN: Duration = Duration::from_secs(5);

/// A guard at work.
pub(super) struct Watch<'a> {
    /// Its one node.
    cluster: &'a Cluster,
    me: NodeAddress,
    seeds: &'a [NodeAddress],
    report: Report,
    events: Events,
    last: Standing,
    /// The time from which on it may begin anew.
    again: Instant,
    /// The time at which it is told that no seed has taken it in; `None` if one has, or it was told.
    overdue: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        cluster: &'a Cluster,
        me: NodeAddress,
        seeds: &'a [NodeAddress],
        (report, events): (Report, Events),
    ) -> Self {
        let now = Instant::now();
        Self {
            cluster,
            me,
            seeds,
            report,
            events,
            last: Standing::default(),
            again: now,
            overdue: Some(now + OVERDUE),
        }
    }

    /// Watches until the guard must not go on, or cannot. Returns the reason.
    pub(super) async fn run(&mut self) -> CommandError {
        loop {
            if let Err(reason) = self.step().await {
                return reason;
            }
        }
    }

    /// Leaves the cluster in order.
    pub(super) async fn leave(&mut self) {
        // Whether that can be printed or not.
        self.report.say("leaving", None, "leaves").ok();
        self.cluster.leave(0).await;
        self.report.say("left", None, "has left").ok();
    }

    async fn step(&mut self) -> Result<(), CommandError> {
        tokio::select! {
            biased;
            (lost, event) = self.events.next() => self.tell(lost, &event),
            standing = changed(self.cluster, &self.me, &self.last) => self.heed(standing),
            () = until(self.overdue) => self.say_overdue(),
            () = sleep_until(self.again), if self.last.is_deserted => self.begin_anew().await,
        }
    }

    fn tell(&mut self, lost: u64, event: &MembershipEvent) -> Result<(), CommandError> {
        self.report.lost(lost)?;
        self.report.tell(event)
    }

    /// Tells what has changed.
    ///
    /// # Errors
    /// The guard must not go on.
    fn heed(&mut self, standing: Standing) -> Result<(), CommandError> {
        for (node, now) in standing.changes(&self.last) {
            let sentence = format_args!("{node} is {} here", status(now));
            self.report.say("member", Some(node), sentence)?;
        }
        if standing.leader != self.last.leader {
            let leader = standing.leader.as_ref();
            match leader {
                Some(node) => {
                    self.report
                        .say("leader", leader, format_args!("{node} leads"))?;
                }
                None => self.report.say("leader", None, "no node leads")?,
            }
        }
        if !standing.members.is_empty() {
            self.overdue = None;
        }
        self.last = standing;
        if self.last.is_dismissed {
            let why = "the guard was declared dead by order";
            return Err(CommandError::because(why));
        }
        let Some(behind) = &self.last.behind else {
            return Ok(());
        };
        let why = format!(
            "{behind} is up and sorts behind {}, so the guard could lead it: --advertise a name behind \
             those of all nodes",
            self.me
        );
        self.report.say("behind", Some(behind), &why)?;
        Err(CommandError::because(why))
    }

    fn say_overdue(&mut self) -> Result<(), CommandError> {
        self.overdue = None;
        let seeds = Listed(self.seeds, ", ");
        let sentence = format_args!("no seed has answered yet: {seeds}; -vv logs the reasons");
        self.report.say("waiting", None, sentence)
    }

    /// Forgets a cluster of which no node is left. Whoever comes back there knows nothing of it, and a
    /// member that has joined once asks no seed again.
    async fn begin_anew(&mut self) -> Result<(), CommandError> {
        let sentence = "no node is left: forgets them, and asks its seeds again";
        self.report.say("alone", None, sentence)?;
        // Other guards are told: what they gossip would bring the dead members back here.
        self.cluster.leave(0).await;
        let restarted = self.cluster.restart(0).await;
        restarted.map_err(cannot_listen)?;
        let now = Instant::now();
        self.again = now + AGAIN;
        self.overdue = Some(now + OVERDUE);
        Ok(())
    }
}

/// Waits until the standing is another one than the last.
async fn changed(cluster: &Cluster, me: &NodeAddress, last: &Standing) -> Standing {
    let mut found = None;
    let looked = cluster.wait_until(|_| {
        let standing = cluster.state(0).map(|state| Standing::of(me, &state));
        found = standing.filter(|standing| standing != last);
        found.is_some()
    });
    looked.await;
    match found {
        Some(standing) => standing,
        None => pending().await,
    }
}

/// Waits until a time; for ever without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
