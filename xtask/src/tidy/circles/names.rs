//! The definitions that paths lead to, through imports and re-exports.

use std::collections::BTreeSet;

use super::modules::{Import, Module, Modules};

/// The end of a path within the crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    /// A module.
    Module(usize),
    /// An item, or something of an item, and the module that defines it.
    Item { module: usize, name: String },
}

/// The imports that are being followed, which are not entered once more.
type Followed = BTreeSet<(usize, usize)>;

impl Modules {
    /// Returns the definitions that a path, written in a module, may lead to; none for a path out
    /// of the crate.
    pub(super) fn resolve(&self, module: usize, path: &[String]) -> Vec<Found> {
        self.follow(module, path, &mut Followed::new())
    }

    /// Returns the definition of a macro that is called by its name alone: modules see those of the
    /// modules around them.
    pub(super) fn resolve_macro(&self, module: usize, name: &str) -> Vec<Found> {
        let found = self.resolve(module, &[name.to_owned()]);
        let mut around = Some(module);
        while let (true, Some(at)) = (found.is_empty(), around) {
            let Some(module) = self.list.get(at) else {
                break;
            };
            if module.macros.contains(name) {
                return vec![item(at, name)];
            }
            around = module.parent;
        }
        found
    }

    /// Returns whether `module` lies in `around`, or is it.
    pub(super) fn is_within(&self, module: usize, around: usize) -> bool {
        let mut at = Some(module);
        while let Some(module) = at {
            if module == around {
                return true;
            }
            at = self.list.get(module).and_then(|module| module.parent);
        }
        false
    }

    fn follow(&self, module: usize, path: &[String], followed: &mut Followed) -> Vec<Found> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut found = match first.as_str() {
            "crate" => vec![Found::Module(0)],
            "self" => vec![Found::Module(module)],
            "super" => self.parent(module).map(Found::Module).into_iter().collect(),
            name => self.look_up(module, name, followed),
        };
        for name in rest {
            found = found
                .into_iter()
                .flat_map(|found| match found {
                    Found::Module(at) if name == "super" => {
                        self.parent(at).map(Found::Module).into_iter().collect()
                    }
                    Found::Module(at) => self.look_up(at, name, followed),
                    // A variant, or something associated.
                    item @ Found::Item { .. } => vec![item],
                })
                .collect();
        }
        found.sort();
        found.dedup();
        found
    }

    fn parent(&self, module: usize) -> Option<usize> {
        self.list.get(module)?.parent
    }

    /// Returns what a name stands for in a module; one name may be a module and an item.
    fn look_up(&self, at: usize, name: &str, followed: &mut Followed) -> Vec<Found> {
        let Some(module) = self.list.get(at) else {
            return Vec::new();
        };
        let mut found: Vec<Found> = module
            .children
            .get(name)
            .copied()
            .map(Found::Module)
            .into_iter()
            .collect();
        if module.items.contains(name) {
            found.push(item(at, name));
        }
        let named = |import: &Import| import.name.as_deref() == Some(name);
        found.extend(
            self.through(at, module, &named, followed, |this, import, followed| {
                this.follow(at, &import.path, followed)
            }),
        );
        if !found.is_empty() {
            return found;
        }
        let is_glob = |import: &Import| import.name.is_none();
        self.through(at, module, &is_glob, followed, |this, import, followed| {
            let from = this.follow(at, &import.path, followed);
            let modules = from.into_iter().filter_map(|found| match found {
                Found::Module(module) => Some(module),
                Found::Item { .. } => None,
            });
            let mut found = Vec::new();
            for module in modules {
                found.extend(this.look_up(module, name, followed));
            }
            found
        })
    }

    /// Follows the imports of a module that are of a kind.
    fn through(
        &self,
        at: usize,
        module: &Module,
        wanted: &dyn Fn(&Import) -> bool,
        followed: &mut Followed,
        follow: impl Fn(&Self, &Import, &mut Followed) -> Vec<Found>,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        for (index, import) in module.imports.iter().enumerate() {
            if wanted(import) && followed.insert((at, index)) {
                found.extend(follow(self, import, followed));
                followed.remove(&(at, index));
            }
        }
        found
    }
}

fn item(module: usize, name: &str) -> Found {
    let name = name.to_owned();
    Found::Item { module, name }
}
