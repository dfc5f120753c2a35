//! Dead letters: messages that the client had accepted and that did not reach a node, or may not
//! have, and those who are told of them.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use casty_proto::NodeAddress;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_stream::Stream;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::error::{Fate, NotSent};

/// The number of dead letters that a slow reader may be behind.
///
/// Beyond it, a reader misses the oldest, and `DeadLetters::missed` returns how many; counters miss none.
const BACKLOG: usize = 1_024;

/// A message that was accepted, and then was not sent or may have been lost under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The target of the message: `region/shard`, or the address and path of an actor, with `leader` for the
    /// address where whichever node leads was meant; as [`Escaped`](casty_proto::Escaped) shows them.
    pub target: String,
    /// The Rust type of the message, as [`std::any::type_name`] writes it.
    pub message_type: &'static str,
    /// The reason for which it is a dead letter.
    pub loss: Loss,
    /// The encoded message's length in bytes; `None` if nothing of it is left to tell.
    pub length: Option<usize>,
    /// Set if the message was an ask: its caller was told the same, or it was sent again because it
    /// was marked idempotent.
    pub ask: bool,
}

impl DeadLetter {
    /// Returns the fate of the message: [`Fate::NotSent`] or [`Fate::Unknown`].
    pub fn fate(&self) -> Fate {
        match self.loss {
            Loss::NotSent(_) => Fate::NotSent,
            Loss::InFlight { .. } => Fate::Unknown,
        }
    }
}

/// The reason for which a message is a dead letter.
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

/// A function that is called with every dead letter.
pub(crate) type DeadLetterHook = Arc<dyn Fn(&DeadLetter) + Send + Sync>;

/// The place where dead letters go: the hook, and the streams that follow.
pub(crate) struct DeadLetterSink {
    hook: Option<DeadLetterHook>,
    followers: Mutex<Followers>,
}

enum Followers {
    /// No stream was ever asked for; the channel takes its memory at once.
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

    /// Returns whether there is a hook or a stream, so that letters are worth making.
    pub(crate) fn is_open(&self) -> bool {
        self.hook.is_some()
            || matches!(&*self.followers.lock(), Followers::Some(all) if all.receiver_count() > 0)
    }

    /// Hands a letter to the hook and the streams. The hook is the user's code, so no lock may be
    /// held. One that panics harms nobody but itself: connections and asks live in the tasks that
    /// call it. One that sends, and so makes the next letter, is not called for that one: it would
    /// never return.
    pub(crate) fn send(&self, letter: DeadLetter) {
        if let Some(hook) = &self.hook {
            if let Some(_call) = HookCall::begin(self) {
                let called = std::panic::catch_unwind(AssertUnwindSafe(|| hook(&letter)));
                if called.is_err() {
                    tracing::error!(
                        target = letter.target,
                        message = letter.message_type,
                        reason = %letter.loss,
                        "the dead letter hook panicked"
                    );
                }
            } else {
                tracing::debug!(
                    target = letter.target,
                    message = letter.message_type,
                    reason = %letter.loss,
                    "a dead letter of the dead letter hook itself"
                );
            }
        }
        if let Followers::Some(followers) = &*self.followers.lock() {
            // Fails when nobody follows any more.
            followers.send(Arc::new(letter)).ok();
        }
    }

    /// Ends the streams once all letters are read.
    pub(crate) fn close(&self) {
        *self.followers.lock() = Followers::Ended;
    }

    /// Returns a stream of the letters from here on.
    pub(crate) fn follow(&self) -> DeadLetters {
        let mut followers = self.followers.lock();
        if let Followers::None = *followers {
            *followers = Followers::Some(broadcast::Sender::new(BACKLOG));
        }
        let letters = match &*followers {
            Followers::Some(followers) => followers.subscribe(),
            Followers::None | Followers::Ended => broadcast::Sender::new(1).subscribe(),
        };
        DeadLetters {
            letters: BroadcastStream::new(letters),
            missed: 0,
        }
    }
}

thread_local! {
    /// The sinks whose hook is running on this thread, by their addresses.
    static RUNNING: RefCell<Vec<*const DeadLetterSink>> = const { RefCell::new(Vec::new()) };
}

/// A call of a sink's hook, which is over when this is dropped.
struct HookCall;

impl HookCall {
    /// Begins a call, unless one of the same hook is running on this thread.
    fn begin(sink: &DeadLetterSink) -> Option<Self> {
        let sink = std::ptr::from_ref(sink);
        RUNNING.with_borrow_mut(|running| {
            let nested = running.contains(&sink);
            (!nested).then(|| {
                running.push(sink);
                Self
            })
        })
    }
}

impl Drop for HookCall {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}

/// The stream of a client's dead letters from the moment it was made, by
/// [`ClusterClient::dead_letters`](crate::ClusterClient::dead_letters).
///
/// Bounded: a reader that falls more than 1,024 letters behind misses the oldest, and
/// [`missed`](Self::missed) returns their number. The counters of [`Stats`](crate::Stats) miss none.
///
/// It is a [`Stream`] as well, of the same letters.
#[must_use = "letters are lost unless they are read"]
pub struct DeadLetters {
    letters: BroadcastStream<Arc<DeadLetter>>,
    missed: u64,
}

impl DeadLetters {
    /// Returns the next letter, as soon as there is one; `None` once the client has ended and all
    /// were read.
    ///
    /// # Cancel safety
    /// No letter is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Arc<DeadLetter>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Returns the number of letters that were not read in time and are gone.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl Stream for DeadLetters {
    type Item = Arc<DeadLetter>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(received) = ready!(Pin::new(&mut self.letters).poll_next(cx)) {
            match received {
                Ok(letter) => return Poll::Ready(Some(letter)),
                Err(BroadcastStreamRecvError::Lagged(missed)) => self.missed += missed,
            }
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

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
    async fn a_hook_that_makes_a_letter_is_not_called_for_that_one_and_the_stream_has_both() {
        let sink = Arc::new_cyclic(|sink: &Weak<DeadLetterSink>| {
            let sink = Weak::clone(sink);
            DeadLetterSink::new(Some(Arc::new(move |heard: &DeadLetter| {
                let next = heard.length.map_or(0, |length| length + 1);
                sink.upgrade().unwrap().send(letter(next));
            })))
        });
        let mut letters = sink.follow();
        sink.send(letter(1));
        sink.send(letter(7));
        sink.close();
        let mut heard = Vec::new();
        while let Some(letter) = letters.recv().await {
            heard.extend(letter.length);
        }
        assert_eq!(heard, [2, 1, 8, 7]);
    }

    #[tokio::test]
    async fn a_follower_that_falls_behind_misses_the_oldest_and_learns_how_many() {
        let sink = DeadLetterSink::new(None);
        assert!(!sink.is_open());
        let mut letters = sink.follow();
        assert!(sink.is_open());
        for number in 0..BACKLOG + 3 {
            sink.send(letter(number));
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
