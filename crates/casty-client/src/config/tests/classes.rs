//! The classes that dynamic values may name in pickles, and what may stand before a file.

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

#[test]
fn a_byte_order_mark_before_a_file_is_passed_over() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("casty.toml");
    std::fs::write(&path, "\u{feff}system_name = 'marked'\n").unwrap();
    let config = ClientConfig::from_file(&path).unwrap();
    assert_eq!(config.system_name(), Some("marked"));
}
