//! The streams of a client that nodes know of: those that are read, and those that were given up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use casty_proto::{ActorRef, NodeAddress};
use parking_lot::Mutex;

use crate::node::protocol::STREAMS_PATH;
use crate::runtime::changes::Changes;
use crate::runtime::random::Rng;

/// The number of streams that were given up whose producers are remembered.
const ABANDONED: usize = 1_024;

/// A producer, as messages to it name it.
pub(crate) type Producer = ActorRef<()>;

/// The streams of one client.
pub(crate) struct Streams {
    rng: Arc<Rng>,
    /// The number of times that streams had to look: connected nodes have changed, the client has ended,
    /// or a message found no place.
    changes: Changes,
    /// No other lock is taken with this one locked.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The streams that are read, by the paths to which their elements come. Each has a mailbox, so
    /// there are no more of them than of those.
    open: BTreeMap<Arc<str>, Open>,
    /// The latest that were given up, and that their producers may not know of.
    abandoned: VecDeque<(Arc<str>, Producer)>,
}

struct Open {
    producer: Producer,
    /// Set once something has come: the producer has no other consumer.
    confirmed: bool,
}

impl Streams {
    /// Returns the streams of a client that reads none.
    pub(crate) fn new(rng: Arc<Rng>) -> Self {
        Self {
            rng,
            changes: Changes::default(),
            known: Mutex::default(),
        }
    }

    /// Has streams look whether their nodes are still connected, and whether they have overflowed.
    pub(crate) fn changed(&self) {
        self.changes.note();
    }

    /// Returns what tells that there is something to look for.
    pub(super) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Returns a path for elements that nobody can guess: whoever knows it can send some.
    pub(super) fn path(&self) -> Arc<str> {
        let [high, low] = [(); 2].map(|()| self.rng.next_u64());
        format!("{STREAMS_PATH}{high:016x}{low:016x}").into()
    }

    /// Notes a stream that is read.
    pub(super) fn open(&self, path: &Arc<str>, producer: Producer) {
        let open = Open {
            producer,
            confirmed: false,
        };
        self.known.lock().open.insert(Arc::clone(path), open);
    }

    /// Notes that something has come from the producer of a stream.
    pub(super) fn confirmed(&self, path: &str) {
        if let Some(open) = self.known.lock().open.get_mut(path) {
            open.confirmed = true;
        }
    }

    /// Notes that a stream is read no more. One whose producer does not know it yet is abandoned: it
    /// is told once it sends something.
    pub(super) fn end(&self, path: &Arc<str>, told: bool) {
        let mut known = self.known.lock();
        let Some(open) = known.open.remove(path).filter(|_| !told) else {
            return;
        };
        if known.abandoned.len() >= ABANDONED {
            known.abandoned.pop_front();
        }
        known.abandoned.push_back((Arc::clone(path), open.producer));
    }

    /// Returns the producer that sends to a path where nobody reads, if it is to be told, which is so
    /// once.
    pub(crate) fn abandoned(&self, path: &str) -> Option<Producer> {
        let mut known = self.known.lock();
        let place = known.abandoned.iter().position(|(its, _)| **its == *path)?;
        known.abandoned.remove(place).map(|(_, producer)| producer)
    }

    /// Returns the producers of the streams that are read and confirmed, with their nodes.
    pub(crate) fn confirmed_producers(&self) -> Vec<(NodeAddress, Producer)> {
        let known = self.known.lock();
        let confirmed = known.open.values().filter(|open| open.confirmed);
        let producers = confirmed.filter_map(|open| {
            let node = open.producer.parts().ok()?.node_address()?;
            Some((node, open.producer.clone()))
        });
        producers.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        Streams::new(Arc::new(Rng::seeded(1)))
    }

    fn producer(number: usize) -> Producer {
        ActorRef::from_uri_unchecked(format!("casty://s@n:1/p{number}"))
    }

    #[test]
    fn who_sends_to_a_stream_that_was_given_up_is_told_once() {
        let streams = streams();
        let paths = [(); 3].map(|()| streams.path());
        for (number, path) in paths.iter().enumerate() {
            streams.open(path, producer(number));
        }
        streams.end(&paths[0], false);
        streams.end(&paths[1], true);
        assert_eq!(streams.abandoned(&paths[0]), Some(producer(0)));
        for path in paths {
            assert_eq!(streams.abandoned(&path), None);
        }
    }

    #[test]
    fn those_that_were_given_up_are_bounded() {
        let streams = streams();
        let paths: Vec<_> = (0..=ABANDONED).map(|_| streams.path()).collect();
        for (number, path) in paths.iter().enumerate() {
            streams.open(path, producer(number));
            streams.end(path, false);
        }
        assert_eq!(streams.abandoned(&paths[0]), None);
        assert_eq!(streams.abandoned(&paths[1]), Some(producer(1)));
        assert_eq!(streams.known.lock().abandoned.len(), ABANDONED - 1);
    }

    #[test]
    fn a_stream_is_confirmed_by_what_comes() {
        let streams = streams();
        let paths = [(); 2].map(|()| streams.path());
        for (number, path) in paths.iter().enumerate() {
            streams.open(path, producer(number));
        }
        streams.confirmed(&paths[1]);
        let expected = vec![(NodeAddress::new("n", 1), producer(1))];
        assert_eq!(streams.confirmed_producers(), expected);
    }
}
