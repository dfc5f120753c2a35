//! The fate of connections to the addresses of names, and the order in which addresses are tried
//! because of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use casty_proto::NodeAddress;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The time for which an address that failed comes behind those that did not.
///
/// Beyond it, it is in the order of the resolver again.
const LOSER_FOR: Duration = Duration::from_secs(30);
/// The most names of which something is remembered.
const NAMES: usize = 256;

/// The addresses of names that served last, and those that failed lately.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<NodeAddress, Tried>>);

/// The addresses of one name.
#[derive(Debug, Default)]
struct Tried {
    /// The one whose peer last proved to be a node.
    winner: Option<SocketAddr>,
    /// The addresses that failed since, at most the addresses that the name had.
    losers: BTreeMap<SocketAddr, Instant>,
}

impl Memory {
    /// Sorts the addresses that a name has now: the one that served last, those that nothing is
    /// known against, those that failed, the longest ago first.
    pub(super) fn order(&self, name: &NodeAddress, addresses: &mut [SocketAddr]) {
        let mut names = self.0.lock();
        let Some(tried) = names.get_mut(name) else {
            return;
        };
        tried
            .losers
            .retain(|address, failed| failed.elapsed() < LOSER_FOR && addresses.contains(address));
        // Stable: otherwise the resolver's order stays.
        addresses.sort_by_key(|address| {
            (
                tried.losers.get(address).copied(),
                tried.winner != Some(*address),
            )
        });
    }

    /// Notes that a node answered at an address.
    pub(super) fn won(&self, name: &NodeAddress, address: SocketAddr) {
        self.change(name, |tried| {
            tried.winner = Some(address);
            tried.losers.remove(&address);
        });
    }

    /// Notes that there was no node at an address. Returns whether the name has another one that
    /// did not fail lately.
    pub(super) fn lost(&self, name: &NodeAddress, address: SocketAddr, all: &[SocketAddr]) -> bool {
        self.change(name, |tried| {
            tried.winner.take_if(|winner| *winner == address);
            tried.losers.retain(|loser, _| all.contains(loser));
            tried.losers.insert(address, Instant::now());
            let failed = |address| {
                let failed: Option<&Instant> = tried.losers.get(address);
                failed.is_some_and(|failed| failed.elapsed() < LOSER_FOR)
            };
            !all.iter().all(failed)
        })
    }

    fn change<R>(&self, name: &NodeAddress, change: impl FnOnce(&mut Tried) -> R) -> R {
        let mut names = self.0.lock();
        if names.len() >= NAMES && !names.contains_key(name) {
            // Any: it is only tried in the resolver's order again.
            names.pop_first();
        }
        change(names.entry(name.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses<const N: usize>(ports: [u16; N]) -> [SocketAddr; N] {
        ports.map(|port| ([127, 0, 0, 1], port).into())
    }

    /// Returns the ports of these addresses in the order in which they are tried.
    fn order<const N: usize>(memory: &Memory, name: &NodeAddress, ports: [u16; N]) -> [u16; N] {
        let mut sorted = addresses(ports);
        memory.order(name, &mut sorted);
        sorted.map(|address| address.port())
    }

    #[tokio::test(start_paused = true)]
    async fn the_winner_comes_first_and_losers_last_but_not_for_ever() {
        let (memory, name) = (Memory::default(), NodeAddress::new("name", 1));
        let all = addresses([1, 2, 3]);
        assert_eq!(order(&memory, &name, [1, 2, 3]), [1, 2, 3]);
        assert!(memory.lost(&name, all[0], &all));
        assert_eq!(order(&memory, &name, [1, 2, 3]), [2, 3, 1]);
        assert_eq!(order(&memory, &name, [3, 1, 2]), [3, 2, 1], "as resolved");
        memory.won(&name, all[2]);
        assert_eq!(order(&memory, &name, [1, 2, 3]), [3, 2, 1]);
        tokio::time::advance(LOSER_FOR).await;
        assert_eq!(order(&memory, &name, [1, 2, 3]), [3, 1, 2]);
        assert_eq!(order(&memory, &name, [1, 2]), [1, 2], "it is gone");
        let other = NodeAddress::new("name", 2);
        assert_eq!(order(&memory, &other, [1, 2, 3]), [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_have_failed_each_gets_its_turn() {
        let (memory, name) = (Memory::default(), NodeAddress::new("name", 1));
        let all = addresses([1, 2, 3]);
        for (round, another) in [true, true, false, false, false].into_iter().enumerate() {
            let first = order(&memory, &name, [1, 2, 3])[0];
            assert_eq!(usize::from(first), round % 3 + 1);
            let failed = all[round % 3];
            assert_eq!(memory.lost(&name, failed, &all), another, "{round}");
            tokio::time::advance(Duration::from_secs(2)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_winner_that_fails_is_the_last() {
        let (memory, name) = (Memory::default(), NodeAddress::new("name", 1));
        let all = addresses([1, 2]);
        memory.won(&name, all[0]);
        assert!(memory.lost(&name, all[0], &all));
        assert_eq!(order(&memory, &name, [1, 2]), [2, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_winner_that_failed_has_to_win_again_and_one_beside_it_keeps_its_place() {
        let (memory, name) = (Memory::default(), NodeAddress::new("name", 1));
        let all = addresses([1, 2, 3]);
        memory.won(&name, all[2]);
        memory.lost(&name, all[0], &all);
        assert_eq!(order(&memory, &name, [1, 2, 3]), [3, 2, 1]);
        memory.lost(&name, all[2], &all);
        tokio::time::advance(LOSER_FOR).await;
        assert_eq!(order(&memory, &name, [1, 2, 3]), [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let memory = Memory::default();
        for number in 0..10_000 {
            let name = NodeAddress::new(format!("name-{number}"), 1);
            memory.won(&name, addresses([1])[0]);
        }
        assert_eq!(memory.0.lock().len(), NAMES);
        let name = NodeAddress::new("name-1", 1);
        for port in 1..10_000 {
            let all = addresses([port, port + 1]);
            memory.lost(&name, all[0], &all);
        }
        assert!(memory.0.lock()[&name].losers.len() <= 2);
    }
}
