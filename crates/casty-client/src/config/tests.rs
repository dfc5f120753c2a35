#![allow(
    clippy::expect_used,
    clippy::too_many_lines,
    reason = "a table of cases, each of which may fail"
)]
use std::time::Duration;

use casty_transport::MemoryNetwork;

use super::key::KEYS;
use super::*;
use crate::NodeAddress;

mod classes;
mod documented;
mod edges;

const EXAMPLE: &str = include_str!("../../casty.example.toml");

fn toml(text: &str) -> Result<ClientConfig, ConfigError> {
    ClientConfig::layers().toml(text, "casty.toml")?.load()
}

/// Loads a file and variables above it.
fn layered(text: &str, variables: &[(&str, &str)]) -> Result<ClientConfig, ConfigError> {
    ClientConfig::layers()
        .toml(text, "casty.toml")?
        .variables(variables.iter().copied())?
        .load()
}

fn outcome_text(outcome: Result<ClientConfig, ConfigError>) -> String {
    outcome.map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

#[test]
fn what_gives_way_in_a_full_pending_buffer_is_one_of_two_words() {
    let config = toml("buffer_overflow = \"drop_oldest\"").unwrap();
    assert_eq!(
        config.builder().limits.buffer_overflow,
        Overflow::DropOldest
    );
    assert_eq!(
        outcome_text(toml("buffer_overflow = \"newest\"")),
        "casty.toml: buffer_overflow must be refuse or drop_oldest, not \"newest\""
    );
}

#[test]
fn environment_overrides_file_and_builder_overrides_both() {
    let file = "
        system_name = 'of-file'
        contact_points = ['file:1', 'file:2']
        ask_timeout = '1s'
        buffer_timeout = '1s'
        max_frame = '1MiB'
        [address_map]
        'a:1' = 'file:1'
        'b:1' = 'file:2'
    ";
    let environment = [
        ("CASTY_SYSTEM", "of-environment"),
        ("CASTY_CONTACT_POINTS", "env:1, env:2"),
        ("CASTY_ASK_TIMEOUT", "2s"),
        ("CASTY_ADDRESS_MAP", "a:1=env:1"),
        ("CASTY_CODEC", "json"),
        ("PATH", "ignored"),
    ];
    let config = layered(file, &environment).unwrap();
    let builder = ClientBuilder::from_config(&config);
    assert_eq!(builder.system, "of-environment");
    let contacts = ["env:1", "env:2"].map(|text| text.parse().unwrap());
    assert_eq!(builder.checked_contacts().unwrap(), contacts);
    assert_eq!(builder.limits.ask_timeout, Duration::from_secs(2));
    assert_eq!(builder.limits.buffer_timeout, Duration::from_secs(1));
    assert_eq!(builder.limits.max_frame, 1 << 20);
    assert_eq!(builder.limits.mailbox, ClientLimits::default().mailbox);
    assert_eq!(builder.checked_codec(), Ok(Codec::json()));
    let physical = |node| builder.address_map.physical(&NodeAddress::new(node, 1));
    assert_eq!(physical("a"), NodeAddress::new("env", 1));
    assert_eq!(physical("b"), NodeAddress::new("b", 1), "the map is one");

    let builder = config
        .builder()
        .system_name("of-builder")
        .contact_point("builder:1")
        .codec(Codec::msgpack())
        .ask_timeout(Duration::from_secs(3));
    assert_eq!(builder.system, "of-builder");
    let contacts = [NodeAddress::new("builder", 1)];
    assert_eq!(builder.checked_contacts().unwrap(), contacts);
    assert_eq!(builder.checked_codec(), Ok(Codec::msgpack()));
    assert_eq!(builder.limits.ask_timeout, Duration::from_secs(3));
}

#[test]
fn every_serializer_is_chosen_by_its_name() {
    for (name, codec) in [
        ("pickle", Codec::pickle()),
        ("cloudpickle", Codec::pickle()),
        ("pickle_positional", Codec::pickle_positional()),
        ("json", Codec::json()),
        ("msgpack", Codec::msgpack()),
        #[cfg(feature = "protobuf")]
        ("protobuf", Codec::protobuf()),
    ] {
        let config = toml(&format!("codec = '{name}'")).unwrap();
        assert_eq!(config.builder().checked_codec(), Ok(codec), "{name}");
    }
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for key in KEYS {
        let value = match key.path {
            "contact_points" => "a:1",
            "address_map" => "a:1=b:1",
            "codec" => "json",
            "allowed_classes" => "bank.*",
            "transport" => "tcp",
            "compression" => "zlib",
            time if time.ends_with("_timeout") || time.ends_with("keep_alive") => "7s",
            "quic.window" => "77777",
            "ask_attempts" | "retry_percent" | "limits.depth" => "77",
            "buffer_overflow" => "drop_oldest",
            "regions" => "a=7",
            "shard_counts" => "strict",
            "trace_context" => "true",
            "socks5.proxy" => "proxy:7",
            "tls.server_name" => "casty.internal",
            _ => "7777",
        };
        let rest = match key.path {
            // Shown to nobody.
            "socks5.password" => continue,
            path if path.starts_with("socks5.") => {
                "transport = 'tls'\nsocks5 = {proxy = 'a:1', user = 'u', password = 'p'}"
            }
            _ => "transport = 'quic'",
        };
        let below = format!("{rest}\ntls = {{ca = 'a', cert = 'b'}}\ncompression = 'lz4'");
        let layers = ClientConfig::layers().toml(&below, "f").unwrap();
        let value = if key.path == "compression_level" {
            "7"
        } else {
            value
        };
        let config = layers.variables([(key.variable, value)]).unwrap().load();
        let shown = format!("{:?}", config.unwrap());
        assert!(
            shown.contains(value)
                || ["a:1=b:1", "7s", "drop_oldest", "a=7", "strict"].contains(&value),
            "{key:?}: {shown}"
        );
    }
}

/// Configurations that are refused, each with the beginning of its error.
const NONSENSE: [(&str, &str); 44] = [
    (
        "allowed_classes = ['plain']",
        "casty.toml: allowed_classes must be a list of classes",
    ),
    (
        "contact_point = ['a:1']",
        "casty.toml: there is no key \"contact_point\"; is contact_points meant?",
    ),
    (
        "[tls]\nciphers = 'x'",
        "casty.toml: there is no key \"tls.ciphers\"",
    ),
    ("tls = true", "casty.toml: tls must be a table"),
    ("[serializer]", "casty.toml: there is no key \"serializer\""),
    (
        "ask_timeout = 5",
        "casty.toml: ask_timeout must be a time such as \"5s\"",
    ),
    (
        "ask_timeout = '0s'",
        "casty.toml: ask_timeout must be 1ms or more, not \"0s\"",
    ),
    (
        "max_frame = '2GiB'",
        "casty.toml: max_frame must be from 4096 to",
    ),
    (
        "max_inbound_frame = '4GiB'",
        "casty.toml: max_inbound_frame must be from 4096 to 4294967295, not \"4GiB\"",
    ),
    (
        "inbound_bytes = 4095",
        "casty.toml: inbound_bytes must be 4096 or more, not 4095",
    ),
    (
        "[limits]\nitems = 1000",
        "casty.toml: limits.items must be 1024 or more, not 1000",
    ),
    (
        "[limits]\ndepth = 257",
        "casty.toml: limits.depth must be from 16 to 256, not 257",
    ),
    (
        "[limits]\nbyte = 1",
        "casty.toml: there is no key \"limits.byte\"; is limits.bytes meant?",
    ),
    ("limits = 1", "casty.toml: limits must be a table"),
    (
        "outbox_bytes = -1",
        "casty.toml: outbox_bytes must be a number of bytes",
    ),
    (
        "buffer_messages = 0",
        "casty.toml: buffer_messages must be 1 or more, not 0",
    ),
    (
        "ask_attempts = 0",
        "casty.toml: ask_attempts must be from 1 to 100, not 0",
    ),
    (
        "retry_percent = 101",
        "casty.toml: retry_percent must be from 0 to 100, not 101",
    ),
    (
        "ask_bytes = 4095",
        "casty.toml: ask_bytes must be 4096 or more",
    ),
    (
        "client_port = 65536",
        "casty.toml: client_port must be a port",
    ),
    (
        "client_host = 'a/b'",
        "casty.toml: client_host must be a host",
    ),
    (
        "system_name = 'a@b'",
        "casty.toml: system_name must be a name without",
    ),
    (
        "contact_points = []",
        "casty.toml: contact_points must be a list of one or more",
    ),
    (
        "contact_points = ['a']",
        "casty.toml: contact_points must be a list of one or more",
    ),
    ("codec = 'xml'", "casty.toml: codec must be pickle, "),
    (
        "[address_map]\n'a' = 'b:1'",
        "casty.toml: address_map must be a table of addresses",
    ),
    (
        "[regions]\naccount = 0",
        "casty.toml: regions must be region names without line breaks",
    ),
    (
        "shard_counts = 'exact'",
        "casty.toml: shard_counts must be lenient or strict",
    ),
    (
        "compression_level = 3",
        "casty.toml: compression_level makes no sense without",
    ),
    (
        "compression = 'bz2'\ncompression_level = 0",
        "casty.toml: compression_level must be",
    ),
    (
        "[tls]\nca = 'x'",
        "casty.toml: tls.ca makes no sense with transport = \"tcp\" by default",
    ),
    (
        "[tls]\nserver_name = 'a'",
        "casty.toml: tls.server_name makes no sense with transport = \"tcp\" by default",
    ),
    (
        "transport = 'tls'\ntls = {ca = 'x', cert = 'y', server_name = 'a:1'}",
        "casty.toml: tls.server_name must be a DNS name or an IP address, not \"a:1\"",
    ),
    (
        "transport = 'quic'",
        "casty.toml: transport = \"quic\" needs tls.ca",
    ),
    (
        "transport = 'tls'\ntls.ca = 'x'",
        "casty.toml: transport = \"tls\" needs tls.cert",
    ),
    (
        "[quic]\nwindow = '1MiB'",
        "casty.toml: quic.window makes no sense with transport = \"tcp\" by default",
    ),
    (
        "transport = 'tls'\ntls = {ca = 'x', cert = 'y'}\nquic.keep_alive = '1s'",
        "casty.toml: quic.keep_alive makes no sense with transport = \"tls\" in casty.toml",
    ),
    (
        "[quic]\nkeep_alive = '3s'\nidle_timeout = '3s'",
        "casty.toml: quic.keep_alive = 3s must be less than quic.idle_timeout = 3s",
    ),
    (
        "[quic]\nkeep_alive = '1m'",
        "casty.toml: quic.keep_alive = 60s must be less than quic.idle_timeout = 30s",
    ),
    (
        "[quic]\nidle_timeout = '4s'",
        "casty.toml: quic.idle_timeout = 4s must be more than quic.keep_alive = 5s",
    ),
    (
        "[quic]\nidle_timeout = '50d'",
        "casty.toml: quic.idle_timeout must be a time from \"1ms\" to \"49d\", not \"50d\"",
    ),
    (
        "[quic]\nwindow = '1KiB'",
        "casty.toml: quic.window must be a size from",
    ),
    ("a = ", "casty.toml is not valid TOML: "),
    ("a = 1\na = 2", "casty.toml is not valid TOML: "),
];

#[test]
fn what_makes_no_sense_is_refused_by_key_and_place() {
    for (text, expected) in NONSENSE {
        let found = outcome_text(toml(text));
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

#[test]
fn variables_are_named_where_they_are_wrong() {
    let of = |variables: &[(&str, &str)]| outcome_text(layered("ask_timeout = '1s'", variables));
    assert_eq!(
        of(&[("CASTY_ASK_TIMEOUT", "5")]),
        "CASTY_ASK_TIMEOUT: ask_timeout must be a time such as \"5s\" or \"250ms\", not \"5\""
    );
    assert_eq!(
        of(&[("CASTY_CODECS", "json")]),
        "the environment: there is no key \"CASTY_CODECS\"; is CASTY_CODEC meant?"
    );
    assert!(of(&[("CASTY_TLS__CA", "x")]).starts_with("CASTY_TLS__CA: tls.ca makes no sense"));
}

#[test]
fn variables_of_kubernetes_services_are_none_of_ours() {
    let variables = [
        ("CASTY_SERVICE_HOST", "10.0.0.1"),
        ("CASTY_SERVICE_PORT_GOSSIP", "25520"),
        ("CASTY_PORT", "tcp://10.0.0.1:25520"),
        ("CASTY_PORT_25520_TCP_ADDR", "10.0.0.1"),
        ("CASTY_CLIENT_PORT", "7"),
    ];
    let config = layered("", &variables).unwrap();
    let announced = config.builder().checked_identity().unwrap();
    assert_eq!(announced, Some(NodeAddress::new("127.0.0.1", 7)));
}

#[test]
fn variables_of_the_projects_other_libraries_are_no_settings() {
    for variable in [("CASTY_PYTHON", "python3.13"), ("CASTY_SIM_SEED", "17")] {
        assert!(layered("", &[variable]).is_ok());
    }
}

#[tokio::test]
async fn a_layer_that_asks_for_tcp_leaves_the_certificates_below_it_idle() {
    let file = "transport = 'tls'\ntls.ca = 'ca.pem'\ntls.cert = 'c.pem'";
    assert_eq!(toml(file).unwrap().transport_name(), Some("tls"));
    let config = layered(file, &[("CASTY_TRANSPORT", "tcp")]).unwrap();
    assert!(config.builder().checked_transport().await.is_ok());
    let both = [("CASTY_TRANSPORT", "tcp"), ("CASTY_TLS__CA", "other.pem")];
    assert!(outcome_text(layered(file, &both)).starts_with("CASTY_TLS__CA: tls.ca"));
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_file_of_certificates_that_cannot_be_used_is_blamed_where_it_is_named_and_with_the_reason()
 {
    async fn blamed(config: Result<ClientConfig, ConfigError>) -> String {
        let builder = config.unwrap().builder();
        builder.checked_transport().await.unwrap_err().to_string()
    }
    let file = "transport = 'tls'\ntls.ca = 'no-ca'\ntls.cert = 'no-cert'";
    let text = blamed(toml(file)).await;
    assert!(
        text.starts_with("casty.toml: tls.cert: cannot read no-cert: No such file"),
        "{text}"
    );
    let text = blamed(layered(file, &[("CASTY_TLS__CERT", "other")])).await;
    assert!(
        text.starts_with("CASTY_TLS__CERT: tls.cert: cannot read other: "),
        "{text}"
    );
    // The manifest is a file, and none of certificates.
    let file = "transport = 'tls'\ntls = {ca = 'Cargo.toml', cert = 'Cargo.toml'}";
    let text = blamed(toml(file)).await;
    assert_eq!(
        text,
        "casty.toml: tls.cert: Cargo.toml contains no certificate"
    );
}

#[tokio::test]
async fn what_is_not_compiled_in_is_refused_unless_the_builder_chooses_otherwise() {
    let file = "system_name = 's'\ncontact_points = ['a:1']\n";
    let cases: [(&str, &str); _] = [
        #[cfg(not(feature = "quic"))]
        ("transport = 'quic'\ntls = {ca = 'a', cert = 'b'}", "quic"),
        #[cfg(not(feature = "protobuf"))]
        ("codec = 'protobuf'", "protobuf"),
        #[cfg(not(feature = "lz4"))]
        ("codec = 'json'\ncompression = 'lz4'", "lz4"),
    ];
    for (text, needed) in cases {
        let builder = toml(&format!("{file}{text}")).unwrap().builder();
        let error = builder.clone().connect().await.unwrap_err();
        let ConfigError::Setting(SettingError::NotBuiltIn {
            origin, feature, ..
        }) = &error
        else {
            panic!("{error}");
        };
        assert_eq!((&**origin, *feature), ("casty.toml", needed));
        let network = MemoryNetwork::new();
        let chosen = builder
            .codec(Codec::json())
            .transport(TransportConfig::memory(network));
        assert!(chosen.connect().await.is_ok(), "{text}");
    }
}

#[test]
fn files_are_read_and_named_in_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    let missing = ClientConfig::from_file(&path).unwrap_err();
    let ConfigError::Setting(SettingError::Unreadable {
        path: named, kind, ..
    }) = missing
    else {
        panic!("{missing}");
    };
    assert_eq!((named, kind), (path.clone(), std::io::ErrorKind::NotFound));
    std::fs::write(&path, "codec = 'xml'").unwrap();
    let wrong = outcome_text(ClientConfig::from_file(&path));
    assert!(
        wrong.starts_with(&format!("{}: codec must", path.display())),
        "{wrong}"
    );
    std::fs::write(&path, EXAMPLE).unwrap();
    let config = ClientConfig::from_file(&path).unwrap();
    assert_eq!(config.system_name(), Some("my-cluster"));
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    let long = outcome_text(ClientConfig::from_file(&path));
    assert!(long.ends_with("it is longer than 1 MiB"), "{long}");
}

#[test]
fn flags_are_layers_too() {
    let flag = |key, value| ClientConfig::layers().set(key, value, "--flag");
    let config = flag("address_map", "a:1=b:1").unwrap().load().unwrap();
    let node = NodeAddress::new("a", 1);
    assert_eq!(
        config.builder().address_map.physical(&node),
        NodeAddress::new("b", 1)
    );
    let wrong = outcome_text(flag("mailbox", "many").unwrap().load());
    assert!(wrong.starts_with("--flag: mailbox must be"), "{wrong}");
    assert!(flag("nothing", "").is_err());
}
