//! The instances of one service, and the choice of one of them: those that failed lately last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_proto::message::ServiceEntry;
use casty_routing::View;
use parking_lot::Mutex;

use crate::error::services::PickError;
use crate::runtime::clock;
use crate::runtime::random::Rng;
use crate::send::Core;

/// The time for which an instance that failed is set aside, unless it is set.
///
/// Beyond it, it is picked as any other.
const ASIDE: Duration = Duration::from_secs(5);

/// The way in which a [`Picker`](crate::Picker) picks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PickBy {
    /// One instance after the other, by node and path. Where the turn begins differs from picker to
    /// picker; clones take turns together.
    #[default]
    RoundRobin,
    /// Any instance, by lot: each as likely as the others.
    Any,
    /// The instance on this node; of several there, one after the other.
    Node(NodeAddress),
}

/// The instances of one service, as one picker and its clones see them.
#[derive(Clone)]
pub(super) struct Instances {
    pub(super) core: Arc<Core>,
    /// The name of the service's key.
    service: Arc<str>,
    pub(super) by: PickBy,
    pub(super) aside_for: Duration,
    shared: Arc<Shared>,
}

/// The state that the clones of a picker share.
struct Shared {
    /// The number of picks in turn. Relaxed: each pick takes a number of its own, and nothing else.
    turn: AtomicU64,
    lots: Rng,
    /// The instances that are set aside, and until when. Only listed ones are put in, and others taken
    /// out whenever one is, so that it is no larger than a view's list. The lock comes with the last of
    /// the [lock order](crate::shared): no other is taken with it, and no code of the user runs.
    aside: Mutex<BTreeMap<Place, Instant>>,
}

/// The node and the path of an instance.
type Place = (NodeAddress, Arc<str>);

/// The rank of an instance: the best ones are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Connected,
    NotConnected,
    SetAside,
    Tried,
}

impl Instances {
    pub(super) fn of(core: &Arc<Core>, service: &str) -> Self {
        // Pickers differ by it, and those of a client with a seed are the same each time.
        let lots = Rng::seeded(core.rng.next_u64());
        let shared = Shared {
            turn: AtomicU64::new(lots.next_u64() >> 1),
            lots,
            aside: Mutex::default(),
        };
        Self {
            core: Arc::clone(core),
            service: service.into(),
            by: PickBy::default(),
            aside_for: ASIDE,
            shared: Arc::new(shared),
        }
    }

    /// Picks an instance; one that was `tried` for the same message only if there is no other, not even one
    /// that is set aside.
    pub(super) fn pick(&self, tried: &[ServiceEntry]) -> Result<ServiceEntry, PickError> {
        if self.core.is_closed() {
            return Err(PickError::Closed);
        }
        let view = self.core.view.borrow().clone();
        let view = view.ok_or(PickError::NotReady)?;
        let live = view.live_services(&self.service);
        let on_node = |entry: &&ServiceEntry| match &self.by {
            PickBy::Node(node) => entry.node == *node,
            PickBy::RoundRobin | PickBy::Any => true,
        };
        let candidates: Vec<_> = live.filter(on_node).collect();
        let ranks = self.ranks(&candidates, tried);
        let best = ranks.iter().min().ok_or_else(|| self.none_in(&view))?;
        let best: Vec<_> = candidates
            .iter()
            .zip(&ranks)
            .filter(|(_, rank)| *rank == best)
            .collect();
        let number = match self.by {
            PickBy::Any => self.shared.lots.next_u64(),
            PickBy::RoundRobin | PickBy::Node(_) => {
                self.shared.turn.fetch_add(1, Ordering::Relaxed)
            }
        };
        let place = number % u64::try_from(best.len()).unwrap_or(u64::MAX).max(1);
        let picked = usize::try_from(place).ok().and_then(|at| best.get(at));
        let (entry, _) = picked.ok_or_else(|| self.none_in(&view))?;
        Ok((**entry).clone())
    }

    /// Returns the ranks of instances.
    fn ranks(&self, of: &[&ServiceEntry], tried: &[ServiceEntry]) -> Vec<Rank> {
        let now = clock::precise_now();
        let mut ranks: Vec<_> = {
            let aside = self.shared.aside.lock();
            let is_aside = |entry: &ServiceEntry| {
                let until = aside.get(&place_of(entry));
                until.is_some_and(|until| *until > now)
            };
            let rank = |entry: &&ServiceEntry| {
                if tried.contains(entry) {
                    Rank::Tried
                } else if is_aside(entry) {
                    Rank::SetAside
                } else {
                    Rank::NotConnected
                }
            };
            of.iter().map(rank).collect()
        };
        let connected = self.core.connected.read();
        for (entry, rank) in of.iter().zip(&mut ranks) {
            if *rank == Rank::NotConnected && connected.contains_key(&entry.node) {
                *rank = Rank::Connected;
            }
        }
        ranks
    }

    /// Returns the error of a view without an instance to pick.
    fn none_in(&self, view: &View) -> PickError {
        let service = (*self.service).to_owned();
        if let PickBy::Node(node) = &self.by {
            let node = node.clone();
            return PickError::NotThere { service, node };
        }
        let dead = view.services(&self.service).iter();
        PickError::NoInstance {
            service,
            dead: dead.map(|entry| entry.node.clone()).collect(),
        }
    }

    /// Sets an instance aside that failed. No effect if the view does not list it.
    pub(super) fn failed(&self, node: &NodeAddress, path: &str) {
        let view = self.core.view.borrow().clone().unwrap_or_default();
        let now = clock::precise_now();
        let until = clock::from_now(self.aside_for);
        let listed = |node: &NodeAddress, path: &str| {
            let all = view.services(&self.service);
            all.iter()
                .any(|entry| entry.node == *node && *entry.path == *path)
        };
        let mut aside = self.shared.aside.lock();
        aside.retain(|(node, path), until| *until > now && listed(node, path));
        if until > now && listed(node, path) {
            aside.insert((node.clone(), path.into()), until);
        }
    }

    /// Takes an instance back that is set aside.
    pub(super) fn answered(&self, node: &NodeAddress, path: &str) {
        self.shared
            .aside
            .lock()
            .remove(&(node.clone(), path.into()));
    }

    /// Returns whether an instance is set aside.
    pub(super) fn is_set_aside(&self, node: &NodeAddress, path: &str) -> bool {
        let place = (node.clone(), path.into());
        let until = self.shared.aside.lock().get(&place).copied();
        until.is_some_and(|until| until > clock::precise_now())
    }
}

/// Returns the place of an instance.
fn place_of(entry: &ServiceEntry) -> Place {
    (entry.node.clone(), Arc::clone(&entry.path))
}
