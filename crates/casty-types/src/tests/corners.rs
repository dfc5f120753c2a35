//! Parts of Python that are hard to say in Rust, where a program that compiles does not show how it went:
//! `tests/corners.rs` is one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::python::{DATACLASS, error, module, types, with_python};
use crate::types::{Generated, Types};

/// Returns what comes out; `None`, and a notice, if there is no Python.
fn generated(types: &Types) -> Option<Generated> {
    Some(with_python(types.generate())?.unwrap())
}

#[test]
fn a_union_with_a_class_that_is_left_out_is_a_value() {
    let lines = [
        DATACLASS,
        "@dataclass",
        "class A: a: int",
        "@dataclass",
        "class B: b: int",
        "@dataclass",
        "class C: c: int",
        "def made():",
        "    @dataclass",
        "    class Local: pass",
        "    return Local",
        "Local = made()",
        "Assigned = A | B | C",
        "type Named = A | B | C",
        "type Nowhere = Local | B | C",
        "@dataclass",
        "class Has:",
        "    assigned: Assigned",
        "    unnamed: B | A",
        "    nowhere: list[Local | B]",
        "    maybe: A | B | None",
        "    fine: B | C",
    ];
    let folder = module(&lines);
    let Some(generated) = generated(&types(&folder).opaque("app.A")) else {
        return;
    };
    let text = generated.text();
    for line in [
        "pub type Named = Value;",
        "pub type Nowhere = Value;",
        "    pub assigned: Value,",
        "    pub unnamed: Value,",
        "    pub nowhere: Vec<Value>,",
        "    pub maybe: Option<Value>,",
        "    pub fine: BOrC,",
        "    B(B),",
        "    C(C),",
    ] {
        assert!(
            text.lines().any(|written| written == line),
            "{line}: {text}"
        );
    }
    assert_eq!(text.matches("pub enum").count(), 1, "{text}");
    let why = "/// A `Value`: a union in which `app.A` is to be opaque.";
    assert!(text.contains(why), "{text}");
    let left_out = "a `Value`: a union in which `app.A` is to be opaque";
    for place in [
        "app.Named",
        "app.Has.assigned",
        "app.Has.unnamed",
        "app.Has.maybe",
    ] {
        let line = format!("{place}: {left_out}");
        let told = generated.values().iter().filter(|told| **told == line);
        assert_eq!(told.count(), 1, "{line}: {:?}", generated.values());
    }
}

#[test]
fn an_enum_with_a_dataclass_mixed_in_is_an_enum() {
    let lines = [
        DATACLASS,
        "from enum import Enum",
        "@dataclass",
        "class Body: mass: float",
        "class Planet(Body, Enum):",
        "    EARTH = 5.97",
        "@dataclass",
        "class Has:",
        "    planet: Planet",
        "    either: Planet | Body",
    ];
    let Some(refused) = error(&lines) else { return };
    let told = refused.to_string();
    let expected = "app.Planet cannot be represented: pickle knows its member EARTH by a value";
    assert!(told.starts_with(expected), "{told}");
    let folder = module(&lines);
    let Some(generated) = generated(&types(&folder).opaque("app.Planet")) else {
        return;
    };
    let text = generated.text();
    assert!(!text.contains("struct Planet"), "{text}");
    assert!(text.contains("    pub planet: Value,\n"), "{text}");
    assert!(text.contains("    pub either: Value,\n"), "{text}");
}

#[test]
fn sources_are_all_that_importing_brings_in_from_the_same_folders() {
    let folder = module(&[
        DATACLASS,
        "import base, limits, unnamed",
        "@dataclass",
        "class Ping(base.Base):",
        "    number: int = limits.MOST",
    ]);
    let installed = folder.path().join("site-packages");
    fs::create_dir(&installed).unwrap();
    let write = |folder: &Path, name: &str, text: &str| {
        fs::write(folder.join(name), format!("{DATACLASS}{text}")).unwrap();
    };
    let base = "import lib\n@dataclass\nclass Base(lib.Root):\n    text: str\n";
    write(folder.path(), "base.py", base);
    write(folder.path(), "limits.py", "MOST = 5\n");
    write(folder.path(), "elsewhere.py", "");
    write(&installed, "lib.py", "@dataclass\nclass Root: pass\n");
    write(&installed, "unnamed.py", "");
    let Some(generated) = generated(&types(&folder).path(&installed)) else {
        return;
    };
    let files = generated
        .files()
        .iter()
        .map(|file| Path::new(file).file_name().unwrap());
    let files: Vec<_> = files.collect();
    assert_eq!(files, ["app.py", "base.py", "limits.py", "lib.py"]);
}

#[test]
fn any_time_may_be_given() {
    let folder = module(&[DATACLASS, "@dataclass", "class A: pass"]);
    let Some(generated) = generated(&types(&folder).within(Duration::MAX)) else {
        return;
    };
    assert!(generated.text().contains("pub struct A {}"));
}
