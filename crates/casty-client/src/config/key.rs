//! The keys of a configuration, in one table.

/// A key, and the environment variable that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The key as a file has it, with a dot after the name of its table.
    pub(super) path: &'static str,
    /// The environment variable.
    pub(super) variable: &'static str,
}

/// The prefix of every variable.
pub(super) const PREFIX: &str = "CASTY_";

const fn key(path: &'static str, variable: &'static str) -> Key {
    Key { path, variable }
}

/// All keys.
pub(super) const KEYS: [Key; 48] = [
    key("system_name", "CASTY_SYSTEM"),
    key("contact_points", "CASTY_CONTACT_POINTS"),
    key("client_host", "CASTY_CLIENT_HOST"),
    key("client_port", "CASTY_CLIENT_PORT"),
    key("advertised_host", "CASTY_ADVERTISED_HOST"),
    key("advertised_port", "CASTY_ADVERTISED_PORT"),
    key("address_map", "CASTY_ADDRESS_MAP"),
    key("codec", "CASTY_CODEC"),
    key("allowed_classes", "CASTY_ALLOWED_CLASSES"),
    key("compression", "CASTY_COMPRESSION"),
    key("compression_level", "CASTY_COMPRESSION_LEVEL"),
    key("transport", "CASTY_TRANSPORT"),
    key("tls.ca", "CASTY_TLS__CA"),
    key("tls.cert", "CASTY_TLS__CERT"),
    key("tls.key", "CASTY_TLS__KEY"),
    key("tls.server_name", "CASTY_TLS__SERVER_NAME"),
    key("tcp.keep_alive", "CASTY_TCP__KEEP_ALIVE"),
    key("tcp.user_timeout", "CASTY_TCP__USER_TIMEOUT"),
    key("socks5.proxy", "CASTY_SOCKS5__PROXY"),
    key("socks5.user", "CASTY_SOCKS5__USER"),
    key("socks5.password", "CASTY_SOCKS5__PASSWORD"),
    key("quic.keep_alive", "CASTY_QUIC__KEEP_ALIVE"),
    key("quic.idle_timeout", "CASTY_QUIC__IDLE_TIMEOUT"),
    key("quic.window", "CASTY_QUIC__WINDOW"),
    key("ask_timeout", "CASTY_ASK_TIMEOUT"),
    key("buffer_timeout", "CASTY_BUFFER_TIMEOUT"),
    key("connect_timeout", "CASTY_CONNECT_TIMEOUT"),
    key("outbox_bytes", "CASTY_OUTBOX_BYTES"),
    key("outbox_messages", "CASTY_OUTBOX_MESSAGES"),
    key("buffer_messages", "CASTY_BUFFER_MESSAGES"),
    key("buffer_bytes", "CASTY_BUFFER_BYTES"),
    key("buffer_overflow", "CASTY_BUFFER_OVERFLOW"),
    key("regions", "CASTY_REGIONS"),
    key("shard_counts", "CASTY_SHARD_COUNTS"),
    key("pending_asks", "CASTY_PENDING_ASKS"),
    key("ask_bytes", "CASTY_ASK_BYTES"),
    key("ask_attempts", "CASTY_ASK_ATTEMPTS"),
    key("retry_percent", "CASTY_RETRY_PERCENT"),
    key("retry_per_second", "CASTY_RETRY_PER_SECOND"),
    key("retry_burst", "CASTY_RETRY_BURST"),
    key("max_frame", "CASTY_MAX_FRAME"),
    key("max_inbound_frame", "CASTY_MAX_INBOUND_FRAME"),
    key("inbound_bytes", "CASTY_INBOUND_BYTES"),
    key("limits.bytes", "CASTY_LIMITS__BYTES"),
    key("limits.items", "CASTY_LIMITS__ITEMS"),
    key("limits.depth", "CASTY_LIMITS__DEPTH"),
    key("mailbox", "CASTY_MAILBOX"),
    key("mailbox_bytes", "CASTY_MAILBOX_BYTES"),
];

/// Returns the key of this path.
pub(super) fn of_path(path: &str) -> Option<Key> {
    KEYS.into_iter().find(|key| key.path == path)
}

/// Returns the key for which this variable stands.
pub(super) fn of_variable(name: &str) -> Option<Key> {
    KEYS.into_iter().find(|key| key.variable == name)
}

/// Returns the table of this name, if there is one with keys of its own.
pub(super) fn table(name: &str) -> Option<&'static str> {
    let mut tables = KEYS
        .iter()
        .filter_map(|key| Some(key.path.split_once('.')?.0));
    tables.find(|table| *table == name)
}

/// Returns the one of `names` that was probably meant, which differs in at most two letters.
pub(super) fn nearest(
    name: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    // A name that differs more in length need not be compared, however long it is.
    let names = names.filter(|known| known.len().abs_diff(name.len()) <= 2);
    let nearest = names.min_by_key(|known| distance(name, known))?;
    (distance(name, nearest) <= 2).then_some(nearest)
}

/// Returns the number of letters to add, leave out or exchange to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in (1..).zip(a.bytes()) {
        let mut diagonal = std::mem::replace(&mut row[0], i);
        for (j, to) in (1..).zip(b.bytes()) {
            let exchanged = diagonal + usize::from(from != to);
            diagonal = row[j];
            row[j] = exchanged.min(diagonal + 1).min(row[j - 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_one_variable_that_can_be_told_from_all_others() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(key.variable.starts_with(PREFIX), "{key:?}");
            let expected = key.path.to_uppercase().replace('.', "__");
            let spelt = key.variable.trim_start_matches(PREFIX);
            assert!(spelt == expected || key.path == "system_name", "{key:?}");
            assert_eq!(of_path(key.path), Some(*key));
            assert_eq!(of_variable(key.variable), Some(KEYS[at]));
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let paths = || KEYS.iter().map(|key| key.path);
        assert_eq!(nearest("contact_point", paths()), Some("contact_points"));
        assert_eq!(nearest("ask_timout", paths()), Some("ask_timeout"));
        assert_eq!(nearest("codecs", paths()), Some("codec"));
        assert_eq!(nearest("serializer", paths()), None);
    }

    #[test]
    fn each_letter_that_is_added_left_out_or_exchanged_counts() {
        for (a, b, letters) in [
            ("", "ab", 2),
            ("ab", "", 2),
            ("abc", "axbyc", 2),
            ("axbyc", "abc", 2),
            ("abc", "axc", 1),
            ("abcd", "bcde", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), letters, "{a} {b}");
        }
    }
}
