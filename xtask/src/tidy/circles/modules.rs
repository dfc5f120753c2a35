//! The modules of a crate, with the names that each defines or imports.
//!
//! Code that only tests compile is left out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, Token, UseTree, Visibility};

/// The modules of one target, from its root file on.
#[derive(Default)]
pub(super) struct Modules {
    /// Paths of the files, in the order in which they were read.
    pub(super) files: Vec<String>,
    pub(super) list: Vec<Module>,
    /// Files that are missing or are no Rust, each with the reason.
    pub(super) unread: Vec<String>,
}

/// A module: a file, or a part of one.
#[derive(Default)]
pub(super) struct Module {
    pub(super) file: usize,
    pub(super) parent: Option<usize>,
    pub(super) children: BTreeMap<String, usize>,
    /// Names of the items that are defined here.
    pub(super) items: BTreeSet<String>,
    /// Names of the macros among them, which modules below see without an import.
    pub(super) macros: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// The code itself, without the modules below it.
    pub(super) code: Vec<Item>,
}

/// One name that a `use` brings in, or all names of a module.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// `None` for `*`.
    pub(super) name: Option<String>,
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// Other modules see it too.
    pub(super) exported: bool,
}

/// A place where the files of modules are looked for.
struct Place {
    /// The folder of the file.
    folder: String,
    /// The folder of the files of its modules.
    below: String,
}

impl Modules {
    /// Reads a target from its root file on; `read` returns the text of a file.
    pub(super) fn read(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut modules = Self::default();
        let folder = folder_of(root).to_owned();
        let place = Place {
            below: folder.clone(),
            folder,
        };
        modules.file(root, None, &place, read);
        modules
    }

    /// Returns the index of the module that the file is; `None` if the file cannot be read.
    fn file(
        &mut self,
        path: &str,
        parent: Option<usize>,
        place: &Place,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Option<usize> {
        let text = read(path)?;
        let syntax = match syn::parse_file(&text) {
            Ok(syntax) => syntax,
            Err(error) => {
                self.unread.push(format!("{path}: {error}"));
                return None;
            }
        };
        self.files.push(path.to_owned());
        let file = self.files.len() - 1;
        let module = self.module(file, parent);
        self.items(module, syntax.items, place, read);
        Some(module)
    }

    fn module(&mut self, file: usize, parent: Option<usize>) -> usize {
        self.list.push(Module {
            file,
            parent,
            ..Module::default()
        });
        self.list.len() - 1
    }

    fn items(
        &mut self,
        at: usize,
        items: Vec<Item>,
        place: &Place,
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(item) => self.child(at, item, place, read),
                item => {
                    if let Some(module) = self.list.get_mut(at) {
                        module.define(&item);
                        module.code.push(item);
                    }
                }
            }
        }
    }

    fn child(
        &mut self,
        at: usize,
        item: ItemMod,
        place: &Place,
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        let name = item.ident.to_string();
        let below = join(&place.below, &name);
        let module = if let Some((_, items)) = item.content {
            let file = self.list.get(at).map_or(0, |module| module.file);
            let module = self.module(file, Some(at));
            let folder = below.clone();
            self.items(module, items, &Place { folder, below }, read);
            Some(module)
        } else {
            self.outside(at, &item, &below, place, read)
        };
        if let (Some(parent), Some(module)) = (self.list.get_mut(at), module) {
            parent.children.insert(name, module);
        }
    }

    /// Reads a module from a file of its own.
    fn outside(
        &mut self,
        at: usize,
        item: &ItemMod,
        below: &str,
        place: &Place,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Option<usize> {
        let mut tried = Vec::new();
        if let Some(told) = told_path(&item.attrs) {
            let path = join(&place.folder, &told);
            let below = folder_of(&path).to_owned();
            tried.push((path, below));
        } else {
            tried.push((format!("{below}.rs"), below.to_owned()));
            tried.push((join(below, "mod.rs"), below.to_owned()));
        }
        for (path, below) in &tried {
            let folder = folder_of(path).to_owned();
            let below = below.clone();
            let unread = self.unread.len();
            let module = self.file(path, Some(at), &Place { folder, below }, read);
            if module.is_some() || self.unread.len() > unread {
                return module;
            }
        }
        let (path, _) = tried.swap_remove(0);
        self.unread.push(format!("{path}: there is no such file"));
        None
    }
}

impl Module {
    /// Notes the names that an item brings into this module.
    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::TraitAlias(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Use(item) => return self.imports.extend(imports(item)),
            Item::Macro(item) => {
                let Some(name) = &item.ident else {
                    return written(item.mac.tokens.clone(), &mut self.items);
                };
                self.macros.insert(name.to_string());
                name
            }
            _ => return,
        };
        self.items.insert(name.to_string());
    }
}

/// Gathers the names of the items that are written out within the call of a macro.
fn written(tokens: TokenStream, items: &mut BTreeSet<String>) {
    const WORDS: [&str; 8] = [
        "const", "enum", "fn", "static", "struct", "trait", "type", "union",
    ];
    let mut opened = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if opened => {
                items.insert(name.to_string());
                opened = false;
            }
            TokenTree::Ident(word) => opened = WORDS.iter().any(|known| word == known),
            TokenTree::Group(group) => {
                written(group.stream(), items);
                opened = false;
            }
            _ => opened = false,
        }
    }
}

/// Returns the names that a `use` brings in.
pub(super) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        let exported = !matches!(item.vis, Visibility::Inherited);
        spread(&item.tree, &[], exported, &mut found);
    }
    found
}

fn spread(tree: &UseTree, before: &[String], exported: bool, found: &mut Vec<Import>) {
    let with = |name: &syn::Ident| {
        let mut path = before.to_vec();
        path.push(name.to_string());
        path
    };
    let mut note = |name: Option<String>, mut path: Vec<String>, line: usize| {
        // `use a::{self}` brings `a` in.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.map(|name| match name.as_str() {
            "self" => path.last().cloned().unwrap_or_default(),
            _ => name,
        });
        found.push(Import {
            name,
            path,
            line,
            exported,
        });
    };
    match tree {
        UseTree::Path(part) => spread(&part.tree, &with(&part.ident), exported, found),
        UseTree::Group(group) => {
            for tree in &group.items {
                spread(tree, before, exported, found);
            }
        }
        UseTree::Name(leaf) => {
            let line = leaf.ident.span().start().line;
            note(Some(leaf.ident.to_string()), with(&leaf.ident), line);
        }
        UseTree::Rename(leaf) => {
            let line = leaf.ident.span().start().line;
            note(Some(leaf.rename.to_string()), with(&leaf.ident), line);
        }
        UseTree::Glob(star) => {
            let line = star.star_token.spans[0].start().line;
            note(None, before.to_vec(), line);
        }
    }
}

/// Returns whether only tests compile what carries these attributes.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let is_test = path.segments.last().is_some_and(|it| it.ident == "test");
        let condition = path.is_ident("cfg").then(|| attribute.parse_args::<Meta>());
        is_test || condition.is_some_and(|it| it.is_ok_and(|it| needs_tests(&it)))
    })
}

/// Returns whether a condition holds for tests only.
fn needs_tests(condition: &Meta) -> bool {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test");
    };
    let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
    let parts = list.parse_args_with(parse).unwrap_or_default();
    if list.path.is_ident("all") {
        parts.iter().any(needs_tests)
    } else {
        list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_tests)
    }
}

/// Returns the path that `#[path = "..."]` tells.
fn told_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) if pair.path.is_ident("path") => Some(text.value()),
            _ => None,
        }
    })
}

/// Returns the attributes of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Joins two paths, and takes out the `..` of the second.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
