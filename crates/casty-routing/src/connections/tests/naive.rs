//! The decisions about dials in their plain form, which looks at every address, to hold those of
//! the agenda against.

use super::*;
use crate::connections::address_book::{AddressBook, Candidate};

/// Checks that the engine has left nothing to do for `now`, and waits for what is due first.
#[track_caller]
pub(super) fn check(engine: &Connections, now: Instant) {
    let book = &engine.book;
    let idle = idle(book);
    let capacity = capacity(book);
    let staggered = book.next_contact.is_some_and(|next| next > now);
    let mut next = Vec::new();
    for (address, due) in idle {
        let due_now = due.is_none_or(|due| due <= now);
        if book.is_needed(address) {
            assert!(!(due_now && capacity.0), "{address} is not dialled");
            next.extend(due.filter(|_| capacity.0));
        } else {
            let dialled = due_now && capacity.1 && !staggered;
            assert!(!dialled, "contact {address} is not dialled");
            next.extend(due.max(book.next_contact).filter(|_| capacity.1));
        }
    }
    for (node, open) in book.open.nodes().map(|node| (node, book.open.get(node))) {
        if engine.source.as_ref() != Some(node) {
            next.extend(open.and_then(|open| open.ends));
        }
    }
    assert_eq!(engine.deadline(), next.into_iter().min());
    let non_members = book.open.nodes().map(|node| book.open.get(node));
    let non_members = non_members.filter(|open| open.is_some_and(|open| open.non_member));
    assert_eq!(book.open.non_members(), non_members.count());
}

/// Returns whether a member, and whether a contact, may be dialled beside those that are.
fn capacity(book: &AddressBook) -> (bool, bool) {
    let members = book.dialling.iter().filter(|node| book.is_needed(node));
    let members = members.count();
    let others = book.dialling.len() - members;
    let (most_contacts, most_members) = (book.config.contact_dials, book.config.member_dials);
    let full = book.dialling.len() >= most_contacts + most_members;
    (
        !full && members < most_members,
        !full && others < most_contacts,
    )
}

/// Returns the addresses that should lead to a connection, do not, and are not being dialled, with
/// the time at which to dial each.
fn idle(book: &AddressBook) -> Vec<(&NodeAddress, Option<Instant>)> {
    let away = |node| book.suspects.contains(node) && !book.open.contains(node);
    let contacts = book.stale_since().is_some() || book.live.iter().all(away);
    let wanted = book.candidates.iter().filter(|(address, candidate)| {
        let needed = book.is_needed(address);
        (needed || (contacts && candidate.contact.is_some())) && !is_busy(book, address)
    });
    let due = |candidate: &Candidate| candidate.due.max(left_alone(book, candidate));
    wanted
        .map(|(address, candidate)| (address, due(candidate)))
        .collect()
}

fn left_alone(book: &AddressBook, candidate: &Candidate) -> Option<Instant> {
    let node = candidate.leads_to.as_ref()?;
    if !is_busy(book, node) {
        return None;
    }
    match book.stale_since().zip(book.open.get(node)) {
        Some((stale_since, open)) if open.since < stale_since => None,
        Some((_, open)) => Some(open.since + book.config.silence_timeout),
        None => candidate.last.map(|last| last + book.config.alias_pause),
    }
}

fn is_busy(book: &AddressBook, address: &NodeAddress) -> bool {
    book.open.contains(address) || book.dialling.contains(address)
}
