//! The lock.

use std::fmt;
use std::time::Duration;

use crate::client::region::EntityRef;
use crate::distributed::acquirer::Acquirer;
use crate::distributed::error::{AcquireError, StructureError};
use crate::distributed::guard::Guard;
use crate::distributed::hold::Kind;
use crate::distributed::structure::Structure;

/// A lock that one participant holds at a time, made by [`Distributed::lock`](crate::Distributed::lock).
/// Cheap to clone. Not reentrant: each acquire is an owner of its own.
///
/// What holds for every participant, of any language, because nodes of casty 0.21 know no leases:
///
/// * A holder that dies never frees it, nor does one that is cut off for good. An operator does, by
///   [`release_owner`](Self::release_owner) with the [owner's name](Guard::owner) from a log, or by
///   [`destroy`](Self::destroy), which takes it from everybody, and leaves those who wait without an answer.
/// * Who waits for a turn cannot leave the queue. This client carries an acquire that timed out or was
///   dropped on in the background, and releases it as soon as it is granted. If the process ends before, its
///   turn comes and nobody releases it: in programs that live for seconds prefer
///   [`try_within`](Self::try_within), which takes no place in the queue.
/// * An acquire must not be sent again when its reply is lost: it may wait in the queue, or hold. Here each
///   has an owner's name of its own, and under that the client sends releases in the background until a node
///   confirms that nothing is left, or the node is gone, or the client is closed, which counts what no node
///   has confirmed ([`CloseReport::unreleased`](crate::CloseReport::unreleased)). A node that pauses for a
///   second or two is called gone and has all that it granted: if it is back within five minutes, what was
///   lost to its holder is released there. What remains: if the process ends before, or the node comes back
///   later, it stays held.
/// * Its state is gone with its node, while holders go on: [`Guard::loss`].
///
/// ```no_run
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), Box<dyn std::error::Error>> {
/// let lock = client.distributed().lock("nightly")?;
/// if let Some(guard) = lock.try_acquire().await? {
///     tokio::select! {
///         () = work() => println!("{:?}", guard.release().await?),
///         lost = guard.lost() => println!("stopped, for {lost}"),
///     }
/// }
/// # Ok(())
/// # }
/// # async fn work() {}
/// ```
#[derive(Clone)]
pub struct Lock {
    acquirer: Acquirer,
}

impl Lock {
    pub(super) fn new(structure: Structure) -> Self {
        Self {
            acquirer: Acquirer::new(structure, Kind::Lock),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.acquirer.structure.name()
    }

    /// Returns the entity that it is, for messages of your own.
    pub fn entity(&self) -> &EntityRef {
        &self.acquirer.entity
    }

    /// Acquires it: waits in the node's queue for the handle's time, by default 5 s.
    ///
    /// # Errors
    /// It was not granted in time, or cannot be asked for; what may be left of it is released in the
    /// background.
    ///
    /// # Cancel safety
    /// A lock that is granted later is released at once, in the background.
    pub async fn acquire(&self) -> Result<Guard, AcquireError> {
        self.acquirer.acquire(None).await
    }

    /// Acquires it, and waits in the node's queue for at most `within`; see
    /// [`acquire`](Self::acquire).
    ///
    /// # Errors
    /// As those of [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// As that of [`acquire`](Self::acquire).
    pub async fn acquire_within(&self, within: Duration) -> Result<Guard, AcquireError> {
        self.acquirer.acquire(Some(within)).await
    }

    /// Acquires it if it is free; `None` if not. Takes no place in the queue.
    ///
    /// # Errors
    /// No reply came: it may be held, and is released in the background.
    ///
    /// # Cancel safety
    /// If it is granted all the same, it is released in the background.
    pub async fn try_acquire(&self) -> Result<Option<Guard>, AcquireError> {
        self.acquirer.try_acquire().await
    }

    /// Acquires it, and tries again and again for at most `within`, with pauses of 20 ms to 0.5 s.
    ///
    /// It takes no place in the queue, so nothing of it is left however the process ends. Those who wait in
    /// the queue come first, always. Each attempt waits for its answer no longer than the handle's time, and
    /// all of them together no longer than `within`.
    ///
    /// # Errors
    /// It was never free when asked, or no reply came.
    ///
    /// # Cancel safety
    /// As that of [`try_acquire`](Self::try_acquire).
    pub async fn try_within(&self, within: Duration) -> Result<Guard, AcquireError> {
        self.acquirer.try_within(within).await
    }

    /// Releases what an owner holds, known by the name that [`Guard::owner`] and `owner` of Casty's messages
    /// have, and returns whether it held anything. For operators, when a holder is dead: one that lives is
    /// not told. Sent once.
    ///
    /// # Errors
    /// No reply came; it may be released unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be released, whether or not that is waited for.
    pub async fn release_owner(&self, owner: &str) -> Result<bool, StructureError> {
        self.acquirer.release_owner(owner).await
    }

    /// Destroys it: it is free then, whoever held it, and those who wait get no answer. For operators. Sent
    /// once.
    ///
    /// # Errors
    /// No reply came; it may be destroyed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be destroyed, whether or not that is waited for.
    pub async fn destroy(&self) -> Result<bool, StructureError> {
        self.acquirer.destroy().await
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acquirer.structure.debug("Lock", f)
    }
}
