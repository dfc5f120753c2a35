//! Hostile frames, handshakes, headers and addresses.

use std::time::Duration;

use bytes::BytesMut;
use casty_proto::frame::{DEFAULT_MAX_FRAME, FrameDecoder, FrameError};
use casty_proto::handshake::{Handshake, HandshakeError, MAX_HANDSHAKE};
use casty_proto::header::{Header, HeaderError};
use casty_proto::{ActorUri, AddressError, NodeAddress};
use casty_transport::{ByteStream, ConnectError, ConnectOptions, NotCasty, accept};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval};

use super::{Bomb, Layer, MIB};

pub(super) fn bombs() -> Vec<Bomb> {
    [frames(), handshakes(), lorises(), headers(), addresses()]
        .into_iter()
        .flatten()
        .collect()
}

fn frame(input: &[u8]) -> &'static str {
    let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
    let mut buffer = BytesMut::from(input);
    loop {
        match decoder.next(&mut buffer) {
            Ok(Some(_)) => {}
            Ok(None) if buffer.is_empty() => return "fine",
            Ok(None) => return "more is needed",
            Err(FrameError::Empty) => return "Empty",
            Err(FrameError::TooLong { .. }) => return "TooLong",
            Err(_) => return "another error",
        }
    }
}

fn frames() -> Vec<Bomb> {
    let bomb =
        |name, input: &[u8], expected| Bomb::new(Layer::new("frame", frame), name, input, expected);
    vec![
        bomb("a frame of 4 GiB", b"\xff\xff\xff\xff\x01", "TooLong"),
        bomb(
            "a frame of a byte more than may be",
            b"\x01\x00\x00\x01\x01",
            "TooLong",
        ),
        bomb(
            "a frame of 16 MiB that does not come",
            b"\x01\x00\x00\x00\x01",
            "more is needed",
        ),
        bomb("an empty frame", b"\x00\x00\x00\x00", "Empty"),
        bomb(
            "ten thousand frames of nothing",
            &b"\x00\x00\x00\x01\x07".repeat(10_000),
            "fine",
        ),
    ]
}

fn handshake(input: &[u8]) -> &'static str {
    match Handshake::read(input) {
        Ok(_) => "fine",
        Err(HandshakeError::Malformed) => "Malformed",
        Err(HandshakeError::TooLong { .. }) => "TooLong",
        Err(_) => "another error",
    }
}

fn handshakes() -> Vec<Bomb> {
    let bomb = |name, input: &str, expected| {
        Bomb::new(Layer::new("handshake", handshake), name, input, expected)
    };
    let with = |port: &str| format!("{{\"host\": \"a\", \"port\": {port}}}");
    let half = MAX_HANDSHAKE / 2 - 20;
    vec![
        bomb(
            "lists in lists for a port",
            &with(&("[".repeat(half) + &"]".repeat(half))),
            "Malformed",
        ),
        bomb(
            "dicts in dicts for a port",
            &with(&("{\"a\":".repeat(600) + "1" + &"}".repeat(600))),
            "Malformed",
        ),
        bomb(
            "lists in lists beside the port",
            &with(&("1, \"more\": ".to_owned() + &"[".repeat(half - 10) + &"]".repeat(half - 10))),
            "fine",
        ),
        bomb("a megabyte", &with(&"1".repeat(MIB)), "TooLong"),
        bomb(
            "a port of four thousand digits",
            &with(&"1".repeat(4000)),
            "Malformed",
        ),
        bomb(
            "a port of many digits in text",
            &with(&format!("\"{}\"", "1".repeat(4000))),
            "Malformed",
        ),
        bomb("a port beyond 16 bits", &with("65536"), "Malformed"),
        bomb("a port that is no number", &with("NaN"), "Malformed"),
        bomb(
            "an exponent beyond every float",
            &with("1e999999999"),
            "Malformed",
        ),
        bomb("two hosts", &with("1, \"host\": \"b\""), "Malformed"),
        bomb(
            "a lone surrogate",
            r#"{"host": "\ud800", "port": 1}"#,
            "Malformed",
        ),
        Bomb::new(
            Layer::new("handshake", handshake),
            "text that is no UTF-8",
            *b"{\"host\": \"\xff\", \"port\": 1}",
            "Malformed",
        ),
    ]
}

/// Returns the outcome of a connection whose peer sends these bytes, one each second.
fn slowly(input: &[u8]) -> &'static str {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (near, mut far) = tokio::io::duplex(64);
        let send = async {
            let mut seconds = interval(Duration::from_secs(1));
            for byte in input {
                seconds.tick().await;
                far.write_all(&[*byte]).await.ok();
            }
            std::future::pending::<()>().await;
        };
        let options = ConnectOptions::new().handshake_timeout(Duration::from_secs(10));
        let own = NodeAddress::new("10.0.0.1", 1);
        let began = Instant::now();
        let outcome = tokio::select! {
            outcome = accept(ByteStream::new(near, "a peer"), &own, &options) => outcome,
            () = send => return "never",
        };
        assert!(began.elapsed() <= Duration::from_secs(10));
        match outcome {
            Ok(_) => "fine",
            Err(ConnectError::HandshakeTimeout { .. }) => "HandshakeTimeout",
            Err(ConnectError::NotCasty { reason, .. }) => match reason {
                NotCasty::Frame(_) => "NotCasty(Frame)",
                NotCasty::Tls => "NotCasty(Tls)",
                NotCasty::Http => "NotCasty(Http)",
                NotCasty::Kind(_) => "NotCasty(Kind)",
                NotCasty::Handshake(_) => "NotCasty(Handshake)",
                _ => "NotCasty",
            },
            Err(_) => "another error",
        }
    })
}

fn lorises() -> Vec<Bomb> {
    let bomb = |name, input: &[u8], expected| {
        Bomb::new(Layer::new("handshake", slowly), name, input, expected)
    };
    let whole = b"\x00\x00\x00\x1a\x00{\"host\": \"a\", \"port\": 1}  ";
    vec![
        bomb("a peer that sends nothing", b"", "HandshakeTimeout"),
        bomb(
            "a peer that sends a byte each second",
            whole,
            "HandshakeTimeout",
        ),
        bomb(
            "a peer that stops within the length",
            b"\x00\x00",
            "HandshakeTimeout",
        ),
        bomb(
            "a peer that slowly announces 4 GiB",
            b"\xff\xff\xff\xff",
            "NotCasty(Frame)",
        ),
        bomb(
            "a peer that speaks HTTP",
            b"GET / HTTP/1.1\r\n\r\n",
            "NotCasty(Http)",
        ),
        bomb(
            "a peer that speaks TLS",
            b"\x16\x03\x01\x02\x00",
            "NotCasty(Tls)",
        ),
        bomb(
            "a peer that begins with a message",
            b"\x00\x00\x00\x01\x01",
            "NotCasty(Kind)",
        ),
    ]
}

fn header(input: &[u8]) -> &'static str {
    match Header::split(input) {
        Ok(_) => "fine",
        Err(HeaderError::Truncated) => "Truncated",
        Err(HeaderError::Malformed) => "Malformed",
        Err(_) => "another error",
    }
}

fn headers() -> Vec<Bomb> {
    let cut = |length: u32, header: &[u8]| [&length.to_be_bytes()[..], header].concat();
    let with = |more: &[u8]| {
        let text = [
            b"{\"target\": \"a\", \"sender\": \"b\", \"type_hint\": \"c\"",
            more,
            b"}",
        ]
        .concat();
        cut(u32::try_from(text.len()).unwrap(), &text)
    };
    let bomb =
        |name, input, expected| Bomb::new(Layer::new("header", header), name, input, expected);
    let key = [b", \"", &vec![b'k'; MIB][..], b"\": 1"].concat();
    let escaped = [b", \"", &b"\\u0041".repeat(MIB / 6)[..], b"\": 1"].concat();
    let nested = [b", \"a\": ", &b"[".repeat(50_000)[..], &b"]".repeat(50_000)].concat();
    vec![
        bomb("a header of 4 GiB", cut(u32::MAX, b"{}"), "Truncated"),
        bomb(
            "a header that is longer than its frame",
            cut(100, b"{}"),
            "Truncated",
        ),
        bomb("half a length", b"\x00\x00".to_vec(), "Truncated"),
        bomb("a key of 1 MiB", with(&key), "fine"),
        bomb("a key of 1 MiB of escapes", with(&escaped), "fine"),
        bomb("lists in lists behind a key", with(&nested), "fine"),
        bomb("two targets", with(b", \"target\": \"b\""), "Malformed"),
        bomb("a lone surrogate", with(b", \"\\ud800\": 1"), "Malformed"),
        bomb("text that is no UTF-8", with(b", \"\xff\": 1"), "Malformed"),
        bomb(
            "an exponent beyond every float",
            with(b", \"a\": 1e999999999"),
            "fine",
        ),
    ]
}

fn uri(input: &[u8]) -> &'static str {
    match ActorUri::parse(std::str::from_utf8(input).unwrap()) {
        Ok(_) => "fine",
        Err(error) => name(error),
    }
}

fn node(input: &[u8]) -> &'static str {
    match std::str::from_utf8(input).unwrap().parse::<NodeAddress>() {
        Ok(_) => "fine",
        Err(error) => name(error),
    }
}

fn name(error: AddressError) -> &'static str {
    match error {
        AddressError::NotCasty => "NotCasty",
        AddressError::NoSystem => "NoSystem",
        AddressError::NoHost => "NoHost",
        AddressError::BadHost => "BadHost",
        AddressError::NoPort => "NoPort",
        AddressError::BadPort => "BadPort",
        AddressError::NoPath => "NoPath",
        _ => "another error",
    }
}

fn addresses() -> Vec<Bomb> {
    let long = |text: &str| text.repeat(MIB / text.len());
    let uri = |name, input: String, expected| {
        Bomb::new(Layer::new("address", uri), name, input, expected)
    };
    let node = |name, input: String, expected| {
        Bomb::new(Layer::new("address", node), name, input, expected)
    };
    vec![
        uri(
            "a URI with a path of 1 MiB",
            format!("casty://s@h:1/{}", long("a/")),
            "fine",
        ),
        uri(
            "a URI with a host of 1 MiB",
            format!("casty://s@{}:1/a", long("a.")),
            "fine",
        ),
        uri(
            "a URI with a port of 128 KiB",
            format!("casty://s@h:{}/a", "0".repeat(MIB / 8)),
            "fine",
        ),
        uri(
            "a URI with a million colons",
            format!("casty://s@h{}/a", long(":")),
            "BadPort",
        ),
        uri(
            "a URI of slashes",
            format!("casty:{}", long("/")),
            "NoSystem",
        ),
        uri(
            "a URI that breaks its line at the end",
            format!("casty://s/{}\n", long("a")),
            "NoPath",
        ),
        node("a node of a million colons", long(":"), "BadHost"),
        node("a port beyond 16 bits", "a:65536".to_owned(), "BadPort"),
    ]
}
