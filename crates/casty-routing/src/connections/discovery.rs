//! The decision when contacts are asked for, rather than only dialled again.
//!
//! The first question comes with the first input. Another follows when contacts are needed and
//! those that are known have failed: none is being dialled or due to be, or they had
//! [`discover_after`](super::ConnectionsConfig::discover_after) for it. A node that was just
//! connected has its time to send a view before that.

use std::time::Instant;

use casty_proto::NodeAddress;

use super::address_book::AddressBook;
use crate::backoff::Backoff;

/// The questions for contacts, and what was found.
#[derive(Debug)]
pub(super) struct Discovery {
    /// `true` while an answer is awaited.
    asking: bool,
    /// The time of the last answer.
    answered: Option<Instant>,
    /// The time before which no other question is asked.
    due: Option<Instant>,
    /// The time since which contacts are needed; `None` while they are not.
    needed_since: Option<Instant>,
    /// The time at which a node was connected last, unless it was lost.
    connected: Option<Instant>,
    /// The time of the next question, if one is to come without anything happening.
    next: Option<Instant>,
    backoff: Backoff,
    /// The number of contacts that were given, whose places come first.
    given: usize,
    /// The contacts that were found last, other than those that were given.
    found: Vec<NodeAddress>,
}

impl Discovery {
    pub(super) fn new(given: usize, backoff: Backoff) -> Self {
        Self {
            asking: false,
            answered: None,
            due: None,
            needed_since: None,
            connected: None,
            next: None,
            backoff,
            given,
            found: Vec::new(),
        }
    }

    /// Takes in an answer: contacts in place of those that were found before, unless there are none.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        contacts: Vec<NodeAddress>,
        book: &mut AddressBook,
    ) {
        self.asking = false;
        self.answered = Some(now);
        self.due = Some(now + self.backoff.failed());
        if contacts.is_empty() {
            return;
        }
        for former in self.found.drain(..) {
            book.touch(&former);
            if let Some(candidate) = book.candidates.get_mut(&former) {
                candidate.contact = None;
            }
        }
        for contact in contacts.into_iter().take(book.config.found_contacts) {
            let candidate = book.candidate(contact.clone());
            if candidate.contact.is_none() {
                candidate.contact = Some(self.given + self.found.len());
                self.found.push(contact);
            }
        }
    }

    /// Notes that a node was connected.
    pub(super) fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// Notes that a connection made at that time was lost.
    pub(super) fn lost(&mut self, since: Instant) {
        self.connected.take_if(|connected| *connected == since);
    }

    /// Returns whether contacts are to be asked for now; the question then counts as asked.
    pub(super) fn asks(&mut self, now: Instant, book: &AddressBook) -> bool {
        self.next = None;
        if !book.needs_contacts() {
            self.needed_since = None;
            return false;
        }
        let since = *self.needed_since.get_or_insert_with(|| {
            let longest = book.config.backoff.cap;
            if self.answered.is_some_and(|at| now >= at + longest) {
                // Not the outage of the last question.
                self.backoff.succeeded();
            }
            now
        });
        if self.asking {
            return false;
        }
        let at = self.answered.and_then(|answered| {
            let view_by = self.connected.map(|at| at + book.config.silence_timeout);
            let tried_by = Some(since.max(answered) + book.config.discover_after);
            let tried_by = tried_by.filter(|_| book.tries_contacts(now));
            self.due.max(view_by).max(tried_by)
        });
        self.asking = at.is_none_or(|at| at <= now);
        self.next = at.filter(|_| !self.asking);
        self.asking
    }

    /// Returns the time of the next question, if one is to come without anything happening.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}
