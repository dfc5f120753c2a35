//! The errors of structures and streams.

use super::*;

/// Finds the errors of locks and permits.
pub(super) fn holds(found: &mut Found) {
    let (after, node) = (AFTER, node());
    let (from, to) = (node.clone(), node.clone());
    for (kind, lost) in [
        (Lost, HoldLost::NodeGone { node: node.clone() }),
        (Lost, HoldLost::NodeRestarted { node: node.clone() }),
        (Lost, HoldLost::Moved { from, to }),
        (ErrorKind::Closed, HoldLost::Closed),
    ] {
        let error = AcquireError::Lost(lost.clone());
        assert!(error.may_hold());
        found.is(kind, error).is(kind, lost);
    }
    found
        .is(TimedOut, AcquireError::Timeout { after })
        .is(Refused, AcquireError::Refused)
        .is(Busy, AcquireError::TooMany { limit: 1 });
}

/// Finds the errors of structures.
pub(super) fn structures(found: &mut Found) {
    let (region, after, node) = (Arc::<str>::from("r"), AFTER, node());
    let expired = NotSent::Expired(MissingRoute::Owner).into();
    let mut snapshot = TopologySnapshot::default();
    let allocation = ShardAllocation {
        primary: node,
        replicas: casty_proto::Tuple::default(),
    };
    let shards = [(7, allocation)].into_iter().collect();
    snapshot.shard_allocations.insert("r".into(), shards);
    let view = View::from_snapshot(snapshot);
    let count = ShardCount::new(3).expect("is not 0");
    let contradiction = CountContradiction::of(&view, "r", count).expect("shard 7");
    let timeout = AskError::Timeout { after, attempts: 1 };
    let not_hosted = StructureError::NotHosted {
        region: Arc::clone(&region),
        shards: 1,
        source: Box::new(expired),
    };
    let wrong = StructureError::WrongShards {
        region: Arc::clone(&region),
        shards: 1,
        contradiction: Box::new(contradiction),
    };
    let not_released = StructureError::NotReleased {
        name: Arc::clone(&region),
        source: Box::new(timeout),
    };
    found
        .structure(Unavailable, not_hosted)
        .structure(Refused, wrong)
        .structure(Unavailable, StructureError::NoView { after })
        .structure(Refused, StructureError::OtherExpected { expected: 1 })
        .structure(TimedOut, not_released)
        .structure(Bug, StructureError::Unhashable { class: region });
}

/// Finds the errors of streams.
pub(super) fn streams(found: &mut Found) {
    let (after, node) = (AFTER, node());
    let (elements, bytes, producer) = (1, 1, text());
    found
        .is(
            Unavailable,
            StreamError::NotConnected {
                node: node.clone(),
                after,
            },
        )
        .is(TimedOut, StreamError::NoAnswer { producer, after })
        .is(Lost, StreamError::Lost { node: node.clone() })
        .is(TimedOut, StreamError::Silent { after })
        .is(Lost, StreamError::Overflow { elements, bytes })
        .is(Bug, StreamError::Unreadable(undecoded()))
        .is(Busy, StreamError::TooMany { limit: 1 })
        .is(ErrorKind::Closed, StreamError::Closed)
        .is(Bug, ProducerError::Encode(unencoded()))
        .is(
            Refused,
            ProducerError::TooLong {
                length: 2,
                limit: 1,
            },
        )
        .is(Busy, ProducerError::NoDemand { after })
        .is(TimedOut, ProducerError::NotCompleted { after })
        .is(Refused, ProducerError::Cancelled)
        .is(Lost, ProducerError::ConsumerLost { node })
        .is(Bug, ProducerError::Completed)
        .is(ErrorKind::Closed, ProducerError::Closed);
}
