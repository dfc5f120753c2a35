//! Messages that the client had accepted and that did not reach a node, or may not have: who is
//! told, and what.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use casty_proto::NodeAddress;
use parking_lot::Mutex;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::error::{Fate, NotSent};

/// How many letters a slow follower may be behind.
const BACKLOG: usize = 1_024;

/// A message that was accepted, and then was not sent or may have been lost under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Whom it was for: `region/shard`, or the address and path of an actor.
    pub target: String,
    /// The Rust type of the message, as [`std::any::type_name`] writes it.
    pub message_type: &'static str,
    /// What became of it.
    pub loss: Loss,
    /// The encoded message's length in bytes; `None` if nothing of it is left to tell.
    pub length: Option<usize>,
    /// Whether somebody was told: the message was an ask, which has ended with the same fate, or
    /// was sent again because it was marked idempotent.
    pub ask: bool,
}

impl DeadLetter {
    /// What is known of the message: [`Fate::NotSent`] or [`Fate::Unknown`].
    pub fn fate(&self) -> Fate {
        match self.loss {
            Loss::NotSent(_) => Fate::NotSent,
            Loss::InFlight { .. } => Fate::Unknown,
        }
    }
}

/// What became of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// Nothing of it was sent.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The connection that carried it was lost before the node's kernel had acknowledged all of
    /// it; see [`casty_transport::drive`]. It may have arrived.
    #[error("the connection to {node} was lost with the message in flight")]
    InFlight {
        /// The node.
        node: NodeAddress,
    },
}

/// What is called with every dead letter.
pub(crate) type DeadLetterHook = Arc<dyn Fn(&DeadLetter) + Send + Sync>;

/// Tells dead letters to whom they concern.
pub(crate) struct DeadLetterSink {
    hook: Option<DeadLetterHook>,
    followers: Mutex<Followers>,
}

enum Followers {
    /// There never was one; the channel takes its memory at once.
    None,
    Some(broadcast::Sender<Arc<DeadLetter>>),
    /// The client has ended, and so have they.
    Ended,
}

impl DeadLetterSink {
    /// A sink that calls `hook`.
    pub(crate) fn new(hook: Option<DeadLetterHook>) -> Self {
        Self {
            hook,
            followers: Mutex::new(Followers::None),
        }
    }

    /// Whether anybody wants to be told.
    pub(crate) fn is_open(&self) -> bool {
        self.hook.is_some()
            || matches!(&*self.followers.lock(), Followers::Some(all) if all.receiver_count() > 0)
    }

    /// Tells a letter. The hook is the user's code, so no lock may be held. One that panics harms
    /// nobody but itself: connections and asks live in the tasks that call it.
    pub(crate) fn tell(&self, letter: DeadLetter) {
        if let Some(hook) = &self.hook {
            let called = std::panic::catch_unwind(AssertUnwindSafe(|| hook(&letter)));
            if called.is_err() {
                tracing::error!(?letter, "the dead letter hook panicked");
            }
        }
        if let Followers::Some(followers) = &*self.followers.lock() {
            // Fails when nobody follows any more.
            followers.send(Arc::new(letter)).ok();
        }
    }

    /// Ends the streams, once all letters are told.
    pub(crate) fn close(&self) {
        *self.followers.lock() = Followers::Ended;
    }

    /// Follows from here on.
    pub(crate) fn follow(&self) -> DeadLetters {
        let mut followers = self.followers.lock();
        if let Followers::None = *followers {
            *followers = Followers::Some(broadcast::Sender::new(BACKLOG));
        }
        let letters = match &*followers {
            Followers::Some(followers) => followers.subscribe(),
            Followers::None | Followers::Ended => broadcast::Sender::new(1).subscribe(),
        };
        DeadLetters { letters, missed: 0 }
    }
}

/// The stream of a client's dead letters, from the moment it was asked for; made by
/// [`ClusterClient::dead_letters`](crate::ClusterClient::dead_letters).
///
/// Bounded: whoever falls more than 1,024 letters behind misses the oldest, and
/// [`missed`](Self::missed) tells how many. The counters of [`Stats`](crate::Stats) miss none.
pub struct DeadLetters {
    letters: broadcast::Receiver<Arc<DeadLetter>>,
    missed: u64,
}

impl DeadLetters {
    /// The next letter; `None` once the client has ended and all were read.
    ///
    /// # Cancel safety
    /// No letter is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Arc<DeadLetter>> {
        loop {
            match self.letters.recv().await {
                Ok(letter) => return Some(letter),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Letters that were not read in time and are gone.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("waiting", &self.letters.len())
            .field("missed", &self.missed)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(length: usize) -> DeadLetter {
        DeadLetter {
            target: "r/1".to_owned(),
            message_type: "m",
            loss: NotSent::Expired(casty_routing::MissingRoute::Leader).into(),
            length: Some(length),
            ask: false,
        }
    }

    #[tokio::test]
    async fn a_follower_that_falls_behind_misses_the_oldest_and_learns_how_many() {
        let sink = DeadLetterSink::new(None);
        assert!(!sink.is_open());
        let mut letters = sink.follow();
        assert!(sink.is_open());
        for number in 0..BACKLOG + 3 {
            sink.tell(letter(number));
        }
        assert_eq!(letters.recv().await.unwrap().length, Some(3));
        assert_eq!(letters.missed(), 3);
        sink.close();
        assert!(sink.follow().recv().await.is_none());
        let mut rest = 0;
        while letters.recv().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, BACKLOG - 1);
    }
}
