use super::*;

/// Returns the arrows between the files of a tree, as `from -> to: names`.
fn arrows(tree: &[(&str, &str)]) -> Vec<String> {
    let files = read(tree);
    let arrow = |(arrow, uses): (&Arrow, &Uses)| {
        let (from, to) = (files.path(arrow.from), files.path(arrow.to));
        let names: Vec<_> = uses.keys().map(String::as_str).collect();
        format!("{from} -> {to}: {}", names.join(" "))
    };
    let mut arrows: Vec<_> = files.arrows.iter().map(arrow).collect();
    arrows.sort();
    arrows
}

fn read(tree: &[(&str, &str)]) -> Files {
    let read = |wanted: &str| {
        let file = tree.iter().find(|(path, _)| *path == wanted);
        file.map(|(_, text)| (*text).to_owned())
    };
    let (root, _) = tree[0];
    let mut files = Files::default();
    files.add(&Modules::read(root, &read));
    assert!(files.unread.is_empty(), "{:?}", files.unread);
    files
}

#[test]
fn a_circle_put_in_by_hand_is_found_with_what_makes_it() {
    let files = read(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod c;"),
        ("src/a.rs", "use crate::b::B;\npub struct A(B);"),
        ("src/b.rs", "pub struct B;\nfn c() { crate::c::c() }"),
        ("src/c.rs", "pub fn c() -> super::a::A { loop {} }"),
    ]);
    let mut report = Report::default();
    report.add("x", &files, &[]);
    assert_eq!(
        report.text,
        "x: 4 files, 3 arrows between them, 1 circles\n  a circle of 3 files:\n    \
         src/a.rs -> src/b.rs: B (line 1)\n    src/b.rs -> src/c.rs: c (line 2)\n    \
         src/c.rs -> src/a.rs: A (line 1)\n"
    );
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
}

#[test]
fn an_import_is_an_arrow_to_the_file_that_defines_the_item() {
    let tree = [
        (
            "src/lib.rs",
            "mod config;\nmod user;\npub use config::Layers;",
        ),
        (
            "src/config.rs",
            "mod layers;\npub use layers::*;\npub use self::layers::Layers as Old;",
        ),
        ("src/config/layers.rs", "pub struct Layers;"),
        (
            "src/user.rs",
            "use crate::config::Layers;\nuse crate::{Layers as L, config::Old};",
        ),
    ];
    assert_eq!(
        arrows(&tree),
        ["src/user.rs -> src/config/layers.rs: Layers"]
    );
}

#[test]
fn a_parent_that_only_shows_its_child_has_no_arrow_to_it_and_one_that_uses_it_has() {
    let child = ("src/child.rs", "pub struct Child; pub fn child() {}");
    for (parent, names) in [
        ("mod child; pub use child::Child;", None),
        (
            "mod child; pub use child::Child; struct A(Child);",
            Some("Child"),
        ),
        (
            "mod child; pub use child::*; fn a(_: &[Child]) {}",
            Some("Child"),
        ),
        ("mod child; use child::Child;", Some("Child")),
        ("mod child; fn a() { child::child() }", Some("child")),
        (
            "mod child; fn a() { print!(\"{}\", child::child()) }",
            Some("child"),
        ),
        (
            "mod child; pub use child::child; fn a(child: u8) { child; }",
            None,
        ),
    ] {
        let expected: Vec<_> = names
            .map(|names| format!("src/lib.rs -> src/child.rs: {names}"))
            .into_iter()
            .collect();
        assert_eq!(
            arrows(&[("src/lib.rs", parent), child]),
            expected,
            "{parent}"
        );
    }
}

#[test]
fn a_module_that_is_imported_is_an_arrow_to_what_is_used_of_it() {
    let tree = [
        ("src/lib.rs", "mod a;\nmod b;"),
        ("src/a.rs", "mod inner;\npub use inner::f;\npub fn g() {}"),
        ("src/a/inner.rs", "pub fn f() {}"),
        ("src/b.rs", "use crate::a::{self};\nfn b() { a::f(); }"),
    ];
    assert_eq!(arrows(&tree), ["src/b.rs -> src/a/inner.rs: f"]);
}

#[test]
fn a_child_that_uses_its_parent_points_up_whatever_stands_between() {
    let tree = [
        ("src/lib.rs", "mod a;"),
        (
            "src/a.rs",
            "mod child;\npub enum Kind { One }\nuse Kind::One;",
        ),
        (
            "src/a/child.rs",
            "use super::*;\nmod inside { fn f() -> super::super::Kind { super::One } }",
        ),
    ];
    assert_eq!(arrows(&tree), ["src/a/child.rs -> src/a.rs: Kind"]);
}

#[test]
fn what_only_tests_compile_is_ignored() {
    let tree = [
        (
            "src/lib.rs",
            "mod a;\n#[cfg(test)]\nmod missing;\n#[cfg(test)]\nuse a::A;\n\
             #[cfg(all(test, unix))]\nmod tests { use super::a::A; }\n\
             #[test]\nfn t() { a::a() }\n\
             struct S; impl S { #[cfg(test)] fn t() { a::a() } }\n\
             #[cfg(any(test, feature = \"x\"))]\nfn f() { a::b() }",
        ),
        ("src/a.rs", "pub struct A; pub fn a() {} pub fn b() {}"),
    ];
    assert_eq!(arrows(&tree), ["src/lib.rs -> src/a.rs: b"]);
}

#[test]
fn modules_are_found_where_they_are_told_to_be() {
    let tree = [
        (
            "src/main.rs",
            "#[path = \"../other/b.rs\"]\nmod a;\n#[cfg(feature = \"x\")]\nmod gated;\n\
             mod inline { mod deep; }",
        ),
        ("other/b.rs", "mod c; pub struct B;"),
        ("other/c.rs", "use super::B;"),
        ("src/gated.rs", "use crate::a::B;"),
        ("src/inline/deep.rs", "use super::super::a::B;"),
    ];
    let expected = [
        "other/c.rs -> other/b.rs: B",
        "src/gated.rs -> other/b.rs: B",
        "src/inline/deep.rs -> other/b.rs: B",
    ];
    assert_eq!(arrows(&tree), expected);
}

#[test]
fn macros_and_texts_in_attributes_are_looked_into() {
    let tree = [
        (
            "src/lib.rs",
            "macro_rules! m { () => { $crate::a::made() } }\nmod a;\nmod b;",
        ),
        (
            "src/a.rs",
            "pub fn made() {} pub struct Thing; pub mod with {pub fn serialize() {}}",
        ),
        (
            "src/b.rs",
            "use crate::a;\nthread_local! { static T: a::Thing = m!(); }\n\
             #[derive(Serialize)] struct S { #[serde(with = \"crate::a::with::serialize\")] s: u8 }",
        ),
    ];
    let expected = [
        "src/b.rs -> src/a.rs: Thing serialize",
        "src/b.rs -> src/lib.rs: m",
        "src/lib.rs -> src/a.rs: made",
    ];
    assert_eq!(arrows(&tree), expected);
}

#[test]
fn other_crates_are_no_arrows_though_their_names_may_be_ours() {
    let tree = [
        ("src/lib.rs", "mod bytes;\nmod b;"),
        ("src/bytes.rs", "pub struct Bytes;"),
        (
            "src/b.rs",
            "use bytes::Bytes;\nfn f() -> ::bytes::Bytes { std::loop_() }",
        ),
    ];
    assert!(arrows(&tree).is_empty());
}

#[test]
fn imports_that_lead_back_to_themselves_end() {
    let tree = [
        ("src/lib.rs", "mod a;\nmod b;\npub use a::*;\npub use b::*;"),
        (
            "src/a.rs",
            "pub use crate::*;\npub use crate::b::x as y;\npub mod f { pub fn f() {} }\npub use f::f;",
        ),
        (
            "src/b.rs",
            "pub use crate::a::y as x;\nuse crate::f;\nfn g() { x(); f(); }",
        ),
    ];
    assert_eq!(arrows(&tree), ["src/b.rs -> src/a.rs: f"]);
}

#[test]
fn an_exception_lets_an_arrow_be_and_must_be_needed() {
    let files = read(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod c;"),
        ("src/a.rs", "use crate::b::B;\npub struct A;"),
        (
            "src/b.rs",
            "use crate::a::A;\nuse crate::c::C;\npub struct B;",
        ),
        ("src/c.rs", "pub struct C;"),
    ]);
    let exception = |from, to| Exception {
        package: "x",
        from,
        to,
        reason: "it is so",
    };
    let findings = |exceptions: &[Exception]| {
        let mut report = Report::default();
        report.add("x", &files, exceptions);
        report.findings
    };
    let needed = || exception("src/b.rs", "src/a.rs");
    assert!(findings(&[needed()]).is_empty());
    assert_eq!(
        findings(&[needed(), exception("src/b.rs", "src/c.rs")]),
        ["x: the exception src/b.rs -> src/c.rs is needless"]
    );
    assert_eq!(
        findings(&[needed(), exception("src/c.rs", "src/gone.rs")]),
        ["x: the exception src/c.rs -> src/gone.rs is of no arrow"]
    );
}
