//! The classes that dynamic values may name in pickles.

use std::sync::Mutex;

#[cfg(feature = "pickle")]
use crate::class_name::is_capitalised;
use crate::class_name::{MAX_NAME, split};

/// The most entries of a list of allowed classes.
///
/// Beyond it, the list is refused (`AllowError::TooMany`).
const MAX_ENTRIES: usize = 1024;

/// The lists that were made so far, each once: codecs are copied freely, and so last as long as the
/// process.
static LISTS: Mutex<Vec<&'static List>> = Mutex::new(Vec::new());

/// The classes that dynamic values may name in pickles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed(Option<&'static List>);

/// The classes that a program has allowed, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct List {
    /// True if any class is allowed.
    any: bool,
    /// The modules, without `.*`, of which all classes are allowed, and of those below them.
    modules: Vec<Box<str>>,
    /// The modules and names of single classes.
    classes: Vec<(Box<str>, Box<str>)>,
}

/// The error of a list of classes that dynamic values may name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowError {
    /// An entry names neither a class nor a module.
    #[error("{entry:?} is none of a class, `pkg.mod.Class`, all of a module, `pkg.mod.*`, and `*`")]
    Entry {
        /// The entry.
        entry: Box<str>,
    },
    /// There are more entries than a list may have.
    #[error("more than {limit} classes and modules: name modules, `pkg.mod.*`")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl Allowed {
    /// The classes of Casty alone.
    pub(super) const CASTY: Self = Self(None);

    /// Returns the same with more classes.
    ///
    /// # Errors
    /// An entry is neither a class nor a module, or there are too many.
    pub(super) fn and<C: AsRef<str>>(
        self,
        entries: impl IntoIterator<Item = C>,
    ) -> Result<Self, AllowError> {
        let mut list = self.0.cloned().unwrap_or_default();
        list.extend(entries)?;
        Ok(Self((list != List::default()).then(|| kept(list))))
    }

    /// Returns whether a dynamic value may name this class.
    #[cfg(feature = "pickle")]
    pub(super) fn contains(self, module: &str, class: &str) -> bool {
        is_castys(module, class) || self.0.is_some_and(|list| list.contains(module, class))
    }
}

impl AllowError {
    /// Checks a list of classes, as [`Codec::allowing`](super::Codec::allowing) takes it, without
    /// keeping it.
    ///
    /// # Errors
    /// An entry is neither a class nor a module, or there are too many.
    pub fn check<C: AsRef<str>>(classes: impl IntoIterator<Item = C>) -> Result<(), Self> {
        List::default().extend(classes)
    }
}

impl List {
    fn extend<C: AsRef<str>>(
        &mut self,
        entries: impl IntoIterator<Item = C>,
    ) -> Result<(), AllowError> {
        for entry in entries {
            self.add(entry.as_ref())?;
            if self.modules.len() + self.classes.len() > MAX_ENTRIES {
                return Err(AllowError::TooMany { limit: MAX_ENTRIES });
            }
        }
        self.modules.sort_unstable();
        self.modules.dedup();
        self.classes.sort_unstable();
        self.classes.dedup();
        Ok(())
    }

    fn add(&mut self, entry: &str) -> Result<(), AllowError> {
        let wrong = || AllowError::Entry {
            entry: entry.into(),
        };
        if entry == "*" {
            self.any = true;
        } else if let Some(module) = entry.strip_suffix(".*") {
            let is_segment = |part: &str| !part.is_empty() && !part.contains(['*', ':']);
            if module.len() > MAX_NAME || !module.split('.').all(is_segment) {
                return Err(wrong());
            }
            self.modules.push(module.into());
        } else {
            let (module, class) = split(entry).ok_or_else(wrong)?;
            if module.len().max(class.len()) > MAX_NAME || entry.contains('*') {
                return Err(wrong());
            }
            self.classes.push((module.into(), class.into()));
        }
        Ok(())
    }

    #[cfg(feature = "pickle")]
    fn contains(&self, module: &str, class: &str) -> bool {
        let named = |(at, name): &(Box<str>, Box<str>)| (&**at, &**name).cmp(&(module, class));
        self.any
            || self.classes.binary_search_by(named).is_ok()
            || (is_path_of_classes(class) && self.contains_module(module))
    }

    /// Returns whether all classes of a module are allowed, by its own name or one above it.
    #[cfg(feature = "pickle")]
    fn contains_module(&self, module: &str) -> bool {
        let mut above = Some(module);
        while let Some(name) = above {
            let at = self.modules.binary_search_by(|known| (**known).cmp(name));
            if at.is_ok() {
                return true;
            }
            above = name.rsplit_once('.').map(|(above, _)| above);
        }
        false
    }
}

/// Returns whether a class is one of Casty's own, of which none does anything when it is made but
/// hold what it is given. One that keeps a journal does: it opens a file.
#[cfg(feature = "pickle")]
fn is_castys(module: &str, class: &str) -> bool {
    module.starts_with("casty.")
        && is_path_of_classes(class)
        && !(module == "casty.core.journal" && class.ends_with("Journal"))
}

/// Returns whether every segment of a path looks like a class's name. The name of a module that the
/// module imports does not, and what is behind it may be anything: `bank:os.system`.
#[cfg(feature = "pickle")]
fn is_path_of_classes(path: &str) -> bool {
    path.split('.').all(|segment| {
        let name = segment.trim_start_matches('_');
        is_capitalised(name.as_bytes(), 0)
    })
}

/// Returns the one list of this content that lasts as long as the process.
fn kept(list: List) -> &'static List {
    let mut lists = LISTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = lists.iter().find(|known| ***known == list) {
        return known;
    }
    let list: &'static List = Box::leak(Box::new(list));
    lists.push(list);
    list
}

#[cfg(all(test, feature = "pickle"))]
#[allow(clippy::unwrap_used)] // tests throughout
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> Allowed {
        Allowed::CASTY.and(entries).unwrap()
    }

    #[test]
    fn castys_own_classes_are_allowed_and_what_its_modules_import_or_do_is_not() {
        for (module, class, expected) in [
            ("casty.cluster.envelope", "ShardEnvelope", true),
            ("casty.distributed.counter", "Increment", true),
            ("casty.core.journal", "PersistedEvent", true),
            ("casty.core.journal", "SqliteJournal", false),
            ("casty.config", "load_config", false),
            ("casty.config", "os.system", false),
            ("casty.config", "subprocess.Popen", false),
            ("casty.remote.tls", "Config.create_ca", false),
            ("casty", "ActorSystem", false),
            ("castyx.cluster", "X", false),
            ("os", "system", false),
            ("builtins", "ValueError", false),
        ] {
            assert_eq!(
                Allowed::CASTY.contains(module, class),
                expected,
                "{module}:{class}"
            );
        }
    }

    #[test]
    fn a_class_is_allowed_by_its_name_and_all_of_a_module_by_its() {
        let list = allowed(&["bank.Deposit", "shop.*", "app:thing", "app.mod:Outer.make"]);
        for (module, class, expected) in [
            ("bank", "Deposit", true),
            ("bank", "Deposit2", false),
            ("bank.deep", "Deposit", false),
            ("shop", "Order", true),
            ("shop", "_Private.Inner", true),
            ("shop.deep.er", "Order", true),
            ("shop", "order", false),
            ("shop", "os.system", false),
            ("shop", "subprocess.Popen", false),
            ("shopping", "Order", false),
            ("app", "thing", true),
            ("app", "Thing", false),
            ("app.mod", "Outer.make", true),
            ("app.mod", "Outer", false),
        ] {
            assert_eq!(list.contains(module, class), expected, "{module}:{class}");
        }
        assert!(allowed(&["*"]).contains("os", "system"));
        let more = list.and(["os.system"]).unwrap();
        assert!(more.contains("os", "system") && more.contains("shop", "Order"));
    }

    #[test]
    fn equal_lists_are_one_and_the_same_however_they_were_made() {
        let one = allowed(&["bank.Deposit", "shop.*", "bank.Deposit"]);
        let other = allowed(&["shop.*"]).and(["bank:Deposit"]).unwrap();
        assert_eq!(one, other);
        assert!(std::ptr::eq(one.0.unwrap(), other.0.unwrap()));
        assert_eq!(allowed(&[]), Allowed::CASTY);
    }

    #[test]
    fn what_names_neither_a_class_nor_a_module_is_refused() {
        for entry in [
            "", "plain", ".*", "a..b.*", "a.b*", "a:b.*", "a.*.b", ".X", "*.X",
        ] {
            let refused = Allowed::CASTY.and([entry]).unwrap_err();
            assert_eq!(
                refused,
                AllowError::Entry {
                    entry: entry.into()
                }
            );
        }
        let long = format!("{}.X", "m".repeat(MAX_NAME + 1));
        assert!(Allowed::CASTY.and([long]).is_err());
        let many = (0..=MAX_ENTRIES).map(|n| format!("bank.Class{n}"));
        let refused = Allowed::CASTY.and(many).unwrap_err();
        assert_eq!(refused, AllowError::TooMany { limit: MAX_ENTRIES });
    }
}
