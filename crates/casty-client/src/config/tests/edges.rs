//! The edges of what settings may be.

use super::*;

#[test]
fn sizes_and_times_are_taken_up_to_their_bounds_and_not_beyond() {
    for (setting, accepted) in [
        ("quic.window = '16KiB'", true),
        ("quic.window = '15KiB'", false),
        ("quic.window = '1GiB'", true),
        ("quic.window = '1025MiB'", false),
        ("tcp.keep_alive = '1s'", true),
        ("tcp.user_timeout = '9h'", true),
        ("tcp.user_timeout = '32401s'", false),
    ] {
        let file = if setting.starts_with("quic") {
            format!("{setting}\ntransport = 'quic'\ntls = {{ca = 'a', cert = 'b'}}")
        } else {
            setting.to_owned()
        };
        assert_eq!(toml(&file).is_ok(), accepted, "{setting}");
    }
}

#[test]
fn what_was_set_is_shown() {
    let file = "
        codec = 'msgpack'
        transport = 'quic'
        tls = {ca = 'a', cert = 'b'}
        quic.window = '1MiB'
        tcp.keep_alive = '7s'
    ";
    let config = toml(file).unwrap();
    assert_eq!(config.codec_name(), Some("msgpack"));
    assert_eq!(toml("").unwrap().codec_name(), None);
    assert_eq!(config.quic().window, 1 << 20);
    assert_eq!(config.tcp().keep_alive, Duration::from_secs(7));
}

#[test]
fn a_level_is_idle_under_a_layer_that_turns_compression_off_and_nowhere_else() {
    let level = "compression_level = 3";
    let off = [("CASTY_COMPRESSION", "none")];
    assert!(layered(level, &off).is_ok());
    for config in [
        toml(level),
        toml("compression = 'none'\ncompression_level = 3"),
        layered("compression = 'none'", &[("CASTY_COMPRESSION_LEVEL", "3")]),
    ] {
        let text = outcome_text(config);
        assert!(
            text.ends_with("makes no sense without compression"),
            "{text}"
        );
    }
}

#[test]
fn a_word_that_is_none_of_those_is_told_with_them() {
    for (setting, words) in [
        ("compression = 'zip'", "none, zlib, gzip, bz2, lzma or lz4"),
        ("transport = 'udp'", "tcp, tls or quic"),
        ("shard_counts = 'loose'", "lenient or strict"),
    ] {
        let text = outcome_text(toml(setting));
        assert!(text.contains(&format!("must be {words}, not")), "{text}");
    }
}

#[test]
fn a_file_of_a_mebibyte_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    std::fs::write(&path, "#".repeat(1024 * 1024)).unwrap();
    assert!(ClientConfig::from_file(&path).is_ok());
}

#[test]
fn layers_that_are_named_are_read_with_the_last_above_all() {
    let config = ClientConfig::from_toml_str("mailbox = 7").unwrap();
    assert_eq!(config.builder().limits.mailbox, 7);
    let wrong = outcome_text(ClientConfig::from_toml_str("mailbox = 'many'"));
    assert!(wrong.contains("mailbox must be"), "{wrong}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn the_file_of_authorities_is_blamed_by_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(path("node.pem"), both).unwrap();
    std::fs::write(path("empty.pem"), "").unwrap();
    for (ca, words) in [
        (path("none.pem"), "cannot read"),
        (path("empty.pem"), "contains no certificate"),
    ] {
        let cert = path("node.pem");
        let file = format!("transport = 'tls'\ntls = {{ca = '{ca}', cert = '{cert}'}}");
        let builder = toml(&file).unwrap().builder();
        let text = builder.checked_transport().await.unwrap_err().to_string();
        assert!(text.starts_with("casty.toml: tls.ca: "), "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[cfg(feature = "quic")]
#[tokio::test]
async fn the_transport_is_quic_if_the_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.pem").display().to_string();
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&path, both).unwrap();
    let file = format!("transport = 'quic'\ntls = {{ca = '{path}', cert = '{path}'}}");
    let transport = toml(&file).unwrap().builder().checked_transport().await;
    let shown = format!("{:?}", transport.unwrap());
    assert!(shown.to_lowercase().contains("quic"), "{shown}");
}

#[cfg(all(feature = "tls", feature = "quic"))]
#[tokio::test]
async fn the_name_of_all_servers_comes_from_the_file_or_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.pem").display().to_string();
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&path, both).unwrap();
    for transport in ["tls", "quic"] {
        let file = format!("transport = '{transport}'\n[tls]\nca = '{path}'\ncert = '{path}'\n");
        let named = format!("{file}server_name = 'casty.internal'");
        let variable = [("CASTY_TLS__SERVER_NAME", "other.internal")];
        for (config, name) in [
            (toml(&file), None),
            (toml(&named), Some("casty.internal")),
            (layered(&named, &variable), Some("other.internal")),
        ] {
            let transport = config.unwrap().builder().checked_transport().await;
            let shown = format!("{:?}", transport.unwrap());
            let none = shown.contains("server_name: None");
            assert_eq!(none, name.is_none(), "{shown}");
            assert!(name.is_none_or(|name| shown.contains(name)), "{shown}");
        }
    }
}

#[test]
fn the_environment_of_the_process_is_read_and_stands_above_a_file() {
    if std::env::var_os("CASTY_MAILBOX").is_none() {
        // In a process of its own: others read the environment meanwhile.
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let test = "the_environment_of_the_process_is_read_and_stands_above_a_file";
        again.args(["--exact", &format!("config::tests::edges::{test}")]);
        let output = again.env("CASTY_MAILBOX", "7").output().unwrap();
        let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
        assert!(output.status.success() && ran, "{output:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    std::fs::write(&path, "mailbox = 5\nmailbox_bytes = 5000").unwrap();
    let default = ClientLimits::default().mailbox_bytes;
    for (config, bytes) in [
        (ClientConfig::from_env(), default),
        (ClientConfig::layered(None), default),
        (ClientConfig::layered(Some(&path)), 5000),
    ] {
        let limits = config.unwrap().builder().limits;
        assert_eq!((limits.mailbox, limits.mailbox_bytes), (7, bytes));
    }
}
