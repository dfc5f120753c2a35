//! The classes that the program's own types name, each split and spelled once.
//!
//! Every object that is written names its class, and a program has few of them. So each name is
//! prepared the first time, and found again by its address: names are literals of the program's code.
//! The table has a bounded number of places; a name that finds none free is prepared each time.

use std::ops::Deref;
use std::sync::OnceLock;

use super::super::class::split;
use super::super::opcode as op;
use super::spelling;
use crate::TypeHint;
use crate::class_name::with_dots;

/// The places in which a name is looked for.
const TRIED: usize = 8;

static TABLE: [Place; 1024] = [const { OnceLock::new() }; 1024];

/// A place of the table, which is never free again.
type Place = OnceLock<Box<Prepared>>;

/// A class that the program's own code names.
pub(super) struct Prepared {
    name: &'static str,
    pub(super) module: &'static str,
    pub(super) class: &'static str,
    /// The name as headers and errors have it, with dots only.
    pub(super) hint: TypeHint,
    /// Set if the class is Casty's own: its objects are built from their state, all others by calling
    /// their class.
    pub(super) is_casty: bool,
    /// The bytes of an object before its fields by name: before its state, or before the keywords.
    pub(super) opening: Box<[u8]>,
}

/// A prepared class, from the table if that had a place for it.
pub(super) enum Class {
    Kept(&'static Prepared),
    Made(Box<Prepared>),
}

impl Deref for Class {
    type Target = Prepared;

    #[inline]
    fn deref(&self) -> &Prepared {
        match self {
            Self::Kept(prepared) => prepared,
            Self::Made(prepared) => prepared,
        }
    }
}

/// Returns the class of that name; `None` if the name has no module.
#[inline]
pub(super) fn class(name: &'static str) -> Option<Class> {
    class_in(&TABLE, name)
}

#[inline]
fn class_in(table: &'static [Place], name: &'static str) -> Option<Class> {
    let first = (name.as_ptr().addr() ^ name.len()) / 2;
    for place in first..first + TRIED {
        let place = &table[place % table.len()];
        match place.get() {
            Some(prepared) if prepared.is_of(name) => return Some(Class::Kept(prepared)),
            Some(_) => {}
            None => return prepare(name, Some(place)),
        }
    }
    prepare(name, None)
}

/// Prepares a class, for a place if there was a free one.
#[cold]
fn prepare(name: &'static str, place: Option<&'static Place>) -> Option<Class> {
    let made = Box::new(Prepared::new(name)?);
    let Some(place) = place else {
        return Some(Class::Made(made));
    };
    match place.set(made) {
        Ok(()) => place.get().map(|prepared| Class::Kept(prepared)),
        // Another thread was first. The next look finds what it has prepared, or another place.
        Err(made) => Some(Class::Made(made)),
    }
}

impl Prepared {
    fn new(name: &'static str) -> Option<Self> {
        let (module, class) = split(name)?;
        let is_casty = is_casty_module(module);
        let mut opening = Vec::new();
        if !is_casty {
            spelling::partial(&mut opening);
        }
        spelling::global(&mut opening, module, class);
        let end: &[u8] = if is_casty {
            &[op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_DICT, op::MARK]
        } else {
            &[op::TUPLE1, op::EMPTY_DICT, op::MARK]
        };
        opening.extend_from_slice(end);
        Some(Self {
            name,
            module,
            class,
            hint: with_dots(name),
            is_casty,
            opening: opening.into(),
        })
    }

    /// Returns whether it is the class of `name`, the very one: names are told apart by address and
    /// length, without comparing them.
    #[inline]
    fn is_of(&self, name: &'static str) -> bool {
        std::ptr::eq(self.name.as_ptr(), name.as_ptr()) && self.name.len() == name.len()
    }
}

/// Returns whether a module's classes are Casty's own: none has slots, so all take a dict as their
/// state.
pub(super) fn is_casty_module(module: &str) -> bool {
    module.starts_with("casty.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(places: usize) -> &'static [Place] {
        Vec::leak((0..places).map(|_| Place::new()).collect())
    }

    #[test]
    fn classes_are_told_apart_by_the_address_and_length_of_their_names() {
        const LONG: &str = "pkg.mod.Outer.Inner";
        let names: Vec<&'static str> = (9..=LONG.len()).map(|end| &LONG[..end]).collect();
        for name in names.iter().chain(&names).copied() {
            let known = class(name).unwrap();
            assert_eq!(Some((known.module, known.class)), split(name), "{name}");
            assert_eq!(known.hint, name);
        }
        for _ in 0..2 {
            let known = class("pkg.mod:outer").unwrap();
            assert_eq!(known.hint, "pkg.mod.outer");
            assert!(class("plain").is_none());
        }
    }

    #[test]
    fn as_many_classes_are_kept_as_there_are_places_and_all_others_prepared_each_time() {
        const LENGTH: usize = "pkg.mod.Increment".len();
        let text: &'static str = Box::leak("pkg.mod.Increment".repeat(100).into_boxed_str());
        let names: Vec<_> = (0..100).map(|at| &text[LENGTH * at..][..LENGTH]).collect();
        // All names are equal: only their addresses tell them apart.
        for (places, kept) in [(1, 1), (TRIED, TRIED), (1000, 100)] {
            let table = table(places);
            for _ in 0..2 {
                let found = names.iter().filter(|name| {
                    let known = class_in(table, name).unwrap();
                    assert!(std::ptr::eq(known.name, **name));
                    assert_eq!((known.module, known.class), ("pkg.mod", "Increment"));
                    matches!(known, Class::Kept(_))
                });
                assert_eq!(found.count(), kept, "{places}");
            }
        }
    }

    #[test]
    fn a_name_that_another_thread_prepares_at_the_same_time_is_found_all_the_same() {
        let table = table(1);
        let taken = Prepared::new("pkg.Other").unwrap();
        table[0].set(Box::new(taken)).ok();
        let known = prepare("pkg.Thing", table.first()).unwrap();
        assert!(matches!(&known, Class::Made(made) if made.class == "Thing"));
    }
}
