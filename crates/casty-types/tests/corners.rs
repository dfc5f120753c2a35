//! The stored code of `tests/python/corners.py`: it compiles, and its values survive.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use casty_client::casty_proto::value::BigInt;
use casty_client::{DecodeError, Value};
use every_codec::{read, survives};

use corners::{
    Blank, Chain, Child, Choices, CornersVec, End, Even, Index, Link, LinkOrEnd, Node, Odd, Page,
    Slot, Sum, Unit, Uses, VecOrSum,
};

#[allow(dead_code, unreachable_pub)]
#[path = "golden/corners.rs"]
mod corners;
#[path = "shared/every_codec.rs"]
mod every_codec;

#[test]
fn boxes_lie_inside_of_what_an_alias_stands_for() {
    let end = Node {
        value: 2,
        next: None,
    };
    survives(&Node {
        value: 1,
        next: Some(Box::new(end)),
    });
    survives(&Even { odd: None });
    let odd = || Odd {
        even: Box::new(Even { odd: None }),
        pair: (None, 1),
    };
    survives(&Even { odd: Some(odd()) });
    survives(&Odd {
        pair: (Some(Box::new(odd())), 2),
        ..odd()
    });
    let refused = read::<Node>(r#"{"_type": "corners.Node", "value": 1}"#).unwrap_err();
    assert_eq!(refused, DecodeError::MissingField { field: "next" });
}

#[test]
fn defaults_are_boxed_where_the_types_are_and_once() {
    let chain: Chain<i64> = read(r#"{"_type": "corners.Chain", "value": 1}"#).unwrap();
    assert_eq!(
        chain,
        Chain {
            value: 1,
            rest: None
        }
    );
    let link: Link = read(r#"{"_type": "corners.Link", "value": 1}"#).unwrap();
    let rest = Some(Box::new(LinkOrEnd::End(End {})));
    assert_eq!(link, Link { value: 1, rest });
    survives(&link);
}

#[test]
fn a_default_of_a_large_number_may_be_negative() {
    let sum: Sum = read(r#"{"_type": "corners.Sum", "total": []}"#).unwrap();
    assert_eq!(sum.count, BigInt((-1).into()));
}

#[test]
fn names_that_are_taken_or_none_of_rusts_are_others() {
    survives(&CornersVec { items: vec![1] });
    for unit in [Unit::M, Unit::Kg, Unit::V] {
        survives(&unit);
    }
}

#[test]
fn a_variable_that_a_class_only_hands_on_to_itself_is_none() {
    let index = Index {
        places: Value::from(1),
        next: None,
    };
    survives(&Uses { index });
}

#[test]
fn an_inherited_field_of_the_type_self_is_of_the_type_that_has_it() {
    let other = |other| Child {
        name: String::from("c"),
        other,
        age: 1,
    };
    survives(&other(Some(Box::new(other(None)))));
}

#[test]
fn none_is_a_choice_wherever_a_union_says_so() {
    let sum = || Sum {
        total: Vec::new(),
        count: BigInt(1.into()),
    };
    let vector = || CornersVec { items: vec![1] };
    survives(&Choices {
        either: None,
        here: None,
        same: None,
        noted: 1,
        noted_too: VecOrSum::Sum(sum()),
        mixed: None,
    });
    survives(&Choices {
        either: Some(VecOrSum::CornersVec(vector())),
        here: Some(VecOrSum::Sum(sum())),
        same: Some(vector()),
        noted: 1,
        noted_too: VecOrSum::CornersVec(vector()),
        mixed: Some(Value::from(1)),
    });
}

#[test]
fn a_class_of_which_every_field_has_a_default_has_one_itself() {
    // A unit has none, and neither page nor slot asks for it.
    let page: Page<Unit> = read(r#"{"_type": "corners.Page"}"#).unwrap();
    assert_eq!(page.size, 20);
    assert_eq!(Page::default(), page);
    let slot: Slot<Unit> = read(r#"{"_type": "corners.Slot"}"#).unwrap();
    assert_eq!(Slot::default(), slot);
    let blank: Blank = read(r#"{"_type": "corners.Blank"}"#).unwrap();
    assert_eq!(Blank::default(), blank);
    assert_eq!(End::default(), End {});
}

#[test]
fn a_union_is_made_from_any_of_its_classes() {
    assert_eq!(LinkOrEnd::from(End {}), LinkOrEnd::End(End {}));
    let vector = CornersVec { items: vec![1] };
    let either: VecOrSum = vector.clone().into();
    assert_eq!(either, VecOrSum::CornersVec(vector));
}
