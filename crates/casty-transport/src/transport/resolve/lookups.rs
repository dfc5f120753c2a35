//! Look-ups by the system's resolver, which blocks for as long as name servers hang.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

/// The most look-ups at a time.
///
/// Beyond it, look-ups wait for their turn, within the time to connect.
const AT_MOST: usize = 4;

/// The look-ups of the process: one at a time of each name, however many wait for it, and few at a
/// time in all.
///
/// Each takes a thread of its own, for it cannot be given up: on the runtime's blocking pool, those
/// that hang would keep its threads from the program, and the runtime from its end.
pub(super) struct Lookups {
    look_up: fn(&str) -> io::Result<Vec<IpAddr>>,
    /// A permit for each look-up that may begin. Those that wait for one are the callers, each
    /// within a limit of its own, so nothing piles up here.
    permits: Semaphore,
    /// The look-ups that go on, by name; no longer than there are permits.
    running: Mutex<BTreeMap<Arc<str>, watch::Receiver<Answer>>>,
}

/// The answer of a look-up, once there is one.
type Answer = Option<Result<Arc<[IpAddr]>, Arc<io::Error>>>;

/// The look-ups by the system's resolver.
pub(super) static SYSTEM: Lookups = Lookups::new(AT_MOST, ask_system);

fn ask_system(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

impl Lookups {
    const fn new(at_most: usize, look_up: fn(&str) -> io::Result<Vec<IpAddr>>) -> Self {
        Self {
            look_up,
            permits: Semaphore::const_new(at_most),
            running: Mutex::new(BTreeMap::new()),
        }
    }

    /// Returns the addresses that the host's name has now, in the resolver's order.
    ///
    /// # Cancel safety
    /// A look-up that has begun goes on; others may wait for it.
    pub(super) async fn addresses(&'static self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut answer = match self.join(host) {
            Some(answer) => answer,
            None => self.begin(host).await?,
        };
        let answered = answer.wait_for(Option::is_some).await;
        match answered.as_deref() {
            Ok(Some(Ok(found))) => Ok(found.to_vec()),
            // Each caller gets an error of its own.
            Ok(Some(Err(error))) => Err(io::Error::new(error.kind(), error.to_string())),
            Ok(None) | Err(_) => Err(io::Error::other("the look-up ended without an answer")),
        }
    }

    /// Returns the answer to come of a look-up of the same name that goes on.
    fn join(&self, host: &str) -> Option<watch::Receiver<Answer>> {
        self.running.lock().get(host).cloned()
    }

    /// Begins a look-up as soon as it may, unless another has begun one meanwhile.
    async fn begin(&'static self, host: &str) -> io::Result<watch::Receiver<Answer>> {
        let permit = self.permits.acquire().await.map_err(io::Error::other)?;
        // Locked until the look-up is entered, so that there is only one.
        let mut running = self.running.lock();
        if let Some(answer) = running.get(host) {
            return Ok(answer.clone());
        }
        let host: Arc<str> = host.into();
        let (sender, answer) = watch::channel(None);
        let lookup = Running {
            lookups: self,
            host: Arc::clone(&host),
        };
        let work = move || {
            let found = (lookup.lookups.look_up)(&lookup.host);
            // First, so that who asks from now on gets a newer answer.
            drop(lookup);
            sender.send_replace(Some(found.map(Into::into).map_err(Arc::new)));
        };
        // Entered before the thread begins, which takes the entry out.
        running.insert(host, answer.clone());
        drop(running);
        // The thread gives it back.
        permit.forget();
        thread::Builder::new()
            .name("casty-lookup".into())
            .spawn(work)?;
        Ok(answer)
    }
}

/// A look-up that goes on, until it is dropped, be it by a panic.
struct Running {
    lookups: &'static Lookups,
    host: Arc<str>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lookups.running.lock().remove(&self.host);
        self.lookups.permits.add_permits(1);
    }
}

#[cfg(test)]
mod tests;
