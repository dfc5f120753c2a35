//! The seeds that fuzzing starts from: the golden vectors of casty-proto, and valid settings.

use std::path::Path;
use std::{fs, io};

use casty_proto::header::{self, Header};
use casty_proto::{Codec, Limits, Value};

use crate::streams;

/// The folders of vectors, and the targets that read their messages.
const FOLDERS: [(&str, &[&str]); 9] = [
    (
        "json",
        &["frame", "header", "json", "address", "protobuf", "streams"],
    ),
    ("msgpack", &["msgpack", "streams"]),
    ("pickle", &["pickle", "header", "streams"]),
    ("cloudpickle", &["pickle"]),
    ("json-gzip", &["gzip"]),
    ("msgpack-lz4", &["lz4"]),
    ("pickle-bz2", &["bz2"]),
    ("pickle-lzma", &["lzma"]),
    ("pickle-zlib", &["zlib"]),
];

const EXAMPLE: &str = include_str!("../../crates/casty-client/casty.example.toml");

/// Returns the seeds of one target.
///
/// # Errors
/// The vectors cannot be read.
pub fn of(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = match target {
        "config" => configs(),
        // Enough bytes for some steps of the model, or of an engine.
        "router" | "membership" => (0..16u8)
            .map(|byte| {
                (0..200)
                    .map(|at| byte.wrapping_mul(31).wrapping_add(at))
                    .collect()
            })
            .collect(),
        _ => Vec::new(),
    };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/casty-proto/tests/vectors");
    for (folder, targets) in FOLDERS {
        if targets.contains(&target) || target == "handshake" {
            for file in fs::read_dir(vectors.join(folder))? {
                let path = file?.path();
                if path.extension().is_some_and(|extension| extension == "bin") {
                    seeds.extend(seed(target, folder, &fs::read(path)?));
                }
            }
        }
    }
    Ok(seeds)
}

/// Returns the part of a frame of some folder that a target reads; `None` if it reads none.
fn seed(target: &str, folder: &str, frame: &[u8]) -> Option<Vec<u8>> {
    let (kind, payload) = frame.get(4..)?.split_first()?;
    match (target, *kind) {
        ("frame", _) => Some([&[7], frame].concat()),
        ("handshake", 0) => Some(payload.to_vec()),
        ("handshake", _) | (_, 0) => None,
        ("header", _) => Some(payload.to_vec()),
        ("address", _) => {
            let (header, _) = Header::split(payload).ok()?;
            Some(header.target.as_bytes().to_vec())
        }
        ("streams", _) => {
            let (header, message) = Header::split(payload).ok()?;
            let is_stream = header.type_hint.starts_with("casty.core.streams.");
            is_stream.then(|| streams::seed(folder, message)).flatten()
        }
        ("protobuf", _) => {
            let (_, message) = header::split_payload(payload).ok()?;
            let value = Codec::json().decode::<Value>(message, &Limits::default());
            let mut out = Vec::new();
            Codec::protobuf().encode(&value.ok()?, &mut out).ok()?;
            Some(out)
        }
        _ => Some(header::split_payload(payload).ok()?.1.to_vec()),
    }
}

/// Returns the example as it is, the same with every setting turned on, and each of its paragraphs.
fn configs() -> Vec<Vec<u8>> {
    let on = |line: &str| match line.strip_prefix("# ") {
        Some(setting) if setting.contains(" = ") => setting.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<_> = EXAMPLE.lines().map(on).collect();
    let all = all.join("\n");
    let parts = all.split("\n\n").map(str::to_owned);
    let parts: Vec<_> = parts.chain([EXAMPLE.to_owned(), all.clone()]).collect();
    parts.into_iter().map(String::into_bytes).collect()
}
