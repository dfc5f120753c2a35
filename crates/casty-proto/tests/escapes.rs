//! Escapes against their inverse, for any text.

use casty_proto::{Escaped, NodeAddress, unescape};
use proptest::prelude::*;

/// Returns texts of characters of every kind: letters, what does not print, what parts columns, and
/// what escapes are made of.
fn texts() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        (0_u32..0x3000).prop_filter_map("no character", char::from_u32),
        prop::sample::select(vec![
            ' ', '\\', 'n', 'r', 't', 'u', '{', '}', '1', 'b', '-', '>', '\n', '\u{1b}',
            '\u{202e}', '"'
        ]),
    ];
    prop::collection::vec(character, 0..24).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn what_is_shown_exactly_is_read_back_and_is_one_column(text in texts()) {
        let shown = Escaped::whole(&text).exact().to_string();
        prop_assert_eq!(unescape(&shown), &*text, "{}", shown);
        prop_assert!(!shown.contains("  ") && shown.trim() == shown, "{}", shown);
        let printed = Escaped::whole(&shown).to_string();
        prop_assert_eq!(printed, shown, "a line that holds it changes nothing");
    }

    #[test]
    fn what_is_shown_in_a_column_is_read_back_if_it_has_no_backslash(text in texts()) {
        let text = text.replace('\\', "/");
        for shown in [Escaped::new(&text).to_string(), Escaped::new(&text).column().to_string()] {
            prop_assert_eq!(unescape(&shown), &*text, "{}", shown);
        }
    }

    #[test]
    fn addresses_that_can_be_dialled_show_as_they_are(text in texts(), port: u16) {
        let raw = format!("{text}:{port}");
        if let Ok(node) = raw.parse::<NodeAddress>() {
            prop_assert_eq!(node.to_string(), &*raw);
        }
        let node = NodeAddress::new(text, port);
        prop_assert_eq!(NodeAddress::from_shown(&node.to_string()), Ok(node));
    }
}
