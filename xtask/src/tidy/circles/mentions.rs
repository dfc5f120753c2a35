//! The paths that stand in code.
//!
//! Within calls of macros only tokens are known, so names without a path count there if they are
//! capitalised or called.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Expr, Field, FieldValue, ImplItem, ImplItemFn, Item, ItemFn, ItemMacro,
    ItemUse, Local, Macro, Meta, Pat, PatIdent, Path, TraitItem, TraitItemFn, Visibility,
};

use super::modules::{Import, attributes, imports, is_for_tests};

/// A path in the code of a module.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// The path is the name of a macro that is called.
    pub(super) is_macro: bool,
}

/// Everything that a module's code mentions.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) imports: Vec<Import>,
    pub(super) paths: Vec<Mention>,
    /// Names of variables in the function at hand.
    variables: BTreeSet<String>,
}

/// Gathers the paths of a module's code.
pub(super) fn of(code: &[Item]) -> Mentions {
    let mut mentions = Mentions::default();
    for item in code {
        mentions.visit_item(item);
    }
    mentions
}

impl Mentions {
    fn note(&mut self, path: Vec<String>, line: usize, is_macro: bool) {
        self.paths.push(Mention {
            path,
            line,
            is_macro,
        });
    }

    /// Visits a function with variables of its own.
    fn function(&mut self, visit: impl FnOnce(&mut Self)) {
        let around = std::mem::take(&mut self.variables);
        visit(self);
        self.variables = around;
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(_) => {
                    let length = self.token_path(&tokens, at);
                    at += length;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Notes the path that begins at an identifier; returns how many tokens it has.
    fn token_path(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
        let before = |back: usize, wanted: char| {
            start
                .checked_sub(back)
                .is_some_and(|before| is(before, wanted))
        };
        let mut path = Vec::new();
        let mut at = start;
        while let Some(TokenTree::Ident(name)) = tokens.get(at) {
            path.push(name.to_string());
            at += 1;
            let goes_on = is(at, ':') && is(at + 1, ':');
            if !goes_on || !matches!(tokens.get(at + 2), Some(TokenTree::Ident(_))) {
                break;
            }
            at += 2;
        }
        let called = match tokens.get(at) {
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
            _ => is(at, '!') && !is(at + 1, '='),
        };
        let capitalised = path.first().is_some_and(|name| is_capitalised(name));
        let is_method = before(1, '.') && !before(2, '.');
        let is_variable = before(1, '$') && path.first().is_none_or(|name| name != "crate");
        let is_rooted = before(1, ':') && before(2, ':');
        let counts = path.len() > 1 || called || capitalised;
        if counts && !(is_method || is_variable || is_rooted || before(1, '\'')) {
            let line = tokens.get(start).map_or(0, |it| it.span().start().line);
            let is_macro = is(at, '!');
            self.note(path, line, is_macro);
        }
        at - start
    }

    fn pattern_name(&mut self, name: &PatIdent) {
        let text = name.ident.to_string();
        if name.subpat.is_none() && is_capitalised(&text) {
            self.note(vec![text], name.ident.span().start().line, false);
        } else {
            self.variables.insert(text);
        }
    }
}

fn is_capitalised(name: &str) -> bool {
    name.starts_with(|first: char| first.is_uppercase())
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let names: Vec<_> = path
                .segments
                .iter()
                .map(|it| it.ident.to_string())
                .collect();
            let is_variable = matches!(&names[..], [name] if self.variables.contains(name));
            if !is_variable {
                self.note(names, path.span().start().line, false);
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let names = call.path.segments.iter().map(|it| it.ident.to_string());
        self.note(names.collect(), call.path.span().start().line, true);
        self.tokens(call.tokens.clone());
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if item.ident.is_some() {
            self.tokens(item.mac.tokens.clone());
        } else {
            visit::visit_item_macro(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else {
            return;
        };
        // `#[serde(with = "crate::a")]` names a path in a text.
        for token in list.tokens.clone() {
            if let TokenTree::Literal(literal) = &token {
                let text = literal.to_string();
                let path = syn::parse_str::<Path>(text.trim_matches('"'));
                let names = path.iter().flat_map(|path| &path.segments);
                let names: Vec<_> = names.map(|it| it.ident.to_string()).collect();
                if !names.is_empty() {
                    self.note(names, token.span().start().line, false);
                }
            }
        }
        if attribute.path().is_ident("derive") {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.imports.extend(imports(item));
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Ident(name) = pattern {
            self.pattern_name(name);
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(|this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(|this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.function(|this| visit::visit_trait_item_fn(this, item));
    }

    // What only tests compile may stand at any of these.

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast FieldValue) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if !is_for_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if !is_for_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        let attributes = match expression {
            Expr::Block(block) => &block.attrs,
            Expr::Call(call) => &call.attrs,
            Expr::MethodCall(call) => &call.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_expr(self, expression);
        }
    }
}
