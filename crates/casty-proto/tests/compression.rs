//! Compressed messages: those of nodes, those that are written and read again, and those of a broken or
//! hostile peer.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(
    feature = "json",
    any(
        feature = "zlib",
        feature = "gzip",
        feature = "bz2",
        feature = "lzma",
        feature = "lz4"
    )
))]

use std::path::Path;

use casty_proto::header::Header;
use casty_proto::message::{ShardEnvelope, ShardLocation, TopologySnapshot};
use casty_proto::{Codec, Compression, DecodeError, Limits, Value};
use casty_proto::{CompressionLevelError, UnknownCompression};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn json(compression: Compression) -> Codec {
    Codec::json().compressed(compression)
}

fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Vec<u8> {
    let codec = codec.allowing(["*"]).unwrap();
    let mut out = Vec::new();
    codec.encode(value, &mut out).unwrap();
    out
}

fn decode<T: DeserializeOwned>(codec: Codec, input: &[u8]) -> Result<T, DecodeError> {
    codec.decode(input, &Limits::default())
}

fn file(path: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::read(folder.join(path)).unwrap()
}

/// The message in a captured frame, and its class.
fn message(path: &str) -> (Vec<u8>, String) {
    let frame = file(path);
    let (head, message) = Header::split(&frame[5..]).unwrap();
    (message.to_vec(), head.type_hint.to_string())
}

/// Reads frames of a cluster with this codec, and what it writes itself of them.
fn reads_frames(codec: Codec, folder: &str) {
    fn read<T: DeserializeOwned + Serialize>(codec: Codec, path: &str) -> T {
        let (message, class) = message(path);
        let value: T = decode(codec, &message).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut out = Vec::new();
        let any = codec.allowing(["*"]).unwrap();
        assert_eq!(any.encode(&value, &mut out).unwrap(), class);
        decode::<Value>(codec, &out).unwrap();
        value
    }
    let view: TopologySnapshot = read(
        codec,
        &format!("{folder}/03-s2c-TopologySnapshot-initial.bin"),
    );
    assert!(!view.members.is_empty());
    let location: ShardLocation = read(codec, &format!("{folder}/05-s2c-ShardLocation.bin"));
    assert_eq!(location.node.host(), "127.0.0.1");
    let path = format!("{folder}/06-c2s-ShardEnvelope-Increment.bin");
    let _: ShardEnvelope<Value> = read(codec, &path);
    let count: i64 = read(codec, &format!("{folder}/08-s2c-reply-int.bin"));
    assert_eq!(count, 5);
}

#[cfg(feature = "gzip")]
#[test]
fn frames_of_a_gzip_cluster_are_read() {
    reads_frames(Codec::json().compressed(Compression::Gzip), "json-gzip");
}

#[cfg(all(feature = "pickle", feature = "zlib"))]
#[test]
fn frames_of_a_zlib_cluster_are_read() {
    reads_frames(Codec::pickle().compressed(Compression::Zlib), "pickle-zlib");
}

#[cfg(all(feature = "pickle", feature = "bz2"))]
#[test]
fn frames_of_a_bz2_cluster_are_read() {
    reads_frames(Codec::pickle().compressed(Compression::Bz2), "pickle-bz2");
}

#[cfg(all(feature = "pickle", feature = "lzma"))]
#[test]
fn frames_of_an_lzma_cluster_are_read() {
    reads_frames(Codec::pickle().compressed(Compression::Lzma), "pickle-lzma");
}

#[cfg(all(feature = "pickle", feature = "msgpack", feature = "lz4"))]
#[test]
fn frames_of_lz4_clusters_are_read() {
    reads_frames(Codec::pickle().compressed(Compression::Lz4), "pickle-lz4");
    reads_frames(Codec::msgpack().compressed(Compression::Lz4), "msgpack-lz4");
}

/// The extensions of files that Python's libraries wrote at other settings than a node's.
fn long_files(compression: Compression) -> &'static [&'static str] {
    match compression.name() {
        "zlib" => &["-level9.zlib"],
        "gzip" => &["-level1.gz"],
        "bz2" => &["-level9.bz2"],
        "lzma" => &["-preset9.xz", ".lzma"],
        "lz4" => &["-linked.lz4", "-checked.lz4"],
        other => panic!("no files for {other}"),
    }
}

#[test]
fn long_messages_at_other_levels_and_in_other_variants_are_read() {
    for &compression in Compression::ALL {
        for name in long_files(compression) {
            let input = file(&format!("compressed/long{name}"));
            let list: Vec<Value> = decode(json(compression), &input).unwrap();
            assert_eq!(list.len(), 60_001, "{name}");
            assert_eq!(list[59_999], Value::from(999), "{name}");
            assert_eq!(list[60_000], Value::from("end"), "{name}");
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Note")]
struct Note {
    text: String,
}

#[test]
fn every_algorithm_is_read_back_at_the_bounds_of_its_levels_from_empty_to_long() {
    let texts = [0, 1, 100, 70_000, 300_000];
    for &compression in Compression::ALL {
        for level in [
            *compression.levels().start(),
            6,
            *compression.levels().end(),
        ] {
            let codec = Codec::json().compressed_at(compression, level).unwrap();
            for len in texts {
                let note = Note {
                    text: "abcdefg ".chars().cycle().take(len).collect(),
                };
                let mut out = b"before".to_vec();
                let class = codec.encode(&note, &mut out).unwrap();
                assert_eq!(class, "app.Note");
                let written = out.strip_prefix(b"before").unwrap();
                // The others' lowest level is to store what they are given.
                assert!(level == 0 || len < 1000 || written.len() < len / 10);
                assert_eq!(decode::<Note>(json(compression), written), Ok(note));
            }
        }
    }
}

#[test]
fn a_message_is_edited_beneath_its_compression() {
    let plain = std::iter::once(Codec::json());
    for codec in plain.chain(Compression::ALL.iter().map(|algorithm| json(*algorithm))) {
        let message = encode(codec, &["left", "here"]);
        let edited = codec.edit(&message, &Limits::default(), |text| {
            let at = text.windows(4).position(|at| at == b"here").unwrap();
            text[at..at + 4].copy_from_slice(b"gone");
        });
        let read: [String; 2] = decode(codec, &edited.unwrap()).unwrap();
        assert_eq!(read, ["left", "gone"]);
    }
    for codec in Compression::ALL.iter().map(|algorithm| json(*algorithm)) {
        let unread = codec.edit(b"not compressed", &Limits::default(), |_| unreachable!());
        assert!(unread.is_err(), "{codec:?}");
    }
}

#[test]
fn the_level_is_what_nodes_have_unless_another_is_asked_for() {
    for &compression in Compression::ALL {
        assert_eq!(
            Codec::json().compressed_at(compression, 6),
            Ok(json(compression))
        );
        assert_ne!(json(compression), Codec::json());
        for level in [compression.levels().end() + 1, u8::MAX] {
            let refused = Codec::json().compressed_at(compression, level);
            assert!(
                matches!(&refused, Err(CompressionLevelError { level: asked, .. }) if *asked == level),
                "{refused:?}"
            );
        }
    }
    #[cfg(feature = "bz2")]
    assert_eq!(
        Codec::json()
            .compressed_at(Compression::Bz2, 0)
            .unwrap_err()
            .to_string(),
        "bz2 has no level 0, but 1 to 9"
    );
}

#[test]
fn algorithms_go_by_their_names() {
    for &compression in Compression::ALL {
        assert_eq!(compression.to_string().parse(), Ok(compression));
    }
    let unknown: Result<Compression, UnknownCompression> = "none".parse();
    assert_eq!(&*unknown.unwrap_err().name, "none");
}

#[test]
fn a_value_that_cannot_be_carried_leaves_the_output_as_it_was() {
    for &compression in Compression::ALL {
        let mut out = b"before".to_vec();
        let value = Value::bytes(*b"json has none");
        json(compression).encode(&value, &mut out).unwrap_err();
        assert_eq!(out, b"before");
    }
}

#[test]
fn what_fits_the_limit_exactly_is_read_and_one_byte_less_is_not() {
    for &compression in Compression::ALL {
        let text = "0".repeat(20_000);
        let input = encode(json(compression), &text);
        let read = |bytes| {
            let limits = Limits::new().with_bytes(bytes);
            json(compression).decode::<String>(&input, &limits)
        };
        assert_eq!(read(20_002), Ok(text));
        assert!(
            matches!(read(20_001), Err(DecodeError::Limit { max: 20_001, .. })),
            "{compression}"
        );
    }
}

#[test]
fn a_message_that_grew_by_its_compression_counts_as_it_came() {
    for &compression in Compression::ALL {
        let written = encode(json(compression), "x");
        assert!(written.len() > 3, "{compression}");
        let read = |bytes| {
            let limits = Limits::new().with_bytes(bytes);
            json(compression).decode::<String>(&written, &limits)
        };
        assert_eq!(read(written.len()).as_deref(), Ok("x"), "{compression}");
        assert!(read(written.len() - 1).is_err(), "{compression}");
    }
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    let value: Vec<_> = (0..400).map(|n| format!("{n} sheep")).collect();
    for &compression in Compression::ALL {
        let input = encode(json(compression), &value);
        for len in 0..input.len() {
            assert_eq!(
                decode::<Value>(json(compression), &input[..len]),
                Err(DecodeError::Truncated { at: len }),
                "{compression}, of {}",
                input.len()
            );
        }
    }
}

#[test]
fn a_damaged_message_is_damaged_somewhere_within_it() {
    for &compression in Compression::ALL {
        let input = encode(json(compression), "a message that is not too short");
        for at in 0..input.len() {
            let mut damaged = input.clone();
            damaged[at] ^= 0xff;
            match decode::<String>(json(compression), &damaged) {
                Err(DecodeError::Malformed { at, .. } | DecodeError::Truncated { at }) => {
                    assert!(at <= input.len(), "{compression}: {at} of {}", input.len());
                }
                Err(DecodeError::Trailing { extra }) => assert!(extra < input.len()),
                Err(DecodeError::Limit { .. }) | Ok(_) => {}
                Err(other) => panic!("{compression}: {other}"),
            }
        }
    }
}

#[cfg(feature = "bz2")]
#[test]
fn a_block_of_bz2_is_no_larger_than_its_message_can_fill() {
    // The fourth byte tells readers to allocate so many times 100,000 bytes.
    for (len, blocks) in [
        (0, b'1'),
        (79_990, b'1'),
        (80_000, b'2'),
        (159_990, b'2'),
        (400_000, b'6'),
        (1_000_000, b'9'),
    ] {
        let codec = Codec::json().compressed_at(Compression::Bz2, 9).unwrap();
        let written = encode(codec, &"x".repeat(len));
        assert_eq!(written[3], blocks, "{len}");
    }
}

#[test]
fn what_follows_a_message_is_refused() {
    for &compression in Compression::ALL {
        let one = encode(json(compression), "one");
        for more in [&b"\0"[..], b"garbage", &one] {
            let input = [&one, more].concat();
            assert_eq!(
                decode::<Value>(json(compression), &input),
                Err(DecodeError::Trailing { extra: more.len() }),
                "{compression}"
            );
        }
    }
}

#[test]
fn messages_of_another_algorithm_or_of_none_are_refused() {
    let written = |codec| encode(codec, "a message");
    for &compression in Compression::ALL {
        let others = Compression::ALL
            .iter()
            .filter(|other| **other != compression)
            .map(|other| json(*other));
        for other in others.chain([Codec::json()]) {
            let outcome = decode::<Value>(json(compression), &written(other));
            assert!(
                matches!(outcome, Err(DecodeError::Malformed { .. })),
                "{compression} of {other:?}: {outcome:?}"
            );
        }
        let plain = decode::<Value>(Codec::json(), &written(json(compression)));
        assert!(plain.is_err(), "{compression}");
    }
}

#[cfg(feature = "lzma")]
#[test]
fn a_dictionary_larger_than_any_level_has_is_refused() {
    // .lzma: properties, dictionary of 1 GiB, unknown length.
    let mut input = vec![0x5d, 0, 0, 0, 0x40];
    input.extend([0xff; 8]);
    input.extend([0; 100]);
    assert!(matches!(
        decode::<Value>(json(Compression::Lzma), &input),
        Err(DecodeError::Malformed { .. })
    ));
}

#[test]
fn a_value_that_encodes_within_its_own_encoding_is_whole() {
    struct Nested(Codec);
    impl Serialize for Nested {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let inner = encode(self.0, "inner");
            let inner: String = decode(self.0, &inner).unwrap();
            serializer.collect_seq(["outer", &inner, "outer"])
        }
    }
    for &compression in Compression::ALL {
        let input = encode(json(compression), &Nested(json(compression)));
        let read: Vec<String> = decode(json(compression), &input).unwrap();
        assert_eq!(read, ["outer", "inner", "outer"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_is_read_back_at_any_level(text in ".{0,2000}", level in 1..=9u8) {
        for &compression in Compression::ALL {
            let codec = Codec::json().compressed_at(compression, level).unwrap();
            prop_assert_eq!(&decode::<String>(codec, &encode(codec, &text)).unwrap(), &text);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(input in prop::collection::vec(any::<u8>(), 0..300)) {
        for &compression in Compression::ALL {
            prop_assert!(decode::<Value>(json(compression), &input).is_err());
        }
    }

    /// lz4 frames carry no checksum of their content, here and at nodes.
    #[test]
    fn a_damaged_message_is_refused_or_another_message(
        at in any::<prop::sample::Index>(),
        damage in 1..=255u8,
    ) {
        let text = "a message that is long enough to be compressed, to be compressed";
        for &compression in Compression::ALL {
            let mut input = encode(json(compression), text);
            let at = at.index(input.len());
            input[at] ^= damage;
            let read: Result<String, _> = decode(json(compression), &input);
            if compression.name() != "lz4" {
                prop_assert!(read.is_err() || read.as_deref() == Ok(text), "{} at {}", compression, at);
            }
        }
    }
}
