//! The route tables that a thread used last: looking an owner up reads one number that others write.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use casty_routing::{CachedTable, RouteTable, SharedTable};

use crate::node::peer::Peer;

/// The tables that a thread keeps, each of another client.
const KEPT: usize = 4;

thread_local! {
    /// Keeps the peers of the table that each was last, with their empty outboxes, until this thread
    /// sends again or ends.
    static TABLES: [Cell<Option<Rc<Kept>>>; KEPT] = const { [const { Cell::new(None) }; KEPT] };
}

/// A table, and the client whose it is.
struct Kept {
    client: u64,
    table: CachedTable<Arc<Peer>>,
}

/// A look at the table that is current. Whoever runs meanwhile on the same thread may look as well: a
/// push may wake a task, and so run code that sends on its part.
pub(crate) struct Current(Rc<Kept>);

impl Deref for Current {
    type Target = RouteTable<Arc<Peer>>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0.table
    }
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

    /// Returns the current table. No lock is held meanwhile.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "short, and every message looks")]
    pub(crate) fn current(&self) -> Current {
        let place = usize::try_from(self.client).unwrap_or(0) % KEPT;
        let kept = TABLES.try_with(|tables| {
            let place = &tables[place];
            let kept = place.take().filter(|kept| self.is_current(kept));
            let kept = kept.unwrap_or_else(|| self.load());
            // It was taken out, so there is nothing to drop, and no code that looks is run.
            std::mem::forget(place.replace(Some(Rc::clone(&kept))));
            kept
        });
        // A thread that is about to end keeps none.
        Current(kept.unwrap_or_else(|_| self.load()))
    }

    /// Returns the current table, which is the one that was `looked` at before if that still is.
    #[inline]
    pub(crate) fn refreshed(&self, looked: Current) -> Current {
        if self.is_current(&looked.0) {
            looked
        } else {
            self.current()
        }
    }

    #[inline]
    fn is_current(&self, kept: &Kept) -> bool {
        kept.client == self.client && self.shared.is_current(&kept.table)
    }

    #[cold]
    fn load(&self) -> Rc<Kept> {
        let table = self.shared.cached();
        Rc::new(Kept {
            client: self.client,
            table,
        })
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
                    assert_eq!(&raw const *tables.current(), stored);
                }
            }
        }
    }

    #[test]
    fn a_table_that_was_looked_at_is_looked_at_again_while_it_is_current() {
        let [tables, other] = [Tables::new(), Tables::new()];
        let (first, others) = (store(&tables), store(&other));
        let looked = tables.refreshed(tables.current());
        assert_eq!(&raw const *looked, first);
        let second = store(&tables);
        let looked = tables.refreshed(looked);
        assert_eq!(&raw const *looked, second);
        assert_eq!(&raw const *other.refreshed(looked), others);
    }

    #[test]
    fn what_a_look_leads_to_may_look_again() {
        let [outer, other] = [Tables::new(), Tables::new()];
        let (first, others) = (store(&outer), store(&other));
        let looked = outer.current();
        let second = store(&outer);
        assert_eq!(&raw const *outer.current(), second);
        assert_eq!(&raw const *other.current(), others);
        assert_eq!(&raw const *looked, first, "it is not replaced in use");
    }

    #[test]
    fn a_thread_that_ends_looks_as_others_do() {
        struct Last(Arc<Tables>);
        impl Drop for Last {
            fn drop(&mut self) {
                assert_eq!(self.0.current().listed(), 0);
            }
        }
        thread_local! {
            static LAST: Cell<Option<Last>> = const { Cell::new(None) };
        }
        let tables = Arc::new(Tables::new());
        let used = std::thread::spawn(move || {
            // Registered before the tables, so dropped behind them.
            LAST.set(Some(Last(Arc::clone(&tables))));
            tables.current().listed()
        });
        assert_eq!(used.join().unwrap(), 0);
    }
}
