//! The keys of a configuration, in one table.

/// A key, and the environment variable that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The key as a file has it, with a dot after the name of its table.
    pub(super) path: &'static str,
    /// The environment variable.
    pub(super) variable: &'static str,
    /// The value where none is set, as a variable would have it; empty where there is none.
    pub(super) default: &'static str,
}

/// The prefix of every variable.
pub(super) const PREFIX: &str = "CASTY_";

impl Key {
    /// Returns the name of the variable without its prefix.
    pub(super) fn bare_variable(&self) -> &'static str {
        let bare = self.variable.strip_prefix(PREFIX);
        bare.unwrap_or(self.variable)
    }
}

const fn key(path: &'static str, variable: &'static str, default: &'static str) -> Key {
    Key {
        path,
        variable,
        default,
    }
}

/// All keys.
pub(super) const KEYS: [Key; 49] = [
    key("system_name", "CASTY_SYSTEM", ""),
    key("contact_points", "CASTY_CONTACT_POINTS", ""),
    key("client_host", "CASTY_CLIENT_HOST", ""),
    key("client_port", "CASTY_CLIENT_PORT", ""),
    key("advertised_host", "CASTY_ADVERTISED_HOST", ""),
    key("advertised_port", "CASTY_ADVERTISED_PORT", ""),
    key("address_map", "CASTY_ADDRESS_MAP", ""),
    key("codec", "CASTY_CODEC", "pickle"),
    key("allowed_classes", "CASTY_ALLOWED_CLASSES", ""),
    key("compression", "CASTY_COMPRESSION", "none"),
    key("compression_level", "CASTY_COMPRESSION_LEVEL", ""),
    key("transport", "CASTY_TRANSPORT", "tcp"),
    key("tls.ca", "CASTY_TLS__CA", ""),
    key("tls.cert", "CASTY_TLS__CERT", ""),
    key("tls.key", "CASTY_TLS__KEY", ""),
    key("tls.server_name", "CASTY_TLS__SERVER_NAME", ""),
    key("tcp.keep_alive", "CASTY_TCP__KEEP_ALIVE", "5s"),
    key("tcp.user_timeout", "CASTY_TCP__USER_TIMEOUT", "15s"),
    key("socks5.proxy", "CASTY_SOCKS5__PROXY", ""),
    key("socks5.user", "CASTY_SOCKS5__USER", ""),
    key("socks5.password", "CASTY_SOCKS5__PASSWORD", ""),
    key("quic.keep_alive", "CASTY_QUIC__KEEP_ALIVE", "5s"),
    key("quic.idle_timeout", "CASTY_QUIC__IDLE_TIMEOUT", "30s"),
    key("quic.window", "CASTY_QUIC__WINDOW", "4MiB"),
    key("ask_timeout", "CASTY_ASK_TIMEOUT", "5s"),
    key("buffer_timeout", "CASTY_BUFFER_TIMEOUT", "5s"),
    key("connect_timeout", "CASTY_CONNECT_TIMEOUT", "2s"),
    key("outbox_bytes", "CASTY_OUTBOX_BYTES", "1MiB"),
    key("outbox_messages", "CASTY_OUTBOX_MESSAGES", "65536"),
    key("buffer_messages", "CASTY_BUFFER_MESSAGES", "65536"),
    key("buffer_bytes", "CASTY_BUFFER_BYTES", "64MiB"),
    key("buffer_overflow", "CASTY_BUFFER_OVERFLOW", "refuse"),
    key("regions", "CASTY_REGIONS", ""),
    key("shard_counts", "CASTY_SHARD_COUNTS", "lenient"),
    key("pending_asks", "CASTY_PENDING_ASKS", "65536"),
    key("ask_bytes", "CASTY_ASK_BYTES", "16MiB"),
    key("ask_attempts", "CASTY_ASK_ATTEMPTS", "3"),
    key("retry_percent", "CASTY_RETRY_PERCENT", "10"),
    key("retry_per_second", "CASTY_RETRY_PER_SECOND", "10"),
    key("retry_burst", "CASTY_RETRY_BURST", "100"),
    key("max_frame", "CASTY_MAX_FRAME", "16MiB"),
    key("max_inbound_frame", "CASTY_MAX_INBOUND_FRAME", "512MiB"),
    key("inbound_bytes", "CASTY_INBOUND_BYTES", "1GiB"),
    key("limits.bytes", "CASTY_LIMITS__BYTES", "512MiB"),
    key("limits.items", "CASTY_LIMITS__ITEMS", "33554432"),
    key("limits.depth", "CASTY_LIMITS__DEPTH", "128"),
    key("mailbox", "CASTY_MAILBOX", "16384"),
    key("mailbox_bytes", "CASTY_MAILBOX_BYTES", "16MiB"),
    key("trace_context", "CASTY_TRACE_CONTEXT", "false"),
];

/// Returns the key of this path.
pub(super) fn of_path(path: &str) -> Option<Key> {
    KEYS.into_iter().find(|key| key.path == path)
}

/// Returns the key for which a variable stands, of which this is the name without its prefix.
pub(super) fn of_variable(bare: &str) -> Option<Key> {
    KEYS.into_iter().find(|key| key.bare_variable() == bare)
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
            assert_eq!(of_variable(spelt), Some(KEYS[at]));
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
