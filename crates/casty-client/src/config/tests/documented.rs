//! The defaults and keys as the documentation and the example file have them.

use super::*;

/// Returns the example with every key that it comments out.
fn example_in_full() -> String {
    let is_key = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        let name = name.trim_matches('"');
        !name.is_empty() && !name.contains(' ') && line.contains(" = ")
    };
    let bare = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) => rest.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(bare).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_example_says_what_the_defaults_are() {
    let config = toml(EXAMPLE).unwrap();
    let builder = config.builder();
    assert_eq!(builder.limits, ClientLimits::default());
    assert_eq!(builder.checked_identity(), Ok(None));
    assert_eq!(builder.checked_codec().unwrap(), default_codec().unwrap());
    assert_eq!(
        format!("{:?}", builder.checked_transport().await.unwrap()),
        format!("{:?}", default_transport().unwrap())
    );
    assert_eq!(config.tls(), &TlsSettings::default());
    let defaults = ClientBuilder::new("my-cluster".to_owned());
    assert_eq!(builder.system, defaults.system);
    let node = NodeAddress::new("10.0.1.10", 25520);
    assert_eq!(builder.address_map.physical(&node), node);
}

/// Returns a number as it is written in a sentence.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let places = digits.chars().enumerate();
    let grouped = places.flat_map(|(at, digit)| {
        let comma = (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',');
        comma.into_iter().chain([digit])
    });
    grouped.collect()
}

/// Returns the doc comment of a setter as one line.
fn documentation(source: &str, setter: &str) -> String {
    let head = format!("    pub fn {setter}(");
    let lines: Vec<_> = source.lines().collect();
    let at = lines.iter().position(|line| line.starts_with(&head));
    let above = lines[..at.expect(setter)].iter().rev();
    let mut words: Vec<_> = above
        .map_while(|line| line.strip_prefix("    ///").map(str::trim_start))
        .collect();
    words.reverse();
    words.join(" ")
}

#[test]
fn the_documentation_says_what_the_defaults_are() {
    let ClientLimits {
        ask_timeout,
        buffer_timeout,
        connect_timeout,
        discovery_timeout,
        outbox_bytes,
        outbox_messages,
        buffer_overflow,
        shard_counts,
        buffer,
        pending_asks,
        ask_bytes,
        ask_attempts,
        retry_budget,
        max_frame,
        max_inbound_frame,
        inbound_bytes,
        decoding,
        mailbox,
        mailbox_bytes,
        actors: _,
    } = ClientLimits::default();
    let seconds = |time: Duration| format!("Default: {} s", time.as_secs());
    let mebibytes = |bytes: usize| format!("{} MiB", bytes >> 20);
    let size = |bytes| format!("Default: {}", mebibytes(bytes));
    let count = |items| format!("Default: {};", grouped(items));
    let buffered = format!(
        "Default: {} messages and {}.",
        grouped(buffer.messages),
        mebibytes(buffer.bytes)
    );
    let budget = format!(
        "Default: {} %, {} a second, and {};",
        retry_budget.percent, retry_budget.per_second, retry_budget.burst
    );
    let source = include_str!("../../config.rs");
    for (setter, default) in [
        ("ask_timeout", seconds(ask_timeout)),
        ("buffer_timeout", seconds(buffer_timeout)),
        ("connect_timeout", seconds(connect_timeout)),
        ("discovery_timeout", seconds(discovery_timeout)),
        ("outbox_bytes", size(outbox_bytes)),
        ("outbox_messages", count(outbox_messages)),
        (
            "buffer_overflow",
            format!("refused ([`Overflow::{buffer_overflow:?}`])"),
        ),
        (
            "shard_counts",
            format!("tell ([`ShardCounts::{shard_counts:?}`])"),
        ),
        ("buffer", buffered),
        ("pending_asks", count(pending_asks)),
        ("ask_bytes", size(ask_bytes)),
        ("ask_attempts", count(ask_attempts as usize)),
        ("retry_budget", budget),
        ("max_frame", size(max_frame)),
        ("max_inbound_frame", size(max_inbound_frame)),
        ("inbound_bytes", size(inbound_bytes)),
        ("limits", "Default: [`Limits::new`],".to_owned()),
        ("mailbox", count(mailbox)),
        ("mailbox_bytes", size(mailbox_bytes)),
    ] {
        assert_eq!(decoding, Limits::new());
        let said = documentation(source, setter);
        assert!(said.contains(&default), "{setter}: {default:?} in {said:?}");
    }
    let said = documentation(include_str!("../../ask/idempotent.rs"), "attempts");
    let clients = format!("(crate::ClientBuilder::ask_attempts), {ask_attempts}.");
    assert!(said.contains(&clients), "{said}");
    let said = documentation(include_str!("../../ask.rs"), "within");
    let clients = format!(
        "Default: the client's ask timeout, {} s.",
        ask_timeout.as_secs()
    );
    assert!(said.contains(&clients), "{said}");
}

#[test]
fn numbers_are_grouped_by_thousands() {
    let numbers = [3, 100, 1024, 65_536, 1_000_000].map(grouped);
    assert_eq!(numbers, ["3", "100", "1,024", "65,536", "1,000,000"]);
}

#[test]
#[cfg(feature = "quic")]
fn the_defaults_of_quic_are_those_of_the_transport() {
    use casty_transport::QuicConfig;
    let QuicSettings {
        keep_alive,
        idle_timeout,
        window,
    } = QuicSettings::default();
    let defaults = (
        QuicConfig::KEEP_ALIVE,
        QuicConfig::IDLE_TIMEOUT,
        QuicConfig::WINDOW,
    );
    assert_eq!((keep_alive, idle_timeout, window), defaults);
}

fn compressed(full: &str) -> String {
    full.replace("compression = \"none\"", "compression = \"zlib\"")
}

/// Returns the example as it is for QUIC, with which there is no SOCKS5 proxy.
fn over_quic(full: &str) -> String {
    let full = compressed(full).replace("transport = \"tcp\"", "transport = \"quic\"");
    let (above, table) = full.split_once("\n[socks5]").unwrap_or_default();
    let (_, quic) = table.split_once("\n[quic]").unwrap_or_default();
    format!("{above}\n[quic]{quic}")
}

#[test]
fn the_example_shows_the_defaults_of_quic() {
    let full = over_quic(&example_in_full());
    assert_eq!(*toml(&full).unwrap().quic(), QuicSettings::default());
}

#[test]
fn the_example_names_every_key_and_all_it_names_can_be_read() {
    let full = example_in_full();
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        let named = full
            .lines()
            .any(|line| line.starts_with(&format!("{name} = ")) || line == format!("[{name}]"));
        assert!(named, "{} is missing", key.path);
    }
    let tls = full.replace("transport = \"tcp\"", "transport = \"tls\"");
    let without_quic = tls.split_once("\n[quic]").unwrap().0;
    let proxy = toml(&compressed(without_quic)).unwrap().socks5().clone();
    assert!(proxy.proxy.is_some() && proxy.login.is_some());
    let config = toml(&over_quic(&full)).unwrap();
    assert_eq!(config.tls().key, Some("gateway/client.key".into()));
    assert_eq!(config.tls().server_name.as_deref(), Some("casty.internal"));
    assert_eq!(config.compression(), (Some("zlib"), Some(6)));
    let node = NodeAddress::new("10.0.1.10", 25520);
    let map = config.builder().address_map;
    assert_eq!(map.physical(&node), NodeAddress::new("localhost", 25521));
}

#[test]
fn a_setting_that_is_not_set_is_told_with_the_default_of_the_example() {
    let full = example_in_full();
    for setting in ClientConfig::layers().settings().unwrap() {
        let Some(default) = setting.value else {
            continue;
        };
        let name = setting.key.rsplit('.').next().unwrap();
        let said = [
            format!("{name} = {default}"),
            format!("{name} = \"{default}\""),
        ];
        let is_said = full.lines().any(|line| said.iter().any(|it| it == line));
        assert!(is_said, "{}: {default}", setting.key);
    }
}

#[test]
fn settings_may_be_one_table_of_a_file_beside_others() {
    let of = |table: &str, text: &str| {
        let layers = ClientConfig::layers().table(table).toml(text, "a.toml")?;
        layers.load()
    };
    let text = "[gateway]\nport = 1\n[casty]\ncodec = 'json'\n[casty.limits]\ndepth = 20\n";
    let config = of("casty", text).unwrap();
    assert_eq!(config.codec_name(), Some("json"));
    assert_eq!(config.builder().limits.decoding.depth, 20);
    let nested = "[services.casty]\ncodec = 'json'\n";
    assert_eq!(
        of("services.casty", nested).unwrap().codec_name(),
        Some("json")
    );
    for (table, text, expected) in [
        (
            "casty",
            "[gateway]\nport = 1",
            "a.toml: there is no table [casty]",
        ),
        ("casty", "casty = 1", "a.toml: there is no table [casty]"),
        ("a.b", "[a]\nc = 1", "a.toml: there is no table [a.b]"),
        (
            "casty",
            "[casty]\ncodecs = 'json'",
            "a.toml: there is no key \"codecs\"; is codec meant?",
        ),
        ("casty", "[casty]\ncodec = 'xml'", "a.toml: codec must be "),
    ] {
        let said = outcome_text(of(table, text));
        assert!(said.starts_with(expected), "{text}: {said}");
    }
}

#[test]
fn variables_may_have_a_prefix_of_the_programs_own() {
    let of = |prefix: &str, variables: &[(&str, &str)]| {
        let layers = ClientConfig::layers().environment_prefix(prefix);
        layers.variables(variables.iter().copied())?.load()
    };
    for prefix in ["GATEWAY_CASTY", "GATEWAY_CASTY_"] {
        let own = [
            ("GATEWAY_CASTY_SYSTEM", "bank"),
            ("GATEWAY_PORT", "1"),
            ("CASTY_GATEWAY_PORT", "1"),
            ("GATEWAY_CASTY_LIMITS__DEPTH", "20"),
        ];
        let config = of(prefix, &own).unwrap();
        assert_eq!(config.system_name(), Some("bank"));
        assert_eq!(config.builder().limits.decoding.depth, 20);
    }
    let said = outcome_text(of("GATEWAY_CASTY", &[("GATEWAY_CASTY_CODECS", "json")]));
    let expected =
        "the environment: there is no key \"GATEWAY_CASTY_CODECS\"; is GATEWAY_CASTY_CODEC meant?";
    assert_eq!(said, expected);
}
