//! Asks of an instance that is picked for each, and of others if they are sent again.

use std::fmt;
use std::sync::Arc;

use casty_proto::message::ServiceEntry;
use casty_proto::{ActorRef, Listed, NodeAddress};
use parking_lot::Mutex;
use serde::Serialize;

use crate::ask::choice::{AskChoice, sealed};
use crate::ask::retry::Others;
use crate::ask::sender::{AskSender, SendAsk};
use crate::client::bound_ref::{Place, place};
use crate::client::path::actor_at;
use crate::client::services::picker::instances::Instances;
use crate::error::services::{PickError, PickedError};
use crate::error::{AskError, NotSent};
use crate::message::Plain;
use crate::send::wait::is_full;

/// The instances that a [`Picker`](crate::Picker) has picked for one ask: the first, and one more for each
/// further copy of an [idempotent](crate::Ask::idempotent) one. An implementation detail of
/// [`Ask`](crate::Ask), whose error it makes a [`PickedError`].
pub struct PickedInstance {
    picked: Arc<Picked>,
    /// The same, as what is sent again knows them.
    others: Arc<dyn Others>,
}

struct Picked {
    instances: Instances,
    /// A lock that is last in the [lock order](crate::shared): no other is taken with it.
    tried: Mutex<Tried>,
}

/// The instances that the message went to.
#[derive(Clone)]
struct Tried {
    last: ServiceEntry,
    /// The ones before, fewer than there are attempts.
    earlier: Vec<ServiceEntry>,
}

impl Tried {
    fn all(mut self) -> Vec<ServiceEntry> {
        self.earlier.push(self.last);
        self.earlier
    }
}

impl PickedInstance {
    fn first(instances: &Instances) -> Result<Self, PickError> {
        let tried = Tried {
            last: instances.pick(&[])?,
            earlier: Vec::new(),
        };
        let picked = Arc::new(Picked {
            instances: instances.clone(),
            tried: Mutex::new(tried),
        });
        Ok(Self {
            others: Arc::<Picked>::clone(&picked),
            picked,
        })
    }

    fn tried(&self) -> Tried {
        self.picked.tried.lock().clone()
    }
}

impl sealed::Sealed for PickedInstance {}

impl AskChoice for PickedInstance {
    type Error = PickedError<AskError>;

    /// Nothing tells which copy was answered, so of several instances none is taken back.
    fn answered(&self) {
        let Tried { last, earlier } = self.tried();
        if earlier.iter().all(|it| *it == last) {
            self.picked.instances.answered(&last.node, &last.path);
        }
    }

    fn failed(&self, error: AskError) -> PickedError<AskError> {
        let tried = self.tried();
        let node = tried.last.node.clone();
        match verdict(&error) {
            Some(true) => self.answered(),
            Some(false) => {
                for ServiceEntry { node, path, .. } in &tried.all() {
                    self.picked.instances.failed(node, path);
                }
            }
            None => {}
        }
        PickedError::Failed {
            node,
            source: error,
        }
    }
}

impl Others for Picked {
    fn next(&self, early: bool) -> Option<(NodeAddress, Arc<str>)> {
        let tried = self.tried.lock().clone();
        if !early {
            let ServiceEntry { node, path, .. } = &tried.last;
            self.instances.failed(node, path);
        }
        let tried = tried.all();
        let last = self.instances.pick(&tried).ok()?;
        let (node, path) = (last.node.clone(), Arc::clone(&last.path));
        // A view may name what is no address.
        actor_at::<()>(&self.instances.core, &node, &path)
            .parts()
            .ok()?;
        *self.tried.lock() = Tried {
            last,
            earlier: tried,
        };
        Some((node, path))
    }
}

/// The making of a message, and the sending of it to an instance that is picked for it.
pub(super) struct AskPicked<'a, F> {
    pub(super) instances: &'a Instances,
    pub(super) message: F,
}

impl<M, R, F> SendAsk<R, PickedInstance> for AskPicked<'_, F>
where
    M: Serialize,
    F: FnOnce(ActorRef<R>) -> M,
{
    fn choose(&self) -> Result<PickedInstance, PickedError<AskError>> {
        Ok(PickedInstance::first(self.instances)?)
    }

    fn send(
        self,
        chosen: &PickedInstance,
        ask: &mut AskSender<'_>,
        reply_to: ActorRef<R>,
    ) -> Result<(), AskError> {
        let core = &self.instances.core;
        let ServiceEntry { node, path, .. } = chosen.tried().last;
        let actor = actor_at::<M>(core, &node, &path);
        let message = (self.message)(reply_to);
        core.encoded(&Plain(&message), |class, message| {
            match place(core, &actor, class)? {
                Place::Here(path) => ask.deliver_here(path, message.bytes),
                Place::There(to) => ask.send_to_one_of(&chosen.others, &to, class, message),
            }
        })
    }
}

/// Returns whether the end of an ask shows that its instance works; `None` if it shows nothing.
fn verdict(error: &AskError) -> Option<bool> {
    match error {
        AskError::ReplyDropped { .. } | AskError::ReplyOverLimit(_) | AskError::Decode(_) => {
            Some(true)
        }
        AskError::Timeout { .. } | AskError::Lost { .. } => Some(false),
        AskError::Refused(refused) => is_full(refused).then_some(false),
        AskError::NotSent(reason) => match reason {
            NotSent::Expired(_) | NotSent::BufferFull | NotSent::Displaced | NotSent::NodeGone => {
                Some(false)
            }
            NotSent::OtherShardCount { .. }
            | NotSent::ConnectionLost
            | NotSent::Abandoned
            | NotSent::Closed
            | NotSent::TooLong => None,
        },
        AskError::NoReplyTo
        | AskError::TooManyAsks { .. }
        | AskError::AskBytesFull { .. }
        | AskError::Closed => None,
    }
}

impl fmt::Debug for PickedInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = self.tried().all();
        let nodes = tried.iter().map(|entry| &entry.node);
        write!(f, "PickedInstance({})", Listed(nodes, ", "))
    }
}
