//! The classes that the program's own types name, each spelled once as a codec writes it.
//!
//! Every object that is written names its class and its fields, and a program has few of them. So each
//! of these names is spelled the first time, with all that stands around it, and found again by its
//! address: names are literals of the program's code. A table has a bounded number of places, and a
//! class keeps a bounded number of fields; what finds no place is spelled each time.

use std::sync::OnceLock;

/// The places in which a name is looked for.
const TRIED: usize = 8;

/// The fields that a class keeps.
const FIELDS: usize = 16;

/// The way in which a codec spells classes and fields; `F` is what it has to know of a class besides.
pub(super) struct Spelling<F> {
    /// Appends what an object of the class begins with, up to its first field; `None` if a serde name
    /// is that of no class.
    pub(super) class: fn(&'static str, &mut Vec<u8>) -> Option<F>,
    /// Appends what stands between the value of a field and that of the one before.
    pub(super) field: fn(&str, &mut Vec<u8>),
}

/// The classes that one codec has spelled.
pub(super) struct Table<F: 'static, const PLACES: usize = 1024> {
    spelling: Spelling<F>,
    places: [Place<F>; PLACES],
}

/// A place of a table, which is never free again.
type Place<F> = OnceLock<Box<Prepared<F>>>;

/// A class that the program's own code names.
pub(crate) struct Prepared<F> {
    name: &'static str,
    /// The facts that the codec needs of it.
    pub(super) facts: F,
    /// The bytes of an object before its fields.
    pub(super) opening: Box<[u8]>,
    spell_field: fn(&str, &mut Vec<u8>),
    /// The fields by their place in an object, as far as some object had one there.
    fields: [OnceLock<Field>; FIELDS],
}

/// A field that some object had at its place.
struct Field {
    name: &'static str,
    /// The bytes of an object between the value before and that of the field; of the first field, from
    /// the beginning of the object.
    spelled: Box<[u8]>,
}

impl<F, const PLACES: usize> Table<F, PLACES> {
    pub(super) const fn new(spelling: Spelling<F>) -> Self {
        Self {
            spelling,
            places: [const { OnceLock::new() }; PLACES],
        }
    }

    /// Returns the class of that name; `None` if it is that of no class, or found no place.
    #[inline]
    pub(super) fn get(&'static self, name: &'static str) -> Option<&'static Prepared<F>> {
        let first = (name.as_ptr().addr() ^ name.len()) / 2;
        match self.places[first % PLACES].get() {
            Some(prepared) if is_same(prepared.name, name) => Some(prepared),
            _ => self.search(first, name),
        }
    }

    /// Returns the class of that name, which is not in the first place that it may be in, or not yet.
    #[cold]
    fn search(&'static self, first: usize, name: &'static str) -> Option<&'static Prepared<F>> {
        for place in first..first + TRIED {
            let place = &self.places[place % PLACES];
            match place.get() {
                Some(prepared) if is_same(prepared.name, name) => return Some(prepared),
                Some(_) => {}
                None => return self.prepare(name, place),
            }
        }
        None
    }

    /// Prepares a class for a place that was free.
    fn prepare(
        &self,
        name: &'static str,
        place: &'static Place<F>,
    ) -> Option<&'static Prepared<F>> {
        let made = Box::new(Prepared::new(name, &self.spelling)?);
        // If another thread was first, the place may be another class's. The next look finds one.
        place
            .set(made)
            .ok()
            .and_then(|()| place.get())
            .map(|it| &**it)
    }
}

impl<F> Prepared<F> {
    /// Spells a class; `None` if the name is that of none.
    pub(super) fn new(name: &'static str, spelling: &Spelling<F>) -> Option<Self> {
        let mut opening = Vec::new();
        let facts = (spelling.class)(name, &mut opening)?;
        Some(Self {
            name,
            facts,
            opening: opening.into(),
            spell_field: spelling.field,
            fields: [const { OnceLock::new() }; FIELDS],
        })
    }

    /// Returns the bytes before the value of a field that is the `at`-th of an object, the opening among
    /// them if it is the first; `None` if another field was found there before.
    #[inline]
    pub(super) fn field(&self, at: usize, name: &'static str) -> Option<&[u8]> {
        let place = self.fields.get(at)?;
        match place.get() {
            Some(field) => is_same(field.name, name).then_some(&field.spelled),
            None => self.spell(at, name, place),
        }
    }

    #[cold]
    fn spell<'a>(
        &self,
        at: usize,
        name: &'static str,
        place: &'a OnceLock<Field>,
    ) -> Option<&'a [u8]> {
        let mut spelled = match at {
            0 => self.opening.to_vec(),
            _ => Vec::new(),
        };
        (self.spell_field)(name, &mut spelled);
        let spelled = spelled.into();
        place.set(Field { name, spelled }).ok()?;
        place.get().map(|field| &*field.spelled)
    }
}

/// Returns whether two names are the very same: they are told apart by address and length, without
/// comparing them.
#[inline]
fn is_same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one.as_ptr(), other.as_ptr()) && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<const PLACES: usize>() -> &'static Table<usize, PLACES> {
        let class = |name: &'static str, out: &mut Vec<u8>| {
            out.extend_from_slice(name.as_bytes());
            name.find('.')
        };
        let field = |name: &str, out: &mut Vec<u8>| {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
        };
        Box::leak(Box::new(Table::new(Spelling { class, field })))
    }

    #[test]
    fn classes_are_told_apart_by_the_address_and_length_of_their_names() {
        const LONG: &str = "pkg.mod.Outer:Inner";
        let table = table::<1024>();
        // No more than the places in which each is looked for.
        let names: Vec<&'static str> = (13..=LONG.len()).map(|end| &LONG[..end]).collect();
        for name in names.iter().chain(&names).copied() {
            let known = table.get(name).unwrap();
            assert_eq!((known.facts, &*known.opening), (3, name.as_bytes()));
        }
        assert!((0..2).all(|_| table.get("plain").is_none()));
    }

    #[test]
    fn as_many_classes_are_kept_as_there_are_places() {
        fn kept<const PLACES: usize>(names: &[&'static str]) -> usize {
            let table = table::<PLACES>();
            let kept = |name: &&&'static str| {
                let known = table.get(name);
                // All names are equal: only their addresses tell them apart.
                assert!(known.is_none_or(|known| is_same(known.name, name)));
                known.is_some()
            };
            let first = names.iter().filter(kept).count();
            assert_eq!(names.iter().filter(kept).count(), first);
            first
        }
        const LENGTH: usize = "pkg.mod.Increment".len();
        let text: &'static str = Box::leak("pkg.mod.Increment".repeat(100).into_boxed_str());
        let names: Vec<_> = (0..100).map(|at| &text[LENGTH * at..][..LENGTH]).collect();
        assert_eq!(kept::<1>(&names), 1);
        assert_eq!(kept::<TRIED>(&names), TRIED);
        assert_eq!(kept::<1000>(&names), 100);
    }

    #[test]
    fn a_place_that_another_thread_took_at_the_same_time_is_left_to_it() {
        let table = table::<1>();
        let other = "pkg.Other";
        let taken = Prepared::new(other, &table.spelling).unwrap();
        table.places[0].set(Box::new(taken)).ok();
        assert!(table.prepare("pkg.Thing", &table.places[0]).is_none());
        assert!(table.get(other).is_some());
    }

    #[test]
    fn fields_are_found_at_the_place_where_they_were_first_and_nowhere_else() {
        let class = table::<8>().get("pkg.Thing").unwrap();
        let [one, two] = ["one", "two"];
        for _ in 0..2 {
            assert_eq!(class.field(0, one), Some(&b"pkg.Thing one"[..]));
            assert_eq!(class.field(1, two), Some(&b" two"[..]));
            assert_eq!(class.field(0, two), None);
            assert_eq!(class.field(FIELDS, one), None);
        }
    }
}
