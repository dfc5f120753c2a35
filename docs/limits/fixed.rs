//! The fixed limits: constants, and fields that a `Default` fills, whose docs have a paragraph that begins
//! with `Beyond it,`. The summary says what is limited, and that paragraph what happens then.

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Fields, File, ImplItem, Item, ItemImpl, Lit, Meta, Stmt, Type};

use crate::value::{self, Constants};
use crate::{root, row};

/// The beginning of the paragraph that makes a limit of a constant.
const BEYOND: &str = "Beyond it, ";

/// The words of a subject that is counted in bytes.
const IN_BYTES: [&str; 3] = ["in bytes", " bytes of ", "The bytes "];

/// The crates with what their limits are about.
const CRATES: [(&str, &str); 4] = [
    ("casty-client", "The client"),
    ("casty-routing", "Dials, views and routes"),
    ("casty-transport", "Connections"),
    ("casty-proto", "Messages and addresses"),
];

/// A limit as it stands in the sources.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    subject: String,
    value: String,
    beyond: String,
}

/// Returns all limits, a table for each crate.
pub(crate) fn tables() -> String {
    let mut text = String::new();
    for (name, heading) in CRATES {
        text.push_str(&heading_of(heading));
        let mut files = Vec::new();
        sources(&root().join("crates").join(name).join("src"), &mut files);
        files.sort();
        let mut count = 0;
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            if !source.contains(BEYOND) {
                continue;
            }
            for limit in limits(&syn::parse_file(&source).unwrap(), &file) {
                row(&mut text, &[&limit.subject, &limit.value, &limit.beyond]);
                count += 1;
            }
        }
        assert!(count > 3, "{name} has {count} limits");
    }
    text
}

/// Returns the head of a table, below its heading.
fn heading_of(subject: &str) -> String {
    format!("\n### {subject}\n\n| limit | value | beyond it |\n|---|---|---|\n")
}

/// Adds the files of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// Returns the limits of one file, in order.
fn limits(file: &File, path: &Path) -> Vec<Limit> {
    let constants = constants(file);
    let mut limits = Vec::new();
    let mut note = |attributes: &[Attribute], expr: Option<&Expr>, name: &dyn std::fmt::Display| {
        let Some((subject, beyond)) = told(attributes) else {
            return;
        };
        let expr = expr.unwrap_or_else(|| panic!("{}: {name} has no default", path.display()));
        let value = value::of(expr, &constants);
        let value = value.unwrap_or_else(|| panic!("{}: {name} cannot be read", path.display()));
        let is_bytes = IN_BYTES.iter().any(|words| subject.contains(words));
        let value = value::shown(value, is_bytes);
        let subject = subject.replace(", in bytes", "");
        limits.push(Limit {
            subject,
            value,
            beyond,
        });
    };
    for item in &file.items {
        match item {
            Item::Const(it) => note(&it.attrs, Some(&it.expr), &it.ident),
            Item::Impl(it) => {
                for item in &it.items {
                    if let ImplItem::Const(it) = item {
                        note(&it.attrs, Some(&it.expr), &it.ident);
                    }
                }
            }
            Item::Struct(it) => {
                if let Fields::Named(fields) = &it.fields {
                    for field in &fields.named {
                        let name = field.ident.as_ref().unwrap().to_string();
                        let default = default_of(file, &it.ident.to_string(), &name);
                        note(&field.attrs, default, &name);
                    }
                }
            }
            _ => {}
        }
    }
    limits
}

fn constants(file: &File) -> Constants<'_> {
    let constants = file.items.iter().filter_map(|item| match item {
        Item::Const(it) => Some((it.ident.to_string(), &*it.expr)),
        _ => None,
    });
    constants.collect()
}

/// Returns the subject of a limit, and what happens beyond it, from its docs.
fn told(attributes: &[Attribute]) -> Option<(String, String)> {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(text) => match &text.lit {
                    Lit::Str(text) => Some(text.value().trim().to_owned()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut paragraphs = text.split("\n\n").map(|it| it.replace('\n', " "));
    let summary = paragraphs.next()?;
    let beyond = paragraphs.find_map(|it| Some(it.strip_prefix(BEYOND)?.to_owned()))?;
    let sentence = summary.split(". ").next().unwrap_or_default();
    let subject = sentence
        .trim_end_matches('.')
        .replace("[`", "`")
        .replace("`]", "`");
    Some((subject, beyond.trim_end_matches('.').to_owned()))
}

/// Returns the expression that the `Default` of a type has for a field.
fn default_of<'a>(file: &'a File, name: &str, field: &str) -> Option<&'a Expr> {
    let is_default = |it: &ItemImpl| {
        let of = it.trait_.as_ref().is_some_and(|(path, ..)| {
            let last = path.segments.last();
            last.is_some_and(|last| last.ident == "Default")
        });
        of && matches!(&*it.self_ty, Type::Path(path) if path.path.is_ident(name))
    };
    let default = file.items.iter().find_map(|item| match item {
        Item::Impl(it) if is_default(it) => it.items.first(),
        _ => None,
    })?;
    let ImplItem::Fn(function) = default else {
        return None;
    };
    let Some(Stmt::Expr(Expr::Struct(made), _)) = function.block.stmts.last() else {
        return None;
    };
    let mut fields = made.fields.iter();
    let found =
        fields.find(|it| matches!(&it.member, syn::Member::Named(name) if name == field))?;
    Some(&found.expr)
}

#[test]
fn a_limit_is_a_constant_or_a_field_that_says_what_is_beyond_it() {
    let source = "
        /// The most bytes of one. More of that.
        ///
        /// Beyond it, it is refused\n/// (`TooLong`).
        const A: usize = 4 * KIB;
        /// No limit.
        const KIB: usize = 1024;
        struct B {
            /// The time for [`A`].
            ///
            /// Beyond it, nothing.
            b: Duration,
            c: usize,
        }
        impl Default for B {
            fn default() -> Self { Self { b: Duration::from_secs(3), c: 1 } }
        }";
    let limits = limits(&syn::parse_file(source).unwrap(), Path::new("a.rs"));
    let limits: Vec<_> = limits
        .iter()
        .map(|it| [&*it.subject, &*it.value, &*it.beyond])
        .collect();
    assert_eq!(
        limits,
        [
            [
                "The most bytes of one",
                "4 KiB",
                "it is refused (`TooLong`)"
            ],
            ["The time for `A`", "3 s", "nothing"]
        ]
    );
}
