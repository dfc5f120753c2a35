//! Descriptions that no script prints.

use crate::error::TypesError;
use crate::model::Description;
use crate::types::{Generated, Types};

#[test]
fn a_type_that_nothing_describes_is_a_fault_of_the_description() {
    let description: Description = serde_json::from_value(serde_json::json!({
        "modules": ["app"], "notes": [], "files": [],
        "types": [{"kind": "alias", "module": "app", "name": "A", "params": [],
            "type": {"kind": "named", "module": "app", "name": "B", "args": []}}],
    }))
    .unwrap();
    let error = Generated::of(description, Types::PROTO, &[]).unwrap_err();
    assert!(matches!(error, TypesError::Description { .. }), "{error:?}");
}

#[test]
fn a_class_that_holds_itself_with_ever_longer_arguments_is_refused() {
    let of = serde_json::json!({"kind": "optional", "of": {
        "kind": "named", "module": "app", "name": "Grows",
        "args": [{"kind": "list", "of": {"kind": "param", "name": "T"}}],
    }});
    let description: Description = serde_json::from_value(serde_json::json!({
        "modules": ["app"], "notes": [], "files": [],
        "types": [{"kind": "dataclass", "module": "app", "name": "Grows", "params": ["T"], "notes": [],
            "fields": [
                {"name": "value", "type": {"kind": "param", "name": "T"}, "default": null, "init": true, "doc": null},
                {"name": "next", "type": of, "default": null, "init": true, "doc": null},
            ]}],
    }))
    .unwrap();
    let error = Generated::of(description, Types::PROTO, &[]).unwrap_err();
    assert!(
        matches!(error, TypesError::Unrepresentable { .. }),
        "{error:?}"
    );
}

#[test]
fn a_union_of_anything_but_classes_or_of_one_twice_is_a_fault_of_the_description() {
    let class = |name: &str| serde_json::json!({"kind": "named", "module": "app", "name": name, "args": []});
    let unknown = || serde_json::json!({"kind": "unknown", "why": "it is opaque"});
    for (one, other) in [
        (unknown(), class("A")),
        (class("A"), class("N")),
        (class("A"), class("A")),
    ] {
        let members = [one, other];
        for of_union in [
            serde_json::json!({"kind": "union", "module": "app", "name": "U", "members": members}),
            serde_json::json!({"kind": "alias", "module": "app", "name": "U", "params": [],
                "type": {"kind": "list", "of": {"kind": "union", "members": members}}}),
        ] {
            let description: Description = serde_json::from_value(serde_json::json!({
                "modules": ["app"], "notes": [], "files": [],
                "types": [
                    {"kind": "dataclass", "module": "app", "name": "A", "fields": [], "notes": []},
                    {"kind": "newtype", "module": "app", "name": "N", "type": {"kind": "int"}},
                    of_union,
                ],
            }))
            .unwrap();
            let error = Generated::of(description, Types::PROTO, &[]).unwrap_err();
            assert!(matches!(error, TypesError::Description { .. }), "{error:?}");
        }
    }
}

#[test]
fn no_modules_are_no_request() {
    let error = Types::of(Vec::<String>::new()).generate().unwrap_err();
    assert!(matches!(error, TypesError::NoModules), "{error:?}");
}
