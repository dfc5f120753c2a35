//! The classes that dynamic values may name in pickles.

use super::*;

#[test]
fn classes_are_allowed_by_the_builder_or_else_by_the_configuration() {
    let config = layered(
        "allowed_classes = ['x.Y']",
        &[("CASTY_ALLOWED_CLASSES", "bank.*, a.B")],
    );
    let builder = config.unwrap().builder();
    let allowing = |codec: Codec, classes: &[&str]| codec.allowing(classes).unwrap();
    let listed = allowing(Codec::pickle(), &["bank.*", "a.B"]);
    assert_eq!(builder.checked_codec(), Ok(listed));
    let own = allowing(Codec::json(), &["c.D"]);
    let codec = builder.codec(own).allowed_classes(["e.F"]).checked_codec();
    assert_eq!(codec, Ok(allowing(Codec::json(), &["c.D", "e.F"])));
    let wrong = ClientBuilder::new("s".to_owned()).allowed_classes(["plain"]);
    assert!(matches!(
        wrong.checked_codec(),
        Err(ConfigError::AllowedClasses(_))
    ));
}
