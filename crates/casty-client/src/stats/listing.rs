//! The table of all counters and gauges: names, kinds, descriptions, and what each is read from. Metrics are
//! read from it as well.

use crate::stats::Stats;

/// The kind of a number of [`Stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatKind {
    /// A number that only grows.
    Counter,
    /// A level, which goes up and down.
    Gauge,
}

impl StatKind {
    /// Returns the kind as one word, as Prometheus has it: `counter` or `gauge`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One number of [`Stats`], made by [`Stats::iter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The name of its field in [`Stats`] or [`Gauges`](crate::Gauges).
    pub name: &'static str,
    /// The kind.
    pub kind: StatKind,
    /// The description, in one sentence.
    pub help: &'static str,
    /// The value.
    pub value: u64,
}

/// The metric that a number is told as.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "for metrics"))]
pub(crate) struct ToldAs {
    pub(crate) name: &'static str,
    /// A label, and its value.
    pub(crate) label: Option<(&'static str, &'static str)>,
    /// The description, where it is that of several numbers.
    pub(crate) help: Option<&'static str>,
    pub(crate) is_bytes: bool,
}

/// One number as it is declared.
pub(crate) struct Declared {
    name: &'static str,
    pub(crate) kind: StatKind,
    pub(crate) help: &'static str,
    pub(crate) read: fn(&Stats) -> u64,
    /// `None` if it is no metric.
    pub(crate) metric: Option<ToldAs>,
}

impl Declared {
    const fn told_as(mut self, name: &'static str) -> Self {
        self.metric = Some(ToldAs {
            name,
            label: None,
            help: None,
            is_bytes: false,
        });
        self
    }

    /// Tells it in bytes as the metric of this name.
    const fn bytes_as(self, name: &'static str) -> Self {
        let mut told = self.told_as(name);
        if let Some(metric) = &mut told.metric {
            metric.is_bytes = true;
        }
        told
    }

    /// Tells it as the metric that has all fates.
    const fn fate(self, fate: &'static str) -> Self {
        let mut told = self.told_as("casty_client_messages_total");
        if let Some(metric) = &mut told.metric {
            metric.label = Some(("fate", fate));
            metric.help = Some(
                "Messages that have ended, by fate; those not sent and unknown were dead letters.",
            );
        }
        told
    }
}

/// Returns the name of the last of several fields.
macro_rules! last {
    ($field:ident) => {
        stringify!($field)
    };
    ($first:ident . $($rest:ident).+) => {
        last!($($rest).+)
    };
}

/// Declares numbers, each by its field, its kind and its description.
macro_rules! declared {
    ($kind:ident $($field:ident).+, $help:literal) => {
        Declared {
            name: last!($($field).+),
            kind: StatKind::$kind,
            help: $help,
            read: |stats| stats.$($field).+,
            metric: None,
        }
    };
}

/// All numbers, in the order of the fields.
pub(crate) const STATS: &[Declared] = &[
    declared!(Counter accepted, "Messages accepted by tells and asks.")
        .told_as("casty_client_messages_accepted_total"),
    declared!(Counter written, "Messages handed to the kernel, except those that are unknown.")
        .fate("written"),
    declared!(Counter not_sent, "Messages accepted and then not sent.").fate("not_sent"),
    declared!(Counter unknown, "Messages that may have been in flight when their connection was lost.")
        .fate("unknown"),
    declared!(Gauge buffered, "Messages that wait for a route.")
        .told_as("casty_client_buffered_messages"),
    declared!(Gauge queued, "Messages in the outboxes of connected nodes.")
        .told_as("casty_client_queued_messages"),
    declared!(Gauge pending_asks, "Asks that wait for their reply.")
        .told_as("casty_client_pending_asks"),
    declared!(Gauge ask_bytes, "Bytes that asks keep: messages to be sent again, and long replies.")
        .bytes_as("casty_client_ask_bytes"),
    declared!(Counter retries, "Messages of idempotent asks that were sent again.")
        .told_as("casty_client_retries_total"),
    declared!(Counter hedges, "Messages of idempotent asks that were sent again early, as a hedge.")
        .told_as("casty_client_hedges_total"),
    declared!(Counter retries_refused, "Retries and hedges that the retry budget did not allow.")
        .told_as("casty_client_retries_refused_total"),
    declared!(Counter late_replies, "Replies that came after their ask had ended, or a second time.")
        .told_as("casty_client_late_replies_total"),
    declared!(Counter inbound_dropped, "Messages for actors of the client that were dropped.")
        .told_as("casty_client_inbound_dropped_total"),
    declared!(Counter actor_panics, "Panics of the client's actors.")
        .told_as("casty_client_actor_panics_total"),
    declared!(
        Counter inbound_malformed,
        "Messages from the cluster that could not be read, or are over a limit."
    )
    .told_as("casty_client_inbound_malformed_total"),
    declared!(
        Counter written_bytes,
        "Bytes of frames handed to the kernel, the protocol's own messages included."
    )
    .bytes_as("casty_client_written_bytes_total"),
    declared!(
        Counter connects,
        "Connections made, those to nodes that were connected before included."
    ),
    declared!(Counter disconnects, "Connections that have ended, for whatever reason.")
        .told_as("casty_client_disconnects_total"),
    declared!(Counter failed_dials, "Attempts to connect that failed.")
        .told_as("casty_client_failed_dials_total"),
    declared!(Gauge connections, "Nodes connected.").told_as("casty_client_connections"),
    declared!(Gauge secondary_connections, "Secondary connections, to nodes that were lost before or took over the lead before they were connected.")
        .told_as("casty_client_secondary_connections"),
    declared!(Counter views, "Views of the cluster received.").told_as("casty_client_views_total"),
    declared!(Gauge contradicted_regions, "Regions whose shard count the view contradicts.")
        .told_as("casty_client_contradicted_regions"),
    declared!(Gauge gauges.buffered_bytes, "Bytes of the messages that wait for a route.")
        .bytes_as("casty_client_buffered_bytes"),
    declared!(Gauge gauges.queued_bytes, "Bytes in the outboxes of connected nodes.")
        .bytes_as("casty_client_queued_bytes"),
    declared!(Gauge gauges.fullest_outbox, "Bytes in the fullest of these outboxes."),
    declared!(
        Gauge gauges.waiting_tells,
        "Tells that wait for capacity in the pending buffer."
    )
    .told_as("casty_client_waiting_tells"),
    declared!(Gauge gauges.actors, "Actors of the client."),
    declared!(Gauge gauges.mailboxes, "Messages in the mailboxes of the client's actors.")
        .told_as("casty_client_mailbox_messages"),
    declared!(Gauge gauges.mailbox_bytes, "Bytes in the mailboxes of the client's actors.")
        .bytes_as("casty_client_mailbox_bytes"),
    declared!(Gauge gauges.regions, "Shard regions in use."),
    declared!(Gauge gauges.members, "Members in the latest view."),
    declared!(Gauge gauges.dial_failures, "Addresses whose last connection failure is kept."),
    declared!(
        Gauge gauges.waiting_views,
        "Received views that the control task has not handled yet."
    ),
    declared!(
        Gauge gauges.waiting_view_bytes,
        "Bytes of these views, and of the one that is being read."
    ),
    declared!(
        Gauge gauges.inbound_bytes,
        "Bytes of frames that have not come in whole yet, beyond 256 KiB on each connection."
    ),
];

impl Stats {
    /// Returns every number with its name, kind and description, those of the [gauges](Self::gauges) at the
    /// end; always the same ones in the same order. Allocates nothing.
    ///
    /// ```
    /// let stats = casty_client::Stats::default();
    /// for stat in stats.iter() {
    ///     println!("{} {} {}", stat.kind.as_str(), stat.name, stat.value);
    /// }
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Stat> {
        STATS.iter().map(|declared| Stat {
            name: declared.name,
            kind: declared.kind,
            help: declared.help,
            value: (declared.read)(self),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gauges;

    /// Returns statistics whose numbers all differ.
    fn different() -> Stats {
        Stats {
            accepted: 1,
            written: 2,
            not_sent: 3,
            unknown: 4,
            buffered: 5,
            queued: 6,
            pending_asks: 7,
            ask_bytes: 8,
            retries: 9,
            hedges: 10,
            retries_refused: 11,
            late_replies: 12,
            inbound_dropped: 13,
            actor_panics: 14,
            inbound_malformed: 15,
            written_bytes: 16,
            connects: 17,
            disconnects: 18,
            failed_dials: 19,
            connections: 20,
            secondary_connections: 21,
            views: 22,
            contradicted_regions: 23,
            gauges: Gauges {
                buffered_bytes: 24,
                queued_bytes: 25,
                fullest_outbox: 26,
                waiting_tells: 27,
                actors: 28,
                mailboxes: 29,
                mailbox_bytes: 30,
                regions: 31,
                members: 32,
                dial_failures: 33,
                waiting_views: 34,
                waiting_view_bytes: 35,
                inbound_bytes: 36,
            },
        }
    }

    #[test]
    fn each_field_is_listed_once_by_its_name_in_their_order() {
        let stats = different();
        let listed: Vec<_> = stats
            .iter()
            .map(|stat| format!("{}: {}", stat.name, stat.value))
            .collect();
        let fields = format!("{stats:?}").replace("gauges: Gauges { ", "");
        let fields = fields
            .trim_start_matches("Stats { ")
            .trim_end_matches([' ', '}']);
        assert_eq!(listed, fields.split(", ").collect::<Vec<_>>());
    }

    #[test]
    fn descriptions_are_sentences_and_kinds_are_words_of_prometheus() {
        for stat in Stats::default().iter() {
            assert!(stat.help.ends_with('.'), "{stat:?}");
            assert!(
                ["counter", "gauge"].contains(&stat.kind.as_str()),
                "{stat:?}"
            );
        }
    }
}
