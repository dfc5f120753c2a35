//! The errors of messages.

use super::*;

/// Finds the reasons for which messages are not sent, or lost.
pub(super) fn not_sent(found: &mut Found) {
    found
        .not_sent(Unavailable, NotSent::Expired(MissingRoute::View))
        .not_sent(Unavailable, NotSent::Expired(MissingRoute::Leader))
        .not_sent(Unavailable, NotSent::Expired(MissingRoute::Owner))
        .not_sent(Busy, NotSent::Expired(MissingRoute::Capacity(node())))
        .not_sent(Busy, NotSent::BufferFull)
        .not_sent(Busy, NotSent::Displaced)
        .not_sent(Unavailable, NotSent::NodeGone)
        .not_sent(Unavailable, NotSent::ConnectionLost)
        .not_sent(Unavailable, NotSent::Abandoned)
        .not_sent(Refused, NotSent::TooLong)
        .not_sent(ErrorKind::Closed, NotSent::Closed);
    let (allocated, count) = (ShardId::new(7), ShardCount::new(3));
    let count = count.expect("is not 0");
    found.not_sent(Refused, NotSent::OtherShardCount { allocated, count });
    found.sent(Lost, Loss::InFlight { node: node() }, Fate::Unknown);
}

/// Finds the errors of tells.
pub(super) fn told(found: &mut Found) {
    let (length, limit) = (2, 1);
    let busy = TellError::Busy {
        node: node(),
        length,
        limit: OutboxLimit::Bytes(1),
    };
    found
        .told(Busy, busy)
        .told(Busy, TellError::BufferFull)
        .told(Busy, TellError::MailboxFull)
        .told(Bug, TellError::Encode(unencoded()))
        .told(Refused, TellError::TooLong { length, limit })
        .told(Bug, TellError::Address(not_casty()))
        .told(Bug, TellError::LocalReference)
        .told(Unavailable, TellError::NoLeader)
        .told(Unavailable, TellError::NoMember)
        .told(Refused, TellError::NoSuchActor)
        .told(ErrorKind::Closed, TellError::Closed);
}

/// Finds the errors of asks.
pub(super) fn asked(found: &mut Found) {
    let (length, limit, after) = (2, 1, AFTER);
    let lost = AskError::Lost {
        node: node(),
        fate: Fate::Unknown,
        attempts: 1,
    };
    found
        .asked(TimedOut, AskError::Timeout { after, attempts: 1 })
        .asked(Bug, AskError::NoReplyTo)
        .asked(Busy, AskError::TooManyAsks { limit })
        .asked(Busy, AskError::AskBytesFull { length: 1, limit })
        .asked(Refused, AskError::AskBytesFull { length, limit })
        .asked(Lost, lost)
        .asked(Lost, AskError::ReplyDropped { length: 1, limit })
        .asked(Refused, AskError::ReplyDropped { length, limit })
        .asked(ErrorKind::Closed, AskError::Closed)
        .asked(Bug, AskError::Decode(undecoded()));
}

/// Finds the limits of what comes.
pub(super) fn over_limits(found: &mut Found) {
    let length = 2;
    let max = 1;
    for (kind, limit) in [
        (Refused, OverLimit::Frame { length, max }),
        (Refused, OverLimit::InboundBytes { length, max }),
        (Lost, OverLimit::InboundBytes { length: 1, max }),
        (Refused, OverLimit::Bytes { max }),
        (Refused, OverLimit::Items { max }),
        (Refused, OverLimit::Depth { max }),
    ] {
        found
            .asked(kind, AskError::ReplyOverLimit(limit))
            .is(kind, limit);
        let views = if kind == Lost { Unavailable } else { kind };
        let (node, source) = (node(), limit);
        found.unready(views, ReadyError::ViewOverLimit { node, source });
    }
}
