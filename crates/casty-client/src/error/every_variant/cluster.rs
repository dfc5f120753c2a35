//! The errors of the cluster's state.

use super::*;

/// Finds the errors of a cluster that is not there.
pub(super) fn not_ready(found: &mut Found) {
    let timeout = |failures, discovery, silent| ReadyError::Timeout {
        after: AFTER,
        failures,
        discovery,
        silent,
    };
    let (good, bad) = ((node(), unconnected()), (node(), misnamed()));
    let (found_system, expected, source): (Arc<str>, Arc<str>, _) =
        ("a".into(), "b".into(), undecoded());
    let other = ReadyError::OtherSystem {
        node: node(),
        found: found_system,
        expected,
    };
    found
        .unready(Unavailable, timeout(Vec::new(), None, Vec::new()))
        .unready(
            Unavailable,
            timeout(vec![bad.clone(), good], None, Vec::new()),
        )
        .unready(Unavailable, timeout(vec![bad.clone()], None, vec![node()]))
        .unready(
            Unavailable,
            timeout(vec![bad.clone()], Some(DiscoveryError::Empty), Vec::new()),
        )
        .unready(Refused, timeout(vec![bad], None, Vec::new()))
        .unready(Refused, other)
        .unready(Refused, ReadyError::OtherVersion(other_version()))
        .unready(
            Refused,
            ReadyError::Unreadable {
                node: node(),
                source,
            },
        )
        .unready(ErrorKind::Closed, ReadyError::Closed)
        .is(ErrorKind::Closed, Closed)
        .is(
            Unavailable,
            DiscoveryError::Failed(Arc::new(io::Error::other("x"))),
        )
        .is(Unavailable, DiscoveryError::Empty)
        .is(Unavailable, DiscoveryError::Timeout(AFTER))
        .is(Bug, DiscoveryError::Panicked("x".into()));
}

/// Finds the errors of services.
pub(super) fn services(found: &mut Found) {
    let too_few = LookupError::TooFew {
        service: text(),
        wanted: 1,
        after: AFTER,
        live: Vec::new(),
        most: 0,
        dead: Vec::new(),
    };
    found
        .is(Unavailable, too_few)
        .is(ErrorKind::Closed, LookupError::Closed);
    let (service, dead) = (text(), Vec::new());
    for (kind, error) in [
        (Unavailable, PickError::NotReady),
        (Unavailable, PickError::NoInstance { service, dead }),
        (
            Unavailable,
            PickError::NotThere {
                service: text(),
                node: node(),
            },
        ),
        (ErrorKind::Closed, PickError::Closed),
    ] {
        let not_picked: PickedError<AskError> = PickedError::NotPicked(error.clone());
        found
            .sent(kind, not_picked, Fate::NotSent)
            .sent(kind, error, Fate::NotSent);
    }
}

/// Finds the errors of members declared dead.
pub(super) fn downs(found: &mut Found) {
    let (node, after) = (node(), AFTER);
    let still_up = StillUp {
        node: node.clone(),
        after,
        called_up_by: Vec::new(),
        silent: Vec::new(),
    };
    let not_vacated = NotVacated {
        node: node.clone(),
        after,
        shards: BTreeMap::default(),
        listed_by: Vec::new(),
        silent: Vec::new(),
        reminded: Vec::new(),
    };
    let untold = |error| NotTold::Unanswered(error);
    let attempts = 1;
    for (kind, error) in [
        (Unavailable, NotTold::NotConnected("x".into())),
        (TimedOut, untold(AskError::Timeout { after, attempts })),
        (Lost, untold(TellError::BufferFull.into())),
    ] {
        let fate = error.fate();
        found.sent(kind, error, fate);
    }
    found
        .is(Refused, DownError::Alive { node: node.clone() })
        .is(Refused, DownError::UnknownMember { node })
        .is(Unavailable, DownError::NobodyAnswers)
        .is(TimedOut, still_up)
        .is(TimedOut, not_vacated);
}
