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
            "fields": [{"name": "next", "type": of, "default": null, "init": true, "doc": null}]}],
    }))
    .unwrap();
    let error = Generated::of(description, Types::PROTO, &[]).unwrap_err();
    assert!(
        matches!(error, TypesError::Unrepresentable { .. }),
        "{error:?}"
    );
}

#[test]
fn no_modules_are_no_request() {
    let error = Types::of(Vec::<String>::new()).generate().unwrap_err();
    assert!(matches!(error, TypesError::NoModules), "{error:?}");
}
