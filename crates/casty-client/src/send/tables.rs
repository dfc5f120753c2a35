//! The route tables that a thread used last: looking an owner up reads one number that others write.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use casty_routing::{CachedTable, RouteTable, SharedTable};

use crate::node::peer::Peer;

/// The tables that a thread keeps, each of another client.
const KEPT: usize = 4;

thread_local! {
    /// Each is taken out while it is in use, for a push may wake a task, and so run code that sends on
    /// its part. It keeps the peers of the table that it was last, with their empty outboxes, until
    /// this thread sends again or ends.
    static TABLES: [Cell<Option<Kept>>; KEPT] = const { [const { Cell::new(None) }; KEPT] };
}

/// A table, and the client whose it is.
struct Kept {
    client: u64,
    table: CachedTable<Arc<Peer>>,
}

/// The route table of one client.
pub(crate) struct Tables {
    /// The number of the client among all of this process.
    client: u64,
    shared: SharedTable<Arc<Peer>>,
}

impl Tables {
    /// Creates a table that lists no owner yet.
    pub(crate) fn new() -> Self {
        // Relaxed: each client needs a number of its own, in no particular order.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            client: NEXT.fetch_add(1, Ordering::Relaxed),
            shared: SharedTable::new(),
        }
    }

    /// Replaces the table. To be called by the router's owner alone.
    pub(crate) fn store(&self, table: Arc<RouteTable<Arc<Peer>>>) {
        self.shared.store(table);
    }

    /// Calls `look` with the current table. No lock is held meanwhile.
    #[inline]
    pub(crate) fn with<R>(&self, look: impl FnOnce(&RouteTable<Arc<Peer>>) -> R) -> R {
        let place = usize::try_from(self.client).unwrap_or(0) % KEPT;
        // None of a thread that is about to end.
        let kept = TABLES
            .try_with(|tables| tables[place].take())
            .ok()
            .flatten();
        let kept = kept.filter(|kept| kept.client == self.client);
        let mut kept = kept.unwrap_or_else(|| Kept {
            client: self.client,
            table: self.shared.cached(),
        });
        let outcome = look(self.shared.refresh(&mut kept.table));
        TABLES.try_with(|tables| tables[place].set(Some(kept))).ok();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores an empty table, and returns its address.
    fn store(tables: &Tables) -> *const RouteTable<Arc<Peer>> {
        let table = Arc::new(RouteTable::default());
        tables.store(Arc::clone(&table));
        Arc::as_ptr(&table)
    }

    #[test]
    fn each_client_finds_its_own_current_table_in_the_place_that_it_shares() {
        let clients: Vec<_> = (0..2 * KEPT).map(|_| Tables::new()).collect();
        for _ in 0..2 {
            for tables in &clients {
                let stored = store(tables);
                for _ in 0..2 {
                    assert!(tables.with(|table| std::ptr::eq(table, stored)));
                }
            }
        }
    }

    #[test]
    fn what_a_look_leads_to_may_look_again() {
        let [outer, other] = [Tables::new(), Tables::new()];
        let (first, others) = (store(&outer), store(&other));
        outer.with(|table| {
            let second = store(&outer);
            assert!(outer.with(|table| std::ptr::eq(table, second)));
            assert!(other.with(|table| std::ptr::eq(table, others)));
            assert!(std::ptr::eq(table, first), "it is not replaced in use");
        });
    }

    #[test]
    fn a_thread_that_ends_looks_as_others_do() {
        struct Last(Arc<Tables>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.0.with(|table| assert_eq!(table.listed(), 0));
            }
        }
        thread_local! {
            static LAST: Cell<Option<Last>> = const { Cell::new(None) };
        }
        let tables = Arc::new(Tables::new());
        let used = std::thread::spawn(move || {
            // Registered before the tables, so dropped behind them.
            LAST.set(Some(Last(Arc::clone(&tables))));
            tables.with(RouteTable::listed)
        });
        assert_eq!(used.join().unwrap(), 0);
    }
}
